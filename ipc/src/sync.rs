//! The one source of atomics for this crate: the standard library's, or loom's under `--cfg loom`.
//!
//! Only 64-bit words are used in shared memory, so that every access is aligned, untorn and of one kind.

#[cfg(loom)]
pub use loom::sync::atomic::{AtomicU64, Ordering, fence};
#[cfg(not(loom))]
pub use std::sync::atomic::{AtomicU64, Ordering, fence};

/// A run of 64-bit words that two parties share.
///
/// Implementations: a window of a mapped segment between processes, a plain boxed slice in tests and models.
/// `index` is always below the length that the user of the trait asked for; going past it is a bug of ours and aborts.
pub trait Words {
    /// The word at `index`.
    fn word(&self, index: usize) -> &AtomicU64;

    /// `count` words from `index` on: a whole record is looked up once.
    fn run(&self, index: usize, count: usize) -> &[AtomicU64];
}

/// Words on the heap, for threads of one process: tests, loom models and benchmarks.
#[derive(Clone)]
pub struct HeapWords(std::sync::Arc<[AtomicU64]>);

impl HeapWords {
    /// `count` words, all zero.
    pub fn new(count: usize) -> Self {
        Self((0..count).map(|_| AtomicU64::new(0)).collect())
    }
}

impl Words for HeapWords {
    fn word(&self, index: usize) -> &AtomicU64 {
        &self.0[index]
    }

    fn run(&self, index: usize, count: usize) -> &[AtomicU64] {
        &self.0[index..][..count]
    }
}
