//! How long initiators wait because a process dies: with one command in flight, and with many devices and sessions. The
//! times are printed and not judged; errors are.

use std::time::Instant;

use anyhow::{Context, ensure};
use harness::load::{Load, Plan};
use harness::manifest::Manifest;
use harness::pause::Pauses;
use harness::random::Random;
use harness::target::Target;
use nix::sys::signal::Signal;

/// The supervisor, which `status` does not list as a service.
const SUPERVISOR: &str = "supervisor";

/// Kills one process, and waits until its successor is there. Returns when.
fn kill_once(target: &Target, name: &str) -> anyhow::Result<Instant> {
    if name == SUPERVISOR {
        let at = Instant::now();
        let before = target.kill_supervisor()?;
        target.wait_supervised(&before)?;
        return Ok(at);
    }
    let before = target.service(name)?.restarts;
    let at = Instant::now();
    target.signal(name, Signal::SIGKILL)?;
    target.wait_restarted(name, before)?;
    Ok(at)
}

/// 4 KiB, half of them writes, one at a time.
pub fn at_depth_one() -> anyhow::Result<()> {
    for name in ["core", "iscsi", "vdisk", SUPERVISOR] {
        let mut random = Random::printed(name);
        let target = Target::start(&Manifest::usual(64))?;
        let load =
            Load::start(Plan { depth: 1, bytes: 4096, ..Plan::usual(target.portal, random.number()) })?;
        let mut kills = Vec::new();
        for _ in 0..super::kills() {
            load.wait_for_progress(random.between(50, 500)).with_context(|| target.logs())?;
            kills.push(kill_once(&target, name)?);
        }
        load.wait_for_progress(100).with_context(|| target.logs())?;
        let report = load.finish()?;
        println!("{name}: {}", Pauses::new(&kills, &report.completions).summary());
        report.flawless().with_context(|| target.logs())?;
        ensure!(report.unit_attentions == 0, "{} unit attentions", report.unit_attentions);
        target.stop()?;
    }
    Ok(())
}

/// Each session loads a device of its own.
pub fn of_many() -> anyhow::Result<()> {
    const MANY: u16 = 64;
    let mut random = Random::printed("64 devices and 64 sessions");
    let manifest = (0..MANY)
        .fold(Manifest::default(), |manifest, number| manifest.file(&format!("disk{number}"), 2, ""));
    let target = Target::start(&manifest)?;
    let mut loads = Vec::new();
    for number in 0..MANY {
        let plan = Plan {
            lun: number,
            initiator: number + 1,
            mib: 2,
            depth: 1,
            bytes: 4096,
            ..Plan::usual(target.portal, random.number())
        };
        loads.push(Load::start(plan)?);
    }
    let go_on = |count| loads.iter().try_for_each(|load| load.wait_for_progress(count));
    let mut phases = Vec::new();
    for name in ["core", "iscsi", "vdisk", SUPERVISOR] {
        let mut kills = Vec::new();
        for _ in 0..super::kills() {
            go_on(random.between(2, 8)).with_context(|| target.logs())?;
            kills.push(kill_once(&target, name)?);
        }
        go_on(8).with_context(|| target.logs())?;
        phases.push((name, kills, Instant::now()));
    }
    loads.iter().for_each(Load::stop);
    let reports: Vec<_> = loads.into_iter().map(Load::finish).collect::<Result<_, _>>()?;
    for (name, kills, end) in phases {
        let mut all = Pauses::default();
        for report in &reports {
            let until = report.completions.partition_point(|one| one.at <= end);
            all.add(Pauses::new(&kills, &report.completions[..until]));
        }
        println!("{name}, 64 devices and 64 sessions: {}", all.summary());
    }
    for report in &reports {
        report.flawless().with_context(|| target.logs())?;
        ensure!(report.unit_attentions == 0, "{} unit attentions", report.unit_attentions);
    }
    target.stop()
}
