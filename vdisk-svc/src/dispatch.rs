//! Between a task and what it waits for: the unit's gate, time, the engine, a sync.
//!
//! A task that is over at once never enters a slot. One that is not takes a slot and goes from [`Step`] to [`Step`] until
//! it is done; it is in one place at a time, and its [`Stage`] says which. Nothing here blocks.

mod changes;
mod claims;
mod ends;
mod sync;
mod work;

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

use ipc::message::Event as Word;
use scsi::sense::Sense;

use crate::bounce::{self, Bounce};
use crate::buffers::{self, Buffers};
use crate::clerk::Clerk;
use crate::engine::{Engine, Finished, Job};
use crate::execute::{self, Event, Step};
use crate::links::Links;
use crate::notebook::Notebook;
use crate::slots::{SlotId, Slots};
use crate::stats::{Counter, Counters};
use crate::task::{Outcome, Stage, Task};
use crate::timers::Timers;
use crate::unit::Unit;
use crate::units::{UnitId, Units};

/// Everything that tasks run on.
pub struct Dispatch {
    /// The logical units.
    pub units: Units,
    /// The links to core-svc.
    pub links: Links,
    /// The statistics page.
    pub counters: Counters,
    /// What outlives this process.
    pub notebook: Notebook,
    /// What the administrator has to know.
    pub notes: Vec<String>,
    /// What the supervisor is to be told besides.
    pub events: Vec<Word>,
    /// Bytes that were moved for answers that are not visible yet.
    pub unsent_bytes: usize,
    /// A peer has to be told of a unit.
    reports_due: bool,
    engine: Engine,
    bounce: Bounce,
    clerk: Clerk,
    slots: Slots,
    timers: Timers,
    buffers: Buffers,
    /// Work that waits for a buffer, or for room in the notebook.
    wanting: VecDeque<SlotId>,
    /// A command of that kind has ended: what it had is free.
    freed: bool,
    /// Units on which a command may wait for the blocks of one that is over.
    claims_due: Vec<UnitId>,
    /// Units on which a command may wait for the end of one that is over.
    turns: Vec<UnitId>,
    /// Units whose medium is not ours yet.
    opening: usize,
    /// Units that commands wait for because they change.
    changing: usize,
    /// Units whose begun writes are being finished.
    finishing: usize,
    /// When sizes are to be looked at again.
    sizes_due: Option<Instant>,
    /// How long commands may wait for a medium.
    hold: Duration,
}

impl Dispatch {
    /// Nothing to do yet. `slots` is how many tasks can be under way, `memory` the bytes for data of theirs.
    pub fn new(engine: Engine, clerk: Clerk, slots: usize, hold: Duration, memory: u64) -> Self {
        Self {
            units: Units::default(),
            links: Links::default(),
            counters: Counters::default(),
            notebook: Notebook::default(),
            notes: Vec::new(),
            events: Vec::new(),
            unsent_bytes: 0,
            reports_due: false,
            engine,
            bounce: Bounce::new(memory - buffers::share(memory).min(memory)),
            clerk,
            slots: Slots::new(slots),
            timers: Timers::default(),
            buffers: Buffers::new(buffers::share(memory)),
            wanting: VecDeque::new(),
            freed: false,
            claims_due: Vec::new(),
            turns: Vec::new(),
            opening: 0,
            changing: 0,
            finishing: 0,
            sizes_due: None,
            hold,
        }
    }

    /// The engine.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The clerk.
    pub fn clerk(&self) -> &Clerk {
        &self.clerk
    }

    /// Whether one more task could be taken.
    #[inline]
    pub fn has_room(&self) -> bool {
        !self.slots.is_full()
    }

    /// Whether no task is left.
    pub fn is_idle(&self) -> bool {
        self.slots.used() == 0
    }

    /// Adds a unit; an older one of the same number takes no more commands, and hands those at its gate over.
    pub fn add_unit(&mut self, mut unit: Unit) {
        self.notes.extend(unit.remember(&self.notebook));
        self.opening += usize::from(unit.next_try().is_some());
        let (id, older) = self.units.insert(unit);
        let Some(older) = older else { return };
        let old = self.units.get(older);
        self.opening -= usize::from(old.next_try().is_some());
        self.changing -= usize::from(old.is_changing());
        self.finishing -= usize::from(old.is_finishing());
        let mut waiting = std::mem::take(&mut old.waiting);
        old.replace();
        let blocked = self.drop_blocked(older, |_| true);
        while let Some(slot) = self.slots.pop(&mut waiting) {
            let mut task = self.slots.remove(slot);
            task.unit = id;
            self.begin(task);
        }
        for mut task in blocked {
            task.unit = id;
            self.begin(task);
        }
    }

    /// Begins a task, or lets it wait at its unit's gate. There must be room.
    #[inline]
    pub fn begin(&mut self, mut task: Task) {
        let unit = self.units.get(task.unit);
        if unit.gate_closed() || !unit.waiting.is_empty() {
            task.stage = Stage::Waiting;
            let slot = self.slots.insert(task);
            self.slots.push(&mut unit.waiting, slot);
            return;
        }
        self.execute(task);
    }

    #[inline]
    fn execute(&mut self, mut task: Task) {
        if task.recorded
            && task.again
            && let Some(outcome) = self.notebook.outcome(task.identity.name())
        {
            self.answer(&task, &outcome);
            return;
        }
        if task.again && self.tell_again(&task) {
            return;
        }
        let unit = self.units.get(task.unit);
        if task.medium != 0 && task.medium != unit.report().generations.medium_number() {
            // It was on its way while the medium was changed, and what it is about is gone.
            let outcome = Outcome::check(unit.medium_changed());
            self.answer(&task, &outcome);
            return;
        }
        if unit.claims.busy()
            || claims::is_exclusive(&task)
            || (!unit.under_way.is_empty() && claims::meets_under_way(&task, unit))
        {
            self.execute_claimed(task);
            return;
        }
        match execute::begin(&mut task, unit, &mut self.notebook) {
            Step::Done(outcome) => self.answer(&task, &outcome),
            step => {
                unit.running += 1;
                self.counters.add(Counter::Deferred, 1);
                let slot = self.slots.insert(task);
                self.note_under_way(slot, &step);
                self.take(slot, step);
            }
        }
    }

    /// Has core-svc told of units that it does not know, or not as they are now.
    pub fn tell_soon(&mut self) {
        self.reports_due = true;
    }

    /// Whether there was no room to tell everything.
    pub fn tells_later(&self) -> bool {
        self.reports_due
    }

    /// Tells every peer of every unit that it does not know as it is now.
    #[cold]
    fn send_reports(&mut self) {
        self.keep_changes();
        let Self { units, links, .. } = self;
        let mut all = true;
        for index in 0..links.count() {
            let reports = units.current().map(|(place, unit)| {
                let (version, reply) = unit.told();
                (place, version, reply)
            });
            all &= links.tell(index, reports);
        }
        self.reports_due = !all;
    }

    /// Notes what has changed of units before anybody hears of it. The report goes first: a successor that has a report of a
    /// change and not the change tells of it once too often, and the other way round nobody would be told.
    fn keep_changes(&mut self) {
        let Self { units, notebook, notes, .. } = self;
        for (_, unit) in units.iter_mut() {
            for (topic, bytes) in unit.take_unkept() {
                if let Err(error) = notebook.keep(unit.number(), topic, bytes) {
                    notes.push(format!("device {}: {error}", unit.name()));
                }
            }
        }
    }

    /// Does what a step asks for.
    fn take(&mut self, slot: SlotId, step: Step) {
        let task = self.slots.get(slot);
        match step {
            Step::Done(outcome) => {
                let task = self.slots.remove(slot);
                self.ended(slot, &task, &outcome);
            }
            Step::Later(time) => {
                task.stage = Stage::Delayed;
                self.timers.set(Instant::now() + time, slot);
            }
            Step::Engine => {
                task.stage = Stage::Moving;
                match moving(task, self.units.get(task.unit)) {
                    Some(job) => self.submit(slot, job),
                    None => self.take(slot, Step::Done(Outcome::check(Sense::internal_target_failure()))),
                }
            }
            Step::Sync => {
                task.stage = Stage::Syncing;
                let id = task.unit;
                let syncs = &mut self.units.get(id).syncs;
                self.slots.push(&mut syncs.next, slot);
                if syncs.running.is_empty() {
                    self.start_sync(id);
                }
            }
            Step::SyncAnswered(outcome) => {
                let task = self.slots.remove(slot);
                self.answer(&task, &outcome);
                let slot = self.slots.insert(Task { answered: true, ..task });
                self.take(slot, Step::Sync);
            }
            Step::Errand(errand) => {
                task.stage = Stage::Errand;
                if let Err(error) = self.clerk.submit(slot, errand) {
                    self.resume(slot, Event::Errand(Err(error)));
                }
            }
            Step::Work(work) => {
                task.work = Some(work);
                self.drive(slot, None);
            }
            Step::Turn => {
                task.stage = Stage::Turn;
                let waiting = &mut self.units.get(task.unit).settings.waiting;
                self.slots.push(waiting, slot);
            }
        }
    }

    fn submit(&mut self, slot: SlotId, job: Job) {
        let unit = self.slots.get(slot).unit;
        let align = self.units.get(unit).backend().and_then(|backend| backend.direct());
        let way = match align {
            Some(align) => self.bounce.pass(slot, job, align),
            None => bounce::Way::Clear(job),
        };
        match way {
            bounce::Way::Clear(job) => {
                self.counters.add(Counter::Jobs, 1);
                self.engine.submit(slot, job);
            }
            bounce::Way::Waits => self.counters.add(Counter::Waited, 1),
            bounce::Way::Failed(error) => self.resume(slot, Event::Moved(Err(error))),
        }
    }

    /// A transfer is over that went by memory of our own, or may have.
    fn bring_home(&mut self, slot: SlotId, result: io::Result<usize>) -> io::Result<usize> {
        let (result, next) = self.bounce.home(slot, result);
        if let Some((slot, job)) = next {
            self.submit(slot, job);
        }
        result
    }

    fn resume(&mut self, slot: SlotId, event: Event) {
        let task = self.slots.get(slot);
        if task.work.is_some() {
            return self.drive(slot, Some(event));
        }
        let step = execute::resume(task, self.units.get(task.unit), &mut self.notebook, event);
        self.take(slot, step);
    }

    /// Takes what the engine has finished. True if there was anything.
    #[inline]
    pub fn reap(&mut self) -> bool {
        let mut worked = false;
        while let Some(Finished { slot, result }) = self.engine.reap() {
            worked = true;
            let task = self.slots.get(slot);
            if task.stage == Stage::Syncing {
                let id = task.unit;
                self.sync_ended(id, result.map(|_| ()));
            } else {
                let result = if self.bounce.is_used() { self.bring_home(slot, result) } else { result };
                self.resume(slot, Event::Moved(result));
            }
        }
        while let Some((slot, result)) = self.clerk.reap() {
            worked = true;
            if let Err(error) = &result {
                let name = self.units.get(self.slots.get(slot).unit).name();
                self.notes.push(format!("device {name}: a file of its state could not be written: {error}"));
            }
            self.resume(slot, Event::Errand(result));
        }
        if !self.turns.is_empty() {
            worked = true;
            self.give_turns();
        }
        if self.freed || !self.claims_due.is_empty() {
            worked = true;
            self.serve_waiting();
        }
        worked
    }

    /// Does what is due: timers, and media that are not ours yet. True if there was anything.
    #[inline]
    pub fn tick(&mut self) -> bool {
        if self.opening + self.changing + self.finishing == 0 && self.timers.next().is_none() {
            return false;
        }
        self.tick_at(Instant::now())
    }

    fn tick_at(&mut self, now: Instant) -> bool {
        let mut worked = false;
        while let Some(slot) = self.timers.due(now) {
            worked = true;
            let task = self.slots.get(slot);
            match task.stage {
                Stage::Syncing => {
                    let id = task.unit;
                    self.submit_sync(id, slot);
                }
                _ => self.resume(slot, Event::Time),
            }
        }
        if self.opening > 0 {
            worked |= self.open_media(now);
        }
        if self.changing > 0 {
            worked |= self.go_on_changing();
        }
        if self.finishing > 0 {
            worked |= self.go_on_finishing();
        }
        worked
    }

    fn open_media(&mut self, now: Instant) -> bool {
        let mut tried = Vec::new();
        for (id, unit) in self.units.iter_mut() {
            if unit.next_try().is_some_and(|at| at <= now) {
                self.notes.extend(unit.try_open(now, self.hold));
                tried.push(id);
            }
        }
        self.opening = self.units.iter_mut().filter(|(_, unit)| unit.next_try().is_some()).count();
        for id in &tried {
            // What the kernel has not told to anybody yet, it tells who opens the file next.
            let note = self.units.get(*id).look_for_loss();
            self.notes.extend(note);
            if !self.redo(*id) {
                self.resume_operation(*id);
                self.open_gate(*id);
            }
        }
        !tried.is_empty()
    }

    /// Lets the tasks at a gate in, in order, if it is open.
    fn open_gate(&mut self, id: UnitId) {
        loop {
            let unit = self.units.get(id);
            if unit.gate_closed() {
                return;
            }
            let Some(slot) = self.slots.pop(&mut unit.waiting) else { return };
            let task = self.slots.remove(slot);
            self.execute(task);
        }
    }

    /// When [`tick`](Self::tick) is due.
    pub fn next_tick(&mut self) -> Option<Instant> {
        let mut next = self.timers.next();
        if self.changing + self.finishing > 0 {
            let look = Instant::now() + changes::LOOK;
            next = Some(next.map_or(look, |next| next.min(look)));
        }
        if self.opening == 0 {
            return next;
        }
        self.units.iter_mut().filter_map(|(_, unit)| unit.next_try()).chain(next).min()
    }

    /// Begins what the engine was given, answers fences that are due, and makes all answers visible.
    #[inline]
    pub fn flush(&mut self) {
        self.engine.flush();
        if self.reports_due {
            self.send_reports();
        }
        self.links.answer_fences();
        self.counters.set(Counter::InSlots, self.slots.used() as u64);
        self.links.flush();
        self.unsent_bytes = 0;
    }
}

/// The job for what a task has left to move.
fn moving(task: &Task, unit: &mut Unit) -> Option<Job> {
    let transfer = task.transfer.as_ref()?;
    let file = unit.backend()?.file()?.clone();
    Some(Job {
        op: transfer.op(),
        file,
        offset: transfer.offset + transfer.done as u64,
        spans: task.data.clone(),
        skip: transfer.done,
        len: transfer.next_try(),
    })
}
