//! The supervisor's one loop: deaths (pidfds), words from services (control sockets), administrators (admin socket),
//! signals, and time. It never waits for a service: what takes time is a state and a deadline.
//!
//! `commit` writes down what has been decided before it is said, `adopt` goes on for a supervisor that died.
//! `lifecycle` starts, stops and buries services; `events` hears them; `timers` is everything that happens because
//! time has passed; `requests` answers administrators, `devices` those who change a device, `crash_points` those who want
//! something to die at a point that they name.

mod access;
mod adopt;
mod commit;
mod crash_points;
mod devices;
mod events;
mod lifecycle;
mod post_mortem;
mod requests;
mod timers;
mod upgrade;
mod why;

use std::io;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::time::Duration;

use ipc::wait::{Ready, Waiter, Watch};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use crate::admin::server::AdminServer;
use crate::board::Board;
use crate::child::Child;
use crate::clock::Clock;
use crate::keeper::REPLACE;
use crate::manifest::Kind;
use crate::plan::{Plan, UnitPlan};
use crate::record::name;
use crate::relink::Links;
use crate::run_dir::RunDir;
use crate::wiring::Wiring;

pub use commit::Memory;

/// What a ready descriptor is, in the upper half of its token; the lower half says whose.
const SIGNALS: u64 = 1 << 32;
const PIDFD: u64 = 2 << 32;
const CONTROL: u64 = 3 << 32;
const ADMIN: u64 = 4 << 32;
const KEEPER: u64 = 5 << 32;

/// A client that never was: of requests to a former supervisor.
const NOBODY: u64 = 0;

/// The order in which kinds are stopped: first nobody asks any more, then nobody has to answer.
const STOP_ORDER: [Kind; 3] = [Kind::Iscsi, Kind::Core, Kind::Vdisk];

/// Why the supervisor came to its end, other than in order.
#[derive(Debug, thiserror::Error)]
pub enum ReactorError {
    /// The host refused what the supervisor cannot do without.
    #[error("{what}: {error}")]
    Host {
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        error: io::Error,
    },
    /// A service cannot work with this supervisor at all.
    #[error("{0}")]
    Unfit(String),
}

/// Everything that the loop works on.
pub struct Reactor {
    plan: Plan,
    manifest: PathBuf,
    run_dir: RunDir,
    wiring: Wiring,
    links: Links,
    children: Vec<Child>,
    waiter: Waiter,
    signals: SignalFd,
    admin: AdminServer,
    pending: Vec<requests::Pending>,
    access: access::Access,
    /// Changes of devices that are under way.
    changes: devices::Changes,
    /// What was asked by `why` and is not answered yet.
    questions: why::Questions,
    board: Option<Board>,
    clock: Clock,
    memory: Memory,
    /// The units as they were at the first start.
    first_units: Vec<UnitPlan>,
    /// Services run already.
    adopted: bool,
    /// The keeper has the program that takes this one's place.
    replaced: bool,
    /// When the tick before this one was.
    ticked: Duration,
    /// Set while everything is being stopped: the stage of [`STOP_ORDER`] that is.
    stopping: Option<usize>,
    /// Whether every service has been ready once.
    announced: bool,
    /// Called once, when every service is ready for the first time.
    on_ready: Box<dyn FnOnce()>,
    unfit: Option<String>,
    /// Whether it was started from a terminal: SIGHUP says then that the terminal is gone.
    on_terminal: bool,
}

impl Reactor {
    /// A supervisor over everything that has been opened; nothing is started yet. `on_ready` is called when every
    /// service is ready for the first time. `admin` is the admin socket of a former supervisor.
    ///
    /// # Errors
    /// The host refuses descriptors or signals.
    pub fn new(
        plan: Plan,
        manifest: PathBuf,
        run_dir: RunDir,
        wiring: Wiring,
        (memory, admin): (Memory, Option<UnixListener>),
        on_ready: Box<dyn FnOnce()>,
    ) -> Result<Self, ReactorError> {
        let host = |what| move |error: io::Error| ReactorError::Host { what, error };
        let signals = catch_signals().map_err(host("catching signals"))?;
        let waiter = Waiter::new(0).map_err(host("making an epoll"))?;
        waiter.add(&signals, SIGNALS, Watch::Readable).map_err(host("watching signals"))?;
        let admin = match admin {
            Some(listener) => AdminServer::over(listener, ADMIN, &waiter),
            None => AdminServer::new(&run_dir.admin_socket(), ADMIN, &waiter),
        };
        let admin = admin.map_err(host("opening the admin socket"))?;
        memory.kept.store(name::ADMIN, admin.socket());
        if let Some(socket) = memory.kept.socket() {
            waiter.add(socket, KEEPER, Watch::Readable).map_err(host("watching the keeper"))?;
        }
        let board = Board::new(run_dir.path())
            .inspect_err(|error| tracing::warn!(%error, "there is no stats board"))
            .ok();
        let children = plan.services.iter().map(|_| Child::default()).collect();
        Ok(Self {
            links: Links::new(&plan),
            access: access::Access::new(&plan),
            first_units: plan.units.clone(),
            plan,
            manifest,
            run_dir,
            wiring,
            children,
            waiter,
            signals,
            admin,
            pending: Vec::new(),
            changes: devices::Changes::default(),
            questions: why::Questions::default(),
            board,
            clock: Clock::start(),
            on_terminal: memory.kept.on_terminal(),
            memory,
            adopted: false,
            replaced: false,
            ticked: Duration::ZERO,
            stopping: None,
            announced: false,
            on_ready,
            unfit: None,
        })
    }

    /// Starts every service and supervises until told to stop by a signal; then stops all.
    ///
    /// # Errors
    /// A service is unfit, or the host refuses to wait for events.
    pub fn run(mut self) -> Result<(), ReactorError> {
        if !self.adopted {
            for kind in Kind::ALL {
                for service in self.plan.of_kind(kind).collect::<Vec<u32>>() {
                    self.start(service);
                }
            }
        }
        self.say();
        self.memory.kept.up();
        self.memory.kept.alive(self.plan.settings.heartbeat_limit);
        self.refresh_board();
        let mut ready = Vec::new();
        while !self.is_over() {
            let wait = self.next_deadline().saturating_sub(self.now());
            let waited = self.waiter.wait(wait, &mut ready);
            waited.map_err(|error| ReactorError::Host { what: "waiting for events", error })?;
            for event in &ready {
                self.dispatch(*event);
            }
            self.on_time();
            self.settle_requests();
            self.advance_stop();
            self.say();
            if self.replaced {
                tracing::info!("making room for the installed program");
                // Nothing is taken down: all of it is the successor's.
                std::process::exit(i32::from(REPLACE));
            }
        }
        match self.unfit {
            Some(unfit) => Err(ReactorError::Unfit(unfit)),
            None => Ok(()),
        }
    }

    /// The time since the first supervisor of this run directory started.
    fn now(&self) -> Duration {
        self.clock.now()
    }

    fn name(&self, service: u32) -> &str {
        &self.plan.services[service as usize].config.name
    }

    fn child(&mut self, service: u32) -> &mut Child {
        &mut self.children[service as usize]
    }

    fn dispatch(&mut self, event: Ready) {
        let whose = event.token as u32;
        match event.token & !u64::from(u32::MAX) {
            SIGNALS => self.on_signals(),
            PIDFD => self.on_pidfd(whose),
            CONTROL => self.on_control(whose, event),
            ADMIN => self.on_admin(event),
            KEEPER => self.on_keeper(),
            _ => {}
        }
    }

    /// The keeper says nothing unasked: its end of the socket is closed.
    fn on_keeper(&mut self) {
        if let Some(socket) = self.memory.kept.socket() {
            let _ = self.waiter.remove(socket);
        }
        self.memory.kept.lose("it is gone");
    }

    fn on_signals(&mut self) {
        while let Ok(Some(signal)) = self.signals.read_signal() {
            match Signal::try_from(signal.ssi_signo as i32) {
                Ok(Signal::SIGHUP) if !self.on_terminal => {
                    tracing::info!("SIGHUP: a manifest is not read again while running; restart for that")
                }
                Ok(signal) => {
                    tracing::info!(%signal, "stopping");
                    self.stop_all();
                }
                Err(_) => {}
            }
        }
    }
}

/// Turns the signals that end a supervisor into something to wait for.
fn catch_signals() -> io::Result<SignalFd> {
    let mut mask = SigSet::empty();
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGQUIT] {
        mask.add(signal);
    }
    // Blocked in this thread alone is enough as there is no other; children start with an empty mask.
    mask.thread_block()?;
    Ok(SignalFd::with_flags(&mask, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?)
}
