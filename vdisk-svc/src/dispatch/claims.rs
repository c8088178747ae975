//! Commands that need blocks to themselves, and those that wait for them. See [`crate::unit::claims`] and
//! [`crate::unit::under_way`].

use scsi::command::Command;
use scsi::units::{Blocks, Lba};

use super::Dispatch;
use crate::execute::{self, Step};
use crate::sbc::provisioning;
use crate::slots::SlotId;
use crate::stats::Counter;
use crate::task::{Stage, Task};
use crate::unit::Unit;
use crate::unit::claims::{Range, Use};
use crate::units::UnitId;

/// Whether a command needs its blocks to itself.
#[inline]
pub(super) fn is_exclusive(task: &Task) -> bool {
    matches!(task.command, Ok(Command::CompareAndWrite(_) | Command::OrWrite(_) | Command::WriteAtomic(_)))
}

/// Whether a command writes, and is executed again when it comes again and how it ended is not known.
#[inline]
pub(super) fn is_repeated_write(task: &Task) -> bool {
    use Command::{Unmap, Write, WriteAndVerify, WriteSame};
    matches!(task.command, Ok(Write(_) | WriteAndVerify(_) | WriteSame(_) | Unmap(_)))
}

fn how(task: &Task) -> Use {
    match task {
        task if is_exclusive(task) => Use::Alone,
        task if is_repeated_write(task) => Use::Writes,
        _ => Use::Reads,
    }
}

/// Whether a command has to wait for one that is under way.
#[cold]
pub(super) fn meets_under_way(task: &Task, unit: &mut Unit) -> bool {
    let how = how(task);
    match task.command {
        Ok(Command::Read(range) | Command::Write(range)) => {
            unit.under_way.excludes(&run(range.lba, range.blocks), how)
        }
        _ => ranges(task, unit).iter().any(|range| unit.under_way.excludes(range, how)),
    }
}

fn run(lba: Lba, blocks: Blocks) -> Range {
    lba.0..lba.0.saturating_add(blocks.0)
}

/// The blocks that a command reads or writes; none for one that is about other things. Those of an UNMAP stand in its
/// parameter list; one that is wrong unmaps nothing.
fn ranges(task: &Task, unit: &mut Unit) -> Vec<Range> {
    let one = |lba: Lba, blocks: Blocks| vec![run(lba, blocks)];
    let Ok(command) = task.command else { return Vec::new() };
    match command {
        Command::Read(range)
        | Command::Write(range)
        | Command::OrWrite(range)
        | Command::CompareAndWrite(range) => one(range.lba, range.blocks),
        Command::Verify(request) | Command::WriteAndVerify(request) => {
            one(request.range.lba, request.range.blocks)
        }
        Command::WriteAtomic(request) => one(request.range.lba, request.range.blocks),
        Command::WriteSame(request) => one(request.lba, request.blocks),
        Command::Unmap(request) => {
            let ranges = provisioning::ranges(task, unit, &request).unwrap_or_default();
            ranges.into_iter().map(|(lba, blocks)| run(lba, blocks)).collect()
        }
        _ => Vec::new(),
    }
}

impl Dispatch {
    /// Begins a task where blocks are claimed, or lets it wait.
    #[cold]
    pub(super) fn execute_claimed(&mut self, task: Task) {
        let (id, how) = (task.unit, how(&task));
        let ranges = ranges(&task, self.units.get(id));
        if !self.units.get(id).claims.busy() {
            self.enter_running(id);
        }
        let slot = self.slots.insert(task);
        let claims = &mut self.units.get(id).claims;
        if ranges.is_empty() || claims.enter(slot, ranges, how) {
            self.start(slot);
        } else {
            self.slots.get(slot).stage = Stage::Blocked;
        }
    }

    /// The first claim: commands that run already have theirs, too.
    fn enter_running(&mut self, id: UnitId) {
        let unit = self.units.get(id);
        if unit.running == 0 {
            return;
        }
        for (slot, task) in self.slots.iter_mut().filter(|(_, task)| task.unit == id) {
            let ranges = if task.stage == Stage::Waiting { Vec::new() } else { ranges(task, unit) };
            if !ranges.is_empty() {
                unit.claims.running(slot, ranges, how(task));
            }
        }
    }

    /// Begins a task that is in a slot.
    fn start(&mut self, slot: SlotId) {
        let task = self.slots.get(slot);
        let unit = self.units.get(task.unit);
        unit.running += 1;
        self.counters.add(Counter::Deferred, 1);
        let step = execute::begin(task, unit, &mut self.notebook);
        self.note_under_way(slot, &step);
        self.take(slot, step);
    }

    /// The command in a slot has begun: if it reads or writes and is not over, its blocks are noted.
    #[inline]
    pub(super) fn note_under_way(&mut self, slot: SlotId, step: &Step) {
        let task = self.slots.get(slot);
        let how = how(task);
        // One that has its blocks to itself has claimed them.
        if matches!(step, Step::Done(_)) || how == Use::Alone {
            return;
        }
        let unit = self.units.get(task.unit);
        match task.command {
            Ok(Command::Read(range) | Command::Write(range)) => {
                unit.under_way.begin(slot, run(range.lba, range.blocks), how);
            }
            _ => ranges(task, unit).into_iter().for_each(|range| unit.under_way.begin(slot, range, how)),
        }
    }

    /// Begins what waited for blocks that are free now.
    pub(super) fn serve_claims(&mut self) {
        while let Some(id) = self.claims_due.pop() {
            while let Some(slot) = self.units.get(id).claims.grant() {
                self.start(slot);
            }
        }
    }

    /// Takes out tasks of a unit that wait for blocks.
    pub(super) fn drop_blocked(&mut self, id: UnitId, mut chosen: impl FnMut(&Task) -> bool) -> Vec<Task> {
        let mut dropped = Vec::new();
        for slot in self.units.get(id).claims.waiting() {
            if chosen(self.slots.get(slot)) {
                dropped.push(self.slots.remove(slot));
                if self.units.get(id).claims.release(slot) {
                    self.claims_due.push(id);
                }
            }
        }
        dropped
    }

    /// The same for all units.
    pub(super) fn drop_all_blocked(&mut self, chosen: impl Fn(&Task) -> bool) -> Vec<Task> {
        let busy: Vec<UnitId> =
            self.units.iter_mut().filter(|(_, unit)| unit.claims.busy()).map(|(id, _)| id).collect();
        busy.into_iter().flat_map(|id| self.drop_blocked(id, &chosen)).collect()
    }
}
