//! A supervisor and a core around one service that can die at any point.

use super::Random;
use super::config::{self, SERVICE};
use crate::core_link::Down;
use crate::crash::Death;
use crate::grants::{Boot, Next};
use crate::run::Service;
use crate::stats::NAMES;
use ipc::arena::Arena;
use ipc::channel::{ServiceChannel, SupervisorChannel, pair};
use ipc::doorbell::Doorbell;
use ipc::link::{self, Requester, Responder};
use ipc::message::config::{PortalConfig, ServiceConfig, ServiceKind};
use ipc::message::grant::{Peer, Role};
use ipc::message::record::{Reply, ReplyKind, Request, RequestKind, request_flags};
use ipc::message::{Event, Grant};
use ipc::service::Control;
use ipc::shm;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// What outlives the service, and the service.
pub struct World {
    notebook: OwnedFd,
    memory: OwnedFd,
    listener: TcpListener,
    deposits: BTreeMap<u64, OwnedFd>,
    incarnation: u64,
    service: Option<Service>,
    supervisor: Option<SupervisorChannel>,
    core: Core,
    pub deaths: u64,
    /// Nexuses that ended by themselves.
    pub lost: u64,
}

/// The core, which never dies.
struct Core {
    link: Option<Responder>,
    arena: Arena,
    disk: HashMap<u8, Vec<u8>>,
    nexuses: BTreeSet<u64>,
    named: BTreeSet<u64>,
    running: Vec<Request>,
    seen: BTreeSet<(u64, u64)>,
    /// What every reply over this link was about.
    answered: Vec<(u64, u64)>,
    /// The same of links that are over.
    over: Vec<(Responder, Vec<(u64, u64)>)>,
    /// What has an answer that the service has taken note of.
    noted: BTreeSet<(u64, u64)>,
}

/// Runs a piece of the service's work; none if it died.
fn alive<T>(work: impl FnOnce() -> T) -> Option<T> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(value) => Some(value),
        Err(death) if death.is::<Death>() => None,
        Err(other) => resume_unwind(other),
    }
}

impl World {
    pub fn new() -> World {
        let memory = shm::create("test-arena", 4 << 20).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        // Small buffers: answers do not fit at once.
        rustix::net::sockopt::set_socket_send_buffer_size(&listener, 4096).unwrap();
        rustix::net::sockopt::set_socket_recv_buffer_size(&listener, 8192).unwrap();
        let arena = Arena::new(SERVICE, &memory).unwrap();
        World {
            notebook: shm::create("test-notebook", 1 << 20).unwrap(),
            memory,
            listener,
            deposits: BTreeMap::new(),
            incarnation: 0,
            service: None,
            supervisor: None,
            core: Core {
                link: None,
                arena,
                disk: HashMap::new(),
                nexuses: BTreeSet::new(),
                named: BTreeSet::new(),
                running: Vec::new(),
                seen: BTreeSet::new(),
                answered: Vec::new(),
                over: Vec::new(),
                noted: BTreeSet::new(),
            },
            deaths: 0,
            lost: 0,
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap()
    }

    /// One turn of everybody but the initiator.
    pub fn turn(&mut self, random: &mut Random) {
        match &mut self.service {
            None => self.start(),
            Some(service) => match alive(|| assert!(service.turn().unwrap())) {
                Some(()) => self.core.service_lives(),
                None => self.bury(),
            },
        }
        self.hear();
        self.core.turn(random, &mut self.lost);
        if self.service.is_some() && random.below(50) == 0 {
            self.core_dies(random);
        }
    }

    /// The core dies when it has answered something, and comes back.
    fn core_dies(&mut self, random: &mut Random) {
        self.core.turn(random, &mut self.lost);
        self.core.link_is_over();
        self.core.running.clear();
        self.incarnation += 1;
        let epoch = self.incarnation;
        let parts = link::create("test-link", epoch).unwrap();
        let bells = [&parts.requester_bell, &parts.responder_bell]
            .map(|bell| [(); 2].map(|()| bell.duplicate().unwrap()));
        let [[asks, rings], [answers, wakes]] = bells;
        self.core.link = Some(Responder::new(&parts.memory, epoch, answers, asks).unwrap());
        let link = Requester::new(&parts.memory, epoch, rings, wakes).unwrap();
        let Some(service) = &mut self.service else { return };
        let lives = alive(|| {
            service.drop_link(Down::Restarting(service.shared.now));
            service.replace_link(link, 0, epoch).unwrap();
        });
        if lives.is_none() {
            self.bury();
        }
    }

    /// The service has died: what it said last is heard, and its own descriptors close.
    fn bury(&mut self) {
        self.hear();
        self.service = None;
        self.core.service_is_dead();
        self.deaths += 1;
    }

    fn hear(&mut self) {
        while let Some(Ok(Some((event, fds)))) = self.supervisor.as_mut().map(|channel| channel.receive()) {
            match event {
                Event::Deposit { key } => {
                    assert!(self.deposits.insert(key, fds.into_iter().next().unwrap()).is_none());
                }
                Event::Withdraw { key } => assert!(self.deposits.remove(&key).is_some()),
                Event::Hello { .. } | Event::Ready | Event::Stopped => {}
                other => panic!("{other:?}"),
            }
        }
    }

    fn grants(&mut self) -> Vec<(Grant, Vec<OwnedFd>)> {
        let config = ServiceConfig {
            incarnation: self.incarnation,
            poll_us: 10_000_000,
            max_connections: 4,
            queue_depth: 8,
            ..config::service()
        };
        self.incarnation += 1;
        let portal = PortalConfig { portal: 0, address: self.address().to_string() };
        let epoch = self.incarnation;
        let parts = link::create("test-link", epoch).unwrap();
        let (asks, answers) = (parts.requester_bell, parts.responder_bell);
        let theirs =
            Responder::new(&parts.memory, epoch, answers.duplicate().unwrap(), asks.duplicate().unwrap());
        self.core.link = Some(theirs.unwrap());
        let peer = Peer { service: 0, kind: ServiceKind::Core, name: "core".into() };
        let copy = |fd: &OwnedFd| vec![fd.try_clone().unwrap()];
        let mut grants = vec![
            (Grant::Service(config), vec![]),
            (Grant::Stats, vec![shm::create("test-stats", ipc::stats::PAGE_BYTES).unwrap()]),
            (Grant::Notebook, copy(&self.notebook)),
            (Grant::Arena { arena: SERVICE }, copy(&self.memory)),
            (Grant::Target(config::target()), vec![]),
            (Grant::Portal(portal), vec![self.listener.try_clone().unwrap().into()]),
        ];
        for (key, socket) in &self.deposits {
            grants.push((Grant::Connection { key: *key }, copy(socket)));
        }
        let fds = vec![parts.memory, Doorbell::into_fd(asks), Doorbell::into_fd(answers)];
        grants.push((Grant::Link { peer, role: Role::Requester, epoch }, fds));
        grants.push((Grant::Go, vec![]));
        grants
    }

    /// A new incarnation, which may die while it takes over.
    fn start(&mut self) {
        let (supervisor, child) = pair().unwrap();
        self.supervisor = Some(supervisor);
        let grants = self.grants();
        let service = alive(|| {
            let channel = ServiceChannel::from_fd(child);
            let mut control = Control::over(channel, ServiceKind::Iscsi, NAMES).unwrap();
            let mut boot = Boot::default();
            for (grant, fds) in grants {
                if matches!(boot.adopt(grant, fds, &mut control).unwrap(), Next::Go) {
                    break;
                }
            }
            boot.build(control).unwrap()
        });
        match service {
            Some(service) => self.service = Some(service),
            None => self.bury(),
        }
    }

    /// What the initiator has left is closed; nothing may be left over.
    pub fn end(&mut self) {
        let mut random = Random(1);
        for _ in 0..2000 {
            self.turn(&mut random);
            if self.core.nexuses.is_empty() && self.deposits.is_empty() {
                break;
            }
        }
        let service = self.service.as_mut().expect("it lives");
        for _ in 0..10 {
            assert!(service.turn().unwrap());
            self.core.turn(&mut random, &mut self.lost);
        }
        let shared = &service.shared;
        assert_eq!(shared.tasks.iter().count(), 0);
        // Spare blocks apart, all memory has come back.
        let spare = 4 * crate::buffers::STAGING_BYTES;
        assert!(
            shared.buffers.free_bytes() + spare >= 4 << 20,
            "{} bytes are free",
            shared.buffers.free_bytes()
        );
    }
}

impl Core {
    fn turn(&mut self, random: &mut Random, lost: &mut u64) {
        while let Some(request) = self.link.as_mut().and_then(|link| link.receive().unwrap()) {
            self.take(&request, lost);
        }
        while !self.running.is_empty() && random.below(3) > 0 {
            let at = random.below(self.running.len() as u64) as usize;
            if self.running[at].flags & request_flags::DATA_PENDING == 0 {
                let request = self.running.remove(at);
                self.execute(&request);
            }
        }
        if let Some(link) = &mut self.link {
            link.flush();
        }
    }

    /// The service has died: of the replies that it gave the slots back of it had taken note.
    fn service_is_dead(&mut self) {
        self.link_is_over();
        for (mut link, answered) in self.over.drain(..) {
            self.noted.extend(&answered[..link.taken().unwrap() as usize]);
        }
    }

    fn link_is_over(&mut self) {
        let answered = std::mem::take(&mut self.answered);
        self.over.extend(self.link.take().map(|link| (link, answered)));
    }

    /// The service has come through a turn: what it was answered over older links it has taken note of.
    fn service_lives(&mut self) {
        self.noted.extend(self.over.drain(..).flat_map(|(_, answered)| answered));
    }

    fn reply(&mut self, reply: &Reply) {
        // Without a link it is lost.
        if let Some(link) = &mut self.link {
            let last = [ReplyKind::Done as u8, ReplyKind::TaskManagementDone as u8].contains(&reply.kind);
            self.answered.push(if last { (reply.nexus, reply.serial) } else { (0, 0) });
            link.send(reply).unwrap();
        }
    }

    fn take(&mut self, request: &Request, lost: &mut u64) {
        let answer = |kind| Reply::new(kind, request.nexus, request.serial);
        let done = [RequestKind::Command as u8, RequestKind::TaskManagement as u8].contains(&request.kind);
        let identity = (request.nexus, request.serial);
        assert!(!done || !self.noted.contains(&identity), "what was answered comes again: {request:?}");
        match RequestKind::try_from(request.kind).unwrap() {
            RequestKind::Attach => self.named.clear(),
            RequestKind::NexusOpen => {
                let resumed = request.flags & request_flags::RESUMED != 0;
                assert_eq!(self.nexuses.contains(&request.nexus), resumed, "{request:?}");
                self.nexuses.insert(request.nexus);
                self.named.insert(request.nexus);
                self.reply(&answer(ReplyKind::NexusOpened));
            }
            RequestKind::AttachEnd => {
                let named = std::mem::take(&mut self.named);
                let gone: Vec<u64> = self.nexuses.difference(&named).copied().collect();
                // One whose login was under way had no command.
                let used = |nexus: &&u64| self.seen.iter().any(|(known, _)| known == *nexus);
                *lost += gone.iter().filter(used).count() as u64;
                self.running.retain(|request| named.contains(&request.nexus));
                self.nexuses = named;
                self.reply(&answer(ReplyKind::Attached));
            }
            RequestKind::NexusClose => {
                self.running.retain(|running| running.nexus != request.nexus);
                self.nexuses.remove(&request.nexus);
                self.reply(&answer(ReplyKind::NexusClosed));
            }
            RequestKind::Command => self.command(request),
            RequestKind::DataComplete => {
                let same = |running: &&mut Request| running.serial == request.serial;
                let running = self.running.iter_mut().find(same).expect("a command that awaits data");
                assert_ne!(running.flags & request_flags::DATA_PENDING, 0);
                running.flags &= !request_flags::DATA_PENDING;
            }
            RequestKind::TaskManagement => self.reply(&answer(ReplyKind::TaskManagementDone)),
            other => panic!("{other:?}"),
        }
    }

    fn command(&mut self, request: &Request) {
        assert!(self.nexuses.contains(&request.nexus));
        let identity = (request.nexus, request.serial);
        let again = request.flags & request_flags::AGAIN != 0;
        assert!(self.seen.insert(identity) || again, "one identity for two commands");
        match self.running.iter_mut().find(|running| running.serial == request.serial) {
            Some(running) => {
                assert_eq!((running.cdb, running.extents), (request.cdb, request.extents));
                running.flags &= request.flags | !request_flags::DATA_PENDING;
            }
            None => self.running.push(*request),
        }
    }

    fn execute(&mut self, request: &Request) {
        let (out, into) = request.extents().unwrap();
        let slot = request.cdb[1];
        let mut moved = 0;
        if request.cdb[0] == 0x2a {
            let mut data = Vec::new();
            for extent in out {
                let checked = self.arena.check(*extent).unwrap();
                self.arena.for_each_piece(checked, |piece| data.extend_from_slice(piece));
            }
            moved = data.len() as u32;
            self.disk.insert(slot, data);
        } else if request.cdb[0] == 0x28 {
            let data = self.disk.get(&slot).cloned().unwrap_or_default();
            let mut rest = &data[..data.len().min(request.in_len as usize)];
            moved = rest.len() as u32;
            for extent in into {
                let checked = self.arena.check(*extent).unwrap();
                let len = self.arena.write(checked, rest);
                rest = &rest[len..];
            }
        }
        let mut reply = Reply::new(ReplyKind::Done, request.nexus, request.serial);
        (reply.transferred, reply.wanted) = (moved, moved);
        self.reply(&reply);
    }
}
