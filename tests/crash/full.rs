//! A file system that becomes full under load, while every process dies: what has no room is refused and told why, nothing that
//! was acknowledged is lost, nobody else notices, and when there is room again it is used without further ado.

mod filler;

use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context, ensure};
use harness::initiator::login::Login;
use harness::initiator::session::Session;
use harness::initiator::task::{Command, Done};
use harness::load::{Load, Plan};
use harness::manifest::Manifest;
use harness::random::Random;
use harness::small_fs::SmallFs;
use harness::target::{Target, free_portal};
use nix::sys::signal::Signal;
use tempfile::TempDir;

use self::filler::{Counts, Filler};

const PATIENCE: Duration = Duration::from_secs(60);
/// The file system of the thin device, in MiB, and what is taken of it at first.
const SMALL_MIB: u64 = 16;
const TAKEN: usize = 4 << 20;

fn directory() -> anyhow::Result<TempDir> {
    Ok(tempfile::Builder::new().prefix("bulkhead-full-").tempdir()?)
}

/// The processes in turns, each as often as is usual.
fn victims() -> impl Iterator<Item = &'static str> {
    ["vdisk", "core", "iscsi", "supervisor"].into_iter().cycle().take(4 * super::kills())
}

fn kill(target: &Target, whom: &str) -> anyhow::Result<()> {
    if whom == "supervisor" {
        let before = target.kill_supervisor()?;
        return target.wait_supervised(&before).map(drop);
    }
    let before = target.signal(whom, Signal::SIGKILL)?.restarts;
    target.wait_restarted(whom, before).map(drop)
}

/// Nobody has died but those who were killed.
fn only_killed(target: &Target) -> anyhow::Result<()> {
    let found: Vec<_> = target.status()?.services.iter().map(|it| it.restarts).collect();
    ensure!(
        found == [super::kills() as u64; 3],
        "deaths that were none of ours: {found:?}\n{}",
        target.logs()
    );
    Ok(())
}

/// The medium of a thin unit, on a file system in memory.
pub fn medium() -> anyhow::Result<()> {
    let dir = directory()?;
    let small = SmallFs::tmpfs(&dir.path().join("small"), SMALL_MIB)?;
    medium_on(&small, "tmpfs")
}

/// The same on ext4, which has its own ideas of when room is taken.
pub fn medium_on_ext4() -> anyhow::Result<()> {
    let dir = directory()?;
    let small = SmallFs::ext4(&dir.path().join("small"), SMALL_MIB)?;
    medium_on(&small, "ext4")
}

fn medium_on(small: &SmallFs, what: &str) -> anyhow::Result<()> {
    let mut random = Random::printed(&format!("a medium on a {what} that is full"));
    small.take(TAKEN)?;
    let image = small.path().join("thin.img");
    let thin = format!("thin = true\n[device.file]\npath = {image:?}\nsize = \"32MiB\"\ncreate = true");
    let target = Target::start(&Manifest::default().device("thin0", &thin).file("disk1", 32, ""))?;
    let other =
        Plan { lun: 1, mib: 32, depth: 4, initiator: 2, ..Plan::usual(target.portal, random.number()) };
    let other = Load::start(other)?;
    let (counts, filler) = (Counts::default(), Filler::new(target.portal, random.number())?);
    let report = std::thread::scope(|scope| {
        let filling = scope.spawn(|| filler.run(&counts));
        let result = under_way(&target, small, &other, &counts);
        counts.stop.store(true, Ordering::Release);
        let filled = filling.join().map_err(|_| anyhow::anyhow!("the filler panicked"))?;
        // What it has seen comes first: the others waited for it.
        filled.and(result)
    });
    println!("{what}: {}", counts.text());
    report.with_context(|| target.logs())?;
    only_killed(&target)?;
    let report = other.finish()?;
    report.flawless().context("the other device").with_context(|| target.logs())?;
    ensure!(report.unit_attentions == 0, "the other device met {} unit attentions", report.unit_attentions);
    target.stop()
}

/// What happens while the filler works.
fn under_way(target: &Target, small: &SmallFs, other: &Load, counts: &Counts) -> anyhow::Result<()> {
    counts.wait("a full file system", |counts| &counts.refused, 50)?;
    for whom in victims() {
        kill(target, whom)?;
        counts.wait("refusals after a death", |counts| &counts.refused, 50)?;
        counts.wait("writes where there is room, after a death", |counts| &counts.again, 50)?;
        other.wait_for_progress(20)?;
    }
    small.make_room()?;
    counts.wait("writes into the room that there is now", |counts| &counts.new, 500)?;
    counts.wait("another full file system", |counts| &counts.refused, 200)?;
    counts.unmap.store(true, Ordering::Release);
    counts.wait("writes into what an initiator gave back", |counts| &counts.new, 100)
}

const GOOD: u8 = 0;
/// ILLEGAL REQUEST: INSUFFICIENT REGISTRATION RESOURCES, INSUFFICIENT RESOURCES.
const NO_ROOM_TO_REGISTER: (u8, u8, u8) = (5, 0x55, 0x04);
const NO_ROOM: (u8, u8, u8) = (5, 0x55, 0x03);

/// PERSISTENT RESERVE OUT, REGISTER AND IGNORE EXISTING KEY with APTPL one.
fn register(key: u8) -> Command {
    let mut list = vec![0; 24];
    (list[15], list[20]) = (key, 1);
    Command::write(1, &[0x5f, 0x06, 0, 0, 0, 0, 0, 0, 24, 0], list)
}

/// MODE SELECT(6) with SP one: the caching page with WCE zero or one.
fn select(cache: bool) -> Command {
    let page = [&[0x08, 0x12, u8::from(cache) << 2][..], &[0; 17]].concat();
    Command::write(1, &[0x15, 0x11, 0, 0, 24, 0], [&[0; 4][..], &page].concat())
}

fn execute(session: &mut Session, what: &str, command: Command) -> anyhow::Result<Done> {
    session.execute(command).with_context(|| what.to_owned())
}

fn good(session: &mut Session, what: &str, command: Command) -> anyhow::Result<Done> {
    let done = execute(session, what, command)?;
    ensure!(done.status == GOOD, "{what}: {done:?}");
    Ok(done)
}

fn refused(session: &mut Session, what: &str, command: Command, why: (u8, u8, u8)) -> anyhow::Result<()> {
    let done = execute(session, what, command)?;
    ensure!(done.sense_code() == Some(why), "{what} without room for its file: {done:?}");
    Ok(())
}

/// What is kept: keys with PRGENERATION, and the caching page as it is and as it is saved.
fn kept(session: &mut Session) -> anyhow::Result<[Vec<u8>; 3]> {
    let keys = Command::read(1, &[0x5e, 0, 0, 0, 0, 0, 0, 1, 0, 0], 256);
    let page = |control: u8| Command::read(1, &[0x1a, 0x08, control << 6 | 0x08, 0, 255, 0], 255);
    let keys = good(session, "READ KEYS", keys)?.data;
    let current = good(session, "MODE SENSE", page(0))?.data;
    let saved = good(session, "MODE SENSE of what is saved", page(3))?.data;
    Ok([keys, current, saved])
}

/// A session whose unit attentions have been heard.
fn log_in(target: &Target) -> anyhow::Result<Session> {
    let mut session = Login::normal(2).session(target.portal)?;
    session.clear_unit_attentions(1)?;
    Ok(session)
}

/// The state directory: what is to be kept across a reboot is refused and changes nothing, everything else goes on.
pub fn state_directory() -> anyhow::Result<()> {
    let mut random = Random::printed("a state directory that is full");
    let (below, dir) = (directory()?, directory()?);
    let small = SmallFs::tmpfs(&below.path().join("state"), 1)?;
    std::os::unix::fs::symlink(small.path(), dir.path().join("state"))?;
    let manifest = Manifest::default().file("disk0", 64, "").file("disk1", 16, "");
    let target = Target::start_in(dir, &manifest, free_portal()?)?;
    let load = Load::start(Plan { depth: 4, ..Plan::usual(target.portal, random.number()) })?;
    let mut session = log_in(&target)?;
    good(&mut session, "REGISTER", register(1))?;
    good(&mut session, "MODE SELECT", select(false))?;
    small.fill()?;
    let before = kept(&mut session)?;
    for whom in victims() {
        refused(&mut session, "REGISTER", register(2), NO_ROOM_TO_REGISTER)?;
        refused(&mut session, "MODE SELECT", select(true), NO_ROOM)?;
        kill(&target, whom)?;
        let now = kept(&mut session).with_context(|| target.logs())?;
        ensure!(now == before, "after a death of {whom}: {now:02x?}, not {before:02x?}\n{}", target.logs());
        load.wait_for_progress(50).with_context(|| target.logs())?;
    }
    only_killed(&target)?;
    small.make_room()?;
    good(&mut session, "REGISTER with room", register(3)).with_context(|| target.logs())?;
    good(&mut session, "MODE SELECT with room", select(true)).with_context(|| target.logs())?;
    let mut after = kept(&mut session)?;
    ensure!(
        after.iter().zip(&before).all(|(now, before)| now != before),
        "nothing has changed: {after:02x?}"
    );
    load.finish()?.flawless().with_context(|| target.logs())?;
    // And all of it anew, without room from the beginning.
    small.fill()?;
    drop(session);
    let portal = target.portal;
    let target = Target::start_in(target.kill_everything(Signal::SIGKILL)?, &manifest, portal)?;
    let mut session = log_in(&target)?;
    // PRGENERATION is not kept.
    after[0][..4].fill(0);
    let found = kept(&mut session)?;
    ensure!(found == after, "after a start: {found:02x?}, not {after:02x?}\n{}", target.logs());
    refused(&mut session, "REGISTER", register(4), NO_ROOM_TO_REGISTER)?;
    small.make_room()?;
    good(&mut session, "REGISTER with room", register(4)).with_context(|| target.logs())?;
    session.logout()?;
    target.stop()
}
