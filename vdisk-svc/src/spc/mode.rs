//! MODE SENSE and MODE SELECT (SPC-4 6.11 to 6.14) of one unit.
//!
//! MODE SELECT is all or nothing, and one at a time: the list is checked as a whole; WCE that goes off has everything written
//! so far on the medium first; what is to be saved is saved; then it counts, and core-svc is told before the command ends.
//! Until then nothing of it can be seen, so that a death leaves either all of it or none.

use scsi::command::{ModeSelect, ModeSense};
use scsi::mode_page::{self, ModeParameters};
use scsi::sense::Sense;

use super::answer;
use crate::clerk::Errand;
use crate::execute::{Event, Step};
use crate::failure;
use crate::task::{Outcome, Task};
use crate::unit::Unit;
use crate::unit::settings::Change;

/// MODE SENSE.
pub fn sense(task: &Task, unit: &Unit, request: &ModeSense) -> Outcome {
    let settings = &unit.settings;
    answer(task, mode_page::respond(&unit.info, &task.path, settings.current(), settings.saved(), request))
}

/// MODE SELECT.
pub fn select(task: &Task, unit: &mut Unit, request: &ModeSelect) -> Step {
    if unit.settings.change.is_some() {
        return Step::Turn;
    }
    if request.save && unit.settings.saved().is_none() {
        return Step::Done(Outcome::check(Sense::invalid_field_in_cdb(1, Some(0))));
    }
    let parameters = match wanted(task, unit, request) {
        Ok(parameters) => parameters,
        Err(sense) => return Step::Done(Outcome::check(sense)),
    };
    let through = !parameters.write_cache(&unit.info);
    let goes_through = through && !unit.settings.write_through;
    unit.settings.change = Some(Change { parameters, save: request.save });
    if goes_through && unit.needs_sync() {
        // Writes that come from now on are as they will be; the sync is for those before.
        unit.settings.write_through = true;
        return Step::Sync;
    }
    save(task, unit, request)
}

/// Goes on with a MODE SELECT.
pub fn resume(task: &Task, unit: &mut Unit, request: &ModeSelect, event: Event) -> Step {
    match event {
        Event::Turn => select(task, unit, request),
        Event::Synced(true) => save(task, unit, request),
        Event::Errand(Ok(())) => commit(task, unit, request),
        Event::Synced(false) => give_up(unit, failure::of_lost_data()),
        Event::Errand(Err(error)) => give_up(unit, failure::of_state(&error)),
        _ => give_up(unit, Sense::internal_target_failure()),
    }
}

/// What the parameters are to become.
fn wanted(task: &Task, unit: &Unit, request: &ModeSelect) -> Result<ModeParameters, Sense> {
    if request.revert {
        return Ok(ModeParameters::default());
    }
    let mut list = vec![0; usize::from(request.list_length).min(task.data.bytes())];
    task.data.read_at(0, &mut list);
    mode_page::parse(&unit.info, unit.settings.current(), request.ten, &list)
}

fn save(task: &Task, unit: &mut Unit, request: &ModeSelect) -> Step {
    let change = unit.settings.change.filter(|change| change.save);
    match (change, unit.settings.shelf().cloned()) {
        (Some(change), Some(shelf)) => Step::Errand(Errand::new(move || shelf.save(&change.parameters))),
        _ => commit(task, unit, request),
    }
}

fn commit(task: &Task, unit: &mut Unit, request: &ModeSelect) -> Step {
    let changed = unit.settings.commit(&unit.info);
    unit.report_settings();
    if changed {
        unit.change_report(|report| {
            report.generations.mode = report.generations.mode.wrapping_add(1);
            report.origin = task.identity.nexus;
        });
    }
    let wanted = usize::from(request.list_length);
    Step::Done(Outcome::good(wanted.min(task.data.bytes()), wanted))
}

fn give_up(unit: &mut Unit, sense: Sense) -> Step {
    unit.settings.give_up(&unit.info);
    Step::Done(Outcome::check(sense))
}
