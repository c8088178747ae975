//! A service in a thread (or a process), and the other ends of everything that it talks to: supervisor and core.
//!
//! Every wait has a limit, so that a service that hangs fails its test.

#[path = "fixture/cdb.rs"]
mod cdb;
#[path = "fixture/devices.rs"]
mod devices;

pub use cdb::*;
pub use devices::*;

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use ipc::arena::Arena;
use ipc::channel::{ChannelError, ServiceChannel, SupervisorChannel, pair};
use ipc::extent::Extent;
use ipc::link::{self, Requester};
use ipc::message::config::{DeviceConfig, ServiceConfig, ServiceKind};
use ipc::message::grant::{Peer, Role};
use ipc::message::record::{Reply, ReplyKind, Request, RequestKind};
use ipc::message::{Event, Grant};
use ipc::service::Control;
use ipc::shm;
use ipc::stats::{PAGE_BYTES, Stats};
use ipc::wait::{Waiter, Watch};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use scsi::unit_report::UnitReport;
use vdisk_svc::engine::Choice;
use vdisk_svc::run::{ServeError, serve};
use vdisk_svc::stats::{Counter, NAMES};

pub const LIMIT: Duration = Duration::from_secs(20);
pub const ARENA: u32 = 7;
const ARENA_BYTES: usize = 8 << 20;
const NOTEBOOK_BYTES: usize = 8 << 20;
const CORE: u32 = 1;
pub const NEXUS: u64 = 0x11;

/// The service under test.
enum Runner {
    Thread(JoinHandle<Result<(), ServeError>>),
    Process(Child),
    Gone,
}

/// A service and everything around it.
pub struct Rig {
    pub control: Option<SupervisorChannel>,
    pub arena: Arena,
    arena_fd: OwnedFd,
    /// Its notebook, which the next incarnation finds.
    pub notebook: OwnedFd,
    next_byte: u64,
    pub requester: Requester,
    pub waiter: Waiter,
    pub epoch: u64,
    next_serial: u64,
    /// The nexus whose commands are sent.
    pub nexus: u64,
    /// The medium that they are meant for; 0 for any.
    pub medium: u64,
    pub stats: Stats,
    /// Unit reports that came, oldest first.
    pub reports: Vec<(u32, UnitReport)>,
    runner: Runner,
}

/// What came back for a command.
#[derive(Debug)]
pub struct Answer {
    pub reply: Reply,
    pub data: Vec<u8>,
}

impl Answer {
    /// Status, and of fixed-format sense data: key, ASC, ASCQ.
    pub fn status(&self) -> (u8, u8, u8, u8) {
        status(&self.reply)
    }
}

/// A command that was sent.
#[derive(Debug, Clone)]
pub struct Sent {
    pub serial: u64,
    pub data_in: Vec<Extent>,
}

impl Rig {
    /// A service in a thread with these devices, ready.
    pub fn start(choice: Choice, devices: Vec<(DeviceConfig, Option<File>)>) -> Self {
        let mut rig = Self::unready(choice, &service_config(), devices);
        assert_eq!(rig.event(), Event::Ready);
        rig
    }

    /// With one device on a file.
    pub fn on(choice: Choice, device: DeviceConfig, file: &tempfile::NamedTempFile) -> Self {
        Self::start(choice, vec![(device, Some(open(file)))])
    }

    /// With a directory for what outlives a reboot.
    pub fn with_state(
        device: DeviceConfig,
        file: &tempfile::NamedTempFile,
        state: &tempfile::TempDir,
    ) -> Self {
        let directory = File::open(state.path()).unwrap();
        let devices = vec![(device, Some(open(file)))];
        let mut rig = Self::thread(Choice::Best, &service_config(), Some(directory), devices);
        assert_eq!(rig.event(), Event::Ready);
        rig
    }

    pub fn unready(
        choice: Choice,
        config: &ServiceConfig,
        devices: Vec<(DeviceConfig, Option<File>)>,
    ) -> Self {
        Self::thread(choice, config, None, devices)
    }

    fn thread(
        choice: Choice,
        config: &ServiceConfig,
        state: Option<File>,
        devices: Vec<(DeviceConfig, Option<File>)>,
    ) -> Self {
        let (control, childs) = pair().unwrap();
        let thread = std::thread::spawn(move || {
            let channel = ServiceChannel::from_fd(childs);
            serve(Control::over(channel, ServiceKind::Vdisk, NAMES).unwrap(), choice)
        });
        Self::grant_all(control, Runner::Thread(thread), config, (state, None), devices)
    }

    /// A service in a process of its own.
    pub fn process(devices: Vec<(DeviceConfig, Option<File>)>) -> Self {
        Self::process_after(None, devices)
    }

    /// A service in a process of its own that finds a notebook.
    pub fn process_after(notebook: Option<OwnedFd>, devices: Vec<(DeviceConfig, Option<File>)>) -> Self {
        let (control, childs) = pair().unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_vdisk-svc")).stdin(Stdio::from(childs)).spawn().unwrap();
        let mut rig =
            Self::grant_all(control, Runner::Process(child), &service_config(), (None, notebook), devices);
        assert_eq!(rig.event(), Event::Ready);
        rig
    }

    fn grant_all(
        control: SupervisorChannel,
        runner: Runner,
        config: &ServiceConfig,
        (state, notebook): (Option<File>, Option<OwnedFd>),
        devices: Vec<(DeviceConfig, Option<File>)>,
    ) -> Self {
        let arena_fd = shm::create("test-arena", ARENA_BYTES).unwrap();
        let stats_fd = shm::create("test-stats", PAGE_BYTES).unwrap();
        let (requester, waiter, link) = new_link(1);
        let mut rig = Self {
            control: Some(control),
            arena: Arena::new(ARENA, &arena_fd).unwrap(),
            arena_fd,
            notebook: notebook.unwrap_or_else(|| shm::create("test-notebook", NOTEBOOK_BYTES).unwrap()),
            next_byte: 0,
            requester,
            waiter,
            epoch: 1,
            next_serial: 1,
            nexus: NEXUS,
            medium: 0,
            stats: Stats::new(&stats_fd).unwrap(),
            reports: Vec::new(),
            runner,
        };
        assert!(matches!(rig.event(), Event::Hello { kind: ServiceKind::Vdisk, .. }));
        rig.grant(Grant::Service(config.clone()), &[]);
        rig.grant(Grant::Stats, &[stats_fd.as_fd()]);
        rig.grant(Grant::Notebook, &[rig.notebook.as_fd()]);
        if let Some(state) = &state {
            rig.grant(Grant::State, &[state.as_fd()]);
        }
        rig.grant_arena();
        for (device, file) in devices {
            let fds: Vec<BorrowedFd<'_>> = file.iter().map(AsFd::as_fd).collect();
            rig.grant(Grant::Device(Box::new(device)), &fds);
        }
        rig.grant_link(link);
        rig.grant(Grant::Go, &[]);
        rig
    }

    pub fn grant(&self, grant: Grant, fds: &[BorrowedFd<'_>]) {
        self.control.as_ref().expect("the supervisor is there").send(&grant, fds).unwrap();
    }

    pub fn grant_arena(&self) {
        self.grant(Grant::Arena { arena: ARENA }, &[self.arena_fd.as_fd()]);
    }

    fn grant_link(&self, [memory, requester, responder]: [OwnedFd; 3]) {
        let peer = Peer { service: CORE, kind: ServiceKind::Core, name: "core".to_owned() };
        let grant = Grant::Link { peer, role: Role::Responder, epoch: self.epoch };
        self.grant(grant, &[memory.as_fd(), responder.as_fd(), requester.as_fd()]);
    }

    /// Core has died: a fresh link.
    pub fn relink(&mut self) {
        self.epoch += 1;
        let (requester, waiter, link) = new_link(self.epoch);
        (self.requester, self.waiter) = (requester, waiter);
        self.grant_link(link);
    }

    pub fn link_down(&self) {
        self.grant(Grant::LinkDown { peer: CORE, epoch: self.epoch, held: false }, &[]);
    }

    /// The next event that the service reports.
    pub fn event(&mut self) -> Event {
        self.event_within(LIMIT).expect("the service says nothing")
    }

    pub fn event_within(&mut self, limit: Duration) -> Option<Event> {
        let deadline = Instant::now() + limit;
        let control = self.control.as_mut().expect("the supervisor is there");
        loop {
            match control.receive() {
                Ok(Some((event, _))) => return Some(event),
                Ok(None) => {}
                Err(ChannelError::Closed) => return None,
                Err(error) => panic!("{error}"),
            }
            let rest = deadline.saturating_duration_since(Instant::now());
            let rest = Timespec::try_from(rest).unwrap();
            if poll(&mut [PollFd::new(control, PollFlags::IN)], Some(&rest)).unwrap() == 0 {
                return None;
            }
        }
    }

    /// Room in the arena.
    pub fn room(&mut self, len: u32) -> Extent {
        if self.next_byte + u64::from(len) > ARENA_BYTES as u64 {
            self.next_byte = 0;
        }
        let extent = Extent { arena: ARENA, len, offset: self.next_byte };
        self.next_byte += u64::from(len).next_multiple_of(64);
        extent
    }

    /// Sends a command: data-out in these pieces, room for data-in of these lengths.
    pub fn send(&mut self, unit: u32, cdb: &[u8], out: &[&[u8]], data_in: &[u32]) -> Sent {
        let (request, sent) = self.request(unit, cdb, out, data_in);
        self.send_raw(&request);
        sent
    }

    /// A command as it would be sent.
    pub fn request(&mut self, unit: u32, cdb: &[u8], out: &[&[u8]], data_in: &[u32]) -> (Request, Sent) {
        let mut request = Request::new(RequestKind::Execute, self.nexus, self.next_serial);
        self.next_serial += 1;
        request.unit = unit;
        request.medium = self.medium;
        request.cdb_len = cdb.len() as u8;
        request.cdb[..cdb.len()].copy_from_slice(cdb);
        let mut extents = Vec::new();
        for bytes in out {
            let extent = self.room(bytes.len() as u32);
            self.arena.write(self.arena.check(extent).unwrap(), bytes);
            extents.push(extent);
            request.out_len += extent.len;
        }
        for len in data_in {
            let extent = self.room(*len);
            // Whatever is not overwritten must not look like an answer.
            self.arena.write(self.arena.check(extent).unwrap(), &vec![0xEE; *len as usize]);
            extents.push(extent);
            request.in_len += len;
        }
        (request.out_extents, request.in_extents) = (out.len() as u8, data_in.len() as u8);
        request.extents[..extents.len()].copy_from_slice(&extents);
        (request, Sent { serial: request.serial, data_in: extents.split_off(out.len()) })
    }

    pub fn send_raw(&mut self, request: &Request) {
        self.requester.send(request).unwrap();
        self.requester.flush();
    }

    pub fn fence(&mut self) -> u64 {
        let request = Request::new(RequestKind::Fence, 0, self.next_serial);
        self.next_serial += 1;
        self.send_raw(&request);
        request.serial
    }

    pub fn abort(&mut self, serial: u64) {
        let mut request = Request::new(RequestKind::Abort, NEXUS, self.next_serial);
        self.next_serial += 1;
        request.ref_serial = serial;
        self.send_raw(&request);
    }

    /// The next reply.
    pub fn reply(&mut self) -> Reply {
        self.reply_within(LIMIT).expect("the service does not answer")
    }

    pub fn reply_within(&mut self, limit: Duration) -> Option<Reply> {
        let deadline = Instant::now() + limit;
        let mut ready = Vec::new();
        loop {
            if let Some(reply) = self.requester.receive().unwrap() {
                self.requester.flush();
                if reply.kind == ReplyKind::UnitReport as u8 {
                    let report = UnitReport::decode(reply.sense().unwrap()).expect("a report");
                    self.reports.push((reply.serial as u32, report));
                    continue;
                }
                return Some(reply);
            }
            let rest = deadline.saturating_duration_since(Instant::now());
            if rest.is_zero() {
                return None;
            }
            if self.requester.arm() {
                self.waiter.wait(rest, &mut ready).unwrap();
                self.requester.disarm();
            }
        }
    }

    /// The data-in of a command, as far as it was transferred.
    pub fn data(&self, sent: &Sent, bytes: u32) -> Vec<u8> {
        let mut data = Vec::new();
        for extent in &sent.data_in {
            let mut piece = vec![0; extent.len as usize];
            self.arena.read(self.arena.check(*extent).unwrap(), &mut piece);
            data.extend(piece);
        }
        data.truncate(bytes as usize);
        data
    }

    /// Sends a command and waits for its end.
    pub fn run(&mut self, unit: u32, cdb: &[u8], out: &[&[u8]], data_in: &[u32]) -> Answer {
        let sent = self.send(unit, cdb, out, data_in);
        let reply = self.reply();
        assert_eq!((reply.kind, reply.serial), (ReplyKind::Done as u8, sent.serial));
        assert_eq!((reply.nexus, reply.flags), (self.nexus, 0));
        Answer { data: self.data(&sent, reply.transferred), reply }
    }

    /// Sends a command without data while others run, and waits for its end before any of theirs.
    pub fn run_beside(&mut self, unit: u32, cdb: &[u8]) -> Answer {
        let sent = self.send(unit, cdb, &[], &[]);
        let reply = self.reply();
        assert_eq!(reply.serial, sent.serial);
        Answer { reply, data: Vec::new() }
    }

    pub fn counter(&self, counter: Counter) -> u64 {
        self.stats.get(counter as usize)
    }

    /// Waits until a counter has reached a value.
    pub fn await_counter(&self, counter: Counter, value: u64) {
        let deadline = Instant::now() + LIMIT;
        while self.counter(counter) < value {
            assert!(Instant::now() < deadline, "{counter:?} stays below {value}");
            std::thread::yield_now();
        }
    }

    /// Asks the service to stop, and waits until it has.
    pub fn stop(mut self) {
        self.grant(Grant::Stop, &[]);
        assert_eq!(self.event(), Event::Stopped);
        self.join();
    }

    /// Waits until the service has ended in order.
    pub fn join(&mut self) {
        match std::mem::replace(&mut self.runner, Runner::Gone) {
            Runner::Thread(thread) => thread.join().unwrap().unwrap(),
            Runner::Process(mut child) => assert!(child.wait().unwrap().success()),
            Runner::Gone => {}
        }
    }

    /// Kills the process, and waits for nothing.
    pub fn kill(&mut self) {
        let Runner::Process(child) = &mut self.runner else { panic!("only a process can be killed") };
        child.kill().unwrap();
    }

    /// Waits until the process has died, and says of which signal.
    pub fn death(&mut self) -> Option<i32> {
        use std::os::unix::process::ExitStatusExt;
        let Runner::Process(child) = &mut self.runner else { panic!("only a process dies") };
        child.wait().unwrap().signal()
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        // Without a supervisor a service ends by itself.
        self.control = None;
        if let Runner::Process(child) = &mut self.runner {
            let _ = child.wait();
        }
    }
}

fn new_link(epoch: u64) -> (Requester, Waiter, [OwnedFd; 3]) {
    let parts = link::create("test-link", epoch).unwrap();
    let (mine, theirs) = (&parts.requester_bell, &parts.responder_bell);
    let requester =
        Requester::new(&parts.memory, epoch, mine.duplicate().unwrap(), theirs.duplicate().unwrap()).unwrap();
    let waiter = Waiter::new(0).unwrap();
    waiter.add(requester.bell(), 0, Watch::Bell).unwrap();
    let fds = [parts.memory, parts.requester_bell.into_fd(), parts.responder_bell.into_fd()];
    (requester, waiter, fds)
}
