//! Drives commands that are written as one piece ([`crate::work`]): gives them what they ask for, and polls them when it is there.

use std::io;
use std::time::Instant;

use ipc::message::record::Reply;

use scsi::command::Command;
use scsi::path::Path;

use super::Dispatch;
use crate::backend::{Attempt, Backend, Plan, Way};
use crate::engine::{Job, Op};
use crate::execute::{Event, Step};
use crate::notebook::Whose;
use crate::sbc::long_operation;
use crate::slots::SlotId;
use crate::span::Spans;
use crate::task::{Identity, Outcome, Stage, Task};
use crate::units::UnitId;
use crate::work::{Move, Next, Want};

/// Bytes that a command may move at once before others have their turn.
const AT_ONCE: usize = 512 << 10;

impl Dispatch {
    /// Goes on with a command, with what it asked for.
    pub(super) fn drive(&mut self, slot: SlotId, event: Option<Event>) {
        let mut event = match event {
            Some(Event::Time) => match self.delay_over(slot) {
                Some(event) => Some(event),
                None => return,
            },
            event => event,
        };
        let mut moved = 0;
        loop {
            let Some(work) = &mut self.slots.get(slot).work else { return };
            let want = match work.go_on(event.take()) {
                Next::Over(outcome) => return self.take(slot, Step::Done(outcome)),
                Next::Wants(want) => want,
            };
            match self.serve(slot, want, moved < AT_ONCE) {
                Some(came) => {
                    if let Event::Moved(Ok(bytes)) = came {
                        moved += bytes;
                    }
                    event = Some(came);
                }
                None => return,
            }
        }
    }

    /// A pause is over, or the delay of a fault device.
    fn delay_over(&mut self, slot: SlotId) -> Option<Event> {
        match self.slots.get(slot).want.take().map(|want| *want) {
            Some(Want::Move(request)) => self.perform(slot, &request, Plan::default(), true),
            Some(Want::Errand(errand)) => self.send_errand(slot, errand),
            _ => Some(Event::Done),
        }
    }

    /// What was asked for, if it can be had at once.
    fn serve(&mut self, slot: SlotId, want: Want, at_once: bool) -> Option<Event> {
        let id = self.slots.get(slot).unit;
        match want {
            Want::Move(request) => {
                let plan = self.units.get(id).backend().map(Backend::plan).unwrap_or_default();
                match plan.delay {
                    Some(delay) if !plan.die => self.wait(slot, delay, Some(Want::Move(request))),
                    _ => self.perform(slot, &request, plan, at_once),
                }
            }
            Want::Errand(errand) => {
                let plan = self.units.get(id).backend().map(Backend::plan).unwrap_or_default();
                match plan.delay {
                    _ if plan.fail => Some(Event::Errand(Err(io::Error::from_raw_os_error(libc::EIO)))),
                    Some(delay) => self.wait(slot, delay, Some(Want::Errand(errand))),
                    None => self.send_errand(slot, errand),
                }
            }
            Want::Sync => {
                let unit = self.units.get(id);
                match (unit.needs_sync(), unit.syncs.lost) {
                    (false, _) => Some(Event::Synced(true)),
                    (true, true) => Some(Event::Synced(false)),
                    (true, false) => {
                        self.take(slot, Step::Sync);
                        None
                    }
                }
            }
            Want::Pause(time) => self.wait(slot, time, None),
            Want::Deed(deed) => {
                deed(self.units.get(id), &mut self.notebook);
                Some(Event::Done)
            }
            Want::Early(outcome) => {
                self.answer_early(slot, &outcome);
                Some(Event::Done)
            }
            Want::Buffer | Want::Begin(_) => match self.provide(slot, &want) {
                None => {
                    let task = self.slots.get(slot);
                    (task.stage, task.want) = (Stage::Wanting, Some(Box::new(want)));
                    self.wanting.push_back(slot);
                    None
                }
                came => came,
            },
        }
    }

    fn wait(&mut self, slot: SlotId, time: std::time::Duration, want: Option<Want>) -> Option<Event> {
        let task = self.slots.get(slot);
        (task.stage, task.want) = (Stage::Delayed, want.map(Box::new));
        self.timers.set(Instant::now() + time, slot);
        None
    }

    fn send_errand(&mut self, slot: SlotId, errand: crate::clerk::Errand) -> Option<Event> {
        self.slots.get(slot).stage = Stage::Errand;
        match self.clerk.submit(slot, errand) {
            Ok(()) => None,
            Err(error) => Some(Event::Errand(Err(error))),
        }
    }

    /// Moves bytes now, or has the engine do it.
    fn perform(&mut self, slot: SlotId, request: &Move, plan: Plan, at_once: bool) -> Option<Event> {
        let task = self.slots.get(slot);
        let gone = || Some(Event::Moved(Err(io::Error::from_raw_os_error(libc::ENODEV))));
        let Some(backend) = self.units.get(task.unit).backend() else { return gone() };
        let way = if request.op == Op::Read { Way::In } else { Way::Out };
        let data = request.data.part(request.skip, request.len);
        if plan.die
            && let Backend::Fault(fault) = backend
        {
            return Some(Event::Moved(Err(fault.die(way, &data, request.len, request.offset))));
        }
        if plan.fail {
            return Some(Event::Moved(Err(io::Error::from_raw_os_error(libc::EIO))));
        }
        let len = if plan.half { request.len.div_ceil(2) } else { request.len };
        let file = backend.file().cloned();
        match (at_once || file.is_none()).then(|| backend.attempt(way, &data, 0, len, request.offset)) {
            Some(Attempt::Moved(moved)) => return Some(Event::Moved(Ok(moved))),
            Some(Attempt::Failed(error)) => return Some(Event::Moved(Err(error))),
            Some(Attempt::WouldBlock) | None => {}
        }
        let Some(file) = file else { return gone() };
        task.stage = Stage::Moving;
        self.submit(slot, Job { op: request.op, file, offset: request.offset, spans: data, skip: 0, len });
        None
    }

    /// A buffer or a begun write, if there is room.
    fn provide(&mut self, slot: SlotId, want: &Want) -> Option<Event> {
        match want {
            Want::Begin(whole) => {
                let data = whole.data.part(whole.skip, whole.len);
                if !self.notebook.is_open() {
                    return Some(Event::Begun(data));
                }
                let task = self.slots.get(slot);
                let unit = self.units.get(task.unit);
                let (unit, generation) = (unit.number(), unit.medium_generation());
                let whose = Whose { unit, generation, name: task.identity.name() };
                let copy = self.notebook.begin_write(whose, whole.offset, (&data, whole.len), whole.outcome);
                copy.map(Event::Begun)
            }
            _ => match self.buffers.take() {
                Ok(buffer) => buffer.map(Event::Buffer),
                Err(error) => Some(Event::Errand(Err(error))),
            },
        }
    }

    /// Serves what waits for something that others had. Called from the loop only, so that ends do not pile up on the stack.
    #[cold]
    pub(super) fn serve_waiting(&mut self) {
        self.serve_claims();
        self.freed = false;
        while let Some(slot) = self.wanting.front().copied() {
            let Some(want) = self.slots.get(slot).want.take() else { break };
            match self.provide(slot, &want) {
                Some(event) => {
                    self.wanting.pop_front();
                    self.drive(slot, Some(event));
                }
                None => {
                    self.slots.get(slot).want = Some(want);
                    break;
                }
            }
        }
    }

    /// Answers a task whose work goes on.
    fn answer_early(&mut self, slot: SlotId, outcome: &Outcome) {
        let task = self.slots.get(slot);
        if std::mem::replace(&mut task.answered, true) {
            return;
        }
        task.detached = true;
        let (identity, id, recorded) = (task.identity, task.unit, task.recorded);
        if std::mem::take(&mut task.orphan) {
            // Nobody waits for it any more, and nothing has to wait for it.
            self.units.get(id).orphans -= 1;
            self.links.orphan_ended(identity.link);
        }
        if recorded {
            let unit = self.units.get(id).number();
            self.notebook.finish(unit, identity.name(), *outcome);
        }
        let descriptor = self.units.get(id).settings.descriptor_sense;
        let reply: Reply = outcome.reply(identity, descriptor);
        self.counters.add(crate::stats::Counter::Commands, 1);
        self.links.reply(identity.link, &reply);
        self.open_gate(id);
    }

    /// Goes on with a long operation that a former incarnation had begun. Nobody waits for it but those who ask.
    pub(super) fn resume_operation(&mut self, id: UnitId) {
        let unit = self.units.get(id);
        let running = unit.operation.as_ref().filter(|operation| !operation.failed && unit.is_open());
        let Some(owner) = running.map(|operation| operation.owner) else { return };
        if self.slots.is_full() {
            return;
        }
        let work = long_operation::resume(unit);
        unit.running += 1;
        let identity = Identity { link: crate::links::LinkId::NONE, nexus: owner.0, serial: owner.1 };
        let slot = self.slots.insert(Task {
            identity,
            unit: id,
            path: Path::default(),
            command: Ok(Command::TestUnitReady),
            data: Spans::default(),
            stage: Stage::Waiting,
            transfer: None,
            orphan: false,
            again: false,
            medium: 0,
            answered: true,
            work: None,
            detached: true,
            want: None,
            recorded: false,
        });
        self.take(slot, Step::Work(work));
    }

    /// Has writes finished that a former incarnation had begun. True if the unit waits for that.
    pub(super) fn redo(&mut self, id: UnitId) -> bool {
        let unit = self.units.get(id);
        let number = unit.number();
        for (name, outcome) in unit.finish_writes(self.notebook.begun(number)) {
            self.notebook.finish(number, name, outcome);
        }
        let waits = self.units.get(id).is_finishing();
        self.finishing += usize::from(waits);
        waits
    }

    /// Lets units go on whose begun writes are over. True if there was anything to do.
    pub(super) fn go_on_finishing(&mut self) -> bool {
        let mut over = Vec::new();
        for (id, unit) in self.units.iter_mut() {
            let (ended, notes) = unit.go_on_finishing(&mut self.notebook);
            self.notes.extend(notes);
            over.extend(ended.then_some(id));
        }
        let worked = !over.is_empty();
        for id in over {
            self.finishing -= 1;
            self.resume_operation(id);
            self.open_gate(id);
        }
        worked
    }
}
