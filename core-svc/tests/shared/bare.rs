//! The core without its loop, in the test's own thread: nothing happens but by [`Bare::step`].
//!
//! Services and units as in `service/rig.rs`: transports 1 and 2, handlers 3 and 4, unit 0 on 3 and unit 1 on 4, target 0
//! (LUN 0 and 1) on transport 1, target 1 (LUN 0) on transport 2.

#![allow(dead_code)]

use std::collections::HashMap;
use std::os::fd::OwnedFd;

use core_svc::core::Core;
use ipc::link;
use ipc::message::Grant;
use ipc::message::config::{ServiceKind, TargetConfig, UnitConfig};
use ipc::message::grant::{Peer, Role};
use ipc::shm;
use ipc::wait::Waiter;

use crate::ends::{ARENA, FakeHandler, FakeTransport};

pub const A: u32 = 1;
pub const B: u32 = 2;
pub const DISK: u32 = 3;
pub const OTHER: u32 = 4;

pub struct Bare {
    pub core: Core,
    waiter: Waiter,
    arenas: HashMap<u32, OwnedFd>,
    pub epochs: HashMap<u32, u64>,
}

impl Bare {
    /// A core that is configured and has no links.
    pub fn new() -> Self {
        Self::born(shm::create("test:notebook", 2 << 20).unwrap(), |_, _| {})
    }

    /// The same with a notebook that may hold something. `before` is called when nothing has been granted yet.
    pub fn born(notebook: OwnedFd, before: impl FnOnce(&mut Core, &Waiter)) -> Self {
        let arenas = [A, B].map(|service| (service, shm::create("test:arena", ARENA).unwrap())).into();
        let mut bare =
            Self { core: Core::default(), waiter: Waiter::new(0).unwrap(), arenas, epochs: HashMap::new() };
        before(&mut bare.core, &bare.waiter);
        bare.grant(Grant::Notebook, vec![notebook]);
        for service in [A, B] {
            let arena = bare.arenas[&service].try_clone().unwrap();
            bare.grant(Grant::Arena { arena: service }, vec![arena]);
        }
        for (unit, handler) in [(0, DISK), (1, OTHER)] {
            bare.grant(
                Grant::Unit(UnitConfig { unit, name: format!("unit{unit}"), handler, ..Default::default() }),
                Vec::new(),
            );
        }
        for (target, transport, luns) in [(0, A, vec![(0, 0), (1, 1)]), (1, B, vec![(0, 0)])] {
            let (name, alias, portals) = (format!("iqn:{target}"), String::new(), Vec::new());
            let target = TargetConfig {
                target,
                name,
                alias,
                transport,
                portal_group: 1,
                portals,
                relative_port: target as u16 + 1,
                luns: crate::ends::luns(&luns),
                ..Default::default()
            };
            bare.grant(Grant::Target(target), Vec::new());
        }
        bare.grant(Grant::Go, Vec::new());
        bare
    }

    pub fn grant(&mut self, grant: Grant, fds: Vec<OwnedFd>) {
        self.core.adopt(grant, fds, &mut self.waiter).unwrap();
    }

    /// One turn of the loop.
    pub fn step(&mut self) -> bool {
        let worked = self.core.turn();
        self.core.flush();
        self.core.bury_links(&self.waiter);
        worked
    }

    /// Turns until there is nothing to do.
    pub fn settle(&mut self) {
        for _ in 0..10_000 {
            if !self.step() {
                return;
            }
        }
        panic!("the core does not come to rest");
    }

    /// Whether a bell that the core watches has been rung since the last look.
    pub fn is_rung(&mut self) -> bool {
        let mut ready = Vec::new();
        self.waiter.peek(&mut ready).unwrap();
        !ready.is_empty()
    }

    fn link(&mut self, service: u32, role: Role) -> (link::LinkParts, u64) {
        let epoch = self.epochs.entry(service).or_insert(0);
        *epoch += 1;
        let epoch = *epoch;
        let parts = link::create("test:link", epoch).unwrap();
        let copies =
            [&parts.requester_bell, &parts.responder_bell].map(|bell| bell.duplicate().unwrap().into_fd());
        let [requester, responder] = copies;
        let (mine, theirs, kind) = match role {
            Role::Requester => (requester, responder, ServiceKind::Vdisk),
            Role::Responder => (responder, requester, ServiceKind::Iscsi),
        };
        let peer = Peer { service, kind, name: format!("peer{service}") };
        self.grant(Grant::Link { peer, role, epoch }, vec![parts.memory.try_clone().unwrap(), mine, theirs]);
        (parts, epoch)
    }

    pub fn transport(&mut self, service: u32) -> FakeTransport {
        let (parts, epoch) = self.link(service, Role::Responder);
        FakeTransport::new(service, &self.arenas[&service], epoch, &parts)
    }

    pub fn handler(&mut self, service: u32) -> FakeHandler {
        let (parts, epoch) = self.link(service, Role::Requester);
        FakeHandler::new(epoch, &parts)
    }

    pub fn down(&mut self, service: u32, held: bool) {
        let epoch = self.epochs.get(&service).copied().unwrap_or(0);
        self.grant(Grant::LinkDown { peer: service, epoch, held }, Vec::new());
    }
}
