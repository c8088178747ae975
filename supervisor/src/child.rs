//! One service as the supervisor sees it: its state, its living process, what it died of.
//!
//! Nothing here waits for the process: grants that its socket does not take are queued up to a bound, events are read as
//! they come. Times are on the reactor's clock, which starts with the supervisor.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use ipc::channel::ChannelError;
use ipc::shm;
use ipc::stats::{PAGE_BYTES, Stats};
use rustix::process::{Signal, pidfd_send_signal};

use crate::obituary::Obituary;
use crate::policy::Death;
use crate::spawn::Spawned;
use crate::wiring::Message;

/// Grants that may wait for a service that does not read its control socket.
const MOST_WAITING: usize = 8192;
/// Deaths that are remembered; the policy needs no more than fit its budget.
const MOST_DEATHS: usize = 1024;

/// Where a service is in its life.
#[derive(Debug, Clone, PartialEq, Eq)]
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
}

impl Default for Child {
    fn default() -> Self {
        Self { state: State::Stopped, process: None, starts: 0, deaths: Vec::new(), last_death: None }
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
    spawned: Spawned,
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
    pub kill_at: Option<(Duration, &'static str)>,
    /// Faults of its peers that it has reported.
    pub faults: u32,
    /// Why the supervisor killed it, if it did.
    pub reason: Option<String>,
    /// What it cannot serve, in its own words.
    pub problems: Vec<String>,
    /// Whether its socket is watched for room.
    pub wants_room: bool,
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
        Ok(Self {
            spawned,
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
        })
    }

    /// Its process number.
    pub fn pid(&self) -> u32 {
        self.spawned.child.id()
    }

    /// Readable when it is over.
    pub fn pidfd(&self) -> BorrowedFd<'_> {
        self.spawned.pidfd.as_fd()
    }

    /// Its control socket.
    pub fn socket(&self) -> BorrowedFd<'_> {
        self.spawned.channel.as_fd()
    }

    /// Where its part of the log begins.
    pub fn log_start(&self) -> u64 {
        self.spawned.log_start
    }

    /// Its exit status, if it is over. Reaps it.
    pub fn try_wait(&mut self) -> io::Result<Option<std::process::ExitStatus>> {
        self.spawned.child.try_wait()
    }

    /// Sends it a signal.
    ///
    /// # Errors
    /// It is over already.
    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        Ok(pidfd_send_signal(&self.spawned.pidfd, signal)?)
    }

    /// Kills it; the first reason given is the one that its obituary has.
    pub fn kill(&mut self, reason: impl Into<String>) {
        self.reason.get_or_insert(reason.into());
        self.kill_at = None;
        // It may be over already: then its death is about to be noticed.
        let _ = self.signal(Signal::KILL);
    }

    /// Sends a grant, now or when its socket has room. A service that lets too many wait is killed.
    pub fn send(&mut self, message: Message) {
        if self.queue.len() >= MOST_WAITING {
            self.kill("did not read its control socket");
            self.queue.clear();
            return;
        }
        self.queue.push_back(message);
        self.flush();
    }

    /// Sends what waits; returns with [`Process::has_waiting`] true when the socket has no room.
    pub fn flush(&mut self) {
        while let Some((grant, fds)) = self.queue.front() {
            let borrowed: Vec<BorrowedFd<'_>> = fds.iter().map(AsFd::as_fd).collect();
            match self.spawned.channel.send(grant, &borrowed) {
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

    /// The next event, if there is one.
    ///
    /// # Errors
    /// It closed its socket, or sent what is no event.
    pub fn receive(&mut self) -> Result<Option<(ipc::message::Event, Vec<OwnedFd>)>, ChannelError> {
        self.spawned.channel.receive()
    }
}
