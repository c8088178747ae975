//! What all connections share, and everything that passes between them and the core.
//!
//! [`Shared`] owns the tables; connections borrow it one at a time. Replies of the core are checked here, against what was
//! asked, before a connection sees them. After a change of link everything that is outstanding is said again
//! ([`Shared::replay`]): first the nexuses, then the commands and functions, oldest first.
//!
//! Before anything is shown to the core, the connection that it is about has been noted (`run.rs` sees to that), so that a
//! successor says it again.
//!
//! Memory that a handler might still be using is never given to anybody else: a task's blocks are released with its
//! `Done`, with its nexus's `NexusClosed`, or, when it was given up while the core was away, with the next `Attached`.

use crate::buffers::{Buffers, Layout};
use crate::conn::ConnId;
use crate::core_link::{CoreLink, Down};
use crate::login::stage::{Established, Status};
use crate::nexus::{Nexuses, Phase};
use crate::notebook::Book;
use crate::pdu::target::FunctionResponse;
use crate::stats::{Counter, Counters};
use crate::targets::Targets;
use crate::task::{Place, Stage, Task, Tasks};
use crate::task_mgmt::{self, Functions};
use ipc::fault::PeerFault;
use ipc::link::Requester;
use ipc::message::config::ServiceConfig;
use ipc::message::record::{Reply, ReplyKind, Request, RequestKind, refusal, request_flags};
use std::time::{Duration, Instant};

/// What a reply of the core means for a connection.
#[derive(Debug)]
pub enum News {
    /// A task has ended.
    Done(ConnId, Place, Reply),
    /// The nexus of a login exists.
    Opened(ConnId, u64, u16),
    /// The nexus of a login was refused.
    Refused(ConnId, Status),
    /// A task management function is over.
    Function(ConnId, u32, FunctionResponse, [u8; 3]),
    /// TARGET COLD RESET of this target is over, and with it every session of the target (RFC 7143 11.5.1).
    ColdReset(ConnId, u32, u32),
    /// I_T NEXUS RESET is done: it is answered, and the session ends (RFC 7144 6.3).
    NexusReset(ConnId, u32, u32),
    /// A task is given up because the core is away.
    Busy(ConnId, Place, Box<Task>),
}

/// The tables of the service.
pub struct Shared {
    /// What the manifest says about this service.
    pub config: ServiceConfig,
    /// Targets and portals.
    pub targets: Targets,
    /// The arena.
    pub buffers: Buffers,
    /// Commands.
    pub tasks: Tasks,
    /// Task management functions.
    pub functions: Functions,
    /// Sessions as the core knows them.
    pub nexuses: Nexuses,
    /// The link to the core.
    pub link: CoreLink,
    /// What a successor needs to know.
    pub book: Book,
    /// Counters.
    pub stats: Counters,
    /// The time of this turn of the loop.
    pub now: Instant,
    /// Connections that a new session of the same port replaces.
    pub replaced: Vec<ConnId>,
    /// A session has begun or ended since sockets were deposited.
    pub roster_changed: bool,
    /// Data of tasks that were given up while no link was there.
    limbo: Vec<Layout>,
    /// The core has attached us at least once: the arena is ours alone.
    pub serving: bool,
}

impl Shared {
    /// Tables for a service that has all its grants.
    pub fn new(
        config: ServiceConfig,
        targets: Targets,
        buffers: Buffers,
        link: CoreLink,
        stats: Counters,
    ) -> Shared {
        let mut nexuses = Nexuses::default();
        nexuses.begin(config.incarnation);
        Shared {
            config,
            targets,
            buffers,
            tasks: Tasks::default(),
            functions: Functions::default(),
            nexuses,
            link,
            book: Book::default(),
            stats,
            now: Instant::now(),
            replaced: Vec::new(),
            roster_changed: false,
            limbo: Vec::new(),
            serving: false,
        }
    }

    /// Connections note from here on where they stand: what was given up before can be used again afterwards.
    pub fn set_aside(&mut self) {
        self.buffers.set_aside();
        self.tasks.set_aside();
    }

    /// No picture in the notebook names what was set aside.
    pub fn reuse(&mut self) {
        self.buffers.reuse();
        self.tasks.reuse();
    }

    /// Tells the core of a task; `pending` if data is missing.
    pub fn submit(&mut self, place: Place, pending: bool) {
        let Some(task) = self.tasks.get_mut(place) else { return };
        task.stage = Stage::InCore;
        task.request.flags = if pending { request_flags::DATA_PENDING } else { 0 };
        self.link.submit(&task.request);
        self.stats.add(Counter::Commands, 1);
    }

    /// Tells the core that a task's data is complete.
    pub fn data_complete(&mut self, place: Place) {
        let Some(task) = self.tasks.get_mut(place) else { return };
        task.request.flags &= !request_flags::DATA_PENDING;
        let mut request = task.request;
        request.kind = RequestKind::DataComplete as u8;
        self.link.submit(&request);
    }

    /// Asks the core to abort a task; false if too many functions are under way.
    pub fn abort(&mut self, place: Place, function: u8, asked: Option<(ConnId, u32)>) -> bool {
        let serial = self.tasks.serial();
        let Some(task) = self.tasks.get(place) else { return false };
        let mut request = Request::new(RequestKind::TaskManagement, task.request.nexus, serial);
        request.unit = task.request.unit;
        request.lun = task.request.lun;
        self.begin_function(request, function, task.serial, asked)
    }

    /// Asks the core for a function that names no task; false if too many are under way.
    pub fn function(
        &mut self,
        nexus: u64,
        target: u32,
        function: u8,
        lun: u64,
        asked: (ConnId, u32),
    ) -> bool {
        let mut request = Request::new(RequestKind::TaskManagement, nexus, self.tasks.serial());
        request.unit = target;
        request.lun = lun;
        self.begin_function(request, function, 0, Some(asked))
    }

    fn begin_function(
        &mut self,
        request: Request,
        function: u8,
        ref_serial: u64,
        asked: Option<(ConnId, u32)>,
    ) -> bool {
        match self.functions.begin(request, function, ref_serial, asked) {
            Some(request) => {
                self.link.submit(&request);
                true
            }
            None => false,
        }
    }

    /// Asks the core for a nexus, after the end of the one that it replaces. False: there is no room for it.
    pub fn open_nexus(&mut self, login: &Established, conn: ConnId) -> bool {
        if let Some(old) = self.nexuses.same_port(login) {
            // RFC 7143 6.3.5: session reinstatement. The old connection is closed by the loop; its nexus goes now, so
            // that the core hears of the end before it hears of the beginning.
            let (number, old_conn) = (old.number, old.conn);
            self.replaced.extend(old_conn);
            self.stats.add(Counter::Reinstated, 1);
            self.close_nexus(number);
        }
        let Some(nexus) = self.nexuses.open(login, conn, &mut self.buffers) else { return false };
        let request = nexus.open_request(&self.buffers, None);
        self.link.submit(&request);
        true
    }

    /// Ends the nexus of a connection, if it has one.
    pub fn close_nexus_of(&mut self, conn: ConnId) {
        let found =
            self.nexuses.iter().find(|nexus| nexus.conn == Some(conn) && nexus.phase != Phase::Closing);
        if let Some(number) = found.map(|nexus| nexus.number) {
            self.close_nexus(number);
        }
    }

    fn close_nexus(&mut self, number: u64) {
        self.functions.forget(number);
        self.roster_changed = true;
        let serial = self.tasks.serial();
        let Some(nexus) = self.nexuses.get_mut(number) else { return };
        let mut request = Request::new(RequestKind::NexusClose, number, serial);
        if nexus.phase == Phase::Opening {
            // The core may be refusing it right now; then it is closed already, and that is no fault.
            request.flags = request_flags::AGAIN;
        }
        nexus.phase = Phase::Closing;
        nexus.close_sent = self.link.is_up();
        self.link.submit(&request);
    }

    /// The connection of a task is gone.
    pub fn orphan(&mut self, place: Place, conn: ConnId) {
        let Some(task) = self.tasks.get_mut(place).filter(|task| task.conn == Some(conn)) else { return };
        task.conn = None;
        if task.stage != Stage::InCore
            && let Some(mut task) = self.tasks.remove(place)
        {
            self.buffers.release_layout(&mut task.layout);
        }
    }

    /// A new link: says everything again.
    pub fn replay(&mut self, link: Requester, peer: u32, epoch: u64) {
        self.link.replaced(link, peer, epoch);
        self.nexuses.link_replaced();
        self.link.submit(&Request::new(RequestKind::Attach, 0, 0));
        let latest = self.tasks.latest();
        for nexus in self.nexuses.iter().filter(|nexus| nexus.phase != Phase::Closing) {
            self.link.submit(&nexus.open_request(&self.buffers, Some(latest)));
        }
        let serial = self.tasks.serial();
        self.link.submit(&Request::new(RequestKind::AttachEnd, 0, serial));
        // Tasks of nexuses that are not named any more are over with them.
        let lost = self.tasks.oldest_first(|task| task.conn.is_none());
        for place in lost {
            self.give_up(place);
        }
        let outstanding = self.tasks.oldest_first(|task| task.stage == Stage::InCore);
        for place in &outstanding {
            if let Some(task) = self.tasks.get_mut(*place) {
                task.request.flags |= request_flags::AGAIN;
                self.link.submit(&task.request);
            }
        }
        for request in self.functions.requests() {
            self.link.submit(&Request { flags: request_flags::AGAIN, ..*request });
        }
        if self.serving {
            self.stats.add(Counter::Replays, 1);
            tracing::info!(epoch, commands = outstanding.len(), "new link to the core");
        }
    }

    /// Takes a task out whose data a handler may still be using.
    fn give_up(&mut self, place: Place) -> Option<Task> {
        let mut task = self.tasks.remove(place)?;
        self.limbo.push(std::mem::take(&mut task.layout));
        Some(task)
    }

    /// Gives up what has been held for too long because the core is away.
    pub fn expire(&mut self, news: &mut Vec<News>) {
        let hold = Duration::from_millis(u64::from(self.config.hold_ms));
        let over = match self.link.down {
            None => false,
            Some(Down::Held) => true,
            Some(Down::Restarting(since)) => self.now.duration_since(since) > hold,
        };
        if !over {
            return;
        }
        for place in self.tasks.oldest_first(|task| task.stage == Stage::InCore) {
            if let Some(task) = self.give_up(place)
                && let Some(conn) = task.conn
            {
                self.stats.add(Counter::HeldTooLong, 1);
                news.push(News::Busy(conn, place, Box::new(task)));
            }
        }
        for (conn, itt) in self.functions.give_up() {
            news.push(News::Function(conn, itt, FunctionResponse::Rejected, [0; 3]));
        }
    }

    /// Checks a reply of the core and says what it means; nothing, if nobody waits for it.
    ///
    /// # Errors
    /// [`PeerFault`] when it does not answer anything that was asked.
    pub fn take_reply(&mut self, reply: Reply) -> Result<Option<News>, PeerFault> {
        match ReplyKind::try_from(reply.kind)? {
            ReplyKind::Done => self.task_done(reply),
            ReplyKind::NexusOpened => self.nexus_opened(&reply),
            ReplyKind::NexusClosed => {
                let closing = self.nexuses.get_mut(reply.nexus).is_some_and(|n| n.phase == Phase::Closing);
                if !closing {
                    return Err(PeerFault::Unexpected("end of a nexus that was not closed"));
                }
                self.nexus_closed(reply.nexus);
                Ok(None)
            }
            ReplyKind::TaskManagementDone => {
                let asked = self.functions.end(reply.nexus, reply.serial);
                // Those of a nexus that is closing were forgotten with it.
                let Some((function, Some((conn, itt)))) = asked else { return Ok(None) };
                let response = task_mgmt::response(reply.response);
                let target = self.nexuses.get_mut(reply.nexus).map(|nexus| nexus.target);
                let complete = response == FunctionResponse::Complete;
                let information = reply.sense()?.first_chunk().copied().unwrap_or_default();
                Ok(Some(match (target.filter(|_| complete), function) {
                    (Some(target), task_mgmt::COLD_RESET) => News::ColdReset(conn, itt, target),
                    (Some(target), task_mgmt::NEXUS_RESET) => News::NexusReset(conn, itt, target),
                    _ => News::Function(conn, itt, response, information),
                }))
            }
            ReplyKind::Attached => {
                self.attached();
                Ok(None)
            }
            ReplyKind::Fenced
            | ReplyKind::UnitReport
            | ReplyKind::ResetDone
            | ReplyKind::NexusForgotten
            | ReplyKind::DeferredErrorIs => Err(PeerFault::Unexpected("reply that only handlers give")),
        }
    }

    fn task_done(&mut self, reply: Reply) -> Result<Option<News>, PeerFault> {
        let unknown = PeerFault::Unexpected("outcome of a task that is not outstanding");
        let place = self.tasks.find(reply.nexus, reply.serial).ok_or(unknown)?;
        reply.sense()?;
        let task = self.tasks.get(place).filter(|task| task.stage == Stage::InCore).ok_or(unknown)?;
        if u64::from(reply.transferred) > task.layout.bytes() {
            return Err(PeerFault::Record { field: "transferred", value: u64::from(reply.transferred) });
        }
        if let Some(conn) = task.conn {
            return Ok(Some(News::Done(conn, place, reply)));
        }
        if let Some(mut task) = self.tasks.remove(place) {
            self.buffers.release_layout(&mut task.layout);
        }
        Ok(None)
    }

    fn nexus_opened(&mut self, reply: &Reply) -> Result<Option<News>, PeerFault> {
        let unknown = PeerFault::Unexpected("beginning of a nexus that was not opened");
        let nexus = self.nexuses.get_mut(reply.nexus).ok_or(unknown)?;
        // Answers to a nexus that was named again, or that is closing by now, change nothing.
        let (Phase::Opening, Some(conn)) = (nexus.phase, nexus.conn) else { return Ok(None) };
        let status = match reply.status {
            0 => {
                nexus.phase = Phase::Open;
                return Ok(Some(News::Opened(conn, nexus.number, nexus.tsih)));
            }
            refusal::NO_TARGET => Status::NotFound,
            _ => Status::OutOfResources,
        };
        self.nexuses.remove(reply.nexus, &mut self.buffers);
        self.roster_changed = true;
        Ok(Some(News::Refused(conn, status)))
    }

    fn nexus_closed(&mut self, number: u64) {
        self.nexuses.remove(number, &mut self.buffers);
        for place in self.tasks.oldest_first(|task| task.request.nexus == number && task.conn.is_none()) {
            if let Some(mut task) = self.tasks.remove(place) {
                self.buffers.release_layout(&mut task.layout);
            }
        }
    }

    /// Nothing that was asked over an older link is running any more.
    fn attached(&mut self) {
        for mut layout in std::mem::take(&mut self.limbo) {
            self.buffers.release_layout(&mut layout);
        }
        if self.link.attached {
            return;
        }
        self.link.attached = true;
        self.serving = true;
        // Nexuses that were closing when the link went were not named, and have ended with that.
        let closing = self.nexuses.iter().filter(|nexus| nexus.phase == Phase::Closing && !nexus.close_sent);
        for number in closing.map(|nexus| nexus.number).collect::<Vec<u64>>() {
            self.nexus_closed(number);
        }
    }
}
