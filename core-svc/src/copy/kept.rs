//! What is kept of copies beyond the core's own death, for each nexus: how far those that run have come, and how those ended
//! that RECEIVE COPY RESULTS may be asked about.
//!
//! Progress is saved in the turn in which the command that it is about goes out, so that it is in the notebook before a
//! handler can see that command. Where the blocks of a segment overlap, it also names the chunk of memory that holds what
//! has been read and may be overwritten: the arena outlives the core, and the successor writes that chunk again. So does what
//! a segment has left over for the next one ([`Pocket`]).

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::memory::SLOT;

/// Ended copies of one nexus that can be asked about; the oldest gives way.
const MOST_RESULTS: usize = 4;

/// The chunk of memory in which a copy keeps what segments leave over. It has two places for that: what is there for the segment
/// that is processed, and what this one leaves over, so that neither is ever overwritten before it is noted that it is not needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pocket {
    /// The chunk.
    pub chunk: u32,
    /// Which of the places is for the segment that is processed: 0 or 1.
    pub slot: u8,
    /// Bytes in it.
    pub len: u32,
    /// What is left over for the next one is in the other.
    pub tail: bool,
}

impl Pocket {
    /// Where in the chunk the data is for the segment that is processed.
    pub fn now(&self) -> u32 {
        u32::from(self.slot) * SLOT
    }

    /// Where the data for the next one is.
    pub fn next(&self) -> u32 {
        u32::from(self.slot ^ 1) * SLOT
    }

    /// The next segment begins, for which so many bytes were left over.
    pub fn turn(&mut self, len: u32) {
        (self.slot, self.len, self.tail) = (self.slot ^ 1, len, false);
    }

    /// Whether it can be one: it is read from a notebook.
    pub fn is_sound(&self) -> bool {
        self.slot <= 1 && self.len < SLOT && self.len.is_multiple_of(512)
    }
}

/// How far a copy has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Serial of its command.
    pub serial: u64,
    /// The segment that is being processed.
    pub segment: u32,
    /// Bytes of it that are done, in processing order.
    pub done: u64,
    /// Bytes written by the segments before it.
    pub written: u64,
    /// The chunk of memory that holds the data for what comes next.
    pub full: Option<u32>,
    /// What is left over.
    pub pocket: Option<Pocket>,
}

impl Progress {
    /// The chunks of memory that it names.
    pub fn chunks(&self) -> impl Iterator<Item = u32> + use<> {
        self.full.into_iter().chain(self.pocket.map(|pocket| pocket.chunk))
    }
}

/// How a copy ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// The unit that it was sent to.
    pub unit: u32,
    /// Its LIST IDENTIFIER.
    pub list_id: u8,
    /// Segments that were processed.
    pub segments: u16,
    /// Bytes that were written.
    pub written: u64,
    /// Sense data of one that failed.
    pub sense: Vec<u8>,
}

/// Copies of one nexus.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kept {
    running: Vec<Progress>,
    results: VecDeque<Held>,
}

impl Kept {
    /// Notes how far a copy has come.
    pub fn note(&mut self, progress: Progress) {
        match self.running.iter_mut().find(|known| known.serial == progress.serial) {
            Some(known) => *known = progress,
            None => self.running.push(progress),
        }
    }

    /// How far the copy `serial` had come.
    pub fn progress(&self, serial: u64) -> Option<Progress> {
        self.running.iter().find(|known| known.serial == serial).copied()
    }

    /// Forgets a copy that is over.
    pub fn forget(&mut self, serial: u64) -> Option<Progress> {
        let place = self.running.iter().position(|known| known.serial == serial)?;
        Some(self.running.swap_remove(place))
    }

    /// All copies that run, or ran under a former core.
    pub fn running(&self) -> &[Progress] {
        &self.running
    }

    /// How copies ended.
    pub fn results(&self) -> &VecDeque<Held> {
        &self.results
    }

    /// Takes up what a former core had kept, within bounds.
    pub fn take_up_results(&mut self, mut results: VecDeque<Held>) {
        results.truncate(MOST_RESULTS);
        for held in &mut results {
            held.sense.truncate(scsi::sense::SENSE_CAPACITY);
        }
        self.results = results;
    }

    /// Keeps how a copy ended.
    pub fn hold(&mut self, held: Held) {
        self.release(held.unit, held.list_id);
        if self.results.len() >= MOST_RESULTS {
            self.results.pop_front();
        }
        self.results.push_back(held);
    }

    /// How the copy ended that was sent to `unit` under this LIST IDENTIFIER.
    pub fn result(&self, unit: u32, list_id: u8) -> Option<&Held> {
        self.results.iter().find(|held| held.unit == unit && held.list_id == list_id)
    }

    /// Forgets it: the identifier is used anew. True if there was anything.
    pub fn release(&mut self, unit: u32, list_id: u8) -> bool {
        let before = self.results.len();
        self.results.retain(|held| held.unit != unit || held.list_id != list_id);
        self.results.len() != before
    }

    /// Forgets what was held for a unit that is reset. True if there was anything.
    pub fn reset(&mut self, unit: u32) -> bool {
        let before = self.results.len();
        self.results.retain(|held| held.unit != unit);
        self.results.len() != before
    }
}

#[cfg(test)]
mod tests;
