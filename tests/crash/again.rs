//! Deaths of a service that is not back yet, until nobody waits for it any more.

use std::time::Duration;

use anyhow::{Context, ensure};
use harness::deadline;
use harness::initiator::cdb;
use harness::initiator::login::Login;
use harness::initiator::session::Session;
use harness::initiator::task::Command;
use harness::load::{Load, Plan};
use harness::manifest::Manifest;
use harness::random::Random;
use harness::target::Target;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Deaths of each successor's successor.
const IN_A_ROW: usize = 5;

/// Each service dies, and its successor in the middle of taking up what it left, and the one after that.
pub fn during_recovery() -> anyhow::Result<()> {
    let mut random = Random::printed("the same one again during its recovery");
    let target = Target::start(&Manifest::usual(64))?;
    let load = Load::start(Plan::usual(target.portal, random.number()))?;
    let mut unready = 0;
    let rounds = super::kills().min(5);
    for service in ["core", "iscsi", "vdisk"].repeat(rounds) {
        load.wait_for_progress(random.between(50, 500)).with_context(|| target.logs())?;
        let mut dead = target.signal(service, Signal::SIGKILL)?;
        for _ in 1..IN_A_ROW {
            let next = deadline::wait_for("a successor", Duration::from_secs(10), || {
                Ok(Some(target.service(service)?).filter(|it| it.pid.is_some() && it.pid != dead.pid))
            })?;
            // The time of the kill is the point here; nothing is waited for.
            std::thread::park_timeout(Duration::from_micros(random.between(0, 8000)));
            unready += usize::from(next.state != "running");
            let pid = next.pid.context("no process")?;
            kill(Pid::from_raw(pid.try_into()?), Signal::SIGKILL)?;
            dead = next;
        }
        target.wait_restarted(service, dead.restarts)?;
        load.wait_for_progress(100).with_context(|| target.logs())?;
    }
    let report = load.finish()?;
    println!(
        "{} commands; {unready} successors were killed before they were ready",
        report.completions.len()
    );
    ensure!(report.unit_attentions == 0, "{} unit attentions", report.unit_attentions);
    report.flawless().with_context(|| target.logs())?;
    target.stop()
}

/// Kills a service until its supervisor has had enough.
fn exhaust(target: &Target, service: &str) -> anyhow::Result<()> {
    deadline::wait_for("that the service is held", Duration::from_secs(60), || {
        let now = target.service(service)?;
        if let Some(pid) = now.pid {
            // It may have been buried meanwhile.
            let _ = kill(Pid::from_raw(pid.try_into()?), Signal::SIGKILL);
        }
        Ok((now.state == "held").then_some(()))
    })?;
    let held = target.service(service)?;
    ensure!(held.pid.is_none(), "{service} is held and has a process");
    ensure!(held.reason.is_some(), "nothing says why");
    Ok(())
}

fn first_block(session: &mut Session, lun: u16) -> anyhow::Result<Vec<u8>> {
    let done = session.execute(Command::read(lun, &cdb::read10(0, 1), 512))?;
    ensure!(done.status == 0, "status {:#x}, {:02x?}", done.status, done.sense);
    Ok(done.data)
}

/// A handler that dies again and again is held: its device says so, all others work, and a command of the administrator's
/// brings it back with all its data.
pub fn until_it_is_held() -> anyhow::Result<()> {
    let second = "[[service]]\nkind = \"vdisk\"\nname = \"vdisk2\"\n\
        restart = { min_run = \"1s\", min_delay = \"1ms\", max_delay = \"10ms\", budget = 40 }";
    let manifest = Manifest::default()
        .file("a", 64, "service = \"vdisk\"")
        .file("b", 16, "service = \"vdisk2\"")
        .append(second);
    let target = Target::start(&manifest)?;
    let load = Load::start(Plan::usual(target.portal, 1))?;
    let mut session = Login::normal(2).session(target.portal)?;
    for lun in 0..2 {
        session.clear_unit_attentions(lun)?;
    }
    let bytes = vec![0xA5; 512];
    let written = session.execute(Command::write(1, &cdb::write10(0, 1), bytes.clone()))?;
    ensure!(written.status == 0, "status {:#x}", written.status);
    for command in ["restart", "start"] {
        exhaust(&target, "vdisk2")?;
        let done = session.execute(Command::read(1, &cdb::read10(0, 1), 512))?;
        // NOT READY, MANUAL INTERVENTION REQUIRED.
        ensure!(
            done.sense_code() == Some((0x02, 0x04, 0x03)),
            "status {:#x}, {:02x?}",
            done.status,
            done.sense
        );
        first_block(&mut session, 0).context("another handler's device")?;
        load.wait_for_progress(200).with_context(|| target.logs())?;
        let output = target.bulkhead(&[command, "vdisk2"])?;
        ensure!(output.status.success(), "{command}: {output:?}");
        deadline::wait_for("the service", Duration::from_secs(10), || {
            Ok(Some(target.service("vdisk2")?).filter(|it| it.state == "running"))
        })?;
        ensure!(first_block(&mut session, 1)? == bytes, "after {command}: other data");
    }
    session.logout()?;
    load.finish()?.flawless().with_context(|| target.logs())?;
    target.stop()
}
