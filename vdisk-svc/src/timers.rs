//! When to come back to a slot. Only fault devices ask for it, so an ordinary service never looks at the clock here.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

use crate::slots::SlotId;

/// Pending times, each for one slot.
#[derive(Debug, Default)]
pub struct Timers(BinaryHeap<Reverse<(Instant, usize)>>);

impl Timers {
    /// Comes back to `slot` at `at`.
    pub fn set(&mut self, at: Instant, slot: SlotId) {
        self.0.push(Reverse((at, slot.index())));
    }

    /// The earliest time.
    #[inline]
    pub fn next(&self) -> Option<Instant> {
        self.0.peek().map(|Reverse((at, _))| *at)
    }

    /// Takes a slot whose time has come.
    pub fn due(&mut self, now: Instant) -> Option<SlotId> {
        (self.next()? <= now).then(|| self.0.pop())?.map(|Reverse((_, slot))| SlotId::from_index(slot))
    }
}
