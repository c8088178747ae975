//! Plain writes that are under way: those that were not over at once.
//!
//! A write that is under way when this process dies is executed again by its successor. Part of it can have been read by then,
//! and what its reader has written there next must not be undone. So a write waits for those under way that it overlaps,
//! and is not answered before them. Reads wait for nothing. The same holds for what is repeated like a WRITE:
//! WRITE AND VERIFY, WRITE SAME, UNMAP.

use super::claims::{Range, meet};
use crate::slots::SlotId;

/// The blocks of writes that are under way on a unit.
#[derive(Debug, Default)]
pub struct Writing {
    list: Vec<(SlotId, Range)>,
}

impl Writing {
    /// Whether none is.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// A command goes on writing these blocks.
    pub fn begin(&mut self, slot: SlotId, range: Range) {
        self.list.push((slot, range));
    }

    /// A command is over.
    pub fn end(&mut self, slot: SlotId) {
        // Only an UNMAP has more than one.
        while let Some(at) = self.list.iter().position(|(known, _)| *known == slot) {
            self.list.swap_remove(at);
        }
    }

    /// Whether one of them writes some of these blocks.
    pub fn meets(&self, range: &Range) -> bool {
        self.list.iter().any(|(_, known)| meet(known, range))
    }
}

#[cfg(test)]
mod tests;
