//! The only loop: requests in, work, answers out, sleep. Nothing in it waits for a medium.
//!
//! ```text
//! rings -> intake -> dispatch -> execute -> backend         over at once: answer
//!                        ^                      |
//!                        +---- engine, time ----+           not over: a slot, and back later
//! ```
//! Grants are in [`crate::grants`].

use std::io;
use std::time::{Duration, Instant};

use ipc::arena::Arenas;
use ipc::channel::ChannelError;
use ipc::crash::{self, Point};
use ipc::link::CAPACITY;
use ipc::message::config::ServiceConfig;
use ipc::message::{Event, Grant};
use ipc::service::{Control, start_log};
use ipc::state::StateDir;
use ipc::wait::{Awaited, HEARTBEAT, Ready, Turn, Waiter, Watch};

use crate::clerk::Clerk;
use crate::dispatch::Dispatch;
use crate::engine::{Choice, Engine};
use crate::intake::{self, Asked};

/// Tasks that can be under way: those of a full link, and as many again of one before it that has not ended yet.
const SLOTS: usize = 2 * CAPACITY;
/// Requests of one link that are taken before its answers go out and others have their turn.
const BATCH: usize = 64;
/// Bytes moved after which answers go out before the batch is done: somebody could send them on already.
const FLUSH_BYTES: usize = 128 << 10;
/// Turns with work after which sockets are looked at all the same.
const BUSY_TURNS: u32 = 256;
/// Turns without work that gave up the processor, between two looks at the sockets. Only grants come over one, and
/// the engine is asked without a system call, so there is no hurry.
const IDLE_TURNS: u32 = 32;
/// A sleep while the kernel has not taken every submission.
const SUBMIT_AGAIN: Duration = Duration::from_millis(1);

const CONTROL: u64 = 0;
const ENGINE: u64 = 1;
const CLERK: u64 = 2;
/// The first token for links.
pub(crate) const LINKS: u64 = 3;

/// Why a service cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The control socket failed; that it was closed is no error but an end.
    #[error(transparent)]
    Control(#[from] ChannelError),
    /// The host refused what no service can do without.
    #[error("{what}: {error}")]
    Host {
        /// What was refused.
        what: &'static str,
        /// Why.
        error: io::Error,
    },
}

/// Whether and how the service is about to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Not,
    /// Finish what runs; the supervisor waits for word if it was it that asked.
    Draining {
        asked: bool,
    },
}

/// The service.
pub struct Service {
    control: Control,
    pub(crate) waiter: Waiter,
    pub(crate) arenas: Arenas,
    pub(crate) dispatch: Dispatch,
    /// Where files that outlive a reboot may be kept.
    pub(crate) state: Option<StateDir>,
    /// How many times it has been started before.
    pub(crate) incarnation: u64,
    ending: Ending,
    ready: Vec<Ready>,
    busy_turns: u32,
    idle_turns: u32,
}

/// Serves until it is stopped or its supervisor is gone.
pub fn serve(mut control: Control, choice: Choice) -> Result<(), ServeError> {
    let Some((config, grants)) = boot(&mut control)? else { return Ok(()) };
    let mut service = Service::new(control, &config, choice)?;
    for (grant, fds) in grants {
        service.carry_out(grant, fds)?;
    }
    // A medium that can be had is there before the first command.
    service.dispatch.tick();
    service.report(Event::Ready)?;
    service.run()
}

type Grants = Vec<(Grant, Vec<std::os::fd::OwnedFd>)>;

/// Collects what is granted before `Go`. None if the supervisor has no use for this service after all.
fn boot(control: &mut Control) -> Result<Option<(ServiceConfig, Grants)>, ServeError> {
    let (mut config, mut grants) = (None, Vec::new());
    loop {
        match control.wait() {
            Ok((Grant::Service(granted), _)) => {
                start_log(&granted.log);
                config = Some(granted);
            }
            Ok((Grant::Go, _)) => break,
            Ok((Grant::Stop, _)) => {
                control.report(Event::Stopped, Vec::new())?;
                return Ok(None);
            }
            Ok(other) => grants.push(other),
            Err(ChannelError::Closed) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
    }
    let missing = io::Error::new(io::ErrorKind::InvalidInput, "it was not granted before Go");
    let config = config.ok_or(ServeError::Host { what: "configuration of the service", error: missing })?;
    Ok(Some((config, grants)))
}

impl Service {
    fn new(control: Control, config: &ServiceConfig, choice: Choice) -> Result<Self, ServeError> {
        let host = |what| move |error| ServeError::Host { what, error };
        let engine = Engine::start(choice, SLOTS, config.workers).map_err(host("engine for blocking I/O"))?;
        tracing::info!(
            name = config.name,
            incarnation = config.incarnation,
            engine = engine.name(),
            "started"
        );
        let waiter = Waiter::new(config.poll_us).map_err(host("epoll"))?;
        waiter.add(&control, CONTROL, Watch::Readable).map_err(host("epoll"))?;
        let watch = if engine.bell_is_edge() { Watch::Bell } else { Watch::Readable };
        waiter.add(engine.bell(), ENGINE, watch).map_err(host("epoll"))?;
        let clerk = Clerk::new().map_err(host("thread for errands"))?;
        waiter.add(clerk.bell(), CLERK, Watch::Bell).map_err(host("epoll"))?;
        let hold = Duration::from_millis(u64::from(config.hold_ms));
        Ok(Self {
            control,
            waiter,
            arenas: Arenas::default(),
            dispatch: Dispatch::new(engine, clerk, SLOTS, hold, config.buffers),
            state: None,
            incarnation: config.incarnation,
            ending: Ending::Not,
            ready: Vec::new(),
            busy_turns: 0,
            idle_turns: 0,
        })
    }

    fn run(mut self) -> Result<(), ServeError> {
        loop {
            self.dispatch.counters.beat();
            let worked = self.turn()?;
            if let Ending::Draining { asked } = self.ending
                && self.dispatch.is_idle()
            {
                if asked {
                    self.report(Event::Stopped)?;
                }
                return Ok(());
            }
            if worked {
                self.waiter.worked();
                self.busy_turns += 1;
                if self.busy_turns.is_multiple_of(BUSY_TURNS) {
                    self.look_around()?;
                }
                continue;
            }
            let expects = self.dispatch.engine().in_flight() > 0;
            match self.waiter.idle(if expects { Awaited::Answer } else { Awaited::Work }) {
                Turn::Look => {}
                Turn::LookAround => {
                    self.idle_turns += 1;
                    if self.idle_turns.is_multiple_of(IDLE_TURNS) {
                        self.look_around()?;
                    }
                }
                Turn::Sleep => self.sleep()?,
            }
        }
    }

    /// One round of everything. True if there was anything to do.
    #[inline]
    fn turn(&mut self) -> Result<bool, ServeError> {
        let mut worked = self.take_requests();
        worked |= self.dispatch.reap();
        worked |= self.dispatch.tick();
        if worked {
            crash::at(Point::WorkDone);
        }
        self.dispatch.flush();
        if worked {
            crash::at(Point::AnswersShown);
        }
        let untold = !self.dispatch.notes.is_empty() || !self.dispatch.events.is_empty();
        if untold || self.dispatch.links.broken().is_some() {
            self.tell()?;
        }
        Ok(worked)
    }

    #[inline]
    fn take_requests(&mut self) -> bool {
        if self.ending != Ending::Not {
            return false;
        }
        let mut worked = false;
        for index in 0..self.dispatch.links.count() {
            for _ in 0..BATCH {
                if !self.dispatch.has_room() {
                    return worked;
                }
                let Some((link, request)) = self.dispatch.links.receive(index) else { break };
                worked = true;
                crash::at(Point::RequestTaken);
                match intake::read(&request, link, &self.arenas, &self.dispatch.units) {
                    Ok(asked) => self.serve_one(asked, link),
                    Err(fault) => self.dispatch.links.blame(link, fault),
                }
                if self.dispatch.unsent_bytes >= FLUSH_BYTES {
                    self.dispatch.flush();
                }
            }
        }
        worked
    }

    #[inline]
    fn serve_one(&mut self, asked: Asked, link: crate::links::LinkId) {
        match asked {
            Asked::Execute(task) => {
                if self.dispatch.links.expect_answer(link) {
                    self.dispatch.begin(task);
                }
            }
            Asked::NoUnit(identity) => {
                if self.dispatch.links.expect_answer(link) {
                    self.dispatch.refuse(identity);
                }
            }
            Asked::Fence { nexus, serial } => self.dispatch.links.fence(link, nexus, serial),
            Asked::Reset(identity, unit) => {
                if self.dispatch.links.expect_answer(link) {
                    self.dispatch.reset(identity, unit);
                }
            }
            Asked::NexusLost(identity, unit) => {
                if self.dispatch.links.expect_answer(link) {
                    self.dispatch.nexus_lost(identity, unit);
                }
            }
            Asked::Allow(identity, unit) => {
                if self.dispatch.links.expect_answer(link) {
                    self.dispatch.allow(identity, unit);
                }
            }
            Asked::DeferredError(identity, unit) => {
                if self.dispatch.links.expect_answer(link) {
                    self.dispatch.deferred_error(identity, unit);
                }
            }
            Asked::Abort(identity) => self.dispatch.abort(identity),
        }
    }

    /// Reports what the supervisor has to know: peers that broke the contract, devices that cannot be served.
    #[cold]
    fn tell(&mut self) -> Result<(), ServeError> {
        while let Some(broken) = self.dispatch.links.broken() {
            tracing::warn!(peer = broken.peer, epoch = broken.epoch, fault = %broken.fault, "link closed");
            self.dispatch.retire(broken.id, &self.waiter);
            let (peer, epoch, fault) = (broken.peer, broken.epoch, broken.fault.to_string());
            self.report(Event::PeerFault { peer, epoch, fault })?;
        }
        for text in std::mem::take(&mut self.dispatch.notes) {
            tracing::error!("{text}");
            self.report(Event::Problem { text })?;
        }
        for event in std::mem::take(&mut self.dispatch.events) {
            self.report(event)?;
        }
        Ok(())
    }

    /// Looks at everything that is not a ring, without sleeping.
    fn look_around(&mut self) -> Result<(), ServeError> {
        self.waiter.peek(&mut self.ready).map_err(|error| ServeError::Host { what: "epoll", error })?;
        self.dispatch.look_at_sizes(Instant::now());
        self.heed_control()
    }

    /// Sleeps until a bell, the control socket, the engine, or a time that something waits for.
    fn sleep(&mut self) -> Result<(), ServeError> {
        // Requests that would not be taken now must not keep us awake: the end of a task will wake us.
        let takes = self.ending == Ending::Not && self.dispatch.has_room();
        if takes && !self.dispatch.links.arm() {
            return Ok(());
        }
        let mut most = HEARTBEAT;
        if let Some(at) = self.dispatch.next_tick() {
            most = most.min(at.saturating_duration_since(Instant::now()));
        }
        if self.dispatch.engine().unsubmitted() || self.dispatch.tells_later() {
            most = most.min(SUBMIT_AGAIN);
        }
        let before = Instant::now();
        let slept = self.waiter.wait(most, &mut self.ready);
        self.dispatch.links.disarm();
        slept.map_err(|error| ServeError::Host { what: "epoll", error })?;
        let now = Instant::now();
        self.dispatch.units.iter_mut().for_each(|(_, unit)| unit.slept(now.duration_since(before)));
        self.dispatch.look_at_sizes(now);
        self.heed_control()
    }

    /// Takes the grants that have come, if any have.
    fn heed_control(&mut self) -> Result<(), ServeError> {
        self.control_result(|control| control.flush())?;
        if !self.ready.iter().any(|ready| ready.token == CONTROL) {
            return Ok(());
        }
        while let Some(Some((grant, fds))) = self.control_result(|control| control.poll())? {
            self.carry_out(grant, fds)?;
        }
        Ok(())
    }

    fn carry_out(&mut self, grant: Grant, fds: Vec<std::os::fd::OwnedFd>) -> Result<(), ServeError> {
        if let Err(text) = self.grant(grant, fds) {
            tracing::error!("{text}");
            self.report(Event::Problem { text })?;
        }
        Ok(())
    }

    fn report(&mut self, event: Event) -> Result<(), ServeError> {
        self.control_result(|control| control.report(event, Vec::new()))?;
        Ok(())
    }

    /// Does something with the control socket. Without a supervisor this service ends, after what runs: none then.
    fn control_result<T>(
        &mut self,
        act: impl FnOnce(&mut Control) -> Result<T, ChannelError>,
    ) -> Result<Option<T>, ServeError> {
        match act(&mut self.control) {
            Ok(value) => Ok(Some(value)),
            Err(ChannelError::Closed) => {
                if self.ending == Ending::Not {
                    let _ = self.waiter.remove(&self.control);
                }
                self.stop(false);
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Begins to end: what runs is finished, what has not begun is left to a successor.
    pub(crate) fn stop(&mut self, asked: bool) {
        self.ending = Ending::Draining { asked };
        if asked {
            self.dispatch.forgive_losses();
        }
        self.dispatch.forget_waiting();
    }
}
