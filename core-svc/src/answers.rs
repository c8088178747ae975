//! Answers that a transport may not have seen: see [`ipc::answers`]. They are in the notebook ([`Part::Answer`]), so that they
//! hold when the core dies, too, before the transport has asked again.
//!
//! A transport that died asks again for everything that has no answer in its notebook, and one whose link was replaced for what
//! it has not taken. It does so before it begins anything new, so that answers are forgotten then.
//!
//! Answers to commands that read are not used: nobody knows what became of the data, and reading again is harmless. Functions are
//! noted in [`crate::recorded`], and abort again what comes again with them.

use ipc::answers::{Kept, Sent};
use ipc::link::Responder;
use ipc::message::record::{Reply, ReplyKind, Request, request_flags};
use scsi::status::Status;

use crate::core::Core;
use crate::nexus::split;
use crate::notebook::{Part, bytes};
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
            self.keep_answer(place, reply);
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
        let kept = &self.transports[place].answers.kept;
        if request.flags & request_flags::AGAIN == 0 {
            if !kept.is_empty() {
                self.drop_answers(place, |_| true);
            }
            return false;
        }
        let known = kept.get(request.nexus, request.serial).filter(|_| request.in_extents == 0);
        let Some(reply) = known.copied() else { return false };
        self.send_to_transport(place, &reply);
        true
    }

    /// Keeps an answer for the transport at `place`, which cannot have it.
    pub(crate) fn keep_answer(&mut self, place: usize, reply: &Reply) {
        self.transports[place].answers.kept.keep(reply);
        self.touch_answer(place, (reply.nexus, reply.serial));
    }

    /// Drops answers to nexuses of the transport at `place` that nobody will ask for.
    #[cold]
    pub(crate) fn drop_answers(&mut self, place: usize, of: impl Fn(u64) -> bool) {
        let kept = &mut self.transports[place].answers.kept;
        let names: Vec<(u64, u64)> = kept.names().filter(|(nexus, _)| of(*nexus)).collect();
        kept.retain(|nexus| !of(nexus));
        names.into_iter().for_each(|name| self.touch_answer(place, name));
    }

    fn touch_answer(&mut self, place: usize, (nexus, serial): (u64, u64)) {
        if let Ok(number) = self.wide(place, nexus) {
            self.touch((Part::Answer, number, serial));
        }
    }

    /// What the notebook has of an answer.
    pub(crate) fn encode_answer(&self, number: u64, serial: u64) -> Option<Vec<u8>> {
        let (service, nexus) = split(number);
        let transport = self.transports.iter().find(|transport| transport.service == service)?;
        let reply = transport.answers.kept.get(nexus, serial)?;
        bytes(&(reply.status, reply.transferred, reply.wanted, reply.sense().ok()?))
    }

    /// Takes up an answer that a former core had kept for a nexus.
    pub(crate) fn take_up_answer(
        &mut self,
        at: usize,
        serial: u64,
        (status, transferred, wanted, sense): (u8, u32, u32, Vec<u8>),
    ) -> Option<()> {
        let nexus = self.nexuses.get(at)?;
        let mut reply = Reply::new(ReplyKind::Done, nexus.number, serial);
        reply.status = Status::try_from(status).ok()?.code();
        (reply.transferred, reply.wanted) = (transferred, wanted);
        reply.sense.get_mut(..sense.len())?.copy_from_slice(&sense);
        reply.sense_len = u8::try_from(sense.len()).ok()?;
        self.transports[nexus.transport].answers.kept.keep(&reply);
        Some(())
    }

    /// The link of the transport at `place` is over, or replaced by another one.
    pub(crate) fn retire_transport_link(&mut self, place: usize, next: Option<Responder>) {
        let transport = &mut self.transports[place];
        let Some(mut old) = std::mem::replace(&mut transport.link, next) else { return };
        // An index that cannot be says nothing about how far the peer came.
        let taken = old.taken().unwrap_or(0);
        let Answers { sent, kept } = &mut transport.answers;
        sent.link_is_over(taken, kept);
        let names: Vec<(u64, u64)> = kept.names().collect();
        names.into_iter().for_each(|name| self.touch_answer(place, name));
        self.retired.push(Retired::Answering(old));
    }
}
