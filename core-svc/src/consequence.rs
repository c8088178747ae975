//! What follows from a status: a CHECK CONDITION may establish an ACA condition and abort other tasks (QERR); a refusal may
//! establish a unit attention condition that says so (UA_INTLCK_CTRL 11b). And tasks that one nexus aborts for others.

use ipc::message::record::Request;
use rustc_hash::FxHashSet;
use scsi::asc::Asc;
use scsi::attribute::TaskAttribute;
use scsi::sense::{Sense, SenseKey};
use scsi::status::Status;

use crate::aca;
use crate::core::Core;
use crate::nexus::OWN;
use crate::notebook::Part;
use crate::settle::Outcome;
use crate::task::{Task, TaskId};

/// UA_INTLCK_CTRL: a unit attention condition stays when it is reported.
const INTERLOCKED: u8 = 0b10;
/// UA_INTLCK_CTRL: as [`INTERLOCKED`], and refusals establish one.
const ESTABLISHED: u8 = 0b11;
/// QERR: every task in the set is aborted.
const ALL: u8 = 0b01;
/// QERR: every task of the faulted nexus is aborted.
const OF_NEXUS: u8 = 0b11;

impl Core {
    /// A command of the nexus at `at` on a unit has ended like this, by its executor or at the gate.
    #[inline]
    pub(crate) fn follow(&mut self, number: u32, at: usize, request: &Request, outcome: &Outcome) {
        if outcome.status != Status::Good && !outcome.aborted && at != OWN {
            self.follow_refusal(number, at, request, outcome);
        }
    }

    #[cold]
    fn follow_refusal(&mut self, number: u32, at: usize, request: &Request, outcome: &Outcome) {
        let Some(control) = self.unit_mut(number).map(|unit| unit.report.control) else { return };
        let previous = match outcome.status {
            Status::CheckCondition => {
                let (naca, was_aca) = (aca::naca(request), request.attribute == TaskAttribute::Aca.code());
                if naca {
                    self.establish_aca(number, at);
                } else if was_aca {
                    // SAM-5 5.9.5: an ACA task that fails and asks for no new condition ends the one that it ran under.
                    self.clear_aca(number, |nexus| nexus == at);
                }
                let told = self.is_told_by_handler(number, at, outcome);
                if self.abort_after_check(number, at, control.qerr) || naca || was_aca || told {
                    // What came of it stays when the core dies, so the answer has to be the same again.
                    self.record(at, request.serial, outcome);
                }
                return;
            }
            Status::Busy => Asc::PREVIOUS_BUSY_STATUS,
            Status::TaskSetFull => Asc::PREVIOUS_TASK_SET_FULL_STATUS,
            Status::ReservationConflict => Asc::PREVIOUS_RESERVATION_CONFLICT_STATUS,
            _ => return,
        };
        if control.ua_intlck == ESTABLISHED {
            self.raise_attention(number, previous, |place| place == at);
            self.record(at, request.serial, outcome);
        }
    }

    /// Whether a command hears of another medium by its own end, because it was on its way while that was changed: then the
    /// condition of which the handler has told besides is reported by that (SAM-5 5.14).
    fn is_told_by_handler(&mut self, number: u32, at: usize, outcome: &Outcome) -> bool {
        let sense = outcome.sense.as_ref().and_then(|sense| Sense::parse(sense.as_slice()));
        let told = |sense: &Sense| {
            let medium = [Asc::MEDIUM_MAY_HAVE_CHANGED, Asc::INQUIRY_DATA_HAS_CHANGED];
            sense.key == SenseKey::UnitAttention && medium.contains(&sense.asc)
        };
        let Some(sense) = sense.filter(told) else { return false };
        if !self.is_interlocked(number)
            && let Some(nexus) = self.nexuses.get_mut(at)
            && nexus.attentions.get_mut(&number).is_some_and(|waiting| waiting.clear(sense.asc))
        {
            self.touched.push((Part::Attentions, nexus.wide, u64::from(number)));
        }
        true
    }

    /// QERR (SPC-4 7.5.8). True if there was something to abort.
    fn abort_after_check(&mut self, number: u32, at: usize, qerr: u8) -> bool {
        let one_set = self.unit_mut(number).is_some_and(|unit| !unit.set.per_nexus());
        let all = match qerr {
            ALL => one_set,
            OF_NEXUS => false,
            _ => return false,
        };
        let theirs = |task: &Task| if all { task.nexus != OWN } else { task.nexus == at };
        let victims = self.tasks.select(|task| task.unit == number && theirs(task));
        self.record_own_aborts(number, at, &victims);
        self.abort_for_others(number, at, &victims);
        for id in &victims {
            self.abort(*id);
        }
        !victims.is_empty()
    }

    /// Whether unit attention conditions of a unit stay when they are reported.
    pub(crate) fn is_interlocked(&self, number: u32) -> bool {
        let unit = self.units.get(number as usize).and_then(Option::as_ref);
        unit.is_some_and(|unit| unit.report.control.ua_intlck >= INTERLOCKED)
    }

    /// Tasks of a unit are about to be aborted by the nexus at `by`. Those of others end with TASK ABORTED status (TAS one), or
    /// their initiators hear of it by a unit attention condition.
    pub(crate) fn abort_for_others(&mut self, number: u32, by: usize, victims: &[TaskId]) {
        let others = self.tell_others(by, victims);
        let asc = Asc::COMMANDS_CLEARED_BY_ANOTHER_INITIATOR;
        self.raise_attention(number, asc, |place| others.contains(&place));
    }

    /// As [`abort_for_others`](Self::abort_for_others), but it is left to the caller to tell of the unit attention condition:
    /// the nexuses that have to hear of one.
    pub(crate) fn tell_others(&mut self, by: usize, victims: &[TaskId]) -> FxHashSet<usize> {
        let mut others: FxHashSet<usize> = FxHashSet::default();
        let mut noted: Vec<(u64, usize, u32, bool)> = Vec::new();
        for id in victims {
            let Some(task) = self.tasks.get_mut(*id).filter(|task| task.nexus != by) else { continue };
            let unit = self.units.get(task.unit as usize).and_then(Option::as_ref);
            // What its own nexus had given up before was not aborted by another.
            if !task.aborted {
                task.told = unit.is_some_and(|unit| unit.report.control.tas);
                if !task.told {
                    others.insert(task.nexus);
                }
            }
            noted.push((task.request.serial, task.nexus, task.unit, task.told));
        }
        noted.sort_unstable();
        for (serial, nexus, unit, told) in noted {
            self.record_abort(nexus, unit, serial, told);
        }
        others
    }

    /// Notes that of `victims` those of the nexus at `by` itself are aborted, by something that it does not ask again.
    pub(crate) fn record_own_aborts(&mut self, number: u32, by: usize, victims: &[TaskId]) {
        let own = victims.iter().filter_map(|id| self.tasks.get(*id)).filter(|task| task.nexus == by);
        if let Some(serial) = own.map(|task| task.request.serial).max() {
            self.record_abort(by, number, serial, false);
        }
    }
}
