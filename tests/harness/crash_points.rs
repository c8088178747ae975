//! The named points at which processes of a target can be told to die, and what makes each of them be passed: a load and a
//! [`Stir`](crate::stir::Stir) of all that is rare, deaths of neighbours, and an administrator who changes devices.
//!
//! That a process died at a point is said by its own log and nothing else.

pub mod ground;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use nix::sys::signal::Signal;

use self::ground::Ground;
use crate::deadline;
use crate::initiator::login::Login;
use crate::initiator::session::Session;
use crate::target::{PATIENCE, Target};

/// How long a point may take to be reached.
const LIMIT: Duration = Duration::from_secs(30);
/// Between two deaths of neighbours that are to bring a point about.
const NUDGE: Duration = Duration::from_millis(300);
/// The supervisor's name where a process is meant.
pub const SUPERVISOR: &str = "supervisor";

/// Points of the handler that a change of a device passes.
const CHANGES: [&str; 3] = ["change.granted", "settle.granted", "device.told"];

/// Points of the transport that a login and a logout pass.
const LOGINS: [&str; 2] = ["picture.erased", "socket.deposited"];
/// So many nudges long a start may take.
const STARTS: usize = 10;

/// A point, and who passes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CrashPoint {
    /// Its name.
    pub name: String,
    /// It is passed at a start.
    pub at_start: bool,
    /// The kind of service, which is its name here, too, or `supervisor`.
    pub process: String,
}

/// Every point of every process, as `bulkhead crash-point` lists them.
///
/// # Errors
/// It cannot be run, or lists something else.
pub fn all(target: &Target) -> anyhow::Result<Vec<CrashPoint>> {
    let output = target.bulkhead(&["crash-point"])?;
    ensure!(output.status.success(), "{output:?}");
    let mut points = Vec::new();
    for line in String::from_utf8(output.stdout)?.lines() {
        let [name, when, of] = line.split(' ').collect::<Vec<_>>()[..] else { bail!("what is {line:?}?") };
        points.extend(of.split(',').map(|process| CrashPoint {
            name: name.to_owned(),
            at_start: when == "start",
            process: process.to_owned(),
        }));
    }
    Ok(points)
}

/// How far a log had been written. When it has become too long, it is copied to `.1` and cut.
struct Mark {
    log: PathBuf,
    length: usize,
}

impl Mark {
    fn new(log: PathBuf) -> Self {
        let length = std::fs::metadata(&log).map_or(0, |metadata| metadata.len() as usize);
        Self { log, length }
    }

    /// The number of a process that has died at a point since then.
    fn died_at(&self, point: &str) -> Option<u32> {
        let read = |path: &PathBuf| std::fs::read(path).unwrap_or_default();
        let mut now = read(&self.log);
        let fresh = match now.get(self.length..) {
            Some(fresh) => fresh.to_vec(),
            None => {
                let mut moved = read(&self.log.with_extension("log.1"));
                moved.drain(..self.length.min(moved.len()));
                moved.append(&mut now);
                moved
            }
        };
        // From its beginning: the supervisor's own log cites those of services that died.
        let line = format!("crash point {point} reached by process ");
        let text = String::from_utf8_lossy(&fresh);
        // The last line may be in the making.
        let whole = text.split_inclusive('\n').filter_map(|known| known.strip_suffix('\n'));
        whole.filter_map(|known| known.strip_prefix(&line)).find_map(|pid| pid.parse().ok())
    }
}

impl CrashPoint {
    /// Why it cannot be passed on this machine.
    pub fn out_of_reach(&self, ground: &Ground) -> Option<String> {
        ground.no_block_device.clone().filter(|_| self.is_of_sizes())
    }

    /// A file of the supervisor's, which has a size of a block device.
    fn is_of_sizes(&self) -> bool {
        self.process == SUPERVISOR && self.name.starts_with("file.")
    }

    /// Has its process die there, at the `count`th passing, and waits until all services run again. Returns when it was
    /// seen to be dead.
    ///
    /// # Errors
    /// It is not reached, in which case nothing is armed any more, or does not come back.
    pub fn hit(&self, ground: &Ground, count: u64) -> anyhow::Result<Instant> {
        let target = &ground.target;
        let mark = Mark::new(match self.process.as_str() {
            SUPERVISOR => target.dir.path().join("output"),
            service => target.run_dir().join("log").join(format!("{service}.log")),
        });
        let begun = Instant::now();
        for turn in 0usize.. {
            // A start that was cut short, by whomever, takes what was armed for it along.
            if turn == 0 || self.at_start && turn.is_multiple_of(STARTS) {
                self.arm(target, count)?;
            }
            self.nudge(ground, turn);
            let reached = deadline::wait_for("a crash point", NUDGE, || {
                Ok(mark.died_at(&self.name).map(|pid| (pid, Instant::now())))
            });
            if let Ok((pid, at)) = reached {
                self.wait_recovered(target, pid)?;
                return Ok(at);
            }
            if begun.elapsed() > LIMIT {
                break;
            }
        }
        self.disarm(target)?;
        bail!("{} of {} was not reached within {LIMIT:?}", self.name, self.process)
    }

    fn arm(&self, target: &Target, count: u64) -> anyhow::Result<()> {
        let count = if self.at_start { 1 } else { count }.to_string();
        let mut arguments = vec!["crash-point", &self.process, &self.name, "--count", &count];
        arguments.extend(self.at_start.then_some("--next-start"));
        let armed = target.bulkhead(&arguments)?;
        let text = String::from_utf8_lossy(&armed.stderr).into_owned();
        // The supervisor may be dead before it has answered.
        ensure!(armed.status.success() || self.process == SUPERVISOR, "{arguments:?}: {text}");
        Ok(())
    }

    /// What is armed ends with the process.
    fn disarm(&self, target: &Target) -> anyhow::Result<()> {
        let pid = match self.process.as_str() {
            SUPERVISOR => target.kill_supervisor()?.pid,
            service => target.signal(service, Signal::SIGKILL)?.pid.context("it had a process")?,
        };
        self.wait_recovered(target, pid)
    }

    /// Waits until everything runs, and another process than the one that died.
    fn wait_recovered(&self, target: &Target, dead: u32) -> anyhow::Result<()> {
        let back = deadline::wait_for("everything to run again", PATIENCE, || {
            let status = target.status().ok();
            Ok(status.filter(|status| status.all_running() && !status.pids().contains(&dead)))
        });
        back.map(drop)
    }

    /// Does what brings the point about. What cannot be done now is tried again.
    fn nudge(&self, ground: &Ground, turn: usize) {
        if self.is_of_sizes() {
            return ground.resize_block(turn);
        }
        if CHANGES.contains(&self.name.as_str()) {
            return ground.change(turn);
        }
        let target = &ground.target;
        if LOGINS.contains(&self.name.as_str()) {
            // One that is cut short is not worth a word.
            return drop(Login::normal(91).session(target.portal).and_then(Session::logout));
        }
        let services = ["vdisk", "core", "iscsi"];
        let neighbours: Vec<&str> = services.into_iter().filter(|name| *name != self.process).collect();
        match (self.at_start, self.process.as_str()) {
            (true, _) if !turn.is_multiple_of(STARTS) => {}
            (true, SUPERVISOR) => drop(target.kill_supervisor()),
            (true, service) => drop(target.signal(service, Signal::SIGKILL)),
            // The load alone passes most points; a death is what the others wait for.
            (false, _) if turn == 0 && self.process != SUPERVISOR => {}
            (false, _) => drop(target.signal(neighbours[turn % neighbours.len()], Signal::SIGKILL)),
        }
    }
}
