//! A task: one command on its way through this service, and what comes of it.
//!
//! Made by [`crate::intake`], carried out by [`crate::execute`]. Most tasks live on the stack for one turn; one that has
//! to wait moves into a slot ([`crate::slots`]).

use scsi::command::Command;
use scsi::path::Path;
use scsi::sense::{Sense, SenseBytes};
use scsi::status::Status;

use ipc::message::record::{Reply, ReplyKind, SENSE_BYTES, reply_flags};

use crate::backend::{Plan, Way};
use crate::engine::Op;
use crate::links::LinkId;
use crate::notebook::Name;
use crate::span::Spans;
use crate::units::UnitId;
use crate::work::{Want, Work};

/// Who asked, and how the answer finds the question: unique, and never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// The link that the task came over.
    pub link: LinkId,
    /// The I_T nexus.
    pub nexus: u64,
    /// The task within the nexus.
    pub serial: u64,
}

/// Where a task in a slot is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Before the unit's gate: nothing has been done yet.
    Waiting,
    /// A fault device holds it back.
    Delayed,
    /// The engine moves its bytes.
    Moving,
    /// It waits for a sync, running or next.
    Syncing,
    /// The clerk is busy for it.
    Errand,
    /// It waits for a command before it.
    Turn,
    /// It has not begun: a command before it has some of its blocks to itself.
    Blocked,
    /// It waits for a buffer, or for room in the notebook.
    Wanting,
}

/// A move of bytes between medium and initiator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transfer {
    /// Which way.
    pub way: Way,
    /// First byte on the medium.
    pub offset: u64,
    /// Bytes that the CDB asks for.
    pub wanted: usize,
    /// Bytes to move: what the CDB asks for, as far as the initiator's buffer goes.
    pub len: usize,
    /// Bytes moved.
    pub done: usize,
    /// A write has to be on the medium before the answer; before a read, what is cached has to be there.
    pub durable: bool,
    /// How a fault device wants it.
    pub plan: Plan,
}

impl Identity {
    /// What stays the same when the task comes again.
    pub fn name(&self) -> Name {
        (self.nexus, self.serial)
    }
}

impl Transfer {
    /// Bytes that the next try is to move.
    pub fn next_try(&self) -> usize {
        let rest = self.len - self.done;
        if self.plan.half { rest.div_ceil(2) } else { rest }
    }

    /// A try has moved so many bytes. More than were left is not possible; should it be, the arithmetic still holds.
    pub fn moved(&mut self, bytes: usize) {
        self.plan.half = false;
        self.done = (self.done + bytes).min(self.len);
    }

    /// What the engine does for it.
    pub fn op(&self) -> Op {
        match self.way {
            Way::In => Op::Read,
            Way::Out => Op::Write,
        }
    }
}

/// A command to execute.
#[derive(Debug)]
pub struct Task {
    /// Who asked.
    pub identity: Identity,
    /// On which unit.
    pub unit: UnitId,
    /// The way that the command came.
    pub path: Path,
    /// What, or what is wrong with the CDB.
    pub command: Result<Command, Sense>,
    /// Data from the initiator, or room for data to it: whichever way the command goes.
    pub data: Spans,
    /// Where it is.
    pub stage: Stage,
    /// The move that it is about, if it has got so far.
    pub transfer: Option<Transfer>,
    /// The medium that the core knew of when it let the command in; 0 if that does not matter.
    pub medium: u64,
    /// It has been answered, and goes on by itself.
    pub answered: bool,
    /// The link that it came over is gone: nobody will hear of its end.
    pub orphan: bool,
    /// It may have been here before, in this process or a former one.
    pub again: bool,
    /// It has been answered, and has nothing to do with whoever asked for it any more: nothing waits for its end.
    pub detached: bool,
    /// What goes on with it, if it is written as one piece.
    pub work: Option<Work>,
    /// What that waits for, where it cannot be had at once.
    pub want: Option<Box<Want>>,
    /// It must not be executed twice: how it ends stands in the notebook.
    pub recorded: bool,
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// GOOD, or sense data for CHECK CONDITION.
    pub result: Result<(), Sense>,
    /// Bytes that were moved.
    pub transferred: usize,
    /// Bytes that would have been moved had the initiator's buffer been big enough.
    pub wanted: usize,
    /// It ends with CONDITION MET instead of GOOD.
    pub condition_met: bool,
}

impl Outcome {
    /// GOOD, without data.
    pub const GOOD: Self = Self { result: Ok(()), transferred: 0, wanted: 0, condition_met: false };

    /// CONDITION MET, without data.
    pub const CONDITION_MET: Self = Self { condition_met: true, ..Self::GOOD };

    /// GOOD, with data.
    pub fn good(transferred: usize, wanted: usize) -> Self {
        Self { transferred, wanted, ..Self::GOOD }
    }

    /// CHECK CONDITION, with nothing moved.
    pub fn check(sense: Sense) -> Self {
        Self::check_after(sense, 0)
    }

    /// CHECK CONDITION after so many bytes. No more was wanted then, so that the residual counts all the others.
    pub fn check_after(sense: Sense, transferred: usize) -> Self {
        Self { result: Err(sense), transferred, wanted: transferred, condition_met: false }
    }

    /// The reply that says so, with sense data in descriptor format if D_SENSE is one.
    pub fn reply(&self, identity: Identity, descriptor: bool) -> Reply {
        let mut reply = Reply::new(ReplyKind::Done, identity.nexus, identity.serial);
        // No unit takes transfers of 4 GiB ([`crate::unit`]), so neither number is ever cut off.
        reply.transferred = u32::try_from(self.transferred).unwrap_or(u32::MAX);
        reply.wanted = u32::try_from(self.wanted).unwrap_or(u32::MAX);
        match &self.result {
            Ok(()) if self.condition_met => reply.status = Status::ConditionMet.code(),
            Ok(()) => reply.status = Status::Good.code(),
            Err(sense) => {
                reply.status = Status::CheckCondition.code();
                put_sense(&mut reply, &sense.encode(descriptor));
            }
        }
        reply
    }
}

fn put_sense(reply: &mut Reply, sense: &SenseBytes) {
    let bytes = sense.as_slice();
    let len = bytes.len().min(SENSE_BYTES);
    reply.sense[..len].copy_from_slice(&bytes[..len]);
    reply.sense_len = len as u8;
}

/// The reply for a task that was aborted before anything was done, or whose doings go on without it.
pub fn aborted(identity: Identity) -> Reply {
    let mut reply = Reply::new(ReplyKind::Done, identity.nexus, identity.serial);
    reply.flags = reply_flags::ABORTED;
    reply.status = Status::TaskAborted.code();
    reply
}
