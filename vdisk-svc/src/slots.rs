//! Where tasks live that are not over at once: a fixed number of slots, allocated at the start.
//!
//! A command that is answered from the page cache never gets here. Slots are also linked into queues (of a unit, of a
//! sync), each slot into one at most.

use crate::task::Task;

/// Number of a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlotId(u32);

impl SlotId {
    /// The slot with this index.
    pub fn from_index(index: usize) -> Self {
        Self(u32::try_from(index).expect("there are fewer than 2^32 slots"))
    }

    /// Its index, below the number of slots.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

struct Slot {
    task: Option<Task>,
    /// The next free slot, or the next of the queue that the slot is in.
    next: Option<SlotId>,
}

/// All slots.
pub struct Slots {
    slots: Box<[Slot]>,
    free: Option<SlotId>,
    used: usize,
}

/// A queue of slots, oldest first. It owns nothing: the slots stay in [`Slots`].
#[derive(Debug, Default)]
pub struct Queue {
    first: Option<SlotId>,
    last: Option<SlotId>,
}

impl Queue {
    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// The oldest.
    pub fn first(&self) -> Option<SlotId> {
        self.first
    }
}

impl Slots {
    /// `count` empty slots.
    pub fn new(count: usize) -> Self {
        let slots: Box<[Slot]> = (0..count)
            .map(|index| Slot {
                task: None,
                next: (index + 1 < count).then(|| SlotId::from_index(index + 1)),
            })
            .collect();
        Self { free: (count > 0).then_some(SlotId(0)), slots, used: 0 }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.slots.len()
    }

    /// How many hold a task.
    pub fn used(&self) -> usize {
        self.used
    }

    /// Whether a task would find no room.
    pub fn is_full(&self) -> bool {
        self.free.is_none()
    }

    /// Puts a task into a free slot. Panics when there is none: ask [`is_full`](Self::is_full) before a task is taken.
    pub fn insert(&mut self, task: Task) -> SlotId {
        let id = self.free.expect("a task is taken from a ring only when a slot is free");
        let slot = &mut self.slots[id.index()];
        self.free = slot.next.take();
        slot.task = Some(task);
        self.used += 1;
        id
    }

    /// Takes the task out; the slot is free again.
    pub fn remove(&mut self, id: SlotId) -> Task {
        let slot = &mut self.slots[id.index()];
        let task = slot.task.take().expect("only a slot in use is given back");
        slot.next = self.free.replace(id);
        self.used -= 1;
        task
    }

    /// The task in a slot in use.
    pub fn get(&mut self, id: SlotId) -> &mut Task {
        self.slots[id.index()].task.as_mut().expect("only a slot in use is looked at")
    }

    /// Every task.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (SlotId, &mut Task)> {
        let numbered = self.slots.iter_mut().enumerate();
        numbered.filter_map(|(index, slot)| Some((SlotId::from_index(index), slot.task.as_mut()?)))
    }

    /// Appends a slot to a queue.
    pub fn push(&mut self, queue: &mut Queue, id: SlotId) {
        self.slots[id.index()].next = None;
        match queue.last.replace(id) {
            Some(last) => self.slots[last.index()].next = Some(id),
            None => queue.first = Some(id),
        }
    }

    /// Takes the oldest slot of a queue.
    pub fn pop(&mut self, queue: &mut Queue) -> Option<SlotId> {
        let id = queue.first?;
        queue.first = self.slots[id.index()].next.take();
        if queue.first.is_none() {
            queue.last = None;
        }
        Some(id)
    }

    /// Takes the slots out of a queue whose tasks are not to be kept, in order, and hands each on.
    pub fn sift(
        &mut self,
        queue: &mut Queue,
        mut keep: impl FnMut(&Task) -> bool,
        mut out: impl FnMut(Task),
    ) {
        let mut all = std::mem::take(queue);
        while let Some(id) = self.pop(&mut all) {
            if keep(self.get(id)) {
                self.push(queue, id);
            } else {
                out(self.remove(id));
            }
        }
    }
}

#[cfg(test)]
mod tests;
