//! The one decode match: a checked CDB becomes a command with typed fields, or the sense that says which field is wrong.
//!
//! Trusts [`Cdb`] for lengths and for the operation code. What it refuses here holds for every unit; what depends on the
//! unit (range, write protection) is checked by [`crate::device_info`] and the executor. Next: the executors match on [`Command`].

mod blocks;
mod copy;
mod log;
mod medium;
mod mmc;
mod mode_sense;
mod parameter_in;
mod read_write;

pub use blocks::{ByteCheck, GetLbaStatus, PreFetch, Unmap, Verify, WriteAtomic, WriteSame};
pub use copy::{CopyResults, ReceiveCopyResults};
pub use log::{
    Buffer, BufferMode, LogControl, LogSelect, LogSense, ReceiveDiagnosticResults, SendDiagnostic,
};
pub use medium::{FormatUnit, ReadDefectData, Sanitize, SanitizeAction};
pub use mmc::{Features, GetConfiguration, GetEventStatus, ReadToc, ReadTrackInformation, TrackAddress};
pub use mode_sense::{ModeSelect, ModeSense, PageControl};
pub use parameter_in::{
    Inquiry, ReportLuns, ReportSupportedFunctions, ReportSupportedOperationCodes, ReportTargetPortGroups,
    ReportingOptions, RequestSense, SelectReport,
};
pub use read_write::{ReadWrite, SynchronizeCache};

use crate::cdb::Cdb;
use crate::opcode::number::*;
use crate::persistent_reservation::{InAction, OutAction};
use crate::sense::Sense;
use crate::units::Lba;

/// A decoded command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// TEST UNIT READY (SPC-4 6.47).
    TestUnitReady,
    /// REQUEST SENSE (SPC-4 6.39).
    RequestSense(RequestSense),
    /// INQUIRY (SPC-4 6.6).
    Inquiry(Inquiry),
    /// MODE SENSE(6) and (10) (SPC-4 6.13, 6.14).
    ModeSense(ModeSense),
    /// MODE SELECT(6) and (10) (SPC-4 6.11, 6.12).
    ModeSelect(ModeSelect),
    /// START STOP UNIT (SBC-3 5.22).
    StartStopUnit(StartStopUnit),
    /// PREVENT ALLOW MEDIUM REMOVAL (SBC-3 5.8).
    PreventAllowMediumRemoval {
        /// PREVENT is one.
        prevent: bool,
    },
    /// LOG SENSE (SPC-4 6.8).
    LogSense(LogSense),
    /// LOG SELECT (SPC-4 6.7).
    LogSelect(LogSelect),
    /// SEND DIAGNOSTIC (SPC-4 6.42).
    SendDiagnostic(SendDiagnostic),
    /// RECEIVE DIAGNOSTIC RESULTS (SPC-4 6.31).
    ReceiveDiagnosticResults(ReceiveDiagnosticResults),
    /// READ BUFFER (SPC-4 6.18).
    ReadBuffer(Buffer),
    /// WRITE BUFFER (SPC-4 6.49).
    WriteBuffer(Buffer),
    /// READ TOC/PMA/ATIP (MMC-6 6.25).
    ReadToc(ReadToc),
    /// GET CONFIGURATION (MMC-6 6.6).
    GetConfiguration(GetConfiguration),
    /// GET EVENT STATUS NOTIFICATION (MMC-6 6.7).
    GetEventStatus(GetEventStatus),
    /// READ DISC INFORMATION (MMC-6 6.21).
    ReadDiscInformation {
        /// ALLOCATION LENGTH in bytes.
        allocation_length: u16,
    },
    /// READ TRACK INFORMATION (MMC-6 6.26).
    ReadTrackInformation(ReadTrackInformation),
    /// MECHANISM STATUS (MMC-6 6.9).
    MechanismStatus {
        /// ALLOCATION LENGTH in bytes.
        allocation_length: u16,
    },
    /// READ FORMAT CAPACITIES (MMC-6 6.23).
    ReadFormatCapacities {
        /// ALLOCATION LENGTH in bytes.
        allocation_length: u16,
    },
    /// READ CAPACITY(10) (SBC-3 5.15).
    ReadCapacity10,
    /// READ CAPACITY(16) (SBC-3 5.16).
    ReadCapacity16 {
        /// ALLOCATION LENGTH in bytes.
        allocation_length: u32,
    },
    /// RESERVE(6) and (10) of the whole unit (SPC-2 7.21, 7.22).
    Reserve,
    /// RELEASE(6) and (10) of the whole unit (SPC-2 7.17, 7.18).
    Release,
    /// PERSISTENT RESERVE IN (SPC-4 6.15).
    PersistentReserveIn {
        /// SERVICE ACTION.
        action: InAction,
        /// ALLOCATION LENGTH in bytes.
        allocation_length: u16,
    },
    /// PERSISTENT RESERVE OUT (SPC-4 6.16).
    PersistentReserveOut {
        /// SERVICE ACTION.
        action: OutAction,
        /// SCOPE and TYPE; zero where the action ignores them.
        scope_type: u8,
        /// PARAMETER LIST LENGTH in bytes.
        length: u32,
    },
    /// READ(6), (10), (12), (16) (SBC-3 5.10 to 5.13); READ CD and READ CD MSF of user data (MMC-6 6.19, 6.20).
    Read(ReadWrite),
    /// WRITE(6), (10), (12), (16) (SBC-3 5.30 to 5.33).
    Write(ReadWrite),
    /// VERIFY(10), (12), (16) (SBC-3 5.33 to 5.35).
    Verify(Verify),
    /// WRITE AND VERIFY(10), (12), (16) (SBC-3 5.42 to 5.44).
    WriteAndVerify(Verify),
    /// WRITE SAME(10) and (16) (SBC-3 5.46, 5.47).
    WriteSame(WriteSame),
    /// WRITE ATOMIC(16) (SBC-4 5.48).
    WriteAtomic(WriteAtomic),
    /// COMPARE AND WRITE (SBC-3 5.2): the blocks; data-out has twice as many.
    CompareAndWrite(ReadWrite),
    /// ORWRITE(16) (SBC-3 5.7).
    OrWrite(ReadWrite),
    /// UNMAP (SBC-3 5.28).
    Unmap(Unmap),
    /// PRE-FETCH(10) and (16) (SBC-3 5.8, 5.9).
    PreFetch(PreFetch),
    /// GET LBA STATUS (SBC-3 5.4).
    GetLbaStatus(GetLbaStatus),
    /// READ DEFECT DATA(10) and (12) (SBC-3 5.17, 5.18).
    ReadDefectData(ReadDefectData),
    /// FORMAT UNIT (SBC-3 5.3).
    FormatUnit(FormatUnit),
    /// SANITIZE (SBC-3 5.21).
    Sanitize(Sanitize),
    /// SYNCHRONIZE CACHE(10) and (16) (SBC-3 5.24, 5.25).
    SynchronizeCache(SynchronizeCache),
    /// EXTENDED COPY(LID1) (SPC-4 6.4).
    ExtendedCopy {
        /// PARAMETER LIST LENGTH in bytes.
        parameter_list_length: u32,
    },
    /// RECEIVE COPY RESULTS (SPC-4 6.32).
    ReceiveCopyResults(ReceiveCopyResults),
    /// REPORT LUNS (SPC-4 6.33).
    ReportLuns(ReportLuns),
    /// REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS (SPC-4 6.36).
    ReportSupportedFunctions(ReportSupportedFunctions),
    /// REPORT TARGET PORT GROUPS (SPC-4 6.37).
    ReportTargetPortGroups(ReportTargetPortGroups),
    /// SET TARGET PORT GROUPS (SPC-4 6.45).
    SetTargetPortGroups {
        /// PARAMETER LIST LENGTH in bytes.
        parameter_list_length: u32,
    },
    /// REPORT SUPPORTED OPERATION CODES (SPC-4 6.35).
    ReportSupportedOperationCodes(ReportSupportedOperationCodes),
}

/// The fields of START STOP UNIT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StartStopUnit {
    /// IMMED: answer before it is done.
    pub immed: bool,
    /// POWER CONDITION; zero means that START and LOEJ count.
    pub power_condition: u8,
    /// NO_FLUSH: the write cache need not be written out first.
    pub no_flush: bool,
    /// LOEJ: load or eject the medium.
    pub load_eject: bool,
    /// START: make ready; otherwise stop.
    pub start: bool,
}

impl StartStopUnit {
    /// Whether a reservation of somebody else lets the command through (see [`crate::opcode::Admission`]).
    pub fn only_starts(&self) -> bool {
        self.start && self.power_condition == 0
    }
}

impl Command {
    /// Decodes; the error is the sense that the command ends with.
    pub fn decode(cdb: &Cdb) -> Result<Self, Sense> {
        Ok(match cdb.opcode().code {
            TEST_UNIT_READY => Self::TestUnitReady,
            REQUEST_SENSE => Self::RequestSense(RequestSense::decode(cdb)),
            INQUIRY => Self::Inquiry(Inquiry::decode(cdb)?),
            MODE_SENSE_6 => Self::ModeSense(ModeSense::decode_6(cdb)),
            MODE_SENSE_10 => Self::ModeSense(ModeSense::decode_10(cdb)),
            MODE_SELECT_6 => Self::ModeSelect(ModeSelect::decode_6(cdb)?),
            MODE_SELECT_10 => Self::ModeSelect(ModeSelect::decode_10(cdb)?),
            START_STOP_UNIT => Self::StartStopUnit(StartStopUnit {
                immed: cdb.bit(1, 0),
                power_condition: cdb.u8(4) >> 4,
                no_flush: cdb.bit(4, 2),
                load_eject: cdb.bit(4, 1),
                start: cdb.bit(4, 0),
            }),
            PREVENT_ALLOW_MEDIUM_REMOVAL => match cdb.u8(4) & 0x03 {
                prevent @ (0 | 1) => Self::PreventAllowMediumRemoval { prevent: prevent == 1 },
                // Persistent prevention (MMC-6 6.17) is for changers that eject by themselves.
                _ => return Err(Sense::invalid_field_in_cdb(4, Some(1))),
            },
            LOG_SENSE => Self::LogSense(LogSense::decode(cdb)?),
            LOG_SELECT => Self::LogSelect(LogSelect::decode(cdb)?),
            SEND_DIAGNOSTIC => Self::SendDiagnostic(SendDiagnostic::decode(cdb)?),
            RECEIVE_DIAGNOSTIC_RESULTS => {
                Self::ReceiveDiagnosticResults(ReceiveDiagnosticResults::decode(cdb))
            }
            READ_BUFFER => Self::ReadBuffer(Buffer::decode_read(cdb)?),
            WRITE_BUFFER => Self::WriteBuffer(Buffer::decode_write(cdb)?),
            READ_TOC => Self::ReadToc(ReadToc::decode(cdb)),
            GET_CONFIGURATION => Self::GetConfiguration(GetConfiguration::decode(cdb)?),
            GET_EVENT_STATUS_NOTIFICATION => Self::GetEventStatus(GetEventStatus::decode(cdb)?),
            READ_DISC_INFORMATION => {
                Self::ReadDiscInformation { allocation_length: mmc::decode_disc_information(cdb)? }
            }
            READ_TRACK_INFORMATION => Self::ReadTrackInformation(ReadTrackInformation::decode(cdb)?),
            MECHANISM_STATUS => Self::MechanismStatus { allocation_length: cdb.u16(8) },
            READ_FORMAT_CAPACITIES => Self::ReadFormatCapacities { allocation_length: cdb.u16(7) },
            READ_CD | READ_CD_MSF => Self::Read(mmc::decode_read_cd(cdb)?),
            READ_CAPACITY_10 => {
                refuse_lba_without_pmi(u64::from(cdb.u32(2)), cdb.bit(8, 0))?;
                Self::ReadCapacity10
            }
            SERVICE_ACTION_IN_16 if cdb.opcode().service_action == Some(SA_READ_CAPACITY_16) => {
                refuse_lba_without_pmi(cdb.u64(2), cdb.bit(14, 0))?;
                Self::ReadCapacity16 { allocation_length: cdb.u32(10) }
            }
            SERVICE_ACTION_IN_16 if cdb.opcode().service_action == Some(SA_GET_LBA_STATUS) => {
                Self::GetLbaStatus(GetLbaStatus { lba: Lba(cdb.u64(2)), allocation_length: cdb.u32(10) })
            }
            READ_6 => Self::Read(ReadWrite::decode_6(cdb)),
            READ_10 => Self::Read(ReadWrite::decode_10(cdb)?),
            READ_12 => Self::Read(ReadWrite::decode_12(cdb)?),
            READ_16 => Self::Read(ReadWrite::decode_16(cdb)?),
            WRITE_6 => Self::Write(ReadWrite::decode_6(cdb)),
            WRITE_10 => Self::Write(ReadWrite::decode_10(cdb)?),
            WRITE_12 => Self::Write(ReadWrite::decode_12(cdb)?),
            WRITE_16 => Self::Write(ReadWrite::decode_16(cdb)?),
            SYNCHRONIZE_CACHE_10 => Self::SynchronizeCache(SynchronizeCache::decode_10(cdb)),
            SYNCHRONIZE_CACHE_16 => Self::SynchronizeCache(SynchronizeCache::decode_16(cdb)),
            EXTENDED_COPY => Self::ExtendedCopy { parameter_list_length: cdb.u32(10) },
            RECEIVE_COPY_RESULTS => Self::ReceiveCopyResults(ReceiveCopyResults::decode(cdb)),
            REPORT_LUNS => Self::ReportLuns(ReportLuns::decode(cdb)?),
            MAINTENANCE_IN if cdb.opcode().service_action == Some(SA_REPORT_SUPPORTED_OPERATION_CODES) => {
                Self::ReportSupportedOperationCodes(ReportSupportedOperationCodes::decode(cdb)?)
            }
            MAINTENANCE_IN
                if cdb.opcode().service_action == Some(SA_REPORT_SUPPORTED_TASK_MANAGEMENT_FUNCTIONS) =>
            {
                Self::ReportSupportedFunctions(ReportSupportedFunctions::decode(cdb)?)
            }
            MAINTENANCE_IN if cdb.opcode().service_action == Some(SA_REPORT_TARGET_PORT_GROUPS) => {
                Self::ReportTargetPortGroups(ReportTargetPortGroups::decode(cdb)?)
            }
            MAINTENANCE_OUT if cdb.opcode().service_action == Some(SA_SET_TARGET_PORT_GROUPS) => {
                Self::SetTargetPortGroups { parameter_list_length: cdb.u32(6) }
            }
            RESERVE_6 | RESERVE_10 => {
                refuse_third_party(cdb)?;
                Self::Reserve
            }
            RELEASE_6 | RELEASE_10 => {
                refuse_third_party(cdb)?;
                Self::Release
            }
            PERSISTENT_RESERVE_IN => Self::PersistentReserveIn {
                action: InAction::try_from(cdb.u8(1) & 0x1F)
                    .map_err(|_| Sense::invalid_field_in_cdb(1, Some(4)))?,
                allocation_length: cdb.u16(7),
            },
            PERSISTENT_RESERVE_OUT => {
                let action = OutAction::try_from(cdb.u8(1) & 0x1F)
                    .map_err(|_| Sense::invalid_field_in_cdb(1, Some(4)))?;
                let scope_type = if action.has_type() { cdb.u8(2) } else { 0 };
                Self::PersistentReserveOut { action, scope_type, length: cdb.u32(5) }
            }
            _ => return Self::decode_rare(cdb),
        })
    }

    /// What changes, compares or describes blocks in other ways than READ and WRITE do.
    fn decode_rare(cdb: &Cdb) -> Result<Self, Sense> {
        Ok(match cdb.opcode().code {
            VERIFY_10 | VERIFY_12 | VERIFY_16 => Self::Verify(Verify::decode_verify(cdb)?),
            WRITE_AND_VERIFY_10 | WRITE_AND_VERIFY_12 | WRITE_AND_VERIFY_16 => {
                Self::WriteAndVerify(Verify::decode_write(cdb)?)
            }
            WRITE_SAME_10 => Self::WriteSame(WriteSame::decode_10(cdb)?),
            WRITE_SAME_16 => Self::WriteSame(WriteSame::decode_16(cdb)?),
            WRITE_ATOMIC_16 => Self::WriteAtomic(WriteAtomic::decode(cdb)?),
            COMPARE_AND_WRITE => Self::CompareAndWrite(blocks::compare_and_write(cdb)?),
            ORWRITE_16 => Self::OrWrite(ReadWrite::decode_16(cdb)?),
            UNMAP => Self::Unmap(Unmap { anchor: cdb.bit(1, 0), list_length: cdb.u16(7) }),
            PRE_FETCH_10 => Self::PreFetch(PreFetch::decode_10(cdb)),
            PRE_FETCH_16 => Self::PreFetch(PreFetch::decode_16(cdb)),
            READ_DEFECT_DATA_10 => Self::ReadDefectData(ReadDefectData::decode_10(cdb)),
            READ_DEFECT_DATA_12 => Self::ReadDefectData(ReadDefectData::decode_12(cdb)),
            FORMAT_UNIT => Self::FormatUnit(FormatUnit::decode(cdb)?),
            SANITIZE => Self::Sanitize(Sanitize::decode(cdb)?),
            _ => return Err(Sense::invalid_opcode()),
        })
    }
}

/// Reservations for somebody else and of extents are obsolete since SPC-2; taken for the whole unit they would reserve too
/// much, or for the wrong one.
fn refuse_third_party(cdb: &Cdb) -> Result<(), Sense> {
    match [4, 0].into_iter().find(|bit| cdb.bit(1, *bit)) {
        Some(bit) => Err(Sense::invalid_field_in_cdb(1, Some(bit))),
        None => Ok(()),
    }
}

/// SBC-3 5.15.1: with PMI zero, an LBA other than zero is an error. Both fields are obsolete in SBC-4, but still sent.
fn refuse_lba_without_pmi(lba: u64, pmi: bool) -> Result<(), Sense> {
    if lba != 0 && !pmi { Err(Sense::invalid_field_in_cdb(2, None)) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
