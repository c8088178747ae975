//! A loss of power: every process is killed at once, and what is looked at is the platter, not the page cache.
//!
//! The media are loop devices that are served through the page cache. The file below a loop device has what was written back or
//! flushed and nothing else, so it is what a machine would find after its power was gone. (The test holds the devices open,
//! for the kernel writes back what is dirty when the last user of a block device goes.) What was promised has to be
//! there; the same is asked of the next target on the same media about everything that was acknowledged.

use std::fs::File;
use std::net::SocketAddr;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};
use harness::initiator::cdb;
use harness::initiator::login::Login;
use harness::initiator::session::Session;
use harness::initiator::task::Command;
use harness::load::ledger::Ledger;
use harness::load::slots::BLOCK;
use harness::loop_device::LoopDevice;
use harness::manifest::Manifest;
use harness::random::Random;
use harness::suite::Skipped;
use harness::target::{self, Target};
use nix::sys::signal::Signal;

const MIB: u64 = 16;
/// Commands in flight.
const DEPTH: usize = 12;
/// FORCE UNIT ACCESS, in byte 1 of WRITE(10).
const FUA: u8 = 0x08;
const SYNCHRONIZE_CACHE: [u8; 10] = [0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// LUN 0, with a cache: what is written with FUA is promised at once, all else once a SYNCHRONIZE CACHE that was sent
/// after it is done.
const CACHED: u16 = 0;
/// LUN 1, with write-through: whatever is written is promised.
const THROUGH: u16 = 1;

/// A medium and what it must hold.
struct Medium {
    platter: File,
    /// Held open, and not read.
    _device: File,
    looped: LoopDevice,
    ledger: Ledger,
}

impl Medium {
    fn new(dir: &Path, name: &str, seed: u64) -> anyhow::Result<Self> {
        let path = dir.join(name);
        let platter = File::options().read(true).write(true).create_new(true).open(&path)?;
        platter.set_len(MIB << 20)?;
        let looped = LoopDevice::attach(&path).map_err(Skipped)?;
        let device = File::open(&looped.path)?;
        Ok(Self { platter, _device: device, looped, ledger: Ledger::new(MIB, seed) })
    }

    /// Compares the platter with what was promised. Returns how many blocks do not have what was acknowledged and not
    /// promised.
    fn inspect(&self) -> anyhow::Result<u64> {
        let mut behind = 0;
        for slot in 0..self.ledger.count() {
            let mut found = vec![0; self.ledger.bytes(slot)];
            self.platter.read_exact_at(&mut found, self.ledger.lba(slot) * BLOCK as u64)?;
            let wrong = self.ledger.not_since_promise(slot, &found);
            ensure!(
                wrong.is_empty(),
                "{}: promised, and not on the medium: {wrong:?}",
                self.ledger.name(slot)
            );
            behind += self.ledger.not_since_answer(slot, &found).len() as u64;
        }
        Ok(behind)
    }

    /// Asks the next target for everything that was acknowledged.
    fn read_back(&self, lun: u16, session: &mut Session) -> anyhow::Result<()> {
        for slot in 0..self.ledger.count() {
            let bytes = self.ledger.bytes(slot);
            let read = cdb::read16(self.ledger.lba(slot), (bytes / BLOCK) as u32);
            let done = session.execute(Command::read(lun, &read, bytes))?;
            let name = self.ledger.name(slot);
            ensure!(done.status == 0, "reading {name}: status {:02x}, {:02x?}", done.status, done.sense);
            let wrong = self.ledger.not_since_answer(slot, &done.data);
            ensure!(wrong.is_empty(), "{name}: acknowledged, and not there any more: {wrong:?}");
        }
        Ok(())
    }
}

/// What a command in flight is.
enum Job {
    Write { lun: u16, slot: usize, promised: bool },
    Flush { acknowledged: Vec<u32> },
}

/// Loads both units until the connection is over. Returns how many commands were done.
fn load(session: Session, media: &mut [Medium; 2], random: &mut Random) -> anyhow::Result<u64> {
    let done = load_over(session, media, random);
    media.iter_mut().for_each(|medium| medium.ledger.nobody_writes());
    done
}

fn load_over(mut session: Session, media: &mut [Medium; 2], random: &mut Random) -> anyhow::Result<u64> {
    let mut jobs = std::collections::HashMap::new();
    let mut done = 0;
    loop {
        while jobs.len() < DEPTH && session.window() > 0 {
            let (job, command) = next(media, random);
            let Ok(tag) = session.submit(command) else { return Ok(done) };
            jobs.insert(tag, job);
        }
        let Ok(answer) = session.complete() else { return Ok(done) };
        let job = jobs.remove(&answer.tag).context("an answer to an unknown command")?;
        ensure!(answer.status == 0, "status {:02x}, sense {:02x?}", answer.status, answer.sense);
        match job {
            Job::Write { lun, slot, promised } => media[usize::from(lun)].ledger.written(slot, promised),
            Job::Flush { acknowledged } => media[usize::from(CACHED)].ledger.flushed(&acknowledged),
        }
        done += 1;
    }
}

fn next(media: &mut [Medium; 2], random: &mut Random) -> (Job, Command) {
    if random.between(0, 20) == 0 {
        let acknowledged = media[usize::from(CACHED)].ledger.acknowledged();
        return (Job::Flush { acknowledged }, Command::none(CACHED, &SYNCHRONIZE_CACHE));
    }
    let lun = if random.between(0, 3) == 0 { THROUGH } else { CACHED };
    let force = lun == CACHED && random.between(0, 3) == 0;
    let ledger = &mut media[usize::from(lun)].ledger;
    let (slot, data) = ledger.write_somewhere(random);
    let mut write = cdb::write10(ledger.lba(slot) as u32, (data.len() / BLOCK) as u16);
    write[1] |= if force { FUA } else { 0 };
    (Job::Write { lun, slot, promised: force || lun == THROUGH }, Command::write(lun, &write, data))
}

fn log_in(portal: SocketAddr) -> anyhow::Result<Session> {
    let mut session = Login::normal(1).session(portal)?;
    session.clear_unit_attentions(CACHED)?;
    session.clear_unit_attentions(THROUGH)?;
    Ok(session)
}

/// Under load, again and again: everything dies, the platters are inspected, the next target is asked.
pub fn failures() -> anyhow::Result<()> {
    let mut random = Random::printed("loss of power");
    let dir = tempfile::Builder::new().prefix("bulkhead-power-").tempdir()?;
    let mut media = [
        Medium::new(dir.path(), "cached.img", random.number())?,
        Medium::new(dir.path(), "through.img", random.number())?,
    ];
    let backend = |medium: &Medium| format!("[device.file]\npath = {:?}", medium.looped.path);
    let manifest = Manifest::default()
        .device("cached", &backend(&media[0]))
        .device("through", &format!("write_through = true\n{}", backend(&media[1])));
    let portal = target::free_portal()?;
    let mut home = tempfile::Builder::new().prefix("bulkhead-").tempdir()?;
    let (mut commands, mut behind) = (0, 0);
    let rounds = super::kills() * 2;
    for round in 0..rounds {
        let target = Target::start_in(home, &manifest, portal).with_context(|| format!("round {round}"))?;
        let mut session = log_in(portal)?;
        for (lun, medium) in media.iter().enumerate() {
            medium.read_back(lun as u16, &mut session).with_context(|| format!("round {round}"))?;
        }
        let (loaded, choice) = (&mut media, &mut Random::new(random.number()));
        // The moment of death is the point here; nothing is waited for.
        let delay = Duration::from_micros(random.between(2_000, 100_000));
        (home, commands) = std::thread::scope(|scope| {
            let load = scope.spawn(move || load(session, loaded, choice));
            std::thread::park_timeout(delay);
            let home = target.kill_everything(Signal::SIGKILL)?;
            let done = load.join().unwrap_or_else(|_| anyhow::bail!("panicked"));
            anyhow::Ok((home, commands + done?))
        })
        .with_context(|| format!("round {round}"))?;
        for medium in media.iter() {
            behind += medium.inspect().with_context(|| format!("round {round}"))?;
        }
    }
    println!(
        "{rounds} losses of power, {commands} commands: all that was promised was on the medium; of what was not, {behind} \
         blocks were not there yet"
    );
    // If the medium had everything anyway, nothing was shown.
    ensure!(behind > 0, "the medium was never behind the cache");
    Ok(())
}
