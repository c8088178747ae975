//! What initiators do while processes die: each workload knows what every answer must be.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use anyhow::{anyhow, ensure};
use serde::Serialize;

use super::reservations;
use crate::counter;
use crate::gauge::Gauge;
use crate::initiator::cdb;
use crate::initiator::login::Login;
use crate::initiator::task::Command;
use crate::load::{Load, Plan};
use crate::random::mix;

/// Initiators that step the counter, and that log in over and over.
const INITIATORS: u16 = 4;
/// The initiator that looks at the counter at the end.
const WITNESS: u16 = 99;

/// What initiators do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Workload {
    /// 4 KiB at random, one command at a time, half of them writes: what a pause costs whoever waits.
    Single,
    /// 4 KiB at random, read.
    Read,
    /// 4 KiB at random, written and read.
    Write,
    /// 1 MiB in order, written and read.
    Sequential,
    /// A counter that initiators step by COMPARE AND WRITE.
    Counter,
    /// Persistent reservations of two initiators.
    Reservations,
    /// Initiators that log in, read and log out, over and over.
    Logins,
    /// Commands of all sizes, and beside them everything that is rare: for crash points.
    Points,
}

impl Workload {
    /// All of them, but the one for crash points.
    pub const ALL: [Self; 7] = [
        Self::Single,
        Self::Read,
        Self::Write,
        Self::Sequential,
        Self::Counter,
        Self::Reservations,
        Self::Logins,
    ];
}

/// A workload under way.
pub struct Running {
    workload: Workload,
    portal: SocketAddr,
    gauge: Arc<Gauge>,
    stop: Arc<AtomicBool>,
    load: Option<Load>,
    /// Initiators on their own; each says how often it has stepped the counter.
    threads: Vec<JoinHandle<anyhow::Result<u64>>>,
}

impl Running {
    /// Starts it. What becomes of it is told to the gauge.
    ///
    /// # Errors
    /// The target does not serve.
    pub fn start(
        workload: Workload,
        portal: SocketAddr,
        seed: u64,
        gauge: &Arc<Gauge>,
    ) -> anyhow::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let gauge = Arc::clone(gauge);
        let usual = Plan { gauge: Some(Arc::clone(&gauge)), ..Plan::usual(portal, seed) };
        let plan = match workload {
            Workload::Single => Some(Plan { bytes: 4096, depth: 1, ..usual }),
            Workload::Read => Some(Plan { bytes: 4096, mib: 4, writes: 0, fill: true, ..usual }),
            Workload::Write => Some(Plan { bytes: 4096, ..usual }),
            Workload::Sequential => Some(Plan { bytes: 1 << 20, depth: 4, sequential: true, ..usual }),
            Workload::Points => Some(usual),
            Workload::Counter | Workload::Reservations | Workload::Logins => None,
        };
        let load = plan.map(Load::start).transpose()?;
        let (count, seeds) = match workload {
            Workload::Counter | Workload::Logins => (INITIATORS, seed),
            Workload::Reservations => (1, seed),
            _ => (0, seed),
        };
        let threads = (1..=count).map(|number| {
            let (stop, gauge) = (Arc::clone(&stop), Arc::clone(&gauge));
            std::thread::spawn(move || {
                let done = initiator(workload, portal, number, seeds, &stop, &gauge);
                done.inspect_err(|error| gauge.failed(error))
            })
        });
        let threads = threads.collect();
        Ok(Self { workload, portal, gauge, stop, load, threads })
    }

    /// Ends it, and has everything compared that is left to compare. What was wrong, the gauge knows.
    pub fn finish(self) {
        self.stop.store(true, Ordering::Relaxed);
        // Its own errors have been told.
        if let Some(Err(error)) = self.load.map(Load::finish) {
            self.gauge.failed(&error);
        }
        let mut steps = Some(0);
        for thread in self.threads {
            let joined = thread.join().unwrap_or_else(|_| {
                let error = anyhow!("an initiator panicked");
                self.gauge.failed(&error);
                Err(error)
            });
            steps = steps.zip(joined.ok()).map(|(steps, more)| steps + more);
        }
        if let (Workload::Counter, Some(steps)) = (self.workload, steps)
            && let Err(error) = counter::check(self.portal, WITNESS, steps)
        {
            self.gauge.failed(&error);
        }
    }
}

/// An initiator that is a thread of its own.
fn initiator(
    workload: Workload,
    portal: SocketAddr,
    number: u16,
    seed: u64,
    stop: &AtomicBool,
    gauge: &Gauge,
) -> anyhow::Result<u64> {
    match workload {
        Workload::Counter => counter::step(portal, number, stop, |done, bytes| gauge.done(done.at, bytes, 0)),
        Workload::Reservations => reservations::run(portal, mix(seed), stop, gauge).map(|()| 0),
        _ => storm(portal, number, stop, gauge).map(|()| 0),
    }
}

/// Logs in, reads a block, logs out. A login that is not complete may be dropped by a death; a session may not.
fn storm(portal: SocketAddr, number: u16, stop: &AtomicBool, gauge: &Gauge) -> anyhow::Result<()> {
    while !stop.load(Ordering::Relaxed) {
        let mut session = match Login::normal(number).session(portal) {
            Ok(session) => session,
            Err(error) if is_drop(&error) => {
                gauge.dropped();
                continue;
            }
            Err(error) => return Err(error.context("a login")),
        };
        session.clear_unit_attentions(0)?;
        let done = session.execute(Command::read(0, &cdb::read10(0, 8), 4096))?;
        ensure!(done.status == 0, "READ: {:02x} {:02x?}", done.status, done.sense);
        let wrong = done.data.iter().filter(|byte| **byte != 0).count();
        gauge.done(done.at, done.data.len() as u64, wrong as u64);
        session.logout()?;
    }
    Ok(())
}

/// The connection was closed in the middle of a login. That nobody listens is something else.
fn is_drop(error: &anyhow::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    let kinds = error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>()).map(io::Error::kind);
    kinds.into_iter().any(|kind| matches!(kind, BrokenPipe | ConnectionReset | UnexpectedEof))
}
