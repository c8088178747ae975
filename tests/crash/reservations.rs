//! Every process is killed in the middle of PERSISTENT RESERVE OUT: the registrations are those before or those after, a
//! command that was answered is never lost, and none counts twice.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use harness::deadline;
use harness::initiator::cdb;
use harness::initiator::login::Login;
use harness::initiator::session::Session;
use harness::initiator::task::Command;
use harness::manifest::Manifest;
use harness::random::Random;
use harness::target::{PATIENCE, Target};
use nix::sys::signal::Signal;

const GOOD: u8 = 0x00;
const CONFLICT: u8 = 0x18;
const REGISTER: u8 = 0x00;
const RESERVE: u8 = 0x01;
/// Write Exclusive.
const KIND: u8 = 0x01;

/// PERSISTENT RESERVE OUT with APTPL one.
fn out(action: u8, key: u64, action_key: u64) -> Command {
    let mut list = [key.to_be_bytes(), action_key.to_be_bytes(), [0; 8]].concat();
    list[20] = 0x01;
    Command::write(0, &[0x5f, action, KIND, 0, 0, 0, 0, 0, 24, 0], list)
}

/// PRGENERATION, and the one key that is registered.
fn registered(session: &mut Session) -> anyhow::Result<(u32, u64)> {
    let done = session.execute(Command::read(0, &[0x5e, 0, 0, 0, 0, 0, 0, 1, 0, 0], 256))?;
    ensure!(done.status == GOOD && done.data.len() == 16, "READ KEYS: {done:?}");
    let (generation, key) = (done.data[..4].try_into()?, done.data[8..].try_into()?);
    Ok((u32::from_be_bytes(generation), u64::from_be_bytes(key)))
}

/// A session of initiator `number` without unit attentions.
fn log_in(portal: SocketAddr, number: u16) -> anyhow::Result<Session> {
    deadline::wait_for("a session", PATIENCE, || {
        let session = Login::normal(number).session(portal);
        Ok(session.and_then(|mut session| session.clear_unit_attentions(0).map(|_| session)).ok())
    })
}

/// Whether the reservation keeps another initiator from writing.
fn shuts_out(portal: SocketAddr) -> anyhow::Result<()> {
    let mut other = log_in(portal, 2)?;
    let done = other.execute(Command::write(0, &cdb::write10(0, 1), vec![0; 512]))?;
    ensure!(done.status == CONFLICT, "a write that the reservation forbids: {done:?}");
    other.logout()
}

fn spin(microseconds: u64) {
    let until = Instant::now() + Duration::from_micros(microseconds);
    while Instant::now() < until {
        std::hint::spin_loop();
    }
}

/// Services first, in turns; at last bulkhead as a whole, after which files are all that is left.
pub fn every_process() -> anyhow::Result<()> {
    let mut random = Random::printed("PERSISTENT RESERVE OUT");
    let manifest = Manifest::usual(64);
    let target = Target::start(&manifest)?;
    let portal = target.portal;
    let mut session = log_in(portal, 1)?;
    for command in [out(REGISTER, 0, 1), out(RESERVE, 1, 0)] {
        ensure!(session.execute(command)?.status == GOOD, "the first reservation");
    }
    let mut key = 1;
    for service in ["core", "vdisk", "core", "iscsi"].into_iter().cycle().take(4 * super::kills()) {
        let (before, _) = registered(&mut session)?;
        session.submit(out(REGISTER, key, key + 1))?;
        spin(random.between(0, 3000));
        let restarts = target.signal(service, Signal::SIGKILL)?.restarts;
        if service == "iscsi" {
            drop(session);
            target.wait_restarted(service, restarts)?;
            session = log_in(portal, 1)?;
            let (_, now) = registered(&mut session)?;
            ensure!(now == key || now == key + 1, "key {now} after {key}\n{}", target.logs());
            key = now;
        } else {
            let done = session.complete().with_context(|| target.logs())?;
            ensure!(done.status == GOOD, "after a death of {service}: {done:?}\n{}", target.logs());
            target.wait_restarted(service, restarts)?;
            key += 1;
            let now = registered(&mut session)?;
            ensure!(now == (before + 1, key), "{now:?}, not {:?}\n{}", (before + 1, key), target.logs());
        }
        shuts_out(portal).with_context(|| target.logs())?;
    }
    session.submit(out(REGISTER, key, key + 1))?;
    spin(random.between(0, 3000));
    let dir = target.kill_bulkhead()?;
    let answered = session.complete().is_ok_and(|done| done.status == GOOD);
    let target = Target::start_in(dir, &manifest, portal).context("the next supervisor")?;
    let mut session = log_in(portal, 1)?;
    let (_, now) = registered(&mut session)?;
    ensure!(now == key + 1 || now == key && !answered, "key {now} after {key}, answered: {answered}");
    shuts_out(portal).with_context(|| target.logs())?;
    session.logout()?;
    target.stop()
}
