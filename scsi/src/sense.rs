//! Sense data (SPC-4 4.5): why a command ended in CHECK CONDITION.
//!
//! A [`Sense`] is a small `Copy` value that every stage can return as its error; it becomes bytes only at the end, in
//! `encode`, without a heap. What an initiator did wrong is a `Sense`; what a peer process or the host did wrong is not
//! one until somebody maps it. Next: [`crate::asc`] for the codes, [`crate::request_sense`] for sense as parameter data.

mod encode;
mod parse;

use crate::asc::Asc;
use crate::code::coded_enum;

pub use encode::{SENSE_CAPACITY, SenseBytes};

coded_enum! {
    /// A sense key (SPC-4 4.5.6).
    SenseKey, "sense key" {
        /// NO SENSE.
        NoSense = 0x0,
        /// RECOVERED ERROR.
        RecoveredError = 0x1,
        /// NOT READY.
        NotReady = 0x2,
        /// MEDIUM ERROR.
        MediumError = 0x3,
        /// HARDWARE ERROR.
        HardwareError = 0x4,
        /// ILLEGAL REQUEST.
        IllegalRequest = 0x5,
        /// UNIT ATTENTION.
        UnitAttention = 0x6,
        /// DATA PROTECT.
        DataProtect = 0x7,
        /// BLANK CHECK.
        BlankCheck = 0x8,
        /// Vendor specific.
        VendorSpecific = 0x9,
        /// COPY ABORTED.
        CopyAborted = 0xA,
        /// ABORTED COMMAND.
        AbortedCommand = 0xB,
        /// VOLUME OVERFLOW.
        VolumeOverflow = 0xD,
        /// MISCOMPARE.
        Miscompare = 0xE,
        /// COMPLETED.
        Completed = 0xF,
    }
}

/// Which byte, and perhaps bit, of the request was wrong (SPC-4 4.5.2.4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FieldPointer {
    /// In the CDB; otherwise in the parameter list.
    pub in_cdb: bool,
    /// Offset of the first wrong byte.
    pub byte: u16,
    /// The most significant wrong bit (0 to 7), if the field is smaller than a byte.
    pub bit: Option<u8>,
}

/// The sense key specific bytes (SPC-4 4.5.2.4). What they mean depends on the sense key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Specific {
    /// None.
    #[default]
    None,
    /// With ILLEGAL REQUEST.
    Field(FieldPointer),
    /// With NOT READY and NO SENSE: how much of a long operation is done, in 1/65536.
    Progress(u16),
}

/// Sense data as a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sense {
    /// The sense key.
    pub key: SenseKey,
    /// The additional sense code and its qualifier.
    pub asc: Asc,
    /// INFORMATION: for a disk, the LBA of the block in question.
    pub information: Option<u64>,
    /// The sense key specific bytes.
    pub specific: Specific,
    /// It is about an earlier command that ended well, and the command that it ends was not executed (SPC-4 4.5.7).
    pub deferred: bool,
}

impl Sense {
    /// Sense with a key and a code and nothing else.
    pub const fn new(key: SenseKey, asc: Asc) -> Self {
        Self { key, asc, information: None, specific: Specific::None, deferred: false }
    }

    /// Nothing to report: what REQUEST SENSE answers when nothing is wrong.
    pub const fn none() -> Self {
        Self::new(SenseKey::NoSense, Asc::NO_ADDITIONAL_SENSE)
    }

    /// ILLEGAL REQUEST, any code.
    pub const fn illegal_request(asc: Asc) -> Self {
        Self::new(SenseKey::IllegalRequest, asc)
    }

    /// The operation code is not in the table.
    pub const fn invalid_opcode() -> Self {
        Self::field_in_cdb(Asc::INVALID_COMMAND_OPERATION_CODE, 0, None)
    }

    /// A field of the CDB holds what it must not. `bit` is its most significant bit unless the field fills the byte.
    pub const fn invalid_field_in_cdb(byte: u16, bit: Option<u8>) -> Self {
        Self::field_in_cdb(Asc::INVALID_FIELD_IN_CDB, byte, bit)
    }

    /// A field of the parameter list holds what it must not.
    pub const fn invalid_field_in_parameter_list(byte: u16, bit: Option<u8>) -> Self {
        let pointer = FieldPointer { in_cdb: false, byte, bit };
        Self {
            specific: Specific::Field(pointer),
            ..Self::illegal_request(Asc::INVALID_FIELD_IN_PARAMETER_LIST)
        }
    }

    /// The blocks that are asked for are not all there.
    pub const fn lba_out_of_range() -> Self {
        Self::illegal_request(Asc::LBA_OUT_OF_RANGE)
    }

    /// No logical unit is mapped at this LUN.
    pub const fn lun_not_supported() -> Self {
        Self::illegal_request(Asc::LOGICAL_UNIT_NOT_SUPPORTED)
    }

    /// MODE SENSE asked for saved values, and nothing is ever saved.
    pub const fn saving_parameters_not_supported(byte: u16, bit: Option<u8>) -> Self {
        Self::field_in_cdb(Asc::SAVING_PARAMETERS_NOT_SUPPORTED, byte, bit)
    }

    /// The medium did not give a block back; `lba` is the first such block, if it is known.
    pub const fn medium_error_read(lba: Option<u64>) -> Self {
        Self { information: lba, ..Self::new(SenseKey::MediumError, Asc::UNRECOVERED_READ_ERROR) }
    }

    /// The medium did not take a block; `lba` is the first such block, if it is known.
    pub const fn medium_error_write(lba: Option<u64>) -> Self {
        Self { information: lba, ..Self::new(SenseKey::MediumError, Asc::WRITE_ERROR) }
    }

    /// The same about an earlier command.
    pub const fn deferred(self) -> Self {
        Self { deferred: true, ..self }
    }

    /// The unit cannot be used now: `asc` says why (04/xx, 3A/00).
    pub const fn not_ready(asc: Asc) -> Self {
        Self::new(SenseKey::NotReady, asc)
    }

    /// NOT READY while a long operation runs; `progress` counts in 1/65536.
    pub const fn not_ready_progress(asc: Asc, progress: u16) -> Self {
        Self { specific: Specific::Progress(progress), ..Self::not_ready(asc) }
    }

    /// UNIT ATTENTION, any code.
    pub const fn unit_attention(asc: Asc) -> Self {
        Self::new(SenseKey::UnitAttention, asc)
    }

    /// The unit may not be written to.
    pub const fn write_protected() -> Self {
        Self::new(SenseKey::DataProtect, Asc::WRITE_PROTECTED)
    }

    /// The unit may not be written to, because SWP of its control mode page is one.
    pub const fn software_write_protected() -> Self {
        Self::new(SenseKey::DataProtect, Asc::LOGICAL_UNIT_SOFTWARE_WRITE_PROTECTED)
    }

    /// The file behind a sparse unit could not grow.
    pub const fn space_allocation_failed() -> Self {
        Self::new(SenseKey::DataProtect, Asc::SPACE_ALLOCATION_FAILED_WRITE_PROTECT)
    }

    /// Something on this side is broken.
    pub const fn internal_target_failure() -> Self {
        Self::new(SenseKey::HardwareError, Asc::INTERNAL_TARGET_FAILURE)
    }

    /// The command was given up; the initiator may send it again. `asc` says why.
    pub const fn aborted_command(asc: Asc) -> Self {
        Self::new(SenseKey::AbortedCommand, asc)
    }

    /// The data that was compared differs; `offset` is the first byte that does (SBC-3 5.2).
    pub const fn miscompare(offset: u64) -> Self {
        Self { information: Some(offset), ..Self::new(SenseKey::Miscompare, Asc::MISCOMPARE_DURING_VERIFY) }
    }

    const fn field_in_cdb(asc: Asc, byte: u16, bit: Option<u8>) -> Self {
        let pointer = FieldPointer { in_cdb: true, byte, bit };
        Self { specific: Specific::Field(pointer), ..Self::illegal_request(asc) }
    }
}

#[cfg(test)]
mod tests;
