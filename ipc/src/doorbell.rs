//! Waking a peer that sleeps: one eventfd per end of a link.
//!
//! The sleeper has it in its epoll set, edge-triggered, and never reads it: the counter cannot overflow in practice
//! and every ring is an edge, so a wake-up costs one system call on either side. A bell rung too often costs the
//! sleeper a look at its rings, nothing else.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::event::{EventfdFlags, eventfd};

/// One end's bell.
#[derive(Debug)]
pub struct Doorbell(OwnedFd);

impl Doorbell {
    /// A new bell, non-blocking and closed on exec.
    pub fn new() -> std::io::Result<Self> {
        Ok(Self(eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?))
    }

    /// A bell that came as a grant.
    pub fn from_fd(fd: OwnedFd) -> Self {
        Self(fd)
    }

    /// Wakes whoever waits for this bell.
    pub fn ring(&self) {
        // The only failure of a non-blocking eventfd is a counter at its limit, which a hostile peer can arrange for
        // itself: then the edge has been delivered already, and there is nothing better to do.
        let _ = rustix::io::write(&self.0, &1u64.to_ne_bytes());
    }

    /// A second descriptor of the same bell.
    pub fn duplicate(&self) -> std::io::Result<Self> {
        Ok(Self(self.0.try_clone()?))
    }

    /// Gives the descriptor away, to be granted.
    pub fn into_fd(self) -> OwnedFd {
        self.0
    }
}

impl AsFd for Doorbell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsRawFd for Doorbell {
    fn as_raw_fd(&self) -> std::os::fd::RawFd {
        self.0.as_raw_fd()
    }
}
