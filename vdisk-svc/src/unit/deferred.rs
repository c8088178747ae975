//! Deferred errors (SPC-4 4.5.7): written data that was acknowledged did not reach the medium, and nobody knows whose.
//!
//! Then each I_T nexus is told once, by the first of its commands that can be: that command is not executed. A nexus whose own
//! command has just failed for it knows already. One that comes later is told as well, for what it would read may be what was
//! there before. What remains is remembered by [`super::Syncs::lost`], and every later sync fails.

use std::collections::BTreeSet;

/// Nexuses of which it is remembered that they know.
const MOST_TOLD: usize = 4096;

/// Who has been told of a loss.
#[derive(Debug, Default)]
pub struct Deferred {
    /// Data has been lost.
    due: bool,
    /// Who knows. Numbers of nexuses are never used again.
    told: BTreeSet<u64>,
}

impl Deferred {
    /// Data has been lost.
    pub fn raise(&mut self) {
        self.due = true;
        self.told.clear();
    }

    /// Whether there is anything to tell anybody.
    #[inline]
    pub fn is_due(&self) -> bool {
        self.due
    }

    /// Tells a nexus, unless it knows. True if it did not.
    pub fn tell(&mut self, nexus: u64) -> bool {
        if !self.due {
            return false;
        }
        let news = self.told.insert(nexus);
        if self.told.len() > MOST_TOLD {
            // At the worst a nexus that lives very long is told twice.
            self.told.pop_first();
        }
        news
    }

    /// A nexus is over.
    pub fn forget(&mut self, nexus: u64) {
        self.told.remove(&nexus);
    }
}
