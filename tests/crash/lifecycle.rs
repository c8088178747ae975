//! Orderly and unorderly ends, and a life without work.

use std::time::Duration;

use anyhow::{Context, ensure};
use harness::load::{Load, Plan};
use harness::manifest::Manifest;
use harness::status::Status;
use harness::target::Target;
use harness::{deadline, leftovers};

/// stop and start: no process in between, and the load goes on after it.
pub fn stop_start() -> anyhow::Result<()> {
    let target = Target::start(&Manifest::usual(16))?;
    for name in ["vdisk", "core", "iscsi"] {
        let output = target.bulkhead(&["stop", name])?;
        ensure!(output.status.success(), "stop {name}: {output:?}");
        let stopped = deadline::wait_for("the stop", Duration::from_secs(10), || {
            Ok(Some(target.service(name)?).filter(|service| service.state == "stopped"))
        })?;
        ensure!(stopped.pid.is_none(), "{name} is stopped and has a process");
        let output = target.bulkhead(&["start", name])?;
        ensure!(output.status.success(), "start {name}: {output:?}");
        deadline::wait_for("the start", Duration::from_secs(10), || {
            Ok(Some(target.service(name)?).filter(|service| service.state == "running"))
        })?;
    }
    let load = Load::start(Plan { mib: 16, ..Plan::usual(target.portal, 1) })?;
    load.wait_for_progress(100)?;
    load.finish()?.flawless()?;
    target.stop()
}

/// restart and kill from the command line, under load.
pub fn restart_and_kill() -> anyhow::Result<()> {
    let target = Target::start(&Manifest::usual(64))?;
    let load = Load::start(Plan::usual(target.portal, 1))?;
    for command in [
        &["restart", "vdisk"][..],
        &["restart", "core"],
        &["kill", "vdisk", "--signal", "9"],
        &["kill", "core"],
    ] {
        let before = target.service(command[1])?;
        let output = target.bulkhead(command)?;
        ensure!(output.status.success(), "{command:?}: {output:?}");
        let back = || {
            Ok(Some(target.service(command[1])?).filter(|it| it.state == "running" && it.pid != before.pid))
        };
        deadline::wait_for("the restart", Duration::from_secs(10), back).with_context(|| target.logs())?;
        load.wait_for_progress(200).with_context(|| target.logs())?;
    }
    load.finish()?.flawless().with_context(|| target.logs())?;
    target.stop()
}

/// The board in shared memory, at most a second behind.
pub fn board() -> anyhow::Result<()> {
    let target = Target::start(&Manifest::usual(16))?;
    let pids = target.status()?.pids();
    deadline::wait_for("a board with all services", Duration::from_secs(10), || {
        let output = target.bulkhead(&["status", "--json", "--board"])?;
        let status: Option<Status> = serde_json::from_slice(&output.stdout).ok();
        Ok(status.filter(|status| status.all_running() && status.pids() == pids))
    })?;
    target.stop()
}

/// SIGTERM with sessions open and commands in flight.
pub fn sigterm() -> anyhow::Result<()> {
    let target = Target::start(&Manifest::usual(64))?;
    let load = Load::start(Plan::usual(target.portal, 1))?;
    load.wait_for_progress(100)?;
    target.stop()?;
    let report = load.finish()?;
    ensure!(report.wrong_bytes == 0, "{} wrong bytes", report.wrong_bytes);
    Ok(())
}

/// kill -9 of keeper and supervisor: the services end by themselves, and a next `bulkhead run` on the same directory starts,
/// with the data as it was.
pub fn bulkhead_dies() -> anyhow::Result<()> {
    let manifest = Manifest::usual(64);
    let target = Target::start(&manifest)?;
    let (portal, board) = (target.portal, target.status()?.board);
    let load = Load::start(Plan::usual(portal, 1))?;
    load.wait_for_progress(100)?;
    let dir = target.kill_bulkhead()?;
    let _ = load.finish()?;
    let path = dir.path().join("run");
    let target = Target::start_in(dir, &manifest, portal).context("the next supervisor")?;
    let mut running: Vec<_> = target.status()?.pids();
    running.push(target.keeper());
    let found = leftovers::find(&path, &board, portal);
    let processes = found.iter().filter(|line| line.starts_with("process")).count();
    ensure!(processes == running.len(), "{running:?} should run, these do: {found:?}");
    target.stop()
}

/// After a load, with a session open, nothing happens for a while. Printed rather than asserted to the last tick: the
/// machine may be busy with other things.
pub fn idle() -> anyhow::Result<()> {
    let target = Target::start(&Manifest::usual(64))?;
    let load = Load::start(Plan::usual(target.portal, 1))?;
    load.wait_for_progress(2000)?;
    load.finish()?.flawless()?;
    let session = harness::initiator::login::Login::normal(1).session(target.portal)?;
    let seconds = std::env::var("BULKHEAD_IDLE_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(3);
    let before = target.cpu_time()?;
    std::thread::park_timeout(Duration::from_secs(seconds));
    let used = target.cpu_time()? - before;
    let percent = used.as_secs_f64() * 100.0 / seconds as f64;
    println!("idle after load: {used:?} of CPU in {seconds} s: {percent:.2} % of one core");
    ensure!(percent < 20.0, "somebody spins: {percent:.1} % of a core");
    session.logout()?;
    target.stop()
}
