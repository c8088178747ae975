//! Blocks that a command has to itself while it looks at them and writes them.
//!
//! COMPARE AND WRITE, ORWRITE and WRITE ATOMIC are atomic against every other command of the unit: each waits until those that
//! overlap it and came before are over, and holds up those that come after it. A write and what overlaps it wait for each
//! other, too, if the first is under way ([`super::under_way`]). Where nobody waits or has to there are no claims, and nobody
//! looks at any: [`Claims::busy`] is all that they cost a READ or WRITE. Oldest first, so that nobody starves.

use crate::slots::SlotId;

/// A run of blocks, end not included.
pub type Range = std::ops::Range<u64>;

/// Whether two runs have a block in common.
#[inline]
pub(super) fn meet(a: &Range, b: &Range) -> bool {
    a.start < b.end && b.start < a.end
}

/// What a command does to its blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// It reads them, next to others that do.
    Reads,
    /// It writes them, next to nobody, and is executed again if this process dies.
    Writes,
    /// It looks at them and writes them, next to nobody.
    Alone,
}

impl Use {
    /// Whether one of two commands with the same blocks has to wait for the other.
    pub(super) fn excludes(self, other: Self) -> bool {
        self != Self::Reads || other != Self::Reads
    }
}

/// A command and its blocks.
#[derive(Debug)]
struct Claim {
    slot: SlotId,
    /// More than one for an UNMAP only.
    ranges: Vec<Range>,
    how: Use,
    waiting: bool,
}

/// All claims on a unit, oldest first. Empty unless one is among them that has its blocks alone, or that waits.
#[derive(Debug, Default)]
pub struct Claims {
    list: Vec<Claim>,
    alone: usize,
}

impl Claims {
    /// Whether commands have to be asked.
    #[inline]
    pub fn busy(&self) -> bool {
        !self.list.is_empty()
    }

    /// Enters a command that runs already.
    pub fn running(&mut self, slot: SlotId, ranges: Vec<Range>, how: Use) {
        self.list.push(Claim { slot, ranges, how, waiting: false });
    }

    /// Enters a command. False: it has to wait.
    pub fn enter(&mut self, slot: SlotId, ranges: Vec<Range>, how: Use) -> bool {
        self.alone += usize::from(how == Use::Alone);
        let claim = Claim { slot, ranges, how, waiting: true };
        let free = Self::is_free(&self.list, &claim);
        self.list.push(Claim { waiting: !free, ..claim });
        free
    }

    /// Whether nobody before it stands in the way of a claim.
    fn is_free(before: &[Claim], claim: &Claim) -> bool {
        let overlaps = |other: &Claim| other.ranges.iter().any(|a| claim.ranges.iter().any(|b| meet(a, b)));
        !before.iter().any(|other| other.how.excludes(claim.how) && overlaps(other))
    }

    /// A command is over, or will not begin. True: others may go on.
    pub fn release(&mut self, slot: SlotId) -> bool {
        let Some(at) = self.list.iter().position(|claim| claim.slot == slot) else { return false };
        let claim = self.list.remove(at);
        self.alone -= usize::from(claim.how == Use::Alone);
        let waits = self.list.iter().any(|claim| claim.waiting);
        if self.alone == 0 && !waits {
            self.list.clear();
        }
        waits
    }

    /// The oldest command that waits and can begin now. It counts as running then.
    pub fn grant(&mut self) -> Option<SlotId> {
        let can = |at: &usize| self.list[*at].waiting && Self::is_free(&self.list[..*at], &self.list[*at]);
        let Some(at) = (0..self.list.len()).find(can) else {
            if self.alone == 0 && !self.list.iter().any(|claim| claim.waiting) {
                // All that shared has been let in: nobody has to be asked any more.
                self.list.clear();
            }
            return None;
        };
        self.list[at].waiting = false;
        Some(self.list[at].slot)
    }

    /// Commands that wait.
    pub fn waiting(&self) -> Vec<SlotId> {
        self.list.iter().filter(|claim| claim.waiting).map(|claim| claim.slot).collect()
    }
}

#[cfg(test)]
mod tests;
