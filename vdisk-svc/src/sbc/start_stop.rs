//! START STOP UNIT (SBC-3 5.25) and PREVENT ALLOW MEDIUM REMOVAL (SBC-3 5.8).
//!
//! A stopped unit, or one whose tray is open, refuses its medium until it is started or loaded again; what it is outlives
//! this process ([`crate::unit::drive`]). Nothing takes longer than writing the cache out. With IMMED the answer does not wait
//! for that, and a failure is told later, as one of SYNCHRONIZE CACHE with IMMED is.

use scsi::asc::Asc;
use scsi::command::StartStopUnit;
use scsi::sense::Sense;

use crate::execute::Step;
use crate::failure;
use crate::task::{Outcome, Task};
use crate::unit::Unit;
use crate::unit::drive::Power;

/// POWER CONDITION values (SBC-3 table 90). LU_CONTROL is ACTIVE here, as nothing else controls the condition.
const ACTIVE: u8 = 0x1;
const IDLE: u8 = 0x2;
const STANDBY: u8 = 0x3;
const LU_CONTROL: u8 = 0x7;
const FORCE_IDLE_0: u8 = 0xA;
const FORCE_STANDBY_0: u8 = 0xB;

/// Begins a START STOP UNIT.
pub fn begin(task: &Task, unit: &mut Unit, request: &StartStopUnit) -> Step {
    if let Some(operation) = &unit.operation {
        return Step::Done(Outcome::check(operation.sense(unit.bytes())));
    }
    if let Err(sense) = check(unit, request) {
        return Step::Done(Outcome::check(sense));
    }
    let away = match request.power_condition {
        0 => !request.start,
        condition => matches!(condition, STANDBY | FORCE_STANDBY_0),
    };
    // Without NO_FLUSH what was acknowledged is on the medium before it cannot be reached.
    let flush = away && !request.no_flush && unit.needs_sync();
    match (flush, unit.syncs.lost) {
        (true, false) if request.immed => match finish(task, unit, request) {
            Step::Done(outcome) if outcome.result.is_ok() => Step::SyncAnswered(outcome),
            refused => refused,
        },
        (true, false) => Step::Sync,
        (true, true) => Step::Done(Outcome::check(failure::of_lost_data())),
        (false, _) => finish(task, unit, request),
    }
}

/// The cache has been written out, or (false) could not be.
pub fn synced(task: &Task, unit: &mut Unit, request: &StartStopUnit, kept: bool) -> Step {
    // With IMMED it was done before, and may have been undone since.
    if task.answered {
        return Step::Done(Outcome::GOOD);
    }
    if kept { finish(task, unit, request) } else { Step::Done(Outcome::check(failure::of_lost_data())) }
}

/// LOEJ is for what has a tray, and while removal is prevented neither way (MMC-6 6.42).
fn check(unit: &Unit, request: &StartStopUnit) -> Result<(), Sense> {
    if request.power_condition != 0 || !request.load_eject {
        return Ok(());
    }
    if !unit.info.removable {
        return Err(Sense::invalid_field_in_cdb(4, Some(1)));
    }
    if unit.drive.is_held() {
        return Err(Sense::illegal_request(Asc::MEDIUM_REMOVAL_PREVENTED));
    }
    Ok(())
}

fn finish(task: &Task, unit: &mut Unit, request: &StartStopUnit) -> Step {
    // Somebody may have come to hold the medium in meanwhile.
    if let Err(sense) = check(unit, request) {
        return Step::Done(Outcome::check(sense));
    }
    let nexus = task.identity.nexus;
    match (request.power_condition, request.load_eject, request.start) {
        (0, false, true) => unit.change_drive(nexus, |drive| drive.set_power(Power::Active)),
        // What is removable stops until the next command that needs it (MMC-6 6.42), a fixed disk until it is started.
        (0, false, false) => {
            let stopped = if unit.info.removable { Power::Standby } else { Power::Stopped };
            unit.change_drive(nexus, |drive| drive.set_power(stopped));
        }
        (0, true, false) => unit.change_drive(nexus, |drive| drive.open()),
        (0, true, true) => unit.change_drive(nexus, |drive| drive.close() | drive.set_power(Power::Active)),
        (ACTIVE | LU_CONTROL, ..) => unit.change_drive(nexus, |drive| drive.set_power(Power::Active)),
        (IDLE | FORCE_IDLE_0, ..) => unit.change_drive(nexus, |drive| drive.set_power(Power::Idle)),
        (STANDBY | FORCE_STANDBY_0, ..) => unit.change_drive(nexus, |drive| drive.set_power(Power::Standby)),
        // Reserved and obsolete conditions are not looked at.
        _ => {}
    }
    Step::Done(Outcome::GOOD)
}

/// PREVENT ALLOW MEDIUM REMOVAL: the nexus holds the medium in, or does so no longer.
pub fn prevent_allow(task: &Task, unit: &mut Unit, prevent: bool) -> Outcome {
    let nexus = task.identity.nexus;
    let mut held = Ok(false);
    unit.change_drive(nexus, |drive| {
        held = drive.hold(nexus, prevent);
        held == Ok(true)
    });
    match held {
        Ok(_) => Outcome::GOOD,
        Err(sense) => Outcome::check(sense),
    }
}
