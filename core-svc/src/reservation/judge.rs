//! The gate's question to reservations, asked when a task becomes enabled: a command that has been let through is not
//! affected by what is reserved later, and one that waits behind a PERSISTENT RESERVE OUT is (SPC-4 5.13.1).

use ipc::message::record::Request;
use scsi::status::Status;

use super::{LOST, Shut};
use crate::core::Core;
use crate::nexus::Nexus;
use crate::notebook::Part;
use crate::settle::Outcome;
use crate::task::TaskId;

impl Core {
    /// Whether the task is let through by the reservations of its unit. If not, it has been ended. Asked once of each task.
    #[inline]
    pub(crate) fn is_let_through(&mut self, id: TaskId) -> bool {
        let Some(task) = self.tasks.get_mut(id) else { return false };
        if std::mem::replace(&mut task.judged, true) {
            return true;
        }
        let unit = self.units.get(task.unit as usize).and_then(Option::as_ref);
        if unit.is_none_or(|unit| unit.reservations.is_open()) {
            return true;
        }
        self.judge(id)
    }

    fn judge(&mut self, id: TaskId) -> bool {
        let Some(task) = self.tasks.get(id) else { return false };
        let Some(unit) = self.units.get(task.unit as usize).and_then(Option::as_ref) else { return true };
        let request: &Request = &task.request;
        let verdict = unit.reservations.judge(request.nexus, task.opcode, request.cdb().unwrap_or_default());
        let outcome = match verdict {
            Ok(()) => return true,
            Err(Shut::Conflict) => Outcome::status(Status::ReservationConflict),
            Err(Shut::Lost) => Outcome::check(LOST),
        };
        self.end_when_quiet(id, &outcome);
        false
    }

    /// The nexus at `at` is there, newly or again: units that know its name count it in.
    pub(crate) fn bind_nexus(&mut self, at: usize) {
        let Some(Nexus { wide, port: Some(port), attentions, .. }) = self.nexuses.get(at) else { return };
        for unit in attentions.keys() {
            let Some(Some(unit)) = self.units.get_mut(*unit as usize) else { continue };
            let state = &unit.reservations.kept.state;
            if state.find(port).is_some() {
                unit.reservations.bound.insert(*wide, state.is_holder(port));
            }
        }
    }

    /// The nexus at `at` is lost, or was reset: what it held by RESERVE is free. Registrations stay.
    pub(crate) fn end_spc2_of(&mut self, at: usize) {
        let Some(nexus) = self.nexuses.get(at) else { return };
        let wide = nexus.wide;
        for (number, unit) in self.units.iter_mut().enumerate() {
            let Some(unit) = unit.as_mut().filter(|unit| unit.reservations.kept.spc2 == Some(wide)) else {
                continue;
            };
            unit.reservations.kept.spc2 = None;
            self.touched.push((Part::Reservations, number as u64, 0));
        }
    }

    /// The logical unit was reset: RESERVE is over (SPC-2 5.5.1).
    pub(crate) fn end_spc2_at(&mut self, unit: u32) {
        let Some(known) = self.unit_mut(unit) else { return };
        if known.reservations.kept.spc2.take().is_some() {
            self.note_reservations(unit);
        }
    }

    /// The nexus at `at` is being forgotten.
    pub(crate) fn unbind_nexus(&mut self, wide: u64) {
        for unit in self.units.iter_mut().flatten() {
            unit.reservations.bound.remove(&wide);
        }
    }
}
