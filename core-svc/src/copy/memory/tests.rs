//! Chunks and pages are handed out once, and lie in the arena apart from one another.

use ipc::shm;

use super::*;

fn memory(bytes: usize) -> Option<Memory> {
    Memory::new(Arena::new(9, shm::create("test:copy", bytes).unwrap()).unwrap())
}

#[test]
fn chunks_are_handed_out_once() {
    let mut memory = memory(1 << 20).unwrap();
    assert_eq!(
        [memory.take(), memory.take(), memory.take(), memory.take()],
        [Some(1), Some(2), Some(3), None]
    );
    memory.give(2);
    assert!(!memory.take_this(1) && !memory.take_this(0) && !memory.take_this(4));
    assert!(memory.take_this(2) && !memory.take_this(2));
    memory.give(3);
    assert_eq!(memory.take(), Some(3));
}

#[test]
fn one_chunk_is_left_that_is_no_pocket() {
    let mut memory = memory(1 << 20).unwrap();
    assert_eq!([memory.take_pocket(), memory.take_pocket(), memory.take_pocket()], [Some(1), Some(2), None]);
    assert_eq!([memory.take(), memory.take()], [Some(3), None]);
    memory.give(2);
    assert!(memory.take_this_pocket(2) && !memory.take_this_pocket(2));
    memory.give(1);
    memory.give(3);
    assert_eq!([memory.take(), memory.take_pocket()], [Some(1), Some(3)]);
    let mut least = self::memory(512 << 10).unwrap();
    assert!(!least.has_pockets() && least.take_pocket().is_none() && !least.take_this_pocket(1));
}

#[test]
fn bytes_of_a_chunk_are_copied_from_place_to_place() {
    let memory = memory(1 << 20).unwrap();
    memory.write(2, 65536, b"left over");
    memory.write(3, 5, &memory.read(2, 65541, 4));
    assert_eq!(memory.read(3, 4, 6), b"\0over\0");
    assert!(memory.read(4, 0, 1).is_empty(), "past the end");
}

#[test]
fn pages_lie_before_the_first_chunk() {
    let mut memory = memory(512 << 10).unwrap();
    let pages: Vec<u32> = std::iter::from_fn(|| memory.take_page()).collect();
    assert_eq!(pages.len(), 64);
    for page in pages {
        let extent = memory.page_extent(page, PAGE);
        assert!(extent.offset + u64::from(extent.len) <= memory.extent(1, CHUNK).offset);
    }
    assert!(memory.arena().check(memory.extent(1, CHUNK)).is_ok());
}

#[test]
fn tail_of_a_chunk_is_zeroed() {
    let memory = memory(512 << 10).unwrap();
    let all = memory.arena().check(memory.extent(1, 4096)).unwrap();
    memory.arena().write(all, &[7; 4096]);
    memory.zero(1, 512, 2048);
    let mut bytes = vec![0; 4096];
    memory.arena().read(all, &mut bytes);
    assert_eq!((bytes[511], bytes[512], bytes[2047], bytes[2048]), (7, 0, 0, 7));
}

#[test]
fn arena_without_room_is_none() {
    assert!(memory(256 << 10).is_none());
}
