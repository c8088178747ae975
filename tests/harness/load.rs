//! A load that knows every byte: reads and writes of one logical unit with many commands in flight, every read compared
//! with what was written last, every completion with its time, every irregularity counted.
//!
//! The unit is divided into [`slots`] of several sizes. At most one command at a time works on a slot, so what a read
//! must return is never in doubt. What comes out is judged by the test, see [`Report`]; the pauses are in
//! [`crate::pause`].

pub mod ledger;
pub mod slots;

mod worker;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, ensure};

use crate::deadline;
use crate::gauge::Gauge;

/// What to load, and how.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Where the target listens.
    pub portal: SocketAddr,
    /// The logical unit, of 512-byte blocks, that reads as zeros before the first write.
    pub lun: u16,
    /// How much of it is used, in MiB.
    pub mib: u64,
    /// Commands in flight.
    pub depth: usize,
    /// Of a hundred commands, how many write.
    pub writes: u64,
    /// Which initiator it is: two loads of one target need two numbers.
    pub initiator: u16,
    /// What the choice of commands depends on.
    pub seed: u64,
    /// Log in again when the connection is lost, and send what was in flight again.
    pub reconnect: bool,
    /// Header and data digests.
    pub digests: bool,
    /// Bytes of a command's data; 0: of several sizes.
    pub bytes: u32,
    /// What was never written is written before it is read, whatever `writes` says, so that a read has something to find.
    pub fill: bool,
    /// One slot after the other, instead of any.
    pub sequential: bool,
    /// Who is told of everything as it happens. Completions are not remembered then.
    pub gauge: Option<Arc<Gauge>>,
}

impl Plan {
    /// 16 commands in flight on the first 64 MiB of LUN 0, half of them writes, without reconnecting.
    pub fn usual(portal: SocketAddr, seed: u64) -> Self {
        Self {
            portal,
            lun: 0,
            mib: 64,
            depth: 16,
            writes: 50,
            initiator: 1,
            seed,
            reconnect: false,
            digests: false,
            bytes: 0,
            fill: false,
            sequential: false,
            gauge: None,
        }
    }
}

/// What happened.
#[derive(Debug, Default)]
pub struct Report {
    /// Every command that ended with GOOD, in the order of their ends.
    pub completions: Vec<Completion>,
    /// Commands that ended otherwise, and what else went wrong.
    pub errors: Vec<String>,
    /// Bytes that a read returned and that were not what had been written.
    pub wrong_bytes: u64,
    /// Bytes that reads returned and that were compared.
    pub verified: u64,
    /// Unit attentions that commands met, those right after a login not counted.
    pub unit_attentions: u32,
    /// How often the connection was lost and the session begun anew.
    pub reconnects: u32,
}

/// One command that ended with GOOD.
#[derive(Debug, Clone, Copy)]
pub struct Completion {
    /// When it was sent.
    pub sent: Instant,
    /// When it was done.
    pub at: Instant,
}

impl Report {
    /// Checks that no command failed and no byte was wrong.
    ///
    /// # Errors
    /// Says what was.
    pub fn flawless(&self) -> anyhow::Result<()> {
        let shown = &self.errors[..self.errors.len().min(5)];
        ensure!(self.errors.is_empty(), "{} I/O errors: {shown:#?}", self.errors.len());
        ensure!(self.wrong_bytes == 0, "{} bytes were wrong", self.wrong_bytes);
        ensure!(!self.completions.is_empty(), "no command was done");
        Ok(())
    }

    /// The median and the longest latency of all commands.
    pub fn latency(&self) -> (Duration, Duration) {
        let mut all: Vec<_> = self.completions.iter().map(|one| one.at - one.sent).collect();
        all.sort_unstable();
        let median = all.get(all.len() / 2).copied().unwrap_or_default();
        (median, all.last().copied().unwrap_or_default())
    }
}

/// What the load and its watcher share.
#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    done: AtomicU64,
}

/// A running load.
pub struct Load {
    shared: Arc<Shared>,
    thread: JoinHandle<anyhow::Result<Report>>,
}

impl Load {
    /// Starts it, and waits until the first commands are done.
    ///
    /// # Errors
    /// The login fails, or nothing is done in time.
    pub fn start(plan: Plan) -> anyhow::Result<Self> {
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        let session = worker::log_in(&plan)?;
        let thread = std::thread::spawn(move || worker::Worker::new(plan, theirs).run(session));
        let load = Self { shared, thread };
        load.wait_for_progress(10)?;
        Ok(load)
    }

    /// How many commands are done.
    pub fn done(&self) -> u64 {
        self.shared.done.load(Ordering::Acquire)
    }

    /// Waits until `count` more commands are done.
    ///
    /// # Errors
    /// They are not within a minute, or the load is over.
    pub fn wait_for_progress(&self, count: u64) -> anyhow::Result<()> {
        let goal = self.done() + count;
        let progress = deadline::wait_for("progress of the load", Duration::from_secs(60), || {
            ensure!(!self.thread.is_finished() || self.done() >= goal, "the load ended by itself");
            Ok((self.done() >= goal).then_some(()))
        });
        progress.with_context(|| format!("{count} more commands after {} were done", goal - count))
    }

    /// Tells it to begin no more commands. Many loads end faster when all are told before one is waited for.
    pub fn stop(&self) {
        self.shared.stop.store(true, Ordering::Release);
    }

    /// Ends it: waits for what is in flight, then reads everything back through a session of its own and compares.
    ///
    /// # Errors
    /// The target is gone, or broke the protocol.
    pub fn finish(self) -> anyhow::Result<Report> {
        self.stop();
        self.thread.join().map_err(|_| anyhow!("the load panicked"))?
    }
}
