//! Starting this binary again in a role, with descriptors.

use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};
use ipc::channel::{self, Channel, MAX_FDS, ServiceChannel, SupervisorChannel};
use ipc::doorbell::Doorbell;
use ipc::link::{LinkParts, Requester, Responder};
use ipc::message::Grant;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Signal, set_parent_process_death_signal};

const ROLE: &str = "BULKHEAD_HOP_ROLE";

/// Children that are killed when the measurement is over.
#[derive(Default)]
pub struct Children(Vec<(Child, Option<SupervisorChannel>)>);

impl Drop for Children {
    fn drop(&mut self) {
        for (child, _) in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Children {
    fn command(name: &str, budget: u32) -> Result<Command> {
        let mut command = Command::new(std::env::current_exe()?);
        command.env(ROLE, format!("{name} {budget}"));
        Ok(command)
    }

    /// Starts a role and grants it descriptors, which it finds in this order.
    pub fn start(&mut self, name: &str, budget: u32, fds: &[BorrowedFd<'_>]) -> Result<()> {
        let (channel, childs) = channel::pair()?;
        let child = Self::command(name, budget)?.stdin(childs).spawn()?;
        for some in fds.chunks(MAX_FDS) {
            channel.send(&Grant::Stats, some)?;
        }
        channel.send(&Grant::Go, &[])?;
        self.0.push((child, Some(channel)));
        Ok(())
    }

    /// Starts a role with these as its standard input and output.
    pub fn start_plain(
        &mut self,
        name: &str,
        input: impl Into<Stdio>,
        output: impl Into<Stdio>,
    ) -> Result<()> {
        let child = Self::command(name, 0)?.stdin(input).stdout(output).spawn()?;
        self.0.push((child, None));
        Ok(())
    }
}

/// What a child was started as.
pub struct Role {
    pub name: String,
    pub budget: u32,
    fds: std::vec::IntoIter<OwnedFd>,
}

/// The role of this process, if it is a child.
pub fn role() -> Option<Role> {
    let text = std::env::var(ROLE).ok()?;
    let (name, budget) = text.split_once(' ')?;
    Some(Role { name: name.to_owned(), budget: budget.parse().ok()?, fds: Vec::new().into_iter() })
}

impl Role {
    /// Takes the granted descriptors; the child ends with its parent from here on.
    pub fn adopt(mut self) -> Result<Self> {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        let mut channel: ServiceChannel = Channel::from_fd(std::io::stdin().as_fd().try_clone_to_owned()?);
        let mut fds = Vec::new();
        loop {
            match channel.receive()? {
                Some((Grant::Go, _)) => break,
                Some((_, more)) => fds.extend(more),
                None => drop(poll(&mut [PollFd::new(&channel, PollFlags::IN)], None)?),
            }
        }
        self.fds = fds.into_iter();
        Ok(self)
    }

    pub fn fd(&mut self) -> Result<OwnedFd> {
        self.fds.next().context("a descriptor is missing")
    }

    pub fn requester(&mut self) -> Result<Requester> {
        let (memory, mine, theirs) = (self.fd()?, self.fd()?, self.fd()?);
        Ok(Requester::new(memory, 1, Doorbell::from_fd(mine), Doorbell::from_fd(theirs))?)
    }

    pub fn responder(&mut self) -> Result<Responder> {
        let (memory, mine, theirs) = (self.fd()?, self.fd()?, self.fd()?);
        Ok(Responder::new(memory, 1, Doorbell::from_fd(mine), Doorbell::from_fd(theirs))?)
    }

    /// The one connection of a listening socket.
    pub fn accept(&mut self) -> Result<TcpStream> {
        let (socket, _) = TcpListener::from(self.fd()?).accept()?;
        socket.set_nodelay(true)?;
        Ok(socket)
    }
}

/// The descriptors of a requester, in the order of [`Role::requester`].
pub fn requester_fds(parts: &LinkParts) -> [BorrowedFd<'_>; 3] {
    [parts.memory.as_fd(), parts.requester_bell.as_fd(), parts.responder_bell.as_fd()]
}

/// The descriptors of a responder, in the order of [`Role::responder`].
pub fn responder_fds(parts: &LinkParts) -> [BorrowedFd<'_>; 3] {
    [parts.memory.as_fd(), parts.responder_bell.as_fd(), parts.requester_bell.as_fd()]
}

/// A listening socket on loopback, and a client connected to it.
pub fn connection() -> Result<(TcpListener, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let client = TcpStream::connect(listener.local_addr()?)?;
    client.set_nodelay(true)?;
    client.set_read_timeout(Some(crate::PATIENCE))?;
    Ok((listener, client))
}
