//! What this service must remember across its own death. Three things, in one segment that outlives it:
//!
//! * **Topics** ([`Notebook::keep`], [`Notebook::recall`]): a few bytes a unit and [`Topic`], such as mode pages or a format that is
//!   under way. All topics are one page that is written anew with each change, so they are for what changes rarely.
//! * **Outcomes** ([`Notebook::finish`], [`Notebook::outcome`]): how a command that must not be executed twice has ended
//!   (`Replay::Record` in the opcode table). [`crate::dispatch`] notes it for every such command before its answer can be
//!   seen, and answers from here when the command comes again; a command's own code has nothing to do.
//! * **Begun writes** ([`Notebook::begin_write`]): what a command is about to write, all of it, for those that must happen
//!   as a whole (COMPARE AND WRITE, WRITE ATOMIC). A successor finds the bytes here and writes them before it serves
//!   the unit ([`Notebook::begun`]), whether or not the command comes again.
//!
//! Nobody tells a handler that an answer has arrived, so outcomes are dropped by number: a nexus keeps its last
//! [`OF_A_NEXUS`], which is more than it can have outstanding (a session's window ends at 512), and all of them together
//! [`RECORDS`], the oldest going first. An outcome would be missed only if 8192 commands of this class ended between the end
//! of a command and its acknowledgement, and the core died just then.
//!
//! Read back as if an enemy had written it. Without a grant all of it works, and nothing outlives the process.

mod record;

use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::AsFd;

use ipc::arena::Arena;
use ipc::extent::Extent;
use ipc::message::codec;
use ipc::notebook::Notebook as Page;
use ipc::notebook::records::Records;
use rustc_hash::FxHashMap;
use scsi::device_info::ATOMIC_BYTES;

use crate::span::Spans;
use crate::task::Outcome;
use record::{Phase, Record};

/// Number of this notebook's format.
pub const SCHEMA: u64 = 1;
/// Outcomes and begun writes that are kept.
pub const RECORDS: usize = 8192;
/// Outcomes that are kept for one nexus.
pub const OF_A_NEXUS: usize = 1024;
/// Writes that can have begun at a time, with so many bytes at most: the rooms, by number. Most of them are short.
const ROOMS: [usize; 20] = {
    let mut rooms = [64 << 10; 20];
    let mut large = 16;
    while large < 20 {
        rooms[large] = BEGUN_BYTES;
        large += 1;
    }
    rooms
};
/// Bytes of all rooms.
pub const MIDDLE: usize = room_offset(ROOMS.len());
/// Bytes that the longest can have: what the limits of a unit say.
pub const BEGUN_BYTES: usize = ATOMIC_BYTES as usize;

/// Where a room begins.
const fn room_offset(room: usize) -> usize {
    let (mut offset, mut before) = (0, 0);
    while before < room {
        offset += ROOMS[before];
        before += 1;
    }
    offset
}
/// Number of the arena that the bytes of begun writes are: not one that a transport can have.
const ARENA: u32 = u32::MAX;

/// What a unit keeps something about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Topic {
    /// Mode parameters in force.
    ModePages = 1,
    /// A FORMAT UNIT or SANITIZE that is under way or has failed.
    LongOperation = 2,
    /// What core-svc has been told of the unit.
    Report = 3,
    /// Log parameters.
    LogPages = 4,
    /// The medium: which one, started or stopped, prevented from removal.
    Medium = 5,
    /// What WRITE BUFFER has left.
    Buffers = 6,
    /// Written data that did not reach the medium, and who knows of it.
    Loss = 7,
}

/// The identity of a command, as it stays when it comes again: nexus and serial.
pub type Name = (u64, u64);

/// For whom a write begins.
#[derive(Debug, Clone, Copy)]
pub struct Whose {
    /// The unit.
    pub unit: u32,
    /// Which medium of it.
    pub generation: u32,
    /// The command.
    pub name: Name,
}

/// A topic did not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the notebook cannot keep it: {0}")]
pub struct NotKept(String);

struct Entry {
    place: usize,
    age: u64,
    record: Record,
}

/// A write that a former incarnation had begun.
#[derive(Debug)]
pub struct Redo {
    /// The command.
    pub name: Name,
    /// The medium that it was for.
    pub generation: u32,
    /// Where it goes on the medium, in bytes.
    pub offset: u64,
    /// What is to be written.
    pub data: Spans,
    /// How the command ends when it has been written.
    pub outcome: Outcome,
}

/// The notebook.
#[derive(Default)]
pub struct Notebook {
    page: Option<Page>,
    records: Option<Records>,
    /// The bytes of begun writes, and where they begin in their arena.
    middle: Option<(Arena, u64)>,
    topics: BTreeMap<(u32, u8), Vec<u8>>,
    entries: FxHashMap<Name, Entry>,
    free: Vec<usize>,
    /// By age, the oldest first: all, and those of each nexus. Begun writes are in neither.
    ages: BTreeMap<u64, Name>,
    nexuses: FxHashMap<u64, BTreeSet<u64>>,
    next_age: u64,
    /// Places in the middle that are free.
    rooms: Vec<u8>,
}

impl Notebook {
    /// Takes up the notebook in `fd`. An error is for the administrator; nothing outlives the process then.
    pub fn open(fd: impl AsFd) -> Result<Self, String> {
        let text = |error: &dyn std::fmt::Display| format!("notebook: {error}");
        let parts = Page::divided(&fd, SCHEMA, MIDDLE, RECORDS).map_err(|error| text(&error))?;
        let arena = Arena::new(ARENA, &fd).map_err(|error| text(&error))?;
        let mut notebook = Self {
            page: Some(parts.notebook),
            records: Some(parts.records),
            middle: Some((arena, parts.middle.start as u64)),
            rooms: (0..ROOMS.len() as u8).collect(),
            ..Self::default()
        };
        if let Some(page) = parts.page {
            match codec::decode_page::<Vec<(u32, u8, Vec<u8>)>>(&page) {
                Ok(topics) => {
                    notebook.topics =
                        topics.into_iter().map(|(unit, topic, bytes)| ((unit, topic), bytes)).collect();
                }
                Err(error) => tracing::error!(%error, "the notebook's page cannot be read: starting empty"),
            }
        }
        for found in &parts.found {
            if let Some(record) = Record::decode(&found.bytes) {
                notebook.take_up(found.place, record);
            }
        }
        let mut free = vec![true; RECORDS];
        notebook.entries.values().for_each(|entry| free[entry.place] = false);
        notebook.free = (0..RECORDS).rev().filter(|place| free[*place]).collect();
        Ok(notebook)
    }

    /// Takes up a record that was found; a later one for the same command holds.
    fn take_up(&mut self, place: usize, record: Record) {
        let name = record.name;
        if let Phase::Begun { room, len, checksum, .. } = record.phase {
            let data = self.room(room, len as usize);
            let whole = data.is_some_and(|data| data.checksum(len as usize) == checksum);
            if !whole || !self.rooms.contains(&room) {
                tracing::error!("a begun write in the notebook is not whole: left out");
                return;
            }
            self.rooms.retain(|free| *free != room);
        }
        self.insert(name, place, record);
    }

    /// What a unit has kept about a topic.
    pub fn recall(&self, unit: u32, topic: Topic) -> Option<&[u8]> {
        self.topics.get(&(unit, topic as u8)).map(Vec::as_slice)
    }

    /// Keeps something about a topic, in place of what was there. It is safe from a death when this returns.
    pub fn keep(&mut self, unit: u32, topic: Topic, bytes: Vec<u8>) -> Result<(), NotKept> {
        let before = self.topics.insert((unit, topic as u8), bytes);
        self.save().inspect_err(|_| {
            match before {
                Some(before) => self.topics.insert((unit, topic as u8), before),
                None => self.topics.remove(&(unit, topic as u8)),
            };
        })
    }

    /// Drops what was kept about a topic.
    pub fn forget(&mut self, unit: u32, topic: Topic) {
        if self.topics.remove(&(unit, topic as u8)).is_some() {
            // It is shorter than the page before, which fitted.
            let _ = self.save();
        }
    }

    fn save(&mut self) -> Result<(), NotKept> {
        let Some(page) = &mut self.page else { return Ok(()) };
        let topics: Vec<(u32, u8, &[u8])> =
            self.topics.iter().map(|((unit, topic), bytes)| (*unit, *topic, bytes.as_slice())).collect();
        let bytes = codec::encode_page(&topics).map_err(|error| NotKept(error.to_string()))?;
        page.save(&bytes).map_err(|error| NotKept(error.to_string()))
    }

    /// How a command has ended, if that is known.
    pub fn outcome(&self, name: Name) -> Option<Outcome> {
        match &self.entries.get(&name)?.record.phase {
            Phase::Done(outcome) => Some(*outcome),
            Phase::Begun { .. } => None,
        }
    }

    /// Notes how a command has ended, before anybody can see it. Ends its begun write.
    pub fn finish(&mut self, unit: u32, name: Name, outcome: Outcome) {
        self.write(Record { name, unit, phase: Phase::Done(outcome) });
    }

    /// Notes what a command is about to write: the first `len` bytes of `data`, at `offset` on the medium, after which it
    /// ends with `outcome`. Returns a private copy of the data to write. None: too many have begun; try again when one ends.
    ///
    /// Panics for more than [`BEGUN_BYTES`]: limits refuse such commands.
    pub fn begin_write(
        &mut self,
        Whose { unit, generation, name }: Whose,
        offset: u64,
        (data, len): (&Spans, usize),
        outcome: Outcome,
    ) -> Option<Spans> {
        assert!(len <= BEGUN_BYTES, "{len} bytes are too many for a begun write");
        // The smallest that will do.
        let fits = |(_, room): &(usize, &u8)| ROOMS[usize::from(**room)] >= len;
        let smallest = self.rooms.iter().enumerate().filter(fits).min_by_key(|(_, room)| **room);
        let (at, room) = smallest.map(|(at, room)| (at, *room))?;
        let copy = self.room(room, len)?;
        self.rooms.swap_remove(at);
        copy.copy_from(data, len);
        let (transferred, wanted) = (outcome.transferred as u32, outcome.wanted as u32);
        let checksum = copy.checksum(len);
        let phase = Phase::Begun { room, generation, offset, len: len as u32, checksum, transferred, wanted };
        self.write(Record { name, unit, phase });
        Some(copy)
    }

    /// Whether writes can be begun at all: there is a segment for them.
    pub fn is_open(&self) -> bool {
        self.middle.is_some()
    }

    /// The writes that a former incarnation had begun on a unit and that are not known to have ended.
    pub fn begun(&self, unit: u32) -> Vec<Redo> {
        let begun = self.entries.values().filter(|entry| entry.record.unit == unit);
        let redo = begun.filter_map(|Entry { record, .. }| match record.phase {
            Phase::Begun { room, generation, offset, len, transferred, wanted, .. } => Some(Redo {
                name: record.name,
                generation,
                offset,
                data: self.room(room, len as usize)?,
                outcome: Outcome::good(transferred as usize, wanted as usize),
            }),
            Phase::Done(_) => None,
        });
        redo.collect()
    }

    /// The first `len` bytes of a room in the middle.
    fn room(&self, room: u8, len: usize) -> Option<Spans> {
        let (arena, first) = self.middle.as_ref()?;
        let fits = ROOMS.get(usize::from(room)).is_some_and(|bytes| len <= *bytes);
        let offset = first + room_offset(usize::from(room).min(ROOMS.len())) as u64;
        let extent = Extent { arena: ARENA, len: len as u32, offset };
        fits.then(|| Spans::of(arena, extent)).flatten()
    }

    fn write(&mut self, record: Record) {
        let name = record.name;
        if self.free.is_empty() {
            self.drop_oldest(None);
        }
        let place = match (&mut self.records, self.free.pop()) {
            (Some(records), Some(place)) => {
                records.write(place, &record.encode());
                place
            }
            (Some(_), None) => return,
            // Nothing outlives this process, but links do die.
            (None, place) => place.unwrap_or(self.entries.len()),
        };
        self.insert(name, place, record);
        let too_many = self.nexuses.get(&name.0).is_some_and(|ages| ages.len() > OF_A_NEXUS);
        if too_many || self.ages.len() >= RECORDS {
            self.drop_oldest(too_many.then_some(name.0));
        }
    }

    /// Puts a record that has been written into the lists, in place of an older one of the same command.
    fn insert(&mut self, name: Name, place: usize, record: Record) {
        self.remove(name);
        self.next_age += 1;
        let age = self.next_age;
        if matches!(record.phase, Phase::Done(_)) {
            self.ages.insert(age, name);
            self.nexuses.entry(name.0).or_default().insert(age);
        }
        self.entries.insert(name, Entry { place, age, record });
    }

    fn remove(&mut self, name: Name) {
        let Some(entry) = self.entries.remove(&name) else { return };
        if let Some(records) = &mut self.records {
            records.clear(entry.place);
            self.free.push(entry.place);
        }
        if let Phase::Begun { room, .. } = entry.record.phase {
            self.rooms.push(room);
        }
        self.ages.remove(&entry.age);
        if let Some(ages) = self.nexuses.get_mut(&name.0) {
            ages.remove(&entry.age);
            if ages.is_empty() {
                self.nexuses.remove(&name.0);
            }
        }
    }

    /// Drops the oldest outcome, of one nexus or of all.
    fn drop_oldest(&mut self, nexus: Option<u64>) {
        let age = match nexus {
            Some(nexus) => self.nexuses.get(&nexus).and_then(BTreeSet::first).copied(),
            None => self.ages.first_key_value().map(|(age, _)| *age),
        };
        if let Some(name) = age.and_then(|age| self.ages.get(&age).copied()) {
            self.remove(name);
        }
    }
}

#[cfg(test)]
mod tests;
