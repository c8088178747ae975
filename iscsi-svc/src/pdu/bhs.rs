//! The Basic Header Segment: the 48 bytes that every PDU opens with (RFC 7143 11.2.1).
//!
//! [`Bhs`] knows only the fields that all PDUs share: enough to find out how many bytes belong to the PDU and
//! which parser is next. The bytes come from an initiator; lengths are checked by the caller against its limits.

use super::BHS_LEN;
use zerocopy::byteorder::big_endian::U32;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Length of a data segment: three bytes, big-endian, without the padding (RFC 7143 11.2.1.6).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(transparent)]
pub struct U24([u8; 3]);

impl U24 {
    /// The largest length that the field can say.
    pub const MAX: u32 = 0x00ff_ffff;

    /// Encodes `value`.
    ///
    /// # Panics
    /// When `value` is above [`U24::MAX`]: our own lengths are bounded by negotiated parameters, which are smaller.
    pub fn new(value: u32) -> U24 {
        assert!(value <= U24::MAX, "a data segment of {value} bytes was built");
        let [_, a, b, c] = value.to_be_bytes();
        U24([a, b, c])
    }

    /// The number of bytes.
    pub fn get(self) -> u32 {
        u32::from_be_bytes([0, self.0[0], self.0[1], self.0[2]])
    }
}

/// What all PDUs share (RFC 7143 11.2.1, figure of the BHS).
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Bhs {
    /// Bit 6: immediate delivery; bits 0 to 5: the opcode.
    pub opcode: u8,
    /// Bit 7: final; the rest belongs to the opcode.
    pub flags: u8,
    /// Opcode-specific.
    pub specific: [u8; 2],
    /// Length of all Additional Header Segments in 4-byte words (11.2.1.5).
    pub total_ahs_length: u8,
    /// Length of the data segment in bytes.
    pub data_segment_length: U24,
    /// Logical unit, or opcode-specific.
    pub lun: [u8; 8],
    /// Initiator Task Tag.
    pub itt: U32,
    /// Opcode-specific.
    pub rest: [u8; 28],
}

const _: () = assert!(size_of::<Bhs>() == BHS_LEN);

/// Bit 6 of byte 0: the request is for immediate delivery (RFC 7143 11.2.1.1).
pub const IMMEDIATE: u8 = 0x40;

/// Bit 7 of byte 1: the final (or only) PDU of a sequence (RFC 7143 11.2.1.3).
pub const FINAL: u8 = 0x80;

impl Bhs {
    /// Takes the 48 bytes as they are; every bit pattern is a header.
    pub fn parse(bytes: [u8; BHS_LEN]) -> Bhs {
        zerocopy::transmute!(bytes)
    }

    /// The 48 bytes again.
    pub fn bytes(self) -> [u8; BHS_LEN] {
        zerocopy::transmute!(self)
    }

    /// Whether the request asks for immediate delivery.
    pub fn immediate(&self) -> bool {
        self.opcode & IMMEDIATE != 0
    }

    /// Whether the F bit is set.
    pub fn is_final(&self) -> bool {
        self.flags & FINAL != 0
    }

    /// Bytes of Additional Header Segments that follow (at most 1020).
    pub fn ahs_len(&self) -> usize {
        usize::from(self.total_ahs_length) * 4
    }

    /// Bytes of data, without padding.
    pub fn data_len(&self) -> usize {
        self.data_segment_length.get() as usize
    }

    /// The opcode, or the byte that is none.
    ///
    /// # Errors
    /// The raw opcode when the initiator sent one that initiators do not have.
    pub fn opcode(&self) -> Result<Opcode, u8> {
        Opcode::try_from(self.opcode & 0x3f)
    }
}

/// Bytes of padding that follow `len` bytes of data, so that PDUs stay on 4-byte words (RFC 7143 11.1).
pub fn padding(len: usize) -> usize {
    len.wrapping_neg() & 3
}

/// Opcodes of initiator PDUs (RFC 7143 11.2.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Opcode {
    /// NOP-Out.
    NopOut = 0x00,
    /// SCSI Command.
    ScsiCommand = 0x01,
    /// SCSI Task Management function request.
    TaskManagement = 0x02,
    /// Login Request.
    Login = 0x03,
    /// Text Request.
    Text = 0x04,
    /// SCSI Data-Out.
    DataOut = 0x05,
    /// Logout Request.
    Logout = 0x06,
    /// SNACK Request.
    Snack = 0x10,
}

impl TryFrom<u8> for Opcode {
    type Error = u8;

    fn try_from(value: u8) -> Result<Opcode, u8> {
        Ok(match value {
            0x00 => Opcode::NopOut,
            0x01 => Opcode::ScsiCommand,
            0x02 => Opcode::TaskManagement,
            0x03 => Opcode::Login,
            0x04 => Opcode::Text,
            0x05 => Opcode::DataOut,
            0x06 => Opcode::Logout,
            0x10 => Opcode::Snack,
            other => return Err(other),
        })
    }
}
