//! A process that goes mad before it dies: its notebook is garbage, and so is all memory of the arenas that is free. Its successor
//! serves as if there had been none before it. Sessions may end; what they were told stays true.

use anyhow::{Context, ensure};
use harness::load::{Load, Plan};
use harness::manifest::Manifest;
use harness::random::Random;
use harness::segments::{Segment, wait_stopped};
use harness::target::Target;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const PAGE: u64 = 4096;
/// The arena is looked at in pieces of so many bytes.
const PIECE: usize = 64 << 10;
/// A successor may need so much more memory than its predecessor, in KiB.
const MORE: u64 = 64 << 10;

/// What becomes of a notebook.
#[derive(Debug, Clone, Copy)]
enum Damage {
    /// All of it is garbage.
    Everything,
    /// What it says of itself at its beginning is still there.
    AllButTheHead,
    /// All of it is ones, the highest of all numbers.
    Ones,
    /// All of it is zeros: as if it had never been written.
    Zeros,
}

const DAMAGES: [Damage; 4] = [Damage::Everything, Damage::AllButTheHead, Damage::Ones, Damage::Zeros];

impl Damage {
    fn inflict(self, notebook: &Segment, random: &mut Random) -> anyhow::Result<()> {
        let skip = if matches!(self, Damage::AllButTheHead) { PAGE } else { 0 };
        for at in (skip..notebook.size()).step_by(PAGE as usize) {
            let bytes = match self {
                Damage::Everything | Damage::AllButTheHead => random.bytes(PAGE as usize),
                Damage::Ones => vec![0xFF; PAGE as usize],
                Damage::Zeros => vec![0; PAGE as usize],
            };
            notebook.write(at, &bytes)?;
        }
        Ok(())
    }
}

/// The handler's.
pub fn vdisk() -> anyhow::Result<()> {
    of("vdisk")
}

/// The core's.
pub fn core() -> anyhow::Result<()> {
    of("core")
}

/// The transport's: its connections end, and their initiators come again.
pub fn iscsi() -> anyhow::Result<()> {
    of("iscsi")
}

fn of(service: &str) -> anyhow::Result<()> {
    let mut random = Random::printed(&format!("garbage in the notebook of {service}"));
    // All stand still for a while, which is no hang.
    let target = Target::start(&Manifest::usual(64).supervisor("heartbeat_limit = \"60s\""))?;
    // Nothing that is read is zeros, so that memory that is has not been used.
    let plan = Plan { reconnect: true, fill: true, ..Plan::usual(target.portal, random.number()) };
    let load = Load::start(plan)?;
    let mut scribbled = 0;
    for round in 0..DAMAGES.len().max(super::kills()) {
        load.wait_for_progress(random.between(50, 500)).with_context(|| target.logs())?;
        let status = target.status()?;
        let pids: Vec<u32> = status.services.iter().filter_map(|it| it.pid).collect();
        let victim = status.service(service).context("no such service")?;
        let pid = victim.pid.context("it has no process")?;
        pids.iter().try_for_each(|pid| send(*pid, Signal::SIGSTOP))?;
        pids.iter().try_for_each(|pid| wait_stopped(*pid))?;
        let before = most_memory(pid)?;
        for arena in Segment::mapped(pid, "bulkhead:arena")? {
            scribbled += scribble_free(&arena)?;
        }
        let notebooks = Segment::mapped(pid, "bulkhead:notebook")?;
        ensure!(!notebooks.is_empty(), "{service} has no notebook");
        let damage = DAMAGES[round % DAMAGES.len()];
        notebooks.iter().try_for_each(|notebook| damage.inflict(notebook, &mut random))?;
        send(pid, Signal::SIGKILL)?;
        pids.iter().filter(|other| **other != pid).try_for_each(|other| send(*other, Signal::SIGCONT))?;
        let after = target.wait_restarted(service, victim.restarts)?;
        let died = || format!("after {damage:?}\n{}", target.logs());
        load.wait_for_progress(200).with_context(died)?;
        let now = target.service(service)?;
        ensure!(now.restarts == victim.restarts + 1 && now.pid == after.pid, "it died of that: {}", died());
        let memory = most_memory(after.pid.context("it has no process")?)?;
        ensure!(memory <= before + MORE, "{memory} KiB, {before} KiB before: {}", died());
    }
    ensure!(scribbled > 0, "no memory of the arena was free");
    let report = load.finish()?;
    println!(
        "{service}: {} commands, {} reconnects, {} unit attentions, {} KiB of arena scribbled over",
        report.completions.len(),
        report.reconnects,
        report.unit_attentions,
        scribbled >> 10
    );
    report.flawless().with_context(|| target.logs())?;
    ensure!(service == "iscsi" || report.reconnects == 0, "connections are the transport's business");
    let others = target.status()?.services.into_iter().filter(|it| it.name != service);
    let died: Vec<_> = others.filter(|it| it.restarts > 0).map(|it| it.name).collect();
    ensure!(died.is_empty(), "others died of it: {died:?}\n{}", target.logs());
    target.stop()
}

fn send(pid: u32, signal: Signal) -> anyhow::Result<()> {
    kill(Pid::from_raw(pid.try_into()?), signal).with_context(|| format!("{signal} to process {pid}"))
}

/// The most memory that a process has had so far, in KiB.
fn most_memory(pid: u32) -> anyhow::Result<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
    Ok(line.split_whitespace().next().unwrap_or_default().parse()?)
}

/// Scribbles over what nobody has written to since the arena was made, or since this was done last: nobody uses it, or only
/// for what is still to be written there as a whole. How many bytes that was.
fn scribble_free(arena: &Segment) -> anyhow::Result<u64> {
    let (mut piece, mut scribbled) = (vec![0; PIECE], 0);
    let garbage = Random::new(1).bytes(PIECE);
    for at in (0..arena.size() / PIECE as u64).map(|index| index * PIECE as u64) {
        arena.read(at, &mut piece)?;
        if piece.iter().all(|byte| *byte == 0) || piece == garbage {
            arena.write(at, &garbage)?;
            scribbled += PIECE as u64;
        }
    }
    Ok(scribbled)
}
