//! Takes up what a former supervisor left: running services, and everything that was under way.
//!
//! The record says what had been decided (`commit.rs`), so what is left is to say again what may not have been said: links
//! that an end may not have are replaced, deaths of peers told again, changes of media settled or given up, states
//! asked for, stops ordered. A service that had not got all its grants is ended and started anew, which costs nobody
//! anything, for it served nobody yet. A service that died meanwhile is noticed by its pidfd like any other.

use ipc::crash::{self, Point};
use ipc::message::Grant;
use ipc::wait::Watch;

use super::commit::process_names;
use super::lifecycle::peer_state;
use super::upgrade::{former_name, pinned_name};
use super::{CONTROL, PIDFD, Reactor, crash_points};
use crate::child::{Child, Process, State};
use crate::kept::Inheritance;
use crate::record::{ChildRecord, Record};
use crate::relink::Links;

/// What is given as the cause of death of a service whose start was interrupted.
const CUT_SHORT: &str = "its start was cut short by the death of the supervisor";

impl Reactor {
    /// Goes on where the supervisor that wrote `record` died. Whatever of `inheritance` nobody needs is closed.
    pub fn adopt(mut self, record: Record, mut inheritance: Inheritance) -> Self {
        crash_points::arm_kept(&self.memory.kept, &mut inheritance);
        crash::at(Point::AdoptBegun);
        self.clock = crate::clock::Clock::resume(record.origin);
        self.ticked = self.now();
        self.announced = record.announced;
        self.stopping = record.stopping.map(|stage| stage as usize);
        self.unfit = record.unfit;
        for unit in record.units {
            let at = unit.config.unit as usize;
            self.plan.units[at] = unit;
        }
        self.links = Links::resume(&self.plan, &record.links);
        self.access.resume(record.states, record.wanted, self.clock.now());
        let given_up = self.changes.resume(record.last_change, record.changes);
        let mut lost = Vec::new();
        for (service, child) in (0..).zip(record.children) {
            if !self.adopt_child(service, child, &mut inheritance) {
                lost.push(service);
            }
        }
        for name in inheritance.keys() {
            self.memory.kept.forget(name);
        }
        drop(inheritance);
        self.adopted = true;
        for service in lost {
            self.bury(service, "was lost with the supervisor".to_owned(), Vec::new(), None);
        }
        self.end_cut_short();
        crash::at(Point::AdoptChildren);
        self.say_again(given_up);
        self.record_processes();
        self.say();
        crash::at(Point::AdoptSaid);
        let running = self.children.iter().filter(|child| child.process.is_some()).count();
        tracing::info!(services = running, "the former supervisor is dead: took up its services");
        self
    }

    /// Takes up one service; false when it had a process whose descriptors are gone.
    fn adopt_child(&mut self, service: u32, record: ChildRecord, inheritance: &mut Inheritance) -> bool {
        let ChildRecord { state, starts, deaths, last_death, former, pinned, process } = record;
        let former = former.then(|| inheritance.remove(&former_name(service))).flatten();
        let pinned = pinned.then(|| inheritance.remove(&pinned_name(service))).flatten();
        let had_one = process.is_some();
        let fds = process_names(service, starts).map(|name| inheritance.remove(&name));
        let now = self.now();
        let process = process.and_then(|record| match fds {
            [Some(pidfd), Some(socket), Some(stats)] => {
                let process = Process::adopt(record, [pidfd, socket, stats], now);
                process.inspect_err(|error| tracing::error!(%error, "a service cannot be taken up")).ok()
            }
            _ => None,
        });
        let process = process.filter(|process| {
            let watch = self.waiter.add(process.pidfd(), PIDFD | u64::from(service), Watch::Readable);
            let watch = watch.and_then(|()| {
                self.waiter.add(process.socket(), CONTROL | u64::from(service), Watch::Readable)
            });
            watch.inspect_err(|error| tracing::error!(%error, "a service cannot be watched")).is_ok()
        });
        let found = process.is_some();
        self.children[service as usize] =
            Child { state, process, starts, deaths, last_death, former, pinned, crash_next: None };
        found || !had_one
    }

    /// Ends services that were being started, and that may lack some grant: they are started anew.
    fn end_cut_short(&mut self) {
        for service in 0..self.children.len() as u32 {
            let child = self.child(service);
            let starting = matches!(child.state, State::Starting);
            let Some(process) =
                child.process.as_mut().filter(|process| !process.granted || process.owed && starting)
            else {
                continue;
            };
            process.kill(CUT_SHORT);
            if starting {
                child.state = State::Stopping { again: true };
            }
        }
    }

    /// Says everything once more that may not have been said.
    fn say_again(&mut self, given_up: Vec<(u32, u64)>) {
        let doubtful: Vec<bool> = self
            .children
            .iter()
            .map(|child| child.process.as_ref().is_some_and(|process| process.owed))
            .collect();
        let doubtful = |service: u32| doubtful.get(service as usize).is_some_and(|owed| *owed);
        let repaired =
            self.links.repair(&self.plan, doubtful, |peer| peer_state(&self.children[peer as usize]));
        match repaired {
            Ok(messages) => self.send_all(messages),
            Err(error) => tracing::error!(%error, "links cannot be made again"),
        }
        for (unit, request) in given_up {
            let service = self.plan.units[unit as usize].service;
            self.send(service, (Grant::Settle { unit, request, go: false }, Vec::new()));
        }
        for (unit, request) in self.changes.settled() {
            let service = self.plan.units[unit as usize].service;
            self.send(service, (Grant::Settle { unit, request, go: true }, Vec::new()));
        }
        for core in self.plan.of_kind(crate::manifest::Kind::Core).collect::<Vec<u32>>() {
            for grant in self.access.grants() {
                self.send(core, (grant, Vec::new()));
            }
        }
        for service in 0..self.children.len() as u32 {
            let child = &self.children[service as usize];
            match child.state {
                State::Stopping { again } if child.process.is_some() => self.stop(service, again),
                // It had not come to this one.
                State::Stopped if child.starts == 0 && self.stopping.is_none() => self.start(service),
                _ => {}
            }
        }
    }
}
