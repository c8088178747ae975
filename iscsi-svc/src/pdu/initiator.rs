//! PDUs that initiators send (RFC 7143 11.3, 11.5, 11.7, 11.10, 11.12, 11.14, 11.16, 11.18).
//!
//! [`Pdu::parse`] turns 48 bytes into one of them. A struct says what the initiator said, no more: whether a CmdSN is in
//! the window or a tag names a task is the session's business. Reserved fields are not checked (11.1: receivers ignore
//! them).

use super::bhs::{Bhs, FINAL, IMMEDIATE, Opcode, U24};
use super::{BHS_LEN, RejectReason};
use zerocopy::byteorder::big_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

macro_rules! wire {
    ($(#[$meta:meta])* $name:ident { $($(#[$fmeta:meta])* $field:ident : $kind:ty,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
        #[repr(C)]
        pub struct $name { $($(#[$fmeta])* pub $field: $kind,)* }

        const _: () = assert!(size_of::<$name>() == BHS_LEN);

        impl $name {
            /// Whether the request asks for immediate delivery.
            pub fn immediate(&self) -> bool {
                self.opcode & IMMEDIATE != 0
            }

            /// Whether the F bit is set (the T bit of a Login Request).
            pub fn is_final(&self) -> bool {
                self.flags & FINAL != 0
            }
        }
    };
}

wire! {
    /// SCSI Command (RFC 7143 11.3).
    ScsiCommand {
        /// 0x01, and the I bit.
        opcode: u8,
        /// F, R, W and the task attribute.
        flags: u8,
        /// Reserved.
        reserved: [u8; 2],
        /// Words of additional header segments.
        total_ahs_length: u8,
        /// Bytes of immediate data.
        data_segment_length: U24,
        /// The logical unit number, SAM-5 4.7.
        lun: [u8; 8],
        /// Initiator Task Tag.
        itt: U32,
        /// Expected Data Transfer Length in bytes.
        expected_length: U32,
        /// Command sequence number.
        cmd_sn: U32,
        /// The next StatSN that the initiator expects.
        exp_stat_sn: U32,
        /// The first 16 bytes of the CDB, padded with zeros.
        cdb: [u8; 16],
    }
}

/// How a command is to be ordered (RFC 7143 11.3.1; SAM-5 8.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum TaskAttribute {
    /// No attribute given.
    Untagged = 0,
    /// SIMPLE.
    Simple = 1,
    /// ORDERED.
    Ordered = 2,
    /// HEAD OF QUEUE.
    HeadOfQueue = 3,
    /// ACA.
    Aca = 4,
}

impl ScsiCommand {
    /// Whether input data (target to initiator) is expected.
    pub fn read(&self) -> bool {
        self.flags & 0x40 != 0
    }

    /// Whether output data (initiator to target) is expected.
    pub fn write(&self) -> bool {
        self.flags & 0x20 != 0
    }

    /// The task attribute; `None` for the reserved codes 5 to 7.
    pub fn attribute(&self) -> Option<TaskAttribute> {
        Some(match self.flags & 0x07 {
            0 => TaskAttribute::Untagged,
            1 => TaskAttribute::Simple,
            2 => TaskAttribute::Ordered,
            3 => TaskAttribute::HeadOfQueue,
            4 => TaskAttribute::Aca,
            _ => return None,
        })
    }
}

wire! {
    /// Task Management Function Request (RFC 7143 11.5).
    TaskManagement {
        /// 0x02, and the I bit.
        opcode: u8,
        /// 1, and the function in bits 0 to 6.
        flags: u8,
        /// Reserved.
        reserved: [u8; 2],
        /// Words of additional header segments.
        total_ahs_length: u8,
        /// Zero.
        data_segment_length: U24,
        /// The logical unit, for functions that have one.
        lun: [u8; 8],
        /// Initiator Task Tag of this request.
        itt: U32,
        /// Referenced Task Tag, or [`super::NO_TAG`].
        referenced_tag: U32,
        /// Command sequence number.
        cmd_sn: U32,
        /// The next StatSN that the initiator expects.
        exp_stat_sn: U32,
        /// CmdSN of the referenced task.
        ref_cmd_sn: U32,
        /// The next DataSN expected, for TASK REASSIGN.
        exp_data_sn: U32,
        /// Reserved.
        reserved2: [u8; 8],
    }
}

/// Task management functions (RFC 7143 11.5.1, RFC 7144 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Function {
    /// ABORT TASK.
    AbortTask = 1,
    /// ABORT TASK SET.
    AbortTaskSet = 2,
    /// CLEAR ACA.
    ClearAca = 3,
    /// CLEAR TASK SET.
    ClearTaskSet = 4,
    /// LOGICAL UNIT RESET.
    LogicalUnitReset = 5,
    /// TARGET WARM RESET.
    TargetWarmReset = 6,
    /// TARGET COLD RESET.
    TargetColdReset = 7,
    /// TASK REASSIGN.
    TaskReassign = 8,
    /// QUERY TASK.
    QueryTask = 9,
    /// QUERY TASK SET.
    QueryTaskSet = 10,
    /// I_T NEXUS RESET.
    ItNexusReset = 11,
    /// QUERY ASYNCHRONOUS EVENT.
    QueryAsynchronousEvent = 12,
}

impl TaskManagement {
    /// The function asked for in a session of this iSCSIProtocolLevel, or its raw code.
    ///
    /// # Errors
    /// The code when it is none of RFC 7143's nor, where that was negotiated, of RFC 7144's.
    pub fn function(&self, level: u8) -> Result<Function, u8> {
        Ok(match self.flags & 0x7f {
            1 => Function::AbortTask,
            2 => Function::AbortTaskSet,
            3 => Function::ClearAca,
            4 => Function::ClearTaskSet,
            5 => Function::LogicalUnitReset,
            6 => Function::TargetWarmReset,
            7 => Function::TargetColdReset,
            8 => Function::TaskReassign,
            9 if level >= 2 => Function::QueryTask,
            10 if level >= 2 => Function::QueryTaskSet,
            11 if level >= 2 => Function::ItNexusReset,
            12 if level >= 2 => Function::QueryAsynchronousEvent,
            other => return Err(other),
        })
    }
}

wire! {
    /// SCSI Data-Out (RFC 7143 11.7).
    DataOut {
        /// 0x05.
        opcode: u8,
        /// F.
        flags: u8,
        /// Reserved.
        reserved: [u8; 2],
        /// Words of additional header segments.
        total_ahs_length: u8,
        /// Bytes of data in this PDU.
        data_segment_length: U24,
        /// The LUN, with a Target Transfer Tag that says so.
        lun: [u8; 8],
        /// Tag of the command that the data belongs to.
        itt: U32,
        /// Tag of the R2T that is answered, or [`super::NO_TAG`] for unsolicited data.
        ttt: U32,
        /// Reserved.
        reserved2: U32,
        /// The next StatSN that the initiator expects.
        exp_stat_sn: U32,
        /// Reserved.
        reserved3: U32,
        /// Number of this PDU within its sequence.
        data_sn: U32,
        /// Offset of this data in the command's data.
        buffer_offset: U32,
        /// Reserved.
        reserved4: U32,
    }
}

wire! {
    /// Text Request (RFC 7143 11.10).
    TextRequest {
        /// 0x04, and the I bit.
        opcode: u8,
        /// F and C.
        flags: u8,
        /// Reserved.
        reserved: [u8; 2],
        /// Words of additional header segments.
        total_ahs_length: u8,
        /// Bytes of text.
        data_segment_length: U24,
        /// Copied from the answer that is continued.
        lun: [u8; 8],
        /// Initiator Task Tag.
        itt: U32,
        /// [`super::NO_TAG`] at the beginning of an exchange, else copied from the answer.
        ttt: U32,
        /// Command sequence number.
        cmd_sn: U32,
        /// The next StatSN that the initiator expects.
        exp_stat_sn: U32,
        /// Reserved.
        reserved2: [u8; 16],
    }
}

impl TextRequest {
    /// Whether the text goes on in the next PDU (C bit).
    pub fn continues(&self) -> bool {
        self.flags & 0x40 != 0
    }
}

wire! {
    /// Login Request (RFC 7143 11.12).
    LoginRequest {
        /// 0x43.
        opcode: u8,
        /// T, C, CSG and NSG.
        flags: u8,
        /// The highest version that the initiator speaks.
        version_max: u8,
        /// The lowest version that the initiator speaks.
        version_min: u8,
        /// Words of additional header segments.
        total_ahs_length: u8,
        /// Bytes of text.
        data_segment_length: U24,
        /// Initiator part of the session identifier.
        isid: [u8; 6],
        /// Target part: 0 asks for a new session.
        tsih: U16,
        /// Initiator Task Tag, the same in the whole login.
        itt: U32,
        /// Connection identifier within the session.
        cid: U16,
        /// Reserved.
        reserved: U16,
        /// The first CmdSN of the session.
        cmd_sn: U32,
        /// The first StatSN wished, for connection reinstatement.
        exp_stat_sn: U32,
        /// Reserved.
        reserved2: [u8; 16],
    }
}

impl LoginRequest {
    /// Whether the initiator is ready to leave the stage (T bit).
    pub fn transit(&self) -> bool {
        self.flags & 0x80 != 0
    }

    /// Whether the text goes on in the next PDU (C bit).
    pub fn continues(&self) -> bool {
        self.flags & 0x40 != 0
    }

    /// Current stage, raw.
    pub fn csg(&self) -> u8 {
        self.flags >> 2 & 3
    }

    /// Next stage, raw; it means something with the T bit only.
    pub fn nsg(&self) -> u8 {
        self.flags & 3
    }
}

wire! {
    /// Logout Request (RFC 7143 11.14).
    LogoutRequest {
        /// 0x06, and the I bit.
        opcode: u8,
        /// 1, and the reason in bits 0 to 6.
        flags: u8,
        /// Reserved.
        reserved: [u8; 2],
        /// Words of additional header segments.
        total_ahs_length: u8,
        /// Zero.
        data_segment_length: U24,
        /// Reserved.
        reserved2: [u8; 8],
        /// Initiator Task Tag.
        itt: U32,
        /// The connection that is meant, for reasons 1 and 2.
        cid: U16,
        /// Reserved.
        reserved3: U16,
        /// Command sequence number.
        cmd_sn: U32,
        /// The next StatSN that the initiator expects.
        exp_stat_sn: U32,
        /// Reserved.
        reserved4: [u8; 16],
    }
}

impl LogoutRequest {
    /// 0 closes the session, 1 the connection, 2 asks for recovery of the connection (11.14.1).
    pub fn reason(&self) -> u8 {
        self.flags & 0x7f
    }
}

wire! {
    /// SNACK Request (RFC 7143 11.16).
    Snack {
        /// 0x10.
        opcode: u8,
        /// 1, and the type in bits 0 to 3.
        flags: u8,
        /// Reserved.
        reserved: [u8; 2],
        /// Words of additional header segments.
        total_ahs_length: u8,
        /// Zero.
        data_segment_length: U24,
        /// Logical unit.
        lun: [u8; 8],
        /// Initiator Task Tag.
        itt: U32,
        /// Target Transfer Tag or SNACK tag.
        ttt: U32,
        /// Reserved.
        reserved2: U32,
        /// The next StatSN that the initiator expects.
        exp_stat_sn: U32,
        /// Reserved.
        reserved3: [u8; 8],
        /// First number that is asked for.
        beg_run: U32,
        /// How many.
        run_length: U32,
    }
}

wire! {
    /// NOP-Out (RFC 7143 11.18).
    NopOut {
        /// 0x00, and the I bit.
        opcode: u8,
        /// 1.
        flags: u8,
        /// Reserved.
        reserved: [u8; 2],
        /// Words of additional header segments.
        total_ahs_length: u8,
        /// Bytes of ping data.
        data_segment_length: U24,
        /// Copied from the NOP-In that is answered.
        lun: [u8; 8],
        /// Initiator Task Tag, or [`super::NO_TAG`] when no answer is wanted.
        itt: U32,
        /// Copied from the NOP-In that is answered, or [`super::NO_TAG`].
        ttt: U32,
        /// Command sequence number.
        cmd_sn: U32,
        /// The next StatSN that the initiator expects.
        exp_stat_sn: U32,
        /// Reserved.
        reserved2: [u8; 16],
    }
}

/// One PDU of an initiator.
#[derive(Clone, Copy, Debug)]
pub enum Pdu {
    /// NOP-Out.
    NopOut(NopOut),
    /// SCSI Command.
    ScsiCommand(ScsiCommand),
    /// Task Management Function Request.
    TaskManagement(TaskManagement),
    /// Login Request.
    Login(LoginRequest),
    /// Text Request.
    Text(TextRequest),
    /// SCSI Data-Out.
    DataOut(DataOut),
    /// Logout Request.
    Logout(LogoutRequest),
    /// SNACK Request.
    Snack(Snack),
}

impl Pdu {
    /// Sorts `bytes` by opcode.
    ///
    /// # Errors
    /// [`RejectReason::CommandNotSupported`] for an opcode that initiators do not have (RFC 7143 11.17.1), and
    /// [`RejectReason::ProtocolError`] for additional header segments where only SCSI Commands have them.
    pub fn parse(bytes: [u8; BHS_LEN]) -> Result<Pdu, RejectReason> {
        let head = Bhs::parse(bytes);
        let opcode = head.opcode().map_err(|_| RejectReason::CommandNotSupported)?;
        if head.ahs_len() != 0 && opcode != Opcode::ScsiCommand {
            return Err(RejectReason::ProtocolError);
        }
        Ok(match opcode {
            Opcode::NopOut => Pdu::NopOut(zerocopy::transmute!(bytes)),
            Opcode::ScsiCommand => Pdu::ScsiCommand(zerocopy::transmute!(bytes)),
            Opcode::TaskManagement => Pdu::TaskManagement(zerocopy::transmute!(bytes)),
            Opcode::Login => Pdu::Login(zerocopy::transmute!(bytes)),
            Opcode::Text => Pdu::Text(zerocopy::transmute!(bytes)),
            Opcode::DataOut => Pdu::DataOut(zerocopy::transmute!(bytes)),
            Opcode::Logout => Pdu::Logout(zerocopy::transmute!(bytes)),
            Opcode::Snack => Pdu::Snack(zerocopy::transmute!(bytes)),
        })
    }
}
