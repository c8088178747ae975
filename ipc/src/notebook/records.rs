//! Records of a fixed size in a notebook: what a service notes with each command, at the cost of one record.
//!
//! Each record has a place of its own. It is written behind its sequence number: that becomes 0 first and the new number
//! last, and a checksum covers both number and bytes. So a record is whole or it is not there, whatever instant its writer
//! dies at; the record that stood in the place before is gone either way. To replace a record without a moment in which
//! there is neither, write the new one to a free place and [`clear`](Records::clear) the old place after that; of two, the
//! one with the higher number holds. Records are read back as if an enemy had written them: what is inside is the owner's
//! to validate.
//!
//! ```text
//! place 0, 1, ..., each 128 bytes: {sequence, checksum}, then 112 bytes
//! ```

use std::sync::Arc;

use crate::crash::{self, Point};
use crate::shm::Mapping;
use crate::sync::{AtomicU64, Ordering, fence};

/// Bytes of a record.
pub const RECORD: usize = SLOT - HEADER;
/// Bytes that a record takes in the segment.
pub const SLOT: usize = 128;
const HEADER: usize = 16;

/// The records of one service.
pub struct Records {
    map: Arc<Mapping>,
    first: usize,
    count: usize,
    schema: u64,
    sequence: u64,
}

/// A record that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its place.
    pub place: usize,
    /// Its number: a higher one was written later.
    pub sequence: u64,
    /// What it says.
    pub bytes: [u8; RECORD],
}

impl Records {
    /// Takes up `count` records that begin at byte `first`; returns those that are whole, oldest first.
    pub(super) fn open(map: Arc<Mapping>, first: usize, count: usize, schema: u64) -> (Self, Vec<Found>) {
        let mut records = Self { map, first, count, schema, sequence: 0 };
        let mut found: Vec<Found> = (0..count).filter_map(|place| records.load(place)).collect();
        found.sort_unstable_by_key(|record| (record.sequence, record.place));
        records.sequence = found.last().map_or(0, |record| record.sequence);
        (records, found)
    }

    /// How many places there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Writes a record. Panics for a place that there is not.
    pub fn write(&mut self, place: usize, bytes: &[u8; RECORD]) {
        self.sequence += 1;
        self.empty(place);
        crash::at(Point::RecordBegun);
        self.map.write(self.at(place) + HEADER, bytes);
        let checksum = checksum(self.sequence, self.schema, bytes);
        self.word(place, 1).store(checksum, Ordering::Relaxed);
        crash::at(Point::RecordWritten);
        self.word(place, 0).store(self.sequence, Ordering::Release);
        crash::at(Point::RecordValid);
    }

    /// Empties a place. Panics for one that there is not.
    pub fn clear(&mut self, place: usize) {
        self.empty(place);
        crash::at(Point::RecordCleared);
    }

    fn empty(&mut self, place: usize) {
        self.word(place, 0).store(0, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    fn load(&self, place: usize) -> Option<Found> {
        let sequence = self.word(place, 0).load(Ordering::Acquire);
        if sequence == 0 || sequence >= u64::MAX / 2 {
            return None;
        }
        let mut bytes = [0; RECORD];
        self.map.read(self.at(place) + HEADER, &mut bytes);
        let checksum = checksum(sequence, self.schema, &bytes);
        let whole = self.word(place, 1).load(Ordering::Relaxed) == checksum;
        whole.then_some(Found { place, sequence, bytes })
    }

    fn at(&self, place: usize) -> usize {
        assert!(place < self.count, "record {place} of {}", self.count);
        self.first + place * SLOT
    }

    fn word(&self, place: usize, index: usize) -> &AtomicU64 {
        self.map.word(self.at(place) / 8 + index)
    }
}

/// CRC-32C over sequence, schema and record; never 0, so that an empty segment holds none.
fn checksum(sequence: u64, schema: u64, bytes: &[u8]) -> u64 {
    let mut digest = crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc32Iscsi);
    digest.update(&sequence.to_le_bytes());
    digest.update(&schema.to_le_bytes());
    digest.update(bytes);
    digest.finalize() | 1 << 32
}

#[cfg(test)]
mod tests;
