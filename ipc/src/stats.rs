//! A service's statistics page: heartbeat and counters, written by the service, read by the supervisor.
//!
//! Only the service writes, so a counter is a load and a store, not a locked operation. The heartbeat is the count of
//! turns of the service's loop; the supervisor kills a service whose heartbeat stands still for too long.

use std::os::fd::AsFd;
use std::sync::Arc;

use std::marker::PhantomData;

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

/// A service's enum of counters; made by [`counters!`](crate::counters).
pub trait Counter: Copy {
    /// The counter's place on the page.
    fn place(self) -> usize;
}

/// The counters of a service; before its page has been granted they go nowhere.
#[derive(Debug)]
pub struct Counters<C>(Option<Stats>, PhantomData<C>);

impl<C> Default for Counters<C> {
    fn default() -> Self {
        Self(None, PhantomData)
    }
}

impl<C: Counter> Counters<C> {
    /// Takes up a page.
    pub fn adopt(&mut self, page: Stats) {
        self.0 = Some(page);
    }

    /// The loop has turned once more.
    #[inline]
    pub fn beat(&self) {
        if let Some(page) = &self.0 {
            page.beat();
        }
    }

    /// Adds to a counter.
    #[inline]
    pub fn add(&self, counter: C, n: u64) {
        if let Some(page) = &self.0 {
            page.add(counter.place(), n);
        }
    }

    /// Sets a level.
    #[inline]
    pub fn set(&self, counter: C, n: u64) {
        if let Some(page) = &self.0 {
            page.set(counter.place(), n);
        }
    }
}

/// Declares a service's counters in the order in which they stand on its page: the enum `Counter`, their `NAMES` for
/// [`crate::message::Event::Hello`], and `Counters`, the page itself.
#[macro_export]
macro_rules! counters {
    ($($(#[$meta:meta])* $name:ident = $text:literal,)*) => {
        /// A counter.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(usize)]
        pub enum Counter { $($(#[$meta])* $name,)* }

        /// The names of all counters, in order.
        pub const NAMES: &[&str] = &[$($text,)*];

        const _: () = assert!(NAMES.len() <= $crate::stats::COUNTERS);

        impl $crate::stats::Counter for Counter {
            #[inline]
            fn place(self) -> usize {
                self as usize
            }
        }

        /// The statistics page, once it has been granted.
        pub type Counters = $crate::stats::Counters<Counter>;
    };
}
