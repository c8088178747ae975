//! The records of the data path: one kind of request, one kind of reply, for both links on the way.
//!
//! CDBs and sense data are opaque bytes here. The identity of a task is (nexus, serial): both are assigned by the
//! transport and never used again, so that a request that is sent twice can be recognised; serials of a nexus rise.
//!
//! What is asked of whom, and what comes back:
//!
//! | request | link | reply |
//! |---|---|---|
//! | `Attach` | transport -> core, first on every new link | |
//! | `NexusOpen` | transport -> core | `NexusOpened` |
//! | `AttachEnd` | transport -> core: every nexus that still lives has been named | `Attached` |
//! | `NexusClose` | transport -> core | `NexusClosed`, after the last task of the nexus has ended |
//! | `Command` | transport -> core | exactly one `Done` |
//! | `DataComplete` | transport -> core: data of a `DATA_PENDING` command is there | |
//! | `TaskManagement` | transport -> core | `TaskManagementDone` |
//! | `Fence` | core -> handler, first on every new link | `Fenced`, when no task of an older link runs |
//! | `Execute` | core -> handler | exactly one `Done` |
//! | | handler -> core, for every unit on every new link and whenever it changes | `UnitReport` |
//! | `Reset` | core -> handler: a unit was reset and has no task | `ResetDone` |
//! | `NexusLost` | core -> handler: a nexus is over | `NexusForgotten` |
//! | `Allow` | core -> handler: a nexus was preempted | `NexusForgotten` |
//! | `DeferredError` | core -> handler: has a nexus still to be told of lost data? | `DeferredErrorIs` |
//! | `Abort` | core -> handler: the task need not be finished properly | (the task's own `Done`) |

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::extent::Extent;
use crate::fault::PeerFault;

/// 64-bit words of a [`Request`].
pub const REQUEST_WORDS: usize = size_of::<Request>() / 8;
/// 64-bit words of a [`Reply`].
pub const REPLY_WORDS: usize = size_of::<Reply>() / 8;
/// Extents that a request carries.
pub const EXTENTS: usize = 4;
/// CDB bytes that a request carries.
pub const CDB_BYTES: usize = 32;
/// Sense bytes that a reply carries.
pub const SENSE_BYTES: usize = 96;

macro_rules! wire_enum {
    ($(#[$meta:meta])* $name:ident, $field:literal { $($(#[$vmeta:meta])* $variant:ident = $value:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub enum $name { $($(#[$vmeta])* $variant = $value),+ }

        impl TryFrom<u8> for $name {
            type Error = PeerFault;
            fn try_from(value: u8) -> Result<Self, PeerFault> {
                match value {
                    $($value => Ok(Self::$variant),)+
                    _ => Err(PeerFault::Record { field: $field, value: u64::from(value) }),
                }
            }
        }
    };
}

wire_enum! {
    /// What a request asks.
    RequestKind, "request kind" {
        /// A transport begins to say which nexuses it has. Until `AttachEnd` it names them all with `RESUMED`.
        Attach = 1,
        /// A nexus exists: `unit` is the target's index, extent 0 holds the [`NexusNames`] text. With `RESUMED`, `ref_serial` is no
        /// earlier than the serial of any command of it so far, and earlier than those to come; 0 if that is not known.
        NexusOpen = 2,
        /// All nexuses have been named; those that core remembers beyond them are lost.
        AttachEnd = 3,
        /// A nexus is over.
        NexusClose = 4,
        /// A SCSI command.
        Command = 5,
        /// The data of a command that was sent with `DATA_PENDING` is complete: the extents are those of this record.
        DataComplete = 6,
        /// A task management function: `function`, `lun`, and for some `ref_serial`.
        TaskManagement = 7,
        /// Answer when nothing that came over an older link is running any more.
        Fence = 8,
        /// Execute a command on unit `unit`.
        Execute = 9,
        /// Nobody waits for the outcome of task (nexus, `ref_serial`) any more.
        Abort = 10,
        /// Unit `unit` was reset, and none of its older tasks runs: settings go back to saved or default values, and what
        /// initiators held is let go. Can come twice.
        Reset = 11,
        /// Nexus `nexus` is over (0: every nexus): what unit `unit` keeps for it goes. Can come twice.
        NexusLost = 12,
        /// Nexus `nexus` was preempted: it does not prevent the removal of the medium of unit `unit` any more. Can come twice.
        Allow = 13,
        /// Has nexus `nexus` still to be told of data that unit `unit` has lost? Nothing is changed by it.
        DeferredError = 14,
    }
}

wire_enum! {
    /// What a reply says.
    ReplyKind, "reply kind" {
        /// The transport may use its arena from the start: no task of a former incarnation runs.
        Attached = 1,
        /// The nexus exists, or (`status` not 0) was refused.
        NexusOpened = 2,
        /// The nexus is gone, and with it every task of it.
        NexusClosed = 3,
        /// The outcome of a command.
        Done = 4,
        /// The outcome of a task management function, in `response`.
        TaskManagementDone = 5,
        /// Answer to `Fence`.
        Fenced = 6,
        /// What the core has to know of a unit, unasked: `serial` is the unit's number, `sense` the report in `scsi`'s encoding.
        UnitReport = 7,
        /// Answer to `Reset`, with its nexus and serial.
        ResetDone = 8,
        /// Answer to `NexusLost` and `Allow`, with its nexus and serial.
        NexusForgotten = 9,
        /// Answer to `DeferredError`, with its nexus and serial: `sense` is the sense key, additional sense code and qualifier of what
        /// the nexus will be told, or nothing.
        DeferredErrorIs = 10,
    }
}

/// Bits of [`Request::flags`].
pub mod request_flags {
    /// The command's data-out is not complete: do not execute before `DataComplete`.
    pub const DATA_PENDING: u8 = 1;
    /// `NexusOpen`: core knew this nexus before (its own death, or a resumed transport), so it is no news.
    pub const RESUMED: u8 = 2;
    /// The command is sent again after a change of link; the responder may have seen it before.
    pub const AGAIN: u8 = 4;
    /// `Execute`: writes are refused to this nexus, whatever the unit allows.
    pub const WRITE_PROTECTED: u8 = 8;
    /// `Execute`: the target port is in a state in which the unit cannot be used through it.
    pub const UNAVAILABLE: u8 = 16;
}

/// Bits of [`Reply::flags`].
pub mod reply_flags {
    /// The task was aborted and must not be answered to the initiator.
    pub const ABORTED: u8 = 1;
}

/// A request: 256 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
pub struct Request {
    /// A [`RequestKind`].
    pub kind: u8,
    /// Bits of [`request_flags`].
    pub flags: u8,
    /// Task attribute, in `scsi`'s encoding.
    pub attribute: u8,
    /// Valid bytes of `cdb`, 0..=32.
    pub cdb_len: u8,
    /// Leading extents that hold data-out, 0..=4.
    pub out_extents: u8,
    /// Extents after those that take data-in; together at most 4.
    pub in_extents: u8,
    /// Task management function, in `scsi`'s encoding.
    pub function: u8,
    /// Task priority (SAM-5 8.7), 0 none.
    pub priority: u8,
    /// Towards the core the target's index, towards a handler the unit's.
    pub unit: u32,
    /// Expected data-out length in bytes, as the initiator said.
    pub out_len: u32,
    /// Expected data-in length in bytes, as the initiator said.
    pub in_len: u32,
    /// `Execute`: relative target port identifier of the port that the command came through.
    pub port: u16,
    /// `Execute`: identifier of that port's target port group.
    pub port_group: u16,
    /// The I_T nexus.
    pub nexus: u64,
    /// The task within the nexus.
    pub serial: u64,
    /// The task that this request is about.
    pub ref_serial: u64,
    /// The eight bytes of the LUN, big-endian.
    pub lun: u64,
    /// Data-out first, then data-in.
    pub extents: [Extent; EXTENTS],
    /// The CDB; bytes past `cdb_len` are 0.
    pub cdb: [u8; CDB_BYTES],
    /// `Execute`: the medium that the core knew of when it let the command in, in `scsi`'s encoding; 0 where it knew of none.
    pub medium: u64,
    /// `Command` and `Execute`: version of the transport protocol that was negotiated, as the transport counts; 0 if it does not.
    pub protocol_level: u8,
    /// Not used; 0.
    pub reserved: [u8; 7],
    /// Not used; 0.
    pub spare: [u64; 11],
}

const _: () = assert!(size_of::<Request>() == 264 - 8 && align_of::<Request>() == 8);

impl Request {
    /// A request of a kind with everything else 0.
    pub fn new(kind: RequestKind, nexus: u64, serial: u64) -> Self {
        let mut request: Self = zerocopy::FromZeros::new_zeroed();
        request.kind = kind as u8;
        request.nexus = nexus;
        request.serial = serial;
        request
    }

    /// The CDB, if its length is possible.
    pub fn cdb(&self) -> Result<&[u8], PeerFault> {
        let fault = PeerFault::Record { field: "cdb_len", value: u64::from(self.cdb_len) };
        self.cdb.get(..usize::from(self.cdb_len)).ok_or(fault)
    }

    /// The extents of data-out and of data-in, if their numbers are possible.
    pub fn extents(&self) -> Result<(&[Extent], &[Extent]), PeerFault> {
        let (out, both) =
            (usize::from(self.out_extents), usize::from(self.out_extents) + usize::from(self.in_extents));
        let fault = PeerFault::Record { field: "extent count", value: both as u64 };
        let used = self.extents.get(..both).ok_or(fault)?;
        Ok(used.split_at(out))
    }
}

/// A reply: 128 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
pub struct Reply {
    /// A [`ReplyKind`].
    pub kind: u8,
    /// SAM status of a command; of `NexusOpened` 0 or the reason of a refusal ([`refusal`]).
    pub status: u8,
    /// Bits of [`reply_flags`].
    pub flags: u8,
    /// Valid bytes of `sense`, 0..=96.
    pub sense_len: u8,
    /// Response of a task management function, in `scsi`'s encoding.
    pub response: u8,
    /// Not used; 0.
    pub reserved: [u8; 3],
    /// The I_T nexus.
    pub nexus: u64,
    /// The task within the nexus.
    pub serial: u64,
    /// Bytes that were moved from or to the request's extents.
    pub transferred: u32,
    /// Bytes that the command would have moved had the initiator asked for enough: residuals derive from it.
    pub wanted: u32,
    /// Sense data; bytes past `sense_len` are 0.
    pub sense: [u8; SENSE_BYTES],
}

const _: () = assert!(size_of::<Reply>() == 128 && align_of::<Reply>() == 8);

/// Reasons why a nexus was refused.
pub mod refusal {
    /// The target does not exist (any more).
    pub const NO_TARGET: u8 = 1;
    /// Too many nexuses.
    pub const NO_ROOM: u8 = 2;
}

impl Reply {
    /// A reply of a kind with everything else 0.
    pub fn new(kind: ReplyKind, nexus: u64, serial: u64) -> Self {
        let mut reply: Self = zerocopy::FromZeros::new_zeroed();
        reply.kind = kind as u8;
        reply.nexus = nexus;
        reply.serial = serial;
        reply
    }

    /// The sense data, if its length is possible.
    pub fn sense(&self) -> Result<&[u8], PeerFault> {
        let fault = PeerFault::Record { field: "sense_len", value: u64::from(self.sense_len) };
        self.sense.get(..usize::from(self.sense_len)).ok_or(fault)
    }
}

/// Who the two ports of a nexus are, in the words of its transport: for iSCSI `iqn...,i,0x00023d000001` and
/// `iqn...,t,0x0001`. Carried as `initiator NUL target` in extent 0 of `NexusOpen`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NexusNames {
    /// Name of the SCSI initiator port.
    pub initiator: String,
    /// Name of the SCSI target port.
    pub target: String,
}

impl NexusNames {
    /// Longest encoding, in bytes.
    pub const MAX: usize = 1024;

    /// The text for the extent.
    pub fn encode(&self) -> Vec<u8> {
        format!("{}\0{}", self.initiator, self.target).into_bytes()
    }

    /// Reads the text back from bytes that were copied out of the extent.
    pub fn decode(bytes: &[u8]) -> Result<Self, PeerFault> {
        let fault = PeerFault::Record { field: "nexus names", value: bytes.len() as u64 };
        let text = std::str::from_utf8(bytes).map_err(|_| fault)?;
        let (initiator, target) = text.split_once('\0').filter(|_| bytes.len() <= Self::MAX).ok_or(fault)?;
        Ok(Self { initiator: initiator.to_owned(), target: target.to_owned() })
    }
}

#[cfg(test)]
mod tests;
