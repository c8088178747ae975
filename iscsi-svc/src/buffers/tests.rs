//! Counting owners, and layouts cut to pieces.

use super::*;

fn buffers(bytes: usize) -> Buffers {
    let fd = ipc::shm::create("test-arena", bytes).unwrap();
    Buffers::new(Arena::new(7, fd).unwrap())
}

#[test]
fn block_goes_back_with_its_last_owner() {
    let mut buffers = buffers(1 << 20);
    let all = buffers.free_bytes();
    let id = buffers.take(5000).unwrap();
    assert_eq!(all - buffers.free_bytes(), 8192);
    buffers.share(id);
    buffers.release(id);
    assert_eq!(all - buffers.free_bytes(), 8192);
    buffers.release(id);
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
    assert_eq!(buffers.free_bytes(), 1 << 20);
    assert_eq!(layout.count(), 0);
}

#[test]
fn spare_blocks_are_given_up_when_memory_is_short() {
    let mut buffers = buffers(256 * 1024);
    let staging = buffers.take_staging().unwrap();
    buffers.give_staging(staging);
    assert!(buffers.take(256 * 1024).is_some());
}

#[test]
fn fill_takes_nothing_if_it_cannot_take_all() {
    let mut buffers = buffers(64 * 1024);
    let mut layout = Layout::default();
    assert!(!buffers.fill(&mut layout, 65 * 1024));
    assert_eq!((layout.count(), buffers.free_bytes()), (0, 64 * 1024));
}
