//! Sense data as bytes: fixed format (SPC-4 4.5.3) and descriptor format (SPC-4 4.5.2).
//!
//! The bytes fit a buffer that is passed by value, so that reporting an error cannot fail for want of memory.

use super::{FieldPointer, Sense, Specific};

/// The longest sense data that is ever encoded, in bytes.
pub const SENSE_CAPACITY: usize = 96;

/// CURRENT, fixed format (SPC-4 4.5.3).
const FIXED_CURRENT: u8 = 0x70;
/// CURRENT, descriptor format.
const DESCRIPTOR_CURRENT: u8 = 0x72;
/// VALID bit of the fixed format: INFORMATION means something.
const VALID: u8 = 0x80;

/// Encoded sense data, at most [`SENSE_CAPACITY`] bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SenseBytes {
    bytes: [u8; SENSE_CAPACITY],
    len: usize,
}

impl SenseBytes {
    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// Whether it is in descriptor format.
    pub fn is_descriptor(&self) -> bool {
        self.bytes[0] & 0x7E == DESCRIPTOR_CURRENT
    }

    /// Sense data that was encoded before; none if it is longer than any.
    pub fn copy(encoded: &[u8]) -> Option<Self> {
        (encoded.len() <= SENSE_CAPACITY).then(|| Self::new(encoded))
    }

    fn new(head: &[u8]) -> Self {
        let mut bytes = [0; SENSE_CAPACITY];
        bytes[..head.len()].copy_from_slice(head);
        Self { bytes, len: head.len() }
    }

    fn append(&mut self, more: &[u8]) {
        self.bytes[self.len..self.len + more.len()].copy_from_slice(more);
        self.len += more.len();
    }
}

impl std::fmt::Debug for SenseBytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SenseBytes({:02x?})", self.as_slice())
    }
}

impl Sense {
    /// Encodes in the format that the D_SENSE or DESC bit in force asks for.
    pub fn encode(&self, descriptor: bool) -> SenseBytes {
        if descriptor { self.to_descriptor() } else { self.to_fixed() }
    }

    /// Fixed format, 18 bytes. INFORMATION that needs more than 32 bits is left out and VALID is zero (SPC-4 4.5.3).
    pub fn to_fixed(&self) -> SenseBytes {
        let information = self.information.and_then(|value| u32::try_from(value).ok());
        let valid = if information.is_some() { VALID } else { 0 };
        let mut fixed = [0u8; 18];
        fixed[0] = FIXED_CURRENT | u8::from(self.deferred) | valid;
        fixed[2] = self.key.code();
        fixed[3..7].copy_from_slice(&information.unwrap_or(0).to_be_bytes());
        fixed[7] = 10;
        fixed[12] = self.asc.code;
        fixed[13] = self.asc.qualifier;
        fixed[15..18].copy_from_slice(&self.specific.to_bytes());
        SenseBytes::new(&fixed)
    }

    /// Descriptor format: 8 bytes, an information descriptor (12) and a sense key specific one (8) where there is need.
    pub fn to_descriptor(&self) -> SenseBytes {
        let head = [
            DESCRIPTOR_CURRENT | u8::from(self.deferred),
            self.key.code(),
            self.asc.code,
            self.asc.qualifier,
            0,
            0,
            0,
            0,
        ];
        let mut sense = SenseBytes::new(&head);
        if let Some(information) = self.information {
            sense.append(&[0x00, 0x0A, 0x80, 0x00]);
            sense.append(&information.to_be_bytes());
        }
        if self.specific != Specific::None {
            let [a, b, c] = self.specific.to_bytes();
            sense.append(&[0x02, 0x06, 0x00, 0x00, a, b, c, 0x00]);
        }
        sense.bytes[7] = (sense.len - 8) as u8;
        sense
    }
}

impl Specific {
    /// The three bytes with SKSV in bit 7 of the first.
    fn to_bytes(self) -> [u8; 3] {
        let (flags, value) = match self {
            Self::None => (0x00, 0),
            Self::Progress(done) => (0x80, done),
            Self::Field(FieldPointer { in_cdb, byte, bit }) => {
                let place = if in_cdb { 0x40 } else { 0x00 };
                (0x80 | place | bit.map_or(0, |bit| 0x08 | (bit & 0x07)), byte)
            }
        };
        let [high, low] = value.to_be_bytes();
        [flags, high, low]
    }
}
