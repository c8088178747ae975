//! PDUs that this target sends: those of commands here (RFC 7143 11.4, 11.6 to 11.8), the others in `target/session.rs`.
//!
//! Each has one constructor that takes what differs and leaves the three sequence numbers of bytes 24 to 35 at zero:
//! they are known only when the PDU takes its place in the stream, and [`stamp`] writes them there. All fields
//! are ours; nothing here comes from outside.

use super::bhs::{Bhs, FINAL, U24};
use super::{BHS_LEN, NO_TAG};
use crate::session::residual::Residual;
use zerocopy::byteorder::big_endian::U32;
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The header of a PDU that is ready to leave, apart from its sequence numbers.
pub type Header = [u8; BHS_LEN];

/// Writes StatSN, ExpCmdSN and MaxCmdSN where all target PDUs have them (bytes 24, 28 and 32).
pub fn stamp(header: &mut Header, stat_sn: u32, exp_cmd_sn: u32, max_cmd_sn: u32) {
    header[24..28].copy_from_slice(&stat_sn.to_be_bytes());
    header[28..32].copy_from_slice(&exp_cmd_sn.to_be_bytes());
    header[32..36].copy_from_slice(&max_cmd_sn.to_be_bytes());
}

macro_rules! wire {
    ($(#[$meta:meta])* $name:ident { $($(#[$fmeta:meta])* $field:ident : $kind:ty,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
        #[repr(C)]
        pub struct $name {
            /// The opcode.
            pub opcode: u8,
            /// F, and what the opcode puts beside it.
            pub flags: u8,
            $($(#[$fmeta])* pub $field: $kind,)*
        }

        const _: () = assert!(size_of::<$name>() == BHS_LEN);

        impl $name {
            /// The bytes to send.
            pub fn header(self) -> Header {
                zerocopy::transmute!(self)
            }
        }
    };
}

mod session;
pub use session::*;

wire! {
    /// SCSI Response (RFC 7143 11.4).
    ScsiResponse {
        /// 0: completed at target; 1: target failure.
        response: u8,
        /// SAM status.
        status: u8,
        /// Zero.
        total_ahs_length: u8,
        /// Bytes of sense data with their 2-byte length.
        data_segment_length: U24,
        /// Reserved.
        reserved: [u8; 8],
        /// Tag of the command.
        itt: U32,
        /// SNACK tag: zero.
        snack_tag: U32,
        /// Sequence numbers.
        stat_sn: U32,
        /// Sequence numbers.
        exp_cmd_sn: U32,
        /// Sequence numbers.
        max_cmd_sn: U32,
        /// Number of Data-In and R2T PDUs sent for the command.
        exp_data_sn: U32,
        /// Residual of the input of a bidirectional command.
        bidi_residual: U32,
        /// Residual count.
        residual: U32,
    }
}

impl ScsiResponse {
    /// An answer with `status`; `data_len` counts the sense data with its 2-byte length field.
    pub fn new(itt: u32, status: u8, residual: Residual, exp_data_sn: u32, data_len: u32) -> ScsiResponse {
        ScsiResponse {
            opcode: 0x21,
            flags: FINAL | residual.flags(),
            status,
            data_segment_length: U24::new(data_len),
            itt: U32::new(itt),
            exp_data_sn: U32::new(exp_data_sn),
            residual: U32::new(residual.count()),
            ..FromZeros::new_zeroed()
        }
    }
}

wire! {
    /// Task Management Function Response (RFC 7143 11.6, RFC 7144 6.4.1).
    TaskManagementResponse {
        /// What became of the function.
        response: u8,
        /// Reserved.
        reserved: u8,
        /// Zero.
        total_ahs_length: u8,
        /// Zero.
        data_segment_length: U24,
        /// Additional Response Information, of the functions of RFC 7144.
        information: [u8; 3],
        /// Reserved.
        reserved2: [u8; 5],
        /// Tag of the request.
        itt: U32,
        /// Reserved.
        reserved3: U32,
        /// Sequence numbers.
        stat_sn: U32,
        /// Sequence numbers.
        exp_cmd_sn: U32,
        /// Sequence numbers.
        max_cmd_sn: U32,
        /// Reserved.
        reserved4: [u8; 12],
    }
}

/// Answers to a task management function (RFC 7143 11.6.1, RFC 7144 6.4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum FunctionResponse {
    /// Function complete.
    Complete = 0,
    /// Task does not exist.
    NoTask = 1,
    /// LUN does not exist.
    NoLun = 2,
    /// Task still allegiant.
    TaskAllegiant = 3,
    /// Task allegiance reassignment not supported.
    ReassignNotSupported = 4,
    /// Task management function not supported.
    NotSupported = 5,
    /// Function succeeded: what was asked about is there.
    Succeeded = 7,
    /// Function rejected.
    Rejected = 255,
}

impl TaskManagementResponse {
    /// The answer to request `itt`, with Additional Response Information.
    pub fn new(itt: u32, response: FunctionResponse, information: [u8; 3]) -> TaskManagementResponse {
        TaskManagementResponse {
            opcode: 0x22,
            flags: FINAL,
            response: response as u8,
            information,
            itt: U32::new(itt),
            ..FromZeros::new_zeroed()
        }
    }
}

wire! {
    /// SCSI Data-In (RFC 7143 11.7).
    DataIn {
        /// Reserved.
        reserved: u8,
        /// SAM status, with the S bit.
        status: u8,
        /// Zero.
        total_ahs_length: u8,
        /// Bytes of data.
        data_segment_length: U24,
        /// Reserved, as no acknowledgement is asked for.
        lun: [u8; 8],
        /// Tag of the command.
        itt: U32,
        /// [`NO_TAG`].
        ttt: U32,
        /// Sequence numbers; zero without the S bit.
        stat_sn: U32,
        /// Sequence numbers.
        exp_cmd_sn: U32,
        /// Sequence numbers.
        max_cmd_sn: U32,
        /// Number of this PDU within the command.
        data_sn: U32,
        /// Offset of this data in the command's data.
        buffer_offset: U32,
        /// Residual count, with the S bit.
        residual: U32,
    }
}

impl DataIn {
    /// The S bit: this PDU carries the status as well (11.7.3).
    pub const STATUS: u8 = 0x01;

    /// `len` bytes from `offset`. `last` sets the F bit: the end of a sequence.
    pub fn new(itt: u32, data_sn: u32, offset: u32, len: u32, last: bool) -> DataIn {
        DataIn {
            opcode: 0x25,
            flags: if last { FINAL } else { 0 },
            data_segment_length: U24::new(len),
            itt: U32::new(itt),
            ttt: U32::new(NO_TAG),
            data_sn: U32::new(data_sn),
            buffer_offset: U32::new(offset),
            ..FromZeros::new_zeroed()
        }
    }

    /// Lets the last Data-In of a command carry its status; only for statuses without sense data.
    pub fn with_status(mut self, status: u8, residual: Residual) -> DataIn {
        self.flags |= FINAL | DataIn::STATUS | residual.flags();
        self.status = status;
        self.residual = U32::new(residual.count());
        self
    }
}

wire! {
    /// Ready To Transfer (RFC 7143 11.8).
    R2t {
        /// Reserved.
        reserved: [u8; 2],
        /// Zero.
        total_ahs_length: u8,
        /// Zero.
        data_segment_length: U24,
        /// Logical unit of the command.
        lun: [u8; 8],
        /// Tag of the command.
        itt: U32,
        /// Tag that the Data-Out PDUs carry.
        ttt: U32,
        /// The next StatSN; it is not used up.
        stat_sn: U32,
        /// Sequence numbers.
        exp_cmd_sn: U32,
        /// Sequence numbers.
        max_cmd_sn: U32,
        /// Number of this R2T within the command.
        r2t_sn: U32,
        /// Where the wanted data begins.
        buffer_offset: U32,
        /// How many bytes are wanted.
        desired_length: U32,
    }
}

impl R2t {
    /// Asks for `len` bytes from `offset`.
    pub fn new(itt: u32, lun: [u8; 8], ttt: u32, r2t_sn: u32, offset: u32, len: u32) -> R2t {
        R2t {
            opcode: 0x31,
            flags: FINAL,
            lun,
            itt: U32::new(itt),
            ttt: U32::new(ttt),
            r2t_sn: U32::new(r2t_sn),
            buffer_offset: U32::new(offset),
            desired_length: U32::new(len),
            ..FromZeros::new_zeroed()
        }
    }
}

const _: () = assert!(size_of::<Bhs>() == size_of::<Header>());
