//! Ends: of tasks, well or not, of links, and of what a nexus or a reset takes with it.

use ipc::message::record::{Reply, ReplyKind};
use ipc::wait::Waiter;
use scsi::sense::Sense;

use super::Dispatch;
use super::claims::is_repeated_write;
use crate::backend::Way;
use crate::execute::Event;
use crate::failure;
use crate::links::LinkId;
use crate::slots::SlotId;
use crate::spc;
use crate::stats::Counter;
use crate::task::{self, Identity, Outcome, Task};
use crate::unit::Unit;

/// Whether a command began the long operation that is under way on its unit.
fn owns(unit: &Unit, command: Identity) -> bool {
    unit.operation.as_ref().is_some_and(|operation| operation.owner == command.name())
}

impl Dispatch {
    /// Ends a task on a unit that is not there.
    pub fn refuse(&mut self, identity: Identity) {
        let reply = Outcome::check(Sense::lun_not_supported()).reply(identity, false);
        self.counters.add(Counter::Checks, 1);
        self.links.reply(identity.link, &reply);
    }

    /// A unit was reset. The core is told how it is now before it hears that this is done.
    pub fn reset(&mut self, identity: Identity, number: u32) {
        if let Some(unit) = self.units.find(number) {
            self.units.get(unit).reset();
        }
        self.errand_done(ReplyKind::ResetDone, identity, number);
    }

    /// A nexus is over.
    pub fn nexus_lost(&mut self, identity: Identity, number: u32) {
        if let Some(unit) = self.units.find(number) {
            self.units.get(unit).nexus_lost(identity.nexus);
        }
        self.errand_done(ReplyKind::NexusForgotten, identity, number);
    }

    /// A nexus was preempted: PREVENT ALLOW MEDIUM REMOVAL with PREVENT zero is processed for it (SPC-4 5.13.11.5).
    pub fn allow(&mut self, identity: Identity, number: u32) {
        if let Some(unit) = self.units.find(number) {
            self.units.get(unit).allow(identity.nexus);
        }
        self.errand_done(ReplyKind::NexusForgotten, identity, number);
    }

    /// Says what a nexus has still to be told of lost data.
    pub fn deferred_error(&mut self, identity: Identity, number: u32) {
        let mut reply = Reply::new(ReplyKind::DeferredErrorIs, identity.nexus, identity.serial);
        if let Some(unit) = self.units.find(number)
            && self.units.get(unit).owes_loss(identity.nexus)
        {
            let sense = failure::of_lost_data_before();
            let asc = sense.asc;
            reply.sense[..3].copy_from_slice(&[sense.key.code(), asc.code, asc.qualifier]);
            reply.sense_len = 3;
        }
        self.links.reply(identity.link, &reply);
    }

    pub(super) fn errand_done(&mut self, kind: ReplyKind, identity: Identity, number: u32) {
        self.keep_changes();
        if let Some(unit) = self.units.find(number)
            && self.units.get(unit).take_untold()
        {
            self.send_reports();
        }
        self.links.reply(identity.link, &Reply::new(kind, identity.nexus, identity.serial));
    }

    /// Ends a task that has not begun, or only waits for a FORMAT UNIT or SANITIZE, which goes on without it; any other one
    /// ends by itself.
    pub fn abort(&mut self, wanted: Identity) {
        self.let_go_of_operation(wanted);
        for task in self.drop_all_blocked(|task| task.identity == wanted) {
            self.counters.add(Counter::Aborted, 1);
            self.links.reply(task.identity.link, &task::aborted(task.identity));
        }
        let Self { units, slots, links, counters, .. } = self;
        for (_, unit) in units.iter_mut().filter(|(_, unit)| !unit.waiting.is_empty()) {
            slots.sift(
                &mut unit.waiting,
                |task| task.identity != wanted,
                |task| {
                    counters.add(Counter::Aborted, 1);
                    links.reply(task.identity.link, &task::aborted(task.identity));
                },
            );
        }
    }

    /// Nobody waits for a long operation any more: that would take hours.
    fn let_go_of_operation(&mut self, wanted: Identity) {
        let Self { units, slots, links, counters, .. } = self;
        let mut tasks = slots.iter_mut().map(|(_, task)| task);
        let mut waits = tasks
            .find(|task| task.identity == wanted && !task.answered && owns(units.get(task.unit), wanted));
        if let Some(task) = &mut waits {
            (task.answered, task.detached) = (true, true);
            counters.add(Counter::Aborted, 1);
            links.reply(wanted.link, &task::aborted(wanted));
        }
    }

    /// Ends a link. What waits is forgotten, what runs becomes an orphan.
    pub fn retire(&mut self, link: LinkId, waiter: &Waiter) {
        drop(self.drop_all_blocked(|task| task.identity.link == link));
        let Self { units, slots, .. } = self;
        for (_, unit) in units.iter_mut() {
            slots.sift(&mut unit.waiting, |task| task.identity.link != link, |_| {});
        }
        let mut running = 0;
        for (_, task) in slots.iter_mut().filter(|(_, task)| task.identity.link == link) {
            let unit = units.get(task.unit);
            // A long operation has nothing to wait for it: other commands are refused meanwhile, and its own comes again.
            task.detached |= owns(unit, task.identity);
            if !task.orphan && !task.detached {
                task.orphan = true;
                unit.orphans += 1;
                running += 1;
            }
        }
        self.links.retire(link, running, waiter);
    }

    /// The administrator has the service stopped.
    pub fn forgive_losses(&mut self) {
        self.units.iter_mut().for_each(|(_, unit)| unit.forgive_loss());
        self.keep_changes();
    }

    /// Forgets every task that has not begun: the service is to end.
    pub fn forget_waiting(&mut self) {
        drop(self.drop_all_blocked(|_| true));
        let Self { units, slots, .. } = self;
        for (_, unit) in units.iter_mut() {
            slots.sift(&mut unit.waiting, |_| false, |_| {});
        }
    }

    /// A task that had begun is over.
    pub(super) fn ended(&mut self, slot: SlotId, task: &Task, outcome: &Outcome) {
        let unit = self.units.get(task.unit);
        unit.task_ended(task.orphan);
        if unit.claims.busy() && unit.claims.release(slot) {
            self.claims_due.push(task.unit);
        }
        if !unit.under_way.is_empty() {
            unit.under_way.end(slot);
        }
        self.freed |= task.work.is_some() && !self.wanting.is_empty();
        if !self.units.get(task.unit).settings.waiting.is_empty() {
            self.turns.push(task.unit);
        }
        if task.orphan {
            self.note(task, outcome);
            if is_repeated_write(task) {
                let descriptor = self.units.get(task.unit).settings.descriptor_sense;
                self.links.keep(&outcome.reply(task.identity, descriptor));
            }
            self.links.orphan_ended(task.identity.link);
            self.open_gate(task.unit);
        } else if !task.answered {
            self.answer(task, outcome);
        }
    }

    /// Lets the next commands go on that wait for one of their kind to be over.
    #[cold]
    pub(super) fn give_turns(&mut self) {
        while let Some(id) = self.turns.pop() {
            let settings = &mut self.units.get(id).settings;
            if settings.change.is_none()
                && let Some(slot) = self.slots.pop(&mut settings.waiting)
            {
                self.resume(slot, Event::Turn);
            }
        }
    }

    /// Whether a command that comes again has written what it writes, over an older link, and is told so. Others may have written
    /// there since, and nothing may be undone.
    #[cold]
    pub(super) fn tell_again(&mut self, task: &Task) -> bool {
        if !is_repeated_write(task) {
            return false;
        }
        let Some(reply) = self.links.outcome(task.identity.name()) else { return false };
        self.links.remember(task.identity.link, &reply);
        self.links.reply(task.identity.link, &reply);
        true
    }

    #[inline]
    pub(super) fn answer(&mut self, task: &Task, outcome: &Outcome) {
        self.counters.add(Counter::Commands, 1);
        if let Err(sense) = &outcome.result {
            self.counters.add(Counter::Checks, 1);
            self.look_after(task.unit, sense);
            if let Ok(command) = &task.command {
                spc::log::count_error(&mut self.units.get(task.unit).activity, command, sense);
            }
        }
        let unit = self.units.get(task.unit);
        if let Some(transfer) = &task.transfer {
            spc::log::count(&mut unit.activity, transfer.way, transfer.done);
        }
        let descriptor = unit.settings.descriptor_sense;
        // What a command has changed is known to the core before the command's end is.
        if unit.take_untold() {
            self.send_reports();
        }
        if let Some(transfer) = &task.transfer {
            let counter = if transfer.way == Way::In { Counter::ReadBytes } else { Counter::WrittenBytes };
            self.counters.add(counter, transfer.done as u64);
            self.unsent_bytes += transfer.done;
        }
        self.note(task, outcome);
        let reply = outcome.reply(task.identity, descriptor);
        if is_repeated_write(task) {
            self.links.remember(task.identity.link, &reply);
        }
        self.links.reply(task.identity.link, &reply);
    }

    /// Notes the outcome of a command that must not be executed twice, before anybody can see it.
    #[inline]
    pub(super) fn note(&mut self, task: &Task, outcome: &Outcome) {
        if task.recorded {
            let unit = self.units.get(task.unit).number();
            self.notebook.finish(unit, task.identity.name(), *outcome);
        }
    }
}
