//! PREEMPT AND ABORT ends when the commands of the preempted nexuses have really ended, also in the handler, and nothing that
//! they held keeps the medium in (SPC-4 5.13.11.5).
//!
//! The preemption itself is in the notebook by then. If the core dies before the end, its transport sends the command again
//! and intake answers it from what was recorded, after the handlers have said that nothing older runs; and commands of
//! preempted nexuses that come again are ended by the mark that each of these nexuses keeps ([`crate::recorded`]).

use rustc_hash::FxHashSet;

use crate::core::Core;
use crate::errand::Duty;
use crate::notebook::Part;
use crate::settle::Outcome;
use crate::task::TaskId;

use super::execute::Now;

/// A PREEMPT AND ABORT that waits.
#[derive(Debug)]
pub struct Preempting {
    id: TaskId,
    outcome: Outcome,
    waits: FxHashSet<TaskId>,
    /// What handlers have to do when they have ended.
    pub then: Vec<(u32, Duty)>,
    /// Errands that follow and are not done.
    errands: FxHashSet<u64>,
}

impl Preempting {
    /// The commands whose end it waits for, if it is the command `id`.
    pub fn waits_of(&self, id: TaskId) -> Option<usize> {
        (self.id == id).then_some(self.waits.len())
    }
}

impl Core {
    /// Aborts the commands of the nexuses at `places` for the task `id`. Its outcome, unless it has to wait.
    pub(super) fn abort_preempted(
        &mut self,
        id: TaskId,
        unit: u32,
        places: &[usize],
        outcome: Outcome,
    ) -> Now {
        let chosen = |task: &crate::task::Task| task.unit == unit && places.contains(&task.nexus);
        let mut victims = if places.is_empty() { Vec::new() } else { self.tasks.select(chosen) };
        victims.retain(|victim| *victim != id);
        // What a copy that one of them sent to another unit does here ends as well: nothing of theirs writes any more.
        victims.extend(self.own_commands_for(unit, places));
        self.clear_aca(unit, |nexus| places.contains(&nexus));
        let then = self.allowances(unit, places);
        if victims.is_empty() && then.is_empty() {
            return Some(outcome);
        }
        if let Some(by) = self.tasks.get(id).map(|task| task.nexus) {
            self.record_own_aborts(unit, by, &victims);
            self.abort_for_others(unit, by, &victims);
        }
        for (unit, duty) in &then {
            self.touch_allowance(*unit, *duty);
        }
        let (waits, errands) = (victims.iter().copied().collect(), FxHashSet::default());
        self.preempting.push(Preempting { id, outcome, waits, then, errands });
        for victim in victims {
            self.abort(victim);
        }
        self.finish_preempting();
        None
    }

    /// For each preempted nexus PREVENT ALLOW MEDIUM REMOVAL with PREVENT zero is processed (SPC-4 5.13.11.5).
    fn allowances(&self, unit: u32, places: &[usize]) -> Vec<(u32, Duty)> {
        let known = self.units.get(unit as usize).and_then(Option::as_ref);
        if !known.is_some_and(|unit| unit.report.keeps_nexus_state) {
            return Vec::new();
        }
        let preempted = places.iter().filter_map(|place| self.nexuses.get(*place));
        preempted.map(|nexus| (unit, Duty::Allow(nexus.wide))).collect()
    }

    fn touch_allowance(&mut self, unit: u32, duty: Duty) {
        if let Duty::Allow(wide) = duty {
            self.touch((Part::Allow, wide, u64::from(unit)));
        }
    }

    /// A task has ended: who waited for it goes on, and who was waiting and has ended itself is forgotten.
    pub(crate) fn preempting_after(&mut self, ended: TaskId) {
        if let Some(at) = self.preempting.iter().position(|waiting| waiting.id == ended) {
            let gone = self.preempting.swap_remove(at);
            self.have_done(gone.then);
        }
        for waiting in &mut self.preempting {
            waiting.waits.remove(&ended);
        }
        self.finish_preempting();
    }

    /// An errand is over: who waited for it goes on.
    pub(crate) fn preempting_after_errand(&mut self, serial: u64) {
        let waited = self.preempting.iter_mut().map(|waiting| waiting.errands.remove(&serial));
        if waited.fold(false, |any, one| any | one) {
            self.finish_preempting();
        }
    }

    fn finish_preempting(&mut self) {
        let due = |waiting: &Preempting| waiting.waits.is_empty() && !waiting.then.is_empty();
        while let Some(at) = self.preempting.iter().position(due) {
            let then = std::mem::take(&mut self.preempting[at].then);
            self.preempting[at].errands = self.have_done(then);
        }
        let over = |waiting: &Preempting| waiting.waits.is_empty() && waiting.errands.is_empty();
        while let Some(at) = self.preempting.iter().position(over) {
            let done = self.preempting.swap_remove(at);
            self.end(done.id, &done.outcome);
        }
    }

    /// Has handlers do what is due; the errands that are not done.
    fn have_done(&mut self, duties: Vec<(u32, Duty)>) -> FxHashSet<u64> {
        let mut errands = FxHashSet::default();
        for (unit, duty) in duties {
            errands.extend(self.run_errand(unit, duty));
            self.touch_allowance(unit, duty);
        }
        errands
    }
}
