//! Checks at the boundaries of an arena, and copying within what was checked.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::*;
use crate::shm;

fn arena(id: u32, pages: usize) -> Arena {
    Arena::new(id, shm::create("arena", pages * 4096).unwrap()).unwrap()
}

fn extent(arena: u32, offset: u64, len: u32) -> Extent {
    Extent { arena, len, offset }
}

#[test]
fn check_at_the_boundaries() {
    let arena = arena(3, 2);
    for (offset, len) in [(0, 1), (0, 8192), (8191, 1), (4096, 4096), (4095, 2)] {
        let checked = arena.check(extent(3, offset, len)).unwrap();
        assert_eq!((checked.offset(), checked.len(), checked.arena()), (offset, len as usize, 3));
        assert_eq!(checked.to_wire(), extent(3, offset, len));
    }
    let outside = [
        (0, 0),
        (8192, 0),
        (0, 8193),
        (8192, 1),
        (8191, 2),
        (0, u32::MAX),
        (u64::MAX, 1),
        (u64::MAX - 1, 1),
        (u64::MAX - 8191, 8192),
        (1 << 63, 1),
    ];
    for (offset, len) in outside {
        let fault = PeerFault::Extent { arena: 3, offset, len };
        assert_eq!(arena.check(extent(3, offset, len)), Err(fault), "{len} at {offset}");
    }
}

#[test]
fn check_of_another_arena_is_refused() {
    let arena = arena(3, 1);
    assert!(arena.check(extent(2, 0, 1)).is_err());
    let mut arenas = Arenas::default();
    arenas.insert(arena);
    assert!(arenas.check(extent(3, 0, 1)).is_ok());
    assert_eq!(arenas.check(extent(4, 9, 1)), Err(PeerFault::Extent { arena: 4, offset: 9, len: 1 }));
}

#[test]
fn use_with_another_arena_panics() {
    let (first, second) = (arena(1, 1), arena(2, 1));
    let checked = first.check(extent(1, 0, 16)).unwrap();
    let panics = |f: &dyn Fn()| catch_unwind(AssertUnwindSafe(f)).is_err();
    assert!(panics(&|| _ = second.pointer(checked)));
    assert!(panics(&|| _ = second.read(checked, &mut [0; 1])));
    assert!(panics(&|| _ = second.write(checked, &[0; 1])));
}

#[test]
fn use_after_the_arena_was_replaced_by_a_smaller_one_panics_and_never_faults() {
    let checked = arena(1, 4).check(extent(1, 3 * 4096, 4096)).unwrap();
    let smaller = arena(1, 1);
    assert!(catch_unwind(AssertUnwindSafe(|| smaller.pointer(checked))).is_err());
    assert!(catch_unwind(AssertUnwindSafe(|| smaller.read(checked, &mut [0; 8]))).is_err());
}

#[test]
fn insert_replaces_the_same_number() {
    let mut arenas = Arenas::default();
    arenas.insert(arena(1, 1));
    arenas.insert(arena(2, 1));
    arenas.insert(arena(1, 3));
    assert_eq!(arenas.get(1).unwrap().size(), 3 * 4096);
    assert_eq!(arenas.get(2).unwrap().id(), 2);
    assert!(arenas.get(0).is_none());
}

#[test]
fn slice_stays_inside() {
    let arena = arena(1, 1);
    let whole = arena.check(extent(1, 100, 50)).unwrap();
    let at = |skip, len| whole.slice(skip, len).map(|part| (part.offset(), part.len()));
    assert_eq!(at(0, 50), Some((100, 50)));
    assert_eq!(at(10, 1000), Some((110, 40)));
    assert_eq!(at(49, usize::MAX), Some((149, 1)));
    assert_eq!(at(50, 1), None);
    assert_eq!(at(51, 1), None);
    assert_eq!(at(0, 0), None);
    assert_eq!(at(usize::MAX, usize::MAX), None);
}

#[test]
fn read_and_write_take_the_shorter() {
    let arena = arena(1, 1);
    let ten = arena.check(extent(1, 13, 10)).unwrap();
    assert_eq!(arena.write(ten, b"abcdefghijKL"), 10);
    let mut out = [b'.'; 12];
    assert_eq!(arena.read(ten, &mut out), 10);
    assert_eq!(&out, b"abcdefghij..");
    let mut short = [0; 3];
    assert_eq!(arena.read(ten, &mut short), 3);
    assert_eq!(&short, b"abc");
    assert_eq!(arena.write(ten, b"XY"), 2);
    arena.read(arena.check(extent(1, 12, 12)).unwrap(), &mut out);
    assert_eq!(&out, b"\0XYcdefghij\0");
}

#[test]
fn zero_and_pieces_cover_all_and_no_more() {
    let arena = arena(1, 4);
    let all = arena.check(extent(1, 0, 4 * 4096)).unwrap();
    arena.write(all, &[0xee; 4 * 4096]);
    let middle = arena.check(extent(1, 5, 3 * 4096)).unwrap();
    assert_eq!(arena.zero(middle, 2 * 4096 + 1), 2 * 4096 + 1);
    assert_eq!(arena.zero(arena.check(extent(1, 16380, 4)).unwrap(), usize::MAX), 4);
    let (mut bytes, mut sizes) = (Vec::new(), Vec::new());
    arena.for_each_piece(all, |piece| {
        bytes.extend_from_slice(piece);
        sizes.push(piece.len());
    });
    assert_eq!(sizes, [4096; 4]);
    let mut expected = vec![0xee; 4 * 4096];
    expected[5..5 + 2 * 4096 + 1].fill(0);
    expected[16380..].fill(0);
    assert!(bytes == expected);
    arena.for_each_piece(middle, |piece| assert!(piece.len() == 4096));
}
