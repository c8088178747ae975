//! EXTENDED COPY(LID1) and RECEIVE COPY RESULTS (SPC-4 6.4, 6.32).
//!
//! What they carry is read and built in [`crate::extended_copy`].

use crate::cdb::Cdb;
use crate::opcode::number::{SA_COPY_STATUS, SA_OPERATING_PARAMETERS, SA_RECEIVE_DATA};

/// What RECEIVE COPY RESULTS asks for: its service action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CopyResults {
    /// COPY STATUS.
    Status,
    /// RECEIVE DATA.
    HeldData,
    /// OPERATING PARAMETERS.
    OperatingParameters,
    /// FAILED SEGMENT DETAILS.
    FailedSegmentDetails,
}

/// The fields of RECEIVE COPY RESULTS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceiveCopyResults {
    /// What is asked for.
    pub what: CopyResults,
    /// LIST IDENTIFIER; 0 for OPERATING PARAMETERS, which is not about a list.
    pub list_id: u8,
    /// ALLOCATION LENGTH in bytes.
    pub allocation_length: u32,
}

impl ReceiveCopyResults {
    pub(super) fn decode(cdb: &Cdb) -> Self {
        let what = match cdb.opcode().service_action {
            Some(SA_COPY_STATUS) => CopyResults::Status,
            Some(SA_RECEIVE_DATA) => CopyResults::HeldData,
            Some(SA_OPERATING_PARAMETERS) => CopyResults::OperatingParameters,
            // The table has no other service actions.
            _ => CopyResults::FailedSegmentDetails,
        };
        let list_id = if what == CopyResults::OperatingParameters { 0 } else { cdb.u8(2) };
        Self { what, list_id, allocation_length: cdb.u32(10) }
    }
}
