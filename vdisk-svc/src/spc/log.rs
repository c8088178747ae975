//! LOG SENSE, LOG SELECT and SEND DIAGNOSTIC (SPC-4 6.7, 6.8, 6.42), and what REQUEST SENSE says of a unit's state.
//!
//! Counters count what this incarnation has done: they begin at zero after a death, as after power on.

use rustix::fs::{fstat, fstatvfs};
use scsi::asc::Asc;
use scsi::command::{Command, LogControl, LogSelect, LogSense, RequestSense, SendDiagnostic};
use scsi::diagnostic;
use scsi::log_page::{self, Activity, Log, Resources};
use scsi::request_sense as sense_data;
use scsi::sense::{Sense, SenseKey};

use super::answer;
use crate::backend::Way;
use crate::task::{Outcome, Task};
use crate::unit::Unit;
use crate::unit::drive::Power;

/// LOG SENSE.
pub fn sense(task: &Task, unit: &mut Unit, request: &LogSense) -> Outcome {
    let resources = if unit.info.thin_provisioned { resources(unit) } else { None };
    let (activity, exception) = (unit.activity, exception(unit));
    let log = Log { info: &unit.info, activity: &activity, resources, minutes: unit.minutes(), exception };
    answer(task, log_page::respond(&log, request))
}

/// LOG SELECT: counters are set back, by PCR or as the default cumulative values (SPC-4 6.7).
pub fn select(task: &Task, unit: &mut Unit, request: &LogSelect) -> Outcome {
    if request.list_length > 0 {
        let mut list = vec![0; usize::from(request.list_length).min(task.data.bytes())];
        task.data.read_at(0, &mut list);
        return match log_page::parse(&unit.info, &list) {
            Ok(()) => Outcome::good(list.len(), usize::from(request.list_length)),
            Err(sense) => Outcome::check(sense),
        };
    }
    if !log_page::has_page(&unit.info, request.page) {
        return Outcome::check(Sense::invalid_field_in_cdb(2, Some(5)));
    }
    if request.subpage != 0 {
        return Outcome::check(Sense::invalid_field_in_cdb(3, None));
    }
    if request.reset || request.control == LogControl::DefaultCumulative {
        let before = unit.activity;
        unit.activity.set_back(request.page);
        if unit.activity != before {
            unit.change_report(|report| {
                report.generations.log = report.generations.log.wrapping_add(1);
                report.origin = task.identity.nexus;
            });
        }
    }
    Outcome::GOOD
}

/// SEND DIAGNOSTIC: the default self-test passes while no acknowledged data has been lost. A list can only ask for the list of
/// pages, which is the answer of RECEIVE DIAGNOSTIC RESULTS in any case.
pub fn send_diagnostic(task: &Task, unit: &Unit, request: &SendDiagnostic) -> Outcome {
    if request.self_test && unit.syncs.lost {
        return Outcome::check(Sense::new(SenseKey::HardwareError, Asc::LOGICAL_UNIT_FAILED_SELF_TEST));
    }
    let mut list = vec![0; usize::from(request.list_length).min(task.data.bytes())];
    task.data.read_at(0, &mut list);
    match diagnostic::parse(&list) {
        Ok(()) => Outcome::good(list.len(), usize::from(request.list_length)),
        Err(sense) => Outcome::check(sense),
    }
}

/// REQUEST SENSE (SPC-4 6.39), after core-svc has answered for unit attentions: why the medium cannot be used, an
/// informational exception, or the power condition.
pub fn request_sense(task: &Task, unit: &mut Unit, request: &RequestSense) -> Outcome {
    let sense = match unit.state_of_medium() {
        Err(sense) => sense,
        Ok(()) => Sense::new(SenseKey::NoSense, state(unit)),
    };
    answer(task, Ok(sense_data::respond(&sense, request)))
}

fn state(unit: &Unit) -> Asc {
    let exceptions = unit.settings.current().exceptions(&unit.info);
    match (exception(unit), unit.drive.power()) {
        (exception, _) if exceptions.on_request && exception != Asc::NO_ADDITIONAL_SENSE => exception,
        (_, Power::Idle) => Asc::IDLE_CONDITION_ACTIVATED_BY_COMMAND,
        (_, Power::Standby) => Asc::STANDBY_CONDITION_ACTIVATED_BY_COMMAND,
        _ => Asc::NO_ADDITIONAL_SENSE,
    }
}

fn exception(unit: &Unit) -> Asc {
    log_page::exception(unit.settings.current().exceptions(&unit.info), unit.syncs.lost)
}

/// What the file system has left, and what the file has taken. None for what has no file, or does not say.
fn resources(unit: &mut Unit) -> Option<Resources> {
    let file = unit.backend()?.file()?.clone();
    let (stat, system) = (fstat(&file).ok()?, fstatvfs(&file).ok()?);
    Some(Resources {
        available: system.f_bavail.saturating_mul(system.f_frsize),
        used: u64::try_from(stat.st_blocks).ok()?.saturating_mul(512),
    })
}

/// Counts a command that is over.
#[inline]
pub fn count(activity: &mut Activity, way: Way, bytes: usize) {
    match way {
        Way::In => {
            activity.reads += 1;
            activity.read_bytes += bytes as u64;
        }
        Way::Out => {
            activity.writes += 1;
            activity.written_bytes += bytes as u64;
        }
    }
}

/// Counts an error of the medium.
#[cold]
pub fn count_error(activity: &mut Activity, command: &Command, sense: &Sense) {
    let counter = match command {
        Command::Read(_) => &mut activity.read_errors,
        Command::Write(_) | Command::WriteAndVerify(_) => &mut activity.write_errors,
        Command::Verify(_) => &mut activity.verify_errors,
        _ => return,
    };
    *counter += u64::from(matches!(sense.key, SenseKey::MediumError | SenseKey::Miscompare));
}
