//! Where everything lies in the notebook, and what the records look like. Native byte order: no other machine reads them.
//!
//! ```text
//! line 0        schema, places of connections, places of tasks
//! connections   each: Who | moment A | moment B | ring of bytes to send | ring of segments to send
//!               a moment: tag, Moment, functions, landing (tail of a PDU, then the next header)
//! tasks         each: Still | progress A | progress B;   progress: tag, Progress, outcome
//! ```

use crate::login::name::MAX_NAME;
use ipc::message::record::{EXTENTS, Request};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Where the connections begin.
pub const START: usize = 4096;
/// Bytes to send that a picture holds for a connection, payload in the arena apart. A power of two.
pub const QUEUE: usize = 32 * 1024;
/// Segments to send that a picture holds for a connection. A power of two.
pub const SEGMENTS: usize = 1024;
/// Bytes of a segment.
pub const SEGMENT: usize = 16;
/// Functions under way that a picture holds for a connection.
pub const MOST_FUNCTIONS: usize = 4;

/// Bytes of a moment with what lies beside it.
pub const SIDE: usize = 2048;
/// Where the moments are in a connection's place.
pub const SIDES: usize = 512;
/// Where the functions are in a moment.
pub const FUNCTIONS: usize = 320;
/// Where the landing is in a moment.
pub const LANDING: usize = 768;
/// Bytes of the landing for the tail of a PDU: padding and digest.
pub const TAIL_ROOM: usize = 8;
/// Bytes of the landing for a header.
pub const HEAD_ROOM: usize = SIDE - LANDING - TAIL_ROOM;
/// Where the ring of bytes is in a connection's place; the ring of segments follows.
pub const BYTES: usize = SIDES + 2 * SIDE;
/// Bytes of a connection's place.
pub const CONN: usize = BYTES + QUEUE + SEGMENTS * SEGMENT;

/// Where the two versions of its progress are in a task's place.
pub const TASK_SIDES: usize = 256;
/// Bytes of each.
pub const TASK_SIDE: usize = 256;
/// Bytes of a task's place.
pub const TASK: usize = TASK_SIDES + 2 * TASK_SIDE;

/// Bits of [`Who::flags`].
pub mod flags {
    /// HeaderDigest.
    pub const HEADER_DIGEST: u32 = 1;
    /// DataDigest.
    pub const DATA_DIGEST: u32 = 2;
    /// InitialR2T.
    pub const INITIAL_R2T: u32 = 4;
    /// ImmediateData.
    pub const IMMEDIATE_DATA: u32 = 8;
    /// Where the eight bits of iSCSIProtocolLevel begin.
    pub const LEVEL: u32 = 8;
}

/// What does not change while a connection lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Who {
    /// Key of the deposited socket; never used again.
    pub key: u64,
    /// Nexus.
    pub nexus: u64,
    /// Index of the target.
    pub target: u32,
    /// Index of the portal.
    pub portal: u32,
    /// Bits of [`flags`].
    pub flags: u32,
    /// MaxBurstLength.
    pub max_burst: u32,
    /// FirstBurstLength.
    pub first_burst: u32,
    /// MaxOutstandingR2T.
    pub max_outstanding_r2t: u32,
    /// Place of the block with the names of the nexus, see [`ipc::arena::buddy::Block::place`].
    pub names: [u32; 2],
    /// Bytes of those names.
    pub names_len: u32,
    /// TSIH.
    pub tsih: u16,
    /// CID.
    pub cid: u16,
    /// ISID.
    pub isid: [u8; 6],
    /// Bytes of the name.
    pub name_len: u16,
    /// InitiatorName.
    pub name: [u8; NAME],
}

/// Room for a name.
pub const NAME: usize = 240;
const _: () = assert!(NAME >= MAX_NAME);

/// Where a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Moment {
    /// As in [`Who`].
    pub key: u64,
    /// Bytes that were consumed, as [`ipc::tcp::Position`] counts them.
    pub consumed: u64,
    /// Where the first segment of the queue begins, in bytes written.
    pub front: u64,
    /// Where the private bytes of the queue begin in the private stream.
    pub bytes_begin: u64,
    /// Where they end.
    pub bytes_end: u64,
    /// Number of the queue's first segment.
    pub segments_begin: u64,
    /// Number of the one behind its last.
    pub segments_end: u64,
    /// How many serials have been given out.
    pub serials: u64,
    /// ExpCmdSN.
    pub exp_cmd_sn: u32,
    /// MaxCmdSN.
    pub max_cmd_sn: u32,
    /// The next StatSN.
    pub stat_sn: u32,
    /// The StatSN up to which everything was acknowledged.
    pub acknowledged: u32,
    /// The last Target Transfer Tag.
    pub ttt: u32,
    /// The initiator's MaxRecvDataSegmentLength.
    pub max_send_data: u32,
    /// Where the open payload begins in its task's data.
    pub sink_offset: u32,
    /// Bytes of it that were claimed where they lie.
    pub sink_done: u32,
    /// Bytes of the open payload.
    pub len: u32,
    /// Those of them that are missing.
    pub left: u32,
    /// Place of the staging block.
    pub staged: [u32; 2],
    /// What is unread in it.
    pub staged_begin: u32,
    /// Where that ends.
    pub staged_end: u32,
    /// Bytes of the header that are here.
    pub have: u16,
    /// Bytes that it has.
    pub need: u16,
    /// Task that the open payload is for.
    pub sink_place: u16,
    /// Task that goes on when the PDU is complete.
    pub after_place: u16,
    /// Bytes of the tail that are here.
    pub tail_have: u8,
    /// Bytes that it has.
    pub tail_need: u8,
    /// 1: full feature phase; 2: it ends when the queue is empty; 0: nobody can go on with it.
    pub phase: u8,
    /// What is being received: 0 a header, 1 a payload, 2 a tail.
    pub state: u8,
    /// Where the payload goes: 0 nowhere, 1 to private memory, 2 to a task.
    pub sink: u8,
    /// What happens then: 0 nothing, 1 it is handled by its opcode, 2 a task goes on.
    pub after: u8,
    /// There is a staging block.
    pub has_staged: u8,
    /// The staging block takes what follows the next header.
    pub bulk: u8,
    /// Functions under way.
    pub functions: u8,
    /// Not used; 0.
    pub spare: [u8; 7],
    /// The header that is being worked on.
    pub current: [u8; 48],
}

/// A task management function under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct FunctionNote {
    /// Its identity.
    pub serial: u64,
    /// The task that it names.
    pub ref_serial: u64,
    /// LUN.
    pub lun: u64,
    /// Index of the target.
    pub unit: u32,
    /// Initiator Task Tag.
    pub itt: u32,
    /// The function.
    pub function: u32,
    /// The initiator asked, and waits.
    pub asked: u32,
}

/// What of a [`Request`] is used.
pub const REQUEST: usize = std::mem::offset_of!(Request, spare);

/// What does not change while a task lives; the first [`REQUEST`] bytes of its request follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Still {
    /// Initiator Task Tag.
    pub itt: u32,
    /// Expected Data Transfer Length.
    pub edtl: u32,
    /// It wants data from the target.
    pub read: u32,
    /// Extents in use.
    pub runs: u32,
    /// Places of the blocks that these lie in.
    pub blocks: [[u32; 2]; EXTENTS],
}

/// States of a [`Progress`].
pub mod state {
    /// There is no such task.
    pub const FREE: u8 = 0;
    /// The core does not know it.
    pub const PRIVATE: u8 = 1;
    /// The core knows it.
    pub const IN_CORE: u8 = 2;
    /// Its outcome is known.
    pub const ENDED: u8 = 3;
}

/// How far a task is. After it, if `has_outcome`, a [`ipc::message::record::Reply`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Progress {
    /// Key of its connection.
    pub owner: u64,
    /// One of [`state`].
    pub state: u8,
    /// A payload is being received into it.
    pub receiving: u8,
    /// The core was told to abort it.
    pub aborting: u8,
    /// Its request's flags.
    pub flags: u8,
    /// It takes data from the initiator.
    pub writes: u8,
    /// An outcome follows.
    pub has_outcome: u8,
    /// Not used; 0.
    pub spare: [u8; 2],
    /// How far its data is.
    pub data: DataNote,
}

/// How far a task's data-out is: see [`crate::session::burst::WriteData`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct DataNote {
    /// Bytes that are here.
    pub received: u32,
    /// Bytes that were asked for.
    pub asked: u32,
    /// R2Ts sent.
    pub r2t_sn: u32,
    /// Why it cannot be used; 0: it can.
    pub fault: u32,
    /// 1: unsolicited data is under way; its end and DataSN.
    pub unsolicited: [u32; 3],
    /// R2Ts that are open.
    pub open: u32,
    /// Tag, end and DataSN of each.
    pub sequences: [[u32; 3]; 4],
}

const _: () = assert!(size_of::<Who>() <= SIDES);
const _: () = assert!(8 + size_of::<Moment>() <= FUNCTIONS);
const _: () = assert!(FUNCTIONS + MOST_FUNCTIONS * size_of::<FunctionNote>() <= LANDING);
const _: () = assert!(size_of::<Still>() + REQUEST <= TASK_SIDES);
const _: () = assert!(8 + size_of::<Progress>() + 128 <= TASK_SIDE);
const _: () = assert!(crate::session::burst::MAX_OUTSTANDING_R2T == 4);
