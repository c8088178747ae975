//! A task: one command from its arrival to its outcome, and the table of all of them.
//!
//! Tasks live in slots that are reused; a [`TaskId`] carries the slot's generation, so that an old name never means a
//! new task. The identity that the outside knows is (nexus, serial).

use ipc::message::record::Request;
use rustc_hash::FxHashMap;
use scsi::attribute::TaskAttribute;
use scsi::opcode::Opcode;

use crate::task_set::Seat;

/// The name of a task inside the core.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TaskId {
    slot: u32,
    generation: u32,
}

/// How far a task has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// In its task set, not enabled.
    Dormant,
    /// Enabled, and kept from being executed by an ACA condition.
    Blocked,
    /// Enabled; its data-out is not complete.
    AwaitingData,
    /// Enabled and to be executed by the core itself, or about to be dispatched.
    Enabled,
    /// For its handler, and in nobody's hands: there is no link, or no room in it. The number orders tasks of one handler
    /// by age.
    Held(u64),
    /// What it does is being made durable; it ends when that is over.
    Writing,
    /// With its handler, over the link that lives; the number as for `Held`.
    Sent(u64),
}

/// A task.
#[derive(Debug)]
pub struct Task {
    /// The request as it came, with the extents of `DataComplete` put in and the nexus under the number that handlers
    /// know ([`crate::nexus::wide`]). `AGAIN` says that the handler may have seen it.
    pub request: Request,
    /// Row of the opcode table.
    pub opcode: &'static Opcode,
    /// The nexus's place in the core's table.
    pub nexus: usize,
    /// The transport's link over which it was last named. Over any other its transport has not asked for an answer.
    pub epoch: u64,
    /// The logical unit.
    pub unit: u32,
    /// Its attribute.
    pub attribute: TaskAttribute,
    /// Its place in the task set.
    pub seat: Seat,
    /// When it came: tasks are in the order of these.
    pub arrival: u64,
    /// The time of the loop's turn in which it came, in microseconds of the recorder's clock; 0 without a recorder.
    pub since: u64,
    /// How far it has come.
    pub stage: Stage,
    /// Its data-out is complete, or it has none.
    pub data_ready: bool,
    /// Reservations have let it through.
    pub judged: bool,
    /// It was aborted: it ends without an answer to the initiator. If its handler may be executing it for an older link,
    /// it ends when the handler has said that nothing older runs.
    pub aborted: bool,
    /// If it was aborted: by another nexus, and its initiator is told so by TASK ABORTED status.
    pub told: bool,
}

/// All tasks.
#[derive(Default)]
pub struct Tasks {
    slots: Vec<(u32, Option<Task>)>,
    free: Vec<u32>,
    by_identity: FxHashMap<(u64, u64), TaskId>,
}

impl Tasks {
    /// Room for `count` tasks before the first allocation.
    pub fn with_room(count: usize) -> Self {
        let mut by_identity = FxHashMap::default();
        by_identity.reserve(count * 2);
        Self { slots: Vec::with_capacity(count), free: Vec::with_capacity(count), by_identity }
    }

    /// Takes a task in. None: the identity is in use.
    pub fn insert(&mut self, task: Task) -> Option<TaskId> {
        let identity = (task.request.nexus, task.request.serial);
        let slot = self.free.last().copied().unwrap_or(self.slots.len() as u32);
        let generation = self.slots.get(slot as usize).map_or(0, |(generation, _)| *generation);
        let id = TaskId { slot, generation };
        match self.by_identity.entry(identity) {
            std::collections::hash_map::Entry::Occupied(_) => return None,
            std::collections::hash_map::Entry::Vacant(entry) => entry.insert(id),
        };
        if self.free.pop().is_some() {
            self.slots[slot as usize].1 = Some(task);
        } else {
            self.slots.push((0, Some(task)));
        }
        Some(id)
    }

    /// The task's name by the identity that handlers use.
    pub fn find(&self, nexus: u64, serial: u64) -> Option<TaskId> {
        self.by_identity.get(&(nexus, serial)).copied()
    }

    /// A living task.
    pub fn get(&self, id: TaskId) -> Option<&Task> {
        let (generation, task) = self.slots.get(id.slot as usize)?;
        task.as_ref().filter(|_| *generation == id.generation)
    }

    /// A living task, to change.
    pub fn get_mut(&mut self, id: TaskId) -> Option<&mut Task> {
        let (generation, task) = self.slots.get_mut(id.slot as usize)?;
        task.as_mut().filter(|_| *generation == id.generation)
    }

    /// Takes a task out.
    pub fn remove(&mut self, id: TaskId) -> Option<Task> {
        let (generation, place) = self.slots.get_mut(id.slot as usize)?;
        if *generation != id.generation {
            return None;
        }
        let task = place.take()?;
        *generation = generation.wrapping_add(1);
        self.free.push(id.slot);
        self.by_identity.remove(&(task.request.nexus, task.request.serial));
        Some(task)
    }

    /// Names of all living tasks that `keep` chooses. Allocates: for rare events only.
    pub fn select(&self, mut keep: impl FnMut(&Task) -> bool) -> Vec<TaskId> {
        let living = self.slots.iter().enumerate().filter_map(|(slot, (generation, task))| {
            let task = task.as_ref()?;
            keep(task).then_some(TaskId { slot: slot as u32, generation: *generation })
        });
        living.collect()
    }

    /// Tasks that live.
    pub fn len(&self) -> usize {
        self.by_identity.len()
    }

    /// Whether no task lives.
    pub fn is_empty(&self) -> bool {
        self.by_identity.is_empty()
    }
}

#[cfg(test)]
mod tests;
