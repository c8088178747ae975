//! Stage 6, dispatch: an enabled task goes to whoever executes it.
//!
//! What was sent to a handler stays in the task table until its outcome is there. When the handler dies, everything it
//! had is held and, with its next link, sent again, oldest first, under the same identity.

use std::time::Instant;

use ipc::link::Requester;
use ipc::message::record::{Request, RequestKind, request_flags};
use ipc::ring::PushError;
use scsi::asc::Asc;
use scsi::sense::Sense;

use crate::core::Core;
use crate::peers::{MOST_OUTSTANDING, Presence};
use crate::settle::Outcome;
use crate::stats::Counter;
use crate::task::{Stage, TaskId};

impl Core {
    /// Executes an enabled task whose data is complete.
    pub(crate) fn execute(&mut self, id: TaskId) {
        let Some(task) = self.tasks.get(id) else { return };
        if Self::is_own(task.opcode) {
            let outcome = self.execute_here(id);
            self.end(id, &outcome);
            return;
        }
        let Some(place) = self.handler_of(task.unit) else {
            self.end(id, &Outcome::check(Sense::not_ready(Asc::MANUAL_INTERVENTION_REQUIRED)));
            return;
        };
        let handler = &mut self.handlers[place];
        let refused = match handler.presence {
            Presence::Held => Some(Asc::MANUAL_INTERVENTION_REQUIRED),
            Presence::Down(since) if since.elapsed() >= self.hold => Some(Asc::BECOMING_READY),
            _ => None,
        };
        if let Some(asc) = refused {
            self.end(id, &Outcome::check(Sense::not_ready(asc)));
            return;
        }
        handler.next_age += 1;
        let age = handler.next_age;
        if let Some(task) = self.tasks.get_mut(id) {
            task.stage = Stage::Dispatched(age);
        }
        if self.handlers[place].link.is_some() {
            self.send_to_handler(place, id, 0);
        } else {
            self.count(Counter::Held, 1);
        }
    }

    /// Sends a task to its living handler, or keeps it in line for a place in the ring.
    fn send_to_handler(&mut self, place: usize, id: TaskId, flags: u8) {
        let handler = &mut self.handlers[place];
        let (Some(link), Some(task)) = (&mut handler.link, self.tasks.get(id)) else { return };
        if !handler.backlog.is_empty() || handler.outstanding >= MOST_OUTSTANDING {
            handler.backlog.push_back(id);
            return;
        }
        let mut request = task.request;
        request.kind = RequestKind::Execute as u8;
        request.unit = task.unit;
        request.flags = flags;
        match link.send(&request) {
            Ok(()) => handler.outstanding += 1,
            Err(PushError::Full) => handler.backlog.push_back(id),
            Err(PushError::Peer(fault)) => self.fault_handler(place, fault),
        }
    }

    /// Sends tasks that waited for a place in the ring.
    pub(crate) fn drain_backlog(&mut self, place: usize) {
        let mut waiting = std::mem::take(&mut self.handlers[place].backlog);
        while let Some(id) = waiting.pop_front() {
            self.send_to_handler(place, id, 0);
            if !self.handlers[place].backlog.is_empty() {
                break;
            }
        }
        self.handlers[place].backlog.append(&mut waiting);
    }

    /// The handler has a new link: everything that it has not answered is sent again.
    pub(crate) fn relink_handler(&mut self, place: usize, mut link: Requester, epoch: u64) {
        if let Err(PushError::Peer(fault)) = link.send(&Request::new(RequestKind::Fence, 0, 0)) {
            tracing::error!(%fault, "a fresh link is broken");
            return;
        }
        let handler = &mut self.handlers[place];
        handler.link = Some(link);
        handler.epoch = epoch;
        handler.presence = Presence::Up;
        handler.expired = false;
        handler.fenced = false;
        handler.outstanding = 0;
        handler.backlog.clear();
        let again = self.dispatched_to(place);
        if !again.is_empty() {
            let name = &self.handlers[place].name;
            tracing::info!(handler = name, tasks = again.len(), "sending outstanding tasks again");
            self.count(Counter::SentAgain, again.len() as u64);
        }
        for id in again {
            self.send_to_handler(place, id, request_flags::AGAIN);
        }
    }

    /// The handler's process is gone, and with it everything that it was doing.
    pub(crate) fn lose_handler(&mut self, place: usize, held: bool) {
        let handler = &mut self.handlers[place];
        tracing::warn!(handler = handler.name, held, "handler is gone; its commands are held");
        handler.link = None;
        let since = *handler.silent_since.get_or_insert_with(Instant::now);
        handler.presence = if held { Presence::Held } else { Presence::Down(since) };
        handler.expired = false;
        handler.outstanding = 0;
        handler.backlog.clear();
        for id in self.dispatched_to(place) {
            if self.tasks.get(id).is_some_and(|task| task.aborted) {
                self.end(id, &Outcome::aborted());
            } else if held {
                self.end(id, &Outcome::check(Sense::not_ready(Asc::MANUAL_INTERVENTION_REQUIRED)));
            }
        }
        self.run_ready();
    }

    /// Fails what has been held for longer than the limit.
    pub fn expire(&mut self) {
        for place in 0..self.handlers.len() {
            if let Presence::Down(since) = self.handlers[place].presence
                && since.elapsed() >= self.hold
            {
                self.handlers[place].expired = true;
                for id in self.dispatched_to(place) {
                    self.end(id, &Outcome::check(Sense::not_ready(Asc::BECOMING_READY)));
                }
            }
        }
        self.run_ready();
    }

    /// Tasks that the handler at `place` has or is to get, oldest first.
    fn dispatched_to(&self, place: usize) -> Vec<TaskId> {
        let service = self.handlers[place].service;
        let of_handler = |unit: u32| {
            self.units.get(unit as usize).and_then(Option::as_ref).is_some_and(|unit| unit.handler == service)
        };
        let mut ids =
            self.tasks.select(|task| matches!(task.stage, Stage::Dispatched(_)) && of_handler(task.unit));
        ids.sort_by_key(|id| match self.tasks.get(*id).map(|task| task.stage) {
            Some(Stage::Dispatched(age)) => age,
            _ => 0,
        });
        ids
    }

    /// Aborts a task: at once if nothing works on it, else as soon as its handler has let go of it.
    pub(crate) fn abort(&mut self, id: TaskId) {
        let Some(task) = self.tasks.get_mut(id) else { return };
        task.aborted = true;
        let (stage, unit, nexus, serial) = (task.stage, task.unit, task.request.nexus, task.request.serial);
        self.count(Counter::Aborted, 1);
        let place = self.handler_of(unit);
        if let (Stage::Dispatched(_), Some(place)) = (stage, place) {
            let handler = &mut self.handlers[place];
            let waiting = handler.backlog.contains(&id);
            handler.backlog.retain(|known| *known != id);
            if let (Some(link), false) = (&mut handler.link, waiting) {
                // A hint only: where there is no room for it, the task just ends later.
                let mut hint = Request::new(RequestKind::Abort, nexus, serial);
                hint.ref_serial = serial;
                hint.unit = unit;
                let _ = link.send(&hint);
                return;
            }
            if handler.presence == Presence::Up && !waiting {
                // The link was closed for a fault: the process may still be working until it is reported dead.
                return;
            }
        }
        self.end(id, &Outcome::aborted());
    }
}

#[cfg(test)]
mod tests;
