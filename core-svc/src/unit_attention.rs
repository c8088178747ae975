//! Unit attention conditions of one I_T_L nexus (SAM-5 5.14).
//!
//! A condition that was reported is remembered with the command that reported it: if the core dies before its transport
//! has read the answer, that command comes again under the same serial and has to report the same again.
//!
//! A short queue without duplicates. The conditions of the 29h family (power on, resets, nexus loss) have an order of
//! precedence: a higher one clears the lower ones, which it says more than; a lower one adds nothing to a higher one. The
//! queue is bounded, because there are only so many conditions.

mod short;

use scsi::asc::Asc;
use serde::{Deserialize, Serialize};

use short::Short;

/// Most conditions that wait; past it they are merged into 29/00, which tells the initiator to look at everything.
const MOST: usize = 16;

/// POWER ON, RESET, OR BUS DEVICE RESET OCCURRED: the condition that covers every other.
const EVERYTHING: (u8, u8) = (0x29, 0x00);

/// Precedence of the conditions of the 29h family, 0 the highest (SAM-5 5.14); none for any other condition.
fn precedence(code: (u8, u8)) -> Option<u8> {
    match code {
        (0x29, 0x00) => Some(0),
        (0x29, 0x01 | 0x04) => Some(1),
        (0x29, 0x03) => Some(3),
        (0x29, 0x07) => Some(4),
        (0x29, _) => Some(2),
        _ => None,
    }
}

/// Reports that are remembered: more than one command can have its answer in the ring when the core dies.
const MOST_REPORTED: usize = 8;

/// Stands for the latest command of a nexus while that is not known, and is later than any.
pub const UNKNOWN: u64 = u64::MAX;

/// The conditions of one nexus at one logical unit, as (ASC, ASCQ).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitAttentions {
    /// Oldest first.
    waiting: Short<(u8, u8), MOST>,
    /// Serial of the command, and what it reported; latest last.
    reported: Short<(u64, (u8, u8)), MOST_REPORTED>,
    /// The latest command that had been let in when the latest condition was established.
    since: u64,
    /// Commands before this one were let in for a medium that is gone.
    other_medium: u64,
}

impl UnitAttentions {
    /// Establishes a condition. True if the queue changed. `latest` is the serial of the nexus' latest command.
    pub fn raise(&mut self, asc: Asc, latest: u64) -> bool {
        let raised = self.add((asc.code, asc.qualifier));
        if raised {
            self.since = latest;
        }
        raised
    }

    fn add(&mut self, code: (u8, u8)) -> bool {
        if self.waiting.as_slice().contains(&code) {
            return false;
        }
        if let Some(rank) = precedence(code) {
            if self
                .waiting
                .as_slice()
                .iter()
                .any(|known| precedence(*known).is_some_and(|known| known <= rank))
            {
                return false;
            }
            self.waiting.clear();
        } else if self.waiting.is_full() {
            self.waiting.clear();
            self.waiting.push(EVERYTHING);
            return true;
        }
        self.waiting.push(code);
        true
    }

    /// The condition that waits longest.
    #[inline]
    pub fn first(&self) -> Option<Asc> {
        self.waiting.as_slice().first().map(|(code, qualifier)| Asc { code: *code, qualifier: *qualifier })
    }

    /// How many wait.
    pub fn count(&self) -> usize {
        self.waiting.as_slice().len()
    }

    /// Takes the condition that the command `serial` has to report.
    pub fn take(&mut self, serial: u64) -> Option<Asc> {
        let code = self.waiting.take_first()?;
        self.reported.push((serial, code));
        Some(Asc { code: code.0, qualifier: code.1 })
    }

    /// What the command `serial` reported already, when it comes again.
    pub fn reported_by(&self, serial: u64) -> Option<Asc> {
        let (_, code) = self.reported.as_slice().iter().find(|(known, _)| *known == serial)?;
        Some(Asc { code: code.0, qualifier: code.1 })
    }

    /// Whether the command `serial` was let in before the conditions that wait, so that it need not report any of them when
    /// it comes again. What was let in for another medium has to: what it is about is gone.
    pub fn let_in_before(&self, serial: u64) -> bool {
        let other = |code: &(u8, u8)| matches!(*code, (0x28, 0x00) | (0x3F, 0x03));
        serial <= self.since && !self.waiting.as_slice().iter().any(other)
    }

    /// The medium is another one; `latest` is as for [`raise`](Self::raise).
    pub fn change_medium(&mut self, latest: u64) {
        self.other_medium = latest.saturating_add(1);
    }

    /// Whether the command `serial`, which comes again, was let in for a medium that is gone.
    pub fn was_for_other_medium(&self, serial: u64) -> bool {
        serial < self.other_medium
    }

    /// The command `serial` is later than all of which it was not known. True if there was anything.
    pub fn date(&mut self, serial: u64) -> bool {
        let (since, other) = (self.since == UNKNOWN, self.other_medium == UNKNOWN);
        if since {
            self.since = serial.saturating_sub(1);
        }
        if other {
            self.other_medium = serial;
        }
        since || other
    }

    /// Ends a condition that has become known in another way. True if it waited.
    pub fn clear(&mut self, asc: Asc) -> bool {
        let before = self.waiting;
        self.waiting.retain(|code| *code != (asc.code, asc.qualifier));
        self.waiting != before
    }

    /// Whether a condition waits.
    pub fn is_pending(&self) -> bool {
        !self.waiting.as_slice().is_empty()
    }
}

#[cfg(test)]
mod tests;
