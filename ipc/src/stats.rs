//! A service's statistics page: heartbeat and counters, written by the service, read by the supervisor.
//!
//! Only the service writes, so a counter is a load and a store, not a locked operation. The heartbeat is the count of
//! turns of the service's loop; the supervisor kills a service whose heartbeat stands still for too long.

use std::os::fd::AsFd;
use std::sync::Arc;

use crate::shm::{self, MapError, Mapping};
use crate::sync::Ordering;

/// Counters that a page has room for.
pub const COUNTERS: usize = 64;
/// Bytes of a page.
pub const PAGE_BYTES: usize = shm::PAGE;

const BEAT: usize = 0;
const FIRST: usize = 16;

/// A statistics page, at either end.
#[derive(Debug, Clone)]
pub struct Stats(Arc<Mapping>);

impl Stats {
    /// Maps the page in `fd`.
    pub fn new(fd: impl AsFd) -> Result<Self, MapError> {
        Ok(Self(Mapping::new(fd)?))
    }

    /// Says that the loop turned once more.
    #[inline]
    pub fn beat(&self) {
        let word = self.0.word(BEAT);
        word.store(word.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
    }

    /// The heartbeat.
    pub fn beats(&self) -> u64 {
        self.0.word(BEAT).load(Ordering::Relaxed)
    }

    /// Adds to counter `index` (below [`COUNTERS`]).
    #[inline]
    pub fn add(&self, index: usize, n: u64) {
        assert!(index < COUNTERS, "counter {index} is past the page");
        let word = self.0.word(FIRST + index);
        word.store(word.load(Ordering::Relaxed).wrapping_add(n), Ordering::Relaxed);
    }

    /// Sets counter `index` (below [`COUNTERS`]) as a level.
    #[inline]
    pub fn set(&self, index: usize, n: u64) {
        assert!(index < COUNTERS, "counter {index} is past the page");
        self.0.word(FIRST + index).store(n, Ordering::Relaxed);
    }

    /// The value of counter `index` (below [`COUNTERS`]).
    pub fn get(&self, index: usize) -> u64 {
        assert!(index < COUNTERS, "counter {index} is past the page");
        self.0.word(FIRST + index).load(Ordering::Relaxed)
    }
}
