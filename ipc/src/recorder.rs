//! The flight recorder: the last records that a service took from its links and put on them, in a segment that outlives it.
//!
//! The supervisor makes two of them for each service and grants them in turn, so that what a dead incarnation left stands
//! until its successor is dead, too. Only the service writes, by plain stores of its one loop; whoever wants to know reads
//! it back as if an enemy had written it ([`read`]). Times come from a clock that the loop turns ([`Recorder::tick`]) when it
//! waits anyway, so no command pays for a look at a clock. A panic leaves its message and the way to it ([`mod@panic`]).
//!
//! ```text
//! page 0  magic, incarnation, process, time of the start; lengths of the two texts
//! text    of a panic, then the legend: names of opcodes, for a reader that knows no SCSI
//! ring    records of 8 words; the last is the record's number, from 1, and is written last
//! ```

pub mod panic;
pub mod read;

use nix::time::{ClockId, clock_gettime};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::fault::PeerFault;
use crate::message::record::{Reply, Request};
use crate::shm::{MapError, Mapping, PAGE};
use crate::sync::{AtomicU64, Ordering};

/// "BLKHDREC" read as a little-endian word.
const MAGIC: u64 = u64::from_le_bytes(*b"BLKHDREC");

/// Records that are kept.
pub const RECORDS: usize = 1024;
/// Longest text of a panic, in bytes.
pub const PANIC_BYTES: usize = 2 * PAGE;
/// Longest legend, in bytes.
pub const LEGEND_BYTES: usize = 2 * PAGE;
/// Bytes of a segment.
pub const BYTES: usize = RING * 8 + RECORDS * WORDS * 8;

const INCARNATION: usize = 1;
const PID: usize = 2;
const STARTED: usize = 3;
const PANIC_LEN: usize = 4;
const LEGEND_LEN: usize = 5;
/// Offsets in bytes.
const PANIC: usize = PAGE;
const LEGEND: usize = PANIC + PANIC_BYTES;
/// The first word of the ring.
const RING: usize = (LEGEND + LEGEND_BYTES) / 8;
/// Words of a record.
const WORDS: usize = 8;
/// The word of a record that has its number.
const NUMBER: usize = 7;

/// What happened to a record of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum What {
    /// A request came.
    Taken = 1,
    /// It was answered.
    Answered = 2,
    /// Somebody was asked.
    Asked = 3,
    /// An answer came.
    Heard = 4,
}

/// The writing end, in the service. Clones write the same segment; only one thread may record.
#[derive(Debug, Clone)]
pub struct Recorder(Arc<Tape>);

#[derive(Debug)]
struct Tape {
    map: Arc<Mapping>,
    /// Number of the last record.
    last: AtomicU64,
    /// Microseconds of the monotonic clock, as of the last tick, shifted to where they stand in a record.
    now: AtomicU64,
    /// The same moment on both clocks.
    origin: (Instant, u64),
}

/// Microseconds of the monotonic clock, which all processes share. Libc's: rustix has a way of its own to this clock, which
/// does not bear valgrind.
pub fn micros() -> u64 {
    // There is always that clock.
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(Duration::ZERO, Duration::from);
    now.as_micros() as u64
}

impl Recorder {
    /// Takes up the segment in `fd` and wipes it: what a former incarnation recorded in it is over.
    ///
    /// # Errors
    /// It cannot be mapped, or is too small.
    pub fn begin(fd: impl AsFd, incarnation: u64) -> Result<Self, MapError> {
        let map = Mapping::new(fd)?;
        if map.size() < BYTES {
            return Err(PeerFault::Segment("too small for a flight recorder").into());
        }
        map.word(0).store(0, Ordering::Relaxed);
        for record in 0..RECORDS {
            map.word(RING + record * WORDS + NUMBER).store(0, Ordering::Relaxed);
        }
        let origin = (Instant::now(), micros());
        let head = [INCARNATION, PID, STARTED, PANIC_LEN, LEGEND_LEN];
        let values = [incarnation, u64::from(std::process::id()), origin.1, 0, 0];
        for (index, value) in head.into_iter().zip(values) {
            map.word(index).store(value, Ordering::Relaxed);
        }
        map.word(0).store(MAGIC, Ordering::Release);
        let now = AtomicU64::new(origin.1 << 16);
        Ok(Self(Arc::new(Tape { map, last: AtomicU64::new(0), now, origin })))
    }

    /// Leaves names for a reader that knows no opcodes: lines of `28 READ(10)` or `9e/10 READ CAPACITY(16)`, in hexadecimal.
    /// What does not fit is left out.
    pub fn legend(&self, text: &str) {
        self.text(LEGEND, LEGEND_BYTES, LEGEND_LEN, text);
    }

    fn text(&self, at: usize, most: usize, length: usize, text: &str) {
        let bytes = &text.as_bytes()[..text.len().min(most)];
        self.0.map.write(at, bytes);
        self.0.map.word(length).store(bytes.len() as u64, Ordering::Release);
    }

    /// Turns the clock: what is recorded from here on was at `now`.
    #[inline]
    pub fn tick(&self, now: Instant) {
        let (origin, micros) = self.0.origin;
        let since = now.saturating_duration_since(origin).as_micros() as u64;
        self.0.now.store((micros + since) << 16, Ordering::Relaxed);
    }

    /// The time of what is recorded now, in microseconds of the clock of [`micros`].
    #[inline]
    pub fn now(&self) -> u64 {
        self.0.now.load(Ordering::Relaxed) >> 16
    }

    /// Records a request.
    #[inline]
    pub fn request(&self, what: What, request: &Request) {
        let lens = u64::from(request.out_len.max(request.in_len));
        let [a, b, ..] = request.cdb.as_chunks::<8>().0 else { return };
        self.put(
            what,
            request.kind,
            [
                request.nexus,
                request.serial,
                u64::from(request.unit) | lens << 32,
                u64::from_le_bytes(*a),
                u64::from_le_bytes(*b),
                request.lun,
            ],
        );
    }

    /// Records a reply.
    #[inline]
    pub fn reply(&self, what: What, reply: &Reply) {
        let [a, b, ..] = reply.sense.as_chunks::<8>().0 else { return };
        let state = [reply.status, reply.flags, reply.sense_len, reply.response];
        self.put(
            what,
            reply.kind,
            [
                reply.nexus,
                reply.serial,
                u64::from(u32::from_le_bytes(state)) | u64::from(reply.transferred) << 32,
                u64::from_le_bytes(*a),
                u64::from_le_bytes(*b),
                0,
            ],
        );
    }

    #[inline(always)]
    fn put(&self, what: What, kind: u8, words: [u64; 6]) {
        let Tape { map, last, now, .. } = &*self.0;
        let number = last.load(Ordering::Relaxed) + 1;
        last.store(number, Ordering::Relaxed);
        let record = map.run(RING + (number as usize % RECORDS) * WORDS, WORDS);
        let Some(record) = record.first_chunk::<WORDS>() else { return };
        let first = now.load(Ordering::Relaxed) | u64::from(kind) << 8 | what as u64;
        record[0].store(first, Ordering::Relaxed);
        for (place, word) in record[1..NUMBER].iter().zip(words) {
            place.store(word, Ordering::Relaxed);
        }
        // Whoever sees the number sees the record.
        record[NUMBER].store(number, Ordering::Release);
    }
}

#[cfg(test)]
mod tests;
