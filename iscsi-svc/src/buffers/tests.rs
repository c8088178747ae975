//! Counting owners, and layouts cut to pieces.

use super::*;

fn buffers(bytes: usize) -> Buffers {
    let fd = ipc::shm::create("test-arena", bytes).unwrap();
    Buffers::new(Arena::new(7, fd).unwrap())
}

/// What was given up before is named in no notebook any more.
fn noted(buffers: &mut Buffers) {
    buffers.set_aside();
    buffers.reuse();
}

#[test]
fn block_is_not_used_again_before_that_is_noted() {
    let mut buffers = buffers(64 * 1024);
    let all = buffers.take(64 * 1024).unwrap();
    buffers.release(all);
    assert!(buffers.has_leaving() && buffers.take(4096).is_none());
    buffers.set_aside();
    // What is given up while connections note where they stand waits for the next time.
    assert!(!buffers.has_leaving() && buffers.take(4096).is_none());
    buffers.reuse();
    assert!(buffers.take(64 * 1024).is_some());
}

#[test]
fn blocks_of_a_former_incarnation_are_had_by_their_places() {
    let mut before = buffers(1 << 20);
    let ids: Vec<BufId> = [4096, 131_072, 20_000].map(|bytes| before.take(bytes).unwrap()).into();
    let mut after = buffers(1 << 20);
    let again: Vec<BufId> = ids.iter().map(|id| after.take_at(before.place(*id)).unwrap()).collect();
    for (old, new) in ids.iter().zip(&again) {
        assert_eq!(before.extent(*old, 0, 4096), after.extent(*new, 0, 4096));
        assert_eq!(before.bytes_of(*old), after.bytes_of(*new));
    }
    assert_eq!(before.free_bytes(), after.free_bytes());
    assert_eq!(after.take_at(before.place(ids[1])), Some(again[1]));
    assert_eq!(after.owners(again[1]), 2);
    // Inside of another, past the end, of no size, or not where such a block can begin.
    let [unit, _] = before.place(ids[1]);
    for place in [[unit, 0], [256, 0], [255, 1], [1, 1], [0, 9], [0, 300], [u32::MAX, 20]] {
        assert_eq!(after.take_at(place), None, "{place:?}");
    }
}

#[test]
fn block_goes_back_with_its_last_owner() {
    let mut buffers = buffers(1 << 20);
    let all = buffers.free_bytes();
    let id = buffers.take(5000).unwrap();
    assert_eq!(all - buffers.free_bytes(), 8192);
    buffers.share(id);
    buffers.release(id);
    noted(&mut buffers);
    assert_eq!(all - buffers.free_bytes(), 8192);
    buffers.release(id);
    noted(&mut buffers);
    assert_eq!(buffers.free_bytes(), all);
    assert!(buffers.returned);
}

#[test]
fn layout_is_cut_at_its_runs() {
    let mut buffers = buffers(1 << 20);
    let mut layout = Layout::default();
    let staging = buffers.take(4096).unwrap();
    layout.push(buffers.extent(staging, 100, 200), staging);
    assert!(buffers.fill(&mut layout, 10_000));
    assert_eq!(layout.bytes(), 10_200);
    let cut: Vec<usize> = layout.slice(150, 100).map(|extent| extent.len()).collect();
    assert_eq!(cut, [50, 50]);
    assert_eq!(layout.slice(10_200, 1).count(), 0);
    buffers.release_layout(&mut layout);
    noted(&mut buffers);
    assert_eq!(buffers.free_bytes(), 1 << 20);
    assert_eq!(layout.count(), 0);
}

#[test]
fn spare_blocks_are_given_up_when_memory_is_short() {
    let mut buffers = buffers(256 * 1024);
    let staging = buffers.take_staging().unwrap();
    buffers.give_staging(staging);
    noted(&mut buffers);
    assert!(buffers.take(256 * 1024).is_some());
}

#[test]
fn fill_takes_nothing_if_it_cannot_take_all() {
    let mut buffers = buffers(64 * 1024);
    let mut layout = Layout::default();
    assert!(!buffers.fill(&mut layout, 65 * 1024));
    assert_eq!((layout.count(), buffers.free_bytes()), (0, 64 * 1024));
}
