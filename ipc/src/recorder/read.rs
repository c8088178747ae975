//! What is found in a recorder, by whoever did not write it: every word is the allegation of a process that may have gone
//! mad before it died. Nothing here trusts a length, and no text leaves it with anything but printable characters.

use std::collections::BTreeMap;
use std::os::fd::AsFd;

use super::{
    BYTES, INCARNATION, LEGEND, LEGEND_BYTES, LEGEND_LEN, MAGIC, NUMBER, PANIC, PANIC_BYTES, PANIC_LEN, PID,
    RECORDS, RING, STARTED, WORDS, What,
};
use crate::fault::PeerFault;
use crate::shm::{MapError, Mapping};
use crate::sync::{Ordering, fence};

/// Oldest records that are dropped: a writer that lives may be overwriting them.
const DOUBTFUL: u64 = 8;
/// Longest name in a legend, in bytes.
const MOST_NAME: usize = 80;

/// Everything that a recorder holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recording {
    /// The incarnation that wrote it.
    pub incarnation: u64,
    /// Its process number.
    pub pid: u64,
    /// When it began, in microseconds of the monotonic clock.
    pub started: u64,
    /// What it said when it panicked.
    pub panic: Option<String>,
    /// Names of commands: by operation code, and service action where there is one.
    pub legend: BTreeMap<(u8, Option<u16>), String>,
    /// Records, oldest first.
    pub records: Vec<Recorded>,
}

/// One record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recorded {
    /// Its number, from 1.
    pub number: u64,
    /// When, in microseconds of the monotonic clock.
    pub micros: u64,
    /// What happened.
    pub what: What,
    /// A [`crate::message::record::RequestKind`] or [`crate::message::record::ReplyKind`], if it is one.
    pub kind: u8,
    /// The I_T nexus.
    pub nexus: u64,
    /// The task within the nexus.
    pub serial: u64,
    /// What else stands in it.
    pub body: Body,
}

/// The rest of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// Of a request.
    Request {
        /// The target's index towards the core, the unit's towards a handler.
        unit: u32,
        /// Bytes that the initiator expects, in whichever direction.
        len: u32,
        /// The LUN, as the initiator wrote it.
        lun: u64,
        /// The first bytes of the CDB.
        cdb: [u8; 16],
    },
    /// Of a reply.
    Reply {
        /// SAM status.
        status: u8,
        /// Bits of [`crate::message::record::reply_flags`].
        flags: u8,
        /// Bytes that were moved.
        transferred: u32,
        /// Bytes of sense data that there were.
        sense_len: u8,
        /// The first of them.
        sense: [u8; 16],
    },
}

/// Reads a recorder; `None` when nobody has begun it.
///
/// # Errors
/// The segment cannot be mapped.
pub fn read(fd: impl AsFd) -> Result<Option<Recording>, MapError> {
    let map = Mapping::new(fd)?;
    if map.size() < BYTES {
        return Err(PeerFault::Segment("too small for a flight recorder").into());
    }
    if map.word(0).load(Ordering::Acquire) != MAGIC {
        return Ok(None);
    }
    let word = |index: usize| map.word(index).load(Ordering::Relaxed);
    let text = |at: usize, most: usize, length: usize| {
        let length = map.word(length).load(Ordering::Acquire).min(most as u64) as usize;
        let mut bytes = vec![0; length];
        map.read(at, &mut bytes);
        printable(&bytes)
    };
    let panic = text(PANIC, PANIC_BYTES, PANIC_LEN);
    Ok(Some(Recording {
        incarnation: word(INCARNATION),
        pid: word(PID),
        started: word(STARTED),
        panic: (!panic.is_empty()).then_some(panic),
        legend: legend(&text(LEGEND, LEGEND_BYTES, LEGEND_LEN)),
        records: records(&map),
    }))
}

fn records(map: &Mapping) -> Vec<Recorded> {
    let number = |slot: usize| map.word(RING + slot * WORDS + NUMBER).load(Ordering::Acquire);
    let mut found: Vec<(u64, [u64; NUMBER])> = Vec::with_capacity(RECORDS);
    for slot in 0..RECORDS {
        let of = number(slot);
        let words =
            std::array::from_fn(|index| map.word(RING + slot * WORDS + index).load(Ordering::Relaxed));
        fence(Ordering::Acquire);
        // A number in the wrong slot was never written by us, and one that has changed meanwhile has another record.
        if of != 0 && of as usize % RECORDS == slot && number(slot) == of {
            found.push((of, words));
        }
    }
    found.sort_unstable_by_key(|(number, _)| *number);
    let last = found.last().map_or(0, |(number, _)| *number);
    found.retain(|(number, _)| (last - number).saturating_add(DOUBTFUL) < RECORDS as u64);
    found.iter().filter_map(|(number, words)| record(*number, words)).collect()
}

fn record(number: u64, words: &[u64; NUMBER]) -> Option<Recorded> {
    let [first, nexus, serial, numbers, a, b, lun] = *words;
    let [what, kind, ..] = first.to_le_bytes();
    let what = match what {
        1 => What::Taken,
        2 => What::Answered,
        3 => What::Asked,
        4 => What::Heard,
        _ => return None,
    };
    let (low, high) = (numbers as u32, (numbers >> 32) as u32);
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&a.to_le_bytes());
    bytes[8..].copy_from_slice(&b.to_le_bytes());
    let body = match what {
        What::Taken | What::Asked => Body::Request { unit: low, len: high, lun, cdb: bytes },
        What::Answered | What::Heard => {
            let [status, flags, sense_len, _] = low.to_le_bytes();
            Body::Reply { status, flags, transferred: high, sense_len, sense: bytes }
        }
    };
    Some(Recorded { number, micros: first >> 16, what, kind, nexus, serial, body })
}

/// Text as it can be shown on a terminal.
fn printable(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.chars().map(|c| if c == '\n' || !c.is_control() { c } else { '?' }).collect()
}

fn legend(text: &str) -> BTreeMap<(u8, Option<u16>), String> {
    let entry = |line: &str| {
        let (code, name) = line.split_once(' ')?;
        let (code, action) = match code.split_once('/') {
            Some((code, action)) => (code, Some(u16::from_str_radix(action, 16).ok()?)),
            None => (code, None),
        };
        let name: String = name.chars().take(MOST_NAME).collect();
        Some(((u8::from_str_radix(code, 16).ok()?, action), name))
    };
    text.lines().filter_map(entry).collect()
}

impl Recording {
    /// The name of the command in a CDB, if the legend has it.
    pub fn name(&self, cdb: &[u8; 16]) -> Option<&str> {
        let action = match cdb[0] {
            0x7F => u16::from_be_bytes([cdb[8], cdb[9]]),
            _ => u16::from(cdb[1] & 0x1F),
        };
        let plain = self.legend.get(&(cdb[0], None));
        plain.or_else(|| self.legend.get(&(cdb[0], Some(action)))).map(String::as_str)
    }
}
