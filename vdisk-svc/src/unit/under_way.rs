//! Plain reads and writes that are under way: those that were not over at once.
//!
//! Two that overlap never run side by side if one of them writes, for two reasons:
//! - The page cache is copied to and from without a lock, so that a read next to a write could return half a block of each.
//! - A write that is under way when this process dies is executed again by its successor. Part of it can have been read by
//!   then, and what its reader has written there next must not be undone.
//!
//! The one that comes later waits, and is not answered before the other. As writes count WRITE and what is repeated like it:
//! WRITE AND VERIFY, WRITE SAME, UNMAP.

use super::claims::{Range, Use, meet};
use crate::slots::SlotId;

/// The blocks that are being read or written on a unit.
#[derive(Debug, Default)]
pub struct UnderWay {
    list: Vec<(SlotId, Range, Use)>,
    writes: usize,
}

impl UnderWay {
    /// Whether nothing is.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// A command goes on reading or writing these blocks.
    pub fn begin(&mut self, slot: SlotId, range: Range, how: Use) {
        self.writes += usize::from(how == Use::Writes);
        self.list.push((slot, range, how));
    }

    /// A command is over.
    pub fn end(&mut self, slot: SlotId) {
        // Only an UNMAP has more than one.
        while let Some(at) = self.list.iter().position(|(known, ..)| *known == slot) {
            let (.., how) = self.list.swap_remove(at);
            self.writes -= usize::from(how == Use::Writes);
        }
    }

    /// Whether somebody stands in the way of a command that does this to these blocks.
    pub fn excludes(&self, range: &Range, how: Use) -> bool {
        // Reads are no trouble to each other, and mostly there is nothing else.
        (self.writes > 0 || how == Use::Writes)
            && self.list.iter().any(|(_, known, other)| other.excludes(how) && meet(known, range))
    }
}

#[cfg(test)]
mod tests;
