//! Logical unit numbers: the eight bytes of SAM-5 4.7 and the plain number that a LUN map uses.
//!
//! Eight bytes from a wire are only a claim. [`Lun::number`] accepts single-level peripheral device and flat space
//! addressing, [`Lun::number_by`] what a target that reports another method reports too, and nothing else: whatever the
//! spelling, a map sees the number.
//! Next: [`crate::report_luns`] lists them for an initiator.

use std::fmt;

use crate::code::coded_enum;

/// The highest number that flat space addressing can hold (14 bits).
pub const MAX_NUMBER: u16 = 0x3FFF;

coded_enum! {
    /// How a target writes the LUNs that it reports.
    Addressing, "LUN addressing method" {
        /// Peripheral device addressing below 256, flat space addressing from there on.
        Peripheral = 0,
        /// Flat space addressing.
        Flat = 1,
        /// Logical unit addressing, its 14 bits taken as one number.
        LogicalUnit = 2,
    }
}

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
    /// The well known logical unit that answers REPORT LUNS (SPC-4 clause 8; SAM-5 4.7: extended logical unit addressing,
    /// length 00b, method 1h, W-LUN 01h).
    pub const REPORT_LUNS: Self = Self(0xC101_0000_0000_0000);

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

    /// The LUN that stands for `number` in the method `by`.
    pub fn from_number_by(number: u16, by: Addressing) -> Result<Self, LunError> {
        let method: u16 = match by {
            Addressing::Peripheral => return Self::from_number(number),
            Addressing::Flat => 0x4000,
            Addressing::LogicalUnit => 0x8000,
        };
        match number {
            0..=MAX_NUMBER => Ok(Self(u64::from(method | number) << 48)),
            _ => Err(LunError::TooHigh(u32::from(number))),
        }
    }

    /// The number that this LUN stands for at a target that reports LUNs in the method `by`.
    pub fn number_by(self, by: Addressing) -> Result<u16, LunError> {
        let [first, second, rest @ ..] = self.to_bytes();
        match by {
            Addressing::LogicalUnit if first >> 6 == 0b10 && rest == [0; 6] => {
                Ok(u16::from_be_bytes([first & 0x3F, second]))
            }
            _ => self.number(),
        }
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
