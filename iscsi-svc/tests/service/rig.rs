//! The surroundings of a service: a supervisor's end of the control socket, an arena, and the core's end of a link.

use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, OwnedFd};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use ipc::arena::Arena;
use ipc::channel::{ServiceChannel, SupervisorChannel, pair};
use ipc::doorbell::Doorbell;
use ipc::link::{self, Responder};
use ipc::message::config::{PortalConfig, ServiceConfig, ServiceKind};
use ipc::message::grant::{Peer, Role};
use ipc::message::record::{Reply, ReplyKind, Request, RequestKind};
use ipc::message::{Event, Grant};
use ipc::service::Control;
use ipc::shm;

use crate::config::{self, SERVICE};

/// Longest wait for anything.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// A running service.
pub struct Rig {
    pub supervisor: SupervisorChannel,
    pub core: Core,
    pub address: SocketAddr,
    pub arena: Arena,
    pub epoch: u64,
    thread: Option<JoinHandle<anyhow::Result<()>>>,
}

/// The core's end of the link, played by the test.
pub struct Core {
    link: Responder,
}

impl Core {
    /// The next request.
    pub fn next(&mut self) -> Request {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(request) = self.link.receive().unwrap() {
                self.link.flush();
                return request;
            }
            assert!(Instant::now() < deadline, "no request came");
            std::thread::yield_now();
        }
    }

    /// The next request, which is of this kind.
    pub fn expect(&mut self, kind: RequestKind) -> Request {
        let request = self.next();
        assert_eq!(RequestKind::try_from(request.kind).unwrap(), kind, "{request:?}");
        request
    }

    pub fn send(&mut self, reply: &Reply) {
        self.link.send(reply).unwrap();
        self.link.flush();
    }

    pub fn reply(&mut self, kind: ReplyKind, to: &Request) {
        self.send(&Reply::new(kind, to.nexus, to.serial));
    }

    /// Ends a command well.
    pub fn done(&mut self, to: &Request, transferred: u32, wanted: u32) {
        self.send(&Reply { transferred, wanted, ..Reply::new(ReplyKind::Done, to.nexus, to.serial) });
    }

    /// Takes the beginning of a link; returns the nexuses that were named.
    pub fn attach(&mut self) -> Vec<Request> {
        self.expect(RequestKind::Attach);
        let mut named = Vec::new();
        loop {
            let request = self.next();
            match RequestKind::try_from(request.kind).unwrap() {
                RequestKind::NexusOpen => named.push(request),
                RequestKind::AttachEnd => {
                    for nexus in &named {
                        self.reply(ReplyKind::NexusOpened, nexus);
                    }
                    self.reply(ReplyKind::Attached, &request);
                    return named;
                }
                other => panic!("{other:?} while attaching"),
            }
        }
    }
}

fn new_link(epoch: u64) -> (Grant, Vec<OwnedFd>, Core) {
    let parts = link::create("test-link", epoch).unwrap();
    let (asks, answers) = (parts.requester_bell, parts.responder_bell);
    let theirs =
        Responder::new(parts.memory.as_fd(), epoch, answers.duplicate().unwrap(), asks.duplicate().unwrap());
    let peer = Peer { service: 0, kind: ServiceKind::Core, name: "core".into() };
    let fds = vec![parts.memory, Doorbell::into_fd(asks), Doorbell::into_fd(answers)];
    (Grant::Link { peer, role: Role::Requester, epoch }, fds, Core { link: theirs.unwrap() })
}

impl Rig {
    /// A service that serves, with an arena of 16 MiB.
    pub fn new() -> Rig {
        Rig::with(16 << 20, |_| {})
    }

    /// The same with an arena of `bytes` bytes and a changed configuration.
    pub fn with(bytes: usize, change: impl FnOnce(&mut ServiceConfig)) -> Rig {
        let (supervisor, child) = pair().unwrap();
        let thread = std::thread::spawn(move || {
            let channel = ServiceChannel::from_fd(child);
            let control = Control::over(channel, ServiceKind::Iscsi, iscsi_svc::stats::NAMES)?;
            iscsi_svc::run::run(control)
        });
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let memory = shm::create("test-arena", bytes).unwrap();
        let arena = Arena::new(SERVICE, &memory).unwrap();
        let mut config = config::service();
        change(&mut config);
        let (grant, fds, core) = new_link(1);
        let portal = PortalConfig { portal: 0, address: address.to_string() };
        let mut rig = Rig { supervisor, core, address, arena, epoch: 1, thread: Some(thread) };
        rig.grant(Grant::Service(config), vec![]);
        rig.grant(Grant::Stats, vec![shm::create("test-stats", ipc::stats::PAGE_BYTES).unwrap()]);
        rig.grant(Grant::Notebook, vec![shm::create("test-notebook", 1 << 16).unwrap()]);
        rig.grant(Grant::Arena { arena: SERVICE }, vec![memory]);
        rig.grant(grant, fds);
        rig.grant(Grant::Target(config::target()), vec![]);
        rig.grant(Grant::Portal(portal), vec![listener.into()]);
        rig.grant(Grant::Go, vec![]);
        rig.event(|event| matches!(event, Event::Ready));
        rig.core.attach();
        rig
    }

    /// Grants something.
    pub fn grant(&mut self, grant: Grant, fds: Vec<OwnedFd>) {
        let borrowed: Vec<_> = fds.iter().map(AsFd::as_fd).collect();
        self.supervisor.send(&grant, &borrowed).unwrap();
    }

    /// Waits for an event; others are skipped.
    pub fn event(&mut self, wanted: impl Fn(&Event) -> bool) -> (Event, Vec<OwnedFd>) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some((event, fds)) = self.supervisor.receive().unwrap()
                && wanted(&event)
            {
                return (event, fds);
            }
            assert!(Instant::now() < deadline, "the event did not come");
            std::thread::yield_now();
        }
    }

    /// Lets the core die.
    pub fn core_dies(&mut self, held: bool) {
        let epoch = self.epoch;
        self.grant(Grant::LinkDown { peer: 0, epoch, held }, vec![]);
    }

    /// Gives the service a new link.
    pub fn core_returns(&mut self) {
        self.epoch += 1;
        let (grant, fds, core) = new_link(self.epoch);
        self.core = core;
        self.grant(grant, fds);
    }

    /// The bytes of a request's data-out.
    pub fn data_out(&self, request: &Request) -> Vec<u8> {
        let (out, _) = request.extents().unwrap();
        let mut data = Vec::new();
        for extent in out {
            let checked = self.arena.check(*extent).unwrap();
            self.arena.for_each_piece(checked, |piece| data.extend_from_slice(piece));
        }
        data
    }

    /// Writes a request's data-in.
    pub fn put_data_in(&self, request: &Request, mut data: &[u8]) {
        let (_, into) = request.extents().unwrap();
        for extent in into {
            let checked = self.arena.check(*extent).unwrap();
            let len = self.arena.write(checked, data);
            data = &data[len..];
        }
        assert!(data.is_empty(), "the extents are too small");
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        self.grant(Grant::Stop, vec![]);
        let thread = self.thread.take().unwrap();
        let deadline = Instant::now() + PATIENCE;
        while !thread.is_finished() && Instant::now() < deadline {
            match self.core.link.receive() {
                Ok(Some(request)) if request.kind == RequestKind::NexusClose as u8 => {
                    self.core.reply(ReplyKind::NexusClosed, &request);
                }
                _ => std::thread::yield_now(),
            }
        }
        assert!(thread.is_finished(), "the service did not stop");
        thread.join().expect("the service panicked").expect("the service failed");
    }
}
