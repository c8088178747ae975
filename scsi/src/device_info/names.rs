//! The names of a logical unit and of the ports through which it is reached (SPC-4 7.8.6), as types that can be written
//! into designators as they are.

use std::fmt;

use super::Ascii;
use crate::code::coded_enum;

coded_enum! {
    /// TPGS of standard INQUIRY data (SPC-4 6.6.2).
    Tpgs, "TPGS" {
        /// No asymmetric access states.
        None = 0,
        /// They change without a command.
        Implicit = 1,
        /// SET TARGET PORT GROUPS changes them.
        Explicit = 2,
        /// Both.
        Both = 3,
    }
}

/// What a unit is recognised by, whatever port it is reached through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// NAA identifier.
    pub naa: Naa,
    /// EUI-64 based identifier, if it has one.
    pub eui64: Option<Eui64>,
    /// T10 vendor identification, padded, and the vendor's identifier.
    pub t10: Ascii<72>,
    /// SCSI name string, if it has one.
    pub scsi_name: Option<ScsiName>,
}

impl Names {
    /// The names that always belong to `name`, which may be any text.
    pub fn from_name(name: &str) -> Self {
        let naa = Naa::from_name(name);
        Self { naa, eui64: None, t10: Ascii::filtered(&format!("BULKHEAD{naa}")), scsi_name: None }
    }
}

/// A target port through which a unit is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// RELATIVE TARGET PORT IDENTIFIER.
    pub relative: u16,
    /// TARGET PORT GROUP.
    pub group: u16,
    /// PROTOCOL IDENTIFIER (SPC-4 7.6.1).
    pub protocol: u8,
    /// SCSI name of the target device that it is a port of.
    pub device: ScsiName,
    /// SCSI name of the port itself.
    pub name: ScsiName,
}

/// An NAA identifier of 8 or 16 bytes; the first four bits say which kind it is (SPC-4 7.8.6.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Naa(Binary);

/// An EUI-64 based identifier of 8, 12 or 16 bytes (SPC-4 7.8.6.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Eui64(Binary);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Binary {
    bytes: [u8; 16],
    len: usize,
}

impl Binary {
    fn new(given: &[u8]) -> Option<Self> {
        let mut bytes = [0; 16];
        bytes.get_mut(..given.len())?.copy_from_slice(given);
        Some(Self { bytes, len: given.len() })
    }

    fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

impl Naa {
    /// An identifier of these bytes. None if their number does not fit their kind.
    pub fn new(bytes: &[u8]) -> Option<Self> {
        let fits = match bytes.first()? >> 4 {
            0x2 | 0x3 | 0x5 => bytes.len() == 8,
            0x6 => bytes.len() == 16,
            _ => false,
        };
        Binary::new(bytes).filter(|_| fits).map(Self)
    }

    /// The locally assigned identifier with these low 60 bits.
    pub fn locally_assigned(value: u64) -> Self {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&(0x3 << 60 | value & (u64::MAX >> 4)).to_be_bytes());
        Self(Binary { bytes, len: 8 })
    }

    /// The locally assigned identifier that always belongs to this name (64-bit FNV-1a, so that it can be computed by
    /// others too).
    pub fn from_name(name: &str) -> Self {
        let hash = name.bytes().fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
        });
        Self::locally_assigned(hash ^ hash >> 60)
    }

    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        self.0.as_slice()
    }
}

impl fmt::Display for Naa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_slice().iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Eui64 {
    /// An identifier of these bytes. None if there are not 8, 12 or 16.
    pub fn new(bytes: &[u8]) -> Option<Self> {
        Binary::new(bytes).filter(|binary| matches!(binary.len, 8 | 12 | 16)).map(Self)
    }

    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        self.0.as_slice()
    }
}

/// A SCSI name string (SPC-4 7.8.6.11): UTF-8 without a null, short enough for a designator with its padding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScsiName(String);

impl ScsiName {
    /// The longest, so that null and padding still fit the 255 bytes of a designator's length.
    pub const LONGEST: usize = 251;

    /// A name. None if it is empty, too long or has a null in it.
    pub fn new(name: &str) -> Option<Self> {
        let good = (1..=Self::LONGEST).contains(&name.len()) && !name.contains('\0');
        good.then(|| Self(name.to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The bytes of a designator: the text, a null, and zeros up to a multiple of four.
    pub fn padded(&self) -> Vec<u8> {
        let mut bytes = self.0.as_bytes().to_vec();
        bytes.resize((bytes.len() + 1).next_multiple_of(4), 0);
        bytes
    }
}
