//! Syncs of media: one at a time for each unit, shared by all commands that wait for one. See [`crate::unit::Syncs`].

use std::io;
use std::time::Instant;

use super::Dispatch;
use crate::backend::{Backend, Way};
use crate::engine::{Job, Op};
use crate::execute::Event;
use crate::slots::{Queue, SlotId};
use crate::span::Spans;
use crate::stats::Counter;
use crate::units::UnitId;

impl Dispatch {
    /// Starts a sync for all tasks that wait for the next one.
    pub(super) fn start_sync(&mut self, id: UnitId) {
        let unit = self.units.get(id);
        unit.syncs.running = std::mem::take(&mut unit.syncs.next);
        let Some(leader) = unit.syncs.running.first() else { return };
        let plan = unit.backend().map(Backend::plan).unwrap_or_default();
        unit.syncs.fails = plan.fail;
        if plan.die
            && let Some(Backend::Fault(fault)) = unit.backend()
        {
            fault.die(Way::Out, &Spans::default(), 0, 0);
        }
        match plan.delay {
            Some(delay) => self.timers.set(Instant::now() + delay, leader),
            None => self.submit_sync(id, leader),
        }
    }

    pub(super) fn submit_sync(&mut self, id: UnitId, leader: SlotId) {
        self.counters.add(Counter::Syncs, 1);
        let unit = self.units.get(id);
        let file = unit.backend().and_then(|backend| backend.file().cloned());
        match file {
            Some(file) if !unit.syncs.fails => {
                let job = Job { op: Op::Sync, file, offset: 0, spans: Spans::default(), skip: 0, len: 0 };
                self.submit(leader, job);
            }
            _ => self.sync_ended(id, Err(io::Error::from_raw_os_error(libc::EIO))),
        }
    }

    /// A sync is over: so are the tasks that it was for, and those that came meanwhile get their own.
    pub(super) fn sync_ended(&mut self, id: UnitId, result: io::Result<()>) {
        let unit = self.units.get(id);
        if let Err(error) = result {
            self.notes.extend(unit.lose_data(&error));
        }
        let syncs = &mut unit.syncs;
        let kept = !syncs.lost;
        let mut over = std::mem::take(&mut syncs.running);
        if syncs.lost {
            // One more fdatasync could only succeed falsely.
            let mut next = std::mem::take(&mut syncs.next);
            self.end_synced(&mut over, kept);
            self.end_synced(&mut next, kept);
        } else {
            self.end_synced(&mut over, kept);
        }
        let syncs = &self.units.get(id).syncs;
        if syncs.running.is_empty() && !syncs.next.is_empty() {
            self.start_sync(id);
        }
    }

    fn end_synced(&mut self, queue: &mut Queue, kept: bool) {
        while let Some(slot) = self.slots.pop(queue) {
            let task = self.slots.get(slot);
            if !kept && !task.answered {
                // It hears of the loss by its own command.
                self.units.get(task.unit).tell_loss(task.identity.name());
            }
            self.resume(slot, Event::Synced(kept));
        }
    }
}
