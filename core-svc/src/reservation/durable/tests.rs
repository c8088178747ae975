//! Files: what is written comes back, the copy before counts when the last cannot be read, and nothing that is read can do harm.

use std::path::Path;

use ipc::state::StateDir;
use proptest::prelude::*;
use scsi::persistent_reservation::Type;
use scsi::transport_id::TransportId;

use super::file::{load, save};
use super::*;
use crate::reservation::state::{Held, Port, Registration};

fn state(key: u64) -> State {
    let port = Port { initiator: TransportId::Sas([1; 8]), target: 1 };
    State {
        aptpl: true,
        held: Some(Held { kind: Type::WriteExclusive, holder: Some(port.clone()) }),
        registrations: vec![Registration { port, key }],
        ..State::default()
    }
}

fn directory() -> (tempfile::TempDir, StateDir) {
    let directory = tempfile::tempdir().unwrap();
    let disk = StateDir::from_fd(std::fs::File::open(directory.path()).unwrap().into());
    (directory, disk)
}

fn slot(sequence: u64) -> Slot {
    Slot { identity: "naa.3000000000000001".into(), sequence }
}

fn found(disk: &StateDir) -> Found {
    load(disk, &slot(0).identity)
}

fn file(directory: &Path, parity: u8) -> std::path::PathBuf {
    directory.join(format!("reservations.naa%2e3000000000000001.{parity}"))
}

#[test]
fn nothing_is_nothing() {
    assert_eq!(found(&directory().1), Found::default());
}

#[test]
fn last_writing_counts() {
    let (_directory, disk) = directory();
    for sequence in 1..=5 {
        save(&disk, &slot(sequence), Some(state(sequence))).unwrap();
        let expected = Found { sequence, state: Some(state(sequence)), ..Found::default() };
        assert_eq!(found(&disk), expected);
    }
    save(&disk, &slot(6), None).unwrap();
    assert_eq!(found(&disk), Found { sequence: 6, ..Found::default() });
}

#[test]
fn what_is_void_does_not_come_back() {
    let (directory, disk) = directory();
    save(&disk, &slot(1), Some(state(1))).unwrap();
    save(&disk, &slot(2), None).unwrap();
    assert!(!file(directory.path(), 1).exists());
}

#[test]
fn copy_before_counts_when_the_last_is_damaged() {
    let (directory, disk) = directory();
    save(&disk, &slot(1), Some(state(1))).unwrap();
    save(&disk, &slot(2), Some(state(2))).unwrap();
    let path = file(directory.path(), 0);
    let whole = std::fs::read(&path).unwrap();
    for damage in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[damage] ^= 0x10;
        for bytes in [bytes, whole[..damage].to_vec()] {
            std::fs::write(&path, bytes).unwrap();
            let found = found(&disk);
            assert_eq!(
                (found.sequence, found.state, found.lost),
                (1, Some(state(1)), false),
                "byte {damage}"
            );
            assert_eq!(found.problems.len(), 2);
        }
    }
}

#[test]
fn both_damaged_is_lost() {
    let (directory, disk) = directory();
    std::fs::write(file(directory.path(), 0), b"").unwrap();
    assert!(found(&disk).lost);
    std::fs::write(file(directory.path(), 1), b"BULKHEAD").unwrap();
    let found = found(&disk);
    assert!(found.lost && found.state.is_none());
}

#[test]
fn file_of_another_unit_or_place_is_not_taken() {
    let (directory, disk) = directory();
    let other = Slot { identity: "other".into(), sequence: 1 };
    save(&disk, &other, Some(state(1))).unwrap();
    std::fs::rename(directory.path().join("reservations.other.1"), file(directory.path(), 1)).unwrap();
    assert!(found(&disk).lost);
    let (directory, disk) = self::directory();
    save(&disk, &slot(1), Some(state(1))).unwrap();
    std::fs::rename(file(directory.path(), 1), file(directory.path(), 0)).unwrap();
    assert!(found(&disk).lost);
}

#[test]
fn torn_new_file_is_not_looked_at() {
    let (directory, disk) = directory();
    save(&disk, &slot(1), Some(state(1))).unwrap();
    std::fs::write(directory.path().join("reservations.naa%2e3000000000000001.0.new"), b"BULKHEAD torn")
        .unwrap();
    assert_eq!(found(&disk), Found { sequence: 1, state: Some(state(1)), ..Found::default() });
    save(&disk, &slot(2), Some(state(2))).unwrap();
    assert_eq!(found(&disk).sequence, 2);
}

#[test]
fn failed_write_leaves_what_was() {
    let (directory, disk) = directory();
    save(&disk, &slot(1), Some(state(1))).unwrap();
    // A directory in the way of the new file: the write fails as on a disk that is full.
    std::fs::create_dir(directory.path().join("reservations.naa%2e3000000000000001.0.new")).unwrap();
    assert!(save(&disk, &slot(2), Some(state(2))).is_err());
    assert_eq!(found(&disk), Found { sequence: 1, state: Some(state(1)), ..Found::default() });
}

proptest! {
    #[test]
    fn arbitrary_contents_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..300), version: bool) {
        let (_directory, disk) = directory();
        let contents = if version { [&[1][..], &bytes].concat() } else { bytes };
        disk.save("reservations.naa%2e3000000000000001.1", 1, &contents).unwrap();
        let found = found(&disk);
        prop_assert!(found.lost || found.state.is_none_or(|state| state.is_sound()));
    }
}
