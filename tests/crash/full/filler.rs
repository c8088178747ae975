//! An initiator that writes to a unit that has no room for all of it, and knows which writes may be refused and what each block
//! may hold.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use anyhow::{Context, ensure};
use harness::deadline;
use harness::initiator::cdb::{read10, write10};
use harness::initiator::login::Login;
use harness::initiator::session::Session;
use harness::initiator::task::{Command, Done};
use harness::random::{Random, mix};

/// Places of 4 KiB, as many as the unit has.
const PLACES: u32 = 8192;
const BYTES: usize = 4096;
/// Commands in flight, each at a place of its own.
const DEPTH: usize = 16;
/// DATA PROTECT, SPACE ALLOCATION FAILED WRITE PROTECT (SBC-3 4.7.3.6).
const REFUSED: (u8, u8, u8) = (7, 0x27, 0x07);
/// What an initiator gives back at a time.
const UNMAPPED: u32 = 1024;

/// How far it is, and what it is told.
#[derive(Debug, Default)]
pub struct Counts {
    /// It is to end.
    pub stop: AtomicBool,
    /// It is to give back some of its places, once.
    pub unmap: AtomicBool,
    /// Writes that took room.
    pub new: AtomicU64,
    /// Writes that needed none.
    pub again: AtomicU64,
    /// Writes that were refused for want of room.
    pub refused: AtomicU64,
    read: AtomicU64,
}

impl Counts {
    /// Waits until one of them has grown by so many.
    pub fn wait(&self, what: &str, of: impl Fn(&Self) -> &AtomicU64, more: u64) -> anyhow::Result<()> {
        let goal = of(self).load(Ordering::Relaxed) + more;
        deadline::wait_for(what, super::PATIENCE, || {
            ensure!(!self.stop.load(Ordering::Acquire), "{what}: the filler has ended");
            Ok((of(self).load(Ordering::Relaxed) >= goal).then_some(()))
        })
    }

    /// All of them, in words.
    pub fn text(&self) -> String {
        let [new, again, refused, read] =
            [&self.new, &self.again, &self.refused, &self.read].map(|count| count.load(Ordering::Relaxed));
        format!(
            "{new} writes took room, {again} needed none, {refused} were refused; {read} reads were right"
        )
    }
}

/// What a place may hold: versions, of which 0 is zeros.
#[derive(Debug, Clone)]
struct Place {
    versions: Vec<u64>,
    /// A write that was acknowledged has taken room here.
    has_room: bool,
}

/// The initiator.
pub struct Filler {
    session: Session,
    random: Random,
    places: Vec<Place>,
    version: u64,
}

impl Filler {
    /// Logs in.
    pub fn new(portal: SocketAddr, seed: u64) -> anyhow::Result<Self> {
        let mut session = Login::normal(1).session(portal)?;
        session.clear_unit_attentions(0)?;
        let places = vec![Place { versions: vec![0], has_room: false }; PLACES as usize];
        Ok(Self { session, random: Random::new(seed), places, version: 0 })
    }

    /// Writes and reads until it is told to end, then reads everything.
    pub fn run(mut self, counts: &Counts) -> anyhow::Result<()> {
        let result = self.go_on(counts);
        counts.stop.store(true, Ordering::Release);
        result
    }

    fn go_on(&mut self, counts: &Counts) -> anyhow::Result<()> {
        while !counts.stop.load(Ordering::Acquire) {
            if counts.unmap.swap(false, Ordering::AcqRel) {
                self.give_back()?;
            }
            self.round(counts)?;
        }
        let sync = self.session.execute(Command::none(0, &[0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0]))?;
        ensure!(sync.status == 0, "SYNCHRONIZE CACHE: {sync:?}");
        for place in 0..PLACES {
            let done = self.session.execute(Command::read(0, &read10(place * 8, 8), BYTES))?;
            self.judge_read(place, &done)?;
        }
        Ok(())
    }

    /// Some commands at once.
    fn round(&mut self, counts: &Counts) -> anyhow::Result<()> {
        let mut jobs: HashMap<u32, (u32, Option<u64>)> = HashMap::new();
        let first = self.random.between(0, u64::from(PLACES)) as u32;
        for index in 0..DEPTH as u32 {
            let place = (first + index * 509) % PLACES;
            let command = if self.random.between(0, 4) == 0 {
                (Command::read(0, &read10(place * 8, 8), BYTES), None)
            } else {
                self.version += 1;
                let data = pattern(place, self.version);
                (Command::write(0, &write10(place * 8, 8), data), Some(self.version))
            };
            jobs.insert(self.session.submit(command.0)?, (place, command.1));
        }
        while !jobs.is_empty() {
            let done = self.session.complete()?;
            let (place, version) = jobs.remove(&done.tag).context("an answer to nothing")?;
            match version {
                Some(version) => self.judge_write(place, version, &done, counts)?,
                None => {
                    self.judge_read(place, &done)?;
                    counts.read.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
        Ok(())
    }

    fn judge_write(&mut self, number: u32, version: u64, done: &Done, counts: &Counts) -> anyhow::Result<()> {
        let place = &mut self.places[number as usize];
        let counted = match done.sense_code() {
            None if done.status == 0 => {
                let counted = if place.has_room { &counts.again } else { &counts.new };
                *place = Place { versions: vec![version], has_room: true };
                counted
            }
            Some(REFUSED) => {
                ensure!(!place.has_room, "refused at {number}, where there is room");
                // A command that failed may have written.
                place.versions.push(version);
                &counts.refused
            }
            _ => anyhow::bail!("write at {number}: {done:?}"),
        };
        counted.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn judge_read(&mut self, number: u32, done: &Done) -> anyhow::Result<()> {
        ensure!(done.status == 0 && done.data.len() == BYTES, "read at {number}: {done:?}");
        let place = &mut self.places[number as usize];
        let found = place.versions.iter().copied().find(|version| pattern(number, *version) == done.data);
        let found = found.with_context(|| format!("place {number} holds none of {:?}", place.versions))?;
        // What has been seen stays so.
        place.versions = vec![found];
        Ok(())
    }

    /// UNMAP of the first places.
    fn give_back(&mut self) -> anyhow::Result<()> {
        let mut list = vec![0; 24];
        (list[1], list[3]) = (22, 16);
        list[16..20].copy_from_slice(&(UNMAPPED * 8).to_be_bytes());
        let done = self.session.execute(Command::write(0, &[0x42, 0, 0, 0, 0, 0, 0, 0, 24, 0], list))?;
        ensure!(done.status == 0, "UNMAP: {done:?}");
        let nothing = Place { versions: vec![0], has_room: false };
        self.places[..UNMAPPED as usize].fill(nothing);
        Ok(())
    }
}

fn pattern(place: u32, version: u64) -> Vec<u8> {
    match version {
        0 => vec![0; BYTES],
        _ => Random::new(mix(u64::from(place) << 40 ^ version)).bytes(BYTES),
    }
}
