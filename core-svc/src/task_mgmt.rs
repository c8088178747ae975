//! Task management functions (SAM-5 clause 7).
//!
//! A function answers only when every task that it affects has really ended, also in the handler. Each of these tasks
//! gives its transport exactly one `Done` first, so that the answer never overtakes a task's end.
//!
//! A function that comes again is not performed again: one that waits goes on, and what was performed is noted in
//! [`crate::recorded`], together with what it did. It only aborts once more what comes again with it.

use ipc::fault::PeerFault;
use ipc::message::record::{Reply, ReplyKind, Request, request_flags};
use rustc_hash::FxHashSet;
use scsi::asc::Asc;
use scsi::lun::Lun;
use scsi::sense::SenseKey;
use scsi::task_management::{Function, Response, asynchronous_event};

use crate::core::Core;
use crate::errand::Duty;
use crate::nexus::OWN;
use crate::recorded::Performed;
use crate::task::{Task, TaskId};

/// A function that waits for tasks to end.
#[derive(Debug)]
pub struct PendingFunction {
    /// The place of the nexus that asked.
    pub nexus: usize,
    /// The place of its transport.
    pub transport: usize,
    /// The transport's link over which it was last asked for. Over any other nobody waits for the answer.
    epoch: u64,
    number: u64,
    serial: u64,
    response: Response,
    /// It has changed something and is in the notebook.
    changed: bool,
    /// Additional response information, of QUERY ASYNCHRONOUS EVENT.
    information: [u8; 3],
    waits: FxHashSet<TaskId>,
    /// What follows when they have ended.
    then: Vec<(u32, Duty)>,
    /// Errands that follow and are not done.
    errands: FxHashSet<u64>,
}

/// Functions that may wait at a time, per core; past it they are rejected. Each of them is looked at when a task ends.
const MOST: usize = 256;

impl Core {
    /// A task management request of the transport at `place`.
    pub(crate) fn function(&mut self, place: usize, request: &Request) -> Result<(), PeerFault> {
        let at = self.nexus_of(place, request)?;
        let function = Function::try_from(request.function)
            .map_err(|_| PeerFault::Record { field: "function", value: u64::from(request.function) })?;
        let (epoch, again) = (self.transports[place].epoch, request.flags & request_flags::AGAIN != 0);
        if let Some(known) = self.functions.iter_mut().find(|f| f.nexus == at && f.serial == request.serial) {
            known.epoch = epoch;
            let twice = PeerFault::Record { field: "serial", value: request.serial };
            return if again { Ok(()) } else { Err(twice) };
        }
        if !again && !self.transports[place].answers.kept.is_empty() {
            self.drop_answers(place, |_| true);
        }
        let performed = self.nexuses.get(at).filter(|_| again);
        let performed = performed.and_then(|nexus| nexus.recorded.function(request.serial));
        let unit = self.unit_of(at, Lun::from_u64(request.lun));
        let (response, waits) = if self.functions.len() >= MOST {
            (Response::FunctionRejected, Vec::new())
        } else if performed.is_some() {
            (Response::FunctionComplete, self.abort_own_again(at, function, unit, request))
        } else if function.names_a_lun() && unit.is_none() {
            (Response::IncorrectLun, Vec::new())
        } else {
            self.perform(at, function, unit.unwrap_or_default(), request)
        };
        tracing::debug!(?function, ?response, tasks = waits.len(), "task management");
        let changed = response == Response::FunctionComplete && function.changes_something();
        if changed {
            self.record_function(at, request.serial, Performed::Begun);
        }
        self.functions.push(PendingFunction {
            nexus: at,
            transport: place,
            epoch,
            number: request.nexus,
            serial: request.serial,
            response,
            changed,
            information: self.information(at, function, response, unit),
            waits: waits.iter().copied().collect(),
            then: match performed {
                Some(Performed::Over) => Vec::new(),
                _ => self.aftermath(at, function, response, unit),
            },
            errands: FxHashSet::default(),
        });
        for id in waits {
            self.abort(id);
        }
        self.answer_functions();
        Ok(())
    }

    fn unit_of(&self, nexus: usize, lun: Lun) -> Option<u32> {
        self.lun_to_unit(nexus, lun)
    }

    /// Chooses the tasks that a function aborts and establishes the unit attentions that come with it.
    fn perform(
        &mut self,
        at: usize,
        function: Function,
        unit: u32,
        request: &Request,
    ) -> (Response, Vec<TaskId>) {
        use Response::{FunctionComplete, FunctionSucceeded, TaskDoesNotExist};
        let answer = |yes: bool| if yes { FunctionSucceeded } else { FunctionComplete };
        let again = request.flags & request_flags::AGAIN != 0;
        // What was sent after the function comes again before it.
        let before = |task: &Task| !again || task.nexus != at || task.request.serial < request.serial;
        let ours = |task: &Task| task.nexus == at && task.unit == unit && before(task);
        match function {
            Function::AbortTask | Function::QueryTask => {
                let number = self.nexuses.get(at).map(|nexus| nexus.wide);
                let found = number.and_then(|number| self.tasks.find(number, request.ref_serial));
                let found = found.filter(|id| self.tasks.get(*id).is_some_and(ours));
                let lives = |id: TaskId| self.tasks.get(id).is_some_and(|task| !task.aborted);
                match (function, found) {
                    (Function::QueryTask, found) => (answer(found.is_some_and(lives)), Vec::new()),
                    (_, Some(id)) => (FunctionComplete, vec![id]),
                    (_, None) => (TaskDoesNotExist, Vec::new()),
                }
            }
            Function::AbortTaskSet => (FunctionComplete, self.tasks.select(ours)),
            Function::QueryTaskSet => {
                let living = self.tasks.select(|task| ours(task) && !task.aborted);
                (answer(!living.is_empty()), Vec::new())
            }
            Function::ClearTaskSet => {
                let one_set = self.unit_mut(unit).is_some_and(|unit| !unit.set.per_nexus());
                // What the core itself asks of the unit is in nobody's task set.
                let theirs = |task: &Task| if one_set { task.nexus != OWN } else { task.nexus == at };
                let victims = self.tasks.select(|task| task.unit == unit && theirs(task) && before(task));
                self.abort_for_others(unit, at, &victims);
                (FunctionComplete, victims)
            }
            Function::LogicalUnitReset => (FunctionComplete, self.reset_units(at, &[unit], before)),
            Function::TargetWarmReset | Function::TargetColdReset => {
                let units = self.nexus_units(at);
                (FunctionComplete, self.reset_units(at, &units, before))
            }
            Function::ItNexusReset => {
                self.end_spc2_of(at);
                self.clear_aca_of(at);
                let units: Vec<u32> = self.nexus_units(at);
                for unit in units {
                    self.raise_attention(unit, Asc::IT_NEXUS_LOSS_OCCURRED, |place| place == at);
                }
                (FunctionComplete, self.tasks.select(|task| task.nexus == at && before(task)))
            }
            Function::QueryAsynchronousEvent => {
                let waiting = self.nexuses.get(at).and_then(|nexus| nexus.attentions.get(&unit));
                (answer(waiting.is_some_and(|waiting| waiting.is_pending())), Vec::new())
            }
            Function::ClearAca => self.perform_clear_aca(at, unit),
        }
    }

    /// A function comes again that was performed, and its answer was not read. What it did to others is in the notebook, and
    /// so are their aborts; those of the nexus itself come again, too, and are aborted again.
    fn abort_own_again(
        &self,
        at: usize,
        function: Function,
        unit: Option<u32>,
        request: &Request,
    ) -> Vec<TaskId> {
        let units = match function {
            Function::TargetWarmReset | Function::TargetColdReset | Function::ItNexusReset => {
                self.nexus_units(at)
            }
            Function::ClearAca => Vec::new(),
            _ => unit.into_iter().collect(),
        };
        let one = function.names_a_task().then_some(request.ref_serial);
        self.tasks.select(|task| {
            let serial = task.request.serial;
            let meant = one.map_or(serial < request.serial, |one| serial == one);
            task.nexus == at && units.contains(&task.unit) && meant
        })
    }

    /// CLEAR ACA (SAM-5 7.4): the ACA task is aborted, and what was blocked goes on. Only the faulted nexus may.
    fn perform_clear_aca(&mut self, at: usize, unit: u32) -> (Response, Vec<TaskId>) {
        let Some(aca) = self.unit_mut(unit).and_then(|unit| unit.aca_for(at).copied()) else {
            return (Response::FunctionComplete, Vec::new());
        };
        if aca.nexus != at {
            return (Response::FunctionRejected, Vec::new());
        }
        self.clear_aca(unit, |nexus| nexus == at);
        (Response::FunctionComplete, aca.task.into_iter().collect())
    }

    /// What QUERY ASYNCHRONOUS EVENT says of what it has found (SAM-5 7.10).
    fn information(&self, at: usize, function: Function, response: Response, unit: Option<u32>) -> [u8; 3] {
        let asked = function == Function::QueryAsynchronousEvent && response == Response::FunctionSucceeded;
        let waiting = self.nexuses.get(at).filter(|_| asked).zip(unit);
        let waiting = waiting.and_then(|(nexus, unit)| nexus.attentions.get(&unit));
        waiting
            .and_then(|waiting| {
                Some(asynchronous_event(SenseKey::UnitAttention, waiting.first()?, waiting.count()))
            })
            .unwrap_or_default()
    }

    /// What handlers have to do when the affected tasks have ended.
    fn aftermath(
        &self,
        at: usize,
        function: Function,
        response: Response,
        unit: Option<u32>,
    ) -> Vec<(u32, Duty)> {
        if response != Response::FunctionComplete {
            return Vec::new();
        }
        match function {
            Function::LogicalUnitReset => unit.into_iter().map(|unit| (unit, Duty::Reset)).collect(),
            Function::TargetWarmReset | Function::TargetColdReset => {
                self.nexus_units(at).into_iter().map(|unit| (unit, Duty::Reset)).collect()
            }
            Function::QueryAsynchronousEvent => {
                let reported = |unit: &u32| self.units.get(*unit as usize).and_then(Option::as_ref);
                let lost = unit.filter(|unit| reported(unit).is_some_and(|it| it.report.deferred_error));
                let wide = self.nexuses.get(at).map(|nexus| nexus.wide);
                let asked = lost.zip(wide);
                asked.into_iter().map(|(unit, wide)| (unit, Duty::DeferredError(wide))).collect()
            }
            Function::ItNexusReset => {
                let Some(nexus) = self.nexuses.get(at) else { return Vec::new() };
                let keeps = |unit: &u32| {
                    let unit = self.units.get(*unit as usize).and_then(Option::as_ref);
                    unit.is_some_and(|unit| unit.report.keeps_nexus_state)
                };
                let units = self.nexus_units(at).into_iter().filter(keeps);
                units.map(|unit| (unit, Duty::NexusLost(nexus.wide))).collect()
            }
            _ => Vec::new(),
        }
    }

    pub(crate) fn nexus_units(&self, at: usize) -> Vec<u32> {
        let nexus = self.nexuses.get(at);
        let seen = nexus.and_then(|nexus| Some(self.target_of(nexus)?.units(nexus.map).collect()));
        let mut units: Vec<u32> = seen.unwrap_or_default();
        // A unit can be mapped more than once.
        units.sort_unstable();
        units.dedup();
        units
    }

    /// Resets logical units: every task ends, every nexus hears of it.
    fn reset_units(&mut self, at: usize, units: &[u32], before: impl Fn(&Task) -> bool) -> Vec<TaskId> {
        for unit in units {
            self.reset_copy_results(*unit);
            self.raise_attention(*unit, Asc::BUS_DEVICE_RESET_FUNCTION_OCCURRED, |_| true);
            self.end_spc2_at(*unit);
            self.clear_aca(*unit, |_| true);
        }
        let units: FxHashSet<u32> = units.iter().copied().collect();
        let victims = self.tasks.select(|task| units.contains(&task.unit) && before(task));
        self.tell_others(at, &victims);
        victims
    }

    /// A task has ended: functions that waited for it go on.
    pub(crate) fn functions_after(&mut self, id: TaskId) {
        for function in &mut self.functions {
            function.waits.remove(&id);
        }
        self.answer_functions();
    }

    /// An errand is over: functions that waited for it go on.
    pub(crate) fn functions_after_errand(&mut self, serial: u64) {
        let waited = self.functions.iter_mut().map(|function| function.errands.remove(&serial));
        if waited.fold(false, |any, one| any | one) {
            self.answer_functions();
        }
    }

    /// The handler has something to tell that a QUERY ASYNCHRONOUS EVENT asks for.
    pub(crate) fn functions_learn(&mut self, errand: u64, key: SenseKey, asc: Asc) {
        for function in self.functions.iter_mut().filter(|function| function.errands.contains(&errand)) {
            function.response = Response::FunctionSucceeded;
            function.information = asynchronous_event(key, asc, 1);
        }
    }

    /// Answers functions that wait for nothing any more.
    fn answer_functions(&mut self) {
        let mut place = 0;
        while place < self.functions.len() {
            let function = &mut self.functions[place];
            if function.waits.is_empty() && !function.then.is_empty() {
                let then = std::mem::take(&mut function.then);
                let errands: FxHashSet<u64> =
                    then.into_iter().filter_map(|(unit, duty)| self.run_errand(unit, duty)).collect();
                self.functions[place].errands = errands;
            }
            let function = &self.functions[place];
            if !function.waits.is_empty() || !function.errands.is_empty() {
                place += 1;
                continue;
            }
            let done = self.functions.swap_remove(place);
            let mut reply = Reply::new(ReplyKind::TaskManagementDone, done.number, done.serial);
            reply.response = done.response.code();
            reply.sense[..done.information.len()].copy_from_slice(&done.information);
            reply.sense_len = done.information.len() as u8;
            if done.changed {
                self.record_function(done.nexus, done.serial, Performed::Over);
            }
            if self.transports[done.transport].epoch == done.epoch {
                self.send_to_transport(done.transport, &reply);
            }
        }
    }
}
