//! Moves the blocks of a segment: memory is taken, filled by READ, emptied by WRITE, given back. What it leaves over for the next
//! segment is read before that, into the pocket of the copy.
//!
//! Before each of these commands it is asked whether a command of the copy's own nexus would be let through; the copy manager
//! can do no more than who asks it.

use scsi::asc::Asc;
use scsi::extended_copy::designator::Identity;
use scsi::extended_copy::failure::{CopyAborted, Side, ThirdParty};

use crate::core::Core;
use crate::settle::Outcome;

use super::kept::Progress;
use super::memory::POCKET_READS;
use super::segment::{Chunk, Doing, Order, Run, Tail};
use super::steps::{Answer, Step};
use super::{Phase, Place};

/// Bytes of a segment after which its progress is noted, where that only saves time.
const NOTE_EVERY: u64 = 64 << 20;

impl Core {
    /// Begins one chunk of a copy, or a segment. True: it did, and may do more.
    pub(super) fn pump(&mut self, key: u64) -> bool {
        let Some(copy) = self.copies.find(key) else { return false };
        if copy.phase != Phase::Copying || copy.failed.is_some() {
            return false;
        }
        let (task, nexus) = (copy.task, copy.nexus);
        if self.tasks.get(task).is_none_or(|task| task.aborted) {
            return false;
        }
        let Some(copy) = self.copies.find(key) else { return false };
        match &copy.run {
            None => self.begin_segment(key) && self.segment_begins(key),
            Some(run) if run.is_over() => {
                copy.written += run.bytes;
                copy.segment += 1;
                let left = run.left;
                copy.pocket.iter_mut().for_each(|pocket| pocket.turn(left));
                copy.run = None;
                true
            }
            Some(run) if run.tail == Tail::Wanted => {
                self.read_tail(key, nexus);
                true
            }
            Some(run) if run.wants_chunk() => {
                let source = run.source.unit;
                let Some(memory) = self.copies.memory.as_mut().and_then(|memory| memory.take()) else {
                    return false;
                };
                let Some(run) = self.copies.find(key).and_then(|copy| copy.run.as_mut()) else {
                    return false;
                };
                let chunk = run.next_chunk(memory, Doing::Reading);
                match self.may_read(nexus, source) {
                    Ok(()) => self.read_chunk(key, nexus, &chunk),
                    Err(refused) => self.refuse_copy(key, Side::Source, &refused),
                }
                true
            }
            Some(_) => false,
        }
    }

    /// A segment has begun: takes up where a former core had come to, and notes where this one is.
    fn segment_begins(&mut self, key: u64) -> bool {
        let Some(copy) = self.copies.find(key) else { return false };
        let (resumes, segment, nexus) = (copy.resumes.take(), copy.segment, copy.nexus);
        let Some(run) = &mut copy.run else { return false };
        let Some(progress) = resumes.filter(|progress| progress.segment as usize == segment) else {
            self.note(key, None);
            return true;
        };
        let has_tail = copy.pocket.is_some_and(|pocket| pocket.tail);
        if has_tail {
            run.tail = Tail::Kept;
        }
        let begun = progress.done > 0 || progress.full.is_some();
        if !run.may_be_done(progress.done) || begun && run.tail != Tail::Kept || has_tail && run.left == 0 {
            // This is nothing that was ever noted for this list.
            self.fail_copy(key, CopyAborted::new(Asc::INTERNAL_TARGET_FAILURE, segment as u16));
            return false;
        }
        run.begun = progress.done;
        let Some(memory) = progress.full else { return true };
        if run.order == Order::Free || run.begun == run.bytes {
            self.fail_copy(key, CopyAborted::new(Asc::INTERNAL_TARGET_FAILURE, segment as u16));
            return false;
        }
        // The chunk was set aside when the notebook was read; it holds what must not be read again.
        let chunk = run.next_chunk(memory, Doing::Full);
        let destination = run.destination.unit;
        match self.may_write(nexus, destination) {
            Ok(()) => self.write_chunk(key, &chunk),
            Err(refused) => self.refuse_copy(key, Side::Destination, &refused),
        }
        true
    }

    /// Reads what a segment leaves over for the next one.
    fn read_tail(&mut self, key: u64, nexus: usize) {
        let Some(copy) = self.copies.find(key) else { return };
        let (Some(run), Some(pocket)) = (&mut copy.run, copy.pocket) else { return };
        let ((lba, bytes), _) = run.reads_tail();
        let source = run.source;
        if bytes == 0 {
            return self.keep_tail(key);
        }
        run.tail = Tail::Reading;
        let place = (source.unit, lba, source.block_size);
        match self.may_read(nexus, source.unit) {
            Ok(()) => self.ask_move(place, Side::Source, (key, pocket.chunk, POCKET_READS, bytes), nexus),
            Err(refused) => self.refuse_copy(key, Side::Source, &refused),
        }
    }

    /// What is left over has been read: it is put where the next segment finds it, behind what of it was held already.
    fn keep_tail(&mut self, key: u64) {
        let Some(copy) = self.copies.running.iter_mut().find(|copy| copy.key == key) else { return };
        let (Some(run), Some(pocket), Some(memory)) = (&mut copy.run, &mut copy.pocket, &self.copies.memory)
        else {
            return;
        };
        let ((_, read), skip) = run.reads_tail();
        let held = run.held_in_tail();
        let mut bytes = memory.read(pocket.chunk, pocket.now() + pocket.len - held, held);
        if read > 0 {
            bytes.extend(memory.read(pocket.chunk, POCKET_READS + skip, run.left - held));
        }
        memory.write(pocket.chunk, pocket.next(), &bytes);
        (run.tail, pocket.tail) = (Tail::Kept, true);
        self.note(key, None);
    }

    fn read_chunk(&mut self, key: u64, nexus: usize, chunk: &Chunk) {
        let Some(copy) = self.copies.running.iter().find(|copy| copy.key == key) else { return };
        let Some(run) = &copy.run else { return };
        let (part, source, held) = (run.reads(chunk), run.source, run.held_in(chunk));
        if let (Some(pocket), Some(memory), 1..) = (copy.pocket, &self.copies.memory, held) {
            // Held data is at the very start of a segment only.
            memory.write(chunk.memory, 0, &memory.read(pocket.chunk, pocket.now(), held));
        }
        if part.bytes == 0 {
            return self.filled(key, nexus, chunk);
        }
        let place = (source.unit, part.lba, source.block_size);
        self.ask_move(place, Side::Source, (key, chunk.memory, part.offset, part.bytes), nexus);
    }

    fn write_chunk(&mut self, key: u64, chunk: &Chunk) {
        let Some(copy) = self.copies.find(key) else { return };
        let (nexus, Some(run)) = (copy.nexus, &mut copy.run) else { return };
        let (part, destination) = (run.writes(chunk), run.destination);
        for known in run.chunks.iter_mut().filter(|known| known.memory == chunk.memory) {
            known.doing = Doing::Writing;
        }
        let place = (destination.unit, part.lba, destination.block_size);
        self.ask_move(place, Side::Destination, (key, chunk.memory, part.offset, part.bytes), nexus);
    }

    /// Notes the progress of a copy; `full` is the chunk that holds what comes next.
    fn note(&mut self, key: u64, full: Option<u32>) {
        let Some(copy) = self.copies.find(key) else { return };
        let done = copy.run.as_ref().map_or(0, Run::done);
        let (serial, segment, written) = (copy.serial, copy.segment as u32, copy.written);
        let (nexus, pocket) = (copy.nexus, copy.pocket);
        self.note_progress(nexus, Progress { serial, segment, done, written, full, pocket });
    }

    /// A command of the core's own has ended.
    pub(super) fn step_ended(&mut self, step: Step, answer: Answer) {
        self.copies.stirred = true;
        match step {
            Step::Identify { unit, page } => {
                let identity = self.take_page(page, &answer).and_then(|bytes| Identity::parse(&bytes));
                let generation = self.unit_mut(unit).map_or(0, |unit| unit.report.generations.inquiry);
                self.copies.directory.learn(unit, identity, generation);
            }
            Step::Measure { key, target, page } => {
                let place = self.take_page(page, &answer).and_then(|bytes| capacity(&bytes));
                let Some(copy) = self.copies.find(key) else { return };
                copy.outstanding -= 1;
                let Some(known @ Place::Found { .. }) = copy.places.get_mut(target) else { return };
                let Place::Found { unit, device_type } = *known else { return };
                *known = match place {
                    Some((block_size, blocks)) => Place::Measured { unit, device_type, block_size, blocks },
                    None => Place::Unusable(answer.of(Side::Source)),
                };
            }
            Step::Move { key, chunk } => self.moved(key, chunk, answer),
        }
    }

    /// What was answered into a page, which is free again.
    fn take_page(&mut self, page: u32, answer: &Answer) -> Option<Vec<u8>> {
        let memory = self.copies.memory.as_mut()?;
        let bytes = answer.is_good().then(|| memory.read_page(page, answer.transferred));
        memory.give_page(page);
        bytes
    }

    /// READ or WRITE of a chunk has ended.
    fn moved(&mut self, key: u64, memory: u32, answer: Answer) {
        let Some(copy) = self.copies.find(key) else { return };
        copy.outstanding -= 1;
        let (failed, nexus, task) = (copy.failed.is_some(), copy.nexus, copy.task);
        let (segment, Some(run)) = (copy.segment as u16, &copy.run) else { return };
        let chunk = run.chunks.iter().find(|chunk| chunk.memory == memory).copied();
        let (side, bytes) = match chunk {
            // It was for the pocket.
            None => (Side::Source, run.reads_tail().0.1),
            Some(chunk) if chunk.doing == Doing::Reading => (Side::Source, run.reads(&chunk).bytes),
            Some(chunk) => (Side::Destination, run.writes(&chunk).bytes),
        };
        let aborted = self.tasks.get(task).is_none_or(|task| task.aborted);
        if answer.is_good() && answer.transferred == bytes {
            match (side, chunk) {
                (Side::Source, _) if failed || aborted => {}
                (Side::Source, Some(chunk)) => self.filled(key, nexus, &chunk),
                (_, Some(chunk)) => self.emptied(key, &chunk),
                (_, None) => self.keep_tail(key),
            }
            return;
        }
        let (asc, third_party) = if answer.is_good() {
            (Asc::COPY_TARGET_DEVICE_DATA_UNDERRUN, None)
        } else {
            (Asc::THIRD_PARTY_DEVICE_FAILURE, Some(answer.of(side)))
        };
        self.fail_copy(key, CopyAborted { third_party, ..CopyAborted::new(asc, segment) });
    }

    /// A chunk has been read.
    fn filled(&mut self, key: u64, nexus: usize, chunk: &Chunk) {
        let Some(copy) = self.copies.find(key) else { return };
        let Some(run) = &mut copy.run else { return };
        let (order, destination) = (run.order, run.destination.unit);
        for known in run.chunks.iter_mut().filter(|known| known.memory == chunk.memory) {
            known.doing = Doing::Full;
        }
        let part = run.writes(chunk);
        if let Some(memory) = self.copies.memory.as_ref().filter(|_| part.bytes > chunk.len) {
            // What fills up the last block of the destination.
            memory.zero(chunk.memory, part.offset + chunk.len, part.offset + part.bytes);
        }
        if order != Order::Free {
            self.note(key, Some(chunk.memory));
        }
        match self.may_write(nexus, destination) {
            Ok(()) => self.write_chunk(key, chunk),
            Err(refused) => self.refuse_copy(key, Side::Destination, &refused),
        }
    }

    /// A chunk has been written.
    fn emptied(&mut self, key: u64, chunk: &Chunk) {
        let Some(copy) = self.copies.find(key) else { return };
        let Some(run) = &mut copy.run else { return };
        let before = run.done();
        run.finish_chunk(chunk.memory);
        let note = run.order != Order::Free || before / NOTE_EVERY != run.done() / NOTE_EVERY;
        if note {
            self.note(key, None);
        }
        if let Some(memory) = &mut self.copies.memory {
            memory.give(chunk.memory);
        }
    }

    /// A command for which a chunk was taken is not let through.
    fn refuse_copy(&mut self, key: u64, side: Side, refused: &Outcome) {
        let Some(copy) = self.copies.find(key) else { return };
        let sense = refused.sense.as_ref().map(|sense| sense.as_slice().to_vec()).unwrap_or_default();
        let third_party = Some(ThirdParty { side, status: refused.status.code(), sense });
        let failure = CopyAborted::new(Asc::THIRD_PARTY_DEVICE_FAILURE, copy.segment as u16);
        self.fail_copy(key, CopyAborted { third_party, ..failure });
    }
}

/// Block length and number of blocks from READ CAPACITY(16) data (SBC-3 5.16.2). None for what no unit has.
fn capacity(data: &[u8]) -> Option<(u32, u64)> {
    let last = u64::from_be_bytes(*data.first_chunk()?);
    let block_size = u32::from_be_bytes(*data.get(8..)?.first_chunk()?);
    let possible = block_size.is_power_of_two() && (512..=65_536).contains(&block_size);
    Some((block_size, last.checked_add(1)?)).filter(|_| possible)
}
