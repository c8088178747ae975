//! The only loop: sockets and replies in, work, requests and sockets out, sleep.
//!
//! One thread serves all connections. While work has been arriving it looks at the ring all the time and at the sockets
//! between turns; when nothing has come for the polling budget it arms the ring and sleeps. A turn is bounded: each
//! connection gets a few calls of recvmsg, then the next one has its turn.

use crate::conn::{Close, Conn, ConnId};
use crate::core_link::Down;
use crate::crash::{self, Point};
use crate::grants::{Boot, Next};
use crate::listener::Listener;
use crate::pdu::target::FunctionResponse;
use crate::service::{News, Shared};
use crate::stats::{Counter, NAMES};
use gather::Gathered;
use ipc::channel::ChannelError;
use ipc::link::Requester;
use ipc::message::Event;
use ipc::message::config::ServiceKind;
use ipc::recorder::Recorder;
use ipc::service::Control;
use ipc::wait::{Awaited, HEARTBEAT, Ready, Turn, Waiter, Watch};
use std::time::{Duration, Instant};

mod follow;
mod gather;
mod resume;
mod sockets;

const CONTROL: u64 = 0;
const BELL: u64 = 1;
const LISTENER: u64 = 1 << 62;
const CONNECTION: u64 = 1 << 63;
/// Most connections that a token can name.
const MOST_PLACES: usize = 1 << 16;
/// Replies that are handled in one turn.
const MOST_REPLIES: usize = 256;
/// Turns, with work or while answers are awaited, after which sockets are looked at nevertheless. A look is a system call, and
/// while one is at work more arrives, so that the next look is worth more.
const UNSEEN_TURNS: u32 = 4;
/// How often clocks are looked at.
const TICK: Duration = HEARTBEAT;
/// How long the core may take to end the sessions when this service stops.
const STOP_TIME: Duration = Duration::from_secs(3);

struct Place {
    conn: Option<Box<Conn>>,
    /// The supervisor was told of the socket.
    offered: bool,
    /// It will hear of that whatever happens to this process. Before that no initiator hears that its login is complete.
    deposited: bool,
    turn: u32,
}

/// The running service.
pub struct Service {
    /// The control socket.
    pub control: Control,
    /// What connections share.
    pub shared: Shared,
    waiter: Waiter,
    listeners: Vec<Listener>,
    places: Vec<Place>,
    living: usize,
    next_key: u64,
    ready: Vec<Ready>,
    news: Vec<News>,
    dirty: Vec<ConnId>,
    /// Connections of which nothing is new but that something was sent.
    sent: Vec<ConnId>,
    /// Empty but while it is worked on.
    flushed: Vec<ConnId>,
    unread: Vec<ConnId>,
    starved: Vec<ConnId>,
    deaf: bool,
    gathered: Gathered,
    lone_answers: u32,
    unseen_turns: u32,
    ticked: Instant,
    recorder: Option<Recorder>,
}

/// Runs the service over the control socket that this process inherited.
///
/// # Errors
/// The service cannot go on; the text is for its log.
pub fn inherited() -> anyhow::Result<()> {
    run(Control::inherit(ServiceKind::Iscsi, NAMES)?)
}

/// Runs the service until it is told to stop or the supervisor is gone.
///
/// # Errors
/// The service cannot go on.
pub fn run(mut control: Control) -> anyhow::Result<()> {
    let mut boot = Boot::default();
    loop {
        let (grant, fds) = match control.wait() {
            Err(ChannelError::Closed) => return Ok(()),
            other => other?,
        };
        match boot.adopt(grant, fds, &mut control)? {
            Next::Continue => {}
            Next::Go => break,
            Next::Stop => return Ok(control.report(Event::Stopped, Vec::new())?),
        }
    }
    let mut service = boot.build(control)?;
    service.control.report(Event::Ready, Vec::new())?;
    tracing::info!("iSCSI transport serves");
    while service.turn()? {}
    service.stop()
}

impl Service {
    /// A service without listeners and link.
    ///
    /// # Errors
    /// The host refuses a descriptor.
    pub fn new(control: Control, shared: Shared) -> anyhow::Result<Service> {
        let waiter = Waiter::new(shared.config.poll_us)?;
        waiter.add(&control, CONTROL, Watch::Readable)?;
        Ok(Service {
            control,
            next_key: shared.config.incarnation << 40,
            ticked: shared.now,
            shared,
            waiter,
            listeners: Vec::new(),
            places: Vec::new(),
            living: 0,
            ready: Vec::new(),
            news: Vec::new(),
            dirty: Vec::new(),
            sent: Vec::new(),
            flushed: Vec::new(),
            unread: Vec::new(),
            starved: Vec::new(),
            deaf: false,
            gathered: Gathered::default(),
            lone_answers: 0,
            unseen_turns: 0,
            recorder: None,
        })
    }

    /// Records what goes over the links that come from here on.
    pub fn record(&mut self, recorder: Recorder) {
        self.waiter.record(recorder.clone());
        self.recorder = Some(recorder);
    }

    /// Adds a portal. Nothing is accepted before the core has said that the arena is free.
    pub fn listen(&mut self, listener: Listener) {
        if self.shared.serving {
            self.watch_listener(self.listeners.len(), &listener);
        }
        self.listeners.push(listener);
    }

    fn watch_listener(&self, index: usize, listener: &Listener) {
        if let Err(error) = self.waiter.add(listener, LISTENER | index as u64, Watch::Readable) {
            tracing::error!(portal = listener.portal, %error, "cannot watch the listening socket");
        }
    }

    /// Takes a new link to the core.
    ///
    /// # Errors
    /// The host refuses to watch its bell.
    pub fn replace_link(&mut self, mut link: Requester, peer: u32, epoch: u64) -> anyhow::Result<()> {
        self.drop_link(Down::Restarting(self.shared.now));
        self.waiter.add(link.bell(), BELL, Watch::Bell)?;
        link.record(self.recorder.clone());
        self.shared.replay(link, peer, epoch);
        self.shared.link.flush();
        Ok(())
    }

    /// Lets go of the link. What the core had answered before its end holds: its successor knows nothing of commands that had
    /// ended, and would execute them again.
    pub fn drop_link(&mut self, why: Down) {
        // No more than fits into the ring, whatever the other end does.
        let mut looks = ipc::link::CAPACITY.div_ceil(MOST_REPLIES);
        while looks > 0 && self.replies() > 0 {
            looks -= 1;
        }
        self.unwatch_bell();
        self.shared.link.lost(why);
    }

    fn unwatch_bell(&self) {
        if let Some(bell) = self.shared.link.bell() {
            // The supervisor has a duplicate, so that closing ours would not take it from the set.
            let _ = self.waiter.remove(bell);
        }
    }

    /// One turn of the loop. False: it is time to end.
    fn turn(&mut self) -> anyhow::Result<bool> {
        self.shared.stats.beat();
        let answers = self.replies();
        if self.gathers(answers) {
            self.waiter.pass();
            return Ok(true);
        }
        let worked = self.sockets()? || answers > 0;
        self.push_out();
        if let Some(fault) = self.shared.link.fault.take() {
            let (peer, epoch) = (self.shared.link.peer, self.shared.link.epoch);
            self.control.report(Event::PeerFault { peer, epoch, fault: fault.to_string() }, Vec::new())?;
        }
        let turn = if worked {
            self.waiter.worked();
            Turn::LookAround
        } else {
            let expects = self.shared.link.outstanding() > 0;
            self.waiter.idle(if expects { Awaited::Answer } else { Awaited::Work })
        };
        let turn = match turn {
            // Who awaits answers has seen the sockets a moment ago.
            Turn::LookAround if worked || self.shared.link.outstanding() > 0 => {
                self.unseen_turns += 1;
                if self.unseen_turns < UNSEEN_TURNS { Turn::Look } else { turn }
            }
            turn => turn,
        };
        if turn != Turn::Look {
            self.unseen_turns = 0;
        }
        match turn {
            Turn::Look => return Ok(true),
            Turn::LookAround => self.waiter.peek(&mut self.ready)?,
            Turn::Sleep => {
                if !self.has_more() && self.shared.link.arm() {
                    self.waiter.wait(TICK, &mut self.ready)?;
                    self.shared.link.disarm();
                    if !self.ready.is_empty() {
                        self.waiter.worked();
                    }
                }
            }
        }
        self.shared.now = Instant::now();
        self.clocks();
        self.hear()
    }

    /// Takes grants, if there are any.
    fn hear(&mut self) -> anyhow::Result<bool> {
        if !self.ready.iter().any(|ready| ready.token == CONTROL) {
            return Ok(true);
        }
        loop {
            match self.control.poll() {
                Ok(None) => break,
                Ok(Some((grant, fds))) => {
                    if matches!(self.adopt(grant, fds)?, Next::Stop) {
                        return Ok(false);
                    }
                }
                // Nobody is there to restart anything any more; what is running must not go on unsupervised.
                Err(ChannelError::Closed) => return Ok(false),
                Err(error) => return Err(error.into()),
            }
        }
        self.control.flush()?;
        Ok(true)
    }

    /// Takes replies of the core; says how many.
    fn replies(&mut self) -> usize {
        let was_serving = self.shared.serving;
        let mut count = 0;
        while count < MOST_REPLIES
            && let Some(reply) = self.shared.link.receive()
        {
            count += 1;
            crash::point(Point::ReplyTaken);
            match self.shared.take_reply(reply) {
                Ok(Some(news)) => self.tell(news),
                Ok(None) => {}
                Err(fault) => {
                    self.unwatch_bell();
                    self.shared.link.break_off(fault);
                }
            }
        }
        if self.shared.link.down.is_some() {
            let mut news = std::mem::take(&mut self.news);
            self.shared.expire(&mut news);
            news.drain(..).for_each(|news| self.tell(news));
            self.news = news;
        }
        if self.shared.serving && !was_serving {
            for (index, listener) in self.listeners.iter().enumerate() {
                self.watch_listener(index, listener);
            }
            self.wake();
        }
        count
    }

    /// Brings news to the connection that waits for it.
    fn tell(&mut self, news: News) {
        let id = match &news {
            News::Done(id, ..)
            | News::Opened(id, ..)
            | News::Refused(id, ..)
            | News::Function(id, ..)
            | News::ColdReset(id, ..)
            | News::NexusReset(id, ..)
            | News::Busy(id, ..) => *id,
        };
        let Some(conn) = find(&mut self.places, id) else { return };
        let shared = &mut self.shared;
        match news {
            News::Done(_, place, reply) => conn.done(place, reply, shared),
            News::Opened(_, nexus, tsih) => conn.nexus_opened(nexus, tsih, shared),
            News::Refused(_, status) => conn.nexus_refused(status, shared),
            News::Function(_, itt, response, information) => {
                conn.function_done(itt, response, information, shared);
            }
            News::ColdReset(_, itt, target) => {
                conn.function_done(itt, FunctionResponse::Complete, [0; 3], shared);
                return self.end_sessions(target);
            }
            News::NexusReset(_, itt, target) => {
                conn.function_done(itt, FunctionResponse::Complete, [0; 3], shared);
                conn.end_session(target);
            }
            News::Busy(_, place, task) => conn.busy(place, &task, shared),
        }
        note_dirty(conn, &mut self.dirty);
    }

    /// Ends every session of a target, when what is queued has been sent.
    fn end_sessions(&mut self, target: u32) {
        for conn in self.places.iter_mut().filter_map(|place| place.conn.as_deref_mut()) {
            if conn.end_session(target) {
                note_dirty(conn, &mut self.dirty);
            }
        }
    }

    /// Notes where every connection stands, sends what was queued, and tells the core what it was asked: in this order,
    /// for nothing is shown to anybody that a successor would not know.
    fn push_out(&mut self) {
        let answers = std::mem::take(&mut self.gathered).count;
        if std::mem::take(&mut self.shared.roster_changed) {
            // Before an initiator hears that its login is complete.
            self.deposit();
        }
        if self.dirty.is_empty() && self.starved.is_empty() {
            // That something was sent can be noted with what comes next; until then its memory is not wanted.
            self.shared.link.flush();
            crash::point(Point::CoreShown);
            return;
        }
        for id in self.sent.drain(..) {
            if find(&mut self.places, id).is_some_and(Conn::needs_note) {
                self.dirty.push(id);
            }
        }
        // Two lists that change places, so that both keep their memory.
        let mut flushed = std::mem::replace(&mut self.dirty, std::mem::take(&mut self.flushed));
        self.shared.set_aside();
        for id in &flushed {
            if let Some(conn) = find(&mut self.places, *id) {
                conn.note(&mut self.shared);
            }
        }
        self.shared.reuse();
        crash::point(Point::PicturesDone);
        for id in flushed.drain(..) {
            if self.waits_for_deposit(id) {
                self.dirty.push(id);
                continue;
            }
            let Some(conn) = find(&mut self.places, id) else { continue };
            match conn.flush(&mut self.shared) {
                Ok(()) => self.rewatch(id),
                Err(close) => self.close(id, close),
            }
        }
        self.flushed = flushed;
        crash::point(Point::ConnectionsShown);
        self.shared.link.flush();
        crash::point(Point::CoreShown);
        if !self.sent.is_empty() {
            self.follow(answers);
        }
    }

    /// Ends in order: no connection, then no nexus.
    fn stop(mut self) -> anyhow::Result<()> {
        tracing::info!("iSCSI transport stops");
        for listener in &self.listeners {
            let _ = self.waiter.remove(listener);
        }
        let ids: Vec<ConnId> =
            self.places.iter().filter_map(|place| place.conn.as_ref()).map(|conn| conn.id).collect();
        for id in ids {
            self.close(id, Close(Counter::Disconnected));
        }
        self.push_out();
        let deadline = Instant::now() + STOP_TIME;
        while self.shared.nexuses.iter().next().is_some()
            && self.shared.link.is_up()
            && Instant::now() < deadline
        {
            if self.replies() == 0 {
                self.waiter.wait(Duration::from_millis(1), &mut self.ready)?;
            }
            self.shared.link.flush();
        }
        match self.control.report(Event::Stopped, Vec::new()) {
            Err(ChannelError::Closed) => Ok(()),
            other => Ok(other?),
        }
    }
}

fn token(id: ConnId) -> u64 {
    CONNECTION | u64::from(id.place) << 32 | u64::from(id.turn)
}

fn find(places: &mut [Place], id: ConnId) -> Option<&mut Conn> {
    let place = places.get_mut(id.place as usize)?;
    place.conn.as_deref_mut().filter(|conn| conn.id == id)
}

/// Remembers that a connection has something to send.
fn note_dirty(conn: &mut Conn, dirty: &mut Vec<ConnId>) {
    if conn.needs_flush() {
        dirty.push(conn.id);
    }
}

#[cfg(test)]
mod tests;
