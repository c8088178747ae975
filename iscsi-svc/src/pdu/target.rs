//! PDUs that this target sends (RFC 7143 11.4, 11.6 to 11.9, 11.11, 11.13, 11.15, 11.17, 11.19).
//!
//! Each has one constructor that takes what differs and leaves the three sequence numbers of bytes 24 to 35 at zero:
//! they are known only when the PDU takes its place in the stream, and [`stamp`] writes them there. All fields
//! are ours; nothing here comes from outside.

use super::bhs::{Bhs, FINAL, U24};
use super::{BHS_LEN, NO_TAG, RejectReason};
use crate::session::residual::Residual;
use zerocopy::byteorder::big_endian::{U16, U32};
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
    /// Task Management Function Response (RFC 7143 11.6).
    TaskManagementResponse {
        /// What became of the function.
        response: u8,
        /// Reserved.
        reserved: u8,
        /// Zero.
        total_ahs_length: u8,
        /// Zero.
        data_segment_length: U24,
        /// Reserved.
        reserved2: [u8; 8],
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

/// Answers to a task management function (RFC 7143 11.6.1).
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
    /// Function rejected.
    Rejected = 255,
}

impl TaskManagementResponse {
    /// The answer to request `itt`.
    pub fn new(itt: u32, response: FunctionResponse) -> TaskManagementResponse {
        TaskManagementResponse {
            opcode: 0x22,
            flags: FINAL,
            response: response as u8,
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

wire! {
    /// Asynchronous Message (RFC 7143 11.9).
    AsyncMessage {
        /// Reserved.
        reserved: [u8; 2],
        /// Zero.
        total_ahs_length: u8,
        /// Bytes of sense data.
        data_segment_length: U24,
        /// Logical unit, for SCSI events.
        lun: [u8; 8],
        /// [`NO_TAG`].
        tag: U32,
        /// Reserved.
        reserved2: U32,
        /// Sequence numbers.
        stat_sn: U32,
        /// Sequence numbers.
        exp_cmd_sn: U32,
        /// Sequence numbers.
        max_cmd_sn: U32,
        /// What happened (11.9.1).
        event: u8,
        /// Vendor code.
        vendor: u8,
        /// Event-specific.
        parameter1: U16,
        /// Event-specific: Time2Wait.
        parameter2: U16,
        /// Event-specific: Time2Retain.
        parameter3: U16,
        /// Reserved.
        reserved3: U32,
    }
}

impl AsyncMessage {
    /// Event 1: the target asks the initiator to log out within `seconds`.
    pub fn logout_within(seconds: u16) -> AsyncMessage {
        AsyncMessage {
            opcode: 0x32,
            flags: FINAL,
            tag: U32::new(NO_TAG),
            event: 1,
            parameter3: U16::new(seconds),
            ..FromZeros::new_zeroed()
        }
    }
}

wire! {
    /// Text Response (RFC 7143 11.11).
    TextResponse {
        /// Reserved.
        reserved: [u8; 2],
        /// Zero.
        total_ahs_length: u8,
        /// Bytes of text.
        data_segment_length: U24,
        /// Reserved.
        lun: [u8; 8],
        /// Tag of the request.
        itt: U32,
        /// Names an exchange that goes on, or [`NO_TAG`].
        ttt: U32,
        /// Sequence numbers.
        stat_sn: U32,
        /// Sequence numbers.
        exp_cmd_sn: U32,
        /// Sequence numbers.
        max_cmd_sn: U32,
        /// Reserved.
        reserved2: [u8; 12],
    }
}

impl TextResponse {
    /// `len` bytes of text. With `more`, the initiator is to ask for the rest under that tag (C bit, no F bit).
    pub fn new(itt: u32, len: u32, more: Option<u32>, last: bool) -> TextResponse {
        TextResponse {
            opcode: 0x24,
            flags: match (more, last) {
                (Some(_), false) => 0x40,
                (None, true) => FINAL,
                _ => 0,
            },
            data_segment_length: U24::new(len),
            itt: U32::new(itt),
            ttt: U32::new(more.unwrap_or(NO_TAG)),
            ..FromZeros::new_zeroed()
        }
    }
}

wire! {
    /// Login Response (RFC 7143 11.13).
    LoginResponse {
        /// The highest version that this target speaks.
        version_max: u8,
        /// The version in use.
        version_active: u8,
        /// Zero.
        total_ahs_length: u8,
        /// Bytes of text.
        data_segment_length: U24,
        /// Copied from the request.
        isid: [u8; 6],
        /// The target's part of the session identifier, in the last response.
        tsih: U16,
        /// Tag of the request.
        itt: U32,
        /// Reserved.
        reserved: U32,
        /// Sequence numbers.
        stat_sn: U32,
        /// Sequence numbers.
        exp_cmd_sn: U32,
        /// Sequence numbers.
        max_cmd_sn: U32,
        /// Status class and detail.
        status: U16,
        /// Reserved.
        reserved2: [u8; 10],
    }
}

wire! {
    /// Logout Response (RFC 7143 11.15).
    LogoutResponse {
        /// 0: closed; 1: no such connection; 2: recovery not supported; 3: clean-up failed.
        response: u8,
        /// Reserved.
        reserved: u8,
        /// Zero.
        total_ahs_length: u8,
        /// Zero.
        data_segment_length: U24,
        /// Reserved.
        reserved2: [u8; 8],
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
        reserved4: U32,
        /// Seconds to wait before a new attempt.
        time2wait: U16,
        /// Seconds for which tasks are kept.
        time2retain: U16,
        /// Reserved.
        reserved5: U32,
    }
}

impl LogoutResponse {
    /// The answer to request `itt`.
    pub fn new(itt: u32, response: u8, time2wait: u16) -> LogoutResponse {
        LogoutResponse {
            opcode: 0x26,
            flags: FINAL,
            response,
            itt: U32::new(itt),
            time2wait: U16::new(time2wait),
            ..FromZeros::new_zeroed()
        }
    }
}

wire! {
    /// Reject (RFC 7143 11.17); its data segment is the header of the PDU that was rejected.
    Reject {
        /// Why.
        reason: u8,
        /// Reserved.
        reserved: u8,
        /// Zero.
        total_ahs_length: u8,
        /// 48.
        data_segment_length: U24,
        /// Reserved.
        reserved2: [u8; 8],
        /// [`NO_TAG`].
        tag: U32,
        /// Reserved.
        reserved3: U32,
        /// Sequence numbers.
        stat_sn: U32,
        /// Sequence numbers.
        exp_cmd_sn: U32,
        /// Sequence numbers.
        max_cmd_sn: U32,
        /// DataSN or R2TSN, where the reason has one.
        data_sn: U32,
        /// Reserved.
        reserved4: [u8; 8],
    }
}

impl Reject {
    /// A rejection for `reason`; the caller sends the 48 bytes of the rejected header as data.
    pub fn new(reason: RejectReason) -> Reject {
        Reject {
            opcode: 0x3f,
            flags: FINAL,
            reason: reason as u8,
            data_segment_length: U24::new(BHS_LEN as u32),
            tag: U32::new(NO_TAG),
            ..FromZeros::new_zeroed()
        }
    }
}

wire! {
    /// NOP-In (RFC 7143 11.19).
    NopIn {
        /// Reserved.
        reserved: [u8; 2],
        /// Zero.
        total_ahs_length: u8,
        /// Bytes of ping data, echoed.
        data_segment_length: U24,
        /// Zero, or what the initiator has to copy.
        lun: [u8; 8],
        /// Tag of the NOP-Out that is answered, or [`NO_TAG`].
        itt: U32,
        /// Names a ping that is to be answered, or [`NO_TAG`].
        ttt: U32,
        /// Sequence numbers.
        stat_sn: U32,
        /// Sequence numbers.
        exp_cmd_sn: U32,
        /// Sequence numbers.
        max_cmd_sn: U32,
        /// Reserved.
        reserved2: [u8; 12],
    }
}

impl NopIn {
    /// Answers the ping `itt` with `len` bytes of its data.
    pub fn echo(itt: u32, lun: [u8; 8], len: u32) -> NopIn {
        NopIn {
            opcode: 0x20,
            flags: FINAL,
            data_segment_length: U24::new(len),
            lun,
            itt: U32::new(itt),
            ttt: U32::new(NO_TAG),
            ..FromZeros::new_zeroed()
        }
    }

    /// A ping of our own, to be answered under tag `ttt`.
    pub fn ping(ttt: u32) -> NopIn {
        NopIn {
            opcode: 0x20,
            flags: FINAL,
            itt: U32::new(NO_TAG),
            ttt: U32::new(ttt),
            ..FromZeros::new_zeroed()
        }
    }
}

const _: () = assert!(size_of::<Bhs>() == size_of::<Header>());
