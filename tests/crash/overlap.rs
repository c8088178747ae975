//! Writes over one another while everything dies: whoever has seen something newer never sees what was there before it.
//!
//! Several initiators write the same few blocks, many at a time, and read them. Every write has a number of its own. A number
//! is *known* from the moment on at which its write, or a read that returned it, has ended. A write that was sent after that
//! and has ended leaves something newer there, so that no read which is sent later still returns the number.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use harness::initiator::login::Login;
use harness::initiator::task::Command;
use harness::manifest::Manifest;
use harness::random::Random;
use harness::target::Target;
use nix::sys::signal::Signal;

/// Blocks that all fight for.
const BLOCKS: u64 = 3;
/// Commands that an initiator has in flight.
const DEPTH: usize = 12;
const INITIATORS: u16 = 3;

/// A command that has ended.
#[derive(Debug, Clone, Copy)]
struct Event {
    block: u64,
    write: bool,
    number: u64,
    sent: Instant,
    ended: Instant,
}

/// WRITE(10) or READ(10) of one block, with FUA for some: those end later than others see them.
fn cdb(write: bool, fua: bool, block: u64) -> [u8; 10] {
    let code = if write { 0x2A } else { 0x28 };
    [code, u8::from(fua) << 3, 0, 0, 0, block as u8, 0, 0, 1, 0]
}

/// One initiator, until it is told to stop.
fn fight(
    portal: SocketAddr,
    initiator: u16,
    seed: u64,
    numbers: &AtomicU64,
    stop: &AtomicBool,
) -> anyhow::Result<Vec<Event>> {
    let mut random = Random::new(seed);
    let mut session = Login::normal(initiator).session(portal)?;
    session.clear_unit_attentions(0)?;
    let (mut events, mut flying) = (Vec::new(), HashMap::new());
    loop {
        while !stop.load(Ordering::Relaxed) && flying.len() < DEPTH && session.window() > 0 {
            let (block, write) = (random.between(0, BLOCKS), random.between(0, 2) == 0);
            let cdb = cdb(write, write && random.between(0, 3) == 0, block);
            let number = if write { numbers.fetch_add(1, Ordering::Relaxed) } else { 0 };
            let command = match write {
                true => Command::write(0, &cdb, number.to_be_bytes().repeat(64)),
                false => Command::read(0, &cdb, 512),
            };
            let sent = Instant::now();
            flying.insert(session.submit(command)?, (block, write, number, sent));
        }
        if flying.is_empty() {
            session.logout()?;
            return Ok(events);
        }
        let done = session.complete()?;
        let ended = Instant::now();
        ensure!(done.status == 0, "status {:#x}, {:02x?}", done.status, done.sense);
        let (block, write, mut number, sent) = flying.remove(&done.tag).context("an unknown tag")?;
        if !write {
            let first = done.data.first_chunk().context("no data")?;
            number = u64::from_be_bytes(*first);
            ensure!(done.data == first.repeat(64), "a torn block: {:02x?}", done.data);
        }
        events.push(Event { block, write, number, sent, ended });
    }
}

/// Reads of a block that returned what had been written over before.
fn stale(events: &[Event]) -> Vec<Event> {
    let mut known: HashMap<u64, Instant> = HashMap::new();
    for event in events {
        let first = known.entry(event.number).or_insert(event.ended);
        *first = (*first).min(event.ended);
    }
    // By their ends: the latest moment at which one of them, or of those before, was sent.
    let mut writes: Vec<(Instant, Instant)> =
        events.iter().filter(|event| event.write).map(|event| (event.ended, event.sent)).collect();
    writes.sort_unstable();
    let mut latest: Option<Instant> = None;
    for (_, sent) in &mut writes {
        latest = latest.max(Some(*sent));
        *sent = latest.unwrap_or(*sent);
    }
    let over = |read: &&Event| {
        let before = writes.partition_point(|(ended, _)| *ended < read.sent);
        before > 0 && writes[before - 1].1 > known[&read.number]
    };
    events.iter().filter(|event| !event.write).filter(over).copied().collect()
}

/// That the judge sees it when the first write comes back after a second one, and only then.
fn judge_works() -> anyhow::Result<()> {
    let start = Instant::now();
    let at = |ms| start + Duration::from_millis(ms);
    let event = |write, number, from, to| Event { block: 0, write, number, sent: at(from), ended: at(to) };
    // The first write has no answer before the end; somebody has seen it before the second one was sent.
    let history =
        [event(true, 1, 0, 100), event(false, 1, 1, 2), event(true, 2, 3, 4), event(false, 1, 5, 6)];
    ensure!(stale(&history).len() == 1, "a write that came back is not noticed");
    // If nobody had, it could still take effect.
    ensure!(stale(&[history[0], history[2], history[3]]).is_empty(), "a late write is no fault");
    // So it could if the second one was sent before.
    let early = event(true, 2, 1, 4);
    ensure!(stale(&[history[0], history[1], early, history[3]]).is_empty(), "two at once are in no order");
    Ok(())
}

/// Kills every service, and pairs of them, in the middle of it.
pub fn nothing_comes_back() -> anyhow::Result<()> {
    judge_works()?;
    let mut random = Random::printed("writes over one another");
    let target = Target::start(&Manifest::usual(16))?;
    let (numbers, stop) = (AtomicU64::new(1), AtomicBool::new(false));
    let mut events = std::thread::scope(|scope| -> anyhow::Result<Vec<Event>> {
        let fighters: Vec<_> = (1..=INITIATORS)
            .map(|initiator| {
                let (seed, numbers, stop) = (random.number(), &numbers, &stop);
                scope.spawn(move || fight(target.portal, initiator, seed, numbers, stop))
            })
            .collect();
        let killed = kill_in_turns(&target, &mut random, &numbers);
        stop.store(true, Ordering::Relaxed);
        let mut events = Vec::new();
        for fighter in fighters {
            let ended = fighter.join().map_err(|_| anyhow::anyhow!("an initiator panicked"))?;
            events.extend(ended.with_context(|| target.logs())?);
        }
        killed.map(|()| events)
    })?;
    events.sort_unstable_by_key(|event| event.ended);
    let count = events.len();
    for block in 0..BLOCKS {
        let of_block: Vec<Event> = events.iter().filter(|event| event.block == block).copied().collect();
        let stale = stale(&of_block);
        ensure!(stale.is_empty(), "{} reads of block {block} were stale, first {:?}", stale.len(), stale[0]);
    }
    println!("{count} reads and writes of {BLOCKS} blocks: nothing that was written over came back");
    target.stop()
}

fn kill_in_turns(target: &Target, random: &mut Random, numbers: &AtomicU64) -> anyhow::Result<()> {
    let turns: [&[&str]; 6] = [
        &["vdisk"],
        &["core"],
        &["iscsi"],
        &["core", "vdisk"],
        &["core", "iscsi"],
        &["core", "iscsi", "vdisk"],
    ];
    for services in turns.repeat(super::kills()) {
        let until = numbers.load(Ordering::Relaxed) + random.between(50, 800);
        harness::deadline::wait_for("progress", Duration::from_secs(60), || {
            Ok((numbers.load(Ordering::Relaxed) >= until).then_some(()))
        })
        .with_context(|| target.logs())?;
        let before: Vec<_> = services
            .iter()
            .map(|service| target.signal(service, Signal::SIGKILL))
            .collect::<Result<_, _>>()?;
        for (service, before) in services.iter().zip(before) {
            target.wait_restarted(service, before.restarts)?;
        }
    }
    Ok(())
}
