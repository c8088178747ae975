//! MODE SENSE and MODE SELECT, (6) and (10): one shape for both lengths.
//!
//! Which pages there are is known to [`crate::mode_page`], which also refuses unknown ones.

use crate::cdb::Cdb;
use crate::sense::Sense;

/// PC: which values of the pages are asked for (SPC-4 6.13).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageControl {
    /// The values in force.
    Current,
    /// A mask of the bits that MODE SELECT can change.
    Changeable,
    /// The values that the unit is made with.
    Default,
    /// The values after power on, where some were saved.
    Saved,
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
    pub(super) fn decode_6(cdb: &Cdb) -> Self {
        Self::decode(cdb, false, u16::from(cdb.u8(4)))
    }

    pub(super) fn decode_10(cdb: &Cdb) -> Self {
        Self::decode(cdb, true, cdb.u16(7))
    }

    fn decode(cdb: &Cdb, ten: bool, allocation_length: u16) -> Self {
        let page_control = match cdb.u8(2) >> 6 {
            0b00 => PageControl::Current,
            0b01 => PageControl::Changeable,
            0b10 => PageControl::Default,
            _ => PageControl::Saved,
        };
        Self {
            ten,
            long_lba: ten && cdb.bit(1, 4),
            disable_block_descriptors: cdb.bit(1, 3),
            page_control,
            page: cdb.u8(2) & 0x3F,
            subpage: cdb.u8(3),
            allocation_length,
        }
    }
}

/// The fields of MODE SELECT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModeSelect {
    /// MODE SELECT(10): decides the form of the header.
    pub ten: bool,
    /// RTD: everything goes back to its default; there is no list then.
    pub revert: bool,
    /// SP: save the pages.
    pub save: bool,
    /// PARAMETER LIST LENGTH in bytes.
    pub list_length: u16,
}

impl ModeSelect {
    pub(super) fn decode_6(cdb: &Cdb) -> Result<Self, Sense> {
        Self::decode(cdb, false, (4, u16::from(cdb.u8(4))))
    }

    pub(super) fn decode_10(cdb: &Cdb) -> Result<Self, Sense> {
        Self::decode(cdb, true, (7, cdb.u16(7)))
    }

    /// PF zero is for pages of a vendor's own form, which there are not. RTD stands for a list, so that there is none.
    fn decode(cdb: &Cdb, ten: bool, (length_at, list_length): (u16, u16)) -> Result<Self, Sense> {
        let (page_format, revert) = (cdb.bit(1, 4), cdb.bit(1, 1));
        if list_length > 0 && revert {
            return Err(Sense::invalid_field_in_cdb(length_at, None));
        }
        if list_length > 0 && !page_format {
            return Err(Sense::invalid_field_in_cdb(1, Some(4)));
        }
        Ok(Self { ten, revert, save: cdb.bit(1, 0), list_length })
    }
}
