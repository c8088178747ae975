//! The model, continued: which task may run, what its end brings with it, and task management.

use scsi::unit_report::UnitReport;

use crate::model::*;
use crate::reservations::{Effects, End};
use crate::rules::{Access, Op};
use crate::world::{NEXUSES, UNITS};

impl Model {
    /// Starts whatever may run (SAM-5 8.5), until nothing more does.
    pub(crate) fn run(&mut self, unit: usize) {
        while let Some(place) = (0..self.tasks.len()).find(|place| self.may_run(*place, unit)) {
            let task = self.tasks[place].clone();
            // SPC-4 5.13.1: what counts is the reservation at the moment at which the command is enabled.
            if self.units[unit].reservations.stop(task.nexus, task.op) {
                self.tasks.remove(place);
                self.refuse(task.nexus, task.serial, unit, RESERVATION_CONFLICT);
                self.after(task.nexus, task.serial);
                continue;
            }
            // Sense data of the unit itself is the handler's; the core answers for the conditions of the nexus.
            let asks_handler = task.op == Op::RequestSense
                && !self.has_attention(task.nexus, unit)
                && !self.reported.contains_key(&(task.nexus, task.serial));
            if task.op.is_handlers() || asks_handler {
                self.tasks[place].state = State::Running;
                self.sights.push(Sight::Execute { nexus: task.nexus, serial: task.serial });
                continue;
            }
            self.tasks[place].state = State::Aborting;
            self.execute(&task);
        }
    }

    /// Whether the task is dormant on this unit and nothing keeps it from running.
    fn may_run(&self, place: usize, unit: usize) -> bool {
        let task = &self.tasks[place];
        if task.unit != unit || task.state != State::Dormant || task.aborted.is_some() {
            return false;
        }
        let apart = self.control(unit).tst == 1;
        let same_set = |other: &Task| other.unit == unit && (!apart || other.nexus == task.nexus);
        // INQUIRY, REPORT LUNS and REQUEST SENSE that are SIMPLE run at once and hold nobody (implicit HEAD OF QUEUE).
        let aside = |task: &Task| {
            let asks = matches!(task.op, Op::Inquiry | Op::RequestSense | Op::ReportLuns);
            task.at_once || task.attribute == ACA || asks && task.attribute == SIMPLE
        };
        if aside(task) {
            return true;
        }
        if self.aca_for(unit, task.nexus).is_some() {
            return false;
        }
        let same_set = |other: &&Task| same_set(other) && !aside(other);
        let older = || self.tasks[..place].iter().filter(same_set);
        let heads = || {
            let all = self.tasks.iter().filter(same_set);
            all.filter(|other| other.attribute == HEAD_OF_QUEUE)
        };
        // SPC-4 7.5.8, restricted reordering: of one nexus nothing runs beside what changes the medium, and all start in order.
        let simple = |other: &Task| !matches!(other.attribute, HEAD_OF_QUEUE | ORDERED);
        let beside = |other: &Task| {
            let runs = other.state != State::Dormant && simple(other) && other.nexus == task.nexus;
            runs && (other.op == Op::Write || task.op == Op::Write)
        };
        let kept = self.control(unit).queue_algorithm == 0
            && simple(task)
            && (older().any(|other| other.state == State::Dormant)
                || self.tasks.iter().filter(same_set).any(beside));
        match task.attribute {
            HEAD_OF_QUEUE | ACA => true,
            _ if kept => false,
            ORDERED => older().next().is_none() && heads().next().is_none(),
            _ => !older().any(|other| other.attribute == ORDERED) && heads().next().is_none(),
        }
    }

    /// A command that the core executes itself.
    fn execute(&mut self, task: &Task) {
        let (nexus, serial, unit) = (task.nexus, task.serial, task.unit);
        let before = self.units[unit].reservations.clone();
        let reservations = &mut self.units[unit].reservations;
        let (end, effects) = match task.op {
            Op::Reserve6 => (reservations.reserve(nexus), Effects::default()),
            Op::Release6 => (reservations.release(nexus), Effects::default()),
            Op::PrOut { action, kind, key, new } => reservations.out(nexus, (action, kind), key, new),
            Op::Move { key, new, heir, unregister } => {
                let heir = Some(heir).filter(|heir| Self::reaches(*heir, unit));
                (reservations.give(nexus, key, new, heir, unregister), Effects::default())
            }
            _ => (End::Good, Effects::default()),
        };
        let changed = self.units[unit].reservations != before;
        if end == End::Good && (changed || matches!(task.op, Op::PrOut { .. } | Op::Move { .. })) {
            let sight = Sight::Done { nexus, serial, status: GOOD, sense: None, data: None };
            self.recorded.insert((nexus, serial), sight);
        }
        for (other, code) in effects.attentions {
            self.raise(unit, code, |place| place == other);
        }
        self.units[unit].aca.retain(|faulted| !effects.aborts.contains(faulted));
        let victims = self.select(|other| other.unit == unit && effects.aborts.contains(&other.nexus));
        // SPC-4 5.13.11.5: a preempted nexus does not keep the medium in.
        let keeps = self.units[unit].report.keeps_nexus_state;
        let preempted = effects.aborts.iter().filter(|other| keeps && self.open[**other]);
        let then = preempted.map(|nexus| Sight::Allow { nexus: *nexus, unit }).collect::<Vec<_>>();
        if end == End::Good && !victims.is_empty() {
            self.preempting.push(Preempting { task: (nexus, serial), waits: victims.clone(), then });
            self.abort(&victims, Some(nexus));
            return;
        }
        self.sights.extend(then);
        match end {
            End::Good => self.finish(nexus, serial),
            End::Conflict => {
                self.tasks.retain(|task| (task.nexus, task.serial) != (nexus, serial));
                self.refuse(nexus, serial, unit, RESERVATION_CONFLICT);
            }
            End::Illegal(asc, qualifier) => {
                self.tasks.retain(|task| (task.nexus, task.serial) != (nexus, serial));
                self.check(nexus, serial, (ILLEGAL_REQUEST, asc, qualifier));
                self.faulted((nexus, serial), unit, task.naca, task.attribute == ACA);
            }
        }
        self.after(nexus, serial);
    }

    /// A command of the core's own ends with GOOD.
    fn finish(&mut self, nexus: usize, serial: u64) {
        let of = |task: &Task| (task.nexus, task.serial) == (nexus, serial);
        let Some(place) = self.tasks.iter().position(of) else { return };
        let task = self.tasks.remove(place);
        if let Some(how) = task.aborted {
            self.gone(&task, how);
            return;
        }
        let data = self.data_in(&task);
        self.sights.push(Sight::Done { nexus, serial, status: GOOD, sense: None, data });
    }

    /// The data of a command whose data the model knows.
    fn data_in(&mut self, task: &Task) -> Option<Vec<u8>> {
        let reservations = &self.units[task.unit].reservations;
        let mut data = reservations.generation.to_be_bytes().to_vec();
        match task.op {
            Op::ReadKeys => {
                data.extend((reservations.keys.len() as u32 * 8).to_be_bytes());
                let mut keys: Vec<u64> = reservations.keys.values().copied().collect();
                keys.sort_unstable();
                keys.iter().for_each(|key| data.extend(key.to_be_bytes()));
            }
            Op::ReadReservation => match reservations.held {
                None => data.extend([0; 4]),
                Some((kind, holder)) => {
                    let key = if matches!(kind, 7 | 8) { 0 } else { reservations.keys[&holder] };
                    data.extend(16u32.to_be_bytes());
                    data.extend(key.to_be_bytes());
                    data.extend([0, 0, 0, 0, 0, kind, 0, 0]);
                }
            },
            Op::RequestSense => {
                let waiting = self.attentions.entry((task.nexus, task.unit)).or_default();
                let said = self.reported.get(&(task.nexus, task.serial)).copied();
                let taken = said.or_else(|| (!waiting.is_empty()).then(|| waiting.remove(0)));
                if let Some(code) = taken {
                    self.reported.insert((task.nexus, task.serial), code);
                }
                let (key, (asc, qualifier)) = taken.map_or((0, (0, 0)), |code| (UNIT_ATTENTION, code));
                data = vec![key, asc, qualifier];
            }
            _ => return None,
        }
        Some(data)
    }

    /// A command of the nexus has ended with CHECK CONDITION (SAM-5 5.9; QERR of SPC-4 7.5.8).
    pub(crate) fn faulted(&mut self, (nexus, serial): (usize, u64), unit: usize, naca: bool, was_aca: bool) {
        let control = self.control(unit);
        if naca && self.aca_for(unit, nexus).is_none() {
            self.units[unit].aca.push(nexus);
            self.units[unit].conditions += 1;
            self.since.insert((unit, nexus), self.units[unit].conditions);
        } else if !naca && was_aca {
            self.units[unit].aca.retain(|faulted| *faulted != nexus);
        }
        let apart = control.tst == 1;
        let victims = match control.qerr {
            1 => self.select(|task| task.unit == unit && (!apart || task.nexus == nexus)),
            3 => self.select(|task| task.unit == unit && task.nexus == nexus),
            _ => Vec::new(),
        };
        if naca || was_aca || !victims.is_empty() {
            self.record(nexus, serial);
        }
        for (other, number) in victims.iter().filter(|(other, _)| *other == nexus) {
            self.mark(*other, unit, *number, Abort::Silent);
        }
        self.abort(&victims, Some(nexus));
        self.run(unit);
    }

    /// Commands of a nexus at a unit up to `serial` stay aborted, should they come again.
    fn mark(&mut self, nexus: usize, unit: usize, serial: u64, how: Abort) {
        for asked in &mut self.asked {
            if let Asked::Command { nexus: n, serial: s, place: (lun, _), aborted, .. } = asked
                && (*n, Self::unit(nexus, *lun)) == (nexus, Some(unit))
                && *s <= serial
            {
                aborted.get_or_insert(how);
            }
        }
    }

    /// The handler has ended a task.
    pub fn complete(&mut self, nexus: usize, serial: u64, sense: Option<(u8, u8, u8)>) {
        let of = |task: &Task| (task.nexus, task.serial) == (nexus, serial);
        let Some(place) = self.tasks.iter().position(of) else { panic!("no such task") };
        let task = self.tasks.remove(place);
        match (task.aborted, sense) {
            (Some(how), _) => self.gone(&task, how),
            (None, None) => self.done(nexus, serial, GOOD),
            (None, Some(sense)) => {
                self.check(nexus, serial, sense);
                if sense.0 == UNIT_ATTENTION {
                    // The condition is reported by this.
                    let stays = self.control(task.unit).ua_intlck >= 2;
                    let waiting = self.attentions.entry((nexus, task.unit)).or_default();
                    waiting.retain(|code| stays || *code != (sense.1, sense.2));
                    self.record(nexus, serial);
                }
                self.faulted((nexus, serial), task.unit, task.naca, task.attribute == ACA);
            }
        }
        self.after(nexus, serial);
        self.run(task.unit);
    }

    fn gone(&mut self, task: &Task, how: Abort) {
        let (nexus, serial) = (task.nexus, task.serial);
        match how {
            Abort::Silent => self.sights.push(Sight::Aborted { nexus, serial }),
            Abort::Status => self.done(nexus, serial, TASK_ABORTED),
        }
    }

    /// A task is over: functions and sessions that waited for it go on.
    fn after(&mut self, nexus: usize, serial: u64) {
        for function in &mut self.functions {
            function.waits.retain(|task| *task != (nexus, serial));
        }
        for waiting in &mut self.preempting {
            waiting.waits.retain(|task| *task != (nexus, serial));
        }
        if let Some(place) = self.preempting.iter().position(|waiting| waiting.waits.is_empty()) {
            let Preempting { task: (by, number), then, .. } = self.preempting.remove(place);
            self.sights.extend(then);
            self.finish(by, number);
            self.after(by, number);
        }
        self.answer_functions();
        self.finish_endings();
    }

    pub(crate) fn answer_functions(&mut self) {
        let (over, waiting) = self.functions.drain(..).partition(|function| function.waits.is_empty());
        self.functions = waiting;
        let over: Vec<Function> = over;
        self.sights.extend(
            over.into_iter().map(|Function { nexus, serial, response, .. }| Sight::Function {
                nexus,
                serial,
                response,
            }),
        );
    }

    pub(crate) fn select(&self, choose: impl Fn(&Task) -> bool) -> Vec<(usize, u64)> {
        let chosen = self.tasks.iter().filter(|task| choose(task));
        chosen.map(|task| (task.nexus, task.serial)).collect()
    }

    /// Aborts tasks. `by` is the nexus whose doing it is: with TAS, tasks of others end with TASK ABORTED; without, others are
    /// told by a unit attention. A task that its handler has ends when the handler lets go of it.
    pub(crate) fn abort(&mut self, victims: &[(usize, u64)], by: Option<usize>) {
        for (nexus, serial) in victims {
            let of = |task: &Task| (task.nexus, task.serial) == (*nexus, *serial);
            let Some(place) = self.tasks.iter().position(of) else { continue };
            let unit = self.tasks[place].unit;
            let foreign = by.is_some_and(|by| by != *nexus);
            if let Some(how) = self.tasks[place].aborted {
                if foreign {
                    self.mark(*nexus, unit, *serial, how);
                }
                continue;
            }
            let how = if foreign && self.control(unit).tas { Abort::Status } else { Abort::Silent };
            if foreign && how == Abort::Silent {
                self.raise(unit, (0x2F, 0x00), |other| other == *nexus);
            }
            if foreign {
                self.mark(*nexus, unit, *serial, how);
            }
            self.tasks[place].aborted = Some(how);
            if self.tasks[place].state != State::Running {
                let by = |waiting: &Preempting| waiting.task == (*nexus, *serial);
                if let Some(place) = self.preempting.iter().position(by) {
                    let gone = self.preempting.remove(place);
                    self.sights.extend(gone.then);
                }
                let task = self.tasks.remove(place);
                self.gone(&task, how);
                self.after(*nexus, *serial);
            }
        }
        (0..UNITS).for_each(|unit| self.run(unit));
    }

    /// A task management function (SAM-5 clause 7), in the octets of RFC 7143 11.5.1.
    pub fn function(&mut self, nexus: usize, serial: u64, (lun, function): (u8, u8), task: u64) {
        self.asked_function(nexus, serial, (lun, function), task);
        let unit = Self::unit(nexus, lun);
        let (response, victims) = match (function, unit) {
            (1..=5 | 9 | 10 | 12, None) => (NO_LUN, Vec::new()),
            (_, unit) => self.perform(nexus, unit.unwrap_or(0), function, task),
        };
        let waits = victims.clone();
        if response == COMPLETE && !matches!(function, 9 | 10 | 12) {
            self.performed.insert((nexus, serial));
        }
        self.functions.push(Function { nexus, serial, response, waits });
        let by = matches!(function, 4..=7).then_some(nexus);
        // A reset tells everybody by its own condition.
        if matches!(function, 5..=7) {
            self.abort_for_reset(&victims, nexus);
        } else {
            self.abort(&victims, by);
        }
        self.answer_functions();
        (0..UNITS).for_each(|unit| self.run(unit));
    }

    fn abort_for_reset(&mut self, victims: &[(usize, u64)], by: usize) {
        let before = self.attentions.clone();
        self.abort(victims, Some(by));
        // 29/03 has been raised; 2F/00 says nothing beyond it.
        for (key, waiting) in &mut self.attentions {
            let had = before.get(key).is_some_and(|had| had.contains(&(0x2F, 0x00)));
            waiting.retain(|code| *code != (0x2F, 0x00) || had);
        }
    }

    fn perform(&mut self, nexus: usize, unit: usize, function: u8, serial: u64) -> (u8, Vec<(usize, u64)>) {
        let answer = |yes: bool| if yes { SUCCEEDED } else { COMPLETE };
        let ours = |task: &Task| task.nexus == nexus && task.unit == unit;
        match function {
            1 => match self.select(|task| ours(task) && task.serial == serial) {
                none if none.is_empty() => (NO_TASK, none),
                one => (COMPLETE, one),
            },
            2 => (COMPLETE, self.select(ours)),
            3 => match self.aca_for(unit, nexus) {
                None => (COMPLETE, Vec::new()),
                Some(faulted) if faulted != nexus => (REJECTED, Vec::new()),
                Some(_) => {
                    self.units[unit].aca.retain(|faulted| *faulted != nexus);
                    let last = self.aca_since(unit, nexus);
                    let runs = |task: &Task| ours(task) && task.attribute == ACA && task.condition >= last;
                    (COMPLETE, self.select(runs))
                }
            },
            4 if self.control(unit).tst == 1 => (COMPLETE, self.select(ours)),
            4 => (COMPLETE, self.select(|task| task.unit == unit)),
            5 => (COMPLETE, self.reset(&[unit])),
            6 | 7 => {
                let units: Vec<usize> = (0..UNITS).filter(|unit| Self::reaches(nexus, *unit)).collect();
                (COMPLETE, self.reset(&units))
            }
            9 => {
                let lives = |task: &Task| ours(task) && task.serial == serial && task.aborted.is_none();
                (answer(!self.select(lives).is_empty()), Vec::new())
            }
            10 => (answer(!self.select(|task| ours(task) && task.aborted.is_none()).is_empty()), Vec::new()),
            11 => {
                for unit in 0..UNITS {
                    self.raise(unit, (0x29, 0x07), |other| other == nexus);
                    self.units[unit].reservations.lose(nexus);
                    self.units[unit].aca.retain(|faulted| *faulted != nexus);
                }
                (COMPLETE, self.select(|task| task.nexus == nexus))
            }
            _ => {
                let waiting = self.attentions.get(&(nexus, unit));
                (answer(waiting.is_some_and(|waiting| !waiting.is_empty())), Vec::new())
            }
        }
    }

    fn reset(&mut self, units: &[usize]) -> Vec<(usize, u64)> {
        for unit in units {
            self.raise(*unit, (0x29, 0x03), |_| true);
            self.units[*unit].reservations.spc2 = None;
            self.units[*unit].aca.clear();
        }
        self.select(|task| units.contains(&task.unit))
    }

    /// The handler says how a unit is: what has changed is told to everybody but who changed it.
    pub fn reports(&mut self, unit: usize, report: UnitReport, origin: Option<usize>) {
        let before = std::mem::replace(&mut self.units[unit].report, report).generations;
        let after = report.generations;
        if report.control.tst == 0 {
            // One task set has one condition: the oldest stays.
            self.units[unit].aca.truncate(1);
        }
        for (old, new, code) in [
            (before.mode, after.mode, (0x2A, 0x01)),
            (before.log, after.log, (0x2A, 0x02)),
            (before.capacity, after.capacity, (0x2A, 0x09)),
            (before.medium, after.medium, (0x28, 0x00)),
            (before.inquiry, after.inquiry, (0x3F, 0x03)),
            (before.threshold, after.threshold, (0x38, 0x07)),
        ] {
            if old != new {
                self.raise(unit, code, |nexus| Some(nexus) != origin);
            }
        }
        self.run(unit);
    }

    /// The administrator sets the state of a target port group: every nexus hears of another one (SPC-4 5.15.2.8).
    pub fn set_access(&mut self, target: usize, access: Access) {
        if std::mem::replace(&mut self.access[target], access) != access {
            (0..UNITS).for_each(|unit| self.raise(unit, (0x2A, 0x06), |_| true));
        }
    }

    /// The handler of a unit dies: what it had comes again, what was aborted is over.
    pub fn handler_dies(&mut self, unit: usize) {
        for (nexus, serial) in self.select(|task| task.unit == unit && task.state == State::Running) {
            let of = |task: &Task| (task.nexus, task.serial) == (nexus, serial);
            let Some(place) = self.tasks.iter().position(of) else { continue };
            match self.tasks[place].aborted {
                None => self.sights.push(Sight::Execute { nexus, serial }),
                Some(how) => {
                    let task = self.tasks.remove(place);
                    self.gone(&task, how);
                    self.after(nexus, serial);
                }
            }
        }
        self.run(unit);
    }

    /// Nexuses that have a session.
    pub fn sessions(&self) -> Vec<usize> {
        (0..NEXUSES).filter(|nexus| self.is_open(*nexus)).collect()
    }
}
