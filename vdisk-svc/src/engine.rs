//! I/O that would block, done elsewhere: the loop submits a [`Job`] and finds its result later.
//!
//! Two engines do the same: io_uring, and worker threads where io_uring is forbidden (containers, seccomp). Which one is
//! chosen at the start and by nothing later. A job is named by the slot of its task ([`crate::slots`]), and a slot has
//! one job at a time, so neither engine needs a queue that can overflow.

mod threads;
mod uring;

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use crate::slots::SlotId;
use crate::span::Spans;
use threads::Threads;
use uring::Uring;

/// Set to anything, it forbids io_uring.
pub const NO_URING: &str = "BULKHEAD_NO_URING";

/// What a job does to its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// Reads into the spans.
    Read,
    /// Writes the spans.
    Write,
    /// Brings data and what is needed to find it to the medium (fdatasync).
    Sync,
}

/// One I/O. The job holds its file and its memory until the I/O is over.
#[derive(Debug)]
pub struct Job {
    /// What to do.
    pub op: Op,
    /// The medium.
    pub file: Arc<File>,
    /// Where in the medium, in bytes.
    pub offset: u64,
    /// The task's data.
    pub spans: Spans,
    /// Bytes of the data to leave out at the start.
    pub skip: usize,
    /// Bytes to move.
    pub len: usize,
}

/// The end of a job: bytes moved (perhaps fewer than asked), or why not.
#[derive(Debug)]
pub struct Finished {
    /// The slot that it was submitted under.
    pub slot: SlotId,
    /// What came of it.
    pub result: io::Result<usize>,
}

/// Which engine is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// io_uring if the host allows it, else threads.
    Best,
    /// io_uring or nothing.
    Uring,
    /// Worker threads.
    Threads,
}

impl Choice {
    /// What the environment asks for.
    pub fn from_env() -> Self {
        if std::env::var_os(NO_URING).is_some() { Self::Threads } else { Self::Best }
    }
}

/// The engine of a service.
pub enum Engine {
    /// io_uring.
    Uring(Box<Uring>),
    /// Worker threads.
    Threads(Threads),
}

impl Engine {
    /// Starts an engine for `slots` slots; `workers` threads, should it come to threads.
    pub fn start(choice: Choice, slots: usize, workers: u32) -> io::Result<Self> {
        let uring = match choice {
            Choice::Threads => None,
            Choice::Uring => Some(Uring::new(slots)?),
            Choice::Best => Uring::new(slots)
                .inspect_err(|error| tracing::info!(%error, "no io_uring here: worker threads instead"))
                .ok(),
        };
        match uring {
            Some(uring) => Ok(Self::Uring(Box::new(uring))),
            None => Ok(Self::Threads(Threads::start(slots, workers.max(1))?)),
        }
    }

    /// Its name, for the log.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Uring(_) => "io_uring",
            Self::Threads(_) => "threads",
        }
    }

    /// Takes a job; it begins at the next [`flush`](Self::flush) at the latest. A slot has one job at a time.
    pub fn submit(&mut self, slot: SlotId, job: Job) {
        match self {
            Self::Uring(uring) => uring.submit(slot, job),
            Self::Threads(threads) => threads.submit(slot, job),
        }
    }

    /// Begins all jobs that were submitted.
    pub fn flush(&mut self) {
        if let Self::Uring(uring) = self {
            uring.flush();
        }
    }

    /// The next job that is over, if there is one. No system call.
    #[inline]
    pub fn reap(&mut self) -> Option<Finished> {
        match self {
            Self::Uring(uring) => uring.reap(),
            Self::Threads(threads) => threads.reap(),
        }
    }

    /// Whether jobs wait for a kernel that did not take them: then the loop must not sleep on the bell alone.
    pub fn unsubmitted(&self) -> bool {
        matches!(self, Self::Uring(uring) if uring.unsubmitted())
    }

    /// Jobs that are not reaped yet.
    pub fn in_flight(&self) -> usize {
        match self {
            Self::Uring(uring) => uring.in_flight(),
            Self::Threads(threads) => threads.in_flight(),
        }
    }

    /// Whether [`bell`](Self::bell) is an edge (rung, never read) or readable as long as something waits to be reaped.
    pub fn bell_is_edge(&self) -> bool {
        matches!(self, Self::Threads(_))
    }

    /// The descriptor that wakes the loop when a job is over.
    pub fn bell(&self) -> BorrowedFd<'_> {
        match self {
            Self::Uring(uring) => uring.bell(),
            Self::Threads(threads) => threads.bell().as_fd(),
        }
    }
}

#[cfg(test)]
mod tests;
