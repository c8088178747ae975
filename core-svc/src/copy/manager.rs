//! A copy from its parameter list to its outcome: its turn comes, its units are found, segments are processed one after the
//! other, it ends. [`super::pump`] moves the blocks of a segment.

use ipc::message::record::request_flags;
use scsi::asc::Asc;
use scsi::cdb::Cdb;
use scsi::command::Command;
use scsi::extended_copy::failure::CopyAborted;
use scsi::extended_copy::results::CONCURRENT_COPIES;
use scsi::extended_copy::{ListIdUsage, MOST_BYTES, ParameterList, target_field};
use scsi::opcode::number::EXTENDED_COPY;
use scsi::sense::{Sense, SenseBytes};

use crate::core::Core;
use crate::nexus::Nexus;
use crate::notebook::Part;
use crate::settle::Outcome;
use crate::task::{Stage, Task, TaskId};

use super::kept::{Held, Pocket, Progress};
use super::segment::Run;
use super::{Copy, Failure, Phase, Place};

/// Where DISK BLOCK LENGTH is in a target descriptor.
const DISK_BLOCK_LENGTH: usize = 29;

impl Core {
    /// A copy is to be executed: it begins when its turn comes.
    pub(crate) fn begin_copy(&mut self, id: TaskId) {
        self.copies.waiting.push_back(id);
        self.copies.stirred = true;
    }

    /// Whether the task is EXTENDED COPY.
    pub(crate) fn is_copy(task: &Task) -> bool {
        task.opcode.code == EXTENDED_COPY
    }

    /// Whether commands of a former core's copies may still be using the copy arena, or the units.
    pub(crate) fn copies_may_run_elsewhere(&self) -> bool {
        !self.handlers.iter().all(|handler| handler.is_quiet())
    }

    /// Does what copies have to do. True if there was anything.
    pub(crate) fn run_copies(&mut self) -> bool {
        let mut any = false;
        while self.copies.stirred || !self.copies.ended.is_empty() {
            any = true;
            self.copies.stirred = false;
            while let Some((step, answer)) = self.next_ended() {
                self.step_ended(step, answer);
            }
            self.start_waiting();
            self.advance_all();
            self.run_ready();
        }
        any
    }

    /// Begins copies for which there is room. None begins as long as a former core's may still be running.
    fn start_waiting(&mut self) {
        if self.copies.waiting.is_empty() {
            return;
        }
        let elsewhere = self.copies_may_run_elsewhere();
        for id in self.copies.waiting.clone() {
            let over =
                |task: &Task| task.aborted && !(elsewhere && task.request.flags & request_flags::AGAIN != 0);
            if self.tasks.get(id).is_none_or(over) {
                self.copies.waiting.retain(|known| *known != id);
                self.over(id, &Outcome::aborted());
            }
        }
        if elsewhere {
            return;
        }
        while self.copies.running.len() < usize::from(CONCURRENT_COPIES) {
            let Some(id) = self.copies.waiting.pop_front() else { break };
            if let Err(outcome) = self.start_copy(id) {
                self.over(id, &outcome);
            }
        }
    }

    /// Takes the parameter list of a copy and begins it; or the outcome that it ends with on the spot.
    fn start_copy(&mut self, id: TaskId) -> Result<(), Box<Outcome>> {
        let Some(task) = self.tasks.get(id) else { return Ok(()) };
        if task.aborted {
            return Err(Box::new(Outcome::aborted()));
        }
        let (nexus, serial, unit, flags) = (task.nexus, task.request.serial, task.unit, task.request.flags);
        let refuse = |sense| Box::new(Outcome::check(sense));
        let bytes = self.parameter_list(task).map_err(refuse)?;
        if bytes.is_empty() {
            return Err(Box::new(Outcome::good(0, 0)));
        }
        let list = ParameterList::parse(&bytes).map_err(refuse)?;
        let same_list = |copy: &Copy| {
            copy.nexus == nexus
                && copy.unit == unit
                && copy.list.list_id == list.list_id
                && copy.list.usage != ListIdUsage::Disable
        };
        if list.usage != ListIdUsage::Disable && self.copies.running.iter().any(same_list) {
            return Err(refuse(Sense::illegal_request(Asc::OPERATION_IN_PROGRESS)));
        }
        if self.copies.memory.is_none() {
            return Err(refuse(Sense::illegal_request(Asc::INSUFFICIENT_RESOURCES)));
        }
        let mut resumes = None;
        if let Some(nexus) = self.nexuses.get_mut(nexus) {
            if nexus.copies.release(unit, list.list_id) {
                self.touched.push((Part::CopyResults, nexus.wide, 0));
            }
            resumes = nexus.copies.progress(serial).filter(|_| flags & request_flags::AGAIN != 0);
        }
        if resumes.is_some_and(|progress| progress.segment as usize >= list.segments.len()) {
            // Nobody ever noted that of this list.
            return Err(refuse(Sense::aborted_command(Asc::IO_PROCESS_TERMINATED)));
        }
        self.copies.next_key += 1;
        self.copies.directory.retry_silent();
        self.copies.running.push(Copy {
            key: self.copies.next_key,
            task: id,
            nexus,
            serial,
            unit,
            places: vec![Place::Unknown; list.targets.len()],
            list,
            list_bytes: bytes.len() as u32,
            phase: Phase::Resolving,
            segment: resumes.map_or(0, |progress| progress.segment as usize),
            run: None,
            resumes,
            pocket: resumes.and_then(|progress| progress.pocket),
            written: resumes.map_or(0, |progress| progress.written),
            outstanding: 0,
            failed: None,
        });
        Ok(())
    }

    /// The bytes of the parameter list, as many as the CDB speaks of.
    fn parameter_list(&self, task: &Task) -> Result<Vec<u8>, Sense> {
        let cdb = Cdb::new(task.request.cdb().unwrap_or_default())?;
        let Ok(Command::ExtendedCopy { parameter_list_length }) = Command::decode(&cdb) else {
            return Err(Sense::internal_target_failure());
        };
        let too_short = Sense::illegal_request(Asc::PARAMETER_LIST_LENGTH_ERROR);
        let wanted = parameter_list_length as usize;
        if wanted > MOST_BYTES {
            return Err(too_short);
        }
        let mut bytes = vec![0; wanted];
        let mut filled = 0;
        let (out, _) = task.request.extents().unwrap_or_default();
        for extent in out {
            let (Some(arena), Ok(checked)) = (self.arenas.get(extent.arena), self.arenas.check(*extent))
            else {
                return Err(Sense::internal_target_failure());
            };
            filled += arena.read(checked, &mut bytes[filled..]);
        }
        if filled < wanted { Err(too_short) } else { Ok(bytes) }
    }

    /// Goes on with every copy as far as it can go. They take turns in getting memory.
    fn advance_all(&mut self) {
        let keys: Vec<u64> = self.copies.running.iter().map(|copy| copy.key).collect();
        self.copies.turn = self.copies.turn.wrapping_add(1);
        let first = self.copies.turn % keys.len().max(1);
        for key in keys[first..].iter().chain(&keys[..first]) {
            self.advance(*key);
        }
        // Each has begun one chunk at a time, as long as there is memory.
        while keys.iter().fold(false, |any, key| self.pump(*key) | any) {}
    }

    /// Goes on with a copy up to where blocks are moved.
    fn advance(&mut self, key: u64) {
        let Some(at) = self.copies.running.iter().position(|copy| copy.key == key) else { return };
        let copy = &self.copies.running[at];
        let aborted = self.tasks.get(copy.task).is_none_or(|task| task.aborted);
        if aborted || copy.failed.is_some() {
            if copy.outstanding == 0 {
                self.end_copy(at, aborted);
            }
            return;
        }
        if copy.phase == Phase::Resolving && self.resolve(at) {
            self.copies.running[at].phase = Phase::Measuring;
            self.measure(key);
        }
        let Some(copy) = self.copies.find(key) else { return };
        let measured = !copy.places.iter().any(|place| matches!(place, Place::Found { .. }));
        if copy.phase == Phase::Measuring && measured && copy.outstanding == 0 {
            copy.phase = Phase::Copying;
            if let Some(sense) = wrong_block_length(copy) {
                copy.failed = Some(Failure::List(sense));
                self.copies.stirred = true;
            }
        }
    }

    /// Asks how large the units of a copy are.
    fn measure(&mut self, key: u64) {
        let Some(copy) = self.copies.find(key) else { return };
        let found = copy.places.iter().enumerate().filter_map(|(target, place)| match place {
            Place::Found { unit, .. } => Some((target, *unit)),
            _ => None,
        });
        let found: Vec<(usize, u32)> = found.collect();
        for (target, unit) in found {
            if !self.ask_capacity(unit, key, target) {
                // No page is free: it is asked for again in the next round.
                if let Some(copy) = self.copies.find(key) {
                    copy.phase = Phase::Resolving;
                }
                return;
            }
        }
    }

    /// Begins the next segment that moves something; ends the copy after the last. True: there is one.
    pub(super) fn begin_segment(&mut self, key: u64) -> bool {
        let Some(copy) = self.copies.find(key) else { return false };
        loop {
            if copy.segment >= copy.list.segments.len() {
                if let Some(at) = self.copies.running.iter().position(|copy| copy.key == key) {
                    self.end_copy(at, false);
                }
                return false;
            }
            let held = copy.pocket.map_or(0, |pocket| pocket.len);
            match Run::new(&copy.list, &copy.places, copy.segment, held) {
                Ok(None) => {
                    copy.segment += 1;
                    copy.pocket.iter_mut().for_each(|pocket| pocket.len = 0);
                }
                Ok(Some(run)) => {
                    let keeps = run.left > 0 && copy.pocket.is_none();
                    if keeps && !self.take_pocket(key) {
                        return false;
                    }
                    let Some(copy) = self.copies.find(key) else { return false };
                    copy.run = Some(run);
                    return true;
                }
                Err(failure) => {
                    self.fail_copy(key, *failure);
                    return false;
                }
            }
        }
    }

    /// Takes memory for what segments leave over. False: none is free, or the copy fails.
    fn take_pocket(&mut self, key: u64) -> bool {
        let Some(memory) = &mut self.copies.memory else { return false };
        let (chunk, ever) = (memory.take_pocket(), memory.has_pockets());
        let Some(copy) = self.copies.find(key) else { return false };
        copy.pocket = chunk.map(|chunk| Pocket { chunk, slot: 0, len: 0, tail: false });
        let segment = copy.segment as u16;
        if !ever {
            self.fail_copy(key, CopyAborted::new(Asc::INSUFFICIENT_RESOURCES, segment));
        }
        chunk.is_some()
    }

    /// The copy ends with this as soon as none of its commands is left.
    pub(super) fn fail_copy(&mut self, key: u64, failure: CopyAborted) {
        if let Some(copy) = self.copies.find(key).filter(|copy| copy.failed.is_none()) {
            copy.failed = Some(Failure::Segment(failure));
        }
        self.copies.stirred = true;
    }

    /// The sense data that a copy sent to `unit` ends with.
    fn sense_of(&self, unit: u32, failure: Failure, run: Option<&Run>) -> SenseBytes {
        let unit = self.units.get(unit as usize).and_then(Option::as_ref);
        let descriptor = unit.is_some_and(|unit| unit.report.control.d_sense);
        match failure {
            Failure::List(sense) => sense.encode(descriptor),
            Failure::Segment(failure) => {
                CopyAborted { residue: run.and_then(Run::residue), ..failure }.encode(descriptor)
            }
        }
    }

    /// A copy of whose commands none is left ends.
    fn end_copy(&mut self, at: usize, aborted: bool) {
        let copy = self.copies.running.remove(at);
        self.copies.stirred = true;
        if let (Some(run), Some(memory)) = (&copy.run, &mut self.copies.memory) {
            run.chunks.iter().for_each(|chunk| memory.give(chunk.memory));
        }
        if let (Some(pocket), Some(memory)) = (copy.pocket, &mut self.copies.memory) {
            memory.give(pocket.chunk);
        }
        let mut outcome = Outcome::good(copy.list_bytes, copy.list_bytes);
        let sense = copy.failed.map(|failure| self.sense_of(copy.unit, failure, copy.run.as_ref()));
        if let Some(sense) = sense {
            outcome = Outcome { sense: Some(sense), ..Outcome::check(Sense::internal_target_failure()) };
        }
        if aborted {
            outcome = Outcome::aborted();
        } else if copy.list.usage == ListIdUsage::Hold
            && let Some(nexus) = self.nexuses.get_mut(copy.nexus)
        {
            self.touched.push((Part::CopyResults, nexus.wide, 0));
            nexus.copies.hold(Held {
                unit: copy.unit,
                list_id: copy.list.list_id,
                segments: copy.segment as u16,
                written: copy.written + copy.run.as_ref().map_or(0, Run::done),
                sense: sense.as_ref().map(SenseBytes::as_slice).unwrap_or_default().to_vec(),
            });
        }
        self.over(copy.task, &outcome);
    }

    /// A copy that began, or was to begin, is over: its outcome is kept together with the end of its progress.
    fn over(&mut self, id: TaskId, outcome: &Outcome) {
        let Some(task) = self.tasks.get(id) else { return };
        let (nexus, serial) = (task.nexus, task.request.serial);
        self.forget_progress(nexus, serial);
        if !outcome.aborted {
            self.record(nexus, serial, outcome);
        }
        self.end(id, outcome);
    }

    /// Notes how far a copy has come, for the case that the core dies.
    pub(super) fn note_progress(&mut self, nexus: usize, progress: Progress) {
        if let Some(nexus) = self.nexuses.get_mut(nexus) {
            nexus.copies.note(progress);
            self.touched.push((Part::CopyProgress, nexus.wide, progress.serial));
        }
    }

    /// A command will not be copied any more: what a former core had kept for it is free.
    pub(crate) fn forget_progress(&mut self, nexus: usize, serial: u64) {
        let Some(nexus) = self.nexuses.get_mut(nexus) else { return };
        let Some(progress) = nexus.copies.forget(serial) else { return };
        self.touched.push((Part::CopyProgress, nexus.wide, serial));
        self.give_back(&progress);
    }

    /// Memory that a former core's copy had kept data in is free.
    fn give_back(&mut self, progress: &Progress) {
        let Some(memory) = &mut self.copies.memory else { return };
        for chunk in progress.chunks() {
            memory.give(chunk);
            self.copies.stirred = true;
        }
    }

    /// A nexus is gone: so is what a former core had kept of its copies.
    pub(crate) fn forget_copies(&mut self, gone: &Nexus) {
        for progress in gone.copies.running() {
            self.touch((Part::CopyProgress, gone.wide, progress.serial));
            self.give_back(progress);
        }
    }

    /// What was kept of ended copies goes with a reset of the unit that they were sent to.
    pub(crate) fn reset_copy_results(&mut self, unit: u32) {
        for (_, nexus) in self.nexuses.iter_mut() {
            if nexus.copies.reset(unit) {
                self.touched.push((Part::CopyResults, nexus.wide, 0));
            }
        }
    }

    /// Takes up how far a copy had come under a former core. None: it does not fit.
    pub(crate) fn take_up_copy(&mut self, nexus: usize, serial: u64, progress: Progress) -> Option<()> {
        if progress.serial != serial {
            return None;
        }
        // What is in them must stay there until the copy comes again.
        if let Some(chunk) = progress.full {
            self.copies.memory.as_mut()?.take_this(chunk).then_some(())?;
        }
        if let Some(pocket) = progress.pocket {
            let memory = self.copies.memory.as_mut()?;
            if !pocket.is_sound() || !memory.take_this_pocket(pocket.chunk) {
                progress.full.iter().for_each(|chunk| memory.give(*chunk));
                return None;
            }
        }
        self.nexuses.get_mut(nexus)?.copies.note(progress);
        Some(())
    }

    /// A copy is aborted: it ends when the last of its commands has ended. False: it is no copy that waits or runs.
    pub(crate) fn abort_copy(&mut self, id: TaskId) -> bool {
        if !self.copies.holds(id) {
            return false;
        }
        let key = self.copies.running.iter().find(|copy| copy.task == id).map(|copy| copy.key);
        for command in key.map(|key| self.commands_of(key)).unwrap_or_default() {
            self.abort(command);
        }
        self.copies.stirred = true;
        true
    }

    /// Nothing of a former core runs any more: copies can begin, and those that were aborted before they could are over.
    pub(crate) fn copies_after_quiet(&mut self) {
        self.copies.stirred = true;
        if self.copies_may_run_elsewhere() {
            return;
        }
        let over = |task: &Task| task.aborted && Self::is_copy(task) && !matches!(task.stage, Stage::Sent(_));
        for id in self.tasks.select(over) {
            if !self.copies.holds(id) {
                self.end(id, &Outcome::aborted());
            }
        }
    }
}

/// A target descriptor says another block length than its unit has.
fn wrong_block_length(copy: &Copy) -> Option<Sense> {
    let targets = copy.list.targets.iter().zip(&copy.places).enumerate();
    let mut wrong = targets.filter_map(|(index, (target, place))| match place {
        Place::Measured { block_size, device_type, .. }
            if *device_type == target.device_type && *block_size != target.block_length =>
        {
            Some(Sense::invalid_field_in_parameter_list(target_field(index, DISK_BLOCK_LENGTH), None))
        }
        _ => None,
    });
    wrong.next()
}
