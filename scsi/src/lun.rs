//! Logical unit numbers: the eight bytes of SAM-5 4.7 and the plain number that a LUN map uses.
//!
//! Eight bytes from a wire are only a claim. [`Lun::number`] accepts the two single-level forms that this target itself
//! reports, and nothing else, so that a unit cannot be reached under two spellings that a map would treat differently.
//! Next: [`crate::report_luns`] lists them for an initiator.

use std::fmt;

/// The highest number that flat space addressing can hold (14 bits).
pub const MAX_NUMBER: u16 = 0x3FFF;

/// A logical unit number as it stands on the wire, big-endian.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Lun(u64);

/// Why a LUN cannot be mapped to a number, or a number not to a LUN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LunError {
    /// An addressing method or a second level that is not used here.
    #[error(
        "{0:?} uses an addressing method other than single-level peripheral device or flat space addressing"
    )]
    Unsupported(Lun),
    /// The number does not fit flat space addressing.
    #[error("logical unit number {0} is too high: the highest is {MAX_NUMBER}")]
    TooHigh(u32),
}

impl Lun {
    /// From the eight bytes of a wire header.
    pub const fn from_bytes(bytes: [u8; 8]) -> Self {
        Self(u64::from_be_bytes(bytes))
    }

    /// The eight bytes of a wire header.
    pub const fn to_bytes(self) -> [u8; 8] {
        self.0.to_be_bytes()
    }

    /// From the value that [`Lun::to_u64`] gave: the eight bytes read as one big-endian integer.
    pub const fn from_u64(value: u64) -> Self {
        Self(value)
    }

    /// The eight bytes read as one big-endian integer.
    pub const fn to_u64(self) -> u64 {
        self.0
    }

    /// The LUN that stands for `number`: peripheral device addressing below 256, flat space addressing from there on.
    pub fn from_number(number: u16) -> Result<Self, LunError> {
        match number {
            0..=0xFF => Ok(Self(u64::from(number) << 48)),
            0x100..=MAX_NUMBER => Ok(Self(u64::from(0x4000 | number) << 48)),
            _ => Err(LunError::TooHigh(u32::from(number))),
        }
    }

    /// The number that this LUN stands for (SAM-5 4.7: peripheral device and flat space addressing).
    pub fn number(self) -> Result<u16, LunError> {
        let [first, second, rest @ ..] = self.to_bytes();
        if rest != [0; 6] {
            return Err(LunError::Unsupported(self));
        }
        match first >> 6 {
            0b00 if first == 0 => Ok(u16::from(second)),
            0b01 => Ok(u16::from_be_bytes([first & 0x3F, second])),
            _ => Err(LunError::Unsupported(self)),
        }
    }
}

impl From<u64> for Lun {
    fn from(value: u64) -> Self {
        Self(value)
    }
}

impl From<Lun> for u64 {
    fn from(lun: Lun) -> u64 {
        lun.0
    }
}

impl From<[u8; 8]> for Lun {
    fn from(bytes: [u8; 8]) -> Self {
        Self::from_bytes(bytes)
    }
}

impl fmt::Debug for Lun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LUN {:016x}", self.0)
    }
}

impl fmt::Display for Lun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.number() {
            Ok(number) => write!(f, "LUN {number}"),
            Err(_) => write!(f, "{self:?}"),
        }
    }
}

#[cfg(test)]
mod tests;
