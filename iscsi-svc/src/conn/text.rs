//! Text negotiation in the full feature phase (RFC 7143 11.10, 11.11): SendTargets, and keys that may change later.
//!
//! A request can come in several PDUs (C bit) and so can the answer: then the initiator asks for the rest under a Target
//! Transfer Tag. One exchange at a time; a new request drops an unfinished one.

use super::tx::Payload;
use super::{Close, Conn, Phase};
use crate::discovery::{chunk, send_targets};
use crate::login::negotiate::{Negotiation, Phase as KeyPhase};
use crate::login::text::{self, Text};
use crate::pdu::initiator::TextRequest;
use crate::pdu::target::TextResponse;
use crate::pdu::{NO_TAG, RejectReason};
use crate::service::Shared;

/// Text on its way in or out.
#[derive(Debug, Default)]
pub struct Exchange {
    incoming: Text,
    /// The rest of an answer, how much of it was sent, and the tag that it is asked for by.
    outgoing: Option<(Vec<u8>, usize, u32)>,
}

impl Exchange {
    /// Whether nothing is under way.
    pub fn is_idle(&self) -> bool {
        self.incoming.is_empty() && self.outgoing.is_none()
    }
}

impl Conn {
    pub(super) fn text_request(&mut self, request: &TextRequest, shared: &mut Shared) -> Result<(), Close> {
        let Phase::Full(session) = &mut self.phase else { return Ok(()) };
        let itt = request.itt.get();
        if request.ttt.get() != NO_TAG {
            let known = session.text.outgoing.as_ref().is_some_and(|(_, _, ttt)| *ttt == request.ttt.get());
            if known {
                self.send_text(itt, request.is_final(), shared);
            } else if request.continues() || !self.rx.collected.is_empty() {
                return self.take_text(request, shared);
            } else {
                self.reject(RejectReason::ProtocolError, shared);
            }
            return Ok(());
        }
        session.text = Exchange::default();
        self.take_text(request, shared)
    }

    fn take_text(&mut self, request: &TextRequest, shared: &mut Shared) -> Result<(), Close> {
        let itt = request.itt.get();
        let Phase::Full(session) = &mut self.phase else { return Ok(()) };
        if session.text.incoming.extend(&self.rx.collected).is_err() {
            session.text = Exchange::default();
            self.reject(RejectReason::ProtocolError, shared);
            return Ok(());
        }
        if request.continues() {
            // An empty answer with a tag asks for the rest.
            let ttt = self.ttt();
            let mut header = TextResponse::new(itt, 0, Some(ttt), false);
            header.flags = 0;
            self.queue(header.header(), Payload::Nothing, shared);
            return Ok(());
        }
        let bytes = session.text.incoming.take();
        match self.answer_text(&bytes, shared) {
            Some(answer) => {
                let ttt = self.ttt();
                if let Phase::Full(session) = &mut self.phase {
                    session.text.outgoing = Some((answer, 0, ttt));
                }
                self.send_text(itt, request.is_final(), shared);
            }
            None => self.reject(RejectReason::ProtocolError, shared),
        }
        Ok(())
    }

    /// The answer to all pairs of a request; `None` if it cannot be read.
    fn answer_text(&mut self, bytes: &[u8], shared: &Shared) -> Option<Vec<u8>> {
        let Phase::Full(session) = &mut self.phase else { return None };
        let mut out = Vec::new();
        let mut negotiation = Negotiation::within(session.parameters.clone());
        for (key, value) in text::pairs(bytes).ok()? {
            if key == "SendTargets" {
                let current = session.target.as_ref().map(|(_, name)| name.as_str());
                match send_targets(value, &shared.targets.listed(), current, self.local) {
                    Some(targets) => out.extend_from_slice(&targets),
                    None => text::push(&mut out, key, "Reject"),
                }
            } else {
                negotiation.take(KeyPhase::FullFeature, key, value, &mut out).ok()?;
            }
        }
        // MaxRecvDataSegmentLength is the one parameter that can change here (RFC 7143 13.12).
        session.parameters.max_send_data = negotiation.parameters.max_send_data;
        Some(out)
    }

    /// Sends the next piece of the answer.
    fn send_text(&mut self, itt: u32, last: bool, shared: &Shared) {
        let Phase::Full(session) = &mut self.phase else { return };
        let Some((answer, done, ttt)) = session.text.outgoing.take() else { return };
        let (len, ends) = chunk(answer.len(), done, session.parameters.max_send_data as usize);
        let header = TextResponse::new(itt, len as u32, (!ends).then_some(ttt), ends && last);
        self.queue(header.header(), Payload::Bytes(&answer[done..done + len]), shared);
        if let Phase::Full(session) = &mut self.phase
            && !ends
        {
            session.text.outgoing = Some((answer, done + len, ttt));
        }
    }
}
