//! The other ends of the core's links: a transport and a handler that do and say what a test tells them.

#![allow(dead_code)]

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use ipc::arena::Arena;
use ipc::doorbell::Doorbell;
use ipc::extent::Extent;
use ipc::link::{LinkParts, Requester, Responder};
use ipc::message::config::LunConfig;
use ipc::message::record::{NexusNames, Reply, ReplyKind, Request, RequestKind, reply_flags, request_flags};

/// Nothing in these tests takes this long unless it hangs.
pub const WATCHDOG: Duration = Duration::from_secs(20);

/// Bytes of a transport's arena.
pub const ARENA: usize = 256 * 1024;
/// Where the names of nexuses are in it; everything before is for data.
const NAMES: u64 = 192 * 1024;

/// TEST UNIT READY (SPC-4 6.47).
pub const TEST_UNIT_READY: [u8; 6] = [0x00, 0, 0, 0, 0, 0];
/// REQUEST SENSE, fixed format, 252 bytes (SPC-4 6.39).
/// PERSISTENT RESERVE IN, READ KEYS: executed by the core, and ends with a unit attention while there is one.
pub const READ_KEYS: [u8; 10] = [0x5E, 0, 0, 0, 0, 0, 0, 0, 0xFC, 0];
pub const REQUEST_SENSE: [u8; 6] = [0x03, 0, 0, 0, 0xFC, 0];
/// INQUIRY, standard data, 96 bytes (SPC-4 6.6).
pub const INQUIRY: [u8; 6] = [0x12, 0, 0, 0, 0x60, 0];
/// READ(10) of one block at LBA 0 (SBC-3 5.11).
pub const READ_10: [u8; 10] = [0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0];
/// WRITE(10) of one block at LBA 0 (SBC-3 5.31).
pub const WRITE_10: [u8; 10] = [0x2A, 0, 0, 0, 0, 0, 0, 0, 1, 0];

/// GOOD.
pub const GOOD: u8 = 0x00;
/// CHECK CONDITION.
pub const CHECK: u8 = 0x02;
/// BUSY.
pub const BUSY: u8 = 0x08;
/// TASK SET FULL.
pub const TASK_SET_FULL: u8 = 0x28;
/// ACA ACTIVE.
pub const ACA_ACTIVE: u8 = 0x30;
/// TASK ABORTED.
pub const TASK_ABORTED: u8 = 0x40;

/// Tries until there is something, or the watchdog barks.
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < WATCHDOG, "{what} did not come");
        std::thread::yield_now();
    }
}

/// Sense key, ASC and ASCQ of fixed-format sense data (SPC-4 4.5.3).
pub fn sense(reply: &Reply) -> (u8, u8, u8) {
    let sense = &reply.sense[..usize::from(reply.sense_len)];
    assert_eq!(reply.status, CHECK, "status with sense data");
    assert_eq!(sense[0] & 0x7F, 0x70, "current, fixed format");
    (sense[2] & 0x0F, sense[12], sense[13])
}

/// A LUN map: number and unit.
pub fn luns(map: &[(u16, u32)]) -> Vec<LunConfig> {
    map.iter().map(|(lun, unit)| LunConfig { lun: *lun, unit: *unit, read_only: false }).collect()
}

/// The eight bytes of a LUN below 256 (SAM-5 4.7: peripheral device addressing).
pub fn lun(number: u8) -> u64 {
    u64::from_be_bytes([0, number, 0, 0, 0, 0, 0, 0])
}

/// A command without data.
pub fn command(nexus: u64, serial: u64, lun: u64, cdb: &[u8]) -> Request {
    let mut request = Request::new(RequestKind::Command, nexus, serial);
    request.attribute = 1;
    request.lun = lun;
    request.cdb_len = cdb.len() as u8;
    request.cdb[..cdb.len()].copy_from_slice(cdb);
    request
}

/// A task management function (octets of RFC 7143 11.5.1).
pub fn function(nexus: u64, serial: u64, function: u8, lun: u64, ref_serial: u64) -> Request {
    let mut request = Request::new(RequestKind::TaskManagement, nexus, serial);
    request.function = function;
    request.lun = lun;
    request.ref_serial = ref_serial;
    request
}

/// The command with NACA one in its CONTROL byte.
pub fn naca(mut request: Request) -> Request {
    request.cdb[usize::from(request.cdb_len) - 1] |= 0x04;
    request
}

/// The command with a task attribute (RFC 7143 11.3.1.2: 1 SIMPLE, 2 ORDERED, 3 HEAD OF QUEUE, 4 ACA).
pub fn attribute(attribute: u8, mut request: Request) -> Request {
    request.attribute = attribute;
    request
}

/// The same request after a change of link.
pub fn again(mut request: Request) -> Request {
    request.flags |= request_flags::AGAIN;
    request
}

/// A transport.
pub struct FakeTransport {
    pub service: u32,
    pub arena: Arena,
    pub link: Requester,
    pub epoch: u64,
    /// The core's bell.
    pub theirs: Doorbell,
    /// The latest serial, which nexuses that are resumed name; 0 if they do not.
    pub latest: u64,
}

impl FakeTransport {
    pub fn new(service: u32, arena: impl AsFd, epoch: u64, parts: &LinkParts) -> Self {
        let (mine, theirs) =
            (parts.requester_bell.duplicate().unwrap(), parts.responder_bell.duplicate().unwrap());
        let link = Requester::new(&parts.memory, epoch, mine, theirs).unwrap();
        let theirs = parts.responder_bell.duplicate().unwrap();
        Self { service, arena: Arena::new(service, arena).unwrap(), link, epoch, theirs, latest: 0 }
    }

    pub fn send(&mut self, request: &Request) {
        self.link.send(request).unwrap();
        self.link.flush();
    }

    pub fn poll(&mut self) -> Option<Reply> {
        let reply = self.link.receive().unwrap();
        self.link.flush();
        reply
    }

    /// The next reply.
    pub fn reply(&mut self) -> Reply {
        until("a reply of the core", || self.poll())
    }

    /// The next reply, which has to be the outcome of this task.
    pub fn done(&mut self, nexus: u64, serial: u64) -> Reply {
        let reply = self.reply();
        assert_eq!(
            (reply.kind, reply.nexus, reply.serial),
            (ReplyKind::Done as u8, nexus, serial),
            "the outcome of ({nexus}, {serial}), not {reply:?}"
        );
        reply
    }

    /// The next reply, which has to be of this kind.
    pub fn expect(&mut self, kind: ReplyKind, nexus: u64, serial: u64) -> Reply {
        let reply = self.reply();
        assert_eq!((reply.kind, reply.nexus, reply.serial), (kind as u8, nexus, serial), "{reply:?}");
        reply
    }

    /// A piece of the arena.
    pub fn extent(&self, offset: u64, len: u32) -> Extent {
        Extent { arena: self.service, len, offset }
    }

    /// Gives a command room for data-in: these extents.
    pub fn with_in(&self, mut request: Request, extents: &[(u64, u32)]) -> Request {
        for (place, (offset, len)) in extents.iter().enumerate() {
            request.extents[place] = self.extent(*offset, *len);
        }
        request.in_extents = extents.len() as u8;
        request.in_len = extents.iter().map(|(_, len)| len).sum();
        request
    }

    /// Gives a command data-out.
    pub fn with_out(&self, mut request: Request, offset: u64, len: u32) -> Request {
        request.extents[0] = self.extent(offset, len);
        request.out_extents = 1;
        request.out_len = len;
        request
    }

    /// Bytes of the arena.
    pub fn bytes(&self, offset: u64, len: u32) -> Vec<u8> {
        let mut bytes = vec![0; len as usize];
        self.arena.read(self.arena.check(self.extent(offset, len)).unwrap(), &mut bytes);
        bytes
    }

    /// `NexusOpen`. Every nexus has an initiator port of its own.
    pub fn open_request(&self, nexus: u64, target: u32, flags: u8) -> Request {
        let initiator = format!("iqn.2026-11.org.example:host,i,0x{nexus:012x}");
        self.open_request_of(&initiator, nexus, target, flags)
    }

    /// `NexusOpen` of the initiator port with this name.
    pub fn open_request_of(&self, initiator: &str, nexus: u64, target: u32, flags: u8) -> Request {
        let names = NexusNames {
            initiator: initiator.into(),
            target: "iqn.2026-11.org.example:disk,t,0x0001".into(),
        };
        let names = names.encode();
        // The core reads them later: names of others must not be written over them.
        let extent = self.extent(NAMES + nexus % 256 * 256, names.len() as u32);
        self.arena.write(self.arena.check(extent).unwrap(), &names);
        let mut request = Request::new(RequestKind::NexusOpen, nexus, 0);
        request.unit = target;
        request.flags = flags;
        request.ref_serial = if flags & request_flags::RESUMED == 0 { 0 } else { self.latest };
        request.out_extents = 1;
        request.extents[0] = extent;
        request
    }

    /// `Attach`, the nexuses that it still has, `AttachEnd` with serial 99.
    pub fn begin(&mut self, target: u32, resumed: &[u64]) {
        self.send(&Request::new(RequestKind::Attach, 0, 0));
        for nexus in resumed {
            let request = self.open_request(*nexus, target, request_flags::RESUMED);
            self.send(&request);
        }
        self.send(&Request::new(RequestKind::AttachEnd, 0, 99));
        for nexus in resumed {
            assert_eq!(self.expect(ReplyKind::NexusOpened, *nexus, 0).status, 0);
        }
    }

    /// As [`begin`](Self::begin), until the core says that the arena is free.
    pub fn attach(&mut self, target: u32, resumed: &[u64]) {
        self.begin(target, resumed);
        self.expect(ReplyKind::Attached, 0, 99);
    }

    /// Opens a nexus.
    pub fn open(&mut self, nexus: u64, target: u32) {
        let request = self.open_request(nexus, target, 0);
        self.send(&request);
        assert_eq!(self.expect(ReplyKind::NexusOpened, nexus, 0).status, 0);
    }

    /// Opens a nexus of the initiator port with this name.
    pub fn open_of(&mut self, initiator: &str, nexus: u64, target: u32) {
        let request = self.open_request_of(initiator, nexus, target, 0);
        self.send(&request);
        assert_eq!(self.expect(ReplyKind::NexusOpened, nexus, 0).status, 0);
    }

    /// Sends a command without data and waits for its outcome.
    pub fn ask(&mut self, nexus: u64, serial: u64, lun: u64, cdb: &[u8]) -> Reply {
        let request = self.with_in(command(nexus, serial, lun, cdb), &[(0, 4096)]);
        self.send(&request);
        self.done(nexus, serial)
    }

    /// After this the core has handled everything that was sent before: an INQUIRY for a LUN that has no unit is answered
    /// on the spot.
    pub fn barrier(&mut self, nexus: u64) {
        let request = command(nexus, u64::MAX, lun(0xEE), &INQUIRY);
        self.send(&request);
        assert_eq!(self.done(nexus, u64::MAX).status, GOOD);
    }
}

/// A handler.
pub struct FakeHandler {
    pub link: Responder,
    pub epoch: u64,
    /// It does errands on the spot.
    pub helpful: bool,
}

impl FakeHandler {
    pub fn new(epoch: u64, parts: &LinkParts) -> Self {
        let (mine, theirs) =
            (parts.responder_bell.duplicate().unwrap(), parts.requester_bell.duplicate().unwrap());
        Self { link: Responder::new(&parts.memory, epoch, mine, theirs).unwrap(), epoch, helpful: true }
    }

    /// The next request, if there is one. Errands are done on the spot unless the test wants to see them.
    pub fn poll(&mut self) -> Option<Request> {
        loop {
            let request = self.link.receive().unwrap();
            self.link.flush();
            match request {
                Some(errand) if self.helpful && errand.kind > RequestKind::Abort as u8 => self.did(&errand),
                other => return other,
            }
        }
    }

    /// The next request, which has to be an errand, is done.
    pub fn errand(&mut self) -> Request {
        let errand = until("an errand", || self.link.receive().unwrap());
        assert!(errand.kind > RequestKind::Abort as u8, "an errand, not {errand:?}");
        self.link.flush();
        self.did(&errand);
        errand
    }

    /// An errand is done; of `DeferredError`, that there is none.
    pub fn did(&mut self, errand: &Request) {
        let kind = match RequestKind::try_from(errand.kind) {
            Ok(RequestKind::Reset) => ReplyKind::ResetDone,
            Ok(RequestKind::DeferredError) => ReplyKind::DeferredErrorIs,
            _ => ReplyKind::NexusForgotten,
        };
        self.send(&Reply::new(kind, errand.nexus, errand.serial));
    }

    /// Tells the core of a unit.
    pub fn report(&mut self, unit: u32, report: &scsi::unit_report::UnitReport) {
        let mut reply = Reply::new(ReplyKind::UnitReport, 0, u64::from(unit));
        let bytes = report.encode();
        reply.sense[..bytes.len()].copy_from_slice(&bytes);
        reply.sense_len = bytes.len() as u8;
        self.send(&reply);
    }

    /// The next request.
    pub fn request(&mut self) -> Request {
        until("a request of the core", || self.poll())
    }

    /// The next request, which has to be `Execute` of this serial.
    pub fn execute(&mut self, serial: u64) -> Request {
        let request = self.request();
        assert_eq!((request.kind, request.serial), (RequestKind::Execute as u8, serial), "{request:?}");
        request
    }

    /// The next request, which has to be `Abort` of this serial.
    pub fn abort(&mut self, serial: u64) -> Request {
        let request = self.request();
        assert_eq!((request.kind, request.ref_serial), (RequestKind::Abort as u8, serial), "{request:?}");
        request
    }

    /// Takes the `Fence`, which has to be first, and answers it.
    pub fn fence(&mut self) {
        let request = self.request();
        assert_eq!(request.kind, RequestKind::Fence as u8, "the first request on a link");
        self.send(&Reply::new(ReplyKind::Fenced, request.nexus, request.serial));
    }

    pub fn send(&mut self, reply: &Reply) {
        self.link.send(reply).unwrap();
        self.link.flush();
    }

    /// GOOD, with `bytes` moved.
    pub fn good(&mut self, request: &Request, bytes: u32) {
        let mut reply = Reply::new(ReplyKind::Done, request.nexus, request.serial);
        (reply.transferred, reply.wanted) = (bytes, bytes);
        self.send(&reply);
    }

    /// CHECK CONDITION: MEDIUM ERROR, UNRECOVERED READ ERROR.
    pub fn fail(&mut self, request: &Request) {
        self.check(request, 0x03, 0x11);
    }

    /// CHECK CONDITION with this sense key and additional sense code.
    pub fn check(&mut self, request: &Request, key: u8, asc: u8) {
        let mut reply = Reply::new(ReplyKind::Done, request.nexus, request.serial);
        (reply.status, reply.sense_len) = (CHECK, 18);
        (reply.sense[0], reply.sense[2], reply.sense[7], reply.sense[12]) = (0x70, key, 10, asc);
        self.send(&reply);
    }

    /// The task was aborted before it began.
    pub fn aborted(&mut self, request: &Request) {
        let mut reply = Reply::new(ReplyKind::Done, request.nexus, request.serial);
        reply.flags = reply_flags::ABORTED;
        reply.status = 0x40;
        self.send(&reply);
    }

    /// Executes the next request, which has to be of this serial.
    pub fn serve(&mut self, serial: u64) {
        let request = self.execute(serial);
        self.good(&request, 0);
    }
}

/// Whether a reply says that its task was aborted.
pub fn is_aborted(reply: &Reply) -> bool {
    reply.flags & reply_flags::ABORTED != 0
}
