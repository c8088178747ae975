//! When a service looks again and when it sleeps: no process sleeps while work has been arriving, and none spins when
//! it has not.
//!
//! After the last work a service polls for its budget, giving up the processor between looks so that a peer on the same
//! core can run; then it arms its rings and sleeps in epoll. The loop of every service is:
//!
//! ```text
//! if something was done        { waiter.worked() }
//! else match waiter.idle()     { Look -> rings again, LookAround -> rings and sockets again,
//!                                Sleep -> arm every ring; if all agree: waiter.wait(..); disarm every ring }
//! ```

use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use crate::recorder::Recorder;

/// Looks between two yields of the processor, the first of which comes at once: where services share a core a look is
/// time taken from the peer that is waited for (four hops on one core: 6 us with 1 or 2, 8 us with 8, 19 us with 64), and
/// on cores of their own a yield costs no more than the looks that it stands for.
const LOOKS_PER_YIELD: u32 = 4;
/// Longest sleep, so that the heartbeat goes on.
pub const HEARTBEAT: Duration = Duration::from_millis(500);
const EVENTS: usize = 64;

/// What an idle service does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Look at the rings again.
    Look,
    /// The processor was given up once: look at rings, and at sockets by [`Waiter::peek`].
    LookAround,
    /// The budget is spent: arm and sleep.
    Sleep,
}

/// How a descriptor is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Watch {
    /// A bell: every ring is an edge, nothing is read.
    Bell,
    /// Reported as long as it can be read.
    Readable,
    /// Reported as long as it can be read or written.
    ReadWrite,
    /// Reported as long as it can be written; reading is of no interest now.
    Writable,
    /// Only errors and hang-ups are reported.
    Nothing,
}

impl Watch {
    fn flags(self) -> EpollFlags {
        match self {
            Watch::Bell => EpollFlags::EPOLLIN | EpollFlags::EPOLLET,
            Watch::Readable => EpollFlags::EPOLLIN | EpollFlags::EPOLLRDHUP,
            Watch::ReadWrite => EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT | EpollFlags::EPOLLRDHUP,
            Watch::Writable => EpollFlags::EPOLLOUT,
            Watch::Nothing => EpollFlags::empty(),
        }
    }
}

/// A descriptor that is ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ready {
    /// The token that it was added with.
    pub token: u64,
    /// It can be read, or has ended.
    pub readable: bool,
    /// It can be written, or has failed.
    pub writable: bool,
}

/// The waiting of one service.
pub struct Waiter {
    epoll: Epoll,
    budget: Duration,
    looks: u32,
    idle_since: Option<Instant>,
    events: [EpollEvent; EVENTS],
    recorder: Option<Recorder>,
}

impl Waiter {
    /// A waiter that polls for `poll_us` microseconds after the last work; 0 sleeps at once.
    pub fn new(poll_us: u32) -> io::Result<Self> {
        Ok(Self {
            epoll: Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?,
            budget: Duration::from_micros(u64::from(poll_us)),
            looks: 0,
            idle_since: None,
            events: [EpollEvent::empty(); EVENTS],
            recorder: None,
        })
    }

    /// Turns the clock of a recorder from here on, whenever a look at a clock costs nothing beside what is done anyway.
    pub fn record(&mut self, recorder: Recorder) {
        self.recorder = Some(recorder);
    }

    /// Turns the recorder's clock. For loops that have worked for long without waiting.
    pub fn tick(&self) {
        if let Some(recorder) = &self.recorder {
            recorder.tick(Instant::now());
        }
    }

    /// Changes the polling budget.
    pub fn set_budget(&mut self, poll_us: u32) {
        self.budget = Duration::from_micros(u64::from(poll_us));
    }

    /// Watches a descriptor under `token`.
    pub fn add(&self, fd: impl AsFd, token: u64, watch: Watch) -> io::Result<()> {
        Ok(self.epoll.add(fd, EpollEvent::new(watch.flags(), token))?)
    }

    /// Watches a descriptor in another way.
    pub fn change(&self, fd: impl AsFd, token: u64, watch: Watch) -> io::Result<()> {
        Ok(self.epoll.modify(fd, &mut EpollEvent::new(watch.flags(), token))?)
    }

    /// Stops watching a descriptor. Needed when a duplicate of it stays open elsewhere.
    pub fn remove(&self, fd: impl AsFd) -> io::Result<()> {
        Ok(self.epoll.delete(fd)?)
    }

    /// This turn of the loop found work: the budget starts anew with the first idle turn after it.
    #[inline]
    pub fn worked(&mut self) {
        self.looks = 0;
        self.idle_since = None;
    }

    /// This turn found nothing.
    #[inline]
    pub fn idle(&mut self) -> Turn {
        if self.budget.is_zero() {
            return Turn::Sleep;
        }
        self.looks = self.looks.wrapping_add(1);
        if self.looks % LOOKS_PER_YIELD != 1 {
            std::hint::spin_loop();
            return Turn::Look;
        }
        let now = Instant::now();
        if let Some(recorder) = &self.recorder {
            recorder.tick(now);
        }
        let since = *self.idle_since.get_or_insert(now);
        if now.saturating_duration_since(since) >= self.budget {
            return Turn::Sleep;
        }
        rustix::thread::sched_yield();
        Turn::LookAround
    }

    /// Sleeps until something is ready, a signal arrives, or the time is over (never longer than [`HEARTBEAT`]).
    /// Call it with every ring armed. `ready` is replaced.
    pub fn wait(&mut self, most: Duration, ready: &mut Vec<Ready>) -> io::Result<()> {
        // Rounded up, so that a deadline less than a millisecond away does not become a busy loop.
        let millis = most.min(HEARTBEAT).as_micros().div_ceil(1000) as u16;
        self.collect(millis, ready)
    }

    /// What is ready now, without sleeping. `ready` is replaced.
    pub fn peek(&mut self, ready: &mut Vec<Ready>) -> io::Result<()> {
        self.collect(0, ready)
    }

    fn collect(&mut self, millis: u16, ready: &mut Vec<Ready>) -> io::Result<()> {
        ready.clear();
        let count = match self.epoll.wait(&mut self.events, EpollTimeout::from(millis)) {
            Ok(count) => count,
            Err(nix::errno::Errno::EINTR) => 0,
            Err(error) => return Err(error.into()),
        };
        self.tick();
        let ended = EpollFlags::EPOLLHUP | EpollFlags::EPOLLERR;
        ready.extend(self.events[..count].iter().map(|event| Ready {
            token: event.data(),
            readable: event.events().intersects(EpollFlags::EPOLLIN | EpollFlags::EPOLLRDHUP | ended),
            writable: event.events().intersects(EpollFlags::EPOLLOUT | ended),
        }));
        Ok(())
    }
}

#[cfg(test)]
mod tests;
