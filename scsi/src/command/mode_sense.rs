//! MODE SENSE(6) and MODE SENSE(10): one shape for both.
//!
//! Which pages there are is known to [`crate::mode_page`], which also refuses unknown ones.

use crate::cdb::Cdb;
use crate::sense::Sense;

/// PC: which values of the pages are asked for (SPC-4 6.13). Saved values are refused by decode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageControl {
    /// The values in force.
    Current,
    /// A mask of the bits that MODE SELECT can change.
    Changeable,
    /// The values after power on.
    Default,
}

/// The fields of MODE SENSE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModeSense {
    /// MODE SENSE(10): decides the form of the header.
    pub ten: bool,
    /// LLBAA: the long block descriptor may be used.
    pub long_lba: bool,
    /// DBD: no block descriptors.
    pub disable_block_descriptors: bool,
    /// PC.
    pub page_control: PageControl,
    /// PAGE CODE; 3Fh is all pages.
    pub page: u8,
    /// SUBPAGE CODE; FFh is all subpages.
    pub subpage: u8,
    /// ALLOCATION LENGTH in bytes.
    pub allocation_length: u16,
}

impl ModeSense {
    pub(super) fn decode_6(cdb: &Cdb) -> Result<Self, Sense> {
        Self::decode(cdb, false, u16::from(cdb.u8(4)))
    }

    pub(super) fn decode_10(cdb: &Cdb) -> Result<Self, Sense> {
        Self::decode(cdb, true, cdb.u16(7))
    }

    fn decode(cdb: &Cdb, ten: bool, allocation_length: u16) -> Result<Self, Sense> {
        let page_control = match cdb.u8(2) >> 6 {
            0b00 => PageControl::Current,
            0b01 => PageControl::Changeable,
            0b10 => PageControl::Default,
            _ => return Err(Sense::saving_parameters_not_supported(2, Some(7))),
        };
        Ok(Self {
            ten,
            long_lba: ten && cdb.bit(1, 4),
            disable_block_descriptors: cdb.bit(1, 3),
            page_control,
            page: cdb.u8(2) & 0x3F,
            subpage: cdb.u8(3),
            allocation_length,
        })
    }
}
