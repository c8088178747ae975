//! The counters that this service shows on its statistics page.

use ipc::stats::Stats;

macro_rules! counters {
    ($($(#[$meta:meta])* $variant:ident $name:literal)+) => {
        /// A counter.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Counter { $($(#[$meta])* $variant),+ }

        /// Their names, in the order of the page.
        pub const NAMES: &[&str] = &[$($name),+];
    };
}

counters! {
    /// Commands that have been answered.
    Commands "commands"
    /// Bytes read from media.
    ReadBytes "read_bytes"
    /// Bytes written to media.
    WrittenBytes "written_bytes"
    /// Commands that needed a slot: not answered at once.
    Deferred "deferred"
    /// Jobs given to the engine.
    Jobs "jobs"
    /// Syncs of a medium.
    Syncs "syncs"
    /// Commands that ended in CHECK CONDITION.
    Checks "check_conditions"
    /// Tasks aborted before they began.
    Aborted "aborted"
    /// Level: tasks in slots.
    InSlots "in_slots"
}

const _: () = assert!(NAMES.len() <= ipc::stats::COUNTERS);

/// The statistics page, once it has been granted.
#[derive(Debug, Default)]
pub struct Counters(Option<Stats>);

impl Counters {
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
    pub fn add(&self, counter: Counter, n: u64) {
        if let Some(page) = &self.0 {
            page.add(counter as usize, n);
        }
    }

    /// Sets a level.
    #[inline]
    pub fn set(&self, counter: Counter, n: u64) {
        if let Some(page) = &self.0 {
            page.set(counter as usize, n);
        }
    }
}
