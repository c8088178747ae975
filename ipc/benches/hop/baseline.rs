//! What the chain is compared with: TCP alone, a chain of blocking eventfds, a pipe, a Unix socket, and `rtrb`.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use ipc::message::record::{REPLY_WORDS, REQUEST_WORDS};
use ipc::shm::{self, Mapping};
use ipc::sync::{Ordering, fence};
use rustix::event::{EventfdFlags, eventfd};

use super::child::{Children, Role, connection};
use crate::{ANSWERED, ASKED};

/// Answers what is there, in one write.
pub fn serve_tcp_echo(role: Role) -> Result<()> {
    let mut socket = role.adopt()?.accept()?;
    let (mut buffer, answer, mut part) = (vec![0; 1 << 16], vec![5; 1 << 20], 0);
    loop {
        let count = socket.read(&mut buffer)?;
        if count == 0 {
            return Ok(());
        }
        let mut owed = (part + count) / ASKED * ANSWERED;
        part = (part + count) % ASKED;
        while owed > 0 {
            owed -= socket.write(&answer[..owed.min(1 << 20)])?;
        }
    }
}

/// A client connected to a process that answers by itself.
pub fn tcp_echo() -> Result<(Children, TcpStream)> {
    let (listener, client) = connection()?;
    let mut children = Children::default();
    children.start("tcp-echo", 0, &[listener.as_fd()])?;
    Ok((children, client))
}

/// The simplest chain that sleeps: per crossing one counter, one flag that says that the waiter sleeps, one blocking
/// eventfd. No records, no checks; what a hop that sleeps costs at the least.
struct Crossings {
    pages: Arc<Mapping>,
    bells: Vec<OwnedFd>,
}

impl Crossings {
    fn adopt(role: &mut Role) -> Result<Self> {
        let pages = Mapping::new(role.fd()?)?;
        let bells = (0..4).map(|_| role.fd()).collect::<Result<_>>()?;
        Ok(Self { pages, bells })
    }

    fn post(&self, crossing: usize) -> Result<()> {
        self.pages.word(crossing * 32).fetch_add(1, Ordering::Release);
        fence(Ordering::SeqCst);
        if self.pages.word(crossing * 32 + 16).load(Ordering::Relaxed) != 0 {
            rustix::io::write(&self.bells[crossing], &1u64.to_ne_bytes())?;
        }
        Ok(())
    }

    fn wait(&self, crossing: usize, number: u64) -> Result<()> {
        let asleep = self.pages.word(crossing * 32 + 16);
        asleep.store(1, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        while self.pages.word(crossing * 32).load(Ordering::Acquire) < number {
            rustix::io::read(&self.bells[crossing], &mut [0; 8])?;
        }
        asleep.store(0, Ordering::Relaxed);
        Ok(())
    }
}

pub fn blocking_front(role: Role) -> Result<()> {
    let mut role = role.adopt()?;
    let crossings = Crossings::adopt(&mut role)?;
    let mut socket = role.accept()?;
    let (mut asked, answer) = ([0; ASKED], vec![5; ANSWERED]);
    for number in 1.. {
        if socket.read_exact(&mut asked).is_err() {
            break;
        }
        crossings.post(0)?;
        crossings.wait(3, number)?;
        socket.write_all(&answer)?;
    }
    Ok(())
}

pub fn blocking_relay(role: Role) -> Result<()> {
    let crossings = Crossings::adopt(&mut role.adopt()?)?;
    for number in 1.. {
        crossings.wait(0, number)?;
        crossings.post(1)?;
        crossings.wait(2, number)?;
        crossings.post(3)?;
    }
    Ok(())
}

pub fn blocking_answer(role: Role) -> Result<()> {
    let crossings = Crossings::adopt(&mut role.adopt()?)?;
    for number in 1.. {
        crossings.wait(1, number)?;
        crossings.post(2)?;
    }
    Ok(())
}

/// A client connected to the chain of blocking eventfds.
pub fn blocking_chain() -> Result<(Children, TcpStream)> {
    let (listener, client) = connection()?;
    let pages = shm::create("bench", shm::PAGE)?;
    let bells: Vec<OwnedFd> = (0..4).map(|_| eventfd(0, EventfdFlags::CLOEXEC)).collect::<Result<_, _>>()?;
    let mut fds = vec![pages.as_fd()];
    fds.extend(bells.iter().map(AsFd::as_fd));
    let mut children = Children::default();
    children.start("blocking-answer", 0, &fds)?;
    children.start("blocking-relay", 0, &fds)?;
    fds.push(listener.as_fd());
    children.start("blocking-front", 0, &fds)?;
    Ok((children, client))
}

/// Answers records of a request's size with records of a reply's size, from standard input to standard output.
pub fn serve_bytes() -> Result<()> {
    let (input, output) = (std::io::stdin(), std::io::stdout());
    loop {
        if rustix::io::read(&input, &mut [0; REQUEST_WORDS * 8])? == 0 {
            return Ok(());
        }
        rustix::io::write(&output, &[0; REPLY_WORDS * 8])?;
    }
}

fn byte_round_trips(mut output: impl Write, mut input: impl Read, rounds: u32) -> Result<Vec<Duration>> {
    let mut times = Vec::with_capacity(rounds as usize);
    for round in 0..rounds + rounds / 10 {
        let start = Instant::now();
        output.write_all(&[1; REQUEST_WORDS * 8])?;
        input.read_exact(&mut [0; REPLY_WORDS * 8])?;
        if round >= rounds / 10 {
            times.push(start.elapsed());
        }
    }
    Ok(times)
}

/// Blocking round trips over two pipes.
pub fn pipe_round_trips(rounds: u32) -> Result<Vec<Duration>> {
    let (their_input, output) = std::io::pipe()?;
    let (input, their_output) = std::io::pipe()?;
    let mut children = Children::default();
    children.start_plain("byte-echo", their_input, their_output)?;
    byte_round_trips(output, input, rounds)
}

/// Blocking round trips over a Unix stream socket.
pub fn unix_round_trips(rounds: u32) -> Result<Vec<Duration>> {
    let (ours, theirs) = UnixStream::pair()?;
    let mut children = Children::default();
    children.start_plain("byte-echo", OwnedFd::from(theirs.try_clone()?), OwnedFd::from(theirs))?;
    byte_round_trips(&ours, &ours, rounds)
}

/// Round trips between two threads that spin and give up the processor now and then.
pub fn rtrb_round_trips(rounds: u32) -> Result<Vec<Duration>> {
    fn pop<T>(consumer: &mut rtrb::Consumer<T>) -> T {
        for look in 1u64.. {
            if let Ok(record) = consumer.pop() {
                return record;
            }
            if look.is_multiple_of(8) { std::thread::yield_now() } else { std::hint::spin_loop() }
        }
        unreachable!("2^64 looks")
    }
    let (mut requests_in, mut requests_out) = rtrb::RingBuffer::<[u64; REQUEST_WORDS]>::new(1024);
    let (mut replies_in, mut replies_out) = rtrb::RingBuffer::<[u64; REPLY_WORDS]>::new(1024);
    let all = rounds + rounds / 10;
    let answering = std::thread::spawn(move || {
        for _ in 0..all {
            let [first, ..] = pop(&mut requests_out);
            let sent = replies_in.push([first; REPLY_WORDS]);
            assert!(sent.is_ok(), "one outstanding");
        }
    });
    let mut times = Vec::with_capacity(rounds as usize);
    for round in 0..all {
        let start = Instant::now();
        ensure!(requests_in.push([u64::from(round); REQUEST_WORDS]).is_ok(), "one outstanding");
        pop(&mut replies_out);
        if round >= rounds / 10 {
            times.push(start.elapsed());
        }
    }
    ensure!(answering.join().is_ok(), "the answering thread failed");
    Ok(times)
}
