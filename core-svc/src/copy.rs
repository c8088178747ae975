//! EXTENDED COPY: the copy manager (SPC-4 5.17).
//!
//! A copy is a task of the unit that it was sent to, and asks handlers by commands of its own ([`steps`]): what the units are
//! called ([`directory`]), how large they are, then READ and WRITE through the core's own arena ([`memory`]). These commands
//! are parts of a task that its task set has let run already; they enter no task set, since a copy between two units whose
//! sets wait for one another would never end. A copy ends only when the last of its commands has ended.
//!
//! How far a copy has come is in the notebook ([`kept`]), because a copy cannot simply be done again: a segment may have
//! overwritten what an earlier one had read, or what it reads itself. [`segment`] says in which order blocks are moved.
//!
//! Next: [`manager`], which carries a copy from its parameter list to its outcome.

pub mod directory;
mod explain;
pub mod kept;
pub mod manager;
pub mod memory;
pub mod pump;
pub mod results;
pub mod segment;
pub mod steps;

use std::collections::VecDeque;

use rustc_hash::FxHashMap;
use scsi::extended_copy::ParameterList;
use scsi::extended_copy::failure::{CopyAborted, ThirdParty};
use scsi::sense::Sense;

use crate::task::TaskId;
use directory::Directory;
use memory::Memory;
use segment::Run;
use steps::{Answer, Step};

/// What is known of the unit that a target descriptor names.
#[derive(Debug, Clone)]
pub enum Place {
    /// It has not been found yet, or nobody refers to it.
    Unknown,
    /// Nothing that the nexus reaches has that name, or it has none to reach.
    Missing,
    /// It is unit `unit`, of this peripheral device type.
    Found {
        /// Index of the unit.
        unit: u32,
        /// Its PERIPHERAL DEVICE TYPE.
        device_type: u8,
    },
    /// Its geometry is known, too.
    Measured {
        /// Index of the unit.
        unit: u32,
        /// Its PERIPHERAL DEVICE TYPE.
        device_type: u8,
        /// Bytes of a block.
        block_size: u32,
        /// Blocks that it has.
        blocks: u64,
    },
    /// It does not say how large it is, but answers this.
    Unusable(ThirdParty),
}

/// How far a copy is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Looking for its units.
    Resolving,
    /// Asking how large they are.
    Measuring,
    /// Moving blocks.
    Copying,
}

/// A copy that runs.
#[derive(Debug)]
pub struct Copy {
    /// Its name here, never used again.
    pub key: u64,
    /// Its task.
    pub task: TaskId,
    /// Place of its nexus.
    pub nexus: usize,
    /// Its serial within the nexus.
    pub serial: u64,
    /// The unit that it was sent to.
    pub unit: u32,
    /// What was asked.
    pub list: ParameterList,
    /// Bytes of the parameter list.
    pub list_bytes: u32,
    /// What is known of the targets, by their index.
    pub places: Vec<Place>,
    /// How far it is.
    pub phase: Phase,
    /// The segment that is being processed.
    pub segment: usize,
    /// It, if it has begun.
    pub run: Option<Run>,
    /// Where a former core had come to, until it is taken up.
    pub resumes: Option<kept::Progress>,
    /// What segments leave over for the next, once one has.
    pub pocket: Option<kept::Pocket>,
    /// Bytes written by segments that are over.
    pub written: u64,
    /// Commands of its own that have not ended.
    pub outstanding: usize,
    /// It ends with this, as soon as nothing is outstanding.
    pub failed: Option<Failure>,
}

/// Why a copy fails.
#[derive(Debug, Clone)]
pub enum Failure {
    /// The parameter list does not fit the units.
    List(Sense),
    /// A segment could not be processed.
    Segment(CopyAborted),
}

/// The copy manager's state.
#[derive(Default)]
pub struct Copies {
    /// Where data is on its way; none until the arena is granted.
    pub memory: Option<Memory>,
    /// Number of this core's incarnation: part of the identity of its commands.
    pub incarnation: u64,
    /// Tasks that wait for their turn.
    pub waiting: VecDeque<TaskId>,
    /// Copies that run.
    pub running: Vec<Copy>,
    /// Names of units.
    pub directory: Directory,
    /// What the core's own commands are for.
    steps: FxHashMap<TaskId, Step>,
    /// Those that have ended and were not looked at.
    ended: VecDeque<(Step, Answer)>,
    /// Something has changed that a copy may have waited for.
    pub stirred: bool,
    /// Whose turn it is to get memory first.
    turn: usize,
    next_serial: u64,
    next_key: u64,
}

impl Copies {
    /// The copy that runs under this name.
    pub fn find(&mut self, key: u64) -> Option<&mut Copy> {
        self.running.iter_mut().find(|copy| copy.key == key)
    }

    /// Whether the task is a copy that waits or runs.
    pub fn holds(&self, task: TaskId) -> bool {
        self.running.iter().any(|copy| copy.task == task) || self.waiting.contains(&task)
    }
}
