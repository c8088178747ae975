//! Auto contingent allegiance (SAM-5 5.9): after a CHECK CONDITION for a command with NACA one, the task set stands still
//! until the initiator has cleared the condition.
//!
//! While it stands, tasks of the set that the handler does not have yet are blocked; of new commands only one at a time with
//! the ACA attribute, over the faulted nexus, is executed. Without NACA there is nothing to keep: sense data goes with the
//! status, which clears the contingent allegiance.
//!
//! A condition outlives the core in the notebook. Its CHECK CONDITION is recorded with it, so that the command whose answer
//! was lost gets the same again; other commands that come again were in the set before, and queue up there, blocked.

use ipc::message::record::{Request, request_flags};
use scsi::asc::Asc;
use scsi::attribute::TaskAttribute;
use scsi::opcode::{Opcode, number};
use scsi::sense::Sense;
use scsi::status::Status;

use crate::core::Core;
use crate::lun_map::Unit;
use crate::notebook::Part;
use crate::settle::Outcome;
use crate::task::{Stage, TaskId};

/// A condition at a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Aca {
    /// The place of the faulted nexus.
    pub nexus: usize,
    /// The ACA task, if there is one.
    pub task: Option<TaskId>,
}

/// SERVICE ACTION of PERSISTENT RESERVE OUT: PREEMPT AND ABORT.
const PREEMPT_AND_ABORT: u16 = 0x05;

impl Unit {
    /// The condition in the task set of a nexus.
    #[inline]
    pub fn aca_for(&self, nexus: usize) -> Option<&Aca> {
        if self.set.per_nexus() { self.aca.iter().find(|aca| aca.nexus == nexus) } else { self.aca.first() }
    }

    /// Whether the task set of a nexus stands still.
    #[inline]
    pub fn is_blocked(&self, nexus: usize) -> bool {
        !self.aca.is_empty() && self.aca_for(nexus).is_some()
    }
}

impl Core {
    /// What a standing condition, or the want of one, makes of a new command (SAM-5 5.9.3, 5.9.4); none if it may enter the
    /// task set.
    #[inline]
    pub(crate) fn aca_refusal(
        &self,
        nexus: usize,
        number: u32,
        attribute: TaskAttribute,
        row: Option<&Opcode>,
        request: &Request,
    ) -> Option<Outcome> {
        let unit = self.units.get(number as usize)?.as_ref()?;
        if unit.aca.is_empty() && attribute != TaskAttribute::Aca {
            return None;
        }
        self.aca_refusal_of(unit, nexus, attribute, row, request)
    }

    #[cold]
    fn aca_refusal_of(
        &self,
        unit: &Unit,
        nexus: usize,
        attribute: TaskAttribute,
        row: Option<&Opcode>,
        request: &Request,
    ) -> Option<Outcome> {
        let invalid = || Outcome::check(Sense::illegal_request(Asc::INVALID_MESSAGE_ERROR));
        let is_aca = attribute == TaskAttribute::Aca;
        let Some(aca) = unit.aca_for(nexus) else { return is_aca.then(invalid) };
        // What comes again was let in before, but for an ACA task: only one of the faulted nexus ever is.
        if request.flags & request_flags::AGAIN != 0 && (aca.nexus == nexus || !is_aca) {
            return None;
        }
        if aca.nexus == nexus {
            let may = is_aca && aca.task.is_none() && !unit.report.control.tmf_only;
            return (!may).then(|| Outcome::status(Status::AcaActive));
        }
        match (is_aca, row.is_some_and(is_preempt_and_abort)) {
            (true, _) => Some(invalid()),
            (false, true) => None,
            (false, false) if naca(request) => Some(Outcome::status(Status::AcaActive)),
            (false, false) => Some(Outcome::status(Status::Busy)),
        }
    }

    /// Establishes a condition for the nexus at `at`, unless its task set has one.
    pub(crate) fn establish_aca(&mut self, number: u32, at: usize) {
        let Some(nexus) = self.nexuses.get(at).filter(|nexus| nexus.closing.is_none()) else { return };
        let wide = nexus.wide;
        let Some(unit) = self.unit_mut(number) else { return };
        if unit.aca_for(at).is_none() {
            unit.aca.push(Aca { nexus: at, task: None });
            self.any_aca = true;
            self.touch((Part::Aca, wide, u64::from(number)));
        }
    }

    /// Takes up a condition of a former incarnation.
    pub(crate) fn take_up_aca(&mut self, wide: u64, unit: u64) -> Option<()> {
        let at = self.nexuses.find(wide)?;
        let unit = self.unit_mut(u32::try_from(unit).ok()?)?;
        if unit.aca.iter().all(|aca| aca.nexus != at) {
            unit.aca.push(Aca { nexus: at, task: None });
        }
        self.any_aca = true;
        Some(())
    }

    /// Whether the nexus known as `wide` has a condition at a unit.
    pub(crate) fn has_aca(&self, wide: u64, unit: u64) -> bool {
        let at = self.nexuses.find(wide);
        let unit = usize::try_from(unit).ok().and_then(|unit| self.units.get(unit)?.as_ref());
        unit.is_some_and(|unit| unit.aca.iter().any(|aca| Some(aca.nexus) == at))
    }

    /// Ends the conditions at a unit of the nexuses that `ended` chooses; what was blocked goes on. The ACA task, if there is
    /// one, goes on as any other: whoever clears a condition has it aborted.
    pub(crate) fn clear_aca(&mut self, number: u32, ended: impl Fn(usize) -> bool) {
        let Some(unit) = self.unit_mut(number) else { return };
        if !unit.aca.iter().any(|aca| ended(aca.nexus)) {
            return;
        }
        let gone: Vec<usize> = unit.aca.iter().map(|aca| aca.nexus).filter(|nexus| ended(*nexus)).collect();
        unit.aca.retain(|aca| !ended(aca.nexus));
        for nexus in gone {
            if let Some(wide) = self.nexuses.get(nexus).map(|nexus| nexus.wide) {
                self.touch((Part::Aca, wide, u64::from(number)));
            }
        }
        self.count_acas();
        self.unblock(number);
    }

    /// The nexus at `at` is lost: its conditions end.
    pub(crate) fn clear_aca_of(&mut self, at: usize) {
        if self.any_aca {
            for unit in 0..self.units.len() as u32 {
                self.clear_aca(unit, |nexus| nexus == at);
            }
        }
    }

    /// What stood still and need not any more goes on, oldest first.
    fn unblock(&mut self, number: u32) {
        let blocked = self.tasks_in_order(|task| task.unit == number && task.stage == Stage::Blocked);
        let mut nexuses: Vec<usize> = self.nexuses.iter().map(|(at, _)| at).collect();
        let Some(unit) = self.units.get(number as usize).and_then(Option::as_ref) else { return };
        nexuses.retain(|nexus| !unit.is_blocked(*nexus));
        for id in blocked {
            let Some(task) = self.tasks.get_mut(id).filter(|task| !unit.is_blocked(task.nexus)) else {
                continue;
            };
            task.stage = Stage::Enabled;
            self.ready.push_back(id);
        }
        if !unit.set.per_nexus() {
            nexuses.truncate(1);
        }
        for nexus in nexuses {
            self.enable(number, nexus);
        }
    }

    /// TST has changed. One set has one condition: the oldest stays.
    pub(crate) fn aca_under_new_sets(&mut self, number: u32) {
        let Some(unit) = self.units.get(number as usize).and_then(Option::as_ref) else { return };
        if unit.aca.is_empty() {
            return;
        }
        if !unit.set.per_nexus()
            && let Some(first) = unit.aca.first().map(|aca| aca.nexus)
        {
            self.clear_aca(number, |nexus| nexus != first);
        }
        self.unblock(number);
    }

    /// Whether the task set of a nexus at a unit stands still.
    pub(crate) fn stands_still(&self, number: u32, nexus: usize) -> bool {
        let unit = self.units.get(number as usize).and_then(Option::as_ref);
        unit.is_some_and(|unit| unit.is_blocked(nexus))
    }

    /// An enabled task is kept from being executed.
    pub(crate) fn block(&mut self, id: TaskId) {
        if let Some(task) = self.tasks.get_mut(id) {
            task.stage = Stage::Blocked;
        }
    }

    fn count_acas(&mut self) {
        self.any_aca = self.units.iter().flatten().any(|unit| !unit.aca.is_empty());
    }

    /// The ACA task of a unit has begun (`Some`) or ended.
    pub(crate) fn note_aca_task(&mut self, number: u32, nexus: usize, task: Option<TaskId>) {
        if let Some(unit) = self.unit_mut(number)
            && let Some(aca) = unit.aca.iter_mut().find(|aca| aca.nexus == nexus)
        {
            aca.task = task;
        }
    }
}

/// Whether it is PERSISTENT RESERVE OUT with PREEMPT AND ABORT, which a condition of another nexus does not stop.
pub(crate) fn is_preempt_and_abort(row: &Opcode) -> bool {
    row.code == number::PERSISTENT_RESERVE_OUT && row.service_action == Some(PREEMPT_AND_ABORT)
}

/// NACA in the CONTROL byte of a command (SAM-5 5.2), which is the last one but for CDBs of variable length.
#[inline]
pub(crate) fn naca(request: &Request) -> bool {
    let cdb = request.cdb().unwrap_or_default();
    let at = match cdb.first().copied().unwrap_or_default() {
        0x7F => 1,
        0x00..=0x1F => 5,
        0x20..=0x5F => 9,
        0x80..=0x9F => 15,
        0xA0..=0xBF => 11,
        _ => return false,
    };
    cdb.get(at).is_some_and(|control| control & 0x04 != 0)
}
