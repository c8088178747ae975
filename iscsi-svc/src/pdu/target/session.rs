//! PDUs of sessions and connections that this target sends (RFC 7143 11.9, 11.11, 11.13, 11.15, 11.17, 11.19).
//!
//! Made like those in [`super`]; all fields are ours.

use super::Header;
use crate::pdu::bhs::{FINAL, U24};
use crate::pdu::{BHS_LEN, NO_TAG, RejectReason};
use zerocopy::byteorder::big_endian::{U16, U32};
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout, Unaligned};

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
