//! When a service looks again and when it sleeps: no process sleeps while work has been arriving, and none spins when
//! it has not.
//!
//! After the last work a service polls for a while, giving up the processor between looks so that a peer on the same
//! core can run; then it arms its rings and sleeps in epoll. How long it polls depends on how long it has lately had to
//! wait: where work came soon it is worth more to poll on than to sleep, for a sleeper on a virtual machine takes as long to
//! wake as a command takes; where it did not, polling burns the processor for nothing. Answers to what was asked and new
//! work come after gaps of their own, so each has its history. On a processor that all share, only who has asked something
//! polls: whoever else did would be given the processor in turn, and take it from those that work. The loop of every service
//! is:
//!
//! ```text
//! if something was done        { waiter.worked() }
//! else match waiter.idle(..)   { Look -> rings again, LookAround -> rings and sockets again,
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
/// Gaps of the last eight that were short, from which on it polls at all, and from which on for [`LONG`] budgets.
const WARM: u32 = 3;
const HOT: u32 = 7;
/// Budgets that it polls where nearly every gap is short: one long gap must not put all to sleep, for then the next one is
/// longer by the time that everybody takes to wake. For the same reason a gap that was slept through is short up to that.
const LONG: u32 = 4;
/// Longest sleep, so that the heartbeat goes on.
pub const HEARTBEAT: Duration = Duration::from_millis(500);
/// How often it is asked which processors there are.
const CENSUS: Duration = Duration::from_millis(100);
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

/// What an idle service waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Awaited {
    /// The answer to something that it has asked, or begun.
    Answer,
    /// Something new.
    Work,
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

/// Which of the last eight gaps between work were short; the latest in the lowest bit.
#[derive(Debug, Clone, Copy)]
struct Gaps(u8);

impl Gaps {
    /// For how long it is worth while to poll.
    fn patience(self, budget: Duration) -> Duration {
        match self.0.count_ones() {
            HOT.. => budget * LONG,
            WARM.. => budget,
            _ => Duration::ZERO,
        }
    }
}

/// The waiting of one service.
pub struct Waiter {
    epoll: Epoll,
    budget: Duration,
    looks: u32,
    /// When the last work was over, if none has come since.
    idle_since: Option<Instant>,
    /// The last look at the clock.
    looked: Instant,
    slept: bool,
    awaited: Awaited,
    gaps: [Gaps; 2],
    /// There is one processor only for this process, and when that was asked last.
    crowded: bool,
    census: Instant,
    events: [EpollEvent; EVENTS],
    recorder: Option<Recorder>,
}

impl Waiter {
    /// A waiter whose gaps are short up to `poll_us` microseconds; with 0 it never polls.
    pub fn new(poll_us: u32) -> io::Result<Self> {
        let now = Instant::now();
        Ok(Self {
            epoll: Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?,
            budget: Duration::from_micros(u64::from(poll_us)),
            looks: 0,
            idle_since: None,
            looked: now,
            slept: false,
            awaited: Awaited::Work,
            gaps: [Gaps(u8::MAX); 2],
            crowded: is_crowded(),
            census: now,
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

    /// This turn of the loop found work.
    #[inline]
    pub fn worked(&mut self) {
        self.looks = 0;
        if let Some(since) = self.idle_since.take() {
            self.gap_ended(since);
        }
    }

    fn gap_ended(&mut self, since: Instant) {
        let short = if std::mem::take(&mut self.slept) {
            since.elapsed() <= self.budget * LONG
        } else {
            // A look at the clock can be saved: the last one was a moment ago.
            self.looked.saturating_duration_since(since) <= self.budget
        };
        let gaps = &mut self.gaps[self.awaited as usize];
        gaps.0 = gaps.0 << 1 | u8::from(short);
    }

    /// This turn found nothing, and what would be something is awaited.
    #[inline]
    pub fn idle(&mut self, awaited: Awaited) -> Turn {
        if self.budget.is_zero() {
            return Turn::Sleep;
        }
        self.looks = self.looks.wrapping_add(1);
        if self.looks % LOOKS_PER_YIELD != 1 {
            std::hint::spin_loop();
            return Turn::Look;
        }
        self.looked = Instant::now();
        if let Some(recorder) = &self.recorder {
            recorder.tick(self.looked);
        }
        let since = *self.idle_since.get_or_insert_with(|| {
            self.awaited = awaited;
            self.looked
        });
        if self.looked.saturating_duration_since(self.census) >= CENSUS {
            (self.crowded, self.census) = (is_crowded(), self.looked);
        }
        let patience = self.gaps[self.awaited as usize].patience(self.budget);
        let stays = self.awaited == Awaited::Answer || !self.crowded;
        if !stays || self.looked.saturating_duration_since(since) >= patience {
            // The next idle turn, if the sleep does not come about, is one like this.
            self.looks = 0;
            return Turn::Sleep;
        }
        rustix::thread::sched_yield();
        Turn::LookAround
    }

    /// Gives up the processor once, for who waits on purpose although there is work.
    pub fn pass(&self) {
        rustix::thread::sched_yield();
    }

    /// Sleeps until something is ready, a signal arrives, or the time is over (never longer than [`HEARTBEAT`]).
    /// Call it with every ring armed. `ready` is replaced.
    pub fn wait(&mut self, most: Duration, ready: &mut Vec<Ready>) -> io::Result<()> {
        // Rounded up, so that a deadline less than a millisecond away does not become a busy loop.
        let millis = most.min(HEARTBEAT).as_micros().div_ceil(1000) as u16;
        self.slept = true;
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

/// Whether this thread may run on one processor only.
fn is_crowded() -> bool {
    rustix::thread::sched_getaffinity(None).is_ok_and(|set| set.count() == 1)
}

#[cfg(test)]
mod tests;
