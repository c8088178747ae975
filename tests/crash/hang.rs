//! Services that are there and do nothing, or nothing but go round in a loop, or are away for too long.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use harness::chaos::fault::spin;
use harness::deadline;
use harness::initiator::cdb;
use harness::initiator::login::Login;
use harness::initiator::task::Command;
use harness::load::{Load, Plan};
use harness::manifest::Manifest;
use harness::suite::Skipped;
use harness::target::Target;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// How a process comes to hang.
#[derive(Debug, Clone, Copy)]
enum How {
    /// SIGSTOP
    Stopped,
    /// An endless loop.
    Spinning,
}

impl How {
    fn inflict(self, pid: u32) -> anyhow::Result<()> {
        match self {
            How::Stopped => Ok(kill(Pid::from_raw(pid.try_into()?), Signal::SIGSTOP)?),
            How::Spinning if !spin::POSSIBLE => Err(Skipped("only on x86-64".to_owned()).into()),
            How::Spinning => spin::spin(pid),
        }
    }
}

/// The heartbeat stands still, the supervisor kills the process, and the commands it had are done by the next.
fn hang(service: &str, how: How) -> anyhow::Result<()> {
    let manifest = Manifest::usual(64).supervisor("heartbeat_limit = \"3s\"");
    let target = Target::start(&manifest)?;
    let load = Load::start(Plan::usual(target.portal, 5))?;
    let before = target.service(service)?;
    how.inflict(before.pid.context("no process")?)?;
    let after = target.wait_restarted(service, before.restarts)?;
    let cause = after.last_death.map(|death| death.cause).unwrap_or_default();
    println!("{service} hung, {how:?}; last death: {cause}");
    ensure!(cause.contains("heartbeat") || cause.contains("hung"), "the cause is not said: {cause}");
    load.wait_for_progress(500).with_context(|| target.logs())?;
    load.finish()?.flawless().with_context(|| target.logs())?;
    target.stop()
}

/// The handler hangs.
pub fn vdisk() -> anyhow::Result<()> {
    hang("vdisk", How::Stopped)
}

/// The core hangs.
pub fn core() -> anyhow::Result<()> {
    hang("core", How::Stopped)
}

/// The transport hangs, and its connections wait.
pub fn iscsi() -> anyhow::Result<()> {
    hang("iscsi", How::Stopped)
}

/// The handler spins.
pub fn spinning_vdisk() -> anyhow::Result<()> {
    hang("vdisk", How::Spinning)
}

/// The core spins.
pub fn spinning_core() -> anyhow::Result<()> {
    hang("core", How::Spinning)
}

/// The transport spins, and its connections wait.
pub fn spinning_iscsi() -> anyhow::Result<()> {
    hang("iscsi", How::Spinning)
}

/// The supervisor hangs: its keeper finds that out and replaces it. Meanwhile I/O goes on, but for what a service holds up
/// that dies at that time.
pub fn supervisor() -> anyhow::Result<()> {
    hang_supervisor(How::Stopped)
}

/// The same with one that spins.
pub fn spinning_supervisor() -> anyhow::Result<()> {
    hang_supervisor(How::Spinning)
}

fn hang_supervisor(how: How) -> anyhow::Result<()> {
    let manifest = Manifest::usual(64).supervisor("heartbeat_limit = \"3s\"");
    let target = Target::start(&manifest)?;
    let load = Load::start(Plan::usual(target.portal, 5))?;
    let before = target.status()?;
    how.inflict(before.pid)?;
    load.wait_for_progress(500).with_context(|| target.logs())?;
    let vdisk = before.service("vdisk").and_then(|it| it.pid).context("no vdisk")?;
    kill(Pid::from_raw(vdisk as i32), Signal::SIGKILL)?;
    let after = target.wait_supervised(&before)?;
    let restarts: Vec<_> = after.services.iter().map(|it| (it.name.as_str(), it.restarts)).collect();
    ensure!(restarts == [("core", 0), ("iscsi", 0), ("vdisk", 1)], "{restarts:?}");
    ensure!(
        target.logs().contains("the supervisor hung and was killed"),
        "it is not said: {}",
        target.logs()
    );
    load.wait_for_progress(500).with_context(|| target.logs())?;
    load.finish()?.flawless().with_context(|| target.logs())?;
    target.stop()
}

/// Sessions that begin while the supervisor does not listen: their sockets wait for it with others, and more of them than the
/// control socket has room for. The transport dies then, and what had begun goes on.
pub fn logins_without_a_supervisor() -> anyhow::Result<()> {
    const MOST: u16 = 900;
    let target = Target::start(&Manifest::usual(16).service("iscsi", "max_connections = 1000"))?;
    let before = target.signal_supervisor(Signal::SIGSTOP)?;
    let begun = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        let logins = scope.spawn(|| {
            for number in 1..=MOST {
                // What has not begun may end with the transport.
                let Ok(session) = Login::normal(number).session(target.portal) else { return };
                begun.lock().unwrap_or_else(PoisonError::into_inner).push(session);
            }
        });
        let count = || begun.lock().unwrap_or_else(PoisonError::into_inner).len();
        let mut seen = (0, Instant::now());
        deadline::wait_for("a pause of the logins", Duration::from_secs(60), || {
            if count() != seen.0 {
                seen = (count(), Instant::now());
            }
            let over = logins.is_finished() || seen.1.elapsed() > Duration::from_secs(1);
            Ok(over.then_some(()))
        })?;
        let iscsi = before.service("iscsi").and_then(|it| it.pid).context("no iscsi")?;
        kill(Pid::from_raw(iscsi as i32), Signal::SIGKILL)?;
        kill(Pid::from_raw(before.pid as i32), Signal::SIGCONT)?;
        target.wait_restarted("iscsi", 0).map(|_| ())
    })?;
    let begun = begun.into_inner().unwrap_or_else(PoisonError::into_inner);
    println!("{} sessions had begun", begun.len());
    ensure!(begun.len() > 50, "only {}", begun.len());
    for (number, mut session) in begun.into_iter().enumerate() {
        session.clear_unit_attentions(0).with_context(|| format!("session {number}\n{}", target.logs()))?;
    }
    target.stop()
}

/// A handler that an administrator has stopped is not waited for; once it is back, all is well again.
pub fn hold_limit() -> anyhow::Result<()> {
    let manifest = Manifest::usual(16).supervisor("hold_limit = \"1s\"");
    let target = Target::start(&manifest)?;
    let mut session = Login::normal(1).session(target.portal)?;
    session.clear_unit_attentions(0)?;
    let stopped = target.bulkhead(&["stop", "vdisk"])?;
    ensure!(stopped.status.success(), "{stopped:?}");
    let read = || Command::read(0, &cdb::read10(0, 1), 512);
    let done = session.execute(read())?;
    ensure!(done.sense_code().is_some_and(|(key, _, _)| key == 2), "{:02x} {:02x?}", done.status, done.sense);
    ensure!(done.latency() < Duration::from_secs(10), "held for {:?}", done.latency());
    let started = target.bulkhead(&["start", "vdisk"])?;
    ensure!(started.status.success(), "{started:?}");
    target.wait_restarted("vdisk", 0)?;
    session.clear_unit_attentions(0)?;
    ensure!(session.execute(read())?.status == 0, "not ready after the start");
    session.logout()?;
    target.stop()
}
