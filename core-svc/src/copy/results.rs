//! RECEIVE COPY RESULTS (SPC-4 6.32).

use scsi::command::{CopyResults, ReceiveCopyResults};
use scsi::extended_copy::ListIdUsage;
use scsi::extended_copy::results::{
    CopyStatus, copy_status, failed_segment_details, held_data, operating_parameters,
};
use scsi::parameter::ParameterData;
use scsi::sense::Sense;
use scsi::status::Status;

use crate::core::Core;

/// No copy is known under the LIST IDENTIFIER.
const UNKNOWN_LIST: Sense = Sense::invalid_field_in_cdb(2, None);

impl Core {
    /// What a nexus is told that asks at `unit`.
    pub(crate) fn copy_results(
        &self,
        nexus: usize,
        unit: u32,
        command: &ReceiveCopyResults,
    ) -> Result<ParameterData, Sense> {
        let (list_id, length) = (command.list_id, command.allocation_length);
        if command.what == CopyResults::OperatingParameters {
            return Ok(operating_parameters(length));
        }
        let running = self.copies.running.iter().find(|copy| {
            (copy.nexus, copy.unit, copy.list.list_id) == (nexus, unit, list_id)
                && copy.list.usage != ListIdUsage::Disable
        });
        if let Some(copy) = running {
            return match command.what {
                CopyResults::Status => {
                    let bytes = copy.written + copy.run.as_ref().map_or(0, |run| run.done());
                    Ok(copy_status(CopyStatus::InProgress, copy.segment as u16, bytes, length))
                }
                // There is nothing to be had before it is over.
                _ => Err(UNKNOWN_LIST),
            };
        }
        let held = self.nexuses.get(nexus).and_then(|nexus| nexus.copies.result(unit, list_id));
        let held = held.ok_or(UNKNOWN_LIST)?;
        let failed = !held.sense.is_empty();
        Ok(match command.what {
            CopyResults::Status => {
                let status = if failed { CopyStatus::Failed } else { CopyStatus::Completed };
                copy_status(status, held.segments, held.written, length)
            }
            CopyResults::HeldData => held_data(length),
            _ => {
                let status = Status::CheckCondition.code();
                failed_segment_details(failed.then_some((status, held.sense.as_slice())), length)
            }
        })
    }
}
