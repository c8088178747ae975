//! Records read back after every way in which their writer can have died, and beside a page and other bytes.

use std::os::fd::OwnedFd;

use super::super::{Divided, Notebook};
use super::*;
use crate::shm;

const MIDDLE: usize = 4096;
const COUNT: usize = 8;

fn segment() -> OwnedFd {
    shm::create("notebook", 16384).unwrap()
}

fn open(fd: &OwnedFd) -> Divided {
    Notebook::divided(fd, 9, MIDDLE, COUNT).unwrap()
}

fn text(byte: u8) -> [u8; RECORD] {
    [byte; RECORD]
}

fn found(fd: &OwnedFd) -> Vec<(usize, u8)> {
    open(fd).found.iter().map(|record| (record.place, record.bytes[0])).collect()
}

#[test]
fn records_are_found_in_the_order_in_which_they_were_written() {
    let fd = segment();
    let mut records = open(&fd).records;
    for (place, byte) in [(3, 1), (0, 2), (7, 3), (3, 4)] {
        records.write(place, &text(byte));
    }
    assert_eq!(found(&fd), [(0, 2), (7, 3), (3, 4)]);
    records.clear(7);
    assert_eq!(found(&fd), [(0, 2), (3, 4)]);
    let mut successor = open(&fd).records;
    successor.write(1, &text(5));
    assert_eq!(found(&fd), [(0, 2), (3, 4), (1, 5)]);
}

#[test]
fn parts_do_not_overlap() {
    let fd = segment();
    let mut parts = open(&fd);
    assert_eq!(parts.middle, 8192..12288);
    let page = vec![0xAA; parts.notebook.room()];
    parts.notebook.save(&page).unwrap();
    parts.notebook.save(&page).unwrap();
    Mapping::new(&fd).unwrap().write(parts.middle.start, &[0xBB; MIDDLE]);
    (0..COUNT).for_each(|place| parts.records.write(place, &text(place as u8)));
    let again = open(&fd);
    assert_eq!(again.page, Some(page));
    assert_eq!(again.found.len(), COUNT);
    let mut middle = [0; MIDDLE];
    Mapping::new(&fd).unwrap().read(again.middle.start, &mut middle);
    assert_eq!(middle, [0xBB; MIDDLE]);
}

#[test]
fn segment_that_is_too_small_is_refused() {
    let fd = shm::create("notebook", 4096).unwrap();
    assert!(Notebook::divided(&fd, 9, 0, 1).is_err());
    assert!(Notebook::divided(&fd, 9, usize::MAX, 1).is_err());
    assert!(Notebook::divided(&fd, 9, 0, usize::MAX).is_err());
    assert!(Notebook::divided(&fd, 9, 4096, 0).is_err());
}

#[test]
fn record_of_another_schema_or_with_any_bit_changed_is_not_there() {
    let fd = segment();
    let mut records = open(&fd).records;
    records.write(2, &text(7));
    assert!(Notebook::divided(&fd, 8, MIDDLE, COUNT).unwrap().found.is_empty());
    let map = Mapping::new(&fd).unwrap();
    for index in 0..SLOT / 8 {
        for bit in 0..64 {
            let word = map.word(records.at(2) / 8 + index);
            let whole = word.load(Ordering::Relaxed);
            word.store(whole ^ 1 << bit, Ordering::Relaxed);
            assert_eq!(found(&fd), [], "word {index} bit {bit}");
            word.store(whole, Ordering::Relaxed);
        }
    }
    assert_eq!(found(&fd), [(2, 7)]);
}

/// The stores between the first (number 0) and the last (the new number) may reach memory in any order and number.
#[test]
fn writer_dies_between_its_first_and_its_last_store() {
    let fd = segment();
    let mut records = open(&fd).records;
    records.write(4, &text(1));
    let word = |index| records.word(4, index);
    let before: Vec<u64> = (0..SLOT / 8).map(|index| word(index).load(Ordering::Relaxed)).collect();
    records.write(4, &text(2));
    let word = |index| records.word(4, index);
    let after: Vec<u64> = (0..SLOT / 8).map(|index| word(index).load(Ordering::Relaxed)).collect();
    for done in 1..SLOT / 8 {
        for index in 1..SLOT / 8 {
            let value = if index < done { after[index] } else { before[index] };
            word(index).store(value, Ordering::Relaxed);
        }
        word(0).store(0, Ordering::Relaxed);
        assert_eq!(found(&fd), []);
    }
}
