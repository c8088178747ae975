//! Stage 4, gate: may this command be executed at all, asked in the order of SAM-5 5.3.3: logical unit, unit attention,
//! operation code. Reservations, ALUA and write protection of a port take their places here when they come.

use ipc::message::record::{Request, request_flags};
use scsi::asc::Asc;
use scsi::attribute::TaskAttribute;
use scsi::lun::Lun;
use scsi::opcode::{self, Executor, Opcode, UnitAttention};
use scsi::sense::Sense;

use crate::core::Core;
use crate::notebook::Part;
use crate::settle::Outcome;

/// What the gate says.
pub enum Verdict {
    /// The command goes on to its task set.
    Run {
        /// Row of the opcode table.
        opcode: &'static Opcode,
        /// The logical unit.
        unit: u32,
    },
    /// The command is over.
    End(Outcome),
}

impl Core {
    /// Judges a command of the nexus at `nexus`.
    pub(crate) fn gate(
        &mut self,
        nexus: usize,
        lun: Lun,
        attribute: TaskAttribute,
        request: &Request,
    ) -> Verdict {
        let row = opcode::find(request.cdb().unwrap_or_default());
        let Some(unit) = self.lun_to_unit(nexus, lun) else {
            return Verdict::End(match row {
                Ok(opcode) => self.execute_without_unit(nexus, lun, opcode, request),
                Err(_) => Outcome::check(Sense::lun_not_supported()),
            });
        };
        if attribute == TaskAttribute::Aca {
            // SAM-5 5.9.5: an ACA task where no ACA condition stands.
            return Verdict::End(Outcome::check(Sense::illegal_request(Asc::INVALID_MESSAGE_ERROR)));
        }
        let reports = row.is_err() || row.is_ok_and(|row| row.unit_attention == UnitAttention::Report);
        if let Some(asc) = reports.then(|| self.take_attention(nexus, unit, request)).flatten() {
            return Verdict::End(Outcome::check(Sense::unit_attention(asc)));
        }
        match row {
            Ok(opcode) if opcode.cdb_len() <= usize::from(request.cdb_len) => Verdict::Run { opcode, unit },
            // A CDB that ends before the fields of its command do.
            Ok(_) => {
                Verdict::End(Outcome::check(Sense::invalid_field_in_cdb(u16::from(request.cdb_len), None)))
            }
            Err(sense) => Verdict::End(Outcome::check(sense)),
        }
    }

    pub(crate) fn lun_to_unit(&self, nexus: usize, lun: Lun) -> Option<u32> {
        let target = self.nexuses.get(nexus)?.target;
        let unit = self.targets.get(target as usize)?.as_ref()?.unit(lun)?;
        self.units.get(unit as usize)?.as_ref().map(|_| unit)
    }

    /// The unit attention condition that this command has to report, if there is one. A command that comes again reports
    /// what it reported before.
    pub(crate) fn take_attention(&mut self, nexus: usize, unit: u32, request: &Request) -> Option<Asc> {
        let nexus = self.nexuses.get_mut(nexus)?;
        let waiting = nexus.attentions.get_mut(&unit)?;
        if request.flags & request_flags::AGAIN != 0
            && let Some(asc) = waiting.reported_by(request.serial)
        {
            return Some(asc);
        }
        let asc = waiting.take(request.serial)?;
        self.touched.push((Part::Attentions, nexus.wide, u64::from(unit)));
        Some(asc)
    }

    /// Establishes a unit attention condition for every nexus that reaches `unit` and that `chosen` chooses.
    pub(crate) fn raise_attention(&mut self, unit: u32, asc: Asc, chosen: impl Fn(usize) -> bool) {
        for (place, nexus) in self.nexuses.iter_mut() {
            if let Some(waiting) = nexus.attentions.get_mut(&unit).filter(|_| chosen(place))
                && waiting.raise(asc)
            {
                self.touched.push((Part::Attentions, nexus.wide, u64::from(unit)));
            }
        }
    }

    /// Whether the core executes the command itself.
    pub(crate) fn is_own(opcode: &Opcode) -> bool {
        opcode.executor == Executor::Core
    }
}
