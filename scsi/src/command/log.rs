//! LOG SENSE, LOG SELECT, SEND DIAGNOSTIC and its results, READ BUFFER and WRITE BUFFER: what tells of a unit's past and health.

use crate::cdb::Cdb;
use crate::sense::Sense;

/// PC: which values of log parameters are meant (SPC-4 6.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogControl {
    /// Threshold values.
    Threshold,
    /// Cumulative values.
    Cumulative,
    /// Default threshold values.
    DefaultThreshold,
    /// Default cumulative values.
    DefaultCumulative,
}

/// The fields of LOG SENSE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogSense {
    /// PC.
    pub control: LogControl,
    /// PAGE CODE.
    pub page: u8,
    /// SUBPAGE CODE; FFh is all subpages.
    pub subpage: u8,
    /// PARAMETER POINTER: parameters from this code on.
    pub pointer: u16,
    /// ALLOCATION LENGTH in bytes.
    pub allocation_length: u16,
}

/// The fields of LOG SELECT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogSelect {
    /// PCR: counters are set back.
    pub reset: bool,
    /// PC.
    pub control: LogControl,
    /// PAGE CODE; 00h is all pages.
    pub page: u8,
    /// SUBPAGE CODE.
    pub subpage: u8,
    /// PARAMETER LIST LENGTH in bytes.
    pub list_length: u16,
}

/// SP of LOG SENSE and LOG SELECT: nothing of a log is saved.
fn refuse_saving(cdb: &Cdb) -> Result<(), Sense> {
    if cdb.bit(1, 0) { Err(Sense::invalid_field_in_cdb(1, Some(0))) } else { Ok(()) }
}

fn control(cdb: &Cdb) -> LogControl {
    match cdb.u8(2) >> 6 {
        0b00 => LogControl::Threshold,
        0b01 => LogControl::Cumulative,
        0b10 => LogControl::DefaultThreshold,
        _ => LogControl::DefaultCumulative,
    }
}

impl LogSense {
    pub(super) fn decode(cdb: &Cdb) -> Result<Self, Sense> {
        refuse_saving(cdb)?;
        Ok(Self {
            control: control(cdb),
            page: cdb.u8(2) & 0x3F,
            subpage: cdb.u8(3),
            pointer: cdb.u16(5),
            allocation_length: cdb.u16(7),
        })
    }
}

impl LogSelect {
    /// With PCR there is no list, and a list names its pages itself (SPC-4 6.7).
    pub(super) fn decode(cdb: &Cdb) -> Result<Self, Sense> {
        refuse_saving(cdb)?;
        let (reset, page, subpage, list_length) = (cdb.bit(1, 1), cdb.u8(2) & 0x3F, cdb.u8(3), cdb.u16(7));
        if list_length != 0 && reset {
            return Err(Sense::invalid_field_in_cdb(1, Some(1)));
        }
        if list_length != 0 && page != 0 {
            return Err(Sense::invalid_field_in_cdb(2, Some(5)));
        }
        if list_length != 0 && subpage != 0 {
            return Err(Sense::invalid_field_in_cdb(3, None));
        }
        Ok(Self { reset, control: control(cdb), page, subpage, list_length })
    }
}

/// The fields of SEND DIAGNOSTIC (SPC-4 6.42).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SendDiagnostic {
    /// SELFTEST: the default self-test is to be performed.
    pub self_test: bool,
    /// PARAMETER LIST LENGTH in bytes.
    pub list_length: u16,
}

impl SendDiagnostic {
    /// The default self-test is the only one. There is no list with it, and one without PF would be a vendor's.
    pub(super) fn decode(cdb: &Cdb) -> Result<Self, Sense> {
        let (code, self_test, list_length) = (cdb.u8(1) >> 5, cdb.bit(1, 2), cdb.u16(3));
        if code != 0 {
            return Err(Sense::invalid_field_in_cdb(1, Some(7)));
        }
        if list_length != 0 && self_test {
            return Err(Sense::invalid_field_in_cdb(3, None));
        }
        if list_length != 0 && !cdb.bit(1, 4) {
            return Err(Sense::invalid_field_in_cdb(1, Some(4)));
        }
        Ok(Self { self_test, list_length })
    }
}

/// The fields of RECEIVE DIAGNOSTIC RESULTS (SPC-4 6.31).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceiveDiagnosticResults {
    /// PAGE CODE, where PCV is one; else the page of the latest SEND DIAGNOSTIC is meant.
    pub page: Option<u8>,
    /// ALLOCATION LENGTH in bytes.
    pub allocation_length: u16,
}

impl ReceiveDiagnosticResults {
    pub(super) fn decode(cdb: &Cdb) -> Self {
        Self { page: cdb.bit(1, 0).then(|| cdb.u8(2)), allocation_length: cdb.u16(3) }
    }
}

/// Which buffer, and what of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BufferMode {
    /// 02h: the data buffer.
    Data,
    /// 03h: the descriptor of the data buffer.
    Descriptor,
    /// 0Ah: the echo buffer.
    Echo,
    /// 0Bh: the descriptor of the echo buffer.
    EchoDescriptor,
}

/// The fields of READ BUFFER and WRITE BUFFER (SPC-4 6.18, 6.49).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Buffer {
    /// MODE.
    pub mode: BufferMode,
    /// BUFFER ID. Reserved in the modes of the echo buffer.
    pub id: u8,
    /// BUFFER OFFSET in bytes.
    pub offset: u32,
    /// ALLOCATION LENGTH or PARAMETER LIST LENGTH in bytes.
    pub length: u32,
}

impl Buffer {
    pub(super) fn decode_read(cdb: &Cdb) -> Result<Self, Sense> {
        Ok(match cdb.u8(1) & 0x1F {
            0x02 => Self::decode(cdb, BufferMode::Data),
            0x03 => Self::decode(cdb, BufferMode::Descriptor),
            0x0A => Self::decode(cdb, BufferMode::Echo),
            0x0B => Self::decode(cdb, BufferMode::EchoDescriptor),
            _ => return Err(Sense::invalid_field_in_cdb(1, Some(4))),
        })
    }

    /// Microcode, and what else could be written, is no initiator's business.
    pub(super) fn decode_write(cdb: &Cdb) -> Result<Self, Sense> {
        Ok(match cdb.u8(1) & 0x1F {
            0x02 => Self::decode(cdb, BufferMode::Data),
            0x0A => Self::decode(cdb, BufferMode::Echo),
            _ => return Err(Sense::invalid_field_in_cdb(1, Some(4))),
        })
    }

    fn decode(cdb: &Cdb, mode: BufferMode) -> Self {
        Self { mode, id: cdb.u8(2), offset: cdb.u32(2) & 0x00FF_FFFF, length: cdb.u32(5) & 0x00FF_FFFF }
    }
}
