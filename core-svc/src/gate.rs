//! Stage 4, gate: may this command be executed at all, asked in the order of SAM-5 5.3.3: logical unit, ACA, limits, unit
//! attention, asymmetric access state, operation code. When a task becomes enabled: reservations, write protection of the LUN
//! map.

use ipc::message::config::LunConfig;
use ipc::message::record::{Request, request_flags};
use scsi::asc::Asc;
use scsi::attribute::TaskAttribute;
use scsi::lun::Lun;
use scsi::opcode::number::{READ_16, WRITE_16};
use scsi::opcode::{self, Executor, Opcode, UnitAttention};
use scsi::sense::Sense;
use scsi::status::Status;
use scsi::target_port_groups::AccessState;

use crate::alua;
use crate::core::Core;
use crate::lun_map::Target;
use crate::nexus::Nexus;
use crate::notebook::Part;
use crate::reservation::{LOST, Shut};
use crate::settle::Outcome;
use crate::task::{Task, TaskId};

/// What the gate says.
pub enum Verdict {
    /// The command goes on to its task set.
    Run {
        /// Row of the opcode table.
        opcode: &'static Opcode,
        /// The logical unit.
        unit: u32,
        /// What its handler has to know of its way: bits of [`request_flags`].
        way: u8,
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
        let Some(entry) = self.lun_entry(nexus, lun) else {
            return Verdict::End(match row {
                _ if lun == Lun::REPORT_LUNS => self.execute_well_known(nexus, request),
                Ok(opcode) => self.execute_without_unit(nexus, lun, opcode, request),
                Err(_) => Outcome::check(Sense::lun_not_supported()),
            });
        };
        let unit = entry.unit;
        if let Some(outcome) = self.aca_refusal(nexus, unit, attribute, row.ok(), request) {
            return Verdict::End(outcome);
        }
        if let Some(outcome) = self.limit_refusal(nexus, unit, request) {
            return Verdict::End(outcome);
        }
        let reports = row.is_err() || row.is_ok_and(|row| row.unit_attention == UnitAttention::Report);
        if let Some(asc) = reports.then(|| self.report_attention(nexus, unit, request)).flatten() {
            return Verdict::End(Outcome::check(Sense::unit_attention(asc)));
        }
        let state = self.access_state(nexus, unit);
        // A command that comes again was let in before the state changed.
        if request.flags & request_flags::AGAIN == 0
            && let Some(sense) =
                row.ok().and_then(|row| alua::refusal(state, row, request.cdb().unwrap_or_default()))
        {
            return Verdict::End(Outcome::check(sense));
        }
        match row {
            Ok(opcode) if opcode.cdb_len() <= usize::from(request.cdb_len) => {
                Verdict::Run { opcode, unit, way: way(entry.read_only, state) }
            }
            // A CDB that ends before the fields of its command do.
            Ok(_) => {
                Verdict::End(Outcome::check(Sense::invalid_field_in_cdb(u16::from(request.cdb_len), None)))
            }
            Err(sense) => Verdict::End(Outcome::check(sense)),
        }
    }

    /// Ends a task that would write through an entry of a LUN map that may only be read. Asked after reservations have had
    /// their say, and before data is asked for. True if it has been ended.
    #[inline]
    pub(crate) fn refuses_write(&mut self, id: TaskId) -> bool {
        let protected = |task: &Task| {
            task.opcode.medium_write && task.request.flags & request_flags::WRITE_PROTECTED != 0
        };
        let refused = self.tasks.get(id).is_some_and(protected);
        if refused {
            self.end_when_quiet(id, &Outcome::check(Sense::write_protected()));
        }
        refused
    }

    /// The unit behind a LUN, as the nexus at `nexus` sees it.
    pub(crate) fn lun_to_unit(&self, nexus: usize, lun: Lun) -> Option<u32> {
        self.lun_entry(nexus, lun).map(|entry| entry.unit)
    }

    /// The entry of the LUN map of the nexus at `nexus`, if there is a unit behind it.
    #[inline]
    pub(crate) fn lun_entry(&self, nexus: usize, lun: Lun) -> Option<LunConfig> {
        let nexus = self.nexuses.get(nexus)?;
        let entry = self.targets.get(nexus.target as usize)?.as_ref()?.entry(nexus.map, lun)?;
        self.units.get(entry.unit as usize)?.as_ref().map(|_| entry)
    }

    /// Whether a READ(16) of the nexus at `nexus` would be let through to `unit` now; what it would end with if not.
    pub(crate) fn may_read(&self, nexus: usize, unit: u32) -> Result<(), Box<Outcome>> {
        self.may(nexus, unit, &[READ_16])
    }

    /// Whether a WRITE(16) of the nexus at `nexus` would be let through to `unit` now; what it would end with if not.
    pub(crate) fn may_write(&self, nexus: usize, unit: u32) -> Result<(), Box<Outcome>> {
        self.may(nexus, unit, &[WRITE_16])
    }

    /// Asks everything about a command that depends on the nexus and does not stay as it is, for those who execute it on
    /// behalf of the nexus: is the unit mapped, is the port in a state for it, is it protected or reserved.
    fn may(&self, at: usize, unit: u32, cdb: &[u8]) -> Result<(), Box<Outcome>> {
        let refused = |sense| Err(Box::new(Outcome::check(sense)));
        let (Some(row), Some(nexus)) = (opcode::lookup(cdb), self.nexuses.get(at)) else {
            return refused(Sense::internal_target_failure());
        };
        let luns = self.target_of(nexus).map(|target| target.luns(nexus.map)).unwrap_or_default();
        let mut entries = luns.iter().filter(|entry| entry.unit == unit).peekable();
        let known = self.units.get(unit as usize).and_then(Option::as_ref);
        let (Some(_), Some(known)) = (entries.peek(), known) else {
            return refused(Sense::lun_not_supported());
        };
        if let Some(sense) = alua::refusal(self.access_state(at, unit), row, cdb) {
            return refused(sense);
        }
        if row.medium_write && entries.all(|entry| entry.read_only) {
            return refused(Sense::write_protected());
        }
        match known.reservations.judge(nexus.wide, row, cdb) {
            Ok(()) => Ok(()),
            Err(Shut::Conflict) => Err(Box::new(Outcome::status(Status::ReservationConflict))),
            Err(Shut::Lost) => refused(LOST),
        }
    }

    /// The target of the nexus at `nexus`.
    pub(crate) fn target_of(&self, nexus: &Nexus) -> Option<&Target> {
        self.targets.get(nexus.target as usize)?.as_ref()
    }

    /// The unit attention condition that this command has to report, if there is one. A command that comes again reports
    /// what it reported before.
    pub(crate) fn take_attention(&mut self, at: usize, unit: u32, request: &Request) -> Option<Asc> {
        let nexus = self.nexuses.get_mut(at)?;
        let waiting = nexus.attentions.get_mut(&unit)?;
        if request.flags & request_flags::AGAIN != 0
            && let Some(asc) = waiting.reported_by(request.serial)
        {
            return Some(asc);
        }
        let asc = waiting.take(request.serial)?;
        self.touched.push((Part::Attentions, nexus.wide, u64::from(unit)));
        if asc == Asc::REPORTED_LUNS_DATA_HAS_CHANGED {
            self.clear_luns_changed(at);
        }
        Some(asc)
    }

    /// As [`take_attention`](Self::take_attention), for a command that ends with the condition. It stays if it is interlocked.
    fn report_attention(&mut self, at: usize, unit: u32, request: &Request) -> Option<Asc> {
        let waiting = self.nexuses.get(at)?.attentions.get(&unit)?;
        if request.flags & request_flags::AGAIN != 0 {
            if let Some(asc) = waiting.reported_by(request.serial) {
                return Some(asc);
            }
            if waiting.let_in_before(request.serial) {
                return None;
            }
        }
        match waiting.first() {
            Some(asc) if self.is_interlocked(unit) => Some(asc),
            _ => self.take_attention(at, unit, request),
        }
    }

    /// The first command of the nexus at `at` since the core was born, `serial`, is there: all that came again were let in
    /// before whatever condition was established meanwhile, and this one was not.
    #[cold]
    pub(crate) fn date_attentions(&mut self, at: usize, serial: u64) {
        let Some(nexus) = self.nexuses.get_mut(at) else { return };
        for (unit, waiting) in &mut nexus.attentions {
            if waiting.date(serial) {
                self.touched.push((Part::Attentions, nexus.wide, u64::from(*unit)));
            }
        }
    }

    /// The nexus at `nexus` knows that its inventory has changed: no unit of it says so again (LUICLR one, SPC-4 7.8).
    pub(crate) fn clear_luns_changed(&mut self, nexus: usize) {
        let Some(nexus) = self.nexuses.get_mut(nexus) else { return };
        for (unit, waiting) in &mut nexus.attentions {
            if waiting.clear(Asc::REPORTED_LUNS_DATA_HAS_CHANGED) {
                self.touched.push((Part::Attentions, nexus.wide, u64::from(*unit)));
            }
        }
    }

    /// Establishes a unit attention condition for every nexus that reaches `unit` and that `chosen` chooses.
    pub(crate) fn raise_attention(&mut self, unit: u32, asc: Asc, chosen: impl Fn(usize) -> bool) {
        for (place, nexus) in self.nexuses.iter_mut() {
            if let Some(waiting) = nexus.attentions.get_mut(&unit).filter(|_| chosen(place))
                && waiting.raise(asc, nexus.latest)
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

/// What the handler has to know of a command's way.
#[inline]
fn way(read_only: bool, state: AccessState) -> u8 {
    let unavailable = matches!(state, AccessState::Unavailable | AccessState::Offline);
    let flag = |set: bool, bit: u8| if set { bit } else { 0 };
    flag(read_only, request_flags::WRITE_PROTECTED) | flag(unavailable, request_flags::UNAVAILABLE)
}

#[cfg(test)]
mod tests;
