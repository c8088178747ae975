//! What the service actions of PERSISTENT RESERVE OUT do (SPC-4 5.13), as a function: from a state, a parameter list and who
//! asks, to the next state and whom to tell, or to a refusal that changes nothing.
//!
//! A change comes about only when [`super::execute`] commits it, possibly after it has been made durable.

mod preempt;
mod register;

use scsi::asc::Asc;
use scsi::persistent_reservation::{List, OutAction, Type};
use scsi::sense::Sense;
use scsi::transport_id::TransportId;

use super::state::{Held, Port, State};

/// Why a service action is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// RESERVATION CONFLICT.
    Conflict,
    /// CHECK CONDITION.
    Check(Sense),
}

/// Who asks, and what there is around.
pub struct Asker<'a> {
    /// The I_T nexus.
    pub port: &'a Port,
    /// Relative identifiers of the target ports through which the unit can be reached.
    pub target_ports: &'a [u16],
    /// Initiator ports that are logged in.
    pub initiators: &'a [TransportId],
    /// APTPL can be had.
    pub can_persist: bool,
    /// Registrations of all units that there is still room for.
    pub room: usize,
}

/// What a service action has done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The next state.
    pub state: State,
    /// Who gets which unit attention condition.
    pub told: Vec<(Port, Asc)>,
    /// Whose commands are aborted.
    pub aborted: Vec<Port>,
}

impl Change {
    fn none(state: &State) -> Self {
        Self { state: state.clone(), told: Vec::new(), aborted: Vec::new() }
    }

    /// Tells every registered nexus but one.
    fn tell_others(&mut self, but: &Port, asc: Asc) {
        let others = self.state.registrations.iter().map(|known| &known.port).filter(|port| *port != but);
        self.told.extend(others.map(|port| (port.clone(), asc)));
    }

    /// PRGENERATION counts what changes registrations (SPC-4 5.13.2).
    fn count(&mut self) {
        self.state.generation = self.state.generation.wrapping_add(1);
    }

    /// Takes the reservation away from registrants, who are told of it if the type was for registrants.
    fn release(&mut self, asker: &Port) {
        if self.state.held.take().is_some_and(|held| held.kind.is_for_registrants()) {
            self.tell_others(asker, Asc::RESERVATIONS_RELEASED);
        }
    }
}

/// Carries an action out. `scope_type` is byte 2 of the CDB.
pub fn perform(
    state: &State,
    action: OutAction,
    scope_type: u8,
    list: &List,
    asker: &Asker<'_>,
) -> Result<Change, Refusal> {
    match action {
        OutAction::Register => register::register(state, list, asker, false),
        OutAction::RegisterAndIgnore => register::register(state, list, asker, true),
        OutAction::RegisterAndMove => register::register_and_move(state, list, asker),
        OutAction::ReplaceLost => replace_lost(state, scope_type, list, asker),
        OutAction::Reserve => {
            authorize(state, list, asker)?;
            reserve(state, scope_type, asker)
        }
        OutAction::Release => {
            authorize(state, list, asker)?;
            release(state, scope_type, asker)
        }
        OutAction::Clear => {
            authorize(state, list, asker)?;
            Ok(clear(state, asker))
        }
        OutAction::Preempt | OutAction::PreemptAndAbort => {
            authorize(state, list, asker)?;
            let abort = action == OutAction::PreemptAndAbort;
            preempt::preempt(state, scope_type, list.action_key, asker.port, abort)
        }
    }
}

/// Only who is registered, and knows its key, may do anything but register.
fn authorize(state: &State, list: &List, asker: &Asker<'_>) -> Result<(), Refusal> {
    match state.find(asker.port) {
        Some(known) if known.key == list.key => Ok(()),
        _ => Err(Refusal::Conflict),
    }
}

/// SCOPE has to be LU_SCOPE, TYPE one of the six.
fn kind_of(scope_type: u8) -> Result<Type, Refusal> {
    if scope_type >> 4 != 0 {
        return Err(Refusal::Check(Sense::invalid_field_in_cdb(2, Some(7))));
    }
    Type::try_from(scope_type).map_err(|_| Refusal::Check(Sense::invalid_field_in_cdb(2, Some(3))))
}

fn held_by(kind: Type, port: &Port) -> Held {
    Held { kind, holder: (!kind.is_held_by_all()).then(|| port.clone()) }
}

/// RESERVE (SPC-4 5.13.9).
fn reserve(state: &State, scope_type: u8, asker: &Asker<'_>) -> Result<Change, Refusal> {
    let kind = kind_of(scope_type)?;
    let mut change = Change::none(state);
    match &state.held {
        None => change.state.held = Some(held_by(kind, asker.port)),
        Some(held) if held.kind == kind && state.is_holder(asker.port) => {}
        Some(_) => return Err(Refusal::Conflict),
    }
    Ok(change)
}

/// RELEASE (SPC-4 5.13.11.2): who does not hold the reservation releases nothing, and that is no error.
fn release(state: &State, scope_type: u8, asker: &Asker<'_>) -> Result<Change, Refusal> {
    let mut change = Change::none(state);
    if let Some(held) = state.held.as_ref().filter(|_| state.is_holder(asker.port)) {
        if scope_type != held.kind.code() {
            let asc = Asc::INVALID_RELEASE_OF_PERSISTENT_RESERVATION;
            return Err(Refusal::Check(Sense::illegal_request(asc)));
        }
        change.release(asker.port);
    }
    Ok(change)
}

/// CLEAR (SPC-4 5.13.11.6).
fn clear(state: &State, asker: &Asker<'_>) -> Change {
    let mut change = Change::none(state);
    change.tell_others(asker.port, Asc::RESERVATIONS_PREEMPTED);
    change.state.registrations.clear();
    change.state.held = None;
    change.count();
    change
}

/// REPLACE LOST RESERVATION (SPC-4 5.13.12): only where something was lost. Whoever comes first begins anew.
fn replace_lost(state: &State, scope_type: u8, list: &List, asker: &Asker<'_>) -> Result<Change, Refusal> {
    if !state.lost {
        return Err(Refusal::Check(Sense::invalid_field_in_cdb(1, Some(4))));
    }
    let kind = kind_of(scope_type)?;
    for (key, good, at) in [(list.key, list.key == 0, 0), (list.action_key, list.action_key != 0, 8)] {
        if !good {
            tracing::debug!(key, "reservation key of REPLACE LOST RESERVATION");
            return Err(Refusal::Check(Sense::invalid_field_in_parameter_list(at, None)));
        }
    }
    register::check_aptpl(list, asker, 20)?;
    let mut change = Change::none(&State { generation: state.generation, ..State::default() });
    register::put(&mut change.state, asker.port, list.action_key, asker.room)?;
    change.state.held = Some(held_by(kind, asker.port));
    change.state.aptpl = list.aptpl;
    change.count();
    Ok(change)
}

#[cfg(test)]
mod tests;
