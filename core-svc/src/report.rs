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
use scsi::{inquiry, report_luns, request_sense, task_management};

use crate::core::Core;
use crate::settle::Outcome;
use crate::task::TaskId;

impl Core {
    /// Executes a task of the core's own. None: it ends later.
    pub(crate) fn execute_here(&mut self, id: TaskId) -> Option<Outcome> {
        let task = self.tasks.get(id)?;
        let (request, nexus, unit) = (task.request, task.nexus, task.unit);
        Some(match decode(&request) {
            Ok(Command::ReportLuns(command)) => self.report_luns(nexus, &command, &request),
            Ok(Command::ReportTargetPortGroups(command)) => {
                self.report_target_port_groups(unit, &command, &request)
            }
            Ok(Command::SetTargetPortGroups { parameter_list_length }) => {
                self.set_target_port_groups(nexus, unit, parameter_list_length, &request)
            }
            Ok(Command::RequestSense(command)) => match self.take_attention(nexus, unit, &request) {
                Some(asc) => {
                    self.give(&request, &request_sense::respond(&Sense::unit_attention(asc), &command))
                }
                // Everything else that it could tell is known to the handler.
                None => {
                    self.hand_over(id);
                    return None;
                }
            },
            Ok(Command::ReportSupportedFunctions(command)) => {
                self.give(&request, &task_management::report_supported(&command))
            }
            Ok(Command::PersistentReserveIn { action, allocation_length }) => {
                self.persistent_reserve_in(unit, action, allocation_length, &request)
            }
            Ok(Command::PersistentReserveOut { action, scope_type, length }) => {
                return self.persistent_reserve_out(id, action, scope_type, length);
            }
            Ok(Command::Reserve) => return self.reserve_or_release(id, true),
            Ok(Command::Release) => return self.reserve_or_release(id, false),
            Ok(Command::ReceiveCopyResults(command)) => match self.copy_results(nexus, unit, &command) {
                Ok(data) => self.give(&request, &data),
                Err(sense) => Outcome::check(sense),
            },
            // The opcode table names the core as executor of nothing else; a row without an arm is our own fault.
            Ok(_) => Outcome::check(Sense::internal_target_failure()),
            Err(sense) => Outcome::check(sense),
        })
    }

    /// Ends a task whose handler cannot be asked. For REQUEST SENSE that is what it tells, not how it ends (SPC-4 6.39).
    pub(crate) fn end_not_ready(&mut self, id: TaskId, asc: Asc) {
        let (sense, request) = (Sense::not_ready(asc), self.tasks.get(id).map(|task| task.request));
        let outcome = match request.map(|request| (decode(&request), request)) {
            Some((Ok(Command::RequestSense(command)), request)) => {
                self.give(&request, &request_sense::respond(&sense, &command))
            }
            _ => Outcome::check(sense),
        };
        self.end(id, &outcome);
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

    /// Executes a command of the REPORT LUNS well known logical unit (SPC-4 8.2), which has no medium, no reservations and
    /// no unit attention conditions of its own.
    pub(crate) fn execute_well_known(&mut self, nexus: usize, request: &Request) -> Outcome {
        match decode(request) {
            Ok(Command::ReportLuns(command)) => self.report_luns(nexus, &command, request),
            Ok(Command::TestUnitReady) => Outcome::good(0, 0),
            Ok(Command::RequestSense(command)) => {
                self.give(request, &request_sense::respond(&Sense::none(), &command))
            }
            Ok(Command::Inquiry(command)) => match inquiry::well_known(&command) {
                Ok(data) => self.give(request, &data),
                Err(sense) => Outcome::check(sense),
            },
            Ok(_) => Outcome::check(Sense::invalid_opcode()),
            Err(sense) => Outcome::check(sense),
        }
    }

    fn report_luns(
        &mut self,
        nexus: usize,
        command: &scsi::command::ReportLuns,
        request: &Request,
    ) -> Outcome {
        let seen = self.nexuses.get(nexus).and_then(|nexus| Some((self.target_of(nexus)?, nexus.map)));
        let luns = seen.into_iter().flat_map(|(target, map)| {
            let lun = |number| Lun::from_number_by(number, target.addressing).ok();
            target.luns(map).iter().filter_map(move |entry| lun(entry.lun))
        });
        let data = report_luns::respond(luns, command);
        let outcome = self.give(request, &data);
        // Reading the inventory ends the condition that says it has changed (SPC-4 6.33).
        self.clear_luns_changed(nexus);
        outcome
    }

    /// The data that an initiator has sent, at most `most` bytes of it.
    pub(crate) fn received(&self, request: &Request, most: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        for extent in request.extents().map(|(out, _)| out).unwrap_or_default() {
            let (Some(arena), Ok(checked)) = (self.arenas.get(extent.arena), self.arenas.check(*extent))
            else {
                break;
            };
            let start = bytes.len();
            bytes.resize(start + checked.len().min(most - start), 0);
            arena.read(checked, &mut bytes[start..]);
        }
        bytes
    }

    /// Puts parameter data into the initiator's buffer.
    pub(crate) fn give(&self, request: &Request, data: &ParameterData) -> Outcome {
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
