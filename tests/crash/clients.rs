//! The same with other people's initiators: fio and qemu-img, both over libiscsi.

use std::time::Duration;

use anyhow::{Context, ensure};
use harness::clients::{compare, convert_from, convert_to};
use harness::fio::Fio;
use harness::manifest::Manifest;
use harness::random::Random;
use harness::target::Target;
use nix::sys::signal::Signal;

/// Kills one service after the other at random times while `goes_on`. Returns how often.
fn kill_while(
    target: &Target,
    services: &[&str],
    random: &mut Random,
    mut goes_on: impl FnMut(usize) -> anyhow::Result<bool>,
) -> anyhow::Result<usize> {
    let mut count = 0;
    for service in services.iter().cycle() {
        // The time of a kill is the point here; nothing is waited for.
        std::thread::park_timeout(Duration::from_millis(random.between(20, 400)));
        if !goes_on(count)? {
            break;
        }
        let before = target.signal(service, Signal::SIGKILL)?;
        target.wait_restarted(service, before.restarts)?;
        count += 1;
    }
    Ok(count)
}

fn fio(service: &str) -> anyhow::Result<()> {
    let mut random = Random::printed(service);
    let target = Target::start(&Manifest::usual(128))?;
    let seconds = (super::kills() / 2).max(4) as u32;
    let mut fio = Fio::start_verified(&target.url(0), 64, 16, seconds)?;
    let kills =
        kill_while(
            &target,
            &[service],
            &mut random,
            |count| Ok(count < super::kills() && fio.is_running()?),
        )?;
    let done = fio.finish().with_context(|| target.logs())?;
    println!(
        "{service}: {kills} kills; fio wrote {} and read {} times, all as it should be",
        done.writes, done.reads
    );
    ensure!(kills > 0, "fio was over before the first kill");
    target.stop()
}

/// fio, and the handler dies.
pub fn fio_vdisk() -> anyhow::Result<()> {
    fio("vdisk")
}

/// fio, and the core dies.
pub fn fio_core() -> anyhow::Result<()> {
    fio("core")
}

/// fio, and the transport dies. fio's engine takes the unit attention of a new nexus for an I/O error, so that a new
/// session would not go unnoticed.
pub fn fio_iscsi() -> anyhow::Result<()> {
    fio("iscsi")
}

/// qemu-img, while everything dies in turns.
pub fn qemu() -> anyhow::Result<()> {
    convert_while("qemu-img", &["vdisk", "core", "iscsi"])
}

/// qemu-img, while the transport dies.
pub fn qemu_iscsi() -> anyhow::Result<()> {
    convert_while("qemu-img and the transport", &["iscsi"])
}

/// A death of the transport ends a login that is not complete, and libiscsi gives up then: it is started once more.
fn logging_in(convert: impl Fn() -> anyhow::Result<()>) -> anyhow::Result<()> {
    for _ in 0..20 {
        match convert() {
            Err(error) if format!("{error:#}").contains("Failed to connect to LUN") => {}
            other => return other,
        }
    }
    convert()
}

/// There and back, again and again.
fn convert_while(what: &str, services: &[&str]) -> anyhow::Result<()> {
    let mut random = Random::printed(what);
    let target = Target::start(&Manifest::default().file("disk0", 64, ""))?;
    let (sent, back) = (target.dir.path().join("sent"), target.dir.path().join("back"));
    std::fs::write(&sent, random.bytes(64 << 20))?;
    let url = target.url(0);
    std::thread::scope(|scope| {
        let trips = scope.spawn(|| -> anyhow::Result<()> {
            for _ in 0..3 {
                logging_in(|| convert_to(&sent, &url))?;
                logging_in(|| convert_from(&url, &back))?;
                compare(&sent.display().to_string(), &back.display().to_string())?;
            }
            Ok(())
        });
        let kills = kill_while(&target, services, &mut random, |_| Ok(!trips.is_finished()))?;
        println!("{what}: three round trips of 64 MiB, {kills} kills");
        let result = trips.join().unwrap_or_else(|_| anyhow::bail!("panicked"));
        result.with_context(|| target.logs())
    })?;
    target.stop()
}
