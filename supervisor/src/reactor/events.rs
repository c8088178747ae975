//! What services say, and what is made of it. Whatever they say, it costs the supervisor a bounded amount of memory and
//! time; a service that breaks the contract is killed.

use std::os::fd::OwnedFd;

use ipc::ABI_VERSION;
use ipc::channel::ChannelError;
use ipc::crash::{self, Point};
use ipc::message::Event;
use ipc::message::config::ServiceKind;
use ipc::stats::COUNTERS;
use ipc::wait::Ready;

use super::Reactor;
use crate::child::State;
use crate::plan::service_kind;
use crate::spawn;

/// Events of one service that are heard before the others have their turn.
const EVENTS_A_TURN: usize = 64;
/// Problems that are kept for `status`.
const MOST_PROBLEMS: usize = 32;
/// Every how manyth fault that a service reports of its peers kills the peer.
const FAULTS_OF_A_PEER: u32 = 4;
/// The fault that kills the service that reports it.
const FAULTS_OF_AN_ACCUSER: u32 = 17;
/// Bytes of a service's text that are kept.
const MOST_TEXT: usize = 1024;

impl Reactor {
    pub(super) fn on_control(&mut self, service: u32, event: Ready) {
        if event.writable
            && let Some(process) = &mut self.child(service).process
        {
            process.flush();
            self.watch_room(service);
        }
        if event.readable {
            self.hear(service);
        }
    }

    /// Hears what a service has said. True if there may be more.
    pub(super) fn hear(&mut self, service: u32) -> bool {
        let limit = self.now() + self.plan.settings.stop_limit;
        for _ in 0..EVENTS_A_TURN {
            let Some(process) = &mut self.child(service).process else { return false };
            match process.hear() {
                Ok(Some((event, fds))) => {
                    // Deposits are with the keeper when they are with us, and are nothing that the record would name.
                    let kept = matches!(event, Event::Deposit { .. } | Event::Withdraw { .. });
                    self.on_event(service, event, fds);
                    if !kept {
                        self.commit();
                    }
                    crash::at(Point::EventDone);
                    if let Some(process) = &mut self.child(service).process {
                        process.heard();
                    }
                    crash::at(Point::EventTaken);
                }
                Ok(None) => return false,
                Err(ChannelError::Closed) => {
                    // A dead process closes its socket, too, and its pidfd says so in this turn or the next.
                    process.kill_at.get_or_insert_with(|| (limit, "closed its control socket".to_owned()));
                    // A closed socket would be reported again and again.
                    self.unwatch_socket(service);
                    return false;
                }
                Err(ChannelError::Codec(error)) if !process.hello => {
                    process.heard();
                    self.unfit(service, &format!("its hello cannot be read ({error})"));
                    return false;
                }
                Err(error) => {
                    process.heard();
                    self.kill(service, &format!("sent what is no event: {error}"));
                    return false;
                }
            }
        }
        true
    }

    fn unwatch_socket(&mut self, service: u32) {
        if let Some(process) = &self.children[service as usize].process {
            let _ = self.waiter.remove(process.socket());
        }
    }

    fn on_event(&mut self, service: u32, event: Event, fds: Vec<OwnedFd>) {
        match event {
            Event::Hello { abi, kind, version, counters } => {
                self.on_hello(service, abi, kind, &version, counters)
            }
            Event::Ready => self.on_ready(service),
            Event::Problem { text } => {
                let text = shortened(text);
                tracing::error!(service = %self.name(service), %text, "has a problem");
                if let Some(process) = &mut self.child(service).process
                    && process.problems.len() < MOST_PROBLEMS
                    && !process.problems.contains(&text)
                {
                    process.problems.push(text);
                }
            }
            Event::Explained { request, told } => self.on_explained(service, request, told),
            Event::Device { unit, request, answer } => self.on_device_answer(service, unit, request, answer),
            Event::PeerFault { peer, epoch, fault } => self.on_peer_fault(service, peer, epoch, fault),
            Event::Deposit { key } => {
                let Some(socket) = fds.into_iter().next() else {
                    return self.kill(service, "deposited no socket");
                };
                if !self.wiring.deposit(&self.plan, service, key, socket) {
                    self.kill(service, "deposited more sockets than it may have connections");
                }
            }
            Event::AccessState { device_group, port_group, state } => {
                self.on_access_state(service, (device_group, port_group), state)
            }
            Event::Withdraw { key } => self.wiring.withdraw(service, key),
            Event::Stopped => tracing::debug!(service = %self.name(service), "says that it has stopped"),
        }
    }

    fn on_hello(
        &mut self,
        service: u32,
        abi: u32,
        kind: ServiceKind,
        version: &str,
        mut counters: Vec<String>,
    ) {
        if abi != ABI_VERSION {
            let version = shortened(version.to_owned());
            return self
                .unfit(service, &format!("it is version {version} and speaks ABI {abi}, not {ABI_VERSION}"));
        }
        if kind != service_kind(self.plan.services[service as usize].kind) {
            return self.unfit(service, &format!("it is another service ({kind:?})"));
        }
        let Some(process) = &mut self.child(service).process else { return };
        if process.hello {
            return self.kill(service, "said hello twice");
        }
        process.hello = true;
        counters.truncate(COUNTERS);
        process.counters = counters.into_iter().map(shortened).collect();
        self.grant(service);
    }

    /// The binary is not of this build: no restart helps. At boot nothing can be served, so all of it ends.
    fn unfit(&mut self, service: u32, what: &str) {
        let binary = spawn::binary(self.plan.services[service as usize].kind);
        let text = format!("{}: {what}; install bulkhead and its services from one build", binary.display());
        tracing::error!("{text}");
        if self.child(service).former.is_some() {
            // It is told from a death in no other way: the former program comes back.
            return self.kill(service, &text);
        }
        if !self.announced {
            self.unfit = Some(text.clone());
            self.stop_all();
        }
        self.kill(service, &text);
        let child = self.child(service);
        // Restarted by no policy: an administrator has to install the right one first.
        child.state = State::Stopping { again: false };
    }

    fn on_ready(&mut self, service: u32) {
        let now = self.now();
        let child = self.child(service);
        let Some(process) = &mut child.process else { return };
        process.ready.get_or_insert(now);
        let starting = child.state == State::Starting;
        if starting {
            self.upgraded(service);
        }
        let child = self.child(service);
        if starting {
            child.state = State::Running;
            tracing::info!(service = %self.name(service), "ready");
        }
        if !self.announced && self.children.iter().all(|child| child.state == State::Running) {
            self.announced = true;
            std::mem::replace(&mut self.on_ready, Box::new(|| {}))();
        }
    }

    /// A service closed its link because the peer broke the contract. Which of the two is at fault nobody can tell, so at
    /// first both get a fresh link and nobody dies. When it goes on, the accused is killed, and later the accuser, too.
    fn on_peer_fault(&mut self, service: u32, peer: u32, epoch: u64, fault: String) {
        let fault = shortened(fault);
        let peer_name = self.plan.services.get(peer as usize).map_or("?", |planned| &planned.config.name);
        tracing::error!(service = %self.name(service), peer = %peer_name, epoch, %fault, "the peer broke the contract");
        let Some(process) = &mut self.children[service as usize].process else { return };
        process.faults += 1;
        let faults = process.faults;
        let is_peer = self.plan.links.iter().any(|link| link.other_end(service) == Some(peer));
        if !is_peer || faults >= FAULTS_OF_AN_ACCUSER {
            return self.kill(service, &format!("reported {faults} faults of its peers, the last: {fault}"));
        }
        match self.links.replace(&self.plan, service, peer, epoch) {
            // The other end complained first, or one of the two has died since.
            Ok(messages) if messages.is_empty() => {}
            Ok(messages) => {
                self.send_all(messages);
                if faults.is_multiple_of(FAULTS_OF_A_PEER) {
                    self.kill(peer, &format!("broke the contract of its link again: {fault}"));
                }
            }
            Err(error) => self.kill(service, &format!("its link cannot be replaced: {error}")),
        }
    }
}

pub(super) fn shortened(mut text: String) -> String {
    if text.len() > MOST_TEXT {
        let end = (0..=MOST_TEXT).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        text.truncate(end);
    }
    text
}
