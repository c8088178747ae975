//! kill -9 at random times, under a load that knows every byte.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use harness::load::{Load, Plan, Report};
use harness::manifest::Manifest;
use harness::pause::Pauses;
use harness::random::Random;
use harness::target::Target;
use nix::sys::signal::Signal;

/// Kills `count` times, each time the next of `services`, a random number of commands and microseconds after the last one
/// is back. Returns the moments.
pub fn kill_under(
    target: &Target,
    load: &Load,
    services: &[&str],
    count: usize,
    random: &mut Random,
) -> anyhow::Result<Vec<Instant>> {
    let mut kills = Vec::new();
    for service in services.iter().cycle().take(count) {
        load.wait_for_progress(random.between(50, 1500)).with_context(|| target.logs())?;
        let until = Instant::now() + Duration::from_micros(random.between(0, 2000));
        let before = target.service(service)?.restarts;
        while Instant::now() < until {
            std::hint::spin_loop();
        }
        kills.push(Instant::now());
        target.signal(service, Signal::SIGKILL)?;
        target.wait_restarted(service, before)?;
    }
    load.wait_for_progress(500).with_context(|| target.logs())?;
    Ok(kills)
}

fn judge(what: &str, target: Target, kills: &[Instant], report: &Report) -> anyhow::Result<()> {
    let (median, worst) = report.latency();
    if !kills.is_empty() {
        println!("{what}: {}", Pauses::new(kills, &report.completions).summary());
    }
    println!(
        "{what}: {} commands, median {median:?}, worst {worst:?}; {} errors, {} wrong bytes, {} unit attentions, {} reconnects",
        report.completions.len(),
        report.errors.len(),
        report.wrong_bytes,
        report.unit_attentions,
        report.reconnects
    );
    report.flawless().with_context(|| target.logs())?;
    target.stop()
}

fn run(what: &str, services: &[&str]) -> anyhow::Result<()> {
    run_on(&Manifest::usual(64), what, services, |_| {})
}

/// The load never logs in again: a connection that breaks is an error.
fn run_on(
    manifest: &Manifest,
    what: &str,
    services: &[&str],
    change: impl FnOnce(&mut Plan),
) -> anyhow::Result<()> {
    let mut random = Random::printed(what);
    let target = Target::start(manifest)?;
    let mut plan = Plan::usual(target.portal, random.number());
    change(&mut plan);
    let load = Load::start(plan)?;
    let kills = kill_under(&target, &load, services, super::kills() * services.len(), &mut random)?;
    let report = load.finish()?;
    // The unit attentions of a nexus are the core's business, and its notebook's: no death makes new ones.
    ensure!(report.unit_attentions == 0, "{} unit attentions", report.unit_attentions);
    judge(what, target, &kills, &report)
}

/// The handler.
pub fn vdisk() -> anyhow::Result<()> {
    run("kill -9 of vdisk-svc", &["vdisk"])
}

/// The handler with its other engine, as in a container that forbids io_uring.
pub fn vdisk_with_threads() -> anyhow::Result<()> {
    let manifest = Manifest::usual(64).environment("BULKHEAD_NO_URING", "1");
    run_on(&manifest, "kill -9 of vdisk-svc with worker threads", &["vdisk"], |_| {})
}

/// Processes that never poll: every hop is a wake-up by the doorbell.
pub fn without_polling() -> anyhow::Result<()> {
    let never = |manifest: Manifest, kind| manifest.service(kind, "poll_us = 0");
    let manifest = ["core", "iscsi", "vdisk"].into_iter().fold(Manifest::usual(64), never);
    run_on(&manifest, "kill -9 without polling", &["vdisk", "core", "iscsi"], |_| {})
}

/// Every write is on the medium before it is acknowledged.
pub fn write_through() -> anyhow::Result<()> {
    let manifest = Manifest::default().file("disk0", 64, "write_through = true");
    run_on(&manifest, "kill -9 with write-through", &["vdisk", "core"], |_| {})
}

/// The core.
pub fn core() -> anyhow::Result<()> {
    run("kill -9 of core-svc", &["core"])
}

/// The transport: its successor goes on with the same connections.
pub fn iscsi() -> anyhow::Result<()> {
    run("kill -9 of iscsi-svc", &["iscsi"])
}

fn iscsi_with(what: &str, digests: bool, bytes: u32) -> anyhow::Result<()> {
    run_on(&Manifest::usual(64), what, &["iscsi"], |plan| (plan.digests, plan.bytes) = (digests, bytes))
}

/// The same with digests: they cover what a dead process had received and what it had begun to send.
pub fn iscsi_with_digests() -> anyhow::Result<()> {
    iscsi_with("kill -9 of iscsi-svc with digests", true, 0)
}

/// The same with 4 KiB a command.
pub fn iscsi_with_small_commands() -> anyhow::Result<()> {
    iscsi_with("kill -9 of iscsi-svc, 4 KiB", false, 4096)
}

/// The same with 1 MiB a command: deaths in the middle of payloads, in both directions.
pub fn iscsi_with_large_commands() -> anyhow::Result<()> {
    iscsi_with("kill -9 of iscsi-svc, 1 MiB", false, 1 << 20)
}

/// The same with 1 MiB a command and digests.
pub fn iscsi_with_large_commands_and_digests() -> anyhow::Result<()> {
    iscsi_with("kill -9 of iscsi-svc, 1 MiB with digests", true, 1 << 20)
}

/// All three, one after the other.
pub fn in_turns() -> anyhow::Result<()> {
    run("kill -9 in turns", &["vdisk", "core", "iscsi"])
}

/// Two in one moment: neither has a peer to be relinked with.
pub fn at_once() -> anyhow::Result<()> {
    together("vdisk and core at once", &["vdisk", "core"])
}

/// The transport and the core, which has to remember nexuses that nobody names for a while.
pub fn iscsi_and_core_at_once() -> anyhow::Result<()> {
    together("iscsi and core at once", &["iscsi", "core"])
}

/// All three in one moment.
pub fn all_at_once() -> anyhow::Result<()> {
    together("all services at once", &["iscsi", "vdisk", "core"])
}

fn together(what: &str, services: &[&str]) -> anyhow::Result<()> {
    let mut random = Random::printed(what);
    let target = Target::start(&Manifest::usual(64))?;
    let load = Load::start(Plan::usual(target.portal, random.number()))?;
    let mut kills = Vec::new();
    for _ in 0..super::kills() {
        load.wait_for_progress(random.between(50, 1500)).with_context(|| target.logs())?;
        kills.push(Instant::now());
        let before = services.iter().map(|service| target.signal(service, Signal::SIGKILL));
        let before: Vec<_> = before.collect::<Result<_, _>>()?;
        for (service, before) in services.iter().zip(before) {
            target.wait_restarted(service, before.restarts)?;
        }
    }
    load.wait_for_progress(500).with_context(|| target.logs())?;
    let report = load.finish()?;
    ensure!(report.unit_attentions == 0, "{} unit attentions", report.unit_attentions);
    judge(what, target, &kills, &report)
}

/// The fault backend ends its process in the middle of every 300th I/O: some blocks are written, some are not, and the
/// command runs again.
pub fn in_the_middle() -> anyhow::Result<()> {
    let mut random = Random::printed("in the middle of an I/O");
    let deaths = super::kills() as u64;
    let target =
        Target::start(&Manifest::default().device("bad", "[device.fault]\nsize = \"64MiB\"\ndie_at = 300"))?;
    let load = Load::start(Plan::usual(target.portal, random.number()))?;
    load.wait_for_progress(300 * deaths).with_context(|| target.logs())?;
    let restarts = target.service("vdisk")?.restarts;
    ensure!(restarts + 1 >= deaths, "{restarts} restarts after {} commands", load.done());
    judge("in the middle of an I/O", target, &[], &load.finish()?)
}
