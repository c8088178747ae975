//! Answers that a transport may not have seen: see [`ipc::answers`].
//!
//! A transport that died asks again for everything that has no answer in its notebook, and one whose link was replaced for what
//! it has not taken. It does so before it begins anything new, so that answers are forgotten then.
//!
//! Answers to commands that read are not used: nobody knows what became of the data, and reading again is harmless. Functions are
//! noted in [`crate::recorded`], and abort again what comes again with them.

use ipc::answers::{Kept, Sent};
use ipc::link::Responder;
use ipc::message::record::{Reply, Request, request_flags};

use crate::core::Core;
use crate::peers::{MOST_TASKS, Retired};
use crate::stats::Counter;

/// The answers to one transport.
pub struct Answers {
    /// Over the living link.
    sent: Sent,
    /// Without a link, and over those before.
    pub kept: Kept,
}

impl Default for Answers {
    fn default() -> Self {
        // Half of it is more than a transport can be waiting for.
        Self { sent: Sent::default(), kept: Kept::new(4 * MOST_TASKS) }
    }
}

impl Core {
    /// Sends a reply. Without a link it is kept: the transport will ask again, or is dead.
    pub(crate) fn send_to_transport(&mut self, place: usize, reply: &Reply) {
        let transport = &mut self.transports[place];
        let Some(link) = &mut transport.link else {
            transport.answers.kept.keep(reply);
            return;
        };
        match link.send(reply) {
            Ok(()) => {
                transport.answers.sent.push(reply);
                self.count(Counter::Replies, 1);
            }
            Err(fault) => self.fault_transport(place, fault),
        }
    }

    /// Whether the command that the transport at `place` sends had its answer before, which is given again.
    #[inline]
    pub(crate) fn answered_before(&mut self, place: usize, request: &Request) -> bool {
        let kept = &mut self.transports[place].answers.kept;
        if request.flags & request_flags::AGAIN == 0 {
            kept.clear();
            return false;
        }
        let known = kept.take(request.nexus, request.serial).filter(|_| request.in_extents == 0);
        let Some(reply) = known else { return false };
        self.send_to_transport(place, &reply);
        true
    }

    /// The link of the transport at `place` is over, or replaced by another one.
    pub(crate) fn retire_transport_link(&mut self, place: usize, next: Option<Responder>) {
        let transport = &mut self.transports[place];
        let Some(mut old) = std::mem::replace(&mut transport.link, next) else { return };
        // An index that cannot be says nothing about how far the peer came.
        let taken = old.taken().unwrap_or(0);
        let Answers { sent, kept } = &mut transport.answers;
        sent.link_is_over(taken, kept);
        self.retired.push(Retired::Answering(old));
    }
}
