//! The supervisor's side of its keeper (`keeper.rs`): what is stored there outlives this process and comes back to the
//! next one.
//!
//! What was sent is kept, whenever this process dies: the message is in the keeper's socket then. A supervisor whose
//! keeper is gone goes on and says so; from then on its own death ends its services.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{RecvFlags, SendFlags};

use crate::keeper::{TERMINAL, VARIABLE, wire};

/// How long the keeper may take over a message. It does nothing that takes time.
const PATIENCE: Duration = Duration::from_secs(10);

/// Descriptors by name, as the keeper has given them back.
pub type Inheritance = BTreeMap<String, OwnedFd>;

/// The keeper, if there is one.
#[derive(Debug)]
pub struct Kept {
    socket: Option<OwnedFd>,
    gone: Cell<bool>,
    on_terminal: bool,
}

/// True in a process that a keeper started.
pub fn is_supervisor() -> bool {
    std::env::var_os(VARIABLE).is_some()
}

impl Kept {
    /// Takes the keeper's socket from standard input, and everything that was stored from the keeper.
    ///
    /// # Errors
    /// There is no keeper at the other end.
    pub fn take() -> io::Result<(Self, Inheritance)> {
        let on_terminal = std::env::var_os(VARIABLE).is_some_and(|value| value == TERMINAL);
        Self::over(io::stdin().as_fd().try_clone_to_owned()?, on_terminal)
    }

    fn over(socket: OwnedFd, on_terminal: bool) -> io::Result<(Self, Inheritance)> {
        set_socket_timeout(&socket, Timeout::Recv, Some(PATIENCE))?;
        set_socket_timeout(&socket, Timeout::Send, Some(PATIENCE))?;
        let mut inheritance = Inheritance::new();
        loop {
            let packet = wire::receive(&socket, RecvFlags::empty())?;
            let mut packet = packet.ok_or(io::ErrorKind::UnexpectedEof)?;
            match (packet.kind, packet.fd.take()) {
                (wire::ALL, _) => break,
                (wire::KEPT, Some(fd)) => {
                    packet.name().map(|name| inheritance.insert(name.to_owned(), fd));
                }
                _ => return Err(io::ErrorKind::InvalidData.into()),
            }
        }
        Ok((Self { socket: Some(socket), gone: Cell::new(false), on_terminal }, inheritance))
    }

    /// No keeper: nothing outlives this process.
    pub fn nobody() -> Self {
        Self { socket: None, gone: Cell::new(false), on_terminal: false }
    }

    /// The socket: readable without having been asked anything when the keeper is gone.
    pub fn socket(&self) -> Option<BorrowedFd<'_>> {
        self.socket.as_ref().filter(|_| !self.gone.get()).map(AsFd::as_fd)
    }

    /// Whether the keeper was started from a terminal.
    pub fn on_terminal(&self) -> bool {
        self.on_terminal
    }

    /// Stores a duplicate of `fd` under `name`, in place of what has that name.
    pub fn store(&self, name: &str, fd: impl AsFd) {
        self.say((wire::STORE, name.as_bytes()), Some(fd.as_fd()));
    }

    /// Has the keeper close its duplicate.
    pub fn forget(&self, name: &str) {
        self.say((wire::FORGET, name.as_bytes()), None);
    }

    /// Says that everything is taken up.
    pub fn up(&self) {
        self.say((wire::UP, &[]), None);
    }

    /// Says that the loop turns, and after how long a silence it does not. A keeper that has no room does not look just now.
    pub fn alive(&self, silence: Duration) {
        let Some(socket) = self.socket() else { return };
        let milliseconds = u32::try_from(silence.as_millis()).unwrap_or(u32::MAX).to_le_bytes();
        match wire::send(socket, (wire::ALIVE, &milliseconds), None, SendFlags::DONTWAIT) {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => self.lose(&error.to_string()),
            _ => {}
        }
    }

    /// How the process of this number ended, which is no child of this one; `None` when nobody knows. When it has
    /// answered, the keeper has done all that it was told before.
    pub fn end_of(&self, pid: u32) -> Option<ExitStatus> {
        self.say((wire::ASK, &pid.to_le_bytes()), None);
        loop {
            let packet = match wire::receive(self.socket()?, RecvFlags::empty()) {
                Ok(Some(packet)) => packet,
                Ok(None) => {
                    self.lose("it is gone");
                    return None;
                }
                Err(error) => {
                    self.lose(&error.to_string());
                    return None;
                }
            };
            let mut numbers = packet.numbers();
            if packet.kind == wire::ENDED && numbers.next() == Some(pid) {
                return numbers.next().map(|status| ExitStatus::from_raw(status as i32));
            }
        }
    }

    fn say(&self, message: (u8, &[u8]), fd: Option<BorrowedFd<'_>>) {
        let Some(socket) = self.socket() else { return };
        if let Err(error) = wire::send(socket, message, fd, SendFlags::empty()) {
            self.lose(&error.to_string());
        }
    }

    /// Goes on without a keeper.
    pub fn lose(&self, why: &str) {
        if self.socket.is_some() && !self.gone.replace(true) {
            tracing::error!(
                why,
                "the process that keeps this supervisor's descriptors is lost: if the supervisor dies now, its services end; restart bulkhead when that suits"
            );
        }
    }
}

#[cfg(test)]
mod tests;
