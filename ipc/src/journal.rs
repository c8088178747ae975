//! A journal: a notebook of many entries, each replaced by itself, so that a change costs what it touches.
//!
//! Entries have a [`Key`]; [`Journal::put`] and [`Journal::remove`] stage changes, and [`Journal::commit`] makes all of them
//! count at once: whatever instant the writer dies at, either all changes of a commit are found again or none. Half of the
//! segment is written from its beginning, commit after commit; when it is full, what lives is written to the other half
//! under the next generation. A journal is read back as if an enemy had written it: generation, lengths and checksums must
//! fit, and what is inside an entry is the owner's to validate. A damaged journal means "start empty, and say so", because
//! half of a truth could be a lie.
//!
//! ```text
//! half 0 | half 1, each: line 0 {generation, schema, committed}, then commits
//! commit: {length, checksum}, then changes, filled up to 8 bytes
//! change: {part, length, major, minor}, then the bytes; length 2^32-1 removes
//! ```

use std::os::fd::AsFd;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::crash::{self, Point};
use crate::notebook::TooLong;
use crate::shm::{MapError, Mapping};
use crate::sync::{AtomicU64, Ordering, fence};

const LINE: usize = 128;
const GENERATION: usize = 0;
const SCHEMA: usize = 1;
const COMMITTED: usize = 2;
/// Bytes before the changes of a commit: their length and their checksum.
const HEAD: usize = 16;
/// Bytes before the contents of a change.
const CHANGE: usize = 24;
const REMOVED: u32 = u32::MAX;

/// The name of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// What kind of entry, with the number of its format: a part whose format has changed is another part.
    pub part: u32,
    /// Which one.
    pub major: u64,
    /// Which one of those.
    pub minor: u64,
}

/// What a journal held when it was opened.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing of this schema.
    Nothing,
    /// Something that was not written like this.
    Damaged,
    /// These, by rising key.
    Entries(Vec<(Key, Vec<u8>)>),
}

/// A journal of one service.
pub struct Journal {
    map: Arc<Mapping>,
    schema: u64,
    generation: u64,
    /// Bytes of the current half that are committed.
    end: usize,
    /// The next commit, beginning with room for its head.
    staged: Vec<u8>,
    /// What lives, staged changes included.
    live: FxHashMap<Key, Box<[u8]>>,
    /// Bytes of the changes that would write `live`.
    live_bytes: usize,
    /// What is staged does not suffice: the next commit has to write everything.
    behind: bool,
}

impl Journal {
    /// Opens the journal in `fd` and returns it with what it holds.
    pub fn open(fd: impl AsFd, schema: u64) -> Result<(Self, Found), MapError> {
        let map = Mapping::new(fd)?;
        let mut journal = Self {
            map,
            schema,
            generation: 0,
            end: 0,
            staged: vec![0; HEAD],
            live: FxHashMap::default(),
            live_bytes: 0,
            behind: false,
        };
        let generations = [0, 1].map(|half| journal.generation_of(half));
        let Some(newest) = generations.into_iter().max().filter(|newest| *newest != 0) else {
            journal.rewrite();
            return Ok((journal, Found::Nothing));
        };
        journal.generation = newest;
        if journal.load().is_none() {
            (journal.live, journal.live_bytes) = (FxHashMap::default(), 0);
            journal.rewrite();
            return Ok((journal, Found::Damaged));
        }
        let mut entries: Vec<_> = journal.live.iter().map(|(key, bytes)| (*key, bytes.to_vec())).collect();
        entries.sort_unstable_by_key(|(key, _)| *key);
        Ok((journal, Found::Entries(entries)))
    }

    /// Bytes that all entries together can have, with 24 for each.
    pub fn room(&self) -> usize {
        self.map.size() / 2 - LINE - HEAD
    }

    /// Stages an entry. Costs nothing if it is as it was.
    pub fn put(&mut self, key: Key, bytes: &[u8]) {
        if self.live.get(&key).is_some_and(|known| **known == *bytes) {
            return;
        }
        self.stage(key, Some(bytes));
        self.live_bytes += CHANGE + bytes.len();
        if let Some(old) = self.live.insert(key, bytes.into()) {
            self.live_bytes -= CHANGE + old.len();
        }
    }

    /// Stages the end of an entry.
    pub fn remove(&mut self, key: Key) {
        if let Some(old) = self.live.remove(&key) {
            self.live_bytes -= CHANGE + old.len();
            self.stage(key, None);
        }
    }

    /// Makes everything staged count. If it does not fit, the journal stays at the last commit, and the next one tries to
    /// write everything.
    pub fn commit(&mut self) -> Result<(), TooLong> {
        let nothing = self.staged.len() == HEAD && !self.behind;
        let staged = self.staged.len().next_multiple_of(8);
        if nothing {
            return Ok(());
        }
        // To die while everything is rewritten, which is rare, it need not be rare: it may be done at any time.
        let wanted = [Point::JournalRewritten, Point::JournalBoth, Point::JournalMoved];
        let full = self.end + staged > self.room() || wanted.into_iter().any(crash::is_armed);
        if !self.behind && !full {
            let bytes = std::mem::take(&mut self.staged);
            self.staged = self.append(bytes);
            let half = self.half();
            crash::at(Point::JournalWritten);
            self.word(half, COMMITTED).store(self.end as u64, Ordering::Release);
            crash::at(Point::JournalValid);
            return Ok(());
        }
        self.staged.truncate(HEAD);
        self.behind = true;
        if self.live_bytes > self.room() {
            return Err(TooLong { len: self.live_bytes, room: self.room() });
        }
        self.rewrite();
        self.behind = false;
        Ok(())
    }

    /// Writes everything that lives to the other half, as its first commit.
    fn rewrite(&mut self) {
        let mut bytes = std::mem::take(&mut self.staged);
        for (key, contents) in &self.live {
            put_change(&mut bytes, *key, Some(contents));
        }
        let old = self.half();
        self.generation += 1;
        self.end = 0;
        let half = self.half();
        self.word(half, GENERATION).store(0, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        self.staged = self.append(bytes);
        self.word(half, SCHEMA).store(self.schema, Ordering::Relaxed);
        self.word(half, COMMITTED).store(self.end as u64, Ordering::Relaxed);
        crash::at(Point::JournalRewritten);
        self.word(half, GENERATION).store(self.generation, Ordering::Release);
        crash::at(Point::JournalBoth);
        self.word(old, GENERATION).store(0, Ordering::Release);
        crash::at(Point::JournalMoved);
    }

    /// Writes one commit behind the last and returns the buffer, ready for the next.
    fn append(&mut self, mut bytes: Vec<u8>) -> Vec<u8> {
        let length = bytes.len() - HEAD;
        let checksum = checksum(self.generation, self.end, &bytes[HEAD..]);
        bytes[..8].copy_from_slice(&(length as u64).to_le_bytes());
        bytes[8..HEAD].copy_from_slice(&checksum.to_le_bytes());
        bytes.resize(bytes.len().next_multiple_of(8), 0);
        self.map.write(self.body() + self.end, &bytes);
        self.end += bytes.len();
        bytes.truncate(HEAD);
        bytes
    }

    fn stage(&mut self, key: Key, bytes: Option<&[u8]>) {
        if !self.behind {
            put_change(&mut self.staged, key, bytes);
            // Never more than the half can take: from there on everything is written anew anyway.
            self.behind = self.staged.len() > self.room();
        }
    }

    /// Odd generations are in half 0.
    fn half(&self) -> usize {
        ((self.generation + 1) % 2) as usize
    }

    fn body(&self) -> usize {
        self.half() * (self.map.size() / 2) + LINE
    }

    fn word(&self, half: usize, index: usize) -> &AtomicU64 {
        self.map.word(half * self.map.size() / 16 + index)
    }

    /// The generation in a half, 0 if there is none that can be ours.
    fn generation_of(&self, half: usize) -> u64 {
        let generation = self.word(half, GENERATION).load(Ordering::Acquire);
        let ours = generation % 2 != half as u64
            && generation < u64::MAX / 2
            && self.word(half, SCHEMA).load(Ordering::Relaxed) == self.schema;
        if ours { generation } else { 0 }
    }

    /// Reads the current half. None: it is damaged.
    fn load(&mut self) -> Option<()> {
        let half = self.half();
        let committed = usize::try_from(self.word(half, COMMITTED).load(Ordering::Relaxed)).ok()?;
        if committed > self.room() + HEAD || !committed.is_multiple_of(8) {
            return None;
        }
        let mut bytes = vec![0; committed];
        self.map.read(self.body(), &mut bytes);
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let at = committed - rest.len();
            let length = usize::try_from(take_u64(&mut rest)?).ok()?;
            let expected = take_u64(&mut rest)?;
            let changes = rest.get(..length)?;
            if checksum(self.generation, at, changes) != expected {
                return None;
            }
            self.replay(changes)?;
            rest = rest.get(length.next_multiple_of(8)..)?;
        }
        self.end = committed;
        Some(())
    }

    fn replay(&mut self, mut changes: &[u8]) -> Option<()> {
        while !changes.is_empty() {
            let word = take_u64(&mut changes)?;
            let (part, length) = (word as u32, (word >> 32) as u32);
            let key = Key { part, major: take_u64(&mut changes)?, minor: take_u64(&mut changes)? };
            let old = if length == REMOVED {
                self.live.remove(&key)
            } else {
                let (contents, rest) = changes.split_at_checked(length as usize)?;
                changes = rest;
                self.live_bytes += CHANGE + contents.len();
                self.live.insert(key, contents.into())
            };
            self.live_bytes -= old.map_or(0, |old| CHANGE + old.len());
        }
        Some(())
    }
}

fn put_change(bytes: &mut Vec<u8>, key: Key, contents: Option<&[u8]>) {
    let length = contents.map_or(REMOVED, |contents| contents.len() as u32);
    bytes.extend_from_slice(&(u64::from(length) << 32 | u64::from(key.part)).to_le_bytes());
    bytes.extend_from_slice(&key.major.to_le_bytes());
    bytes.extend_from_slice(&key.minor.to_le_bytes());
    bytes.extend_from_slice(contents.unwrap_or_default());
}

fn take_u64(bytes: &mut &[u8]) -> Option<u64> {
    let (word, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(u64::from_le_bytes(*word))
}

/// CRC-32C over generation, place and changes: a commit of another time or place is not taken for this one.
fn checksum(generation: u64, at: usize, changes: &[u8]) -> u64 {
    let mut digest = crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc32Iscsi);
    digest.update(&generation.to_le_bytes());
    digest.update(&(at as u64).to_le_bytes());
    digest.update(changes);
    digest.finalize()
}

#[cfg(test)]
mod tests;
