//! PERSISTENT RESERVE IN and OUT, RESERVE and RELEASE, executed.
//!
//! A PERSISTENT RESERVE OUT decides ([`action::perform`]), makes durable what has to be, and commits: state, unit attentions and
//! recorded outcome in one turn, so that they are in one commit of the notebook. While its file is being written the
//! unit's other commands of this kind wait in line, and PERSISTENT RESERVE IN sees the state before it.

use ipc::message::record::Request;
use rustc_hash::FxHashMap;
use scsi::asc::Asc;
use scsi::persistent_reservation::{
    Capabilities, FullStatus, InAction, List, MAX_LIST, OutAction, full_status, keys, report_capabilities,
    reservation,
};
use scsi::sense::Sense;
use scsi::status::Status;
use scsi::transport_id::TransportId;

use super::action::{self, Asker, Change, Refusal};
use super::state::{MOST_OF_ALL, Port};
use super::{Kept, LOST, Reservations};
use crate::core::Core;
use crate::notebook::Part;
use crate::settle::Outcome;
use crate::task::{Stage, TaskId};

/// Tasks whose command is executed in steps end later; this says so.
pub type Now = Option<Outcome>;

impl Core {
    fn reservations(&self, unit: u32) -> Option<&Reservations> {
        Some(&self.units.get(unit as usize)?.as_ref()?.reservations)
    }

    /// PERSISTENT RESERVE IN.
    pub(crate) fn persistent_reserve_in(
        &self,
        unit: u32,
        action: InAction,
        allocation_length: u16,
        request: &Request,
    ) -> Outcome {
        let Some(reservations) = self.reservations(unit) else {
            return Outcome::check(Sense::internal_target_failure());
        };
        if reservations.kept.spc2.is_some() {
            return Outcome::status(Status::ReservationConflict);
        }
        let state = &reservations.kept.state;
        let data = match action {
            InAction::ReportCapabilities => {
                let persists = self.durable.is_some();
                let capabilities = Capabilities { persists, persistent: state.aptpl };
                report_capabilities(capabilities, allocation_length)
            }
            _ if state.lost => return Outcome::check(LOST),
            InAction::ReadKeys => {
                keys(state.generation, state.registrations.iter().map(|known| known.key), allocation_length)
            }
            InAction::ReadReservation => {
                reservation(state.generation, state.reservation(), allocation_length)
            }
            InAction::ReadFullStatus => {
                let ids: Vec<Vec<u8>> =
                    state.registrations.iter().map(|known| known.port.initiator.encode()).collect();
                let described = state.registrations.iter().zip(&ids).map(|(known, id)| FullStatus {
                    key: known.key,
                    holds: state.held.as_ref().filter(|_| state.is_holder(&known.port)).map(|held| held.kind),
                    target_port: known.port.target,
                    transport_id: id,
                });
                full_status(state.generation, described, allocation_length)
            }
        };
        self.give(request, &data)
    }

    /// RESERVE and RELEASE of the whole unit (SPC-2 7.21), and what became of them beside persistent reservations (SPC-4
    /// 5.13.3: "compatible reservation handling").
    pub(crate) fn reserve_or_release(&mut self, id: TaskId, reserve: bool) -> Now {
        let task = self.tasks.get(id)?;
        let (at, unit, nexus, serial) = (task.nexus, task.unit, task.request.nexus, task.request.serial);
        let known = &mut self.units.get_mut(unit as usize)?.as_mut()?.reservations;
        if known.busy {
            known.queue.push_back(id);
            return None;
        }
        let state = &known.kept.state;
        if state.lost {
            return Some(Outcome::check(LOST));
        }
        if !state.registrations.is_empty() {
            let inside = state.held.as_ref().is_some_and(|held| known.is_inside(nexus, held.kind));
            let status = if inside { Status::Good } else { Status::ReservationConflict };
            return Some(Outcome::status(status));
        }
        let before = known.kept.spc2;
        match (reserve, before) {
            (true, Some(holder)) if holder != nexus => {
                return Some(Outcome::status(Status::ReservationConflict));
            }
            (true, _) => known.kept.spc2 = Some(nexus),
            (false, Some(holder)) if holder == nexus => known.kept.spc2 = None,
            // Who holds nothing releases nothing, and that is no error.
            (false, _) => {}
        }
        let outcome = Outcome::good(0, 0);
        if known.kept.spc2 != before {
            self.note_reservations(unit);
            self.record(at, serial, &outcome);
        }
        Some(outcome)
    }

    /// PERSISTENT RESERVE OUT. `scope_type` is byte 2 of the CDB, `length` the length of its parameter list.
    pub(crate) fn persistent_reserve_out(
        &mut self,
        id: TaskId,
        action: OutAction,
        scope_type: u8,
        length: u32,
    ) -> Now {
        let task = self.tasks.get(id)?;
        let (at, unit, request) = (task.nexus, task.unit, task.request);
        let known = &mut self.units.get_mut(unit as usize)?.as_mut()?.reservations;
        if known.busy {
            known.queue.push_back(id);
            return None;
        }
        if known.kept.spc2.is_some() {
            return Some(Outcome::status(Status::ReservationConflict));
        }
        if known.kept.state.lost && action != OutAction::ReplaceLost {
            return Some(Outcome::check(LOST));
        }
        let list = match List::decode(action, &self.received(&request, MAX_LIST), length) {
            Ok(list) => list,
            Err(sense) => return Some(Outcome::check(sense)),
        };
        match self.decide(at, unit, action, scope_type, &list) {
            Ok(change) => self.carry_out(id, unit, change),
            Err(Refusal::Conflict) => Some(Outcome::status(Status::ReservationConflict)),
            Err(Refusal::Check(sense)) => Some(Outcome::check(sense)),
        }
    }

    fn decide(
        &self,
        at: usize,
        unit: u32,
        action: OutAction,
        scope_type: u8,
        list: &List,
    ) -> Result<Change, Refusal> {
        let fault = Refusal::Check(Sense::internal_target_failure());
        // A port whose name its transport cannot put into a TransportID cannot be met again either.
        let nameless = Refusal::Check(Sense::illegal_request(Asc::INSUFFICIENT_REGISTRATION_RESOURCES));
        let port = self.nexuses.get(at).and_then(|nexus| nexus.port.as_ref()).ok_or(nameless)?;
        let state = &self.reservations(unit).ok_or(fault)?.kept.state;
        let living = self.nexuses.iter().filter(|(_, nexus)| nexus.attentions.contains_key(&unit));
        let initiators: Vec<TransportId> =
            living.filter_map(|(_, nexus)| Some(nexus.port.as_ref()?.initiator.clone())).collect();
        let all: usize =
            self.units.iter().flatten().map(|unit| unit.reservations.kept.state.registrations.len()).sum();
        let asker = Asker {
            port,
            target_ports: &self.ports_of(unit),
            initiators: &initiators,
            can_persist: self.durable.is_some(),
            room: MOST_OF_ALL.saturating_sub(all),
        };
        action::perform(state, action, scope_type, list, &asker)
    }

    /// Relative identifiers of the target ports through which a unit can be reached.
    fn ports_of(&self, unit: u32) -> Vec<u16> {
        let targets =
            self.targets.iter().flatten().filter(|target| target.shows(unit)).map(|target| target.port);
        let mut ports: Vec<u16> = targets.collect();
        ports.sort_unstable();
        ports.dedup();
        ports
    }

    fn carry_out(&mut self, id: TaskId, unit: u32, change: Change) -> Now {
        let before = self.reservations(unit)?.kept.state.durable();
        if change.state.durable() == before {
            return self.commit(id, unit, change);
        }
        match self.make_durable(id, unit, change) {
            Ok(()) => {
                if let Some(task) = self.tasks.get_mut(id) {
                    task.stage = Stage::Writing;
                }
                None
            }
            Err(change) => {
                tracing::debug!(unit, generation = change.state.generation, "no room for one more write");
                Some(Outcome::status(Status::Busy))
            }
        }
    }

    /// The change comes about. What its task may have been aborted for in the meantime does not undo it.
    pub(crate) fn commit(&mut self, id: TaskId, unit: u32, change: Change) -> Now {
        let Change { state, told, aborted } = change;
        if let Some(known) = self.unit_mut(unit) {
            known.reservations.kept.state = state;
        }
        self.note_reservations(unit);
        self.rebind(unit);
        let mut places: FxHashMap<Port, Vec<usize>> = FxHashMap::default();
        for (place, nexus) in self.nexuses.iter().filter(|(_, nexus)| nexus.attentions.contains_key(&unit)) {
            if let Some(port) = &nexus.port {
                places.entry(port.clone()).or_default().push(place);
            }
        }
        for (port, asc) in told {
            if let Some(places) = places.get(&port) {
                self.raise_attention(unit, asc, |place| places.contains(&place));
            }
        }
        let task = self.tasks.get(id)?;
        let length = task.request.out_len;
        let outcome = Outcome::good(length, length);
        self.record(task.nexus, task.request.serial, &outcome);
        let victims: Vec<usize> =
            aborted.iter().filter_map(|port| places.get(port)).flatten().copied().collect();
        self.abort_preempted(id, unit, &victims, outcome)
    }

    /// Which living nexuses are registered at a unit.
    pub(crate) fn rebind(&mut self, unit: u32) {
        let living = self.nexuses.iter().filter(|(_, nexus)| nexus.attentions.contains_key(&unit));
        let living = living.filter_map(|(_, nexus)| Some((nexus.wide, nexus.port.as_ref()?)));
        if let Some(Some(known)) = self.units.get_mut(unit as usize) {
            known.reservations.bind(living);
        }
    }

    /// The reservations of a unit have changed: they are in the notebook before anybody can see it.
    pub(crate) fn note_reservations(&mut self, unit: u32) {
        self.touch((Part::Reservations, u64::from(unit), 0));
    }

    /// Takes up the reservations that a former core has noted. None: they cannot be, or are of no unit.
    pub(crate) fn take_up_reservations(&mut self, unit: u32, mut kept: Kept) -> Option<()> {
        kept.spc2 = kept.spc2.filter(|nexus| self.nexuses.find(*nexus).is_some());
        let known = self.unit_mut(unit).filter(|_| kept.state.is_sound())?;
        known.reservations.kept = kept;
        Some(())
    }

    /// The commands that waited for a write of their unit go on.
    pub(crate) fn wake_queue(&mut self, unit: u32) {
        if let Some(known) = self.unit_mut(unit) {
            known.reservations.busy = false;
            let waiting = std::mem::take(&mut known.reservations.queue);
            self.ready.extend(waiting);
        }
    }
}
