//! What every service does alike: take over the control socket, say hello, hear grants, report events.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, poll};

use crate::ABI_VERSION;
use crate::channel::{ChannelError, ServiceChannel};
use crate::crash::{self, Point};
use crate::message::config::ServiceKind;
use crate::message::{Event, Grant};

/// Events that wait for a supervisor that does not read; past it the service gives up on the supervisor.
const MOST_WAITING: usize = 4096;

/// Answers the argument `--abi` with what this build speaks; true when that is all that was wanted. So an upgrade can find
/// out whether a program fits before it starts it.
pub fn asked_for_abi() -> bool {
    let asked = std::env::args_os().nth(1).is_some_and(|argument| argument == "--abi");
    if asked {
        let _ = writeln!(io::stdout(), "ABI {ABI_VERSION}");
    }
    asked
}

/// A service's side of the control socket.
pub struct Control {
    channel: ServiceChannel,
    waiting: VecDeque<(Event, Vec<OwnedFd>)>,
}

impl Control {
    /// Takes the control socket from descriptor 0, where the supervisor puts it, and says hello.
    pub fn inherit(kind: ServiceKind, counters: &[&str]) -> Result<Self, ChannelError> {
        // A program that was started by descriptor would have the descriptor's number for its name.
        let _ = rustix::thread::set_name(match kind {
            ServiceKind::Core => c"core-svc",
            ServiceKind::Iscsi => c"iscsi-svc",
            ServiceKind::Vdisk => c"vdisk-svc",
        });
        let socket = io::stdin().as_fd().try_clone_to_owned()?;
        Self::over(ServiceChannel::from_fd(socket), kind, counters)
    }

    /// The same over any channel: for tests that drive a service in a thread.
    pub fn over(channel: ServiceChannel, kind: ServiceKind, counters: &[&str]) -> Result<Self, ChannelError> {
        let mut control = Self { channel, waiting: VecDeque::new() };
        let counters = counters.iter().map(|name| (*name).to_owned()).collect();
        let version = env!("CARGO_PKG_VERSION").to_owned();
        control.report(Event::Hello { abi: ABI_VERSION, kind, version, counters }, Vec::new())?;
        Ok(control)
    }

    /// Sends an event, now or, if the supervisor is busy, at a later call of [`flush`](Self::flush).
    pub fn report(&mut self, event: Event, fds: Vec<OwnedFd>) -> Result<(), ChannelError> {
        if self.waiting.len() >= MOST_WAITING {
            return Err(
                io::Error::new(io::ErrorKind::TimedOut, "the supervisor does not read its events").into()
            );
        }
        self.waiting.push_back((event, fds));
        self.flush()
    }

    /// Whether every event is in the socket, so that the supervisor will hear of it even if this process dies now.
    pub fn is_flushed(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Sends the events that wait.
    pub fn flush(&mut self) -> Result<(), ChannelError> {
        while let Some((event, fds)) = self.waiting.front() {
            let told = match event {
                Event::Ready => Some(Point::ReadyTold),
                Event::Device { .. } => Some(Point::DeviceTold),
                _ => None,
            };
            let borrowed: Vec<BorrowedFd<'_>> = fds.iter().map(AsFd::as_fd).collect();
            match self.channel.send(event, &borrowed) {
                Err(ChannelError::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                other => other?,
            }
            self.waiting.pop_front();
            match told {
                Some(Point::ReadyTold) => crash::at(Point::ReadyTold),
                Some(_) => crash::at(Point::DeviceTold),
                None => {}
            }
        }
        Ok(())
    }

    /// The next grant, if there is one. What is about dying on purpose is seen to here.
    pub fn poll(&mut self) -> Result<Option<(Grant, Vec<OwnedFd>)>, ChannelError> {
        loop {
            let granted = self.channel.receive()?;
            match &granted {
                Some((Grant::CrashPoint { name, count }, _)) => {
                    if !crash::arm(name, *count) {
                        tracing::error!(name, "there is no such crash point");
                    }
                    continue;
                }
                Some((Grant::Go, _)) => crash::at(Point::GrantsHeard),
                Some((Grant::Link { .. }, _)) => crash::at(Point::LinkGranted),
                Some((Grant::LinkDown { .. }, _)) => crash::at(Point::LinkDownGranted),
                Some((Grant::Change { .. }, _)) => crash::at(Point::ChangeGranted),
                Some((Grant::Settle { .. }, _)) => crash::at(Point::SettleGranted),
                _ => {}
            }
            return Ok(granted);
        }
    }

    /// The next grant, waiting for it: before `Go`, when there is nothing else to do.
    pub fn wait(&mut self) -> Result<(Grant, Vec<OwnedFd>), ChannelError> {
        loop {
            if let Some(grant) = self.poll()? {
                return Ok(grant);
            }
            let wanted = if self.waiting.is_empty() { PollFlags::IN } else { PollFlags::IN | PollFlags::OUT };
            match poll(&mut [PollFd::new(&self.channel, wanted)], None) {
                Ok(_) | Err(rustix::io::Errno::INTR) => self.flush()?,
                Err(error) => return Err(io::Error::from(error).into()),
            }
        }
    }
}

impl AsFd for Control {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.channel.as_fd()
    }
}

/// Sends the log to stderr, which the supervisor has pointed at the service's log file. `filter` is in tracing's syntax;
/// one that cannot be parsed means `info`. Safe to call twice: the first call counts.
pub fn start_log(filter: &str) {
    let filter = tracing_subscriber::EnvFilter::try_new(filter).unwrap_or_else(|_| "info".into());
    let _ =
        tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(io::stderr).try_init();
}

#[cfg(test)]
mod tests;
