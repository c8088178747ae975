//! PREEMPT AND ABORT ends when the commands of the preempted nexuses have really ended, also in the handler (SPC-4 5.13.11.5).
//!
//! The preemption itself is in the notebook by then. If the core dies before the end, its transport sends the command again
//! and intake answers it from what was recorded, after the handlers have said that nothing older runs; and commands of
//! preempted nexuses that come again are ended by the mark that each of these nexuses keeps ([`crate::recorded`]).

use rustc_hash::FxHashSet;

use crate::core::Core;
use crate::settle::Outcome;
use crate::task::TaskId;

use super::execute::Now;

/// A PREEMPT AND ABORT that waits.
#[derive(Debug)]
pub struct Preempting {
    id: TaskId,
    outcome: Outcome,
    waits: FxHashSet<TaskId>,
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
        if victims.is_empty() {
            return Some(outcome);
        }
        if let Some(by) = self.tasks.get(id).map(|task| task.nexus) {
            self.record_own_aborts(unit, by, &victims);
            self.abort_for_others(unit, by, &victims);
        }
        self.preempting.push(Preempting { id, outcome, waits: victims.iter().copied().collect() });
        for victim in victims {
            self.abort(victim);
        }
        None
    }

    /// A task has ended: who waited for it goes on, and who was waiting and has ended itself is forgotten.
    pub(crate) fn preempting_after(&mut self, ended: TaskId) {
        self.preempting.retain(|waiting| waiting.id != ended);
        for waiting in &mut self.preempting {
            waiting.waits.remove(&ended);
        }
        while let Some(at) = self.preempting.iter().position(|waiting| waiting.waits.is_empty()) {
            let done = self.preempting.swap_remove(at);
            self.end(done.id, &done.outcome);
        }
    }
}
