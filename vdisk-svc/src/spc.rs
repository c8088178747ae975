//! Commands of SPC-4 that every kind of unit has: what a unit says of itself, from its `DeviceInfo` and its settings.

pub mod buffer;
pub mod log;
pub mod mode;

use scsi::command::{Command, Inquiry, ReportSupportedOperationCodes};
use scsi::parameter::ParameterData;
use scsi::sense::Sense;
use scsi::{inquiry, request_sense as sense_data, rsoc};

use crate::failure;
use crate::task::{Outcome, Task};
use crate::unit::Unit;

/// TEST UNIT READY (SPC-4 6.47).
pub fn test_unit_ready(unit: &mut Unit) -> Outcome {
    match unit.medium() {
        Ok(_) => Outcome::GOOD,
        Err(sense) => Outcome::check(sense),
    }
}

/// INQUIRY (SPC-4 6.6). Answered whatever state the medium is in.
pub fn inquiry(task: &Task, unit: &Unit, request: &Inquiry) -> Outcome {
    answer(task, inquiry::respond(&unit.info, &task.path, request))
}

/// Tells a nexus of data that was lost before (SPC-4 4.5.7): with the end of a command that is not executed, as the data of
/// REQUEST SENSE, and not by INQUIRY, which is answered whatever happens (SPC-4 6.6). None if the nexus knows.
#[cold]
pub fn deferred_error(task: &Task, unit: &mut Unit, command: &Command) -> Option<Outcome> {
    if matches!(command, Command::Inquiry(_)) || !unit.tell_loss(task.identity.name()) {
        return None;
    }
    let sense = failure::of_lost_data_before();
    Some(match command {
        Command::RequestSense(request) => answer(task, Ok(sense_data::respond(&sense, request))),
        _ => Outcome::check(sense),
    })
}

/// REPORT SUPPORTED OPERATION CODES (SPC-4 6.35).
pub fn report_supported_operation_codes(
    task: &Task,
    unit: &Unit,
    request: &ReportSupportedOperationCodes,
) -> Outcome {
    answer(task, rsoc::respond(&unit.info, request))
}

/// Puts parameter data, which is no longer than the allocation length, into the initiator's buffer as far as it goes.
pub fn answer(task: &Task, data: Result<ParameterData, Sense>) -> Outcome {
    match data {
        Ok(data) => Outcome::good(task.data.write(data.as_slice()), data.wanted()),
        Err(sense) => Outcome::check(sense),
    }
}
