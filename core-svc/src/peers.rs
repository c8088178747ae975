//! The ends of the core's links: towards transports it answers, towards handlers it asks.

use std::collections::VecDeque;
use std::time::Instant;

use ipc::link::{CAPACITY, Requester, Responder};

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
    /// The link's number.
    pub epoch: u64,
    /// How far it has come.
    pub attach: Attach,
}

/// Whether a handler can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// It has a link.
    Up,
    /// It is being restarted; commands are held since then.
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
    /// The link's number.
    pub epoch: u64,
    /// Whether it can be asked.
    pub presence: Presence,
    /// Since when it has not shown that it serves; a crash loop does not start this clock anew.
    pub silent_since: Option<Instant>,
    /// What was held for it has been failed, because it took too long to come back.
    pub expired: bool,
    /// It has said that nothing of an older link runs any more.
    pub fenced: bool,
    /// Tasks that it has and has not answered.
    pub outstanding: usize,
    /// Tasks that found no room in the ring, oldest first.
    pub backlog: VecDeque<TaskId>,
    /// Number for the next dispatched task.
    pub next_age: u64,
}

/// Answers that a handler may owe at a time; a few places are kept for records that are not tasks.
pub const MOST_OUTSTANDING: usize = CAPACITY - 16;

impl Handler {
    /// A handler that has no link yet.
    pub fn new(service: u32, name: String, now: Instant) -> Self {
        Self {
            service,
            name,
            link: None,
            epoch: 0,
            presence: Presence::Down(now),
            silent_since: None,
            expired: false,
            fenced: false,
            outstanding: 0,
            backlog: VecDeque::new(),
            next_age: 0,
        }
    }

    /// No task of a former core can be running in it: it said so, or it is dead.
    pub fn is_quiet(&self) -> bool {
        self.fenced || self.presence != Presence::Up
    }
}
