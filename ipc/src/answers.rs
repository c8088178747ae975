//! What was answered over a link and may not have been seen, so that what has ended is not executed again.
//!
//! A requester whose link is over asks again for everything that it has no answer to. Until it does, others go on: they can have
//! read what a WRITE has written, and have written something newer there by now. Executed again, the WRITE would undo that. So a
//! responder keeps what it has answered until it is known that the requester has made use of it: a requester gives the slots of
//! replies back only after that, and what is in the slots of a ring is bounded. How far it came is read when the link is over; a
//! wrong word for it can at worst have the requester's own commands executed again.
//!
//! Kept are private copies, not what the ring has. Aborts are not kept: they come again with what caused them.

use rustc_hash::FxHashMap;

use crate::link::CAPACITY;
use crate::message::record::{Reply, ReplyKind, reply_flags};

/// The latest replies over a living link.
pub struct Sent {
    /// By their number on the link: no more than these can be in its ring.
    latest: Box<[Reply]>,
    count: u64,
}

impl Default for Sent {
    fn default() -> Self {
        let none = Reply::new(ReplyKind::Attached, 0, 0);
        Self { latest: vec![none; CAPACITY].into_boxed_slice(), count: 0 }
    }
}

impl Sent {
    /// A reply was sent.
    #[inline]
    pub fn push(&mut self, reply: &Reply) {
        self.latest[self.count as usize % CAPACITY] = *reply;
        self.count += 1;
    }

    /// The link is over: what the requester has not made use of is kept, as far as is known all but the first `taken`.
    pub fn link_is_over(&mut self, taken: u64, kept: &mut Kept) {
        let in_ring = self.count.saturating_sub(CAPACITY as u64)..self.count;
        for number in in_ring.skip_while(|number| *number < taken) {
            kept.keep(&self.latest[number as usize % CAPACITY]);
        }
        self.count = 0;
    }
}

/// Outcomes that were not seen, by nexus and serial.
pub struct Kept {
    /// No more than `most / 2` each; what is older than both is given up.
    young: FxHashMap<(u64, u64), Reply>,
    old: FxHashMap<(u64, u64), Reply>,
    most: usize,
}

impl Kept {
    /// Room for at least half of `most`, and at most for all of it.
    pub fn new(most: usize) -> Self {
        Self { young: FxHashMap::default(), old: FxHashMap::default(), most }
    }

    /// Keeps the outcome of a command. Other answers, and aborts, are not kept.
    pub fn keep(&mut self, reply: &Reply) {
        if reply.kind != ReplyKind::Done as u8 || reply.flags & reply_flags::ABORTED != 0 {
            return;
        }
        if self.young.len() >= self.most / 2 {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert((reply.nexus, reply.serial), *reply);
    }

    /// The outcome of the command that comes again as (nexus, serial), if it had one. It is not kept any more.
    pub fn take(&mut self, nexus: u64, serial: u64) -> Option<Reply> {
        let old = self.old.remove(&(nexus, serial));
        self.young.remove(&(nexus, serial)).or(old)
    }

    /// The same, and it is kept on.
    pub fn get(&self, nexus: u64, serial: u64) -> Option<&Reply> {
        self.young.get(&(nexus, serial)).or_else(|| self.old.get(&(nexus, serial)))
    }

    /// The commands of which outcomes are kept.
    pub fn names(&self) -> impl Iterator<Item = (u64, u64)> {
        self.young.keys().chain(self.old.keys()).copied()
    }

    /// Keeps on those of certain nexuses only.
    pub fn retain(&mut self, of: impl Fn(u64) -> bool) {
        self.young.retain(|(nexus, _), _| of(*nexus));
        self.old.retain(|(nexus, _), _| of(*nexus));
    }

    /// Outcomes that are kept.
    pub fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }

    /// Whether none is kept.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.young.is_empty() && self.old.is_empty()
    }
}

#[cfg(test)]
mod tests;
