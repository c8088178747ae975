//! SYNCHRONIZE CACHE(10) and (16) (SBC-3 5.24, 5.25): everything that was acknowledged is on the medium.
//!
//! The whole file is synchronised, whatever range was asked for. With IMMED it is answered at once, and a failure is told
//! later ([`crate::unit`]).

use scsi::command::SynchronizeCache;

use crate::execute::Step;
use crate::failure;
use crate::sbc::read_write::out_of_range;
use crate::task::Outcome;
use crate::unit::Unit;

/// Begins.
pub fn begin(unit: &mut Unit, range: &SynchronizeCache) -> Step {
    if let Err(sense) = unit.medium() {
        return Step::Done(Outcome::check(sense));
    }
    if let Err(sense) = unit.info.check_range(range.lba, range.blocks) {
        return Step::Done(Outcome::check(out_of_range(sense, range.lba, unit.info.blocks)));
    }
    match (unit.needs_sync(), unit.syncs.lost) {
        (false, _) => Step::Done(Outcome::GOOD),
        (true, false) if range.immed => Step::SyncAnswered(Outcome::GOOD),
        (true, false) => Step::Sync,
        (true, true) => Step::Done(synced(false)),
    }
}

/// The sync is over; `kept` says whether everything is on the medium.
pub fn synced(kept: bool) -> Outcome {
    if kept { Outcome::GOOD } else { Outcome::check(failure::of_lost_data()) }
}
