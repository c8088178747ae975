//! Random words over every page while the other side runs.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use ipc::arena::{Arena, Arenas};
use ipc::fault::PeerFault;
use ipc::link::{self, LinkParts, Requester, Responder};
use ipc::message::record::{NexusNames, Reply, ReplyKind, Request, RequestKind};
use ipc::notebook::Notebook;
use ipc::ring::PushError;
use ipc::shm::{self, Mapping};
use ipc::stats::Stats;

/// Small, fast, and the same in every run.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Values that a ring index or a length might be confused by, more often than any other.
    fn nasty(&mut self) -> u64 {
        let near = self.next() % 2048;
        match self.next() % 6 {
            0 => near,
            1 => u64::MAX - near,
            2 => (1 << 63) + near,
            3 => near % 8,
            4 => 0,
            _ => self.next(),
        }
    }
}

/// Scribbles over `words` of the segment (all of it if empty) until dropped.
struct Scribbler {
    stop: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Scribbler {
    fn start(memory: impl AsFd, words: &'static [usize], seed: u64) -> Self {
        let map = Mapping::new(memory).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let scribble = move || {
            let mut noise = Noise(seed | 1);
            while !stopped.load(Ordering::Relaxed) {
                let value = noise.nasty();
                let anywhere = noise.next() as usize % (map.size() / 8);
                let index = words.get(noise.next() as usize % words.len().max(1)).copied();
                let word = map.word(index.unwrap_or(anywhere));
                // Small steps of what stands there get past more checks than any value of our own.
                match noise.next() % 3 {
                    0 => drop(word.fetch_add(noise.next() % 3, Ordering::Relaxed)),
                    _ => word.store(value, Ordering::Relaxed),
                }
                if noise.next().is_multiple_of(64) {
                    thread::yield_now();
                }
            }
        };
        Self { stop, thread: Some(thread::spawn(scribble)) }
    }
}

impl Drop for Scribbler {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().map(thread::JoinHandle::join).unwrap().unwrap();
    }
}

const RUNS: u64 = 30;
const TURNS: u32 = 20_000;

/// Index words of both rings: produced, consumed and asleep of requests, then of replies.
const INDICES: &[usize] = &[16, 32, 48, 16 + 48 + 32768, 16 + 48 + 32768 + 16, 16 + 48 + 32768 + 32];
/// The leading words of the first records: kinds, counts, extents.
const RECORDS: &[usize] =
    &[64, 65, 66, 71, 72, 73, 96, 97, 98, 103, 16 + 48 + 32768 + 48, 16 + 48 + 32768 + 64];

fn bells(parts: &LinkParts) -> (ipc::doorbell::Doorbell, ipc::doorbell::Doorbell) {
    (parts.requester_bell.duplicate().unwrap(), parts.responder_bell.duplicate().unwrap())
}

/// What a service does with a request: every field is looked at, every extent used.
fn take(request: &Request, arenas: &Arenas) -> Result<RequestKind, PeerFault> {
    let kind = RequestKind::try_from(request.kind)?;
    let cdb = request.cdb()?;
    assert!(cdb.len() <= 32);
    let (out, into) = request.extents()?;
    for extent in out.iter().chain(into) {
        let checked = arenas.check(*extent)?;
        let arena = arenas.get(checked.arena()).expect("it was checked against this arena");
        let mut names = [0; 64];
        let len = arena.read(checked, &mut names);
        let _ = NexusNames::decode(&names[..len]);
        arena.write(checked, &names[..len]);
        arena
            .for_each_piece(checked.slice(0, 9000).expect("not empty"), |piece| assert!(piece.len() <= 4096));
    }
    Ok(kind)
}

fn respond(responder: &mut Responder, arenas: &Arenas) -> Result<(), PeerFault> {
    for _ in 0..TURNS {
        match responder.receive()? {
            Some(request) => {
                take(&request, arenas)?;
                responder.send(&Reply::new(ReplyKind::Done, request.nexus, request.serial))?;
            }
            None => {
                if responder.arm() {
                    thread::yield_now();
                }
                responder.disarm();
            }
        }
        responder.flush();
    }
    Ok(())
}

fn request(requester: &mut Requester) -> Result<(), PeerFault> {
    for serial in 0..u64::from(TURNS) {
        match requester.send(&Request::new(RequestKind::Command, 1, serial)) {
            Err(PushError::Peer(fault)) => return Err(fault),
            Ok(()) | Err(PushError::Full) => requester.flush(),
        }
        while let Some(reply) = requester.receive()? {
            ReplyKind::try_from(reply.kind)?;
            assert!(reply.sense()?.len() <= 96);
            requester.flush();
        }
        if requester.arm() {
            thread::yield_now();
        }
        requester.disarm();
    }
    Ok(())
}

fn arena() -> (OwnedFd, Arenas) {
    let memory = shm::create("arena", 1 << 20).unwrap();
    let mut arenas = Arenas::default();
    arenas.insert(Arena::new(0, &memory).unwrap());
    (memory, arenas)
}

#[test]
fn responder_survives_a_scribbling_requester() {
    let (memory, arenas) = arena();
    let _arena = Scribbler::start(&memory, &[], 99);
    let mut faults = 0;
    for run in 0..RUNS {
        let parts = link::create("hostile", run).unwrap();
        let (theirs, mine) = bells(&parts);
        let mut responder = Responder::new(&parts.memory, run, mine, theirs).unwrap();
        let words = [INDICES, RECORDS, &[]][run as usize % 3];
        let _records = Scribbler::start(&parts.memory, RECORDS, run + 500);
        let _scribbler = Scribbler::start(&parts.memory, words, run + 1000);
        faults += u64::from(respond(&mut responder, &arenas).is_err());
    }
    assert!(faults > RUNS / 3, "{faults} of {RUNS} runs found a fault");
}

#[test]
fn requester_survives_a_scribbling_responder() {
    let mut faults = 0;
    for run in 0..RUNS {
        let parts = link::create("hostile", run).unwrap();
        let (mine, theirs) = bells(&parts);
        let mut requester = Requester::new(&parts.memory, run, mine, theirs).unwrap();
        let words = [INDICES, RECORDS, &[]][run as usize % 3];
        let _scribbler = Scribbler::start(&parts.memory, words, run + 2000);
        faults += u64::from(request(&mut requester).is_err());
    }
    assert!(faults > RUNS / 4, "{faults} of {RUNS} runs found a fault");
}

#[test]
fn opening_a_link_under_scribbling_succeeds_or_is_refused() {
    let parts = link::create("hostile", 1).unwrap();
    let header = Mapping::new(&parts.memory).unwrap();
    let whole: Vec<u64> = (0..4).map(|index| header.word(index).load(Ordering::Relaxed)).collect();
    let _scribbler = Scribbler::start(&parts.memory, &[0, 1, 2, 3], 5);
    let (mut opened, mut refused) = (0, 0);
    for _ in 0..2000 {
        for (index, value) in whole.iter().enumerate() {
            header.word(index).store(*value, Ordering::Relaxed);
        }
        let (mine, theirs) = bells(&parts);
        match Requester::new(&parts.memory, 1, mine, theirs) {
            Ok(_) => opened += 1,
            Err(_) => refused += 1,
        }
    }
    assert_eq!(opened + refused, 2000);
}

#[test]
fn arena_under_scribbling_stays_in_bounds() {
    let (memory, arenas) = arena();
    let _scribbler = Scribbler::start(&memory, &[], 7);
    let arena = arenas.get(0).unwrap();
    let mut noise = Noise(3);
    for _ in 0..3000 {
        let extent =
            ipc::extent::Extent { arena: 0, len: noise.next() as u32 % 20_000, offset: noise.nasty() };
        let Ok(checked) = arena.check(extent) else { continue };
        let mut bytes = [0; 777];
        let len = arena.read(checked, &mut bytes);
        assert_eq!(arena.write(checked, &bytes[..len]), len);
        let (mut seen, most) = (0, checked.len());
        arena.for_each_piece(checked, |piece| seen += piece.len());
        assert_eq!(seen, most);
        arena.zero(checked, most);
    }
}

#[test]
fn notebook_under_scribbling_opens_and_saves() {
    const HEADERS: &[usize] = &[0, 1, 2, 3, 1024, 1025, 1026, 1027];
    let memory = shm::create("notebook", 16384).unwrap();
    for (words, seed) in [(HEADERS, 1), (&[][..], 2)] {
        let _scribbler = Scribbler::start(&memory, words, seed);
        for turn in 0..4000u32 {
            let (mut notebook, page) = Notebook::open(&memory, 9).unwrap();
            assert!(page.is_none_or(|page| page.len() <= notebook.room()));
            notebook.save(&turn.to_ne_bytes().repeat(turn as usize % 100)).unwrap();
        }
    }
}

#[test]
fn stats_under_scribbling_count_on() {
    let memory = shm::create("stats", ipc::stats::PAGE_BYTES).unwrap();
    let stats = Stats::new(&memory).unwrap();
    let _scribbler = Scribbler::start(&memory, &[], 11);
    for turn in 0..100_000 {
        stats.beat();
        stats.add(turn % ipc::stats::COUNTERS, u64::MAX);
        stats.set(63, stats.get(0).wrapping_add(stats.beats()));
    }
}
