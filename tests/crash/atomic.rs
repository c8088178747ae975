//! A counter that three initiators step by COMPARE AND WRITE while every process dies: no step is lost, and none is made twice.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, ensure};
use harness::initiator::cdb;
use harness::initiator::login::Login;
use harness::initiator::task::Command;
use harness::manifest::Manifest;
use harness::random::Random;
use harness::target::Target;
use nix::sys::signal::Signal;

/// Blocks of the counter: each holds the same number, so that half a write shows.
const BLOCKS: usize = 8;

fn counter(value: u64) -> Vec<u8> {
    value.to_be_bytes().repeat(BLOCKS * 512 / 8)
}

/// COMPARE AND WRITE (SBC-3 5.2) at block 64.
const COMPARE_AND_WRITE: [u8; 16] = [0x89, 0, 0, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, BLOCKS as u8, 0, 0];

/// Steps the counter until it is told to stop. Returns how many steps were acknowledged.
fn step(target: &Target, number: u16, stop: &AtomicBool) -> anyhow::Result<u64> {
    let mut session = Login::normal(number).session(target.portal)?;
    session.clear_unit_attentions(0)?;
    let mut steps = 0;
    while !stop.load(Ordering::Relaxed) {
        let read = session.execute(Command::read(0, &cdb::read16(64, BLOCKS as u32), BLOCKS * 512))?;
        ensure!(read.status == 0, "READ: {:02x} {:02x?}", read.status, read.sense);
        let value = u64::from_be_bytes(read.data[..8].try_into()?);
        ensure!(read.data == counter(value), "half a write was read");
        let data = [counter(value), counter(value + 1)].concat();
        let done = session.execute(Command::write(0, &COMPARE_AND_WRITE, data))?;
        match (done.status, done.sense_code()) {
            (0, _) => steps += 1,
            // MISCOMPARE: the other one was faster.
            (2, Some((0x0E, 0x1D, 0x00))) => {}
            other => anyhow::bail!("COMPARE AND WRITE: {other:02x?}"),
        }
    }
    session.logout()?;
    Ok(steps)
}

/// Three initiators, and all processes die in turns.
pub fn counter_is_exact() -> anyhow::Result<()> {
    let mut random = Random::printed("a counter by COMPARE AND WRITE");
    let target = Target::start(&Manifest::usual(16))?;
    let stop = AtomicBool::new(false);
    let kills = super::kills() * 4;
    let steps = std::thread::scope(|scope| {
        let initiators = [1, 2, 3].map(|number| {
            let (target, stop) = (&target, &stop);
            scope.spawn(move || step(target, number, stop))
        });
        let names = ["vdisk", "core", "iscsi", "supervisor"].into_iter().cycle();
        let killed = names.take(kills).try_for_each(|name| {
            // The time of a kill is the point here; nothing is waited for.
            std::thread::park_timeout(Duration::from_micros(random.between(5_000, 120_000)));
            if name == "supervisor" {
                let before = target.kill_supervisor()?;
                return target.wait_supervised(&before).map(|_| ());
            }
            let before = target.signal(name, Signal::SIGKILL)?;
            target.wait_restarted(name, before.restarts).map(|_| ())
        });
        stop.store(true, Ordering::Relaxed);
        let mut steps = 0;
        for initiator in initiators {
            steps += initiator.join().unwrap_or_else(|_| anyhow::bail!("panicked"))?;
        }
        killed.map(|()| steps)
    });
    let steps = steps.with_context(|| target.logs())?;
    let mut session = Login::normal(4).session(target.portal)?;
    session.clear_unit_attentions(0)?;
    let read = session.execute(Command::read(0, &cdb::read16(64, BLOCKS as u32), BLOCKS * 512))?;
    println!("{steps} steps under {kills} kills");
    ensure!(
        steps > 0 && read.data == counter(steps),
        "{steps} steps, the counter is {:02x?}",
        &read.data[..8]
    );
    session.logout()?;
    target.stop()
}
