//! Stage 5, task set: which of a logical unit's tasks may run now (SAM-5 clause 8).
//!
//! A task is dormant or enabled; the rules that the counters below encode are those of SAM-5 8.5: HEAD OF QUEUE is enabled on
//! arrival; ORDERED waits for every older task and every HEAD OF QUEUE task; SIMPLE waits for older ORDERED tasks and for HEAD
//! OF QUEUE tasks. As dormant tasks are kept in arrival order, nothing behind a dormant task can overtake it.
//!
//! A unit has one set for all nexuses (TST 000b) or one for each (TST 001b); [`sets`] chooses. Under restricted reordering
//! (QUEUE ALGORITHM MODIFIER 0h) a SIMPLE task that changes the medium is not enabled beside another SIMPLE task of its
//! nexus. ACA tasks are in no set: there is one at a time, and it runs while everything else stands ([`crate::aca`]).

pub mod sets;

use std::collections::VecDeque;

use rustc_hash::FxHashMap;
use scsi::attribute::TaskAttribute;
use scsi::opcode::{Opcode, Queueing};

use crate::task::TaskId;

/// What a task's attribute and its command make of its place in the set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// In no order: runs at once and holds nobody (implicit HEAD OF QUEUE, the ACA task).
    Aside,
    /// HEAD OF QUEUE.
    Head,
    /// ORDERED, and commands that run alone.
    Ordered,
    /// Waits as ORDERED does and lets younger tasks pass once it runs.
    Begins,
    /// SIMPLE that only looks at the medium.
    Looks,
    /// SIMPLE that may change it.
    Changes,
}

/// A task's place in the set of a nexus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seat {
    /// Its order.
    pub order: Order,
    /// Its nexus's place.
    pub nexus: usize,
}

impl Seat {
    /// The seat of a command.
    pub fn new(attribute: TaskAttribute, opcode: &Opcode, nexus: usize) -> Self {
        let order = match (attribute, opcode.queueing) {
            (TaskAttribute::Aca, _) => Order::Aside,
            (TaskAttribute::HeadOfQueue, _) => Order::Head,
            (_, Queueing::Begins) => Order::Begins,
            (TaskAttribute::Ordered, _) | (_, Queueing::Alone) => Order::Ordered,
            (_, Queueing::Aside) => Order::Aside,
            (_, Queueing::Plain) if opcode.medium_write => Order::Changes,
            (_, Queueing::Plain) => Order::Looks,
        };
        Self { order, nexus }
    }
}

/// The tasks of one task set, by order.
#[derive(Debug, Default)]
pub struct TaskSet {
    dormant: VecDeque<(TaskId, Seat)>,
    enabled: u32,
    /// Enabled tasks that nobody waits for: not even a command that runs alone, which their executor refuses meanwhile.
    begun: u32,
    enabled_ordered: u32,
    enabled_head: u32,
    /// Under restricted reordering, SIMPLE tasks of each nexus that are enabled: those that look and those that change.
    streams: Option<FxHashMap<usize, (u32, u32)>>,
}

impl TaskSet {
    /// A set without tasks.
    pub fn new(restricted: bool) -> Self {
        Self { streams: restricted.then(FxHashMap::default), ..Self::default() }
    }

    /// A task arrives. True: it is enabled at once; false: it is dormant until [`enable_next`](Self::enable_next) names it.
    #[inline]
    pub fn enter(&mut self, task: TaskId, seat: Seat) -> bool {
        let at_once = matches!(seat.order, Order::Head | Order::Aside);
        let enabled = at_once || (self.dormant.is_empty() && self.may_run(seat));
        if enabled {
            self.count(seat);
        } else {
            self.dormant.push_back((task, seat));
        }
        enabled
    }

    /// A task arrives while nothing may be enabled. One that waits for nobody must not wait behind others later.
    pub fn enter_dormant(&mut self, task: TaskId, seat: Seat) {
        let first = |order| matches!(order, Order::Head | Order::Aside);
        let waits = self.dormant.iter().position(|(_, known)| !first(known.order));
        let place = waits.filter(|_| first(seat.order)).unwrap_or(self.dormant.len());
        self.dormant.insert(place, (task, seat));
    }

    /// An enabled task has ended.
    #[inline]
    pub fn leave(&mut self, seat: Seat) {
        match seat.order {
            Order::Aside => return,
            Order::Begins => return self.begun -= 1,
            _ => self.enabled -= 1,
        }
        match seat.order {
            Order::Head => self.enabled_head -= 1,
            Order::Ordered => self.enabled_ordered -= 1,
            _ => {}
        }
        if let Some(streams) = &mut self.streams {
            uncount_stream(streams, seat);
        }
    }

    /// The oldest dormant task, if it may run now; it is enabled by this call.
    #[inline]
    pub fn enable_next(&mut self) -> Option<TaskId> {
        let (task, seat) = *self.dormant.front()?;
        if !self.may_run(seat) {
            return None;
        }
        self.dormant.pop_front();
        self.count(seat);
        Some(task)
    }

    /// Takes a dormant task out, as for an abort. False: it is not dormant here.
    pub fn withdraw(&mut self, task: TaskId) -> bool {
        let before = self.dormant.len();
        self.dormant.retain(|(known, _)| *known != task);
        self.dormant.len() != before
    }

    /// Whether it has no task.
    pub fn is_empty(&self) -> bool {
        self.enabled == 0 && self.begun == 0 && self.dormant.is_empty()
    }

    #[inline]
    fn may_run(&self, seat: Seat) -> bool {
        match seat.order {
            Order::Head | Order::Aside => true,
            Order::Ordered | Order::Begins => self.enabled == 0,
            Order::Looks | Order::Changes => {
                let open = self.enabled_ordered == 0 && self.enabled_head == 0;
                open && self.streams.as_ref().is_none_or(|streams| may_join(streams, seat))
            }
        }
    }

    /// Counts an enabled task.
    #[inline]
    pub fn count(&mut self, seat: Seat) {
        match seat.order {
            Order::Aside => return,
            Order::Begins => return self.begun += 1,
            _ => self.enabled += 1,
        }
        match seat.order {
            Order::Head => self.enabled_head += 1,
            Order::Ordered => self.enabled_ordered += 1,
            _ => {}
        }
        if let Some(streams) = &mut self.streams {
            count_stream(streams, seat);
        }
    }
}

fn may_join(streams: &FxHashMap<usize, (u32, u32)>, seat: Seat) -> bool {
    let (looks, changes) = streams.get(&seat.nexus).copied().unwrap_or_default();
    changes == 0 && (looks == 0 || seat.order == Order::Looks)
}

fn count_stream(streams: &mut FxHashMap<usize, (u32, u32)>, seat: Seat) {
    match seat.order {
        Order::Looks => streams.entry(seat.nexus).or_default().0 += 1,
        Order::Changes => streams.entry(seat.nexus).or_default().1 += 1,
        _ => {}
    }
}

fn uncount_stream(streams: &mut FxHashMap<usize, (u32, u32)>, seat: Seat) {
    let Some((looks, changes)) = streams.get_mut(&seat.nexus) else { return };
    match seat.order {
        Order::Looks => *looks -= 1,
        Order::Changes => *changes -= 1,
        _ => {}
    }
    if (*looks, *changes) == (0, 0) {
        streams.remove(&seat.nexus);
    }
}

#[cfg(test)]
mod tests;
