//! Commands and their data: from a SCSI Command PDU to a task that the core knows, and R2Ts for what is missing.
//!
//! A command gets its memory before it is admitted; without memory the header waits, and with it the connection. Only
//! a connection whose own commands still wait for data must not wait, because the data is behind the header: such
//! a command is answered TASK SET FULL. What the initiator says about lengths is bounded here; what it sends is
//! measured by [`WriteData`]. Next: [`crate::service`] for the way to the core, `respond` for the way back.

use super::rx::{After, Sink};
use super::tx::Payload;
use super::{Close, Conn, Phase};
use crate::buffers::Layout;
use crate::pdu::initiator::{DataOut, ScsiCommand};
use crate::pdu::target::R2t;
use crate::pdu::{RejectReason, ahs};
use crate::service::Shared;
use crate::session::burst::{Arriving, DataFault, Limits, Taken, WriteData};
use crate::session::window::Serial;
use crate::stats::Counter;
use crate::task::{Ended, Place, Stage, Task};
use ipc::message::record::{CDB_BYTES, Reply, Request, RequestKind, reply_flags};
use scsi::asc::Asc;
use scsi::sense::{Sense, SenseKey};
use scsi::status::Status;

/// Immediate commands beyond the window that a session may have at a time.
const MOST_IMMEDIATE: u32 = 32;

const IGNORE: (Sink, After) = (Sink::Skip, After::Nothing);

/// Why a command ends before it has become a task.
enum Refusal {
    /// The PDU makes no sense.
    Reject(RejectReason),
    /// It is a command, but not one that can be executed.
    Sense(Sense),
    /// No memory, and waiting for some would wait for itself.
    TaskSetFull,
    /// No memory yet.
    Wait,
}

impl Conn {
    pub(super) fn command_header(
        &mut self,
        command: &ScsiCommand,
        shared: &mut Shared,
    ) -> Result<Option<(Sink, After)>, Close> {
        let number = Serial(command.cmd_sn.get());
        if !self.judge(number, command.immediate(), shared)? {
            return Ok(Some(IGNORE));
        }
        let outcome = self.make_task(command, shared);
        if !matches!(outcome, Err(Refusal::Wait)) {
            self.window.arrive(number, command.immediate());
        }
        let itt = command.itt.get();
        let edtl = command.expected_length.get();
        match outcome {
            Ok(begun) => return Ok(Some(begun)),
            Err(Refusal::Wait) => return Ok(None),
            Err(Refusal::Reject(reason)) => self.reject(reason, shared),
            Err(Refusal::Sense(sense)) => {
                self.answer(itt, edtl, Status::CheckCondition, sense.to_fixed().as_slice(), shared);
            }
            Err(Refusal::TaskSetFull) => {
                shared.stats.add(Counter::TaskSetFull, 1);
                self.answer(itt, edtl, Status::TaskSetFull, &[], shared);
            }
        }
        Ok(Some(IGNORE))
    }

    /// Makes a task with memory for all of its data.
    fn make_task(&mut self, command: &ScsiCommand, shared: &mut Shared) -> Result<(Sink, After), Refusal> {
        let request = self.make_request(command, shared)?;
        let (edtl, immediate) = (command.expected_length.get(), command.data_segment_length.get());
        let Phase::Full(session) = &self.phase else { return Err(Refusal::Wait) };
        let limits = Limits {
            initial_r2t: session.parameters.initial_r2t,
            immediate_data: session.parameters.immediate_data,
            first_burst: session.parameters.first_burst,
            max_burst: session.parameters.max_burst,
            max_outstanding_r2t: session.parameters.max_outstanding_r2t,
        };
        if !command.write() && immediate > 0 {
            return Err(Refusal::Reject(RejectReason::InvalidPduField));
        }
        let write = command.write().then(|| WriteData::new(edtl, immediate, command.is_final(), limits));
        let whole =
            write.as_ref().is_none_or(|write| write.failed().is_none() && write.received() == immediate);
        let bytes = request.in_len.max(request.out_len);
        // The place first: claiming received bytes is undone by `make_room` alone, so nothing may fail after it.
        let (serial, place) = shared.tasks.reserve().ok_or(Refusal::TaskSetFull)?;
        let room = self.make_room(bytes, if whole { immediate } else { 0 }, shared);
        let (layout, claimed) = room.inspect_err(|_| shared.tasks.unreserve(place))?;
        let mut task = Task {
            serial,
            conn: Some(self.id),
            itt: command.itt.get(),
            lun: command.lun,
            edtl,
            read: command.read(),
            request: Request { serial, ..request },
            layout,
            write,
            stage: Stage::Private,
            receiving: immediate > 0,
            aborting: false,
            outcome: None,
            noted: false,
        };
        task.put_extents();
        self.owed += u32::from(task.owes());
        self.tags.insert(task.itt, place);
        shared.tasks.insert(place, task);
        self.touch(place);
        self.count_loose(place, true, shared);
        let sink = if whole { Sink::Task { place, offset: 0, done: claimed } } else { Sink::Skip };
        Ok((sink, After::Task(place)))
    }

    /// Checks a command and puts it into the words of the core.
    fn make_request(&self, command: &ScsiCommand, shared: &Shared) -> Result<Request, Refusal> {
        let Phase::Full(session) = &self.phase else { return Err(Refusal::Wait) };
        let target = session.target.as_ref().map(|(target, _)| *target);
        let (Some(nexus), Some(target)) = (session.nexus, target) else {
            return Err(Refusal::Reject(RejectReason::CommandNotSupported));
        };
        let attribute = command.attribute().ok_or(Refusal::Reject(RejectReason::InvalidPduField))?;
        let segments =
            ahs::parse(self.rx.ahs()).map_err(|_| Refusal::Reject(RejectReason::InvalidPduField))?;
        if self.tags.contains_key(&command.itt.get()) || command.itt.get() == crate::pdu::NO_TAG {
            return Err(Refusal::Reject(RejectReason::TaskInProgress));
        }
        if command.immediate() && self.tags.len() as u32 >= shared.config.queue_depth + MOST_IMMEDIATE {
            return Err(Refusal::Reject(RejectReason::ImmediateCommandReject));
        }
        let edtl = command.expected_length.get();
        if (command.read() && command.write()) || segments.read_length.is_some() {
            let field = Asc { code: 0x0e, qualifier: 0x03 };
            return Err(Refusal::Sense(Sense::new(SenseKey::IllegalRequest, field)));
        }
        let most = shared.buffers.most_per_task();
        if command.write() && u64::from(edtl) > most {
            // More than MAXIMUM TRANSFER LENGTH of any unit here.
            return Err(Refusal::Sense(Sense::illegal_request(Asc::INVALID_FIELD_IN_CDB)));
        }
        let cdb_len = 16 + segments.extended_cdb.len();
        if cdb_len > CDB_BYTES {
            return Err(Refusal::Sense(Sense::invalid_opcode()));
        }
        let mut request = Request::new(RequestKind::Command, nexus, 0);
        request.protocol_level = session.parameters.protocol_level;
        request.attribute = attribute as u8;
        request.unit = target;
        request.lun = u64::from_be_bytes(command.lun);
        request.cdb[..16].copy_from_slice(&command.cdb);
        request.cdb[16..cdb_len].copy_from_slice(segments.extended_cdb);
        request.cdb_len = cdb_len as u8;
        if command.read() {
            // An initiator may have room for more than any command here answers.
            request.in_len = u64::from(edtl).min(most) as u32;
        } else if command.write() {
            request.out_len = edtl;
        }
        Ok(request)
    }

    /// Memory for `bytes` of data, of which the first `immediate` are in the same PDU: those that have been received lie
    /// where they are to be executed from. Returns how many those are.
    fn make_room(
        &mut self,
        bytes: u32,
        immediate: u32,
        shared: &mut Shared,
    ) -> Result<(Layout, usize), Refusal> {
        let mut layout = Layout::default();
        let mut claimed = 0;
        if let Some((extent, id)) = self.rx.staged.claim(immediate as usize, &mut shared.buffers) {
            layout.push(extent, id);
            claimed = extent.len();
        }
        if shared.buffers.fill(&mut layout, u64::from(bytes) - claimed as u64) {
            return Ok((layout, claimed));
        }
        self.rx.staged.unclaim(claimed);
        layout.take_ids().for_each(|id| shared.buffers.unshare(id));
        // What has been given up a moment ago comes back by itself.
        let wait = self.owed == 0 || shared.buffers.has_leaving();
        Err(if wait { Refusal::Wait } else { Refusal::TaskSetFull })
    }

    pub(super) fn data_header(&mut self, pdu: &DataOut, shared: &mut Shared) -> (Sink, After) {
        // Data of a task that is over already (aborted, say) is on its way for a while: it is not worth an answer.
        let Some(place) = self.tags.get(&pdu.itt.get()).copied() else { return IGNORE };
        let Some(task) = shared.tasks.get_mut(place) else { return IGNORE };
        let owes = task.owes();
        let Some(write) = &mut task.write else {
            self.reject(RejectReason::ProtocolError, shared);
            return IGNORE;
        };
        let taken = write.data_out(Arriving {
            ttt: pdu.ttt.get(),
            data_sn: pdu.data_sn.get(),
            offset: pdu.buffer_offset.get(),
            len: pdu.data_segment_length.get(),
            last: pdu.is_final(),
        });
        task.receiving = true;
        self.owed -= u32::from(owes && !task.owes());
        self.touch(place);
        let sink = match taken {
            Taken::Place { offset } => Sink::Task { place, offset: offset as usize, done: 0 },
            Taken::Discard => Sink::Skip,
        };
        (sink, After::Task(place))
    }

    /// A command with its immediate data, or a Data-Out, is complete.
    pub(super) fn data_arrived(
        &mut self,
        place: Place,
        len: usize,
        intact: bool,
        shared: &mut Shared,
    ) -> Result<(), Close> {
        shared.stats.add(Counter::BytesOut, len as u64);
        self.touch(place);
        let Some(task) = shared.tasks.get_mut(place) else { return Ok(()) };
        task.receiving = false;
        if let (Some(write), false) = (&mut task.write, intact) {
            write.spoil(DataFault::Digest);
        }
        if task.outcome.is_some() {
            self.settle(place, shared);
            return Ok(());
        }
        let (failed, complete) =
            task.write.as_ref().map_or((None, true), |write| (write.failed(), write.complete()));
        match (failed, task.stage) {
            (Some(_), Stage::Private) => self.fail_private(place, shared),
            (Some(_), _) if !task.aborting => {
                task.aborting = true;
                shared.stats.add(Counter::DataFaults, 1);
                shared.abort(place, scsi::task_management::Function::AbortTask as u8, None);
            }
            (Some(_), _) => {}
            (None, Stage::Private) if complete || !task.is_spoiled() => {
                shared.submit(place, !complete);
                self.ask_for_data(place, shared);
            }
            (None, Stage::InCore) if complete => shared.data_complete(place),
            _ => self.ask_for_data(place, shared),
        }
        Ok(())
    }

    /// Sends the R2Ts that are due.
    fn ask_for_data(&mut self, place: Place, shared: &mut Shared) {
        loop {
            let ttt = self.ttt();
            let Some(task) = shared.tasks.get_mut(place) else { return };
            let owes = task.owes();
            let Some(ask) = task.write.as_mut().and_then(|write| write.next_r2t(ttt)) else { return };
            self.owed += u32::from(!owes);
            let header = R2t::new(task.itt, task.lun, ask.ttt, ask.r2t_sn, ask.offset, ask.len).header();
            let number = self.responses.peek();
            shared.stats.add(Counter::R2ts, 1);
            self.queue_numbered(header, number, Payload::Nothing, shared);
        }
    }

    /// A command whose data is spoiled and that the core has never seen.
    fn fail_private(&mut self, place: Place, shared: &mut Shared) {
        shared.stats.add(Counter::DataFaults, 1);
        self.answer_fault(place, shared);
    }

    /// Drops a task that the core has never seen, without an answer; false if the core has.
    pub(super) fn drop_private(&mut self, place: Place, shared: &mut Shared) -> bool {
        if shared.tasks.get(place).is_none_or(|task| task.stage != Stage::Private) {
            return false;
        }
        if let Some(mut task) = self.end_task(place, shared) {
            shared.buffers.release_layout(&mut task.layout);
        }
        true
    }

    /// Takes a task from the tables of the connection and of the service.
    fn end_task(&mut self, place: Place, shared: &mut Shared) -> Option<Ended> {
        let owes = shared.tasks.get(place)?.owes();
        let task = shared.tasks.end(place)?;
        self.lose_task(place, task.itt, owes, shared);
        Some(task)
    }

    /// Ends a task whose data is spoiled, and says so.
    fn answer_fault(&mut self, place: Place, shared: &mut Shared) {
        let sense = shared.tasks.get(place).map(Task::fault_sense).unwrap_or_default();
        if let Some(mut task) = self.end_task(place, shared) {
            shared.buffers.release_layout(&mut task.layout);
            self.answer(task.itt, task.edtl, Status::CheckCondition, &sense, shared);
        }
    }

    /// A task is not this connection's any more.
    pub(super) fn lose_task(&mut self, place: Place, itt: u32, owes: bool, shared: &Shared) {
        self.rx.forget(place);
        self.owed -= u32::from(owes);
        self.tags.remove(&itt);
        self.touch(place);
        self.count_loose(place, false, shared);
    }

    /// The core's outcome of a task is here.
    pub fn done(&mut self, place: Place, reply: Reply, shared: &mut Shared) {
        let Some(task) = shared.tasks.get_mut(place) else { return };
        task.stage = Stage::Ended;
        task.outcome = Some(reply);
        if let Some(write) = &mut task.write {
            write.stop();
        }
        self.touch(place);
        self.settle(place, shared);
    }

    /// Answers tasks that waited for room in the queue. True if there is something to send now.
    pub(super) fn answer_more(&mut self, shared: &mut Shared) -> bool {
        let mut any = false;
        while let Some(place) = self.answers.front().copied().filter(|_| self.tx.has_room()) {
            self.answers.pop_front();
            self.settle(place, shared);
            any = true;
        }
        any && !self.blocked
    }

    /// Answers a task whose outcome is known, unless the initiator is still sending data for it: RFC 7143 11.4.2 has the
    /// target wait for the last F bit. Aborted tasks get no answer and wait only for the payload that is open.
    pub(super) fn settle(&mut self, place: Place, shared: &mut Shared) {
        let mine = shared.tasks.get(place).filter(|task| task.conn == Some(self.id));
        let Some(task) = mine else { return };
        let Some(outcome) = task.outcome else { return };
        let silent = outcome.flags & reply_flags::ABORTED != 0 && !task.aborting;
        if task.receiving || (task.owes() && !silent) {
            return;
        }
        // The queue stays short enough for the notebook; the outcome waits with the task, which the notebook has as well.
        if !silent && !self.tx.has_room() {
            return self.answers.push_back(place);
        }
        let full = matches!(self.phase, Phase::Full(_));
        if task.aborting && full && !silent {
            return self.answer_fault(place, shared);
        }
        let Some(mut task) = self.end_task(place, shared) else { return };
        if silent || !full {
            shared.buffers.release_layout(&mut task.layout);
        } else {
            self.respond(task, &outcome, shared);
        }
    }
}

impl Task {
    /// Whether the initiator still owes data that was announced or asked for.
    pub fn owes(&self) -> bool {
        self.write.as_ref().is_some_and(WriteData::outstanding)
    }

    fn is_spoiled(&self) -> bool {
        self.write.as_ref().is_some_and(|write| write.fault().is_some())
    }

    /// Writes the layout into the request.
    fn put_extents(&mut self) {
        for (place, extent) in self.request.extents.iter_mut().zip(self.layout.extents()) {
            *place = extent.to_wire();
        }
        let count = self.layout.count() as u8;
        (self.request.out_extents, self.request.in_extents) = if self.read { (0, count) } else { (count, 0) };
    }

    fn fault_sense(&self) -> Vec<u8> {
        let fault = self.write.as_ref().and_then(WriteData::fault).unwrap_or(DataFault::OutOfOrder);
        let (code, qualifier) = fault.additional_sense();
        Sense::aborted_command(Asc { code, qualifier }).to_fixed().as_slice().to_vec()
    }
}
