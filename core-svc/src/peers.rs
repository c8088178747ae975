//! The ends of the core's links: towards transports it answers, towards handlers it asks.
//!
//! Places in the core's lists of transports and handlers are given once and never change, so that a nexus and a unit can
//! refer to them.

use std::collections::VecDeque;
use std::time::Instant;

use ipc::doorbell::Doorbell;
use ipc::link::{CAPACITY, Requester, Responder};

use crate::answers::Answers;
use crate::task::TaskId;

/// How far a transport has come in saying what it has, since its link was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attach {
    /// Nothing said yet.
    Silent,
    /// It is naming its nexuses.
    Naming,
    /// It has named them; what it did not name is ending.
    Ending(u64),
    /// It has been told that it may use its arena.
    Done,
}

/// A transport.
pub struct Transport {
    /// Index of its service.
    pub service: u32,
    /// Its name, for messages.
    pub name: String,
    /// The living link.
    pub link: Option<Responder>,
    /// The link's number; 0 before the first.
    pub epoch: u64,
    /// How far it has come.
    pub attach: Attach,
    /// Since when it has not been heard of; its nexuses are kept for a while.
    pub silent_since: Option<Instant>,
    /// Tasks of all its nexuses.
    pub tasks: usize,
    /// What it has been answered and may not have seen.
    pub answers: Answers,
}

/// Tasks that one transport may have: what one link allows, and once more for those that a link which was replaced
/// left behind.
pub const MOST_TASKS: usize = 2 * CAPACITY;

impl Transport {
    /// A transport that has no link yet.
    pub fn new(service: u32, name: String, now: Instant) -> Self {
        let silent_since = Some(now);
        Self {
            service,
            name,
            link: None,
            epoch: 0,
            attach: Attach::Silent,
            silent_since,
            tasks: 0,
            answers: Answers::default(),
        }
    }
}

/// Whether a handler can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// It has a link, or had one that the core closed because of a fault.
    Up,
    /// It is being started; commands are held since then.
    Down(Instant),
    /// It stays down until somebody asks for it: commands fail at once.
    Held,
}

/// A handler.
pub struct Handler {
    /// Index of its service.
    pub service: u32,
    /// Its name, for messages.
    pub name: String,
    /// The living link.
    pub link: Option<Requester>,
    /// The link's number; 0 before the first.
    pub epoch: u64,
    /// Whether it can be asked.
    pub presence: Presence,
    /// Since when it has not shown that it serves; a crash loop does not start this clock anew.
    pub silent_since: Option<Instant>,
    /// What was held for it has been failed, because it took too long to come back.
    pub expired: bool,
    /// Nothing that was asked over an older link runs any more: it said so, or it is known to be dead.
    pub fenced: bool,
    /// Tasks that it has and has not answered: those that are `Sent`.
    pub outstanding: usize,
    /// Tasks that found no room in the ring, oldest first.
    pub backlog: VecDeque<TaskId>,
    /// The end of a nexus was not told, because it stayed away: it is told that every one has ended when it is back.
    pub missed: bool,
    /// Number for the next dispatched task.
    pub next_age: u64,
}

/// Answers that a handler may owe at a time; a few places are kept for records that are not tasks.
pub const MOST_OUTSTANDING: usize = CAPACITY - 16;

impl Handler {
    /// A handler that has no link yet. A core that has just been born cannot know whether it lives and what it is doing.
    pub fn new(service: u32, name: String, now: Instant) -> Self {
        Self {
            service,
            name,
            link: None,
            epoch: 0,
            presence: Presence::Down(now),
            silent_since: Some(now),
            expired: false,
            fenced: false,
            outstanding: 0,
            backlog: VecDeque::new(),
            missed: false,
            next_age: 0,
        }
    }

    /// No task of a former core or of an older link can be running in it. One that did not come back within the hold
    /// limit is taken for dead.
    pub fn is_quiet(&self) -> bool {
        self.fenced || self.expired || self.presence == Presence::Held
    }
}

/// A link that is over. The supervisor and the peer hold duplicates of its bell, so closing it does not end its watch.
pub enum Retired {
    /// Of a transport.
    Answering(Responder),
    /// Of a handler.
    Asking(Requester),
}

impl Retired {
    /// The bell that has to be taken out of the waiter.
    pub fn bell(&self) -> &Doorbell {
        match self {
            Self::Answering(link) => link.bell(),
            Self::Asking(link) => link.bell(),
        }
    }
}
