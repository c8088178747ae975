//! A state directory has one owner and a folder for each service.

use super::{StateDir, StateDirError};

#[test]
fn state_dir_is_made_and_has_one_owner() {
    let dir = tempfile::tempdir().expect("tempdir");
    let path = dir.path().join("deep/state");
    let owned = StateDir::take(&path).expect("taken");
    assert!(matches!(StateDir::take(&path), Err(StateDirError::InUse(_))));
    drop(owned);
    StateDir::take(&path).expect("taken again");
}

#[test]
fn state_dir_has_a_folder_for_each_service() {
    let dir = tempfile::tempdir().expect("tempdir");
    let state = StateDir::take(dir.path()).expect("taken");
    state.of_service("core").expect("made");
    state.of_service("core").expect("found");
    assert!(dir.path().join("core").is_dir());
}

#[test]
fn state_dir_that_cannot_be_made_says_what_to_do() {
    let error = StateDir::take(std::path::Path::new("/proc/no/such")).unwrap_err().to_string();
    assert!(error.contains("/proc/no/such") && error.contains("--state-dir"), "{error}");
}
