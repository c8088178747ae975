//! Outcomes of commands that must not be executed twice (replay class `Record` of the opcode table), and of task management
//! functions.
//!
//! Whoever executes such a command calls `Core::record` in the same turn in which the effect comes about, so that both are
//! in the same commit of the notebook before anybody can see either. When the core dies before its transport has read the
//! answer, the command comes again under the same identity and intake answers it from here (`Core::recall`); its
//! executor, its gate and its task set never see it. Nothing else is needed from an executor in the core.
//!
//! Kept are the last [`MOST`] outcomes of each nexus; they go with the nexus, after which nobody can ask. Serials of a nexus
//! rise, so that a command older than what was dropped for want of room is recognised and ends with ABORTED
//! COMMAND: it may have been executed, and nobody knows how it ended.

use std::collections::VecDeque;

use ipc::message::record::{Request, request_flags};
use scsi::asc::Asc;
use scsi::lun::Lun;
use scsi::opcode::{self, Replay};
use scsi::sense::{Sense, SenseBytes};
use scsi::status::Status;
use serde::{Deserialize, Serialize};

use crate::core::Core;
use crate::notebook::Part;
use crate::settle::Outcome;

/// Outcomes that are kept for one nexus. More commands of this class than this would have to be under way at the same
/// time, answered and not read, before one of them is in doubt.
pub const MOST: usize = 32;

/// Units of one nexus at which aborts are noted: as many as a target can have that are shared like this.
const MOST_UNITS: usize = 256;

/// Task management functions that are kept of one nexus; a transport has fewer under way that it could ask for again.
const MOST_FUNCTIONS: usize = 64;

/// Changes between aborts that are told and others that are kept of one unit. Older ones are taken for the next.
const MOST_CHANGES: usize = 8;

/// The outcomes of one nexus.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    /// Oldest first.
    outcomes: VecDeque<Entry>,
    /// The highest serial whose outcome was dropped.
    dropped: u64,
    /// Units, whether the initiator is told, and the serial up to which commands of the nexus were aborted there so; of one
    /// unit in rising order. Those that come again have been, whether the former core had seen them or not.
    aborted: Vec<(u32, bool, u64)>,
    /// Task management functions that were performed, oldest first, and whether they are over.
    functions: VecDeque<(u64, bool)>,
}

/// How far a task management function has come that ends with FUNCTION COMPLETE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Performed {
    /// What it does is done; tasks that it aborted, or handlers, may still be at it.
    Begun,
    /// It has been answered, or its answer is with that in the same commit.
    Over,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    serial: u64,
    status: u8,
    transferred: u32,
    wanted: u32,
    sense: Vec<u8>,
}

impl Recorded {
    /// Keeps the outcome of the command `serial`.
    pub fn push(&mut self, serial: u64, outcome: &Outcome) {
        if self.outcomes.len() >= MOST
            && let Some(oldest) = self.outcomes.pop_front()
        {
            self.dropped = self.dropped.max(oldest.serial);
        }
        self.outcomes.push_back(Entry {
            serial,
            status: outcome.status.code(),
            transferred: outcome.transferred,
            wanted: outcome.wanted,
            sense: outcome.sense.as_ref().map(|sense| sense.as_slice().to_vec()).unwrap_or_default(),
        });
    }

    /// How the command `serial` ended, if that is known.
    pub fn find(&self, serial: u64) -> Option<Outcome> {
        let entry = self.outcomes.iter().find(|entry| entry.serial == serial)?;
        // What was read back from the notebook is anybody's: an outcome that cannot be is none.
        let status = Status::try_from(entry.status).ok()?;
        let sense = match entry.sense.as_slice() {
            [] => None,
            bytes => Some(SenseBytes::copy(bytes)?),
        };
        let (transferred, wanted) = (entry.transferred, entry.wanted);
        Some(Outcome { status, sense, transferred, wanted, aborted: false })
    }

    /// Whether the outcome of the command `serial` may have been dropped.
    pub fn may_have_dropped(&self, serial: u64) -> bool {
        serial <= self.dropped
    }

    /// The same within its bound, for what was read back.
    pub fn bounded(mut self) -> Self {
        while self.outcomes.len() > MOST {
            self.outcomes.pop_front();
        }
        self.aborted.truncate(MOST_UNITS * MOST_CHANGES);
        self.functions.truncate(MOST_FUNCTIONS);
        self
    }

    /// Notes how far a function has come.
    pub fn perform(&mut self, serial: u64, how: Performed) {
        let over = how == Performed::Over;
        if let Some(known) = self.functions.iter_mut().find(|(known, _)| *known == serial) {
            known.1 |= over;
            return;
        }
        if self.functions.len() >= MOST_FUNCTIONS {
            self.functions.pop_front();
        }
        self.functions.push_back((serial, over));
    }

    /// How far the function `serial` has come, if it was performed.
    pub fn function(&self, serial: u64) -> Option<Performed> {
        let (_, over) = self.functions.iter().find(|(known, _)| *known == serial)?;
        Some(if *over { Performed::Over } else { Performed::Begun })
    }

    /// Notes that commands at `unit` up to `serial` were aborted; `told`: they end with TASK ABORTED status.
    pub fn abort(&mut self, unit: u32, serial: u64, told: bool) {
        let of_unit = |(known, _, _): &(u32, bool, u64)| *known == unit;
        let count = self.aborted.iter().filter(|entry| of_unit(entry)).count();
        let full = self.aborted.len() >= MOST_UNITS * MOST_CHANGES;
        match self.aborted.iter_mut().rfind(|entry| of_unit(entry)) {
            Some((_, _, until)) if serial <= *until => {}
            Some((_, how, until)) if *how == told => *until = serial,
            None if full => {}
            _ => {
                if count >= MOST_CHANGES
                    && let Some(oldest) = self.aborted.iter().position(of_unit)
                {
                    self.aborted.remove(oldest);
                }
                self.aborted.push((unit, told, serial));
            }
        }
    }

    /// How the command `serial` at `unit` ends, if it was aborted.
    pub fn aborted(&self, unit: u32, serial: u64) -> Option<Outcome> {
        let covers = |(known, _, until): &&(u32, bool, u64)| *known == unit && serial <= *until;
        let (_, told, _) = self.aborted.iter().find(covers)?;
        Some(if *told { Outcome::status(Status::TaskAborted) } else { Outcome::aborted() })
    }
}

impl Core {
    /// Keeps the outcome of a command of the nexus at `nexus`, to be called in the turn of its effect. `serial` is the
    /// command's.
    pub(crate) fn record(&mut self, nexus: usize, serial: u64, outcome: &Outcome) {
        if let Some(nexus) = self.nexuses.get_mut(nexus) {
            nexus.recorded.push(serial, outcome);
            self.touched.push((Part::Recorded, nexus.wide, 0));
        }
    }

    /// Notes how far a task management function of the nexus at `nexus` has come, to be called in the turn of its effect.
    pub(crate) fn record_function(&mut self, nexus: usize, serial: u64, how: Performed) {
        if let Some(nexus) = self.nexuses.get_mut(nexus) {
            nexus.recorded.perform(serial, how);
            self.touched.push((Part::Recorded, nexus.wide, 0));
        }
    }

    /// Notes that a command of the nexus at `nexus` was aborted, with all that are older, to be called in the turn of the effect
    /// that it goes with: for aborts that do not come again with what caused them. `told` is as for [`Recorded::abort`].
    pub(crate) fn record_abort(&mut self, nexus: usize, unit: u32, serial: u64, told: bool) {
        if let Some(nexus) = self.nexuses.get_mut(nexus) {
            nexus.recorded.abort(unit, serial, told);
            self.touched.push((Part::Recorded, nexus.wide, 0));
        }
    }

    /// How a command ends that comes again after it was aborted.
    pub(crate) fn recall_abort(&self, nexus: usize, request: &Request) -> Option<Outcome> {
        let unit = self.lun_to_unit(nexus, Lun::from_u64(request.lun))?;
        let again = request.flags & request_flags::AGAIN != 0;
        let recorded = &self.nexuses.get(nexus)?.recorded;
        again.then(|| recorded.aborted(unit, request.serial)).flatten()
    }

    /// The outcome of a command that comes again and was executed before; none if it is to be executed.
    pub(crate) fn recall(&self, nexus: usize, request: &Request) -> Option<Outcome> {
        if request.flags & request_flags::AGAIN == 0 {
            return None;
        }
        let nexus = self.nexuses.get(nexus)?;
        let recorded = &nexus.recorded;
        if let Some(outcome) = recorded.find(request.serial) {
            return Some(outcome);
        }
        let row = opcode::lookup(request.cdb().ok()?)?;
        // A copy that was under way is known not to have ended, however long ago it began.
        let under_way = nexus.copies.progress(request.serial).is_some();
        let in_doubt =
            row.replay == Replay::Record && !under_way && recorded.may_have_dropped(request.serial);
        in_doubt.then(|| Outcome::check(Sense::aborted_command(Asc::IO_PROCESS_TERMINATED)))
    }
}

#[cfg(test)]
mod tests;
