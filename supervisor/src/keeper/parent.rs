//! The keeper's life: starts a supervisor, keeps what it stores, starts the next when it dies, ends when it ends.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitCode, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, socketpair};
use rustix::process::{
    Pid, Resource, Rlimit, WaitOptions, getrlimit, kill_process, pidfd_send_signal, set_child_subreaper,
    setrlimit, wait,
};

use super::wire::{self, Packet};
use super::{PIDFD, PROGRAM, REPLACE, TERMINAL, TRIAL, VARIABLE};

/// Ends of processes that are remembered until somebody asks.
const MOST_ENDS: usize = 4096;
/// The exit status of a program of ours that panicked where a panic does not abort.
const PANICKED: i32 = 101;
/// A supervisor that came up and lived for this long is replaced without delay when it dies.
const LONG_LIFE: Duration = Duration::from_millis(250);
/// Supervisors that came up and died soon count as so many in a row that did not come up, at most.
const SHORT_LIVES: u32 = 3;
/// The longest delay between two supervisors that do not come up.
const MOST_DELAY: Duration = Duration::from_secs(1);
/// How often a supervisor may fail to come up when all that is wanted of it is to end everything.
const MOST_ENDINGS: u32 = 3;
/// So much longer than the longest wait says that the machine, or the keeper, stood still: that is no hang of others.
const LATE: Duration = Duration::from_secs(1);
/// How long services get to end by themselves when nobody is left to end them in order.
const PATIENCE: Duration = Duration::from_secs(3);

/// What came of a supervisor.
enum End {
    /// It meant to end.
    Meant(ExitCode),
    /// It wants to be replaced.
    Replace,
    /// It died; the text says of what.
    Died(String),
}

struct Keeper {
    kept: BTreeMap<String, OwnedFd>,
    ends: VecDeque<(u32, i32)>,
    signals: SignalFd,
    program: File,
    /// The program before this one, until this one has come up.
    former: Option<File>,
    /// The program that is to come.
    next: Option<File>,
    /// Somebody wants everything to end: the signal that said so.
    ending: Option<Signal>,
    on_terminal: bool,
    /// How long a supervisor may be silent. None before the first has said so: what it does until then takes its time.
    patience: Option<Duration>,
}

/// A living supervisor.
struct Supervisor {
    pid: Pid,
    socket: OwnedFd,
    started: Instant,
    /// Names of what it has not been given yet, and whether it has been told that this was all.
    to_send: VecDeque<String>,
    told_all: bool,
    up: bool,
    /// When it last said that it turns.
    heard: Instant,
    /// It was silent for too long and has been killed.
    hung: bool,
}

/// Runs this program again as a supervisor, and keeps its descriptors until it means to end.
///
/// # Errors
/// The host refuses what cannot be done without.
pub fn keep() -> Result<ExitCode> {
    set_child_subreaper(Some(rustix::process::getpid())).context("becoming the parent of services")?;
    raise_limits();
    let mut mask = SigSet::empty();
    let signals = [Signal::SIGCHLD, Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGQUIT];
    signals.into_iter().for_each(|signal| mask.add(signal));
    mask.thread_block().context("catching signals")?;
    let flags = SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC;
    let mut keeper = Keeper {
        kept: BTreeMap::new(),
        ends: VecDeque::new(),
        signals: SignalFd::with_flags(&mask, flags).context("catching signals")?,
        program: File::open("/proc/self/exe").context("opening this program")?,
        former: None,
        next: None,
        ending: None,
        on_terminal: io::stdin().is_terminal(),
        patience: None,
    };
    let mut failures = 0;
    loop {
        let mut supervisor = keeper.start()?;
        let end = keeper.watch(&mut supervisor)?;
        let lived = supervisor.started.elapsed();
        failures = match supervisor.up {
            true if lived >= LONG_LIFE => 0,
            // One that is killed again and again is not to blame, and one that dies by itself shall not use up a CPU.
            true => SHORT_LIVES.min(failures + 1),
            false => failures + 1,
        };
        match end {
            End::Meant(code) if keeper.former.is_none() => {
                keeper.end_services();
                return Ok(code);
            }
            End::Replace => {
                if let Some(next) = keeper.next.take() {
                    keeper.former = Some(std::mem::replace(&mut keeper.program, next));
                }
                failures = 0;
            }
            End::Meant(_) | End::Died(_) => {
                let text = match end {
                    End::Died(text) => text,
                    _ => "did not take up what runs".to_owned(),
                };
                say(&format!("the supervisor {text}; starting the next one"));
                if let Some(former) = keeper.former.take() {
                    say("the new program did not come up: going back to the former one");
                    keeper.program = former;
                }
                let nothing_to_end = keeper.kept.is_empty() || failures > MOST_ENDINGS;
                if keeper.ending.is_some() && nothing_to_end {
                    keeper.end_services();
                    return Ok(ExitCode::FAILURE);
                }
                keeper.pause(failures);
            }
        }
    }
}

/// Keeper and supervisor hold a few descriptors a service and one a connection.
fn raise_limits() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        say(&format!("the limit of open files cannot be raised: {error}"));
    }
}

/// Writes a line to stderr, which nobody may read any more.
fn say(text: &str) {
    let _ = writeln!(io::stderr(), "bulkhead: {text}");
}

impl Keeper {
    fn start(&self) -> Result<Supervisor> {
        let (ours, theirs) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
                .context("making the supervisor's socket")?;
        // By descriptor: what is installed under this program's name may be another one by now.
        let mut command = Command::new(format!("/proc/self/fd/{}", self.program.as_raw_fd()));
        let mut arguments = std::env::args_os();
        command.arg0(arguments.next().unwrap_or_else(|| "bulkhead".into())).args(arguments);
        command.env(VARIABLE, if self.on_terminal { TERMINAL } else { "1" });
        if self.former.is_some() {
            command.env(TRIAL, "1");
        } else {
            command.env_remove(TRIAL);
        }
        // In a group of its own, so that Ctrl-C reaches the keeper alone, and the supervisor once.
        command.process_group(0).stdin(Stdio::from(theirs));
        let child = command.spawn().context("starting the supervisor")?;
        let now = Instant::now();
        Ok(Supervisor {
            pid: Pid::from_child(&child),
            socket: ours,
            started: now,
            heard: now,
            hung: false,
            to_send: self.kept.keys().cloned().collect(),
            told_all: false,
            up: false,
        })
    }

    /// Serves a supervisor until it is over.
    fn watch(&mut self, supervisor: &mut Supervisor) -> Result<End> {
        loop {
            self.hand_over(supervisor);
            let room = if supervisor.told_all { PollFlags::empty() } else { PollFlags::OUT };
            let waiting = Instant::now();
            let watched =
                [(supervisor.socket.as_fd(), PollFlags::IN | room), (self.signals.as_fd(), PollFlags::IN)];
            wait_for(&watched, self.patience.filter(|_| !supervisor.hung))?;
            self.hear(supervisor);
            if waiting.elapsed() > LATE + self.patience.unwrap_or_default() {
                // The machine, or this process, stood still.
                supervisor.heard = Instant::now();
            }
            self.end_if_hung(supervisor);
            if let Some(status) = self.on_signals(Some(supervisor)) {
                // What it said last counts: it is of use to its successor.
                self.hear(supervisor);
                return Ok(match supervisor.hung {
                    true => End::Died("hung and was killed".to_owned()),
                    false => end_of(status),
                });
            }
        }
    }

    /// Kills a supervisor that has been silent for too long. While it hangs I/O goes on, but nobody would start a service
    /// that dies.
    fn end_if_hung(&self, supervisor: &mut Supervisor) {
        let silent = supervisor.heard.elapsed();
        if !supervisor.hung && self.patience.is_some_and(|patience| silent > patience) {
            supervisor.hung = true;
            let _ = kill_process(supervisor.pid, rustix::process::Signal::KILL);
        }
    }

    /// Gives the supervisor what was kept, as far as its socket has room.
    fn hand_over(&self, supervisor: &mut Supervisor) {
        while !supervisor.told_all {
            let name = supervisor.to_send.front();
            let (message, fd) = match name.map(|name| (name, self.kept.get(name))) {
                Some((name, Some(fd))) => ((wire::KEPT, name.as_bytes()), Some(fd.as_fd())),
                Some((_, None)) => {
                    supervisor.to_send.pop_front();
                    continue;
                }
                None => ((wire::ALL, &[][..]), None),
            };
            if wire::send(&supervisor.socket, message, fd, SendFlags::DONTWAIT).is_err() {
                // No room, or it is dead, of which we will hear.
                return;
            }
            supervisor.told_all = supervisor.to_send.pop_front().is_none();
        }
    }

    /// Takes what the supervisor has said.
    fn hear(&mut self, supervisor: &mut Supervisor) {
        // The end of the socket is no news: the end of the process is waited for.
        loop {
            match wire::receive(&supervisor.socket, RecvFlags::DONTWAIT) {
                Ok(Some(packet)) => self.on_packet(packet, supervisor),
                Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                    say(&format!("a descriptor is not kept: {error}"))
                }
                Ok(None) | Err(_) => return,
            }
        }
    }

    fn on_packet(&mut self, mut packet: Packet, supervisor: &mut Supervisor) {
        let fd = packet.fd.take();
        match (packet.kind, packet.name(), fd) {
            (wire::STORE, Some(PROGRAM), Some(fd)) => self.next = Some(File::from(fd)),
            (wire::STORE, Some(name), Some(fd)) => {
                self.kept.insert(name.to_owned(), fd);
            }
            (wire::FORGET, Some(name), _) => {
                self.kept.remove(name);
            }
            (wire::ASK, ..) => self.answer(packet.numbers().next().unwrap_or_default(), supervisor),
            (wire::ALIVE, ..) => {
                supervisor.heard = Instant::now();
                let milliseconds = packet.numbers().next().map(u64::from);
                self.patience = milliseconds.map(Duration::from_millis).or(self.patience);
            }
            (wire::UP, ..) => {
                supervisor.heard = Instant::now();
                supervisor.up = true;
                self.former = None;
                if let Some(signal) = self.ending {
                    forward(supervisor, signal);
                }
            }
            _ => say("the supervisor sent what cannot be understood"),
        }
    }

    /// Says how a process ended, if that is known.
    fn answer(&mut self, pid: u32, supervisor: &Supervisor) {
        // A process can be over, and known to be by its pidfd, before its signal has been looked at.
        self.reap();
        let mut bytes = pid.to_le_bytes().to_vec();
        // Its own end is for the loop to find.
        if pid != supervisor.pid.as_raw_pid() as u32
            && let Some(status) = self.take_end(pid)
        {
            bytes.extend_from_slice(&status.to_le_bytes());
        }
        // It waits for this answer, so there is room.
        let _ = wire::send(&supervisor.socket, (wire::ENDED, &bytes), None, SendFlags::DONTWAIT);
    }

    /// Takes signals; the supervisor's wait status if it is over.
    fn on_signals(&mut self, supervisor: Option<&Supervisor>) -> Option<i32> {
        while let Ok(Some(signal)) = self.signals.read_signal() {
            let Ok(signal) = Signal::try_from(signal.ssi_signo as i32) else { continue };
            if signal == Signal::SIGCHLD {
                continue;
            }
            if signal != Signal::SIGHUP || self.on_terminal {
                self.ending = Some(signal);
            }
            // Before it is up it would die of it: it hears of it then, unless there is nothing that would have to be ended.
            if let Some(supervisor) = supervisor.filter(|it| it.up || self.kept.is_empty()) {
                forward(supervisor, signal);
            }
        }
        self.reap();
        self.take_end(supervisor?.pid.as_raw_pid() as u32)
    }

    /// Reaps what is over.
    fn reap(&mut self) {
        while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
            if self.ends.len() >= MOST_ENDS {
                self.ends.pop_front();
            }
            self.ends.push_back((pid.as_raw_pid() as u32, status.as_raw()));
        }
    }

    /// The wait status of a process that was reaped. The last one of that number: it may have been used before.
    fn take_end(&mut self, pid: u32) -> Option<i32> {
        let at = self.ends.iter().rposition(|(known, _)| *known == pid)?;
        self.ends.remove(at).map(|(_, status)| status)
    }

    /// Waits a moment after a supervisor that died, longer with every further one; not for a signal.
    fn pause(&mut self, failures: u32) {
        let Some(doublings) = failures.checked_sub(2) else { return };
        let delay = MOST_DELAY.min(Duration::from_millis(10) * (1 << doublings.min(10)));
        let until = Instant::now() + delay;
        while self.ending.is_none()
            && let Some(left) = until.checked_duration_since(Instant::now())
        {
            let _ = poll(&mut [PollFd::new(&self.signals, PollFlags::IN)], Some(&timespec(left)));
            self.on_signals(None);
        }
    }

    /// Lets go of everything, which ends the services that are left, and kills those that do not heed it.
    fn end_services(&mut self) {
        let kept = std::mem::take(&mut self.kept);
        let processes: Vec<OwnedFd> =
            kept.into_iter().filter(|(name, _)| name.starts_with(PIDFD)).map(|(_, fd)| fd).collect();
        let deadline = Instant::now() + PATIENCE;
        for process in &processes {
            let left = deadline.saturating_duration_since(Instant::now());
            if !matches!(poll(&mut [PollFd::new(process, PollFlags::IN)], Some(&timespec(left))), Ok(1..)) {
                let _ = pidfd_send_signal(process, rustix::process::Signal::KILL);
            }
        }
    }
}

/// Passes a signal on.
fn forward(supervisor: &Supervisor, signal: Signal) {
    let signal = rustix::process::Signal::from_named_raw(signal as i32);
    let _ = signal.map(|signal| kill_process(supervisor.pid, signal));
}

fn end_of(status: i32) -> End {
    let status = ExitStatus::from_raw(status);
    match (status.code(), status.signal()) {
        (Some(code), _) if code == i32::from(REPLACE) => End::Replace,
        (Some(PANICKED), _) => End::Died("panicked".to_owned()),
        (Some(code), _) => End::Meant(ExitCode::from(u8::try_from(code).unwrap_or(1))),
        (None, signal) => End::Died(format!("was killed by signal {}", signal.unwrap_or_default())),
    }
}

/// Waits until one of these has something, or for so long.
fn wait_for(watched: &[(BorrowedFd<'_>, PollFlags)], most: Option<Duration>) -> Result<()> {
    let mut polled: Vec<PollFd<'_>> = watched.iter().map(|(fd, flags)| PollFd::new(fd, *flags)).collect();
    let most = most.map(timespec);
    match poll(&mut polled, most.as_ref()) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(error).context("waiting for the supervisor"),
    }
}

fn timespec(duration: Duration) -> Timespec {
    Timespec { tv_sec: duration.as_secs() as i64, tv_nsec: i64::from(duration.subsec_nanos()) }
}
