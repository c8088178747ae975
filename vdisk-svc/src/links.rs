//! The links to core-svc, those that live and those that are over but whose tasks still run.
//!
//! A link that ends leaves tasks behind that the engine has: until they are over nothing of the same unit may begin, and `Fence`
//! is not answered. The requester sends every command again over the next link; the latest outcomes of writes
//! are kept for that ([`ipc::answers`]). Rings are only read and written here; what a request means is told by [`crate::intake`].

use std::io;
use std::os::fd::OwnedFd;

use ipc::answers::{Kept, Sent};
use ipc::doorbell::Doorbell;
use ipc::fault::PeerFault;
use ipc::link::{CAPACITY, Responder};
use ipc::message::record::{Reply, ReplyKind, Request};
use ipc::recorder::Recorder;
use ipc::wait::{Waiter, Watch};

/// Outcomes that are kept of links that are over: those of several, for there is nothing that says what will not come again.
const MOST_KEPT: usize = 8 * CAPACITY;

/// A link, never used again for another.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LinkId(u64);

impl LinkId {
    /// Of what did not come over a link.
    pub const NONE: Self = Self(u64::MAX);

    /// A token to watch its bell under; `first` is the lowest that is free for links.
    pub fn token(self, first: u64) -> u64 {
        first + self.0
    }
}

/// A link that is in use.
pub struct Link {
    id: LinkId,
    peer: u32,
    epoch: u64,
    responder: Responder,
    /// Requests taken that have not been answered.
    outstanding: usize,
    /// A fence that waits for its answer: nexus and serial of the request.
    fence: Option<(u64, u64)>,
    /// By place of a unit: the version of its report that the peer has been told, 0 for none.
    told: Vec<u64>,
    /// The peer has been told of every unit once.
    informed: bool,
    fault: Option<PeerFault>,
    sent: Sent,
}

/// A link that is over.
struct Retired {
    id: LinkId,
    peer: u32,
    running: usize,
}

/// All links.
pub struct Links {
    live: Vec<Link>,
    retired: Vec<Retired>,
    made: u64,
    kept: Kept,
    recorder: Option<Recorder>,
}

impl Default for Links {
    fn default() -> Self {
        let kept = Kept::new(MOST_KEPT);
        Self { live: Vec::new(), retired: Vec::new(), made: 0, kept, recorder: None }
    }
}

/// A link that had to be closed because its peer broke the contract.
#[derive(Debug)]
pub struct Broken {
    /// The link.
    pub id: LinkId,
    /// The peer's index.
    pub peer: u32,
    /// The link's epoch.
    pub epoch: u64,
    /// What it did.
    pub fault: PeerFault,
}

impl Links {
    /// Takes up a link with these descriptors: segment, own bell, the peer's bell. The bell is watched under
    /// `first + id`. An older link to the same peer must have been retired.
    pub fn add(
        &mut self,
        peer: u32,
        epoch: u64,
        fds: [OwnedFd; 3],
        (waiter, first): (&Waiter, u64),
    ) -> io::Result<LinkId> {
        let [memory, mine, theirs] = fds;
        let mut responder =
            Responder::new(&memory, epoch, Doorbell::from_fd(mine), Doorbell::from_fd(theirs))
                .map_err(io::Error::other)?;
        responder.record(self.recorder.clone());
        let id = LinkId(self.made);
        self.made += 1;
        waiter.add(responder.bell(), id.token(first), Watch::Bell)?;
        self.live.push(Link {
            id,
            peer,
            epoch,
            responder,
            outstanding: 0,
            fence: None,
            told: Vec::new(),
            informed: false,
            fault: None,
            sent: Sent::default(),
        });
        Ok(id)
    }

    /// Records what goes over the links that come from here on.
    pub fn record(&mut self, recorder: Recorder) {
        self.recorder = Some(recorder);
    }

    /// The live links to a peer, of one epoch or of any.
    pub fn to_peer(&self, peer: u32, epoch: Option<u64>) -> Vec<LinkId> {
        let same = self.live.iter().filter(|link| link.peer == peer);
        same.filter(|link| epoch.is_none_or(|epoch| link.epoch == epoch)).map(|link| link.id).collect()
    }

    /// How many live.
    pub fn count(&self) -> usize {
        self.live.len()
    }

    /// Ends a link: nothing is read from it or written to it any more. `running` tasks of it cannot be stopped.
    pub fn retire(&mut self, id: LinkId, running: usize, waiter: &Waiter) {
        let Some(at) = self.live.iter().position(|link| link.id == id) else { return };
        let mut link = self.live.swap_remove(at);
        // What the core has taken its transports may not have: they can die with it.
        link.sent.link_is_over(0, &mut self.kept);
        // The supervisor and the peer hold duplicates of the bell, so closing ours does not stop epoll.
        let _ = waiter.remove(link.responder.bell());
        if running > 0 {
            self.retired.push(Retired { id, peer: link.peer, running });
        }
    }

    /// A task of a link that is over has ended.
    pub fn orphan_ended(&mut self, id: LinkId) {
        if let Some(link) = self.retired.iter_mut().find(|link| link.id == id) {
            link.running -= 1;
        }
        self.retired.retain(|link| link.running > 0);
    }

    /// The next request of the `index`th live link.
    #[inline]
    pub fn receive(&mut self, index: usize) -> Option<(LinkId, Request)> {
        let link = self.live.get_mut(index)?;
        if link.fault.is_some() {
            return None;
        }
        match link.responder.receive() {
            Ok(request) => request.map(|request| (link.id, request)),
            Err(fault) => {
                link.fault = Some(fault);
                None
            }
        }
    }

    /// Counts a request that will be answered; too many are the peer's fault.
    #[inline]
    pub fn expect_answer(&mut self, id: LinkId) -> bool {
        let Some(link) = self.find(id) else { return false };
        link.outstanding += 1;
        if link.outstanding > CAPACITY {
            link.fault = Some(PeerFault::ReplyOverflow);
        }
        link.fault.is_none()
    }

    /// Notes a fault that was found in a request.
    pub fn blame(&mut self, id: LinkId, fault: PeerFault) {
        if let Some(link) = self.find(id) {
            link.fault.get_or_insert(fault);
        }
    }

    /// Notes a fence; it is answered by [`answer_fences`](Self::answer_fences).
    pub fn fence(&mut self, id: LinkId, nexus: u64, serial: u64) {
        if !self.expect_answer(id) {
            return;
        }
        let Some(link) = self.find(id) else { return };
        if link.fence.replace((nexus, serial)).is_some() {
            link.fault.get_or_insert(PeerFault::Unexpected("a second fence before the first was answered"));
        }
    }

    /// Tells the peer of the `index`th live link of every unit whose report it has not been told in this version. `units`
    /// gives place, version and reply of each. False: there is no room for all of them now.
    pub fn tell(&mut self, index: usize, units: impl Iterator<Item = (usize, u64, Reply)>) -> bool {
        let Some(link) = self.live.get_mut(index).filter(|link| link.fault.is_none()) else { return true };
        for (place, version, reply) in units {
            if link.told.len() <= place {
                link.told.resize(place + 1, 0);
            }
            if link.told[place] == version {
                continue;
            }
            // The places that outstanding requests will take are not ours to fill.
            match link.responder.room() {
                Ok(room) if room <= link.outstanding => return false,
                Ok(_) => {}
                Err(fault) => {
                    link.fault = Some(fault);
                    return true;
                }
            }
            if let Err(fault) = link.responder.send(&reply) {
                link.fault = Some(fault);
                return true;
            }
            link.told[place] = version;
        }
        link.informed = true;
        true
    }

    /// Answers the fences of all links whose older links to the same peer have no task left, and whose peer knows of
    /// every unit.
    pub fn answer_fences(&mut self) {
        for index in 0..self.live.len() {
            let link = &self.live[index];
            let Some((nexus, serial)) = link.fence else { continue };
            if !link.informed || self.retired.iter().any(|old| old.peer == link.peer) {
                continue;
            }
            let id = link.id;
            self.live[index].fence = None;
            self.reply(id, &Reply::new(ReplyKind::Fenced, nexus, serial));
        }
    }

    /// Answers a request, if its link still lives.
    #[inline]
    pub fn reply(&mut self, id: LinkId, reply: &Reply) {
        let Some(link) = self.find(id) else { return };
        link.outstanding = link.outstanding.saturating_sub(1);
        if link.fault.is_none()
            && let Err(fault) = link.responder.send(reply)
        {
            link.fault = Some(fault);
        }
    }

    /// This answer is to be given again if the command comes again over another link.
    #[inline]
    pub fn remember(&mut self, id: LinkId, reply: &Reply) {
        if let Some(link) = self.find(id) {
            link.sent.push(reply);
        }
    }

    /// So is this, of a command whose link is over.
    pub fn keep(&mut self, reply: &Reply) {
        self.kept.keep(reply);
    }

    /// The outcome of the command that comes again as (nexus, serial), if it had one over an older link.
    pub fn outcome(&mut self, (nexus, serial): (u64, u64)) -> Option<Reply> {
        self.kept.take(nexus, serial)
    }

    /// Makes all answers visible.
    #[inline]
    pub fn flush(&mut self) {
        for link in &mut self.live {
            if link.fault.is_none() {
                link.responder.flush();
            }
        }
    }

    /// Announces to every peer that this service sleeps; false, and nobody is told, if there is work after all.
    pub fn arm(&mut self) -> bool {
        for index in 0..self.live.len() {
            if !self.live[index].responder.arm() {
                self.live[..index].iter_mut().for_each(|link| link.responder.disarm());
                return false;
            }
        }
        true
    }

    /// Takes the announcement back.
    pub fn disarm(&mut self) {
        self.live.iter_mut().for_each(|link| link.responder.disarm());
    }

    /// A link whose peer broke the contract and which has to be retired.
    #[inline]
    pub fn broken(&self) -> Option<Broken> {
        self.live.iter().find_map(|link| {
            let fault = link.fault?;
            Some(Broken { id: link.id, peer: link.peer, epoch: link.epoch, fault })
        })
    }

    #[inline]
    fn find(&mut self, id: LinkId) -> Option<&mut Link> {
        self.live.iter_mut().find(|link| link.id == id)
    }
}
