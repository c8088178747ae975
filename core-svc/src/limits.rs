//! How many commands a unit, a target, and a session at one unit may have. Past a limit a command is refused with TASK SET FULL,
//! or with BUSY if its nexus has no command there whose end it could wait for (SAM-5 5.3.1). A command that comes again was let
//! in before.

use ipc::message::record::{Request, request_flags};
use scsi::status::Status;

use crate::core::Core;
use crate::settle::Outcome;
use crate::stats::Counter;

impl Core {
    /// The refusal of a new command of the nexus at `at`, if a limit is reached.
    #[inline]
    pub(crate) fn limit_refusal(&self, at: usize, number: u32, request: &Request) -> Option<Outcome> {
        let nexus = self.nexuses.get(at)?;
        let unit = self.units.get(number as usize)?.as_ref()?;
        let target = self.target_of(nexus)?;
        let path = |most| nexus.by_unit.get(&number).is_some_and(|tasks| *tasks >= most);
        let full =
            unit.tasks >= unit.limit || target.tasks >= target.limit || target.path_limit.is_some_and(path);
        if !full || request.flags & request_flags::AGAIN != 0 {
            return None;
        }
        let waits = !self.tasks.select(|task| task.nexus == at && task.unit == number).is_empty();
        let (status, counter) = match waits {
            true => (Status::TaskSetFull, Counter::TaskSetFull),
            false => (Status::Busy, Counter::Busy),
        };
        self.count(counter, 1);
        Some(Outcome::status(status))
    }

    /// A command becomes a task.
    #[inline]
    pub(crate) fn count_in(&mut self, at: usize, number: u32) {
        if let Some(unit) = self.units.get_mut(number as usize).and_then(Option::as_mut) {
            unit.tasks += 1;
        }
        let Some(nexus) = self.nexuses.get_mut(at) else { return };
        if let Some(target) = self.targets.get_mut(nexus.target as usize).and_then(Option::as_mut) {
            target.tasks += 1;
            if target.path_limit.is_some() {
                *nexus.by_unit.entry(number).or_default() += 1;
            }
        }
    }

    /// A task has ended.
    #[inline]
    pub(crate) fn count_out(&mut self, at: usize, number: u32) {
        if let Some(unit) = self.units.get_mut(number as usize).and_then(Option::as_mut) {
            unit.tasks = unit.tasks.saturating_sub(1);
        }
        let Some(nexus) = self.nexuses.get_mut(at) else { return };
        if let Some(target) = self.targets.get_mut(nexus.target as usize).and_then(Option::as_mut) {
            target.tasks = target.tasks.saturating_sub(1);
        }
        if !nexus.by_unit.is_empty()
            && let Some(tasks) = nexus.by_unit.get_mut(&number)
        {
            *tasks = tasks.saturating_sub(1);
        }
    }
}
