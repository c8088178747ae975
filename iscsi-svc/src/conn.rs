//! One TCP connection: what it is, what it waits for, how it ends.
//!
//! The stages of a PDU are `impl` blocks of [`Conn`] in files of their own, in the order of its way: [`rx`] (bytes to
//! PDU), `login` and `full` (which PDU is allowed now and what it means), `command` (tasks and their data), `respond`
//! (outcome to PDUs), [`tx`] (PDUs to bytes). What a successor needs is written down by `note` and read back by
//! `resume`. Everything that a connection shares with others is in
//! [`Shared`]; a connection never touches another one.

mod command;
mod full;
mod login;
mod note;
mod respond;
mod resume;
pub mod rx;
mod staged;
mod text;
pub mod tx;

use crate::login::Login;
use crate::login::Parameters;
use crate::login::stage::{Answer, Established};
use crate::pdu::target::{Header, NopIn, stamp};
use crate::service::Shared;
use crate::session::window::{Responses, Serial, Window};
use crate::stats::Counter;
use crate::task::Place;
use ipc::wait::Watch;
use rustc_hash::FxHashMap;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};
use tx::{Payload, Sent, Tx};

/// Time for a whole login.
pub const LOGIN_TIME: Duration = Duration::from_secs(15);
/// Time for the answer to a NOP-In.
pub const PING_TIME: Duration = Duration::from_secs(20);
/// Time for the initiator to close after our last PDU.
const LINGER_TIME: Duration = Duration::from_secs(2);
/// Private bytes in the queue above which nothing more is read: an initiator that does not take answers gets none.
const MOST_QUEUED: usize = 16 * 1024;

/// Names a connection: its place in the list, and how many the place has had before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnId {
    /// Place in the list of connections.
    pub place: u32,
    /// Which occupant of that place.
    pub turn: u32,
}

/// The connection is over; the counter says why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Close(pub Counter);

/// Where a connection stands.
#[derive(Debug)]
pub enum Phase {
    /// Login requests are expected.
    Login(Box<Login>),
    /// The login is complete but for the core's consent; nothing is read.
    Entering(Answer, Box<Established>),
    /// Full feature phase.
    Full(Session),
    /// The last PDU is queued; when it is sent the connection is closed.
    Ending,
    /// Everything is sent; the initiator is to close before the deadline.
    Lingering(Instant),
}

/// What the full feature phase knows.
#[derive(Debug)]
pub struct Session {
    /// The nexus; a discovery session has none.
    pub nexus: Option<u64>,
    /// Index and name of the target; a discovery session has none.
    pub target: Option<(u32, String)>,
    /// InitiatorName.
    pub initiator: String,
    /// Initiator part of the session identifier.
    pub isid: [u8; 6],
    /// Target part of the session identifier.
    pub tsih: u16,
    /// Connection identifier.
    pub cid: u16,
    /// What was negotiated.
    pub parameters: Parameters,
    /// Text that is being received or sent.
    pub text: text::Exchange,
}

/// A connection.
pub struct Conn {
    /// Its name.
    pub id: ConnId,
    /// The key under which its socket is deposited; never used again.
    pub key: u64,
    socket: OwnedFd,
    /// The portal that it was accepted on.
    pub portal: u32,
    /// The initiator's address.
    pub peer: SocketAddr,
    /// The address that the initiator reached.
    pub local: SocketAddr,
    /// Where it stands.
    pub phase: Phase,
    rx: rx::Rx,
    tx: Tx,
    window: Window,
    responses: Responses,
    /// Tasks by Initiator Task Tag.
    tags: FxHashMap<u32, Place>,
    /// Tasks whose initiator still owes data.
    owed: u32,
    next_ttt: u32,
    /// Its place in the notebook, from the full feature phase on.
    mirror: Option<Box<note::Mirror>>,
    /// The notebook has it as it is.
    noted: bool,
    /// Tasks whose outcome waits for room in the queue.
    answers: VecDeque<Place>,
    /// It was taken over, and the core has not said yet that the arena can be used.
    pub resuming: bool,
    began: Instant,
    heard: Instant,
    ping: Option<(u32, Instant)>,
    /// It waits for memory.
    pub starved: bool,
    /// Something is queued that has not been offered to the socket.
    pub dirty: bool,
    listed: bool,
    stalled: bool,
    blocked: bool,
    watch: Watch,
}

impl Conn {
    /// A connection that was just accepted.
    pub fn new(
        (id, key): (ConnId, u64),
        socket: OwnedFd,
        portal: u32,
        (peer, local): (SocketAddr, SocketAddr),
        now: Instant,
    ) -> Conn {
        Conn {
            id,
            key,
            socket,
            portal,
            peer,
            local,
            phase: Phase::Login(Box::default()),
            rx: rx::Rx::default(),
            tx: Tx::default(),
            window: Window::new(Serial(0), 1),
            responses: Responses::new(Serial(0)),
            tags: FxHashMap::default(),
            owed: 0,
            next_ttt: 0,
            mirror: None,
            noted: true,
            answers: VecDeque::new(),
            resuming: false,
            began: now,
            heard: now,
            ping: None,
            starved: false,
            dirty: false,
            listed: false,
            stalled: false,
            blocked: false,
            watch: Watch::Readable,
        }
    }

    /// The socket.
    pub fn socket(&self) -> &OwnedFd {
        &self.socket
    }

    /// A tag for an R2T or a ping, never [`crate::pdu::NO_TAG`].
    fn ttt(&mut self) -> u32 {
        self.next_ttt = (self.next_ttt + 1) % crate::pdu::NO_TAG;
        self.next_ttt
    }

    /// Queues a PDU that carries status: it takes a StatSN.
    fn queue(&mut self, header: Header, payload: Payload<'_>, shared: &Shared) {
        let number = self.responses.take();
        self.queue_numbered(header, number, payload, shared);
    }

    /// Queues a PDU under StatSN `number`.
    fn queue_numbered(&mut self, mut header: Header, number: Serial, payload: Payload<'_>, shared: &Shared) {
        let max = self.window.open(self.tags.len() as u32);
        stamp(&mut header, number.0, self.window.expected().0, max.0);
        self.tx.pdu(&header, payload, &shared.buffers);
        (self.dirty, self.noted) = (true, false);
    }

    /// Whether nothing is to be read for now.
    fn paused(&self) -> bool {
        let phase = matches!(self.phase, Phase::Entering(..) | Phase::Ending);
        phase || self.starved || self.resuming || self.tx.private_bytes() > MOST_QUEUED
    }

    /// Offers what is queued to the socket.
    ///
    /// # Errors
    /// [`Close`] when the connection has failed or has sent its last PDU and heard the initiator's end.
    pub fn flush(&mut self, shared: &mut Shared) -> Result<(), Close> {
        (self.dirty, self.listed) = (false, false);
        loop {
            // Before anything is given to the socket the notebook says what, so that it can be made again.
            self.note(shared);
            let sent = self.tx.send(&self.socket, &mut shared.buffers);
            let (sent, calls) = sent.map_err(|_| Close(Counter::Disconnected))?;
            shared.stats.add(Counter::Sends, calls);
            self.noted &= calls == 0;
            self.blocked = sent == Sent::Blocked;
            if !self.answer_more(shared) {
                break;
            }
        }
        if !self.blocked && matches!(self.phase, Phase::Ending) {
            // The initiator reads our last PDU before it sees the end; closing at once could destroy it on the way.
            let _ = rustix::net::shutdown(&self.socket, rustix::net::Shutdown::Write);
            self.phase = Phase::Lingering(shared.now + LINGER_TIME);
        }
        Ok(())
    }

    /// How the socket has to be watched now.
    fn wanted_watch(&self) -> Watch {
        match (self.paused(), self.blocked) {
            (false, false) => Watch::Readable,
            (false, true) => Watch::ReadWrite,
            (true, true) => Watch::Writable,
            (true, false) => Watch::Nothing,
        }
    }

    /// How the socket has to be watched, if that has changed.
    pub fn new_watch(&mut self) -> Option<Watch> {
        let watch = self.wanted_watch();
        let changed = watch != self.watch;
        self.watch = watch;
        changed.then_some(watch)
    }

    /// Whether the connection has to be noted, flushed or watched in another way; says so once until
    /// [`flush`](Self::flush).
    pub fn needs_flush(&mut self) -> bool {
        let due = !self.listed && (self.dirty || !self.noted || self.wanted_watch() != self.watch);
        self.listed |= due;
        due
    }

    /// Whether something has changed that the notebook does not have.
    pub fn is_behind(&self) -> bool {
        !self.noted
    }

    /// Whether it has to be noted after it was flushed; says so once until [`flush`](Self::flush).
    pub fn needs_note(&mut self) -> bool {
        let due = !self.listed && !self.noted;
        self.listed |= due;
        due
    }

    /// Whether PDUs are here that could not be handled before, and can be now.
    pub fn resumes(&mut self) -> bool {
        let resumes = self.stalled && !self.paused();
        self.stalled &= !resumes;
        resumes
    }

    /// Whether an event that is both readable and writable can only mean that the socket has failed.
    pub fn expects_nothing(&self) -> bool {
        self.watch == Watch::Nothing
    }

    /// Looks at the clock.
    ///
    /// # Errors
    /// [`Close`] when the initiator has taken too long for something.
    pub fn tick(&mut self, shared: &Shared) -> Result<(), Close> {
        let now = shared.now;
        if self.starved {
            // It is us who do not read; the initiator's silence means nothing.
            self.heard = now;
        }
        let late = match &self.phase {
            Phase::Login(_) | Phase::Entering(..) => now.duration_since(self.began) > LOGIN_TIME,
            Phase::Lingering(deadline) => now > *deadline,
            Phase::Ending => now.duration_since(self.heard) > PING_TIME,
            Phase::Full(_) => match self.ping {
                Some((_, since)) => now.duration_since(since.max(self.heard)) > PING_TIME,
                None => {
                    let interval = Duration::from_secs(u64::from(shared.config.nop_interval_s));
                    if !interval.is_zero() && now.duration_since(self.heard) > interval {
                        self.send_ping(shared);
                    }
                    false
                }
            },
        };
        if late { Err(Close(Counter::TimedOut)) } else { Ok(()) }
    }

    fn send_ping(&mut self, shared: &Shared) {
        let ttt = self.ttt();
        self.ping = Some((ttt, shared.now));
        let number = self.responses.peek();
        self.queue_numbered(NopIn::ping(ttt).header(), number, Payload::Nothing, shared);
    }

    /// Lets go of everything: the nexus is closed, tasks that the core knows stay until it is done with them.
    pub fn dissolve(mut self, shared: &mut Shared) -> OwnedFd {
        // First of all: nobody goes on with it.
        self.close_book(shared);
        self.tx.discard(&mut shared.buffers);
        self.rx.discard(&mut shared.buffers);
        for place in self.tags.values() {
            shared.orphan(*place, self.id);
        }
        shared.close_nexus_of(self.id);
        // A duplicate of the socket lives at the supervisor, so that closing ours would tell the initiator nothing.
        let _ = rustix::net::shutdown(&self.socket, rustix::net::Shutdown::Both);
        self.socket
    }
}
