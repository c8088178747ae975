//! Directed cases of the allocator; `tests/buddy_model.rs` compares it with a model.

use super::*;

fn place(block: &Block) -> (u64, u64) {
    (block.offset(), block.bytes())
}

#[test]
fn take_rounds_up_to_a_power_of_two_units() {
    let mut buddy = Buddy::new(1 << 20);
    for (bytes, got) in [(0, 4096), (1, 4096), (4096, 4096), (4097, 8192), (12289, 16384), (65537, 131_072)] {
        let block = buddy.take(bytes).unwrap();
        assert_eq!(block.bytes(), got, "{bytes}");
        assert_eq!(block.offset() % got, 0, "blocks are aligned to their size");
        buddy.give(block);
        assert_eq!(buddy.free_bytes(), 1 << 20);
    }
}

#[test]
fn take_of_more_than_there_is_gives_none() {
    let mut buddy = Buddy::new(1 << 20);
    for bytes in [(1 << 20) + 1, u64::from(u32::MAX), 1 << 40, u64::MAX / 2, u64::MAX] {
        assert_eq!(buddy.take(bytes), None, "{bytes}");
    }
    let all = buddy.take(1 << 20).unwrap();
    assert_eq!(buddy.take(0), None);
    assert_eq!(buddy.free_bytes(), 0);
    buddy.give(all);
    assert_eq!(buddy.free_bytes(), 1 << 20);
}

#[test]
fn give_merges_all_the_way_up() {
    let mut buddy = Buddy::new(64 * 4096);
    let blocks: Vec<_> = (0..64).map(|_| buddy.take(1).unwrap()).collect();
    assert_eq!(buddy.take(1), None);
    for block in blocks {
        buddy.give(block);
    }
    assert_eq!(place(&buddy.take(64 * 4096).unwrap()), (0, 64 * 4096));
}

#[test]
fn arena_of_no_power_of_two_is_used_whole() {
    // 13 units and a rest: 8 + 4 + 1.
    let mut buddy = Buddy::new(13 * 4096 + 4095);
    assert_eq!(buddy.free_bytes(), 13 * 4096);
    let blocks: Vec<_> = [8, 4, 1].map(|units| buddy.take(units * 4096).unwrap()).into();
    assert_eq!(blocks.iter().map(place).collect::<Vec<_>>(), [(0, 32768), (32768, 16384), (49152, 4096)]);
    assert_eq!(buddy.take(1), None);
    for block in blocks {
        buddy.give(block);
    }
    assert_eq!(buddy.free_bytes(), 13 * 4096);
}

#[test]
fn arena_smaller_than_a_unit_is_empty() {
    for bytes in [0, 1, 4095] {
        let mut buddy = Buddy::new(bytes);
        assert_eq!((buddy.free_bytes(), buddy.take(1)), (0, None));
    }
}

#[test]
fn take_pieces_takes_all_or_nothing() {
    let mut buddy = Buddy::new(16 * 4096);
    // Every other unit is taken: what is free lies in eight pieces.
    let units: Vec<_> = (0..16).map(|_| buddy.take(1).unwrap()).collect();
    let mut kept = Vec::new();
    for block in units {
        if (block.offset() / 4096).is_multiple_of(2) { buddy.give(block) } else { kept.push(block) }
    }
    let mut pieces = Vec::new();
    assert!(!buddy.take_pieces(4 * 4096 + 1, 4, &mut pieces));
    assert!(pieces.is_empty());
    assert_eq!(buddy.free_bytes(), 8 * 4096);
    assert!(buddy.take_pieces(4 * 4096, 4, &mut pieces));
    assert_eq!(pieces.len(), 4);
    assert!(!buddy.take_pieces(u64::MAX, usize::MAX, &mut pieces), "what was there before stays");
    assert_eq!(pieces.len(), 4);
    assert!(buddy.take_pieces(0, 0, &mut pieces), "nothing can always be had");
    for block in kept.into_iter().chain(pieces) {
        buddy.give(block);
    }
    assert_eq!(place(&buddy.take(16 * 4096).unwrap()), (0, 65536));
}

#[test]
fn take_pieces_of_most_zero_takes_nothing() {
    let mut buddy = Buddy::new(16 * 4096);
    let mut pieces = Vec::new();
    assert!(!buddy.take_pieces(1, 0, &mut pieces));
    assert_eq!(buddy.free_bytes(), 16 * 4096);
}

#[test]
fn block_extent_stays_inside() {
    let mut buddy = Buddy::new(16 * 4096);
    let first = buddy.take(1).unwrap();
    let block = buddy.take(8192).unwrap();
    assert_eq!(block.extent(7, 512, 100), Extent { arena: 7, len: 100, offset: block.offset() + 512 });
    assert!(std::panic::catch_unwind(|| block.extent(7, 8192, 1)).is_err());
    buddy.give(first);
}

#[test]
#[should_panic(expected = "given back twice")]
fn give_of_a_free_block_panics() {
    let mut buddy = Buddy::new(16 * 4096);
    let block = buddy.take(1).unwrap();
    let again = Block { ..block };
    buddy.give(block);
    buddy.give(again);
}
