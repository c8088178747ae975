//! REGISTER, REGISTER AND IGNORE EXISTING KEY and REGISTER AND MOVE (SPC-4 5.13.7 and 5.13.8).

use scsi::asc::Asc;
use scsi::persistent_reservation::List;
use scsi::sense::Sense;
use scsi::transport_id::TransportId;

use super::{Asker, Change, Refusal};
use crate::reservation::state::{Held, MOST, Port, Registration, State};

/// Where SERVICE ACTION RESERVATION KEY stands in the parameter list.
const ACTION_KEY: u16 = 8;
/// Where SPEC_I_PT stands.
const SPEC_I_PT: (u16, u8) = (20, 3);
/// Where RELATIVE TARGET PORT IDENTIFIER stands.
const TARGET_PORT: u16 = 18;

fn invalid(at: u16, bit: Option<u8>) -> Refusal {
    Refusal::Check(Sense::invalid_field_in_parameter_list(at, bit))
}

/// APTPL that cannot be had is refused; the bit stands in byte `at`.
pub(super) fn check_aptpl(list: &List, asker: &Asker<'_>, at: u16) -> Result<(), Refusal> {
    if list.aptpl && !asker.can_persist { Err(invalid(at, Some(0))) } else { Ok(()) }
}

/// Registers a nexus, or changes its key. `room` is what there was for new ones before the action began.
pub(super) fn put(state: &mut State, port: &Port, key: u64, room: usize) -> Result<(), Refusal> {
    if let Some(known) = state.registrations.iter_mut().find(|known| known.port == *port) {
        known.key = key;
        return Ok(());
    }
    if state.registrations.len() >= MOST || room == 0 {
        let asc = Asc::INSUFFICIENT_REGISTRATION_RESOURCES;
        return Err(Refusal::Check(Sense::illegal_request(asc)));
    }
    state.registrations.push(Registration { port: port.clone(), key });
    Ok(())
}

/// Takes a registration away, and the reservation with it that it held.
fn unregister(change: &mut Change, port: &Port, asker: &Port) {
    let holds_alone = change.state.held.as_ref().is_some_and(|held| held.holder.as_ref() == Some(port));
    change.state.registrations.retain(|known| known.port != *port);
    if holds_alone {
        change.release(asker);
    } else if change.state.registrations.is_empty() {
        change.state.held = None;
    }
}

/// REGISTER, with the key that is registered; `ignore`: whatever is registered.
pub(super) fn register(
    state: &State,
    list: &List,
    asker: &Asker<'_>,
    ignore: bool,
) -> Result<Change, Refusal> {
    let mine = state.find(asker.port);
    if !ignore && mine.map_or(0, |known| known.key) != list.key {
        return Err(Refusal::Conflict);
    }
    if mine.is_some() && list.names_initiators {
        return Err(invalid(SPEC_I_PT.0, Some(SPEC_I_PT.1)));
    }
    check_aptpl(list, asker, 20)?;
    let mut change = Change::none(state);
    if mine.is_none() && list.action_key == 0 {
        return Ok(change);
    }
    let mut initiators = vec![asker.port.initiator.clone()];
    for (at, id) in &list.initiators {
        named(state, asker, *at, id, &mut initiators)?;
    }
    let own = [asker.port.target];
    let targets = if list.all_target_ports { asker.target_ports } else { &own };
    for initiator in &initiators {
        // The asker's own target port first: it is what the others follow.
        for target in own.iter().chain(targets.iter().filter(|target| **target != own[0])) {
            let port = Port { initiator: initiator.clone(), target: *target };
            let known = state.find(&port);
            if !ignore && known.is_some_and(|known| known.key != list.key) {
                return Err(Refusal::Conflict);
            }
            if list.action_key == 0 {
                unregister(&mut change, &port, asker.port);
            } else {
                let made = change.state.registrations.len().saturating_sub(state.registrations.len());
                let room = asker.room.saturating_sub(made);
                put(&mut change.state, &port, list.action_key, room)?;
            }
        }
    }
    change.state.aptpl = list.aptpl;
    change.count();
    Ok(change)
}

/// Adds the initiator ports that a TransportID of SPEC_I_PT names. They have to be of the asker's protocol and new; a whole
/// iSCSI device stands for its ports that are logged in.
fn named(
    state: &State,
    asker: &Asker<'_>,
    at: u16,
    id: &TransportId,
    initiators: &mut Vec<TransportId>,
) -> Result<(), Refusal> {
    if !id.is_protocol_of(&asker.port.initiator) {
        return Err(invalid(at, None));
    }
    let device = matches!(id, TransportId::IscsiDevice(_));
    let exact = [id.clone()];
    let candidates = if device { asker.initiators } else { &exact };
    let ports: Vec<&TransportId> = candidates.iter().filter(|port| id.covers(port)).collect();
    let registered = |port: &TransportId| {
        state.find(&Port { initiator: port.clone(), target: asker.port.target }).is_some()
    };
    if ports.is_empty() || ports.iter().any(|port| registered(port)) {
        return Err(invalid(at, None));
    }
    for port in ports {
        if !initiators.contains(port) {
            initiators.push(port.clone());
        }
    }
    Ok(())
}

/// REGISTER AND MOVE: the holder gives its reservation to another nexus.
pub(super) fn register_and_move(state: &State, list: &List, asker: &Asker<'_>) -> Result<Change, Refusal> {
    super::authorize(state, list, asker)?;
    let Some(held) = &state.held else {
        return Err(Refusal::Check(Sense::invalid_field_in_cdb(1, Some(4))));
    };
    if held.holder.as_ref() != Some(asker.port) {
        return Err(Refusal::Conflict);
    }
    if list.action_key == 0 {
        return Err(invalid(ACTION_KEY, None));
    }
    check_aptpl(list, asker, 17)?;
    if !asker.target_ports.contains(&list.target_port) {
        return Err(invalid(TARGET_PORT, None));
    }
    let Some((at, id)) = list.initiators.first() else { return Err(invalid(20, None)) };
    let heir = Port { initiator: id.clone(), target: list.target_port };
    let device = matches!(id, TransportId::IscsiDevice(_));
    if device || !id.is_protocol_of(&asker.port.initiator) || heir == *asker.port {
        return Err(invalid(*at, None));
    }
    let mut change = Change::none(state);
    put(&mut change.state, &heir, list.action_key, asker.room)?;
    change.state.held = Some(Held { kind: held.kind, holder: Some(heir) });
    if list.unregister {
        change.state.registrations.retain(|known| known.port != *asker.port);
    }
    change.state.aptpl = list.aptpl;
    change.count();
    Ok(change)
}
