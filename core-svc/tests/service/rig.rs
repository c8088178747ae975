//! The core as its supervisor has it: a loop behind a control socket, here in a thread, with links to fake peers.
//!
//! Services: 0 the core, 1 and 2 transports, 3 and 4 handlers. Units: 0 on handler 3, 1 on handler 4. Target 0 on
//! transport 1 has LUN 0 (unit 0), LUN 1 (unit 1) and LUN 300 (unit 1); target 1 on transport 2 has LUN 0 (unit 0).

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::os::fd::{AsFd, OwnedFd};
use std::thread::JoinHandle;

use core_svc::run;
use core_svc::stats::NAMES;
use ipc::arena::Arena;
use ipc::channel::{self, ServiceChannel, SupervisorChannel};
use ipc::link::{self, LinkParts};
use ipc::message::config::{ServiceConfig, ServiceKind, TargetConfig, UnitConfig};
use ipc::message::grant::{Peer, Role};
use ipc::message::{Event, Grant};
use ipc::service::Control;
use ipc::shm;

use crate::ends::{ARENA, FakeHandler, FakeTransport, TEST_UNIT_READY, lun, sense, until};

pub const CORE: u32 = 0;
pub const A: u32 = 1;
pub const B: u32 = 2;
pub const DISK: u32 = 3;
pub const OTHER: u32 = 4;

/// Bytes of the arena that the core copies through: seven chunks of 256 KiB besides the one for pages.
pub const COPY_ARENA: usize = 2 << 20;

/// A question of [`Rig::grant`]: when it is answered, what came before it has been heard.
const ECHO: u64 = u64::MAX;

/// The nexus that [`Rig::stage`] opens.
pub const NEXUS: u64 = 7;

pub struct Rig {
    /// Granted last before `Go`, to every core.
    extras: Vec<Grant>,
    hold_ms: u32,
    incarnation: u64,
    channel: RefCell<Option<SupervisorChannel>>,
    /// What it said while it was waited for something else.
    said: RefCell<VecDeque<Event>>,
    /// It has been told `Go`.
    runs: Cell<bool>,
    thread: Option<JoinHandle<()>>,
    notebook: OwnedFd,
    /// The handler of unit 1, which the stage has little to do with.
    pub other: Option<FakeHandler>,
    state: Option<OwnedFd>,
    arenas: HashMap<u32, OwnedFd>,
    epochs: HashMap<u32, u64>,
}

impl Rig {
    /// A core that is running and has no links.
    pub fn start() -> Self {
        Self::with_hold(30_000)
    }

    pub fn with_hold(hold_ms: u32) -> Self {
        Self::begin(hold_ms, Vec::new())
    }

    /// A core that is granted more than the usual.
    pub fn with_grants(extras: Vec<Grant>) -> Self {
        Self::begin(30_000, extras)
    }

    fn begin(hold_ms: u32, extras: Vec<Grant>) -> Self {
        let mut rig = Self {
            extras,
            hold_ms,
            incarnation: 0,
            channel: RefCell::default(),
            said: RefCell::default(),
            runs: Cell::default(),
            thread: None,
            notebook: shm::create("test:notebook", 1 << 20).unwrap(),
            other: None,
            state: None,
            arenas: [(CORE, COPY_ARENA), (A, ARENA), (B, ARENA)]
                .map(|(service, bytes)| (service, shm::create("test:arena", bytes).unwrap()))
                .into(),
            epochs: HashMap::new(),
        };
        rig.launch();
        rig.go();
        rig
    }

    /// A running core; transport A is attached and has [`NEXUS`], which has taken its power-on condition at LUN 0; handler
    /// DISK serves.
    pub fn stage() -> (Self, FakeTransport, FakeHandler) {
        Self::staged(Self::start())
    }

    /// The stage, and nexus 1 over transport B, which sees the same unit through target 1.
    pub fn two() -> (Self, FakeTransport, FakeTransport, FakeHandler) {
        let (mut rig, a, disk) = Self::stage();
        let mut b = rig.transport(B);
        b.attach(1, &[]);
        open_quietly(&mut b, 1, 1);
        (rig, a, b, disk)
    }

    /// The core of [`two`](Self::two) dies; everybody is linked to the next one.
    pub fn reborn(&mut self) -> (FakeTransport, FakeTransport, FakeHandler) {
        self.die();
        self.launch();
        let (mut a, mut b) = (self.transport(A), self.transport(B));
        let (mut disk, mut other) = (self.handler(DISK), self.handler(OTHER));
        self.go();
        disk.fence();
        other.fence();
        a.attach(0, &[NEXUS]);
        b.attach(1, &[1]);
        (a, b, disk)
    }

    pub fn staged(mut rig: Self) -> (Self, FakeTransport, FakeHandler) {
        let mut disk = rig.handler(DISK);
        disk.fence();
        let mut other = rig.handler(OTHER);
        other.fence();
        rig.other = Some(other);
        let mut transport = rig.transport(A);
        transport.attach(0, &[]);
        open_quietly(&mut transport, NEXUS, 0);
        (rig, transport, disk)
    }

    /// Starts a core and grants it everything except links and `Go`.
    pub fn launch(&mut self) {
        self.incarnation += 1;
        let (channel, theirs) = channel::pair().unwrap();
        self.thread = Some(std::thread::spawn(move || {
            let control = Control::over(ServiceChannel::from_fd(theirs), ServiceKind::Core, NAMES).unwrap();
            run::run(control).unwrap();
        }));
        self.channel = Some(channel).into();
        self.said.get_mut().clear();
        self.runs = false.into();
        self.grant(
            Grant::Service(ServiceConfig {
                service: 0,
                name: "core".into(),
                incarnation: self.incarnation,
                poll_us: 50,
                hold_ms: self.hold_ms,
                log: "off".into(),
                max_connections: 0,
                nop_interval_s: 0,
                queue_depth: 0,
                workers: 0,
                buffers: 0,
            }),
            &[],
        );
        let stats = shm::create("test:stats", ipc::stats::PAGE_BYTES).unwrap();
        self.grant(Grant::Stats, &[stats]);
        self.grant(Grant::Notebook, &[self.notebook.try_clone().unwrap()]);
        if let Some(state) = &self.state {
            self.grant(Grant::State, &[state.try_clone().unwrap()]);
        }
        for service in [CORE, A, B] {
            let arena = self.arenas[&service].try_clone().unwrap();
            self.grant(Grant::Arena { arena: service }, &[arena]);
        }
        for (unit, name, handler) in [(0, "disk", DISK), (1, "other", OTHER)] {
            self.grant(
                Grant::Unit(UnitConfig { unit, name: name.into(), handler, ..Default::default() }),
                &[],
            );
        }
        for (target, transport, luns) in [(0, A, vec![(300, 1), (0, 0), (1, 1)]), (1, B, vec![(0, 0)])] {
            let config = TargetConfig {
                target,
                name: format!("iqn.2026-11.org.example:{target}"),
                transport,
                portal_group: 1,
                portals: Vec::new(),
                relative_port: target as u16 + 1,
                luns: crate::ends::luns(&luns),
                ..Default::default()
            };
            self.grant(Grant::Target(config), &[]);
        }
        for extra in self.extras.clone() {
            self.grant(extra, &[]);
        }
    }

    /// Grants `Go` and waits for `Ready`.
    pub fn go(&mut self) {
        self.grant(Grant::Go, &[]);
        while self.event() != Event::Ready {}
        self.runs.set(true);
    }

    /// The core's process dies: whatever it has not said is unsaid.
    pub fn die(&mut self) {
        self.channel = RefCell::default();
        self.thread.take().unwrap().join().unwrap();
    }

    /// Grants something. When this returns, a core that runs has heard it: nothing orders the control socket and the links.
    pub fn grant(&self, grant: Grant, fds: &[OwnedFd]) {
        let last = matches!(grant, Grant::Stop);
        self.send(&grant, fds);
        if self.runs.get() && !last {
            self.send(&Grant::Explain { request: ECHO, units: Vec::new() }, &[]);
            let mut said = self.said.borrow_mut();
            loop {
                match self.hear() {
                    Event::Explained { request: ECHO, .. } => break,
                    other => said.push_back(other),
                }
            }
        }
    }

    fn send(&self, grant: &Grant, fds: &[OwnedFd]) {
        let fds: Vec<_> = fds.iter().map(AsFd::as_fd).collect();
        self.channel.borrow().as_ref().unwrap().send(grant, &fds).unwrap();
    }

    fn hear(&self) -> Event {
        let mut channel = self.channel.borrow_mut();
        let channel = channel.as_mut().unwrap();
        until("an event", || channel.receive().unwrap()).0
    }

    /// The next event.
    pub fn event(&mut self) -> Event {
        self.said.get_mut().pop_front().unwrap_or_else(|| self.hear())
    }

    /// An event, if there is one.
    pub fn poll_event(&mut self) -> Option<Event> {
        let said = self.said.get_mut().pop_front();
        said.or_else(|| Some(self.channel.get_mut().as_mut().unwrap().receive().unwrap()?.0))
    }

    /// Another segment is granted as the notebook from now on.
    pub fn replace_notebook(&mut self, notebook: OwnedFd) {
        self.notebook = notebook;
    }

    /// This directory is granted from the next start on.
    pub fn keep_state_in(&mut self, directory: &std::path::Path) {
        self.state = Some(std::fs::File::open(directory).unwrap().into());
    }

    /// The next event, which has to be a fault of this peer over its latest link.
    pub fn fault_of(&mut self, service: u32) -> String {
        match self.event() {
            Event::PeerFault { peer, epoch, fault } => {
                assert_eq!((peer, epoch), (service, self.epochs[&service]));
                fault
            }
            other => panic!("{other:?} is no fault"),
        }
    }

    fn parts(&mut self, service: u32, role: Role) -> (LinkParts, u64) {
        let epoch = self.epochs.entry(service).or_insert(0);
        *epoch += 1;
        let epoch = *epoch;
        let parts = link::create("test:link", epoch).unwrap();
        self.grant_link(service, role, epoch, &parts);
        (parts, epoch)
    }

    pub fn grant_link(&self, service: u32, role: Role, epoch: u64, parts: &LinkParts) {
        let (requester, responder) =
            (parts.requester_bell.duplicate().unwrap(), parts.responder_bell.duplicate().unwrap());
        let bells = match role {
            Role::Requester => [requester, responder],
            Role::Responder => [responder, requester],
        };
        let [mine, theirs] = bells.map(|bell| bell.into_fd());
        let kind = if role == Role::Requester { ServiceKind::Vdisk } else { ServiceKind::Iscsi };
        let peer = Peer { service, kind, name: format!("peer{service}") };
        self.grant(Grant::Link { peer, role, epoch }, &[parts.memory.try_clone().unwrap(), mine, theirs]);
    }

    /// A new link to a transport.
    pub fn transport(&mut self, service: u32) -> FakeTransport {
        let (parts, epoch) = self.parts(service, Role::Responder);
        FakeTransport::new(service, &self.arenas[&service], epoch, &parts)
    }

    /// A new link to a handler.
    pub fn handler(&mut self, service: u32) -> FakeHandler {
        let (parts, epoch) = self.parts(service, Role::Requester);
        FakeHandler::new(epoch, &parts)
    }

    /// The arena that the core copies through.
    pub fn copy_arena(&self) -> Arena {
        Arena::new(CORE, &self.arenas[&CORE]).unwrap()
    }

    /// A peer is dead.
    pub fn down(&self, service: u32, held: bool) {
        let epoch = self.epochs.get(&service).copied().unwrap_or(0);
        self.grant(Grant::LinkDown { peer: service, epoch, held }, &[]);
    }

    /// `Stop`, and everything that follows.
    pub fn stop(mut self) {
        self.grant(Grant::Stop, &[]);
        while self.event() != Event::Stopped {}
        self.thread.take().unwrap().join().unwrap();
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.channel = RefCell::default();
        if let Some(Err(panic)) = self.thread.take().map(JoinHandle::join)
            && !std::thread::panicking()
        {
            std::panic::resume_unwind(panic);
        }
    }
}

/// Opens a nexus and lets it take its power-on condition at LUN 0.
pub fn open_quietly(transport: &mut FakeTransport, nexus: u64, target: u32) {
    transport.open(nexus, target);
    let reply = transport.ask(nexus, 1_000_000, lun(0), &TEST_UNIT_READY);
    assert_eq!(sense(&reply), (0x06, 0x29, 0x00));
}
