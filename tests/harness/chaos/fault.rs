//! What is done to a process: each fault is one that a host, a bug or an administrator could bring about.

pub mod spin;

use anyhow::{Context, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rustix::process::{Resource, Rlimit, prlimit};
use serde::Serialize;

use crate::crash_points::SUPERVISOR;
use crate::deadline;
use crate::random::Random;
use crate::segments::Segment;
use crate::status::{Service, Status};
use crate::target::{PATIENCE, Target};

/// What can be done to a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Fault {
    /// SIGKILL
    Kill,
    /// SIGSEGV
    Segv,
    /// SIGABRT, as of an assertion that failed.
    Abort,
    /// SIGSTOP: it hangs, until its heart is found to stand still: a service's by the supervisor, the supervisor's by its keeper.
    Stop,
    /// Its main thread goes round in an endless loop, which is found like a hang.
    Spin,
    /// It gets no more memory. It dies of that, or goes on without.
    Starve,
    /// The indices of a link that it serves become garbage. For the supervisor, which has none, the pages on which services
    /// show it their hearts and counters.
    Scribble,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Kill, Self::Segv, Self::Abort, Self::Stop, Self::Spin, Self::Starve, Self::Scribble];

    /// Whether it makes sense for a process, on this machine. The supervisor holds no data, and asks for memory only when
    /// something changes.
    pub fn suits(self, whom: &str) -> bool {
        (whom != SUPERVISOR || self != Self::Starve) && (self != Self::Spin || spin::POSSIBLE)
    }
}

/// Does it, and waits until all services run again. `now` is called right before it is done.
///
/// # Errors
/// It cannot be done, or something does not come back.
pub fn inflict(
    target: &Target,
    whom: &str,
    fault: Fault,
    random: &mut Random,
    now: impl FnOnce(),
) -> anyhow::Result<()> {
    let before = target.status()?;
    let victim = before.service(whom);
    let pid = match victim {
        Some(service) => service.pid.with_context(|| format!("{whom} has no process"))?,
        None => before.pid,
    };
    now();
    match (fault, victim) {
        (Fault::Kill, _) => send(pid, Signal::SIGKILL)?,
        (Fault::Segv, _) => segv(pid)?,
        (Fault::Abort, _) => send(pid, Signal::SIGABRT)?,
        (Fault::Stop, _) => send(pid, Signal::SIGSTOP)?,
        (Fault::Spin, _) => spin::spin(pid)?,
        (Fault::Starve, _) => starve(pid, random)?,
        (Fault::Scribble, Some(_)) => scribble_link(target, &before, pid, random)?,
        (Fault::Scribble, None) => scribble_stats(&before, random)?,
    }
    recovered(target, &before, victim, fault)
}

fn send(pid: u32, signal: Signal) -> anyhow::Result<()> {
    kill(Pid::from_raw(pid.try_into()?), signal).with_context(|| format!("{signal} to process {pid}"))
}

/// Waits until everything runs, and another process than before if it must have died.
fn recovered(target: &Target, before: &Status, victim: Option<&Service>, fault: Fault) -> anyhow::Result<()> {
    let must_die = !matches!(fault, Fault::Starve | Fault::Scribble);
    if must_die {
        // To ask for the status starts a process each time, and who hangs is found only after seconds.
        let pid = victim.map_or(Some(before.pid), |service| service.pid).unwrap_or_default();
        deadline::wait_for("its death", PATIENCE, || Ok(is_dead(pid).then_some(())))
            .with_context(|| target.logs())?;
    }
    let other = |now: &Status| match victim {
        Some(service) => now.service(&service.name).is_some_and(|now| now.restarts > service.restarts),
        None => now.pid != before.pid,
    };
    let back = deadline::wait_for("all services to run again", PATIENCE, || {
        // A client of a supervisor that dies hears that it ended.
        Ok(target.status().ok().filter(|now| now.all_running() && (other(now) || !must_die)))
    });
    back.map(drop).with_context(|| target.logs())
}

/// Rust's runtime catches the signal, finds no fault of its own, and gives the handler up: the next one is the end, as
/// with an access that is repeated.
fn segv(pid: u32) -> anyhow::Result<()> {
    deadline::wait_for("death by SIGSEGV", PATIENCE, || {
        // Nobody but a process that still runs is sent it: the number could be another's by then.
        Ok((is_dead(pid) || send(pid, Signal::SIGSEGV).is_err()).then_some(()))
    })
}

/// Whether a process has ended, or is only waited for by its parent.
fn is_dead(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit(')').next().unwrap_or_default().trim().chars().next();
    matches!(state, None | Some('Z' | 'X'))
}

/// Little more memory than it has, or none.
fn starve(pid: u32, random: &mut Random) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/statm"))?;
    let pages: u64 = text.split(' ').next().unwrap_or_default().parse()?;
    let bytes = pages * 4096 + random.between(0, 64) * 4096;
    let pid = rustix::process::Pid::from_raw(pid.try_into()?);
    // The hard limit stays: not everybody may raise it again should the process be chosen once more.
    prlimit(pid, Resource::As, Rlimit { current: Some(bytes), maximum: None })?;
    Ok(())
}

/// Overwrites the header lines of a ring of one link, until somebody has found out: what is overwritten is not always
/// looked at before it is written again.
fn scribble_link(target: &Target, before: &Status, pid: u32, random: &mut Random) -> anyhow::Result<()> {
    let mut scribble = || -> anyhow::Result<()> {
        let links = Segment::mapped(pid, "bulkhead:link")?;
        ensure!(!links.is_empty(), "process {pid} has no link");
        let link = &links[random.between(0, links.len() as u64) as usize];
        // After the header of the link, one line each: produced, consumed, asleep.
        for line in 1..3 {
            link.write(line * 128, &random.number().to_le_bytes())?;
        }
        Ok(())
    };
    deadline::wait_for("a link to be replaced", PATIENCE, || {
        // It may be dead of its peers' complaints.
        let _ = scribble();
        Ok(target.status().ok().filter(|now| now.links != before.links).map(drop))
    })
}

/// Overwrites the page of a service on which the supervisor reads how it is.
fn scribble_stats(before: &Status, random: &mut Random) -> anyhow::Result<()> {
    let service = &before.services[random.between(0, before.services.len() as u64) as usize];
    let pid = service.pid.with_context(|| format!("{} has no process", service.name))?;
    for page in Segment::mapped(pid, "bulkhead:stats")? {
        page.write(0, &random.bytes(1024))?;
    }
    Ok(())
}
