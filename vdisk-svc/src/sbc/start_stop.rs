//! START STOP UNIT (SBC-3 5.22): a stopped unit refuses its medium until it is started again.
//!
//! The state lives as long as this process and its unit: a service that was restarted has its units started, as a disk
//! has after power on. There is no power management, so power conditions are accepted and change nothing.

use scsi::command::StartStopUnit;
use scsi::sense::Sense;

use crate::execute::Step;
use crate::task::Outcome;
use crate::unit::Unit;

/// Carries it out.
pub fn begin(unit: &mut Unit, request: &StartStopUnit) -> Step {
    if request.power_condition != 0 {
        return Step::Done(Outcome::GOOD);
    }
    // There is no tray, whatever the unit says of removable media: nothing can be loaded or ejected.
    if request.load_eject {
        return Step::Done(Outcome::check(Sense::invalid_field_in_cdb(4, Some(1))));
    }
    unit.stopped = !request.start;
    // SBC-3 5.22: without NO_FLUSH a unit that stops writes its cache out first.
    let flush = unit.stopped && !request.no_flush && unit.needs_sync();
    match (flush, unit.syncs.lost) {
        (true, false) => Step::Sync,
        (true, true) => Step::Done(Outcome::check(crate::failure::of_lost_data())),
        (false, _) => Step::Done(Outcome::GOOD),
    }
}
