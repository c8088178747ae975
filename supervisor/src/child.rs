//! One service as the supervisor sees it: its state, its living process, what it died of.
//!
//! Nothing here waits for the process: grants are queued up to a bound until [`Process::flush`], events are read as they
//! come. Times are on the reactor's clock.
//!
//! A process is a child of this one or, if a former supervisor started it, of the keeper; its end is known by its pidfd
//! either way.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use ipc::channel::{ChannelError, SupervisorChannel};
use ipc::message::{Event, Grant};
use ipc::shm;
use ipc::stats::{PAGE_BYTES, Stats};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Signal, pidfd_send_signal};
use serde::{Deserialize, Serialize};

use crate::kept::Kept;
use crate::obituary::Obituary;
use crate::policy::Death;
use crate::record::ProcessRecord;
use crate::spawn::Spawned;
use crate::wiring::Message;

/// Grants that may wait for a service that does not read its control socket.
const MOST_WAITING: usize = 8192;
/// Deaths that are remembered; the policy needs no more than fit its budget.
const MOST_DEATHS: usize = 1024;

/// Where a service is in its life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// Its process runs and is not ready yet.
    Starting,
    /// It serves.
    Running,
    /// It was told to end.
    Stopping {
        /// It is started again afterwards.
        again: bool,
    },
    /// An administrator stopped it.
    Stopped,
    /// It died and is started again at this time.
    Backoff {
        /// When.
        until: Duration,
    },
    /// It died too often; the text says how.
    Held {
        /// Why it is not started again.
        reason: String,
    },
}

impl State {
    /// The word in `status`.
    pub fn word(&self) -> &'static str {
        match self {
            State::Starting => "starting",
            State::Running => "running",
            State::Stopping { .. } => "stopping",
            State::Stopped => "stopped",
            State::Backoff { .. } => "backoff",
            State::Held { .. } => "held",
        }
    }
}

/// One service.
pub struct Child {
    /// Where it is in its life.
    pub state: State,
    /// Its process, if it has one.
    pub process: Option<Process>,
    /// How often it has been started.
    pub starts: u64,
    /// Its deaths, for the policy; oldest first.
    pub deaths: Vec<Death>,
    /// What it died of last.
    pub last_death: Option<Obituary>,
    /// While it is being upgraded: the program that it goes back to if the installed one does not come up.
    pub former: Option<OwnedFd>,
    /// The program that it has gone back to, and that is started instead of the installed one.
    pub pinned: Option<OwnedFd>,
    /// The crash point that its next process is granted.
    pub crash_next: Option<Grant>,
}

impl Default for Child {
    fn default() -> Self {
        Self {
            state: State::Stopped,
            process: None,
            starts: 0,
            deaths: Vec::new(),
            last_death: None,
            former: None,
            pinned: None,
            crash_next: None,
        }
    }
}

impl Child {
    /// Notes a death for the policy, and forgets those before `horizon`.
    pub fn remember(&mut self, death: Death, horizon: Duration) {
        self.deaths.retain(|death| death.at >= horizon);
        if self.deaths.len() >= MOST_DEATHS {
            self.deaths.remove(0);
        }
        self.deaths.push(death);
    }

    /// True when it comes, or comes back, without anybody asking.
    pub fn is_coming(&self) -> bool {
        match self.state {
            State::Starting | State::Running | State::Backoff { .. } => true,
            State::Stopping { again } => again,
            State::Stopped | State::Held { .. } => false,
        }
    }
}

/// A living process.
pub struct Process {
    pid: u32,
    pidfd: OwnedFd,
    channel: SupervisorChannel,
    /// To be reaped, unless it is the keeper's child.
    own: Option<std::process::Child>,
    log_start: u64,
    queue: VecDeque<Message>,
    /// Its statistics page, as it is granted.
    pub stats_fd: OwnedFd,
    /// The same, mapped.
    pub stats: Stats,
    /// The names of its counters.
    pub counters: Vec<String>,
    /// When it was started.
    pub started: Duration,
    /// When it was ready.
    pub ready: Option<Duration>,
    /// It said hello, and waits for its grants or has them.
    pub hello: bool,
    /// It has all its grants, `Go` included.
    pub granted: bool,
    /// When its grants are tried again, because a medium was in use.
    pub grants_due: Option<Duration>,
    /// The heartbeat when it last changed, and when that was.
    pub beat: (u64, Duration),
    /// When patience with it is over and it is killed, and the reason that is given then.
    pub kill_at: Option<(Duration, String)>,
    /// Faults of its peers that it has reported.
    pub faults: u32,
    /// Why the supervisor killed it, if it did.
    pub reason: Option<String>,
    /// What it cannot serve, in its own words.
    pub problems: Vec<String>,
    /// Whether its socket is watched for room.
    pub wants_room: bool,
    /// A former supervisor may have died before it told it something.
    pub owed: bool,
}

impl Process {
    /// Takes a process into care that was started at `now`.
    ///
    /// # Errors
    /// There is no memory for its statistics page; the process is killed then.
    pub fn new(mut spawned: Spawned, name: &str, now: Duration) -> io::Result<Self> {
        let page = shm::create(&format!("bulkhead:stats:{name}"), PAGE_BYTES)
            .and_then(|fd| Ok((Stats::new(&fd).map_err(io::Error::other)?, fd)));
        let (stats, stats_fd) = match page {
            Ok(page) => page,
            Err(error) => {
                let _ = spawned.child.kill();
                let _ = spawned.child.wait();
                return Err(error);
            }
        };
        let Spawned { child, pidfd, channel, log_start } = spawned;
        Ok(Self {
            pid: child.id(),
            pidfd,
            channel,
            own: Some(child),
            log_start,
            queue: VecDeque::new(),
            stats_fd,
            stats,
            counters: Vec::new(),
            started: now,
            ready: None,
            hello: false,
            granted: false,
            grants_due: None,
            beat: (0, now),
            kill_at: None,
            faults: 0,
            reason: None,
            problems: Vec::new(),
            wants_room: false,
            owed: false,
        })
    }

    /// Takes a process into care that a former supervisor started: its pidfd, its control socket, its statistics page.
    ///
    /// # Errors
    /// The page cannot be mapped.
    pub fn adopt(
        record: ProcessRecord,
        [pidfd, socket, stats_fd]: [OwnedFd; 3],
        now: Duration,
    ) -> io::Result<Self> {
        let stats = Stats::new(&stats_fd).map_err(io::Error::other)?;
        Ok(Self {
            pid: record.pid,
            pidfd,
            channel: SupervisorChannel::from_fd(socket),
            own: None,
            log_start: record.log_start,
            queue: VecDeque::new(),
            beat: (stats.beats(), now),
            stats_fd,
            stats,
            counters: record.counters,
            started: record.started,
            ready: record.ready,
            hello: record.granted,
            granted: record.granted,
            grants_due: None,
            kill_at: record.kill_at,
            faults: record.faults,
            reason: record.reason,
            problems: record.problems,
            wants_room: false,
            owed: record.owed,
        })
    }

    /// What a successor of this supervisor has to know of it.
    pub fn record(&self) -> ProcessRecord {
        ProcessRecord {
            pid: self.pid,
            log_start: self.log_start,
            counters: self.counters.clone(),
            started: self.started,
            ready: self.ready,
            granted: self.granted,
            owed: self.owed || self.has_waiting(),
            kill_at: self.kill_at.clone(),
            faults: self.faults,
            reason: self.reason.clone(),
            problems: self.problems.clone(),
        }
    }

    /// Its process number.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Readable when it is over.
    pub fn pidfd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }

    /// Its control socket.
    pub fn socket(&self) -> BorrowedFd<'_> {
        self.channel.as_fd()
    }

    /// Where its part of the log begins.
    pub fn log_start(&self) -> u64 {
        self.log_start
    }

    /// Whether it is over, and its exit status where that is known. Reaps it.
    ///
    /// # Errors
    /// It cannot be asked for.
    pub fn try_wait(&mut self, kept: &Kept) -> io::Result<Option<Option<std::process::ExitStatus>>> {
        match &mut self.own {
            Some(child) => Ok(child.try_wait()?.map(Some)),
            None => {
                let now = Timespec { tv_sec: 0, tv_nsec: 0 };
                let over = poll(&mut [PollFd::new(&self.pidfd, PollFlags::IN)], Some(&now))? > 0;
                Ok(over.then(|| kept.end_of(self.pid)))
            }
        }
    }

    /// Sends it a signal.
    ///
    /// # Errors
    /// It is over already.
    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        Ok(pidfd_send_signal(&self.pidfd, signal)?)
    }

    /// Kills it; the first reason given is the one that its obituary has.
    pub fn kill(&mut self, reason: impl Into<String>) {
        self.reason.get_or_insert(reason.into());
        self.kill_at = None;
        // It may be over already: then its death is about to be noticed.
        let _ = self.signal(Signal::KILL);
    }

    /// Queues a grant for [`Process::flush`]. A service that lets too many wait is killed.
    pub fn send(&mut self, message: Message) {
        if self.queue.len() >= MOST_WAITING {
            self.kill("did not read its control socket");
            self.queue.clear();
            return;
        }
        self.queue.push_back(message);
    }

    /// Sends what waits; returns with [`Process::has_waiting`] true when the socket has no room.
    pub fn flush(&mut self) {
        while let Some((grant, fds)) = self.queue.front() {
            let borrowed: Vec<BorrowedFd<'_>> = fds.iter().map(AsFd::as_fd).collect();
            match self.channel.send(grant, &borrowed) {
                Ok(()) => {
                    self.queue.pop_front();
                }
                Err(ChannelError::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => return,
                // Too many descriptors under way (ETOOMANYREFS) passes as the service reads.
                Err(ChannelError::Io(error)) if error.raw_os_error() == Some(nix::libc::ETOOMANYREFS) => {
                    return;
                }
                Err(ChannelError::Closed) => {
                    self.queue.clear();
                }
                Err(error) => {
                    self.kill(format!("could not be sent a grant: {error}"));
                    self.queue.clear();
                }
            }
        }
    }

    /// True when grants wait for room.
    pub fn has_waiting(&self) -> bool {
        !self.queue.is_empty()
    }

    /// The next event, if there is one. It stays the next one until [`Process::heard`], so that a successor hears it when
    /// this supervisor dies before it has done what it says.
    ///
    /// # Errors
    /// It closed its socket, or sent what is no event.
    pub fn hear(&mut self) -> Result<Option<(Event, Vec<OwnedFd>)>, ChannelError> {
        self.channel.peek()
    }

    /// What the last event says has been done.
    pub fn heard(&mut self) {
        self.channel.discard();
    }
}
