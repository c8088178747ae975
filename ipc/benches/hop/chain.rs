//! The services of the chain, with real links and the loop that every service of Bulkhead has.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use ipc::doorbell::Doorbell;
use ipc::link::{self, CAPACITY, LinkParts, Requester};
use ipc::message::record::{Reply, ReplyKind, Request, RequestKind};
use ipc::wait::{Awaited, HEARTBEAT, Ready, Turn, Waiter, Watch};

use super::child::{self, Children, Role, requester_fds, responder_fds};
use crate::{ANSWERED, ASKED};

const SOCKET: u64 = 9;

fn reply(request: &Request) -> Reply {
    Reply::new(ReplyKind::Done, request.nexus, request.serial)
}

/// The last process of the chain: answers every request at once.
pub fn answer(role: Role) -> Result<()> {
    let mut role = role.adopt()?;
    let mut up = role.responder()?;
    let (mut waiter, mut ready) = (Waiter::new(role.budget)?, Vec::new());
    waiter.add(up.bell(), 0, Watch::Bell)?;
    loop {
        let mut worked = false;
        while let Some(request) = up.receive()? {
            up.send(&reply(&request))?;
            worked = true;
        }
        if worked {
            up.flush();
            waiter.worked();
        } else if waiter.idle(Awaited::Work) == Turn::Sleep {
            if up.arm() {
                waiter.wait(HEARTBEAT, &mut ready)?;
            }
            up.disarm();
        }
    }
}

fn awaited(outstanding: u64) -> Awaited {
    if outstanding > 0 { Awaited::Answer } else { Awaited::Work }
}

/// The middle process: requests go down, replies go up, each copied slot by slot.
pub fn relay(role: Role) -> Result<()> {
    let mut role = role.adopt()?;
    let (mut up, mut down) = (role.responder()?, role.requester()?);
    let (mut waiter, mut ready) = (Waiter::new(role.budget)?, Vec::new());
    waiter.add(up.bell(), 0, Watch::Bell)?;
    waiter.add(down.bell(), 1, Watch::Bell)?;
    let mut outstanding = 0;
    loop {
        let (mut asked, mut answered) = (false, false);
        while let Some(request) = up.receive()? {
            down.send(&request).ok().context("the client keeps its bound")?;
            outstanding += 1;
            asked = true;
        }
        while let Some(reply) = down.receive()? {
            up.send(&reply)?;
            outstanding -= 1;
            answered = true;
        }
        if asked || answered {
            up.flush();
            down.flush();
            waiter.worked();
        } else if waiter.idle(awaited(outstanding)) == Turn::Sleep {
            if up.arm() && down.arm() {
                waiter.wait(HEARTBEAT, &mut ready)?;
            }
            up.disarm();
            down.disarm();
        }
    }
}

/// The TCP side of [`front`]: whole requests in, so many answers out.
struct Connection {
    socket: TcpStream,
    buffer: Vec<u8>,
    answer: Vec<u8>,
    /// Bytes of a request that is not complete.
    part: usize,
    /// Bytes of answers that are not sent.
    owed: usize,
}

impl Connection {
    fn new(socket: TcpStream) -> Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(Self { socket, buffer: vec![0; CAPACITY / 2 * ASKED], answer: vec![5; 1 << 20], part: 0, owed: 0 })
    }

    /// The number of requests that have arrived; none when the client is gone.
    fn receive(&mut self) -> Result<Option<usize>> {
        match self.socket.read(&mut self.buffer) {
            Ok(0) => Ok(None),
            Ok(count) => {
                let bytes = self.part + count;
                self.part = bytes % ASKED;
                Ok(Some(bytes / ASKED))
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(Some(0)),
            Err(error) => Err(error.into()),
        }
    }

    /// Sends what is owed as far as the socket takes it; true if something went out.
    fn send(&mut self) -> Result<bool> {
        let before = self.owed;
        while self.owed > 0 {
            match self.socket.write(&self.answer[..self.owed.min(1 << 20)]) {
                Ok(count) => self.owed -= count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(self.owed < before)
    }
}

/// The first process: TCP on one side, the chain on the other.
pub fn front(role: Role) -> Result<()> {
    let mut role = role.adopt()?;
    let mut down = role.requester()?;
    let mut connection = Connection::new(role.accept()?)?;
    let (mut waiter, mut ready): (_, Vec<Ready>) = (Waiter::new(role.budget)?, Vec::new());
    waiter.add(down.bell(), 0, Watch::Bell)?;
    waiter.add(&connection.socket, SOCKET, Watch::ReadWrite)?;
    waiter.change(&connection.socket, SOCKET, Watch::Readable)?;
    let (mut serial, mut answered, mut readable, mut watching) = (0, 0, true, Watch::Readable);
    loop {
        let mut worked = false;
        if std::mem::take(&mut readable) {
            let Some(arrived) = connection.receive()? else { return Ok(()) };
            for _ in 0..arrived {
                serial += 1;
                let request = Request::new(RequestKind::Command, 1, serial);
                down.send(&request).ok().context("the client keeps its bound")?;
                worked = true;
            }
        }
        while let Some(_reply) = down.receive()? {
            connection.owed += ANSWERED;
            answered += 1;
            worked = true;
        }
        if worked {
            down.flush();
        }
        if connection.owed > 0 {
            worked |= connection.send()?;
            let wanted = if connection.owed > 0 { Watch::ReadWrite } else { Watch::Readable };
            if wanted != watching {
                waiter.change(&connection.socket, SOCKET, wanted)?;
                watching = wanted;
            }
        }
        let turn = if worked {
            waiter.worked();
            // A service that never polls meets its sockets when it goes to sleep.
            if role.budget > 0 { Turn::LookAround } else { Turn::Look }
        } else {
            waiter.idle(awaited(serial - answered))
        };
        match turn {
            Turn::Look => continue,
            Turn::LookAround => waiter.peek(&mut ready)?,
            Turn::Sleep => {
                ready.clear();
                if down.arm() {
                    waiter.wait(HEARTBEAT, &mut ready)?;
                }
                down.disarm();
            }
        }
        readable = ready.iter().any(|ready| ready.token == SOCKET && ready.readable);
    }
}

/// Starts what stands behind the first link of a chain with so many crossings.
fn start_behind(children: &mut Children, first: &LinkParts, crossings: u32, budget: u32) -> Result<()> {
    if crossings == 2 {
        return children.start("answer", budget, &responder_fds(first));
    }
    let second = link::create("bench", 1)?;
    children.start("answer", budget, &responder_fds(&second))?;
    children.start("relay", budget, &[responder_fds(first), requester_fds(&second)].concat())
}

/// A client connected to the whole chain: TCP, four crossings, TCP.
pub fn tcp_chain(budget: u32) -> Result<(Children, TcpStream)> {
    let (listener, client) = child::connection()?;
    let (mut children, first) = (Children::default(), link::create("bench", 1)?);
    start_behind(&mut children, &first, 4, budget)?;
    let fds = [&requester_fds(&first)[..], &[listener.as_fd()]].concat();
    children.start("front", budget, &fds)?;
    Ok((children, client))
}

fn bells(parts: &LinkParts) -> Result<(Doorbell, Doorbell)> {
    Ok((parts.requester_bell.duplicate()?, parts.responder_bell.duplicate()?))
}

/// Round trips over links alone, from this process: two crossings are one link.
pub fn round_trips(crossings: u32, budget: u32, rounds: u32) -> Result<Vec<Duration>> {
    let (mut children, first) = (Children::default(), link::create("bench", 1)?);
    start_behind(&mut children, &first, crossings, budget)?;
    let (mine, theirs) = bells(&first)?;
    let mut link = Requester::new(&first.memory, 1, mine, theirs)?;
    let (mut waiter, mut ready) = (Waiter::new(budget)?, Vec::new());
    waiter.add(link.bell(), 0, Watch::Bell)?;
    let mut times = Vec::with_capacity(rounds as usize);
    for round in 0..rounds + rounds / 10 {
        let start = Instant::now();
        link.send(&Request::new(RequestKind::Command, 1, u64::from(round)))
            .ok()
            .context("one outstanding")?;
        link.flush();
        waiter.worked();
        while link.receive()?.is_none() {
            if waiter.idle(Awaited::Answer) == Turn::Sleep {
                if link.arm() {
                    waiter.wait(HEARTBEAT, &mut ready)?;
                }
                link.disarm();
                anyhow::ensure!(start.elapsed() < crate::PATIENCE, "no reply");
            }
        }
        if round >= rounds / 10 {
            times.push(start.elapsed());
        }
    }
    Ok(times)
}
