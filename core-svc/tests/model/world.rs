//! The real core, in this thread, with fake transports and handlers around it; it can die and be born again at any step.
//!
//! Three nexuses on two units: nexuses 0 and 1 come through target 0 (transport A), which shows both units, nexus 2 through
//! target 1 (transport B), which shows unit 0 only. Unit 0 is on one handler, unit 1 on another.

use std::os::fd::OwnedFd;

use core_svc::core::Core;
use ipc::arena::Arena;
use ipc::extent::Extent;
use ipc::link::{self, LinkParts, Requester, Responder};
use ipc::message::config::{
    AccessManagement, AccessState, DeviceGroupConfig, LunConfig, ServiceKind, TargetConfig, UnitConfig,
};
use ipc::message::grant::{Peer, Role};
use ipc::message::record::{NexusNames, Reply, ReplyKind, Request, RequestKind, request_flags};
use ipc::message::{Event, Grant};
use ipc::shm;
use ipc::wait::Waiter;
use scsi::unit_report::{Control, Generations, UnitReport};

use crate::rules::Access;

/// Nexuses.
pub const NEXUSES: usize = 3;
/// Logical units.
pub const UNITS: usize = 2;
/// The transport of each nexus, as a place in `World::transports`; its target is the one with that number.
pub const TRANSPORT: [usize; NEXUSES] = [0, 0, 1];
/// Services: two transports, then two handlers.
const SERVICES: [u32; 4] = [1, 2, 3, 4];
/// Bytes of an arena.
const ARENA: usize = 2 << 20;
/// Where the names of nexuses are in it.
const NAMES: u64 = 1 << 20;

/// What handlers say at first: unrestricted reordering, as the restricted one leaves much to the device server.
pub fn initial_report() -> UnitReport {
    UnitReport {
        control: Control { queue_algorithm: 1, ..Default::default() },
        generations: Generations { capacity: 1, ..Default::default() },
        ..Default::default()
    }
}

/// The name of a nexus' initiator port.
pub fn initiator(nexus: usize) -> String {
    format!("iqn.2026-11.org.example:host{nexus},i,0x00023d00000{nexus}")
}

/// What came out of the core in one step.
#[derive(Debug, Default)]
pub struct Seen {
    /// Answers: nexus, and the reply.
    pub replies: Vec<(usize, Reply)>,
    /// Commands that handlers were told to execute: nexus and serial.
    pub executes: Vec<(usize, u64)>,
    /// Nexuses that do not prevent the removal of a unit's medium any more.
    pub allows: Vec<(usize, usize)>,
}

struct Transport {
    link: Requester,
    arena: Arena,
    /// The latest serial when it was linked.
    latest: u64,
}

struct Handler {
    link: Responder,
    report: UnitReport,
    /// Tasks that it has and has not ended, oldest first.
    tasks: Vec<Request>,
}

/// The core and what is around it.
pub struct World {
    core: Core,
    waiter: Waiter,
    notebook: OwnedFd,
    arenas: Vec<OwnedFd>,
    epochs: [u64; 4],
    transports: Vec<Transport>,
    handlers: Vec<Handler>,
    /// The transports' own numbers of the nexuses; a new one for each session.
    numbers: [u64; NEXUSES],
    next_number: u64,
    /// Commands that have not been answered, for a transport whose core dies.
    asked: Vec<Request>,
    /// The latest serial of a command.
    latest: u64,
}

impl World {
    /// A core that is configured and serves; no nexus is open.
    pub fn new() -> Self {
        let arenas = (0..2).map(|_| shm::create("model:arena", ARENA).unwrap()).collect();
        let notebook = shm::create("model:notebook", 2 << 20).unwrap();
        let mut world = Self {
            core: Core::default(),
            waiter: Waiter::new(0).unwrap(),
            notebook,
            arenas,
            epochs: [0; 4],
            transports: Vec::new(),
            handlers: Vec::new(),
            numbers: [0; NEXUSES],
            next_number: 1,
            asked: Vec::new(),
            latest: 0,
        };
        world.boot(&[initial_report(); UNITS]);
        world
    }

    fn grant(&mut self, grant: Grant, fds: Vec<OwnedFd>) {
        self.core.adopt(grant, fds, &mut self.waiter).unwrap();
    }

    /// Gives a fresh core its configuration and links, and answers its fences.
    fn boot(&mut self, reports: &[UnitReport; UNITS]) {
        self.grant(Grant::Notebook, vec![self.notebook.try_clone().unwrap()]);
        for (place, fd) in
            self.arenas.iter().map(|fd| fd.try_clone().unwrap()).enumerate().collect::<Vec<_>>()
        {
            self.grant(Grant::Arena { arena: SERVICES[place] }, vec![fd]);
        }
        self.grant(
            Grant::DeviceGroup(DeviceGroupConfig {
                group: 0,
                name: "all".to_owned(),
                management: AccessManagement::Implicit,
                states: vec![(1, AccessState::Active, false), (2, AccessState::Active, false)],
            }),
            Vec::new(),
        );
        for unit in 0..UNITS as u32 {
            let handler = SERVICES[2 + unit as usize];
            let config = UnitConfig { unit, name: format!("unit{unit}"), handler, ..Default::default() };
            self.grant(Grant::Unit(config), Vec::new());
        }
        for (target, luns) in [(0, vec![(0, 0), (1, 1)]), (1, vec![(0, 0)])] {
            let config = TargetConfig {
                target,
                name: format!("iqn.2026-11.org.example:{target}"),
                transport: SERVICES[target as usize],
                portal_group: 1,
                relative_port: target as u16 + 1,
                port_group: target as u16 + 1,
                luns: luns.into_iter().map(|(lun, unit)| LunConfig { lun, unit, read_only: false }).collect(),
                ..Default::default()
            };
            self.grant(Grant::Target(config), Vec::new());
        }
        self.grant(Grant::Go, Vec::new());
        self.transports = (0..2).map(|place| self.transport(place)).collect();
        self.handlers = (0..2).map(|place| self.handler(place, reports[place])).collect();
    }

    fn link(&mut self, place: usize, role: Role) -> LinkParts {
        self.epochs[place] += 1;
        let (epoch, service) = (self.epochs[place], SERVICES[place]);
        let parts = link::create("model:link", epoch).unwrap();
        let bells = [&parts.requester_bell, &parts.responder_bell];
        let [requester, responder] = bells.map(|bell| bell.duplicate().unwrap().into_fd());
        let (mine, theirs, kind) = match role {
            Role::Requester => (requester, responder, ServiceKind::Vdisk),
            Role::Responder => (responder, requester, ServiceKind::Iscsi),
        };
        let peer = Peer { service, kind, name: format!("peer{service}") };
        self.grant(Grant::Link { peer, role, epoch }, vec![parts.memory.try_clone().unwrap(), mine, theirs]);
        parts
    }

    fn transport(&mut self, place: usize) -> Transport {
        let parts = self.link(place, Role::Responder);
        let arena = Arena::new(SERVICES[place], self.arenas[place].try_clone().unwrap()).unwrap();
        let link =
            Requester::new(&parts.memory, self.epochs[place], parts.requester_bell, parts.responder_bell);
        let mut transport = Transport { link: link.unwrap(), arena, latest: self.latest };
        transport.send(&Request::new(RequestKind::Attach, 0, 0));
        for nexus in (0..NEXUSES).filter(|nexus| TRANSPORT[*nexus] == place && self.numbers[*nexus] != 0) {
            let open = transport.open(nexus, self.numbers[nexus], request_flags::RESUMED);
            transport.send(&open);
        }
        transport.send(&Request::new(RequestKind::AttachEnd, 0, 0));
        transport
    }

    fn handler(&mut self, place: usize, report: UnitReport) -> Handler {
        let parts = self.link(2 + place, Role::Requester);
        let epoch = self.epochs[2 + place];
        let link = Responder::new(&parts.memory, epoch, parts.responder_bell, parts.requester_bell).unwrap();
        let mut handler = Handler { link, report, tasks: Vec::new() };
        handler.tell(place);
        handler
    }

    /// Turns the core until it comes to rest, and collects what came out.
    pub fn settle(&mut self) -> Seen {
        let mut seen = Seen::default();
        self.turn_to_rest(|world| world.collect(&mut seen));
        seen
    }

    /// Turns the core until it comes to rest, and no transport reads what it says.
    pub fn settle_unread(&mut self) {
        self.turn_to_rest(|world| world.collect_of_handlers(&mut Seen::default()));
    }

    /// The core takes in what has come, and gets no further.
    pub fn begin_turn(&mut self) {
        self.core.turn();
    }

    fn turn_to_rest(&mut self, mut collect: impl FnMut(&mut Self) -> bool) {
        for _ in 0..10_000 {
            let worked = self.core.turn();
            self.core.flush();
            self.core.bury_links(&self.waiter);
            self.core.events.retain(|event| !matches!(event, Event::AccessState { .. }));
            assert!(self.core.events.is_empty(), "{:?}", self.core.events);
            if !(collect(self) | worked) {
                return;
            }
        }
        panic!("the core does not come to rest");
    }

    fn collect(&mut self, seen: &mut Seen) -> bool {
        self.collect_of_transports(seen) | self.collect_of_handlers(seen)
    }

    fn collect_of_transports(&mut self, seen: &mut Seen) -> bool {
        let mut any = false;
        for (place, transport) in self.transports.iter_mut().enumerate() {
            while let Some(reply) = transport.link.receive().unwrap() {
                any = true;
                let of = |nexus: &usize| TRANSPORT[*nexus] == place && self.numbers[*nexus] == reply.nexus;
                if reply.kind == ReplyKind::Attached as u8 || reply.kind == ReplyKind::NexusOpened as u8 {
                    assert_eq!(reply.status, 0);
                    continue;
                }
                self.asked.retain(|asked| (asked.nexus, asked.serial) != (reply.nexus, reply.serial));
                let nexus = (0..NEXUSES).find(of).expect("a nexus that is open");
                seen.replies.push((nexus, reply));
            }
            transport.link.flush();
        }
        any
    }

    fn collect_of_handlers(&mut self, seen: &mut Seen) -> bool {
        let mut any = false;
        for (place, handler) in self.handlers.iter_mut().enumerate() {
            while let Some(request) = handler.link.receive().unwrap() {
                any = true;
                match RequestKind::try_from(request.kind).unwrap() {
                    RequestKind::Fence => {
                        handler.send(&Reply::new(ReplyKind::Fenced, request.nexus, request.serial));
                    }
                    RequestKind::Execute => {
                        let nexus =
                            (0..NEXUSES).find(|nexus| wide(*nexus, self.numbers[*nexus]) == request.nexus);
                        seen.executes.push((nexus.expect("a nexus that is open"), request.serial));
                        handler.tasks.push(request);
                    }
                    RequestKind::Reset => {
                        handler.send(&Reply::new(ReplyKind::ResetDone, request.nexus, request.serial));
                    }
                    RequestKind::Allow => {
                        let of = |nexus: &usize| wide(*nexus, self.numbers[*nexus]) == request.nexus;
                        let nexus = (0..NEXUSES).find(of).expect("a nexus that is open");
                        seen.allows.push((nexus, place));
                        handler.send(&Reply::new(ReplyKind::NexusForgotten, request.nexus, request.serial));
                    }
                    RequestKind::NexusLost => {
                        handler.send(&Reply::new(ReplyKind::NexusForgotten, request.nexus, request.serial));
                    }
                    // A hint: the task ends when a step ends it.
                    RequestKind::Abort => {}
                    other => panic!("{other:?} for the handler of unit {place}"),
                }
            }
            handler.link.flush();
        }
        any
    }

    /// Opens a new session of a nexus.
    pub fn open(&mut self, nexus: usize) {
        assert_eq!(self.numbers[nexus], 0);
        self.numbers[nexus] = self.next_number;
        self.next_number += 1;
        let transport = &mut self.transports[TRANSPORT[nexus]];
        let open = transport.open(nexus, self.numbers[nexus], 0);
        transport.send(&open);
    }

    /// The session of a nexus ends. What it had asked is not answered any more.
    pub fn close(&mut self, nexus: usize) {
        let number = self.numbers[nexus];
        self.asked.retain(|asked| asked.nexus != number);
        let close = Request::new(RequestKind::NexusClose, number, u64::MAX);
        self.asked.push(close);
        self.transports[TRANSPORT[nexus]].send(&close);
    }

    /// The number under which handlers know the nexus.
    pub fn wide(&self, nexus: usize) -> u64 {
        wide(nexus, self.numbers[nexus])
    }

    /// The transport has heard that the session is over.
    pub fn forget(&mut self, nexus: usize) {
        self.numbers[nexus] = 0;
    }

    /// Sends a command; `data_out` is put into the arena before.
    pub fn command(
        &mut self,
        nexus: usize,
        serial: u64,
        (lun, attribute): (u8, u8),
        cdb: &[u8],
        data_out: Option<&[u8]>,
    ) {
        let transport = &mut self.transports[TRANSPORT[nexus]];
        let mut request = Request::new(RequestKind::Command, self.numbers[nexus], serial);
        request.attribute = attribute;
        request.lun = u64::from_be_bytes([0, lun, 0, 0, 0, 0, 0, 0]);
        request.cdb_len = cdb.len() as u8;
        request.cdb[..cdb.len()].copy_from_slice(cdb);
        let extent = Extent { arena: transport.arena.id(), len: 1024, offset: slot(serial) };
        match data_out {
            Some(bytes) => {
                let extent = Extent { len: bytes.len() as u32, ..extent };
                transport.arena.write(transport.arena.check(extent).unwrap(), bytes);
                (request.extents[0], request.out_extents, request.out_len) = (extent, 1, extent.len);
            }
            None => (request.extents[0], request.in_extents, request.in_len) = (extent, 1, 1024),
        }
        transport.send(&request);
        self.latest = self.latest.max(serial);
        self.asked.push(request);
    }

    /// The data that a command of a nexus has returned.
    pub fn data_in(&self, nexus: usize, serial: u64, len: u32) -> Vec<u8> {
        let arena = &self.transports[TRANSPORT[nexus]].arena;
        let mut bytes = vec![0; len as usize];
        if len > 0 {
            let extent = Extent { arena: arena.id(), len, offset: slot(serial) };
            arena.read(arena.check(extent).unwrap(), &mut bytes);
        }
        bytes
    }

    /// Sends a task management function, in the octets of RFC 7143 11.5.1.
    pub fn function(&mut self, nexus: usize, serial: u64, (lun, function): (u8, u8), task: u64) {
        let mut request = Request::new(RequestKind::TaskManagement, self.numbers[nexus], serial);
        request.function = function;
        request.lun = u64::from_be_bytes([0, lun, 0, 0, 0, 0, 0, 0]);
        request.ref_serial = task;
        self.transports[TRANSPORT[nexus]].send(&request);
        self.asked.push(request);
    }

    /// The handler of `unit` ends a task with this status and sense data.
    pub fn complete(&mut self, unit: usize, nexus: usize, serial: u64, status: u8, sense: &[u8]) {
        let number = wide(nexus, self.numbers[nexus]);
        let handler = &mut self.handlers[unit];
        let of = |task: &Request| (task.nexus, task.serial) == (number, serial);
        let place = handler.tasks.iter().position(of).expect("a task of the handler");
        let task = handler.tasks.remove(place);
        let mut reply = Reply::new(ReplyKind::Done, task.nexus, task.serial);
        reply.status = status;
        reply.sense[..sense.len()].copy_from_slice(sense);
        reply.sense_len = sense.len() as u8;
        handler.send(&reply);
    }

    /// The handler of `unit` says how the unit is now.
    pub fn report(&mut self, unit: usize, report: UnitReport) {
        self.handlers[unit].report = report;
        self.handlers[unit].tell(unit);
    }

    /// The administrator sets the state of the port group of a target.
    pub fn set_access(&mut self, target: usize, access: Access) {
        let state = match access {
            Access::Optimized => AccessState::Active,
            Access::NonOptimized => AccessState::NonOptimized,
            Access::Standby => AccessState::Standby,
            Access::Unavailable => AccessState::Unavailable,
            Access::Transitioning => AccessState::Transitioning,
        };
        self.grant(Grant::AccessState { device_group: 0, port_group: target as u16 + 1, state }, Vec::new());
    }

    /// The handler of `unit` dies and comes back; its tasks come again.
    pub fn handler_dies(&mut self, unit: usize) {
        let (peer, epoch) = (SERVICES[2 + unit], self.epochs[2 + unit]);
        self.grant(Grant::LinkDown { peer, epoch, held: false }, Vec::new());
        let report = self.handlers[unit].report;
        self.handlers[unit] = self.handler(unit, report);
    }

    /// The core dies and is born again with its notebook; transports ask again for what they have no answer to, and handlers
    /// have finished what they had been told.
    pub fn core_dies(&mut self) {
        self.core = Core::default();
        self.waiter = Waiter::new(0).unwrap();
        let reports = [self.handlers[0].report, self.handlers[1].report];
        self.boot(&reports);
        for request in self.asked.clone() {
            let place = (0..NEXUSES)
                .find(|nexus| self.numbers[*nexus] == request.nexus)
                .map(|nexus| TRANSPORT[nexus]);
            let mut again = request;
            again.flags |= request_flags::AGAIN;
            self.transports[place.expect("a nexus that is open")].send(&again);
        }
    }
}

impl Transport {
    fn send(&mut self, request: &Request) {
        self.link.send(request).unwrap();
        self.link.flush();
    }

    fn open(&self, nexus: usize, number: u64, flags: u8) -> Request {
        let target = TRANSPORT[nexus] as u32;
        let names = NexusNames {
            initiator: initiator(nexus),
            target: format!("iqn.2026-11.org.example:{target},t,0x0001"),
        };
        let names = names.encode();
        let offset = NAMES + 1024 * nexus as u64;
        let extent = Extent { arena: self.arena.id(), len: names.len() as u32, offset };
        self.arena.write(self.arena.check(extent).unwrap(), &names);
        let mut request = Request::new(RequestKind::NexusOpen, number, 0);
        (request.unit, request.flags) = (target, flags);
        request.ref_serial = if flags & request_flags::RESUMED == 0 { 0 } else { self.latest };
        (request.out_extents, request.extents[0]) = (1, extent);
        request
    }
}

impl Handler {
    fn send(&mut self, reply: &Reply) {
        self.link.send(reply).unwrap();
        self.link.flush();
    }

    fn tell(&mut self, unit: usize) {
        let mut reply = Reply::new(ReplyKind::UnitReport, 0, unit as u64);
        let bytes = self.report.encode();
        reply.sense[..bytes.len()].copy_from_slice(&bytes);
        reply.sense_len = bytes.len() as u8;
        self.send(&reply);
    }
}

/// Where the data of a command is in its transport's arena. No run has so many commands.
fn slot(serial: u64) -> u64 {
    serial % 1024 * 1024
}

/// The number under which handlers know a nexus: the service index of its transport in the high octet.
fn wide(nexus: usize, number: u64) -> u64 {
    u64::from(SERVICES[TRANSPORT[nexus]]) << 56 | number
}
