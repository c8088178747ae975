//! The core's state, and the one place where a record of any kind sets off what follows from it.
//!
//! The stages of a command are `impl` blocks of [`Core`] in files of their own: intake, nexus, lun_map, gate, task_set,
//! dispatch, settle. Nothing here blocks, and nothing is kept elsewhere.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use ipc::arena::Arenas;
use ipc::crash::{self, Point};
use ipc::fault::PeerFault;
use ipc::journal::{Found, Journal};
use ipc::message::Event;
use ipc::message::record::Reply;
use ipc::recorder::Recorder;

use crate::alua::Alua;
use crate::copy::Copies;
use crate::errand::Errand;
use crate::lun_map::{Target, Unit};
use crate::nexus::Nexuses;
use crate::notebook::Entry;
use crate::peers::{Handler, Presence, Retired, Transport};
use crate::reservation::abort::Preempting;
use crate::reservation::durable::{LOOK, Writer, Writing};
use crate::settle::Late;
use crate::stats::{Counter, Counters};
use crate::task::{Stage, TaskId, Tasks};
use crate::task_mgmt::PendingFunction;
use crate::task_set::Order;

/// Tasks that there is room for before the first allocation.
const USUAL_TASKS: usize = 1024;

/// Everything that the core knows.
pub struct Core {
    /// Index of this service; also the number of its arena.
    pub service: u32,
    /// How long commands are held for a handler that is being restarted.
    pub hold: Duration,
    /// Writes what has to survive a loss of power; none without a state directory.
    pub durable: Option<Writer>,
    /// Changes of reservations that are being written.
    pub writing: Vec<Writing>,
    /// A file could not be written, and that has been said.
    pub disk_failed: bool,
    /// Commands that wait for the end of those that they preempted.
    pub preempting: Vec<Preempting>,
    /// The last turn had something to do.
    busy: bool,
    /// Everything has been granted; what comes now is a change.
    pub serving: bool,
    /// Arenas of the transports.
    pub arenas: Arenas,
    /// Transports by no particular order.
    pub transports: Vec<Transport>,
    /// Handlers by no particular order.
    pub handlers: Vec<Handler>,
    /// Targets by index.
    pub targets: Vec<Option<Target>>,
    /// Logical units by index.
    pub units: Vec<Option<Unit>>,
    /// Asymmetric access states.
    pub alua: Alua,
    /// I_T nexuses.
    pub nexuses: Nexuses,
    /// Commands.
    pub tasks: Tasks,
    /// Answers that wait for a handler's fence.
    pub late: Vec<Late>,
    /// Answers to transports (by place) about nexuses that the core does not know, which wait for every handler's fence.
    pub late_ends: Vec<(usize, Reply)>,
    /// Task management functions that wait for tasks to end.
    pub functions: Vec<PendingFunction>,
    /// Errands of handlers that are not done.
    pub errands: Vec<Errand>,
    /// Number of the latest errand.
    pub next_errand: u64,
    /// An ACA condition stands somewhere.
    pub any_aca: bool,
    /// Arrivals of tasks so far.
    pub arrivals: u64,
    /// Tasks that have become enabled and are to be executed.
    pub ready: VecDeque<TaskId>,
    /// Where state that outlives the core is kept.
    pub notebook: Option<Journal>,
    /// The notebook and what was found in it, until the configuration is complete.
    pub notebook_waits: Option<(Journal, Found)>,
    /// Entries of the notebook that are behind.
    pub touched: Vec<Entry>,
    /// The notebook has no room, and that has been said.
    pub overflowed: bool,
    /// A nexus is ending or a transport attaching, and something has changed about it: look whether it can be finished.
    pub endings: bool,
    /// Links that are over and whose bells are still watched.
    pub retired: Vec<Retired>,
    /// To be told to the supervisor.
    pub events: Vec<Event>,
    /// The copy manager.
    pub copies: Copies,
    /// The statistics page.
    pub stats: Counters,
    /// The flight recorder.
    pub recorder: Option<Recorder>,
}

impl Default for Core {
    fn default() -> Self {
        Self {
            service: u32::MAX,
            hold: Duration::from_secs(30),
            serving: false,
            durable: None,
            writing: Vec::new(),
            disk_failed: false,
            preempting: Vec::new(),
            busy: false,
            arenas: Arenas::default(),
            transports: Vec::new(),
            handlers: Vec::new(),
            targets: Vec::new(),
            units: Vec::new(),
            alua: Alua::default(),
            nexuses: Nexuses::default(),
            tasks: Tasks::with_room(USUAL_TASKS),
            late: Vec::new(),
            late_ends: Vec::new(),
            functions: Vec::new(),
            errands: Vec::new(),
            next_errand: 0,
            any_aca: false,
            arrivals: 0,
            ready: VecDeque::with_capacity(USUAL_TASKS),
            notebook: None,
            notebook_waits: None,
            touched: Vec::new(),
            overflowed: false,
            endings: false,
            retired: Vec::new(),
            events: Vec::new(),
            copies: Copies::default(),
            stats: Counters::default(),
            recorder: None,
        }
    }
}

impl Core {
    /// The logical unit number `unit`, if it is configured.
    pub fn unit_mut(&mut self, unit: u32) -> Option<&mut Unit> {
        self.units.get_mut(unit as usize)?.as_mut()
    }

    /// The place of the handler that executes for logical unit `unit`.
    #[inline]
    pub fn handler_of(&self, unit: u32) -> Option<usize> {
        Some(self.units.get(unit as usize)?.as_ref()?.handler)
    }

    /// Executes what has become enabled, which may enable more. What was aborted meanwhile is about to end.
    pub fn run_ready(&mut self) {
        while let Some(id) = self.ready.pop_front() {
            let Some(task) = self.tasks.get(id) else { continue };
            if task.aborted {
                continue;
            }
            if self.any_aca && task.seat.order != Order::Aside && self.stands_still(task.unit, task.nexus) {
                self.block(id);
                continue;
            }
            if !self.is_let_through(id) || self.refuses_write(id) {
                continue;
            }
            let Some(task) = self.tasks.get_mut(id) else { continue };
            if !task.data_ready {
                task.stage = Stage::AwaitingData;
                continue;
            }
            self.execute(id);
        }
    }

    /// One turn: takes what has arrived on every link. True if there was anything.
    pub fn turn(&mut self) -> bool {
        // Answers first: they free what requests may be waiting for.
        let answered = self.drain_handlers();
        let asked = self.drain_transports();
        let copied = self.run_copies();
        let written = !self.writing.is_empty() && self.drain_writer();
        if self.endings {
            self.finish_endings();
        }
        self.busy = asked || answered || written || copied;
        self.busy
    }

    /// Makes the turn's work visible. What must outlive the core is saved before anybody can see its effect.
    pub fn flush(&mut self) {
        if !self.touched.is_empty() {
            self.save();
            crash::at(Point::TurnSaved);
        }
        for transport in &mut self.transports {
            if let Some(link) = &mut transport.link {
                link.flush();
            }
        }
        if self.busy {
            crash::at(Point::TransportsShown);
        }
        // After that, because it gives slots of outcomes back: those have been told by then.
        for handler in &mut self.handlers {
            if let Some(link) = &mut handler.link {
                link.flush();
            }
        }
        if self.busy {
            crash::at(Point::HandlersShown);
        }
    }

    /// Whether a handler has something to answer.
    pub fn awaits_handler(&self) -> bool {
        self.handlers.iter().any(|handler| handler.outstanding > 0)
    }

    /// Arms every link for sleep. False: there is work after all, and nothing is armed.
    pub fn arm(&mut self) -> bool {
        let handlers = self.handlers.iter_mut().filter_map(|handler| handler.link.as_mut());
        let transports = self.transports.iter_mut().filter_map(|transport| transport.link.as_mut());
        let quiet = handlers.map(|link| link.arm()).fold(true, |all, one| all & one)
            & transports.map(|link| link.arm()).fold(true, |all, one| all & one);
        if !quiet {
            self.disarm();
        }
        quiet
    }

    /// Says on every link that the core is awake.
    pub fn disarm(&mut self) {
        self.handlers.iter_mut().filter_map(|handler| handler.link.as_mut()).for_each(|link| link.disarm());
        self.transports
            .iter_mut()
            .filter_map(|transport| transport.link.as_mut())
            .for_each(|link| link.disarm());
    }

    /// A transport broke the contract: its link is closed and the supervisor told.
    pub fn fault_transport(&mut self, place: usize, fault: PeerFault) {
        self.retire_transport_link(place, None);
        let transport = &self.transports[place];
        tracing::error!(transport = transport.name, %fault, "transport broke the contract; link closed");
        let (peer, epoch) = (transport.service, transport.epoch);
        self.miss_transport(place);
        self.events.push(Event::PeerFault { peer, epoch, fault: fault.to_string() });
        self.count(Counter::PeerFaults, 1);
    }

    /// A handler broke the contract: its link is closed, its tasks are held, and the supervisor told.
    pub fn fault_handler(&mut self, place: usize, fault: PeerFault) {
        let handler = &mut self.handlers[place];
        tracing::error!(handler = handler.name, %fault, "handler broke the contract; link closed");
        self.retired.extend(handler.link.take().map(Retired::Asking));
        let (peer, epoch) = (handler.service, handler.epoch);
        self.events.push(Event::PeerFault { peer, epoch, fault: fault.to_string() });
        self.count(Counter::PeerFaults, 1);
    }

    /// The time of this turn of the loop, as [`Task::since`](crate::task::Task::since) has it.
    #[inline]
    pub(crate) fn turn_time(&self) -> u64 {
        self.recorder.as_ref().map_or(0, Recorder::now)
    }

    /// Adds to a counter of the statistics page.
    #[inline]
    pub fn count(&self, counter: Counter, n: u64) {
        self.stats.add(counter, n);
    }

    /// The next moment at which [`expire`](Self::expire) has something to do.
    pub fn deadline(&self) -> Option<Instant> {
        let downs = self.handlers.iter().filter_map(|handler| match handler.presence {
            Presence::Down(since) if !handler.expired => Some(since + self.hold),
            _ => None,
        });
        let away = self.transports.iter().filter_map(|transport| Some(transport.silent_since? + self.hold));
        let writes = self.durable.as_ref().filter(|writer| writer.is_busy()).map(|_| Instant::now() + LOOK);
        downs.chain(away).chain(writes).min()
    }
}
