//! Work for an administrator that may take long and belongs to no command: a thread of its own, asked from time to time.
//!
//! Rare by nature (a medium is changed, a file is given another size), so a thread each is cheap, and the loop and the
//! [`crate::engine`] know nothing of it.

use std::io;
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};

/// Work under way.
#[derive(Debug)]
pub struct Chore(Receiver<io::Result<()>>);

impl Chore {
    /// Begins.
    pub fn start(work: impl FnOnce() -> io::Result<()> + Send + 'static) -> io::Result<Self> {
        let (sender, receiver) = sync_channel(1);
        let thread = std::thread::Builder::new().name("chore".to_owned());
        // Nobody waits for the thread: it ends with its work, and nobody may be left to hear of it.
        thread.spawn(move || drop(sender.send(work())))?;
        Ok(Self(receiver))
    }

    /// One that is over already.
    pub fn over(result: io::Result<()>) -> Self {
        let (sender, receiver) = sync_channel(1);
        // There is room for one, and the receiver is there.
        let _ = sender.send(result);
        Self(receiver)
    }

    /// What came of it, once it is over.
    pub fn poll(&self) -> Option<io::Result<()>> {
        match self.0.try_recv() {
            Ok(result) => Some(result),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => Some(Err(io::Error::other("its thread died"))),
        }
    }
}
