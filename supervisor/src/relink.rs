//! Links and the death of their ends. A link belongs to one pair of incarnations: when an end dies, the other is told at
//! once (`LinkDown`), and when a successor is there both get a fresh link of the next epoch. A link that one end closed for
//! a fault is replaced as well, but without `LinkDown`, which means that a process is dead.

use ipc::link;
use ipc::message::Grant;
use ipc::message::grant::{Peer, Role};
use ipc::shm::MapError;

use crate::plan::{LinkPlan, Plan, service_kind};
use crate::wiring::Message;

/// What a link is at the moment.
#[derive(Debug)]
struct Link {
    ends: LinkPlan,
    /// Of the last link that was made; 0 when there was none yet.
    epoch: u64,
    /// Both ends have it.
    up: bool,
}

/// How the service at the other end of a new incarnation's link is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeerState {
    /// It can be granted a link.
    Granted,
    /// It will come by itself.
    Coming,
    /// It will not come before somebody asks.
    Held,
}

/// All links.
#[derive(Debug)]
pub struct Links(Vec<Link>);

/// A message and the service that it is for.
pub type Addressed = (u32, Message);

impl Links {
    /// The links of a plan; none is up.
    pub fn new(plan: &Plan) -> Self {
        Self(plan.links.iter().map(|ends| Link { ends: *ends, epoch: 0, up: false }).collect())
    }

    /// Epoch and presence of every link, for the supervisor's notebook.
    pub fn record(&self) -> Vec<(u64, bool)> {
        self.0.iter().map(|link| (link.epoch, link.up)).collect()
    }

    /// The links that a former supervisor made.
    pub fn resume(plan: &Plan, record: &[(u64, bool)]) -> Self {
        let known = plan.links.iter().zip(record);
        Self(known.map(|(ends, (epoch, up))| Link { ends: *ends, epoch: *epoch, up: *up }).collect())
    }

    /// A former supervisor died, and what it wanted to tell the services of which `doubtful` is true may not have reached
    /// them: what is told (again) about links. A link that an end may not have is replaced, as it would be after a fault;
    /// an end whose peer is dead is told once more.
    ///
    /// # Errors
    /// There is no memory for a link.
    pub fn repair(
        &mut self,
        plan: &Plan,
        doubtful: impl Fn(u32) -> bool,
        state: impl Fn(u32) -> PeerState,
    ) -> Result<Vec<Addressed>, MapError> {
        let mut messages = Vec::new();
        for link in &mut self.0 {
            let LinkPlan { requester, responder } = link.ends;
            match (state(requester), state(responder)) {
                (PeerState::Granted, PeerState::Granted) => {
                    if !link.up || doubtful(requester) || doubtful(responder) {
                        link.renew(plan, &mut messages)?;
                    }
                }
                // An end that is being killed still lives: its peer is told when it is over.
                _ if link.up => {}
                states => {
                    for (end, peer, other) in
                        [(requester, responder, states.1), (responder, requester, states.0)]
                    {
                        let held = other == PeerState::Held;
                        let down = Grant::LinkDown { peer, epoch: link.epoch, held };
                        if state(end) == PeerState::Granted {
                            messages.push((end, (down, Vec::new())));
                        }
                    }
                }
            }
        }
        Ok(messages)
    }

    /// `service` is dead: what its peers are told. `held` says that it will not be started again before somebody asks.
    pub fn down(&mut self, service: u32, held: bool) -> Vec<Addressed> {
        let mut messages = Vec::new();
        for link in &mut self.0 {
            let Some(other) = link.ends.other_end(service) else { continue };
            // A peer that never had the link learns at least that it need not wait for it.
            if link.up || held {
                messages
                    .push((other, (Grant::LinkDown { peer: service, epoch: link.epoch, held }, Vec::new())));
            }
            link.up = false;
        }
        messages
    }

    /// `service` has been granted everything else: what it and its peers are told about their links.
    ///
    /// # Errors
    /// There is no memory for a link.
    pub fn up(
        &mut self,
        plan: &Plan,
        service: u32,
        peer_state: impl Fn(u32) -> PeerState,
    ) -> Result<Vec<Addressed>, MapError> {
        let mut messages = Vec::new();
        for link in &mut self.0 {
            let Some(other) = link.ends.other_end(service) else { continue };
            match peer_state(other) {
                PeerState::Granted => link.renew(plan, &mut messages)?,
                PeerState::Coming => {}
                PeerState::Held => {
                    let down = Grant::LinkDown { peer: other, epoch: link.epoch, held: true };
                    messages.push((service, (down, Vec::new())));
                }
            }
        }
        Ok(messages)
    }

    /// `service` closed its link to `peer` because the peer broke the contract: both get a new one. Nothing happens when
    /// that link has been replaced meanwhile.
    ///
    /// # Errors
    /// There is no memory for a link.
    pub fn replace(
        &mut self,
        plan: &Plan,
        service: u32,
        peer: u32,
        epoch: u64,
    ) -> Result<Vec<Addressed>, MapError> {
        let mut messages = Vec::new();
        let wanted =
            |link: &&mut Link| link.ends.other_end(service) == Some(peer) && link.epoch == epoch && link.up;
        if let Some(link) = self.0.iter_mut().find(wanted) {
            // No `LinkDown`: it says that the process is dead, and this one may still be working on what it was asked.
            link.renew(plan, &mut messages)?;
        }
        Ok(messages)
    }

    /// Epoch and presence of every link, for `status`.
    pub fn show(&self) -> impl Iterator<Item = (LinkPlan, u64, bool)> {
        self.0.iter().map(|link| (link.ends, link.epoch, link.up))
    }
}

impl Link {
    /// Makes a link of the next epoch and adds the grants of both its ends.
    fn renew(&mut self, plan: &Plan, messages: &mut Vec<Addressed>) -> Result<(), MapError> {
        let LinkPlan { requester, responder } = self.ends;
        self.epoch += 1;
        let name = |service: u32| plan.services[service as usize].config.name.as_str();
        let parts =
            link::create(&format!("bulkhead:link:{}:{}", name(requester), name(responder)), self.epoch)?;
        let (asks, answers) = (parts.requester_bell, parts.responder_bell);
        let (asks_copy, answers_copy) = (asks.duplicate()?, answers.duplicate()?);
        let memory = parts.memory.try_clone()?;
        let grant = |peer: u32, role| {
            let planned = &plan.services[peer as usize];
            let peer =
                Peer { service: peer, kind: service_kind(planned.kind), name: planned.config.name.clone() };
            Grant::Link { peer, role, epoch: self.epoch }
        };
        // Descriptors: memory, own bell, the peer's bell. The responder first: it should be there when it is asked.
        let fds = vec![memory, answers.into_fd(), asks_copy.into_fd()];
        messages.push((responder, (grant(requester, Role::Responder), fds)));
        let fds = vec![parts.memory, asks.into_fd(), answers_copy.into_fd()];
        messages.push((requester, (grant(responder, Role::Requester), fds)));
        self.up = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
