//! Commands that the core executes itself, because they are about the map of logical units or the conditions of a nexus:
//! REPORT LUNS, REQUEST SENSE, and what may be asked of a LUN that has no logical unit.

use ipc::message::record::Request;
use scsi::asc::Asc;
use scsi::cdb::Cdb;
use scsi::command::Command;
use scsi::lun::Lun;
use scsi::opcode::Opcode;
use scsi::parameter::ParameterData;
use scsi::sense::Sense;
use scsi::{inquiry, report_luns, request_sense};

use crate::core::Core;
use crate::notebook::Part;
use crate::settle::Outcome;
use crate::task::TaskId;

impl Core {
    /// Executes a task of the core's own.
    pub(crate) fn execute_here(&mut self, id: TaskId) -> Outcome {
        let Some(task) = self.tasks.get(id) else { return Outcome::aborted() };
        let (request, nexus, unit) = (task.request, task.nexus, task.unit);
        match decode(&request) {
            Ok(Command::ReportLuns(command)) => self.report_luns(nexus, &command, &request),
            Ok(Command::RequestSense(command)) => {
                let pending = self.take_attention(nexus, unit, &request);
                let sense = pending.map_or(Sense::none(), Sense::unit_attention);
                self.give(&request, &request_sense::respond(&sense, &command))
            }
            // The opcode table names the core as executor of nothing else; a row without an arm is our own fault.
            Ok(_) => Outcome::check(Sense::internal_target_failure()),
            Err(sense) => Outcome::check(sense),
        }
    }

    /// Executes what SPC-4 allows to ask where no logical unit is (SAM-5 4.12); everything else is refused.
    pub(crate) fn execute_without_unit(
        &mut self,
        nexus: usize,
        lun: Lun,
        opcode: &Opcode,
        request: &Request,
    ) -> Outcome {
        if opcode.cdb_len() > usize::from(request.cdb_len) {
            return Outcome::check(Sense::lun_not_supported());
        }
        match decode(request) {
            Ok(Command::Inquiry(command)) => match inquiry::unsupported_lun(&command) {
                Ok(data) => self.give(request, &data),
                Err(sense) => Outcome::check(sense),
            },
            Ok(Command::RequestSense(command)) => {
                let data = request_sense::respond(&Sense::lun_not_supported(), &command);
                self.give(request, &data)
            }
            // LUN 0 answers REPORT LUNS even if nothing else is there (SPC-4 6.33).
            Ok(Command::ReportLuns(command)) if lun.number() == Ok(0) => {
                self.report_luns(nexus, &command, request)
            }
            _ => Outcome::check(Sense::lun_not_supported()),
        }
    }

    fn report_luns(
        &mut self,
        nexus: usize,
        command: &scsi::command::ReportLuns,
        request: &Request,
    ) -> Outcome {
        let target =
            self.nexuses.get(nexus).and_then(|nexus| self.targets.get(nexus.target as usize)?.as_ref());
        let luns = target.map(|target| target.luns.as_slice()).unwrap_or_default();
        let luns = luns.iter().filter_map(|entry| Lun::from_number(entry.lun).ok());
        let data = report_luns::respond(luns, command);
        let outcome = self.give(request, &data);
        // Reading the inventory ends the condition that says it has changed (SPC-4 6.33).
        if let Some(nexus) = self.nexuses.get_mut(nexus) {
            for (unit, waiting) in &mut nexus.attentions {
                if waiting.clear(Asc::REPORTED_LUNS_DATA_HAS_CHANGED) {
                    self.touched.push((Part::Attentions, nexus.wide, u64::from(*unit)));
                }
            }
        }
        outcome
    }

    /// Puts parameter data into the initiator's buffer.
    fn give(&self, request: &Request, data: &ParameterData) -> Outcome {
        let Ok((_, into)) = request.extents() else {
            return Outcome::check(Sense::internal_target_failure());
        };
        let mut rest = data.as_slice();
        for extent in into {
            let (Some(arena), Ok(checked)) = (self.arenas.get(extent.arena), self.arenas.check(*extent))
            else {
                return Outcome::check(Sense::internal_target_failure());
            };
            rest = &rest[arena.write(checked, rest)..];
        }
        Outcome::good((data.wanted() - rest.len()) as u32, data.wanted() as u32)
    }
}

fn decode(request: &Request) -> Result<Command, Sense> {
    Command::decode(&Cdb::new(request.cdb().unwrap_or_default())?)
}
