//! A notebook: what a service must remember across its own death, in a segment that outlives it.
//!
//! Two slots; a page of text is written to the one that is not current and becomes current by its sequence number,
//! which is written last. Whatever instant the writer dies at, one slot is whole. A notebook is read back as if an
//! enemy had written it: length, checksum and the owner's schema number must fit, and what is inside is the owner's to
//! validate. An unusable notebook means "start empty, and say so".
//!
//! ```text
//! slot 0 | slot 1, each: line 0 {sequence, schema, length, checksum}, then the bytes
//! ```
//!
//! A page costs as much as it is long each time it is saved. What changes with every command belongs into [`records`], of a
//! fixed size each, which can take the end of the segment; bytes that a successor has to find, and that a record vouches
//! for, can stand between the two ([`Divided::middle`]).

pub mod records;
pub mod shadow;

use std::ops::Range;
use std::os::fd::AsFd;
use std::sync::Arc;

use self::records::{Found, Records};
use crate::crash::{self, Point};
use crate::fault::PeerFault;
use crate::shm::{MapError, Mapping, PAGE};
use crate::sync::{Ordering, fence};

const HEADER: usize = 128;
const SEQUENCE: usize = 0;
const SCHEMA: usize = 1;
const LENGTH: usize = 2;
const CHECKSUM: usize = 3;

/// A notebook of one service.
pub struct Notebook {
    map: Arc<Mapping>,
    /// Bytes of the segment that both slots have together.
    size: usize,
    schema: u64,
    sequence: u64,
}

const TOO_SMALL: PeerFault = PeerFault::Segment("too small for a notebook with records");

/// A notebook with all its parts.
pub struct Divided {
    /// The page.
    pub notebook: Notebook,
    /// The last page that was saved, if any.
    pub page: Option<Vec<u8>>,
    /// Where the bytes in the middle are, in the segment; they begin on a page of memory.
    pub middle: Range<usize>,
    /// The records.
    pub records: Records,
    /// The records that were found, oldest first.
    pub found: Vec<Found>,
}

/// A page did not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a notebook page of {len} bytes exceeds the slot of {room}")]
pub struct TooLong {
    /// Bytes of the page.
    pub len: usize,
    /// Bytes of a slot.
    pub room: usize,
}

impl Notebook {
    /// Opens the notebook in `fd` and returns it with the last page of format `schema` that was saved, if any.
    pub fn open(fd: impl AsFd, schema: u64) -> Result<(Self, Option<Vec<u8>>), MapError> {
        let map = Mapping::new(fd)?;
        let size = map.size();
        Ok(Self::in_part(map, size, schema))
    }

    /// Opens a segment that has `records` records at its end, `middle` bytes before them and a page in the rest. All of
    /// it is of format `schema`.
    pub fn divided(fd: impl AsFd, schema: u64, middle: usize, records: usize) -> Result<Divided, MapError> {
        let map = Mapping::new(fd)?;
        let taken = middle.checked_add(records.saturating_mul(records::SLOT)).ok_or(TOO_SMALL)?;
        let size = map.size().checked_sub(taken).map(|rest| rest / PAGE * PAGE).ok_or(TOO_SMALL)?;
        if size < PAGE {
            return Err(TOO_SMALL.into());
        }
        let first = map.size() - records * records::SLOT;
        let (kept, found) = Records::open(map.clone(), first, records, schema);
        let (notebook, page) = Self::in_part(map, size, schema);
        Ok(Divided { notebook, page, middle: size..size + middle, records: kept, found })
    }

    fn in_part(map: Arc<Mapping>, size: usize, schema: u64) -> (Self, Option<Vec<u8>>) {
        let mut notebook = Self { map, size, schema, sequence: 0 };
        let mut best = None;
        for slot in 0..2 {
            if let Some((sequence, page)) = notebook.load(slot)
                && sequence > notebook.sequence
            {
                notebook.sequence = sequence;
                best = Some(page);
            }
        }
        (notebook, best)
    }

    /// Bytes that a page can have.
    pub fn room(&self) -> usize {
        self.size / 2 - HEADER
    }

    fn word(&self, slot: usize, index: usize) -> &crate::sync::AtomicU64 {
        self.map.word(slot * self.size / 16 + index)
    }

    fn load(&self, slot: usize) -> Option<(u64, Vec<u8>)> {
        let sequence = self.word(slot, SEQUENCE).load(Ordering::Acquire);
        let length = usize::try_from(self.word(slot, LENGTH).load(Ordering::Relaxed)).ok()?;
        // Slot 0 takes the odd sequence numbers: a number in the wrong slot was never written by us.
        let plausible = sequence != 0 && sequence % 2 != slot as u64 && sequence < u64::MAX / 2;
        if !plausible
            || length > self.room()
            || self.word(slot, SCHEMA).load(Ordering::Relaxed) != self.schema
        {
            return None;
        }
        let mut page = vec![0; length];
        self.map.read(slot * self.size / 2 + HEADER, &mut page);
        let checksum = checksum(sequence, self.schema, &page);
        (self.word(slot, CHECKSUM).load(Ordering::Relaxed) == checksum).then_some((sequence, page))
    }

    /// Replaces the page. A death at any point leaves the old one or the new one.
    pub fn save(&mut self, page: &[u8]) -> Result<(), TooLong> {
        if page.len() > self.room() {
            return Err(TooLong { len: page.len(), room: self.room() });
        }
        let sequence = self.sequence + 1;
        let slot = ((sequence + 1) % 2) as usize;
        self.word(slot, SEQUENCE).store(0, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        crash::at(Point::PageBegun);
        self.map.write(slot * self.size / 2 + HEADER, page);
        self.word(slot, SCHEMA).store(self.schema, Ordering::Relaxed);
        self.word(slot, LENGTH).store(page.len() as u64, Ordering::Relaxed);
        self.word(slot, CHECKSUM).store(checksum(sequence, self.schema, page), Ordering::Relaxed);
        crash::at(Point::PageWritten);
        self.word(slot, SEQUENCE).store(sequence, Ordering::Release);
        crash::at(Point::PageValid);
        self.sequence = sequence;
        Ok(())
    }
}

/// CRC-32C over sequence, schema and page.
fn checksum(sequence: u64, schema: u64, page: &[u8]) -> u64 {
    let mut digest = crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc32Iscsi);
    digest.update(&sequence.to_le_bytes());
    digest.update(&schema.to_le_bytes());
    digest.update(page);
    digest.finalize()
}

#[cfg(test)]
mod tests;
