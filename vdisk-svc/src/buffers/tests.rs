//! As much memory as the manifest allows, and no more.

use super::*;
use crate::bounce::{Bounce, ROOM};

#[test]
fn buffers_are_as_many_as_their_memory_has_room_for() {
    for (bytes, count) in [(0, 1), (256 << 10, 1), (1 << 20, 4), (4 << 20, 16), (1 << 30, 16)] {
        let mut buffers = Buffers::new(bytes);
        let taken: Vec<Buffer> = std::iter::from_fn(|| buffers.take().unwrap()).collect();
        assert_eq!(taken.len(), count, "{bytes}");
        drop(taken);
        assert!(buffers.take().unwrap().is_some(), "free again");
    }
}

#[test]
fn memory_of_a_service_is_shared_without_a_rest_that_is_counted_twice() {
    for memory in [1 << 20, 2 << 20, 16 << 20, 64 << 20, 1 << 30] {
        let share = share(memory);
        assert!((BYTES as u64..=4 << 20).contains(&share), "{memory}");
        let rooms = Bounce::new(memory - share).rooms() as u64;
        assert!(rooms >= 1 && share + rooms * ROOM as u64 <= memory, "{memory}");
    }
}
