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

fn run(what: &str, services: &[&str], reconnect: bool) -> anyhow::Result<()> {
    run_on(&Manifest::usual(64), what, services, reconnect)
}

fn run_on(manifest: &Manifest, what: &str, services: &[&str], reconnect: bool) -> anyhow::Result<()> {
    let mut random = Random::printed(what);
    let target = Target::start(manifest)?;
    let plan = Plan { reconnect, ..Plan::usual(target.portal, random.number()) };
    let load = Load::start(plan)?;
    let kills = kill_under(&target, &load, services, super::kills() * services.len(), &mut random)?;
    let report = load.finish()?;
    // The unit attentions of a nexus are the core's business, and its notebook's: no death makes new ones.
    ensure!(reconnect || report.unit_attentions == 0, "{} unit attentions", report.unit_attentions);
    judge(what, target, &kills, &report)
}

/// The handler.
pub fn vdisk() -> anyhow::Result<()> {
    run("kill -9 of vdisk-svc", &["vdisk"], false)
}

/// The handler with its other engine, as in a container that forbids io_uring.
pub fn vdisk_with_threads() -> anyhow::Result<()> {
    let manifest = Manifest::usual(64).environment("BULKHEAD_NO_URING", "1");
    run_on(&manifest, "kill -9 of vdisk-svc with worker threads", &["vdisk"], false)
}

/// Processes that never poll: every hop is a wake-up by the doorbell.
pub fn without_polling() -> anyhow::Result<()> {
    let never = |manifest: Manifest, kind| manifest.service(kind, "poll_us = 0");
    let manifest = ["core", "iscsi", "vdisk"].into_iter().fold(Manifest::usual(64), never);
    run_on(&manifest, "kill -9 without polling", &["vdisk", "core"], false)
}

/// Every write is on the medium before it is acknowledged.
pub fn write_through() -> anyhow::Result<()> {
    let manifest = Manifest::default().file("disk0", 64, "write_through = true");
    run_on(&manifest, "kill -9 with write-through", &["vdisk", "core"], false)
}

/// The core.
pub fn core() -> anyhow::Result<()> {
    run("kill -9 of core-svc", &["core"], false)
}

/// The transport: connections are lost, and made again by the initiator.
pub fn iscsi() -> anyhow::Result<()> {
    run("kill -9 of iscsi-svc", &["iscsi"], true)
}

/// All three, one after the other.
pub fn in_turns() -> anyhow::Result<()> {
    run("kill -9 in turns", &["vdisk", "core", "iscsi"], true)
}

/// Two in one moment: neither has a peer to be relinked with.
pub fn at_once() -> anyhow::Result<()> {
    let mut random = Random::printed("vdisk and core at once");
    let target = Target::start(&Manifest::usual(64))?;
    let load = Load::start(Plan::usual(target.portal, random.number()))?;
    let mut kills = Vec::new();
    for _ in 0..super::kills() {
        load.wait_for_progress(random.between(50, 1500)).with_context(|| target.logs())?;
        kills.push(Instant::now());
        let vdisk = target.signal("vdisk", Signal::SIGKILL)?;
        let core = target.signal("core", Signal::SIGKILL)?;
        target.wait_restarted("vdisk", vdisk.restarts)?;
        target.wait_restarted("core", core.restarts)?;
    }
    load.wait_for_progress(500).with_context(|| target.logs())?;
    judge("vdisk and core at once", target, &kills, &load.finish()?)
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
