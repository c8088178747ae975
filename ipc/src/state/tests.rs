//! State files: what was saved is found, and nothing else is.

use proptest::prelude::*;

use super::*;

fn directory() -> (tempfile::TempDir, StateDir) {
    let temp = tempfile::tempdir().unwrap();
    let dir = StateDir::from_fd(File::open(temp.path()).unwrap().into());
    (temp, dir)
}

#[test]
fn saved_contents_are_loaded() {
    let (temp, dir) = directory();
    assert_eq!(dir.load("mode.disk", 1).unwrap(), Loaded::Absent);
    dir.save("mode.disk", 1, b"first and longer").unwrap();
    dir.save("mode.disk", 1, b"second").unwrap();
    assert_eq!(dir.load("mode.disk", 1).unwrap(), Loaded::Contents(b"second".to_vec()));
    // "BULKHEAD", schema 1, 6 bytes, CRC-32C of 01000000 and "second", the bytes.
    let bytes = std::fs::read(temp.path().join("mode.disk")).unwrap();
    assert_eq!(bytes[..16], *b"BULKHEAD\x01\0\0\0\x06\0\0\0");
    assert_eq!((bytes.len(), &bytes[20..]), (26, &b"second"[..]));
    assert!(!temp.path().join("mode.disk.new").exists());
    dir.remove("mode.disk").unwrap();
    dir.remove("mode.disk").unwrap();
    assert_eq!(dir.load("mode.disk", 1).unwrap(), Loaded::Absent);
}

#[test]
fn torn_new_file_leaves_the_old_one() {
    let (temp, dir) = directory();
    dir.save("aptpl", 3, b"old").unwrap();
    std::fs::write(temp.path().join("aptpl.new"), b"BULKHEAD\x03\0").unwrap();
    assert_eq!(dir.load("aptpl", 3).unwrap(), Loaded::Contents(b"old".to_vec()));
    dir.save("aptpl", 3, b"new").unwrap();
    assert_eq!(dir.load("aptpl", 3).unwrap(), Loaded::Contents(b"new".to_vec()));
}

#[test]
fn file_cut_off_anywhere_is_damaged() {
    let (temp, dir) = directory();
    dir.save("aptpl", 3, b"contents").unwrap();
    let path = temp.path().join("aptpl");
    let bytes = std::fs::read(&path).unwrap();
    for len in 0..bytes.len() {
        std::fs::write(&path, &bytes[..len]).unwrap();
        assert!(matches!(dir.load("aptpl", 3).unwrap(), Loaded::Damaged(_)), "{len}");
    }
    std::fs::write(&path, [&bytes[..], &[0]].concat()).unwrap();
    assert_eq!(dir.load("aptpl", 3).unwrap(), Loaded::Damaged("it is not as long as it says"));
}

#[test]
fn what_is_no_file_of_ours_is_damaged() {
    let (temp, dir) = directory();
    dir.save("file", 1, b"contents").unwrap();
    assert_eq!(dir.load("file", 2).unwrap(), Loaded::Damaged("it is of another version"));
    std::fs::create_dir(temp.path().join("dir")).unwrap();
    assert_eq!(dir.load("dir", 1).unwrap(), Loaded::Damaged("it is no regular file"));
    std::os::unix::fs::symlink("file", temp.path().join("link")).unwrap();
    assert_eq!(dir.load("link", 1).unwrap(), Loaded::Damaged("it is a symbolic link"));
    assert_eq!(dir.save("big", 1, &vec![0; LONGEST + 1]).unwrap_err().kind(), io::ErrorKind::InvalidInput);
}

#[test]
fn every_name_is_a_file_name_of_its_own() {
    assert_eq!(file_name("mode", "disk-0_a"), "mode.disk-0_a");
    assert_eq!(file_name("mode", "../a b"), "mode.%2e%2e%2fa%20b");
    assert_eq!(file_name("mode", "%2e"), "mode.%252e");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bit_that_flips_is_noticed(contents in prop::collection::vec(any::<u8>(), 0..64), bit in 0usize..1000) {
        let (temp, dir) = directory();
        dir.save("file", 9, &contents).unwrap();
        let path = temp.path().join("file");
        let mut bytes = std::fs::read(&path).unwrap();
        let bit = bit % (bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        std::fs::write(&path, bytes).unwrap();
        prop_assert!(matches!(dir.load("file", 9).unwrap(), Loaded::Damaged(_)));
    }
}
