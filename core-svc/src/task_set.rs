//! Stage 5, task set: which of a logical unit's tasks may run now (SAM-5 clause 8).
//!
//! One set per logical unit, shared by all nexuses (TST 000b). A task is dormant or enabled; the rules that the counters
//! below encode are those of SAM-5 8.5: HEAD OF QUEUE is enabled on arrival; ORDERED waits for every older task and every
//! HEAD OF QUEUE task; SIMPLE waits for older ORDERED tasks and for HEAD OF QUEUE tasks. As dormant tasks are kept in arrival order, nothing
//! behind a dormant task can overtake it.

use std::collections::VecDeque;

use scsi::attribute::TaskAttribute;

use crate::task::TaskId;

/// The tasks of one logical unit, by attribute.
#[derive(Debug, Default)]
pub struct TaskSet {
    dormant: VecDeque<(TaskId, TaskAttribute)>,
    enabled: u32,
    enabled_ordered: u32,
    enabled_head: u32,
}

impl TaskSet {
    /// A task arrives. True: it is enabled at once; false: it is dormant until [`enable_next`](Self::enable_next) names it.
    pub fn enter(&mut self, task: TaskId, attribute: TaskAttribute) -> bool {
        let enabled =
            attribute == TaskAttribute::HeadOfQueue || (self.dormant.is_empty() && self.may_run(attribute));
        if enabled {
            self.count(attribute);
        } else {
            self.dormant.push_back((task, attribute));
        }
        enabled
    }

    /// An enabled task has ended.
    pub fn leave(&mut self, attribute: TaskAttribute) {
        self.enabled -= 1;
        match attribute {
            TaskAttribute::HeadOfQueue => self.enabled_head -= 1,
            TaskAttribute::Ordered => self.enabled_ordered -= 1,
            _ => {}
        }
    }

    /// The oldest dormant task, if it may run now; it is enabled by this call.
    pub fn enable_next(&mut self) -> Option<TaskId> {
        let (task, attribute) = *self.dormant.front()?;
        if !self.may_run(attribute) {
            return None;
        }
        self.dormant.pop_front();
        self.count(attribute);
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
        self.enabled == 0 && self.dormant.is_empty()
    }

    fn may_run(&self, attribute: TaskAttribute) -> bool {
        match attribute {
            TaskAttribute::HeadOfQueue => true,
            TaskAttribute::Ordered => self.enabled == 0,
            _ => self.enabled_ordered == 0 && self.enabled_head == 0,
        }
    }

    fn count(&mut self, attribute: TaskAttribute) {
        self.enabled += 1;
        match attribute {
            TaskAttribute::HeadOfQueue => self.enabled_head += 1,
            TaskAttribute::Ordered => self.enabled_ordered += 1,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
