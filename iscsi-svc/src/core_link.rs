//! The link to core-svc: requests out, replies in, and everything again when the link is replaced.
//!
//! What is outstanding is kept in private memory (tasks, nexuses, functions), never in the ring: when the core dies the ring
//! is dropped with whatever is in it, and [`CoreLink::replaced`] begins anew. A reply is the core's allegation; the
//! tables that it is looked up in decide whether it answers a question that was asked.

use ipc::doorbell::Doorbell;
use ipc::fault::PeerFault;
use ipc::link::{CAPACITY, Requester};
use ipc::message::record::{Reply, ReplyKind, Request, RequestKind};
use ipc::ring::PushError;
use std::collections::VecDeque;
use std::time::Instant;

/// Requests that may wait for an answer, functions apart: those are bounded by themselves
/// ([`crate::task_mgmt::MOST`]), and both together have to fit into the reply ring.
const MOST_OUTSTANDING: usize = CAPACITY - crate::task_mgmt::MOST - 32;

/// Requests that have exactly one answer, whatever happens.
const COUNTED: [u8; 3] =
    [RequestKind::Command as u8, RequestKind::NexusOpen as u8, RequestKind::NexusClose as u8];
const ANSWERS: [u8; 3] = [ReplyKind::Done as u8, ReplyKind::NexusOpened as u8, ReplyKind::NexusClosed as u8];

/// Why the link is down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Down {
    /// Since then; it is being restarted and commands are held.
    Restarting(Instant),
    /// It will not come back by itself.
    Held,
}

/// This service's end of the link.
pub struct CoreLink {
    link: Option<Requester>,
    /// The core's service index.
    pub peer: u32,
    /// Number of the link.
    pub epoch: u64,
    /// Set while there is no link.
    pub down: Option<Down>,
    /// The core has said that nothing of a former time uses our arena.
    pub attached: bool,
    outstanding: usize,
    waiting: VecDeque<Request>,
    /// The core broke the contract; the link is closed and this is to be told.
    pub fault: Option<PeerFault>,
}

impl CoreLink {
    /// No link yet.
    pub fn new(now: Instant) -> CoreLink {
        CoreLink {
            link: None,
            peer: 0,
            epoch: 0,
            down: Some(Down::Restarting(now)),
            attached: false,
            outstanding: 0,
            waiting: VecDeque::new(),
            fault: None,
        }
    }

    /// A new link. The caller now says everything again, beginning with `Attach`.
    pub fn replaced(&mut self, link: Requester, peer: u32, epoch: u64) {
        self.link = Some(link);
        (self.peer, self.epoch) = (peer, epoch);
        self.down = None;
        self.attached = false;
        self.outstanding = 0;
        self.waiting.clear();
    }

    /// The link is gone.
    pub fn lost(&mut self, why: Down) {
        self.link = None;
        self.attached = false;
        self.waiting.clear();
        // A core that was waited for and is then held stays away; the other way round the waiting begins now.
        self.down = Some(match (self.down, why) {
            (Some(Down::Restarting(since)), Down::Restarting(_)) => Down::Restarting(since),
            _ => why,
        });
    }

    /// Whether there is a link.
    pub fn is_up(&self) -> bool {
        self.link.is_some()
    }

    /// Requests that an answer is awaited for.
    pub fn outstanding(&self) -> usize {
        self.outstanding
    }

    /// The bell of the link.
    pub fn bell(&self) -> Option<&Doorbell> {
        self.link.as_ref().map(Requester::bell)
    }

    /// Sends a request now or when there is room. Without a link nothing happens: the request is in a table and will be
    /// sent from there.
    pub fn submit(&mut self, request: &Request) {
        if self.link.is_none() {
            return;
        }
        if !self.waiting.is_empty() || !self.push(request) {
            self.waiting.push_back(*request);
        }
    }

    fn push(&mut self, request: &Request) -> bool {
        let Some(link) = &mut self.link else { return true };
        let counted = COUNTED.contains(&request.kind);
        if counted && self.outstanding >= MOST_OUTSTANDING {
            return false;
        }
        match link.send(request) {
            Ok(()) => {
                self.outstanding += usize::from(counted);
                true
            }
            Err(PushError::Full) => false,
            Err(PushError::Peer(fault)) => {
                self.break_off(fault);
                true
            }
        }
    }

    /// The next reply, if there is one.
    pub fn receive(&mut self) -> Option<Reply> {
        match self.link.as_mut()?.receive() {
            Ok(Some(reply)) => {
                let answer = ANSWERS.contains(&reply.kind);
                self.outstanding = self.outstanding.saturating_sub(usize::from(answer));
                Some(reply)
            }
            Ok(None) => None,
            Err(fault) => {
                self.break_off(fault);
                None
            }
        }
    }

    /// Closes the link because the core broke the contract. A new one will come.
    pub fn break_off(&mut self, fault: PeerFault) {
        self.fault = Some(fault);
        self.lost(Down::Restarting(Instant::now()));
    }

    /// Makes requests visible, after those that waited for room.
    pub fn flush(&mut self) {
        while let Some(request) = self.waiting.front().copied() {
            if !self.push(&request) {
                break;
            }
            self.waiting.pop_front();
        }
        if let Some(link) = &mut self.link {
            link.flush();
        }
    }

    /// Announces that this end is going to sleep; false if there is something to do after all.
    pub fn arm(&mut self) -> bool {
        self.link.as_mut().is_none_or(Requester::arm)
    }

    /// This end is awake.
    pub fn disarm(&mut self) {
        if let Some(link) = &mut self.link {
            link.disarm();
        }
    }
}
