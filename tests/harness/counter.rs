//! A counter on a unit that initiators step by COMPARE AND WRITE: no step may be lost, and none made twice.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::ensure;

use crate::initiator::cdb;
use crate::initiator::login::Login;
use crate::initiator::task::{Command, Done};

/// Blocks of the counter: each holds the same number, so that half a write shows.
const BLOCKS: usize = 8;
/// Where it is.
const LBA: u64 = 64;

/// COMPARE AND WRITE (SBC-3 5.2) at block 64.
const COMPARE_AND_WRITE: [u8; 16] = [0x89, 0, 0, 0, 0, 0, 0, 0, 0, LBA as u8, 0, 0, 0, BLOCKS as u8, 0, 0];

/// What the blocks hold when the counter is at `value`.
fn counter(value: u64) -> Vec<u8> {
    value.to_be_bytes().repeat(BLOCKS * 512 / 8)
}

/// Steps the counter on LUN 0 until it is told to stop. `done` hears of every command that ended as it should, a miscompare
/// among them, with the number of bytes that were compared. How many steps were acknowledged.
///
/// # Errors
/// A command fails for another reason than that somebody else was faster.
pub fn step(
    portal: SocketAddr,
    number: u16,
    stop: &AtomicBool,
    mut done: impl FnMut(&Done, u64),
) -> anyhow::Result<u64> {
    let mut session = Login::normal(number).session(portal)?;
    session.clear_unit_attentions(0)?;
    let mut steps = 0;
    while !stop.load(Ordering::Relaxed) {
        let read = session.execute(Command::read(0, &cdb::read16(LBA, BLOCKS as u32), BLOCKS * 512))?;
        ensure!(read.status == 0, "READ: {:02x} {:02x?}", read.status, read.sense);
        let value = u64::from_be_bytes(read.data[..8].try_into()?);
        ensure!(read.data == counter(value), "half a write was read");
        done(&read, read.data.len() as u64);
        let data = [counter(value), counter(value + 1)].concat();
        let stepped = session.execute(Command::write(0, &COMPARE_AND_WRITE, data))?;
        match (stepped.status, stepped.sense_code()) {
            (0, _) => steps += 1,
            // MISCOMPARE: the other one was faster.
            (2, Some((0x0E, 0x1D, 0x00))) => {}
            other => anyhow::bail!("COMPARE AND WRITE: {other:02x?}"),
        }
        done(&stepped, 0);
    }
    session.logout()?;
    Ok(steps)
}

/// Checks that the counter is at `steps`.
///
/// # Errors
/// It is not.
pub fn check(portal: SocketAddr, number: u16, steps: u64) -> anyhow::Result<()> {
    let mut session = Login::normal(number).session(portal)?;
    session.clear_unit_attentions(0)?;
    let read = session.execute(Command::read(0, &cdb::read16(LBA, BLOCKS as u32), BLOCKS * 512))?;
    let at = &read.data[..read.data.len().min(8)];
    ensure!(steps > 0 && read.data == counter(steps), "{steps} steps, the counter is at {at:02x?}");
    session.logout()
}
