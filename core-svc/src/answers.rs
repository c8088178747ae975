//! Answers that a transport may not have seen, so that what has ended is not executed again for it.
//!
//! A transport that died, or whose link was replaced, asks again for everything that has no answer in its own notebook. Until it
//! does, others go on: they can have read what a WRITE has written, and have written something newer there by now. Executed
//! again, the WRITE would undo that. So the core keeps what it has answered, until it is known that the transport has
//! taken note of it: a transport gives the slots of replies back only after that, and what is in slots of a ring is bounded. How
//! far it came is read when the link is over, and the peer's word for it can at worst have its own commands executed again.
//!
//! Kept are the core's own copies, not what the ring has. Answers to commands that read are not used: nobody knows what became
//! of the data, and reading again is harmless. Nor are
//! aborts, nor answers to functions: those are noted in [`crate::recorded`], and abort again what comes again with them.

use ipc::link::{CAPACITY, Responder};
use ipc::message::record::{Reply, ReplyKind, Request, reply_flags, request_flags};
use rustc_hash::FxHashMap;

use crate::core::Core;
use crate::peers::{MOST_TASKS, Retired};
use crate::stats::Counter;

/// Answers that are kept of links that are over: more than a transport can be waiting for.
const MOST: usize = 2 * MOST_TASKS;

/// The answers to one transport.
pub struct Answers {
    /// The latest replies over the living link, by their number there: no more than these can be in its ring.
    latest: Box<[Reply]>,
    /// Replies over the living link.
    count: u64,
    /// By nexus and serial, what the transport may ask for again.
    kept: FxHashMap<(u64, u64), Reply>,
}

impl Default for Answers {
    fn default() -> Self {
        let none = Reply::new(ReplyKind::Attached, 0, 0);
        Self { latest: vec![none; CAPACITY].into_boxed_slice(), count: 0, kept: FxHashMap::default() }
    }
}

impl Answers {
    /// A reply was sent over the living link.
    #[inline]
    pub fn sent(&mut self, reply: &Reply) {
        self.latest[self.count as usize % CAPACITY] = *reply;
        self.count += 1;
    }

    /// The link is over. Of its replies the transport has taken note of the first `noted`, as far as is known.
    pub fn link_is_over(&mut self, noted: u64) {
        let in_ring = self.count.saturating_sub(CAPACITY as u64)..self.count;
        for number in in_ring.skip_while(|number| *number < noted) {
            let reply = self.latest[number as usize % CAPACITY];
            self.keep(&reply);
        }
        self.count = 0;
    }

    /// Keeps an answer that there is no link for.
    pub fn keep(&mut self, reply: &Reply) {
        let lasts = reply.kind == ReplyKind::Done as u8 && reply.flags & reply_flags::ABORTED == 0;
        if lasts && self.kept.len() < MOST {
            self.kept.insert((reply.nexus, reply.serial), *reply);
        }
    }

    /// The answer to what comes again as (nexus, serial), if it was given.
    pub fn take(&mut self, nexus: u64, serial: u64) -> Option<Reply> {
        self.kept.remove(&(nexus, serial))
    }

    /// The transport has begun something new, so it has asked again for everything that it wants to know.
    #[inline]
    pub fn nothing_comes_again(&mut self) {
        if !self.kept.is_empty() {
            self.kept = FxHashMap::default();
        }
    }

    /// The nexus `number` is over, and nobody can ask for it.
    pub fn forget(&mut self, number: u64) {
        self.kept.retain(|(nexus, _), _| *nexus != number);
    }
}

impl Core {
    /// Sends a reply. Without a link it is kept: the transport will ask again, or is dead.
    pub(crate) fn send_to_transport(&mut self, place: usize, reply: &Reply) {
        let transport = &mut self.transports[place];
        let Some(link) = &mut transport.link else {
            transport.answers.keep(reply);
            return;
        };
        match link.send(reply) {
            Ok(()) => {
                transport.answers.sent(reply);
                self.count(Counter::Replies, 1);
            }
            Err(fault) => self.fault_transport(place, fault),
        }
    }

    /// Whether the command that the transport at `place` sends had its answer before, which is given again.
    #[inline]
    pub(crate) fn answered_before(&mut self, place: usize, request: &Request) -> bool {
        let answers = &mut self.transports[place].answers;
        if request.flags & request_flags::AGAIN == 0 {
            answers.nothing_comes_again();
            return false;
        }
        let known = answers.take(request.nexus, request.serial).filter(|_| request.in_extents == 0);
        let Some(reply) = known else { return false };
        self.send_to_transport(place, &reply);
        true
    }

    /// The link of the transport at `place` is over, or replaced by another one.
    pub(crate) fn retire_transport_link(&mut self, place: usize, next: Option<Responder>) {
        let transport = &mut self.transports[place];
        let Some(mut old) = std::mem::replace(&mut transport.link, next) else { return };
        // An index that cannot be says nothing about how far the peer came.
        let noted = old.taken().unwrap_or(0);
        transport.answers.link_is_over(noted);
        self.retired.push(Retired::Answering(old));
    }
}

#[cfg(test)]
mod tests;
