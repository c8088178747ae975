//! The task sets of one logical unit: one for everybody, or one for each nexus, as TST says.
//!
//! When TST or QUEUE ALGORITHM MODIFIER changes, the sets are made anew from the tasks that there are: what is enabled stays
//! so, what is dormant queues up again in the order of arrival.

use rustc_hash::FxHashMap;
use scsi::unit_report::Control;

use super::{Seat, TaskSet};
use crate::core::Core;
use crate::nexus::OWN;
use crate::task::{Stage, TaskId};

/// The sets.
#[derive(Debug, Default)]
pub struct TaskSets {
    shared: TaskSet,
    /// By nexus, under TST 001b. A set without tasks is not kept.
    own: Option<FxHashMap<usize, TaskSet>>,
    restricted: bool,
}

impl TaskSets {
    /// Empty sets under these settings.
    pub fn new(control: &Control) -> Self {
        let restricted = control.queue_algorithm == 0;
        Self {
            shared: TaskSet::new(restricted),
            own: (control.tst == 1).then(FxHashMap::default),
            restricted,
        }
    }

    /// Whether these settings need other sets.
    pub fn suits(&self, control: &Control) -> bool {
        self.own.is_some() == (control.tst == 1) && self.restricted == (control.queue_algorithm == 0)
    }

    /// Whether there is one for each nexus.
    pub fn per_nexus(&self) -> bool {
        self.own.is_some()
    }

    /// The set of a nexus.
    #[inline]
    fn of(&mut self, nexus: usize) -> &mut TaskSet {
        let restricted = self.restricted;
        match &mut self.own {
            None => &mut self.shared,
            Some(own) => own.entry(nexus).or_insert_with(|| TaskSet::new(restricted)),
        }
    }

    /// As [`TaskSet::enter`].
    #[inline]
    pub fn enter(&mut self, task: TaskId, seat: Seat) -> bool {
        self.of(seat.nexus).enter(task, seat)
    }

    /// As [`TaskSet::enter_dormant`].
    pub fn enter_dormant(&mut self, task: TaskId, seat: Seat) {
        self.of(seat.nexus).enter_dormant(task, seat);
    }

    /// As [`TaskSet::enable_next`], in the set of a nexus.
    #[inline]
    pub fn enable_next(&mut self, nexus: usize) -> Option<TaskId> {
        self.of(nexus).enable_next()
    }

    /// A task has ended: a dormant one if `dormant`.
    #[inline]
    pub fn leave(&mut self, task: TaskId, seat: Seat, dormant: bool) {
        let set = self.of(seat.nexus);
        if dormant {
            set.withdraw(task);
        } else {
            set.leave(seat);
        }
    }

    /// Forgets the set of a nexus if it is empty.
    #[inline]
    pub fn tidy(&mut self, nexus: usize) {
        if let Some(own) = &mut self.own
            && own.get(&nexus).is_some_and(TaskSet::is_empty)
        {
            own.remove(&nexus);
        }
    }

    /// Whether there is no task.
    pub fn is_empty(&self) -> bool {
        self.shared.is_empty() && self.own.iter().flatten().all(|(_, set)| set.is_empty())
    }
}

impl Core {
    /// Makes the sets of a unit anew if its settings ask for others.
    pub(crate) fn suit_sets(&mut self, number: u32) {
        let tasks = self.tasks_in_order(|task| task.unit == number && task.nexus != OWN);
        let Some(unit) = self.units.get_mut(number as usize).and_then(Option::as_mut) else { return };
        if unit.set.suits(&unit.report.control) {
            return;
        }
        let mut sets = TaskSets::new(&unit.report.control);
        let mut nexuses = Vec::new();
        for id in tasks {
            let Some(task) = self.tasks.get(id) else { continue };
            if task.stage == Stage::Dormant {
                sets.enter_dormant(id, task.seat);
            } else {
                sets.of(task.seat.nexus).count(task.seat);
            }
            nexuses.push(task.nexus);
        }
        unit.set = sets;
        nexuses.sort_unstable();
        nexuses.dedup();
        self.aca_under_new_sets(number);
        for nexus in nexuses {
            self.enable(number, nexus);
        }
    }

    /// Enables what may run now in the set of a nexus.
    pub(crate) fn enable(&mut self, number: u32, nexus: usize) {
        let Some(unit) = self.units.get_mut(number as usize).and_then(Option::as_mut) else { return };
        if unit.is_blocked(nexus) {
            return;
        }
        while let Some(next) = unit.set.enable_next(nexus) {
            if let Some(task) = self.tasks.get_mut(next) {
                task.stage = Stage::Enabled;
            }
            self.ready.push_back(next);
        }
        unit.set.tidy(nexus);
    }

    /// Tasks that `keep` chooses, oldest first.
    pub(crate) fn tasks_in_order(&self, keep: impl FnMut(&crate::task::Task) -> bool) -> Vec<TaskId> {
        let mut tasks = self.tasks.select(keep);
        tasks.sort_by_key(|id| self.tasks.get(*id).map(|task| task.arrival));
        tasks
    }
}
