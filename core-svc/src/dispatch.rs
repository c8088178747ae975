//! Stage 6, dispatch: an enabled task goes to whoever executes it.
//!
//! What was sent to a handler stays in the task table until its outcome is there. When the handler dies, everything it
//! had is held and, with its next link, sent again, oldest first, under the same identity.
//!
//! A `LinkDown` says that the handler is dead, and a dead process does nothing to anybody's buffers any more. A link that
//! is replaced without one, or that the core itself has closed because of a fault, says nothing of the kind: then a task
//! that nobody waits for any more ends only when the handler has answered `Fence`. The same holds for a command that a
//! transport sends again to a core that has just been born: the former core may have sent it, too.

use std::time::Instant;

use ipc::link::Requester;
use ipc::message::record::{Request, RequestKind, request_flags};
use ipc::ring::PushError;
use scsi::asc::Asc;
use scsi::sense::Sense;

use crate::core::Core;
use crate::peers::{MOST_OUTSTANDING, Presence, Retired};
use crate::settle::Outcome;
use crate::stats::Counter;
use crate::task::{Stage, Task, TaskId};

impl Core {
    /// Executes an enabled task whose data is complete.
    pub(crate) fn execute(&mut self, id: TaskId) {
        let Some(task) = self.tasks.get(id) else { return };
        if Self::is_copy(task) {
            self.begin_copy(id);
            return;
        }
        if Self::is_own(task.opcode) {
            if let Some(outcome) = self.execute_here(id) {
                self.end(id, &outcome);
            }
            return;
        }
        self.hand_over(id);
    }

    /// Has the handler of its unit execute a task.
    pub(crate) fn hand_over(&mut self, id: TaskId) {
        let Some(place) = self.tasks.get(id).and_then(|task| self.handler_of(task.unit)) else {
            self.end_not_ready(id, Asc::MANUAL_INTERVENTION_REQUIRED);
            return;
        };
        let handler = &mut self.handlers[place];
        let refused = match handler.presence {
            Presence::Held => Some(Asc::MANUAL_INTERVENTION_REQUIRED),
            Presence::Down(since) if since.elapsed() >= self.hold => Some(Asc::BECOMING_READY),
            _ => None,
        };
        if let Some(asc) = refused {
            self.end_not_ready(id, asc);
            return;
        }
        handler.next_age += 1;
        let age = handler.next_age;
        if let Some(task) = self.tasks.get_mut(id) {
            task.stage = Stage::Held(age);
        }
        if self.handlers[place].link.is_some() {
            self.send_to_handler(place, id);
        } else {
            self.count(Counter::Held, 1);
        }
    }

    /// Sends a task to its living handler, or keeps it in line for a place in the ring.
    fn send_to_handler(&mut self, place: usize, id: TaskId) {
        if !self.handlers[place].backlog.is_empty() || !self.try_send(place, id) {
            self.handlers[place].backlog.push_back(id);
        }
    }

    /// Sends a held task. False: there is no place in the ring, it has to stay in line.
    fn try_send(&mut self, place: usize, id: TaskId) -> bool {
        let handler = &mut self.handlers[place];
        let Some(link) = &mut handler.link else { return true };
        let Some(task) = self.tasks.get_mut(id) else { return true };
        let (Stage::Held(age), false) = (task.stage, task.aborted) else { return true };
        if handler.outstanding >= MOST_OUTSTANDING {
            return false;
        }
        let mut request = task.request;
        request.kind = RequestKind::Execute as u8;
        request.unit = task.unit;
        request.flags &= request_flags::AGAIN | request_flags::WRITE_PROTECTED | request_flags::UNAVAILABLE;
        match link.send(&request) {
            Ok(()) => {
                handler.outstanding += 1;
                task.stage = Stage::Sent(age);
                true
            }
            Err(PushError::Full) => false,
            Err(PushError::Peer(fault)) => {
                self.fault_handler(place, fault);
                true
            }
        }
    }

    /// Sends tasks that waited for a place in the ring.
    pub(crate) fn drain_backlog(&mut self, place: usize) {
        while let Some(id) = self.handlers[place].backlog.front().copied() {
            if !self.try_send(place, id) {
                break;
            }
            self.handlers[place].backlog.pop_front();
        }
    }

    /// The handler has a new link: everything that it has not answered is sent again.
    pub(crate) fn relink_handler(&mut self, place: usize, mut link: Requester, epoch: u64) {
        // A fresh ring has room. If it does not, the peer has been at it already, and the first look at it says so.
        let fence = link.send(&Request::new(RequestKind::Fence, 0, 0));
        let handler = &mut self.handlers[place];
        if let Some(old) = handler.link.replace(link) {
            self.retired.push(Retired::Asking(old));
        }
        handler.epoch = epoch;
        handler.presence = Presence::Up;
        handler.expired = false;
        handler.fenced = false;
        if let Err(PushError::Peer(fault)) = fence {
            self.fault_handler(place, fault);
        }
        let again = self.take_back(place);
        if !again.is_empty() {
            let name = &self.handlers[place].name;
            tracing::info!(handler = name, tasks = again.len(), "sending outstanding tasks again");
            self.count(Counter::SentAgain, again.len() as u64);
        }
        for id in again {
            self.send_to_handler(place, id);
        }
        self.take_back_errands(place);
        self.send_errands();
    }

    /// The handler's process is gone, and with it everything that it was doing.
    pub(crate) fn lose_handler(&mut self, place: usize, held: bool) {
        let handler = &mut self.handlers[place];
        tracing::warn!(handler = handler.name, held, "handler is gone; its commands are held");
        let closed_here = handler.presence == Presence::Up && handler.link.is_none();
        if let Some(old) = handler.link.take() {
            self.retired.push(Retired::Asking(old));
        }
        let since = *handler.silent_since.get_or_insert_with(Instant::now);
        handler.presence = if held { Presence::Held } else { Presence::Down(since) };
        handler.expired = false;
        handler.fenced = held || !closed_here;
        let waiting = self.take_back(place);
        if self.handlers[place].fenced {
            self.nothing_older_runs(place);
        }
        if held {
            self.drop_errands(place);
            self.refuse_held(&waiting, Asc::MANUAL_INTERVENTION_REQUIRED);
        }
        self.endings = true;
        self.run_ready();
    }

    fn refuse_held(&mut self, waiting: &[TaskId], asc: Asc) {
        for id in waiting {
            self.end(*id, &Outcome::check(Sense::not_ready(asc)));
        }
    }

    /// Fails what has been held for longer than the limit, and ends the nexuses of transports that stayed away as long.
    pub fn expire(&mut self) {
        for place in 0..self.handlers.len() {
            let handler = &mut self.handlers[place];
            if matches!(handler.presence, Presence::Down(since) if since.elapsed() >= self.hold) {
                if !handler.expired {
                    tracing::warn!(handler = handler.name, "handler stays away; its commands fail");
                }
                handler.expired = true;
                let waiting = self.take_back(place);
                self.nothing_older_runs(place);
                self.drop_errands(place);
                self.refuse_held(&waiting, Asc::BECOMING_READY);
                self.endings = true;
            }
        }
        self.expire_transports();
        self.run_ready();
    }

    /// Takes back what the handler has or is to get over a link that is over; returns, oldest first, what is to be sent
    /// again. What was sent is marked so.
    fn take_back(&mut self, place: usize) -> Vec<TaskId> {
        self.handlers[place].outstanding = 0;
        self.handlers[place].backlog.clear();
        let mut waiting = Vec::new();
        for id in self.tasks_of_handler(place) {
            let Some(task) = self.tasks.get_mut(id) else { continue };
            let (Stage::Sent(age) | Stage::Held(age)) = task.stage else { continue };
            if task.stage == Stage::Sent(age) {
                task.request.flags |= request_flags::AGAIN;
                task.stage = Stage::Held(age);
            }
            if !task.aborted {
                waiting.push((age, id));
            }
        }
        waiting.sort_unstable_by_key(|(age, _)| *age);
        waiting.into_iter().map(|(_, id)| id).collect()
    }

    /// Nothing of the handler's older links, or of a former core, runs any more: aborted tasks that waited for that are over,
    /// and so are answers that did.
    pub(crate) fn nothing_older_runs(&mut self, place: usize) {
        for id in self.tasks_of_handler(place) {
            let over = |task: &Task| {
                let over = task.aborted && !matches!(task.stage, Stage::Sent(_) | Stage::Writing);
                over && !Self::is_copy(task)
            };
            if self.tasks.get(id).is_some_and(over) {
                self.end(id, &Outcome::aborted());
            }
        }
        self.answer_late(place);
        self.copies_after_quiet();
    }

    fn tasks_of_handler(&self, place: usize) -> Vec<TaskId> {
        self.tasks.select(|task| self.handler_of(task.unit) == Some(place))
    }

    /// Whether the handler may be executing the task for an older link or a former core.
    pub(crate) fn may_run_elsewhere(&self, unit: u32, flags: u8) -> bool {
        let handler = self.handler_of(unit).and_then(|place| self.handlers.get(place));
        flags & request_flags::AGAIN != 0 && handler.is_some_and(|handler| !handler.is_quiet())
    }

    /// Aborts a task: at once if nothing works on it, else as soon as its handler has let go of it.
    pub(crate) fn abort(&mut self, id: TaskId) {
        let Some(task) = self.tasks.get_mut(id) else { return };
        if std::mem::replace(&mut task.aborted, true) {
            return;
        }
        let (stage, unit, request, copies) = (task.stage, task.unit, task.request, Self::is_copy(task));
        self.count(Counter::Aborted, 1);
        if self.abort_copy(id) {
            return;
        }
        let handler = self.handler_of(unit).and_then(|place| self.handlers.get_mut(place));
        if let Stage::Sent(_) = stage {
            // A hint only: where there is no room for it, the task just ends later.
            let mut hint = Request::new(RequestKind::Abort, request.nexus, request.serial);
            hint.ref_serial = request.serial;
            hint.unit = unit;
            if let Some(link) = handler.and_then(|handler| handler.link.as_mut()) {
                let _ = link.send(&hint);
            }
            return;
        }
        if stage == Stage::Writing {
            return;
        }
        if let Some(handler) = handler {
            handler.backlog.retain(|known| *known != id);
        }
        let elsewhere = if copies {
            request.flags & request_flags::AGAIN != 0 && self.copies_may_run_elsewhere()
        } else {
            self.may_run_elsewhere(unit, request.flags)
        };
        if !elsewhere {
            self.end(id, &Outcome::aborted());
        }
    }
}
