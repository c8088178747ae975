//! Locks and sizes of real files.

use super::*;

#[test]
fn lock_goes_with_the_open_file_description() {
    let path = tempfile::NamedTempFile::new().unwrap();
    let open = || File::options().read(true).write(true).open(path.path()).unwrap();
    let (old, new) = (open(), open());
    assert!(try_lock(&old, false).unwrap());
    assert!(!try_lock(&new, false).unwrap());
    assert!(!try_lock(&new, true).unwrap());
    let held_by_the_kernel = old.try_clone().unwrap();
    drop(old);
    assert!(!try_lock(&new, false).unwrap(), "a reference to the old description is left");
    drop(held_by_the_kernel);
    assert!(try_lock(&new, false).unwrap());
}

#[test]
fn lock_can_be_shared() {
    let path = tempfile::NamedTempFile::new().unwrap();
    let (one, two) = (File::open(path.path()).unwrap(), File::open(path.path()).unwrap());
    assert!(try_lock(&one, true).unwrap() && try_lock(&two, true).unwrap());
}

#[test]
fn size_is_that_of_the_file() {
    let file = tempfile::tempfile().unwrap();
    file.set_len(12345).unwrap();
    assert_eq!(Medium::new(file, false).unwrap().bytes(), 12345);
    assert!(Medium::new(File::open("/").unwrap(), false).is_err());
}
