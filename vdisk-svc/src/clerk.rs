//! A thread for what blocks and is no I/O of a medium, such as saving a file: errands, one after the other.
//!
//! Started with the first errand; most services never have one. An errand is named by the slot of its task, and a slot has
//! one at a time, so that there are never more of them than slots.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use ipc::doorbell::Doorbell;

use crate::slots::SlotId;

/// Something to do that may block.
pub struct Errand(Box<dyn FnOnce() -> io::Result<()> + Send>);

impl Errand {
    /// Wraps what is to be done.
    pub fn new(act: impl FnOnce() -> io::Result<()> + Send + 'static) -> Self {
        Self(Box::new(act))
    }
}

impl std::fmt::Debug for Errand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Errand")
    }
}

/// The loop's side of the thread.
pub struct Clerk {
    work: Option<Work>,
    bell: Doorbell,
    busy: usize,
}

struct Work {
    errands: Option<Sender<(SlotId, Errand)>>,
    results: Receiver<(SlotId, io::Result<()>)>,
    thread: Option<JoinHandle<()>>,
}

impl Clerk {
    /// No thread yet.
    pub fn new() -> io::Result<Self> {
        Ok(Self { work: None, bell: Doorbell::new()?, busy: 0 })
    }

    /// Takes an errand. An error says why it cannot be done at all.
    pub fn submit(&mut self, slot: SlotId, errand: Errand) -> io::Result<()> {
        if self.work.is_none() {
            self.work = Some(Work::start(self.bell.duplicate()?)?);
        }
        let errands = self.work.as_ref().and_then(|work| work.errands.as_ref());
        let sent = errands.is_some_and(|errands| errands.send((slot, errand)).is_ok());
        if !sent {
            return Err(io::Error::other("the thread for errands has ended"));
        }
        self.busy += 1;
        Ok(())
    }

    /// The next errand that is done, if there is one.
    #[inline]
    pub fn reap(&mut self) -> Option<(SlotId, io::Result<()>)> {
        if self.busy == 0 {
            return None;
        }
        let done = self.work.as_ref()?.results.try_recv().ok()?;
        self.busy -= 1;
        Some(done)
    }

    /// Rung when an errand is done.
    pub fn bell(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }
}

impl Work {
    fn start(bell: Doorbell) -> io::Result<Self> {
        let (errands, inbox) = channel::<(SlotId, Errand)>();
        let (outbox, results) = channel();
        let thread = std::thread::Builder::new().name("clerk".to_owned()).spawn(move || {
            for (slot, errand) in inbox {
                if outbox.send((slot, (errand.0)())).is_err() {
                    return;
                }
                bell.ring();
            }
        })?;
        Ok(Self { errands: Some(errands), results, thread: Some(thread) })
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        // Without a sender the thread ends, after the errands that are left.
        drop(self.errands.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests;
