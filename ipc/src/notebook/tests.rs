//! A notebook read back after every way in which its writer can have died, and after an enemy had it.

use std::os::fd::OwnedFd;

use super::*;
use crate::shm;

fn segment() -> OwnedFd {
    shm::create("notebook", 4096).unwrap()
}

fn image(map: &Mapping) -> Vec<u64> {
    (0..map.size() / 8).map(|index| map.word(index).load(Ordering::Relaxed)).collect()
}

fn restore(map: &Mapping, image: &[u64]) {
    for (index, value) in image.iter().enumerate() {
        map.word(index).store(*value, Ordering::Relaxed);
    }
}

fn page(fd: &OwnedFd) -> Option<Vec<u8>> {
    Notebook::open(fd, 5).unwrap().1
}

#[test]
fn fresh_notebook_is_empty() {
    let fd = segment();
    let (notebook, page) = Notebook::open(&fd, 5).unwrap();
    assert_eq!(page, None);
    assert_eq!(notebook.room(), 2048 - 128);
}

#[test]
fn save_is_found_again() {
    let fd = segment();
    let (mut notebook, _) = Notebook::open(&fd, 5).unwrap();
    for length in [0, 1, 7, 8, 9, 1919, 1920, 3] {
        let text: Vec<u8> = (0..length).map(|n| n as u8 ^ length as u8).collect();
        notebook.save(&text).unwrap();
        assert_eq!(page(&fd), Some(text));
    }
}

#[test]
fn save_past_the_room_is_refused_and_keeps_the_old_page() {
    let fd = segment();
    let (mut notebook, _) = Notebook::open(&fd, 5).unwrap();
    notebook.save(b"old").unwrap();
    assert_eq!(notebook.save(&[0; 1921]), Err(TooLong { len: 1921, room: 1920 }));
    assert_eq!(page(&fd).unwrap(), b"old");
}

#[test]
fn layout_is_the_documented_one() {
    let fd = segment();
    let (mut notebook, _) = Notebook::open(&fd, 0x55).unwrap();
    notebook.save(b"123456789").unwrap();
    notebook.save(b"second").unwrap();
    let words = image(&notebook.map);
    assert_eq!(words[..3], [1, 0x55, 9], "slot 0: sequence, schema, length");
    assert_eq!(words[256..259], [2, 0x55, 6], "slot 1");
    assert_eq!(words[16].to_ne_bytes(), *b"12345678");
    assert_eq!(words[272].to_ne_bytes()[..6], *b"second");
    // CRC-32C of the page alone would be 0xE3069283; sequence and schema stand before it.
    assert!(words[3] <= u64::from(u32::MAX) && words[3] != 0xe306_9283);
}

#[test]
fn successor_goes_on_from_the_last_page() {
    let fd = segment();
    for round in 0..5u8 {
        let (mut notebook, last) = Notebook::open(&fd, 5).unwrap();
        assert_eq!(last, (round > 0).then(|| vec![round - 1]));
        notebook.save(&[round]).unwrap();
    }
}

#[test]
fn page_of_another_schema_is_not_used() {
    let fd = segment();
    Notebook::open(&fd, 4).unwrap().0.save(b"other").unwrap();
    assert_eq!(page(&fd), None);
    Notebook::open(&fd, 5).unwrap().0.save(b"ours").unwrap();
    assert_eq!(page(&fd).unwrap(), b"ours");
}

/// The stores of a save between its first (sequence 0) and its last (the new sequence) may reach memory in any order
/// and number before the writer dies: every subset of them must leave the old page.
#[test]
fn writer_dies_with_any_subset_of_its_stores_done() {
    let fd = segment();
    let (mut notebook, _) = Notebook::open(&fd, 5).unwrap();
    for text in [&b"first"[..], b"second, and longer"] {
        notebook.save(text).unwrap();
    }
    let before = image(&notebook.map);
    notebook.save(b"third: 24 bytes of text!").unwrap();
    let after = image(&notebook.map);
    let changed: Vec<usize> = (1..before.len()).filter(|index| before[*index] != after[*index]).collect();
    assert_eq!(changed, [2, 3, 16, 17, 18], "length, checksum and three words of text");
    assert_eq!((before[0], after[0]), (1, 3));
    for subset in 0..1u32 << changed.len() {
        let mut torn = before.clone();
        torn[0] = 0;
        for (bit, index) in changed.iter().enumerate() {
            if subset & 1 << bit != 0 {
                torn[*index] = after[*index];
            }
        }
        restore(&notebook.map, &torn);
        assert_eq!(page(&fd).unwrap(), b"second, and longer", "subset {subset:b}");
        // The successor's own save is whole again.
        let (mut successor, _) = Notebook::open(&fd, 5).unwrap();
        successor.save(b"after").unwrap();
        assert_eq!(page(&fd).unwrap(), b"after", "subset {subset:b}");
    }
    restore(&notebook.map, &after);
    assert_eq!(page(&fd).unwrap(), b"third: 24 bytes of text!");
}

#[test]
fn every_corrupted_bit_of_the_newest_page_falls_back_to_the_older() {
    let fd = segment();
    let (mut notebook, _) = Notebook::open(&fd, 5).unwrap();
    notebook.save(b"older").unwrap();
    notebook.save(b"newer one").unwrap();
    let whole = image(&notebook.map);
    let covered = [256, 257, 258, 259, 272];
    for (index, bit) in covered.iter().flat_map(|index| (0..64).map(move |bit| (*index, bit))) {
        let mut spoilt = whole.clone();
        spoilt[index] ^= 1 << bit;
        restore(&notebook.map, &spoilt);
        assert_eq!(page(&fd).unwrap(), b"older", "word {index} bit {bit}");
        spoilt[0] ^= 1 << bit;
        restore(&notebook.map, &spoilt);
        assert_eq!(page(&fd), None, "both slots spoilt: word {index} bit {bit}");
    }
}

#[test]
fn impossible_lengths_and_sequences_mean_empty() {
    let fd = segment();
    let map = Mapping::new(&fd).unwrap();
    for (sequence, length) in
        [(1, 1921), (1, u64::MAX), (1, 1 << 63), (2, 0), (u64::MAX, 0), (u64::MAX / 2, 0)]
    {
        map.word(0).store(sequence, Ordering::Relaxed);
        map.word(1).store(5, Ordering::Relaxed);
        map.word(2).store(length, Ordering::Relaxed);
        assert_eq!(page(&fd), None, "sequence {sequence} length {length}");
    }
}

#[test]
fn a_valid_page_in_the_wrong_slot_is_not_used() {
    let fd = segment();
    let (mut notebook, _) = Notebook::open(&fd, 5).unwrap();
    notebook.save(b"one").unwrap();
    let mut swapped = image(&notebook.map);
    swapped.rotate_left(256);
    restore(&notebook.map, &swapped);
    assert_eq!(page(&fd), None);
}
