//! Stage 7, settle: an outcome becomes the answer, and what waited for it goes on.
//!
//! Also the way back from handlers: the only file that reads their raw records. A command ends in exactly one outcome.

use ipc::fault::PeerFault;
use ipc::message::record::{Reply, ReplyKind, Request, reply_flags};
use scsi::attribute::TaskAttribute;
use scsi::sense::{Sense, SenseBytes};
use scsi::status::Status;

use crate::core::Core;
use crate::nexus::OWN;
use crate::peers::MOST_TASKS;
use crate::task::{Stage, Task, TaskId};

/// Records that one link may have handled before the next link's turn.
const BATCH: usize = 64;

/// The number of no link: a task of it ends without anybody being told.
const NOBODY: u64 = 0;

/// How a command ended.
#[derive(Debug, Clone, Copy)]
pub struct Outcome {
    /// SAM status.
    pub status: Status,
    /// Encoded sense data.
    pub sense: Option<SenseBytes>,
    /// Bytes moved.
    pub transferred: u32,
    /// Bytes that would have been moved had the initiator asked for enough.
    pub wanted: u32,
    /// The initiator gets no answer.
    pub aborted: bool,
}

impl Outcome {
    /// GOOD, with `transferred` of `wanted` bytes moved.
    pub fn good(transferred: u32, wanted: u32) -> Self {
        Self { status: Status::Good, sense: None, transferred, wanted, aborted: false }
    }

    /// What a reply says.
    fn of(reply: &Reply) -> Self {
        let sense = reply.sense().ok().filter(|sense| !sense.is_empty()).and_then(SenseBytes::copy);
        let status = Status::try_from(reply.status).unwrap_or(Status::CheckCondition);
        let (transferred, wanted) = (reply.transferred, reply.wanted);
        Self { status, sense, transferred, wanted, aborted: reply.flags & reply_flags::ABORTED != 0 }
    }

    /// A status without sense data.
    pub fn status(status: Status) -> Self {
        Self { status, ..Self::good(0, 0) }
    }

    /// CHECK CONDITION.
    pub fn check(sense: Sense) -> Self {
        let sense = Some(sense.to_fixed());
        Self { status: Status::CheckCondition, sense, transferred: 0, wanted: 0, aborted: false }
    }

    /// Aborted: the transport frees what the task held and says nothing to the initiator.
    pub fn aborted() -> Self {
        Self { status: Status::TaskAborted, sense: None, transferred: 0, wanted: 0, aborted: true }
    }

    fn reply(&self, nexus: u64, serial: u64) -> Reply {
        let mut reply = Reply::new(ReplyKind::Done, nexus, serial);
        reply.status = self.status.code();
        reply.transferred = self.transferred;
        reply.wanted = self.wanted;
        reply.flags = if self.aborted { reply_flags::ABORTED } else { 0 };
        if let Some(sense) = &self.sense {
            let bytes = sense.as_slice();
            reply.sense[..bytes.len()].copy_from_slice(bytes);
            reply.sense_len = bytes.len() as u8;
        }
        reply
    }
}

/// An answer that waits until the handler of `unit` has said that nothing older runs.
#[derive(Debug)]
pub struct Late {
    unit: u32,
    /// Place of the transport that gets it.
    pub transport: usize,
    epoch: u64,
    reply: Reply,
}

impl Core {
    /// Takes what the handlers have answered. True if there was anything.
    pub fn drain_handlers(&mut self) -> bool {
        let mut any = false;
        for place in 0..self.handlers.len() {
            for _ in 0..BATCH {
                let Some(link) = &mut self.handlers[place].link else { break };
                let taken = match link.receive() {
                    Ok(None) => break,
                    Ok(Some(reply)) => self.settle(place, &reply),
                    Err(fault) => Err(fault),
                };
                any = true;
                if let Err(fault) = taken {
                    self.fault_handler(place, fault);
                    break;
                }
                self.run_ready();
            }
            if !self.handlers[place].backlog.is_empty() {
                self.drain_backlog(place);
            }
        }
        if !self.errands.is_empty() {
            self.send_errands();
        }
        any
    }

    /// Handles one answer of the handler at `place`.
    fn settle(&mut self, place: usize, reply: &Reply) -> Result<(), PeerFault> {
        match ReplyKind::try_from(reply.kind)? {
            ReplyKind::Fenced if !self.handlers[place].fenced => {
                self.handlers[place].fenced = true;
                self.handlers[place].silent_since = None;
                self.nothing_older_runs(place);
                self.endings = true;
                Ok(())
            }
            ReplyKind::Done => self.done(place, reply),
            ReplyKind::UnitReport => self.hear_report(place, reply),
            ReplyKind::ResetDone | ReplyKind::NexusForgotten | ReplyKind::DeferredErrorIs => {
                self.errand_done(place, reply)
            }
            _ => Err(PeerFault::Unexpected("answer that no handler gives")),
        }
    }

    fn done(&mut self, place: usize, reply: &Reply) -> Result<(), PeerFault> {
        let unknown = PeerFault::Unexpected("outcome of a task that the handler does not have");
        let id = self.tasks.find(reply.nexus, reply.serial).ok_or(unknown)?;
        let task = self.tasks.get(id).ok_or(unknown)?;
        if !matches!(task.stage, Stage::Sent(_)) || self.handler_of(task.unit) != Some(place) {
            return Err(unknown);
        }
        if reply.flags & reply_flags::ABORTED != 0 && !task.aborted {
            // It would leave the initiator without an answer.
            return Err(PeerFault::Unexpected("abort of a task that nobody aborted"));
        }
        Status::try_from(reply.status)
            .map_err(|_| PeerFault::Record { field: "status", value: u64::from(reply.status) })?;
        reply.sense()?;
        let (out, into) = task.request.extents()?;
        let room: u64 = out.iter().chain(into).map(|extent| u64::from(extent.len)).sum();
        if u64::from(reply.transferred) > room {
            return Err(PeerFault::Record { field: "transferred", value: u64::from(reply.transferred) });
        }
        self.handlers[place].outstanding -= 1;
        if task.aborted && self.may_run_elsewhere(task.unit, task.request.flags) {
            // Aborted before it began again; what was begun over an older link may still be using the buffer.
            if let (Stage::Sent(age), Some(task)) = (task.stage, self.tasks.get_mut(id)) {
                task.stage = Stage::Held(age);
            }
            return Ok(());
        }
        let mut answer = *reply;
        answer.flags = if task.aborted { reply_flags::ABORTED } else { 0 };
        self.finish(id, &mut answer);
        Ok(())
    }

    /// Ends a task with an outcome of the core's own.
    pub(crate) fn end(&mut self, id: TaskId, outcome: &Outcome) {
        let Some(task) = self.tasks.get(id) else { return };
        let mut reply = self.formatted(Some(task.unit), outcome).reply(0, task.request.serial);
        self.finish(id, &mut reply);
    }

    /// Ends a task: answer, task set, nexus, functions that wait for it. The answer's nexus is put in here.
    fn finish(&mut self, id: TaskId, reply: &mut Reply) {
        let Some(task) = self.tasks.remove(id) else { return };
        if task.nexus == OWN {
            self.own_command_ended(id, reply);
            self.functions_after(id);
            self.preempting_after(id);
            return;
        }
        if Self::is_copy(&task) {
            self.forget_progress(task.nexus, task.request.serial);
        }
        if let Some(unit) = self.units.get_mut(task.unit as usize).and_then(Option::as_mut) {
            unit.set.leave(id, task.seat, task.stage == Stage::Dormant);
        }
        self.count_out(task.nexus, task.unit);
        if task.attribute == TaskAttribute::Aca {
            self.note_aca_task(task.unit, task.nexus, None);
        }
        if task.aborted {
            self.tell_abort(&task, reply);
        } else if reply.status != Status::Good.code() {
            self.follow(task.unit, task.nexus, &task.request, &Outcome::of(reply));
        }
        self.enable(task.unit, task.nexus);
        if let Some(nexus) = self.nexuses.get_mut(task.nexus) {
            nexus.tasks -= 1;
            self.endings |= nexus.closing.is_some() && nexus.tasks == 0;
            reply.nexus = nexus.number;
            let place = nexus.transport;
            self.transports[place].tasks -= 1;
            if self.transports[place].epoch == task.epoch {
                self.send_to_transport(place, reply);
            } else if task.epoch != NOBODY {
                // Over a new link nobody waits for an answer before the command has come again.
                self.keep_answer(place, reply);
            }
        }
        if !self.functions.is_empty() {
            self.functions_after(id);
        }
        if !self.preempting.is_empty() {
            self.preempting_after(id);
        }
    }

    /// A task that was aborted by another nexus, if that is to be said, ends with a status of its own.
    #[cold]
    fn tell_abort(&self, task: &Task, reply: &mut Reply) {
        if task.told && self.nexuses.get(task.nexus).is_some_and(|nexus| nexus.closing.is_none()) {
            let told = Outcome::status(Status::TaskAborted);
            *reply = told.reply(0, task.request.serial);
        }
    }

    /// An outcome of the core's own in the format that the unit has for sense data (D_SENSE).
    fn formatted(&self, unit: Option<u32>, outcome: &Outcome) -> Outcome {
        let unit = unit.and_then(|unit| self.units.get(unit as usize)?.as_ref());
        match (&outcome.sense, unit) {
            (Some(sense), Some(unit)) if unit.report.control.d_sense => {
                // What is in this format already may have more descriptors than a `Sense` holds.
                let fixed = Sense::parse(sense.as_slice()).filter(|_| !sense.is_descriptor());
                let sense = fixed.map_or(*sense, |sense| sense.to_descriptor());
                Outcome { sense: Some(sense), ..*outcome }
            }
            _ => *outcome,
        }
    }

    /// Ends a task that is not to be executed after all. If it may have been begun under a former core, the answer waits until
    /// the handler has let go of its buffer.
    pub(crate) fn end_when_quiet(&mut self, id: TaskId, outcome: &Outcome) {
        let Some(task) = self.tasks.get_mut(id) else { return };
        // So the end itself says nothing.
        let epoch = std::mem::replace(&mut task.epoch, NOBODY);
        let (unit, at, request) = (task.unit, task.nexus, task.request);
        let number = self.nexuses.get(at).map(|nexus| (nexus.transport, nexus.number));
        self.end(id, outcome);
        let Some((place, nexus)) = number.filter(|(place, _)| self.transports[*place].epoch == epoch) else {
            return;
        };
        let request = Request { nexus, ..request };
        if let Err(fault) = self.answer(place, Some(unit), &request, outcome) {
            self.fault_transport(place, fault);
        }
    }

    /// Answers a command that does not become a task. If it may have become one before, under a former core, the answer
    /// waits until the handler has let go of its buffer.
    pub(crate) fn answer(
        &mut self,
        place: usize,
        unit: Option<u32>,
        request: &Request,
        outcome: &Outcome,
    ) -> Result<(), PeerFault> {
        let reply = self.formatted(unit, outcome).reply(request.nexus, request.serial);
        match unit.filter(|unit| self.may_run_elsewhere(*unit, request.flags)) {
            None => self.send_to_transport(place, &reply),
            Some(_) if self.late.len() >= MOST_TASKS * self.transports.len() => {
                return Err(PeerFault::ReplyOverflow);
            }
            Some(unit) => {
                let epoch = self.transports[place].epoch;
                self.late.push(Late { unit, transport: place, epoch, reply });
            }
        }
        Ok(())
    }

    /// Sends the answers that waited for the handler at `place`.
    pub(crate) fn answer_late(&mut self, place: usize) {
        let (due, late) = std::mem::take(&mut self.late)
            .into_iter()
            .partition(|late| self.handler_of(late.unit) == Some(place));
        self.late = late;
        let due: Vec<Late> = due;
        for answer in due {
            if self.transports[answer.transport].epoch == answer.epoch {
                self.send_to_transport(answer.transport, &answer.reply);
            }
        }
    }
}
