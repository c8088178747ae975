//! A journal read back after every way in which its writer can have died, and after an enemy had it.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;

use proptest::prelude::*;

use super::*;
use crate::shm;

const BYTES: usize = 4096;

fn segment() -> OwnedFd {
    shm::create("journal", BYTES).unwrap()
}

fn key(part: u32, major: u64) -> Key {
    Key { part, major, minor: 7 }
}

fn image(map: &Mapping) -> Vec<u64> {
    (0..map.size() / 8).map(|index| map.word(index).load(Ordering::Relaxed)).collect()
}

fn restore(map: &Mapping, image: &[u64]) {
    for (index, value) in image.iter().enumerate() {
        map.word(index).store(*value, Ordering::Relaxed);
    }
}

fn found(fd: &OwnedFd) -> BTreeMap<Key, Vec<u8>> {
    match Journal::open(fd, 5).unwrap().1 {
        Found::Entries(entries) => entries.into_iter().collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn fresh_journal_is_empty_and_reopens_empty() {
    let fd = segment();
    assert_eq!(Journal::open(&fd, 5).unwrap().1, Found::Nothing);
    assert_eq!(Journal::open(&fd, 5).unwrap().1, Found::Entries(Vec::new()));
    // Another schema starts anew, and takes the place of the old.
    assert_eq!(Journal::open(&fd, 6).unwrap().1, Found::Nothing);
    assert_eq!(Journal::open(&fd, 6).unwrap().1, Found::Entries(Vec::new()));
}

#[test]
fn only_what_was_committed_is_found_again() {
    let fd = segment();
    let (mut journal, _) = Journal::open(&fd, 5).unwrap();
    journal.put(key(1, 1), b"one");
    journal.put(key(2, 1), b"");
    journal.commit().unwrap();
    journal.put(key(1, 1), b"changed");
    journal.remove(key(2, 1));
    assert_eq!(found(&fd), BTreeMap::from([(key(1, 1), b"one".to_vec()), (key(2, 1), Vec::new())]));
    let (mut journal, _) = Journal::open(&fd, 5).unwrap();
    journal.remove(key(2, 1));
    journal.put(key(3, 9), b"12345678");
    journal.commit().unwrap();
    assert_eq!(found(&fd), BTreeMap::from([(key(1, 1), b"one".to_vec()), (key(3, 9), b"12345678".to_vec())]));
}

#[test]
fn unchanged_entry_writes_nothing() {
    let fd = segment();
    let (mut journal, _) = Journal::open(&fd, 5).unwrap();
    journal.put(key(1, 1), b"one");
    journal.commit().unwrap();
    let before = image(&journal.map);
    journal.put(key(1, 1), b"one");
    journal.remove(key(9, 9));
    journal.commit().unwrap();
    assert_eq!(image(&journal.map), before);
}

#[test]
fn layout_is_the_documented_one() {
    let fd = segment();
    let (mut journal, _) = Journal::open(&fd, 0x55).unwrap();
    journal.put(Key { part: 0x0102, major: 3, minor: 4 }, b"abc");
    journal.commit().unwrap();
    let words = image(&journal.map);
    // Opening wrote generation 1 to half 0, whose first commit is empty.
    assert_eq!(words[..3], [1, 0x55, 16 + 16 + 32]);
    assert_eq!(words[16], 0, "the empty commit");
    assert_eq!(words[18], 27, "the length of the second");
    assert_eq!(words[20..24], [3 << 32 | 0x0102, 3, 4, u64::from_le_bytes(*b"abc\0\0\0\0\0")]);
}

#[test]
fn full_half_moves_to_the_other_and_nothing_is_lost() {
    let fd = segment();
    let (mut journal, _) = Journal::open(&fd, 5).unwrap();
    let mut expected = BTreeMap::new();
    for round in 0..1000_u64 {
        let contents = round.to_le_bytes().repeat(1 + round as usize % 5);
        journal.put(key(1, round % 10), &contents);
        journal.commit().unwrap();
        expected.insert(key(1, round % 10), contents);
        if round % 97 == 0 {
            assert_eq!(found(&fd), expected);
            journal = Journal::open(&fd, 5).unwrap().0;
        }
    }
    assert!(journal.generation > 10);
    assert_eq!(found(&fd), expected);
}

#[test]
fn too_much_is_refused_and_works_again_when_there_is_less() {
    let fd = segment();
    let (mut journal, _) = Journal::open(&fd, 5).unwrap();
    journal.put(key(1, 1), b"kept");
    journal.commit().unwrap();
    journal.put(key(1, 2), &[0; BYTES]);
    assert!(journal.commit().is_err());
    assert!(journal.commit().is_err());
    assert_eq!(found(&fd), BTreeMap::from([(key(1, 1), b"kept".to_vec())]));
    // The reader above began a journal of its own over the same pages only in its private memory.
    journal.remove(key(1, 2));
    journal.put(key(1, 3), b"new");
    journal.commit().unwrap();
    assert_eq!(found(&fd), BTreeMap::from([(key(1, 1), b"kept".to_vec()), (key(1, 3), b"new".to_vec())]));
}

/// A writer that dies has written some words of a commit, in any order as far as a reader is concerned but for those that
/// a release store orders: here every prefix of the words that differ, header words last.
#[test]
fn writer_dies_anywhere_in_a_commit_or_a_move() {
    let fd = segment();
    let (mut journal, _) = Journal::open(&fd, 5).unwrap();
    let mut expected = BTreeMap::new();
    for round in 0..60_u64 {
        let before = image(&journal.map);
        let old = expected.clone();
        let contents = vec![round as u8; 50];
        journal.put(key(1, round % 7), &contents);
        journal.put(key(2, round % 3), &round.to_le_bytes());
        journal.commit().unwrap();
        expected.insert(key(1, round % 7), contents);
        expected.insert(key(2, round % 3), round.to_le_bytes().to_vec());
        let after = image(&journal.map);
        let is_header = |index: usize| index % (BYTES / 16) < LINE / 8;
        let (headers, bodies): (Vec<usize>, Vec<usize>) =
            (0..after.len()).filter(|index| before[*index] != after[*index]).partition(|i| is_header(*i));
        let mut partial = before.clone();
        for index in &bodies {
            partial[*index] = after[*index];
            restore(&journal.map, &partial);
            assert_eq!(found(&fd), old, "round {round}, a death at word {index}");
        }
        // A move writes its own header first and clears the old one last; a commit has one header word.
        if let [commit] = headers[..] {
            partial[commit] = after[commit];
        } else {
            let new = journal.half() * (BYTES / 16);
            for index in headers.iter().filter(|index| **index / (BYTES / 16) == journal.half()) {
                partial[*index] = after[*index];
            }
            restore(&journal.map, &partial);
            assert_eq!(found(&fd), expected, "round {round}, both halves valid, {new}");
        }
        restore(&journal.map, &after);
        assert_eq!(found(&fd), expected);
    }
}

proptest! {
    #[test]
    fn damage_is_found_or_changes_nothing(at in 0..BYTES / 8, with in any::<u64>()) {
        let fd = segment();
        let (mut journal, _) = Journal::open(&fd, 5).unwrap();
        for n in 0..10 {
            journal.put(key(1, n), &[n as u8; 40]);
            journal.commit().unwrap();
        }
        let expected = found(&fd);
        journal.map.word(at).store(with, Ordering::Relaxed);
        match Journal::open(&fd, 5).unwrap().1 {
            Found::Entries(entries) => {
                let entries: BTreeMap<_, _> = entries.into_iter().collect();
                // A committed length that ends at an earlier commit is the one thing that cannot be told from the truth.
                prop_assert!(entries == expected || at == COMMITTED || at % (BYTES / 16) < 3);
            }
            Found::Nothing | Found::Damaged => {}
        }
    }

    #[test]
    fn arbitrary_segment_does_no_harm(words in prop::collection::vec(any::<u64>(), 64), half in 0..2_usize) {
        let fd = segment();
        let map = Mapping::new(&fd).unwrap();
        for (index, word) in words.iter().enumerate() {
            map.word(half * BYTES / 16 + index).store(*word, Ordering::Relaxed);
        }
        map.word(half * BYTES / 16 + GENERATION).store(2 + 1 - half as u64, Ordering::Relaxed);
        map.word(half * BYTES / 16 + SCHEMA).store(5, Ordering::Relaxed);
        map.word(half * BYTES / 16 + COMMITTED).store(words[0] % 400 * 8, Ordering::Relaxed);
        let (mut journal, _) = Journal::open(&fd, 5).unwrap();
        journal.put(key(1, 1), b"works");
        journal.commit().unwrap();
        prop_assert_eq!(&found(&fd)[&key(1, 1)], b"works");
    }
}
