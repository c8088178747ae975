//! Taking a run directory, and what a killed supervisor left in it.

use std::process::{Command, Stdio};

use super::{RunDir, RunDirError, start_time};

#[test]
fn run_dir_in_use_names_its_owner() {
    let dir = tempfile::tempdir().expect("tempdir");
    let _first = RunDir::take(dir.path(), std::process::id()).expect("free");
    let error = RunDir::take(dir.path(), std::process::id()).expect_err("in use");
    assert!(matches!(error, RunDirError::InUse { .. }));
    assert!(error.to_string().contains(&format!("process {};", std::process::id())), "{error}");
}

#[test]
fn run_dir_left_in_order_can_be_taken_again() {
    let dir = tempfile::tempdir().expect("tempdir");
    drop(RunDir::take(dir.path(), std::process::id()).expect("free"));
    RunDir::take(dir.path(), std::process::id()).expect("free again");
}

#[test]
fn leftover_service_is_killed_and_others_are_not() {
    let dir = tempfile::tempdir().expect("tempdir");
    let sleeper = || Command::new("sleep").arg("1000").stdin(Stdio::null()).spawn().expect("sleep");
    let (mut ours, mut other) = (sleeper(), sleeper());
    let started = start_time(ours.id()).expect("alive");
    let wrong = start_time(other.id()).expect("alive") + 1;
    std::fs::write(
        dir.path().join("processes"),
        format!("{} {started}\n{} {wrong}\nx\n", ours.id(), other.id()),
    )
    .expect("record");
    let _run_dir = RunDir::take(dir.path(), std::process::id()).expect("free");
    let status = ours.wait().expect("wait");
    assert!(!status.success());
    assert_eq!(
        other.try_wait().expect("wait"),
        None,
        "a process with another start time is not ours to kill"
    );
    other.kill().expect("kill");
    other.wait().expect("wait");
}

#[test]
fn run_dir_with_a_long_path_is_refused() {
    let dir = std::path::Path::new("/tmp").join("x".repeat(120));
    assert!(matches!(RunDir::take(&dir, std::process::id()), Err(RunDirError::TooLong(_))));
}
