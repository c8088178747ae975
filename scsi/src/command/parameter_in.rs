//! Commands that ask for parameter data: INQUIRY, REQUEST SENSE, REPORT LUNS, REPORT SUPPORTED OPERATION CODES.
//!
//! Their answers are built in [`crate::inquiry`], [`crate::request_sense`], [`crate::report_luns`] and [`crate::rsoc`].

use crate::cdb::Cdb;
use crate::sense::Sense;

/// The fields of INQUIRY.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inquiry {
    /// The VPD page that is asked for, if EVPD is one; otherwise standard data.
    pub page: Option<u8>,
    /// ALLOCATION LENGTH in bytes.
    pub allocation_length: u16,
}

impl Inquiry {
    /// CMDDT is obsolete and asks for something else entirely, so it is refused rather than ignored.
    pub(super) fn decode(cdb: &Cdb) -> Result<Self, Sense> {
        let (evpd, page) = (cdb.bit(1, 0), cdb.u8(2));
        if cdb.bit(1, 1) {
            return Err(Sense::invalid_field_in_cdb(1, Some(1)));
        }
        if !evpd && page != 0 {
            return Err(Sense::invalid_field_in_cdb(2, None));
        }
        Ok(Self { page: evpd.then_some(page), allocation_length: cdb.u16(3) })
    }
}

/// The fields of REQUEST SENSE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestSense {
    /// DESC: descriptor format is asked for.
    pub descriptor: bool,
    /// ALLOCATION LENGTH in bytes.
    pub allocation_length: u8,
}

impl RequestSense {
    pub(super) fn decode(cdb: &Cdb) -> Self {
        Self { descriptor: cdb.bit(1, 0), allocation_length: cdb.u8(4) }
    }
}

/// The least ALLOCATION LENGTH of REPORT LUNS: its header and one LUN. SPC demands the error, later editions allow it.
const MIN_REPORT_LUNS: u32 = 16;

/// SELECT REPORT (SPC-4 6.33).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SelectReport {
    /// 00h: all but well known logical units.
    Addressable,
    /// 01h: well known logical units only.
    WellKnown,
    /// 02h: all that this nexus can reach.
    All,
}

/// The fields of REPORT LUNS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReportLuns {
    /// SELECT REPORT.
    pub select: SelectReport,
    /// ALLOCATION LENGTH in bytes.
    pub allocation_length: u32,
}

impl ReportLuns {
    pub(super) fn decode(cdb: &Cdb) -> Result<Self, Sense> {
        let select = match cdb.u8(2) {
            0x00 => SelectReport::Addressable,
            0x01 => SelectReport::WellKnown,
            0x02 => SelectReport::All,
            _ => return Err(Sense::invalid_field_in_cdb(2, None)),
        };
        let allocation_length = cdb.u32(6);
        if allocation_length < MIN_REPORT_LUNS {
            return Err(Sense::invalid_field_in_cdb(6, None));
        }
        Ok(Self { select, allocation_length })
    }
}

/// The fields of REPORT TARGET PORT GROUPS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReportTargetPortGroups {
    /// PARAMETER DATA FORMAT 001b: with the extended header.
    pub extended: bool,
    /// ALLOCATION LENGTH in bytes.
    pub allocation_length: u32,
}

impl ReportTargetPortGroups {
    pub(super) fn decode(cdb: &Cdb) -> Result<Self, Sense> {
        match cdb.u8(1) >> 5 {
            format @ (0b000 | 0b001) => Ok(Self { extended: format == 1, allocation_length: cdb.u32(6) }),
            _ => Err(Sense::invalid_field_in_cdb(1, Some(7))),
        }
    }
}

/// REPORTING OPTIONS with what goes with them (SPC-4 6.35.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportingOptions {
    /// 000b: all commands.
    All,
    /// 001b: this operation code, which must not have service actions.
    Code(u8),
    /// 010b: this operation code, which must have service actions, and this service action.
    CodeAndServiceAction(u8, u16),
    /// 011b: this operation code and, if it has service actions, this service action.
    Either(u8, u16),
}

/// The fields of REPORT SUPPORTED OPERATION CODES.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReportSupportedOperationCodes {
    /// RCTD: add command timeouts descriptors.
    pub timeouts: bool,
    /// What to report.
    pub options: ReportingOptions,
    /// ALLOCATION LENGTH in bytes.
    pub allocation_length: u32,
}

impl ReportSupportedOperationCodes {
    pub(super) fn decode(cdb: &Cdb) -> Result<Self, Sense> {
        let (code, action) = (cdb.u8(3), cdb.u16(4));
        let options = match cdb.u8(2) & 0x07 {
            0b000 => ReportingOptions::All,
            0b001 => ReportingOptions::Code(code),
            0b010 => ReportingOptions::CodeAndServiceAction(code, action),
            0b011 => ReportingOptions::Either(code, action),
            _ => return Err(Sense::invalid_field_in_cdb(2, Some(2))),
        };
        Ok(Self { timeouts: cdb.bit(2, 7), options, allocation_length: cdb.u32(6) })
    }
}

/// The fields of REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReportSupportedFunctions {
    /// REPD: the extended parameter data, 16 bytes.
    pub extended: bool,
    /// ALLOCATION LENGTH in bytes, at least 4.
    pub allocation_length: u32,
}

impl ReportSupportedFunctions {
    pub(super) fn decode(cdb: &Cdb) -> Result<Self, Sense> {
        let allocation_length = cdb.u32(6);
        if allocation_length < 4 {
            return Err(Sense::invalid_field_in_cdb(6, None));
        }
        Ok(Self { extended: cdb.bit(2, 7), allocation_length })
    }
}
