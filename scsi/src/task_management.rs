//! Task management functions (SAM-5 clause 7) and the responses to them.
//!
//! Transports decode their own codes into these enums; core-svc carries the functions out.

use crate::asc::Asc;
use crate::code::coded_enum;
use crate::command::ReportSupportedFunctions;
use crate::parameter::ParameterData;
use crate::sense::SenseKey;

coded_enum! {
    /// A task management function. The octets are those of RFC 7143 11.5.1 and RFC 7144 4.1; other transports translate.
    Function, "task management function" {
        /// ABORT TASK: one task of this I_T nexus.
        AbortTask = 1,
        /// ABORT TASK SET: every task of this I_T nexus on one logical unit.
        AbortTaskSet = 2,
        /// CLEAR ACA: end the auto contingent allegiance condition of this I_T nexus.
        ClearAca = 3,
        /// CLEAR TASK SET: every task in the task set, whoever sent it.
        ClearTaskSet = 4,
        /// LOGICAL UNIT RESET.
        LogicalUnitReset = 5,
        /// TARGET WARM RESET: a logical unit reset of every unit of the target.
        TargetWarmReset = 6,
        /// TARGET COLD RESET: as the warm one, and every session ends.
        TargetColdReset = 7,
        /// QUERY TASK: is this one task still here?
        QueryTask = 9,
        /// QUERY TASK SET: is any task of this I_T nexus here?
        QueryTaskSet = 10,
        /// I_T NEXUS RESET: as if the nexus had been lost.
        ItNexusReset = 11,
        /// QUERY ASYNCHRONOUS EVENT: is a unit attention or deferred error waiting?
        QueryAsynchronousEvent = 12,
    }
}

coded_enum! {
    /// A service response to a task management function. The octets are those of RFC 7143 11.6.1 and RFC 7144 5.1.
    Response, "task management response" {
        /// FUNCTION COMPLETE: done; for a query: no, there is none.
        FunctionComplete = 0,
        /// The task that is referred to is not here (any more).
        TaskDoesNotExist = 1,
        /// INCORRECT LOGICAL UNIT NUMBER.
        IncorrectLun = 2,
        /// The function is not supported.
        FunctionNotSupported = 5,
        /// FUNCTION SUCCEEDED: for a query: yes, there is one.
        FunctionSucceeded = 7,
        /// FUNCTION REJECTED.
        FunctionRejected = 255,
    }
}

impl Function {
    /// Whether the function does more than to ask.
    pub fn changes_something(self) -> bool {
        !matches!(self, Self::QueryTask | Self::QueryTaskSet | Self::QueryAsynchronousEvent)
    }

    /// Whether the function is about one task, which the request then has to name.
    pub fn names_a_task(self) -> bool {
        matches!(self, Self::AbortTask | Self::QueryTask)
    }

    /// Whether the function is about one logical unit; the others are about the target or the I_T nexus.
    pub fn names_a_lun(self) -> bool {
        !matches!(self, Self::TargetWarmReset | Self::TargetColdReset | Self::ItNexusReset)
    }
}

/// Additional Response Information of QUERY ASYNCHRONOUS EVENT (SAM-5 7.10): UADE DEPTH and SENSE KEY, ADDITIONAL SENSE CODE and
/// QUALIFIER of the unit attention or deferred error that is reported next, of `count` that wait.
pub fn asynchronous_event(key: SenseKey, next: Asc, count: usize) -> [u8; 3] {
    let depth = if count > 1 { 0b10 } else { 0b01 };
    [depth << 4 | key.code(), next.code, next.qualifier]
}

/// Answers REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS (SPC-4 6.36): all of [`Function`]. How long one takes depends on what it
/// ends, so no timeouts are told.
pub fn report_supported(request: &ReportSupportedFunctions) -> ParameterData {
    // ATS, ATSS, CACAS, CTSS, LURS, QTS, TRS; QAES, QTSS, ITNRS.
    const FUNCTIONS: [u8; 2] = [0x80 | 0x40 | 0x20 | 0x10 | 0x08 | 0x04 | 0x02, 0x04 | 0x02 | 0x01];
    let mut data = ParameterData::new(request.allocation_length);
    data.put(&FUNCTIONS);
    data.put(&[0, if request.extended { 0x0C } else { 0 }]);
    if request.extended {
        data.pad_to(16);
    }
    data
}

#[cfg(test)]
mod tests;
