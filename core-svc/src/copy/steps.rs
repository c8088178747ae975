//! The core's own commands: what the copy manager asks handlers, and what they answer.
//!
//! They are tasks like any other towards a handler (held while it is away, sent again to its successor), under the number of a
//! nexus that no transport can have, and belong to no task set and no nexus of the core's table.

use ipc::extent::Extent;
use ipc::message::record::{Reply, Request, RequestKind, reply_flags};
use scsi::attribute::TaskAttribute;
use scsi::extended_copy::failure::{Side, ThirdParty};
use scsi::opcode;
use scsi::status::Status;

use crate::core::Core;
use crate::nexus::{OWN, own_number};
use crate::task::{Stage, Task, TaskId};
use crate::task_set::{Order, Seat};

use super::memory::PAGE;

/// What a command of the core's own is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// INQUIRY for the names of a unit, into this page.
    Identify {
        /// The unit.
        unit: u32,
        /// The page of memory.
        page: u32,
    },
    /// READ CAPACITY for a target of a copy, into this page.
    Measure {
        /// The copy.
        key: u64,
        /// Index of the target.
        target: usize,
        /// The page of memory.
        page: u32,
    },
    /// READ or WRITE of this chunk of memory.
    Move {
        /// The copy.
        key: u64,
        /// The chunk of memory.
        chunk: u32,
    },
}

/// How it ended.
#[derive(Debug, Clone)]
pub struct Answer {
    /// SAM status, and sense data if there is any.
    pub status: u8,
    /// Sense data.
    pub sense: Vec<u8>,
    /// Bytes moved.
    pub transferred: u32,
}

impl Answer {
    fn new(reply: &Reply) -> Self {
        let aborted = reply.flags & reply_flags::ABORTED != 0;
        let status = if aborted { Status::TaskAborted.code() } else { reply.status };
        let sense = reply.sense().map(<[u8]>::to_vec).unwrap_or_default();
        Self { status, sense, transferred: reply.transferred }
    }

    /// Whether it ended with GOOD.
    pub fn is_good(&self) -> bool {
        self.status == Status::Good.code()
    }

    /// The same, to be told to the initiator.
    pub fn of(self, side: Side) -> ThirdParty {
        ThirdParty { side, status: self.status, sense: self.sense }
    }
}

/// INQUIRY, page 83h (SPC-4 6.6), as much as a page of memory takes.
fn inquiry() -> [u8; 6] {
    let [high, low] = (PAGE as u16).to_be_bytes();
    [0x12, 0x01, 0x83, high, low, 0]
}

/// READ CAPACITY(16) (SBC-3 5.16), 32 bytes.
const READ_CAPACITY_16: [u8; 16] = [0x9E, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0];

/// READ(16) or WRITE(16) (SBC-3 5.13, 5.33).
fn read_write(code: u8, lba: u64, blocks: u32) -> [u8; 16] {
    let mut cdb = [0; 16];
    cdb[0] = code;
    cdb[2..10].copy_from_slice(&lba.to_be_bytes());
    cdb[10..14].copy_from_slice(&blocks.to_be_bytes());
    cdb
}

impl Core {
    /// Asks a unit for its names. False: there is no page of memory for the answer.
    pub(crate) fn ask_names(&mut self, unit: u32) -> bool {
        let Some((page, extent)) = self.page(PAGE) else { return false };
        self.ask(unit, Step::Identify { unit, page }, &inquiry(), extent, None);
        true
    }

    /// Asks a unit how large it is. False: there is no page of memory for the answer.
    pub(crate) fn ask_capacity(&mut self, unit: u32, key: u64, target: usize) -> bool {
        let Some((page, extent)) = self.page(32) else { return false };
        self.ask(unit, Step::Measure { key, target, page }, &READ_CAPACITY_16, extent, None);
        true
    }

    /// Reads blocks into a chunk of memory, at an offset, or writes them from it.
    pub(crate) fn ask_move(
        &mut self,
        (unit, lba, block_size): (u32, u64, u32),
        side: Side,
        (key, chunk, offset, bytes): (u64, u32, u32, u32),
        nexus: usize,
    ) {
        let Some(memory) = &self.copies.memory else { return };
        let extent = memory.part(chunk, offset, bytes);
        let code = match side {
            Side::Source => opcode::number::READ_16,
            Side::Destination => opcode::number::WRITE_16,
        };
        let cdb = read_write(code, lba, bytes / block_size);
        self.ask(unit, Step::Move { key, chunk }, &cdb, extent, Some(nexus));
    }

    fn page(&mut self, len: u32) -> Option<(u32, Extent)> {
        let memory = self.copies.memory.as_mut()?;
        let page = memory.take_page()?;
        Some((page, memory.page_extent(page, len)))
    }

    /// Sends a command. `nexus` is the place of the nexus for which it is done, whose port is named to the handler.
    fn ask(&mut self, unit: u32, step: Step, cdb: &[u8], extent: Extent, nexus: Option<usize>) {
        let Some(opcode) = opcode::lookup(cdb) else { return };
        self.copies.next_serial += 1;
        let number = own_number(self.copies.incarnation);
        let mut request = Request::new(RequestKind::Execute, number, self.copies.next_serial);
        request.cdb_len = cdb.len() as u8;
        request.cdb[..cdb.len()].copy_from_slice(cdb);
        request.attribute = TaskAttribute::Simple.code();
        request.unit = unit;
        request.extents[0] = extent;
        if opcode.direction == opcode::Direction::Out {
            (request.out_extents, request.out_len) = (1, extent.len);
        } else {
            (request.in_extents, request.in_len) = (1, extent.len);
        }
        if let Some(nexus) = nexus {
            (request.port, request.port_group) = self.port_of(nexus);
        }
        let task = Task {
            request,
            opcode,
            nexus: OWN,
            epoch: 0,
            unit,
            attribute: TaskAttribute::Simple,
            seat: Seat { order: Order::Aside, nexus: OWN },
            arrival: 0,
            since: self.turn_time(),
            stage: Stage::Enabled,
            data_ready: true,
            judged: true,
            aborted: false,
            told: false,
        };
        // The serial is new, so there is no such task.
        let Some(id) = self.tasks.insert(task) else { return };
        self.copies.steps.insert(id, step);
        if let Step::Measure { key, .. } | Step::Move { key, .. } = step
            && let Some(copy) = self.copies.find(key)
        {
            copy.outstanding += 1;
        }
        self.execute(id);
    }

    /// A command of the core's own has ended. What follows from it is done in [`Core::run_copies`], since this may be called
    /// in the middle of anything.
    pub(crate) fn own_command_ended(&mut self, id: TaskId, reply: &Reply) {
        if let Some(step) = self.copies.steps.remove(&id) {
            self.copies.ended.push_back((step, Answer::new(reply)));
        }
    }

    /// The next command that has ended.
    pub(super) fn next_ended(&mut self) -> Option<(Step, Answer)> {
        self.copies.ended.pop_front()
    }

    /// Commands to `unit` that are done for one of the nexuses at `places`.
    pub(crate) fn own_commands_for(&self, unit: u32, places: &[usize]) -> Vec<TaskId> {
        let for_them = |step: &Step| match step {
            Step::Measure { key, .. } | Step::Move { key, .. } => {
                self.copies.running.iter().any(|copy| copy.key == *key && places.contains(&copy.nexus))
            }
            Step::Identify { .. } => false,
        };
        let there = |id: &TaskId| self.tasks.get(*id).is_some_and(|task| task.unit == unit);
        let steps = self.copies.steps.iter().filter(|(id, step)| for_them(step) && there(id));
        steps.map(|(id, _)| *id).collect()
    }

    /// The commands that the copy `key` waits for.
    pub(super) fn commands_of(&self, key: u64) -> Vec<TaskId> {
        let of = |step: &Step| match step {
            Step::Measure { key: other, .. } | Step::Move { key: other, .. } => *other == key,
            Step::Identify { .. } => false,
        };
        self.copies.steps.iter().filter(|(_, step)| of(step)).map(|(id, _)| *id).collect()
    }
}
