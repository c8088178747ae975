//! A thread for what blocks and is no I/O of a medium, such as saving a file: errands, one after the other.
//!
//! It begins with the service: when it is needed there may be no memory for a thread. An errand is named by the slot of its task, and a slot has
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
    work: Work,
    bell: Doorbell,
    busy: usize,
}

struct Work {
    errands: Option<Sender<(SlotId, Errand)>>,
    results: Receiver<(SlotId, io::Result<()>)>,
    thread: Option<JoinHandle<()>>,
}

impl Clerk {
    /// Begins the thread. An error says why there can be none.
    pub fn new() -> io::Result<Self> {
        let bell = Doorbell::new()?;
        Ok(Self { work: Work::start(bell.duplicate()?)?, bell, busy: 0 })
    }

    /// Takes an errand. An error says why it cannot be done at all.
    pub fn submit(&mut self, slot: SlotId, errand: Errand) -> io::Result<()> {
        let sent = self.work.errands.as_ref().is_some_and(|errands| errands.send((slot, errand)).is_ok());
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
        let done = self.work.results.try_recv().ok()?;
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
