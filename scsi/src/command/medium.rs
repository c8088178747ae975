//! Commands on the medium as a whole: FORMAT UNIT, SANITIZE, READ DEFECT DATA.
//!
//! Their parameter lists are read in [`crate::parameter_list`].

use crate::cdb::Cdb;
use crate::opcode::number::{SA_BLOCK_ERASE, SA_OVERWRITE};
use crate::sense::Sense;

/// The fields of FORMAT UNIT. FMTPINFO is refused: no unit has protection information.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FormatUnit {
    /// LONGLIST: the parameter list has a long header.
    pub long_list: bool,
    /// FMTDATA: there is a parameter list.
    pub data: bool,
    /// DEFECT LIST FORMAT.
    pub defect_format: u8,
}

impl FormatUnit {
    pub(super) fn decode(cdb: &Cdb) -> Result<Self, Sense> {
        if cdb.u8(1) & 0xC0 != 0 {
            return Err(Sense::invalid_field_in_cdb(1, Some(7)));
        }
        let (long_list, data, complete) = (cdb.bit(1, 5), cdb.bit(1, 4), cdb.bit(1, 3));
        // SBC-3 5.3.1: without a list there is no format of it and nothing that it replaces.
        if !data && (complete || cdb.u8(1) & 0x07 != 0) {
            return Err(Sense::invalid_field_in_cdb(1, Some(if complete { 3 } else { 2 })));
        }
        Ok(Self { long_list, data, defect_format: cdb.u8(1) & 0x07 })
    }
}

/// What SANITIZE is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SanitizeAction {
    /// Write a pattern over everything.
    Overwrite,
    /// Erase every block.
    BlockErase,
    /// Give up after a failure.
    ExitFailureMode,
}

/// The fields of SANITIZE. What is reserved has to be zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sanitize {
    /// SERVICE ACTION.
    pub action: SanitizeAction,
    /// IMMED: answer as soon as CDB and list have been checked.
    pub immed: bool,
    /// AUSE: a failure can be left by EXIT FAILURE MODE.
    pub unrestricted_exit: bool,
    /// PARAMETER LIST LENGTH in bytes.
    pub list_length: u16,
}

impl Sanitize {
    pub(super) fn decode(cdb: &Cdb) -> Result<Self, Sense> {
        // One bit that is set by mistake must not cost anybody the data: what is reserved is looked at here. Bit 6 of byte 1 is
        // ZNR of SBC-4, for units with zones.
        if cdb.bit(1, 6) {
            return Err(Sense::invalid_field_in_cdb(1, Some(6)));
        }
        if let Some(at) = (2..=6).find(|at| cdb.u8(*at) != 0) {
            return Err(Sense::invalid_field_in_cdb(at as u16, None));
        }
        let list_length = cdb.u16(7);
        let action = match cdb.opcode().service_action {
            Some(SA_OVERWRITE) => SanitizeAction::Overwrite,
            Some(SA_BLOCK_ERASE) => SanitizeAction::BlockErase,
            _ => SanitizeAction::ExitFailureMode,
        };
        if action != SanitizeAction::Overwrite && list_length != 0 {
            return Err(Sense::invalid_field_in_cdb(7, None));
        }
        Ok(Self { action, immed: cdb.bit(1, 7), unrestricted_exit: cdb.bit(1, 5), list_length })
    }
}

/// The fields of READ DEFECT DATA.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadDefectData {
    /// READ DEFECT DATA(12): decides the form of the header.
    pub twelve: bool,
    /// REQ_PLIST: the primary list is asked for.
    pub primary: bool,
    /// REQ_GLIST: the grown list is asked for.
    pub grown: bool,
    /// DEFECT LIST FORMAT.
    pub format: u8,
    /// ALLOCATION LENGTH in bytes.
    pub allocation_length: u32,
}

impl ReadDefectData {
    pub(super) fn decode_10(cdb: &Cdb) -> Self {
        Self::decode(cdb.u8(2), false, u32::from(cdb.u16(7)))
    }

    pub(super) fn decode_12(cdb: &Cdb) -> Self {
        Self::decode(cdb.u8(1), true, cdb.u32(6))
    }

    fn decode(flags: u8, twelve: bool, allocation_length: u32) -> Self {
        let (primary, grown) = (flags & 0x10 != 0, flags & 0x08 != 0);
        Self { twelve, primary, grown, format: flags & 0x07, allocation_length }
    }
}
