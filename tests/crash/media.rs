//! Media that change while they are served, and media past the page cache.

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};
use harness::clients::{compare, convert_from, convert_to};
use harness::deadline;
use harness::initiator::cdb::read10;
use harness::initiator::login::Login;
use harness::initiator::session::Session;
use harness::initiator::task::{Command, Done};
use harness::load::{Load, Plan};
use harness::loop_device::LoopDevice;
use harness::manifest::Manifest;
use harness::random::Random;
use harness::suite::Skipped;
use harness::target::Target;
use nix::sys::signal::Signal;

const TEST_UNIT_READY: [u8; 6] = [0; 6];
const READ_CAPACITY_10: [u8; 10] = [0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0];
/// PREVENT ALLOW MEDIUM REMOVAL.
const PREVENT: [u8; 6] = [0x1E, 0, 0, 0, 1, 0];

/// Sense of UNIT ATTENTION conditions, and of a drive without its medium.
const CAPACITY_DATA_HAS_CHANGED: (u8, u8, u8) = (6, 0x2A, 0x09);
const INQUIRY_DATA_HAS_CHANGED: (u8, u8, u8) = (6, 0x3F, 0x03);
const MEDIUM_MAY_HAVE_CHANGED: (u8, u8, u8) = (6, 0x28, 0x00);
const MEDIUM_NOT_PRESENT: (u8, u8, u8) = (2, 0x3A, 0x00);

fn ready(session: &mut Session) -> anyhow::Result<Done> {
    session.execute(Command::none(0, &TEST_UNIT_READY))
}

/// All unit attentions that wait.
fn attentions(session: &mut Session) -> anyhow::Result<Vec<(u8, u8, u8)>> {
    let mut found = Vec::new();
    loop {
        let done = ready(session)?;
        match done.sense_code() {
            Some(code) if done.is_unit_attention() => found.push(code),
            _ => return Ok(found),
        }
    }
}

/// The same in order of their codes, each once: a command that was on its way while a medium was changed hears of that from
/// the handler, and the next one from the core.
fn attentions_once(session: &mut Session) -> anyhow::Result<Vec<(u8, u8, u8)>> {
    let mut found = attentions(session)?;
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

fn blocks(session: &mut Session) -> anyhow::Result<u32> {
    let done = session.execute(Command::read(0, &READ_CAPACITY_10, 8))?;
    ensure!(done.status == 0, "READ CAPACITY: {done:?}");
    Ok(u32::from_be_bytes(done.data[..4].try_into()?) + 1)
}

fn first_byte(session: &mut Session) -> anyhow::Result<u8> {
    let done = session.execute(Command::read(0, &read10(0, 1), 512))?;
    ensure!(done.status == 0, "READ: {done:?}");
    Ok(done.data[0])
}

fn device(target: &Target, arguments: &[&str]) -> anyhow::Result<(bool, String)> {
    let output = target.bulkhead(&[&["device"], arguments].concat())?;
    let text = [output.stdout, output.stderr].concat();
    Ok((output.status.success(), String::from_utf8_lossy(&text).into_owned()))
}

fn done(target: &Target, arguments: &[&str]) -> anyhow::Result<String> {
    let (good, text) = device(target, arguments)?;
    ensure!(good, "device {arguments:?}: {text}\n{}", target.logs());
    Ok(text)
}

fn refused(target: &Target, arguments: &[&str], why: &str) -> anyhow::Result<()> {
    let (good, text) = device(target, arguments)?;
    ensure!(!good && text.contains(why), "device {arguments:?}: {text}");
    Ok(())
}

fn image(path: &Path, byte: u8, mib: u64) -> anyhow::Result<String> {
    std::fs::write(path, vec![byte; 512])?;
    File::options().write(true).open(path)?.set_len(mib << 20)?;
    Ok(path.display().to_string())
}

/// An image loses its name, and another file takes it, while it is served: a death is no change of medium.
pub fn unlinked() -> anyhow::Result<()> {
    let target = Target::start(&Manifest::default().file("disk0", 64, ""))?;
    let load = Load::start(Plan { mib: 32, ..Plan::usual(target.portal, 1) })?;
    load.wait_for_progress(200)?;
    let path = target.image("disk0");
    for another in [false, true] {
        if another {
            image(&path, 0x5A, 16)?;
        } else {
            std::fs::remove_file(&path)?;
        }
        let before = target.signal("vdisk", Signal::SIGKILL)?.restarts;
        target.wait_restarted("vdisk", before)?;
        load.wait_for_progress(200)?;
        ensure!(path.exists() == another, "an empty image was made");
    }
    load.finish()?.flawless().with_context(|| target.logs())?;
    target.stop()
}

/// A disk is given other sizes, by command and behind everybody's back, while a load works on it.
pub fn resize() -> anyhow::Result<()> {
    let target = Target::start(&Manifest::default().file("disk0", 64, ""))?;
    let mut session = Login::normal(2).session(target.portal)?;
    session.clear_unit_attentions(0)?;
    let load = Load::start(Plan { mib: 32, ..Plan::usual(target.portal, 1) })?;
    ensure!(blocks(&mut session)? == 64 << 11);

    let text = done(&target, &["resize", "disk0", "--size", "128MiB"])?;
    ensure!(text.contains("128MiB"), "{text}");
    ensure!(attentions(&mut session)? == [CAPACITY_DATA_HAS_CHANGED], "after resize");
    ensure!(blocks(&mut session)? == 128 << 11);
    load.wait_for_progress(200)?;

    File::options().write(true).open(target.image("disk0"))?.set_len(40 << 20)?;
    deadline::wait_for("somebody to notice", Duration::from_secs(10), || {
        let found = attentions(&mut session)?;
        Ok((found == [CAPACITY_DATA_HAS_CHANGED]).then_some(()))
    })?;
    ensure!(blocks(&mut session)? == 40 << 11);
    let beyond = session.execute(Command::read(0, &read10(40 << 11, 1), 512))?;
    ensure!(beyond.sense_code() == Some((5, 0x21, 0x00)), "{beyond:?}");

    let before = target.signal("vdisk", Signal::SIGKILL)?.restarts;
    target.wait_restarted("vdisk", before)?;
    ensure!(attentions(&mut session)?.is_empty(), "a death is no change of capacity");
    ensure!(blocks(&mut session)? == 40 << 11);
    refused(&target, &["resize", "disk0", "--size", "1000"], "are not whole blocks of 512")?;
    refused(&target, &["resize", "dsk0"], "did you mean \"disk0\"?")?;
    let report = load.finish()?;
    report.flawless().with_context(|| target.logs())?;
    ensure!(report.unit_attentions == 2, "the load met {} unit attentions", report.unit_attentions);
    target.stop()
}

/// Another image takes the place of the one that is served; deaths do not bring the old one back.
pub fn change() -> anyhow::Result<()> {
    let target = Target::start(&Manifest::default().file("disk0", 64, ""))?;
    let other = image(&target.dir.path().join("other.img"), 7, 32)?;
    let mut session = Login::normal(2).session(target.portal)?;
    session.clear_unit_attentions(0)?;
    ensure!(first_byte(&mut session)? == 0);

    refused(&target, &["change", "disk0", "/nowhere/at/all"], "No such file or directory")?;
    refused(&target, &["change", "disk0", "/dev/null"], "is neither a file nor a block device")?;
    let own = target.image("disk0").display().to_string();
    refused(&target, &["change", "disk0", &own], "reads its size again")?;
    refused(&target, &["eject", "disk0"], "is not removable")?;
    ensure!(first_byte(&mut session)? == 0 && attentions(&mut session)?.is_empty(), "nothing has changed");

    done(&target, &["change", "disk0", &other])?;
    let found = attentions_once(&mut session)?;
    ensure!(found == [CAPACITY_DATA_HAS_CHANGED, INQUIRY_DATA_HAS_CHANGED], "{found:?}");
    ensure!(first_byte(&mut session)? == 7 && blocks(&mut session)? == 32 << 11);
    for service in ["vdisk", "core", "vdisk"] {
        let before = target.signal(service, Signal::SIGKILL)?.restarts;
        target.wait_restarted(service, before)?;
        ensure!(attentions(&mut session)?.is_empty(), "the death of {service} is no change");
        ensure!(first_byte(&mut session)? == 7, "after the death of {service}");
    }
    let status = String::from_utf8(target.bulkhead(&["status"])?.stdout)?;
    ensure!(status.contains("device disk0: its medium is") && status.contains("other.img"), "{status}");
    // With nobody to serve it, the change is for whoever comes next.
    target.bulkhead(&["stop", "vdisk"])?;
    let text = done(&target, &["change", "disk0", &own])?;
    ensure!(text.contains("as soon as its service runs"), "{text}");
    target.bulkhead(&["start", "vdisk"])?;
    let found = attentions_once(&mut session)?;
    ensure!(found == [CAPACITY_DATA_HAS_CHANGED, INQUIRY_DATA_HAS_CHANGED], "{found:?}");
    ensure!(first_byte(&mut session)? == 0);
    target.stop()
}

/// A removable disk is ejected, inserted, and held in.
pub fn eject_and_insert() -> anyhow::Result<()> {
    let target = Target::start(&Manifest::default().file("disk0", 64, "removable = true"))?;
    let other = image(&target.dir.path().join("other.img"), 7, 64)?;
    let mut session = Login::normal(2).session(target.portal)?;
    session.clear_unit_attentions(0)?;
    refused(&target, &["insert", "disk0", &other], "has a medium")?;
    ensure!(session.execute(Command::none(0, &PREVENT))?.status == 0);
    refused(&target, &["eject", "disk0"], "initiators prevent the removal")?;
    done(&target, &["eject", "disk0", "--force"])?;
    ensure!(ready(&mut session)?.sense_code() == Some(MEDIUM_NOT_PRESENT));
    let before = target.signal("vdisk", Signal::SIGKILL)?.restarts;
    target.wait_restarted("vdisk", before)?;
    ensure!(ready(&mut session)?.sense_code() == Some(MEDIUM_NOT_PRESENT), "and it stays out");
    done(&target, &["insert", "disk0", &other])?;
    let found = attentions_once(&mut session)?;
    ensure!(found == [MEDIUM_MAY_HAVE_CHANGED], "{found:?}");
    ensure!(first_byte(&mut session)? == 7);
    target.stop()
}

/// A loop device past the page cache: every byte is right through deaths, and qemu-img's images come back.
pub fn blockio() -> anyhow::Result<()> {
    let dir = tempfile::Builder::new().prefix("bulkhead-media-").tempdir()?;
    let file = dir.path().join("block.img");
    File::create(&file)?.set_len(64 << 20)?;
    let looped = LoopDevice::attach(&file).map_err(Skipped)?;
    let mut random = Random::printed("BLOCKIO");
    let backend = format!("[device.block]\npath = {:?}", looped.path);
    let target = Target::start(&Manifest::default().device("block0", &backend))?;
    let load = Load::start(Plan::usual(target.portal, random.number()))?;
    let kills = super::kills::kill_under(&target, &load, &["vdisk"], super::kills(), &mut random)?;
    let report = load.finish()?;
    println!("BLOCKIO: {} kills, {} commands", kills.len(), report.completions.len());
    report.flawless().with_context(|| target.logs())?;
    target.stop()
}

/// qemu-img to a loop device past the page cache and back.
pub fn blockio_qemu() -> anyhow::Result<()> {
    let dir = tempfile::Builder::new().prefix("bulkhead-media-").tempdir()?;
    let file = dir.path().join("block.img");
    File::create(&file)?.set_len(64 << 20)?;
    let looped = LoopDevice::attach(&file).map_err(Skipped)?;
    let mut random = Random::printed("BLOCKIO and qemu-img");
    let backend = format!("[device.block]\npath = {:?}", looped.path);
    let target = Target::start(&Manifest::default().device("block0", &backend))?;
    let (sent, back) = (dir.path().join("sent"), dir.path().join("back"));
    std::fs::write(&sent, random.bytes(64 << 20))?;
    convert_to(&sent, &target.url(0))?;
    compare(&sent.display().to_string(), &target.url(0))?;
    convert_from(&target.url(0), &back)?;
    compare(&sent.display().to_string(), &back.display().to_string())?;
    compare(&sent.display().to_string(), &looped.path.display().to_string())?;
    target.stop()
}
