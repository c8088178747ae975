//! PREEMPT and PREEMPT AND ABORT (SPC-4 5.13.11.4 and 5.13.11.5).

use scsi::asc::Asc;
use scsi::sense::Sense;

use super::{Change, Refusal, held_by, kind_of};
use crate::reservation::state::{Port, State};

/// Preempts the reservation if `key` is its holder's, or zero where all registrants hold it; else removes registrations.
pub(super) fn preempt(
    state: &State,
    scope_type: u8,
    key: u64,
    asker: &Port,
    abort: bool,
) -> Result<Change, Refusal> {
    let victims = |choose: &dyn Fn(&Port, u64) -> bool| -> Vec<Port> {
        let chosen = state.registrations.iter().filter(|known| choose(&known.port, known.key));
        chosen.map(|known| known.port.clone()).collect()
    };
    let of_all = state.held.as_ref().is_some_and(|held| held.kind.is_held_by_all());
    let of_holder = !of_all && state.reservation().is_some_and(|(holder, _)| holder == key);
    let mut change = Change::none(state);
    if (of_all && key == 0) || of_holder {
        let kind = kind_of(scope_type)?;
        let removed = victims(&|port, known| (of_all || known == key) && port != asker);
        change.state.registrations.retain(|known| !removed.contains(&known.port));
        if state.held.as_ref().is_some_and(|held| held.kind != kind) {
            change.tell_others(asker, Asc::RESERVATIONS_RELEASED);
        }
        change.state.held = Some(held_by(kind, asker));
        lose(&mut change, removed, asker, abort);
    } else {
        if key == 0 {
            return Err(Refusal::Check(Sense::invalid_field_in_parameter_list(8, None)));
        }
        // Its own registration goes as well if the key is its own.
        let removed = victims(&|_, known| known == key);
        if removed.is_empty() {
            return Err(Refusal::Conflict);
        }
        change.state.registrations.retain(|known| known.key != key);
        if change.state.registrations.is_empty() {
            change.state.held = None;
        }
        lose(&mut change, removed, asker, abort);
    }
    // A nexus that preempts its own key has its other commands aborted like everybody's with that key.
    if abort && state.find(asker).is_some_and(|own| own.key == key) && !change.aborted.contains(asker) {
        change.aborted.push(asker.clone());
    }
    change.count();
    Ok(change)
}

/// Tells those that lost their registration, and aborts their commands if that was asked for.
fn lose(change: &mut Change, removed: Vec<Port>, asker: &Port, abort: bool) {
    let told = removed.iter().filter(|port| *port != asker);
    change.told.extend(told.map(|port| (port.clone(), Asc::REGISTRATIONS_PREEMPTED)));
    if abort {
        change.aborted = removed;
    }
}
