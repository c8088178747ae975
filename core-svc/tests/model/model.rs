//! The model: what SAM-5 and SPC-4 say must be seen from outside, step by step. Small and slow on purpose, and written
//! without a look at core-svc: lists that are walked as a whole instead of counters.

use std::collections::{BTreeMap, BTreeSet};

use scsi::unit_report::{Control, UnitReport};

use crate::reservations::Reservations;
use crate::rules::{Access, Op};
use crate::world::{NEXUSES, UNITS, initial_report};

/// Task attributes, in the octets of RFC 7143 11.3.1.2.
pub const SIMPLE: u8 = 1;
pub const ORDERED: u8 = 2;
pub const HEAD_OF_QUEUE: u8 = 3;
pub const ACA: u8 = 4;

/// SAM-5 status codes.
pub const GOOD: u8 = 0x00;
pub const CHECK_CONDITION: u8 = 0x02;
pub const BUSY: u8 = 0x08;
pub const RESERVATION_CONFLICT: u8 = 0x18;
pub const ACA_ACTIVE: u8 = 0x30;
pub const TASK_ABORTED: u8 = 0x40;

pub const NOT_READY: u8 = 0x2;
pub const UNIT_ATTENTION: u8 = 0x6;
pub const ILLEGAL_REQUEST: u8 = 0x5;

/// Responses, in the octets of RFC 7143 11.6.1.
pub const COMPLETE: u8 = 0;
pub const NO_TASK: u8 = 1;
pub const NO_LUN: u8 = 2;
pub const SUCCEEDED: u8 = 7;
pub const REJECTED: u8 = 255;

/// What the outside sees.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sight {
    /// A command ended: status, sense key and codes, data where it is known.
    Done { nexus: usize, serial: u64, status: u8, sense: Option<(u8, u8, u8)>, data: Option<Vec<u8>> },
    /// A command ended without an answer to the initiator.
    Aborted { nexus: usize, serial: u64 },
    /// A task management function was answered.
    Function { nexus: usize, serial: u64, response: u8 },
    /// A nexus is over.
    Closed { nexus: usize },
    /// A handler was told to execute.
    Execute { nexus: usize, serial: u64 },
    /// A handler was told to let the medium of its unit go for a nexus.
    Allow { nexus: usize, unit: usize },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Dormant,
    /// Its handler has it.
    Running,
    /// PREEMPT AND ABORT: done, but for the end of what it aborts.
    Aborting,
}

/// How an aborted task ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Abort {
    Silent,
    Status,
}

#[derive(Debug, Clone)]
pub struct Task {
    pub nexus: usize,
    pub serial: u64,
    pub unit: usize,
    pub attribute: u8,
    pub op: Op,
    pub naca: bool,
    /// PREEMPT AND ABORT that came while a condition stood: what it may end must not keep it waiting.
    pub at_once: bool,
    /// How many ACA conditions its unit had had when it came.
    pub condition: u64,
    pub state: State,
    pub aborted: Option<Abort>,
}

#[derive(Debug, Clone)]
pub struct Function {
    pub nexus: usize,
    pub serial: u64,
    pub response: u8,
    pub waits: Vec<(usize, u64)>,
}

impl Default for Unit {
    fn default() -> Self {
        Self {
            report: initial_report(),
            reservations: Reservations::default(),
            aca: Vec::new(),
            conditions: 0,
        }
    }
}

#[derive(Debug, Clone)]
pub struct Unit {
    pub report: UnitReport,
    pub reservations: Reservations,
    /// Nexuses whose ACA conditions stand: at most one while there is one task set for all.
    pub aca: Vec<usize>,
    /// Counts the conditions that there have been.
    pub conditions: u64,
}

/// A PREEMPT AND ABORT, and what it waits for; tasks by nexus and serial.
#[derive(Debug, Clone)]
pub struct Preempting {
    pub task: (usize, u64),
    pub waits: Vec<(usize, u64)>,
    /// What the handler hears when it has ended.
    pub then: Vec<Sight>,
}

/// The whole state.
#[derive(Debug, Clone, Default)]
pub struct Model {
    pub units: [Unit; UNITS],
    pub open: [bool; NEXUSES],
    pub closing: [bool; NEXUSES],
    pub attentions: BTreeMap<(usize, usize), Vec<(u8, u8)>>,
    /// In order of arrival.
    pub tasks: Vec<Task>,
    pub functions: Vec<Function>,
    pub preempting: Vec<Preempting>,
    /// Functions that have done what they do.
    pub performed: BTreeSet<(usize, u64)>,
    pub sights: Vec<Sight>,
    /// What the transports have asked and have no answer to, in order.
    pub asked: Vec<Asked>,
    /// Answers that are the same when they are given again, because something came of them.
    pub recorded: BTreeMap<(usize, u64), Sight>,
    /// Conditions that commands have reported.
    pub reported: BTreeMap<(usize, u64), (u8, u8)>,
    /// Asymmetric access states of the target ports' groups.
    pub access: [Access; 2],
    /// The latest serial of a command.
    pub latest: u64,
    /// Conditions that came up while transports were asking again: of what they had asked up to this serial nobody knows whether
    /// it was before them.
    pub murky: BTreeMap<(usize, usize), u64>,
    /// By unit and nexus: the number of its latest ACA condition.
    pub since: BTreeMap<(usize, usize), u64>,
    /// Transports are asking again: what comes was let in before.
    pub again: bool,
    /// Commands whose data is compared.
    pub known: BTreeMap<(usize, u64), Op>,
}

/// Something that a transport asks, and asks again when the core dies.
#[derive(Debug, Clone, Copy)]
pub enum Asked {
    Command {
        nexus: usize,
        serial: u64,
        place: (u8, u8),
        op: Op,
        naca: bool,
        /// Nothing can refuse it any more because of what comes later.
        let_in: bool,
        aborted: Option<Abort>,
    },
    Function {
        nexus: usize,
        serial: u64,
        place: (u8, u8),
        task: u64,
    },
    Close {
        nexus: usize,
    },
}

impl Model {
    /// Takes what is to be seen since the last time.
    pub fn take_sights(&mut self) -> Vec<Sight> {
        let sights = std::mem::take(&mut self.sights);
        let over = |nexus: usize, serial: u64| {
            sights.iter().any(|sight| match sight {
                Sight::Done { nexus: n, serial: s, .. }
                | Sight::Aborted { nexus: n, serial: s }
                | Sight::Function { nexus: n, serial: s, .. } => (*n, *s) == (nexus, serial),
                _ => false,
            })
        };
        let closed = |nexus: usize| sights.contains(&Sight::Closed { nexus });
        self.asked.retain(|asked| match *asked {
            Asked::Command { nexus, serial, .. } | Asked::Function { nexus, serial, .. } => {
                !over(nexus, serial)
            }
            Asked::Close { nexus } => !closed(nexus),
        });
        self.recorded.retain(|(nexus, serial), _| !over(*nexus, *serial));
        self.reported.retain(|(nexus, serial), _| !over(*nexus, *serial));
        sights
    }

    /// Whether the nexus has a session that takes commands.
    pub fn is_open(&self, nexus: usize) -> bool {
        self.open[nexus] && !self.closing[nexus]
    }

    /// Whether its session is ending.
    pub fn is_closing(&self, nexus: usize) -> bool {
        self.closing[nexus]
    }

    /// Tasks that their handler is executing: nexus, serial, unit.
    pub fn running(&self) -> Vec<(usize, u64, usize)> {
        let running = self.tasks.iter().filter(|task| task.state == State::Running);
        running.map(|task| (task.nexus, task.serial, task.unit)).collect()
    }

    /// A command whose data is compared, if it is one.
    pub fn known(&self, nexus: usize, serial: u64) -> Option<Op> {
        self.known.get(&(nexus, serial)).copied()
    }

    /// All tasks of a nexus.
    pub fn tasks_of(&self, nexus: usize) -> Vec<u64> {
        self.tasks.iter().filter(|task| task.nexus == nexus).map(|task| task.serial).collect()
    }

    /// How many tasks there are.
    pub fn len(&self) -> usize {
        self.tasks.len()
    }

    /// Whether nothing is under way and no ACA condition stands at the unit.
    pub fn is_at_rest(&self, unit: usize) -> bool {
        self.tasks.is_empty() && self.units[unit].aca.is_empty()
    }

    /// The reservations of a unit.
    pub fn reservations(&self, unit: usize) -> &Reservations {
        &self.units[unit].reservations
    }

    /// What the handler of a unit says of it.
    pub fn report(&self, unit: usize) -> UnitReport {
        self.units[unit].report
    }

    /// Which unit a LUN of a nexus is: LUN 0 is unit 0 for all, LUN 1 is unit 1 for nexuses 0 and 1.
    pub fn unit(nexus: usize, lun: u8) -> Option<usize> {
        match (nexus, lun) {
            (_, 0) => Some(0),
            (0 | 1, 1) => Some(1),
            _ => None,
        }
    }

    pub fn reaches(nexus: usize, unit: usize) -> bool {
        Self::unit(nexus, unit as u8).is_some()
    }

    /// Whether a unit attention condition waits.
    pub fn has_attention(&self, nexus: usize, unit: usize) -> bool {
        self.attentions.get(&(nexus, unit)).is_some_and(|waiting| !waiting.is_empty())
    }

    /// Establishes a unit attention condition (SAM-5 5.14): no duplicates; among those of 29h the higher clears the lower.
    pub fn raise(&mut self, unit: usize, code: (u8, u8), chosen: impl Fn(usize) -> bool) {
        let rank = |code: (u8, u8)| match code {
            (0x29, 0x00) => Some(0),
            (0x29, 0x01 | 0x04) => Some(1),
            (0x29, 0x03) => Some(3),
            (0x29, 0x07) => Some(4),
            _ => None,
        };
        for nexus in (0..NEXUSES).filter(|nexus| chosen(*nexus)) {
            if !self.open[nexus] || !Self::reaches(nexus, unit) {
                continue;
            }
            let waiting = self.attentions.entry((nexus, unit)).or_default();
            if waiting.contains(&code) {
                continue;
            }
            if let Some(new) = rank(code) {
                if waiting.iter().any(|known| rank(*known).is_some_and(|known| known <= new)) {
                    continue;
                }
                waiting.clear();
            }
            waiting.push(code);
            if self.again {
                self.murky.insert((nexus, unit), self.latest);
            } else {
                self.murky.remove(&(nexus, unit));
            }
        }
    }

    /// A new session: everything may have happened while there was none.
    pub fn open(&mut self, nexus: usize) {
        self.open[nexus] = true;
        for unit in 0..UNITS {
            self.attentions.remove(&(nexus, unit));
            self.raise(unit, (0x29, 0x00), |place| place == nexus);
        }
    }

    /// The session ends when its last task has.
    pub fn close(&mut self, nexus: usize) {
        self.closing[nexus] = true;
        self.asked_close(nexus);
        self.functions.retain(|function| function.nexus != nexus);
        for unit in &mut self.units {
            unit.reservations.lose(nexus);
            unit.aca.retain(|faulted| *faulted != nexus);
        }
        for task in self.tasks.iter_mut().filter(|task| task.nexus == nexus && task.aborted.is_some()) {
            // Nobody is left to be told.
            task.aborted = Some(Abort::Silent);
        }
        let victims = self.select(|task| task.nexus == nexus);
        self.abort(&victims, None);
        self.finish_endings();
    }

    /// A transport asks for the end of a session. Nobody waits any more for what the session had asked.
    pub fn asked_close(&mut self, nexus: usize) {
        self.asked.retain(|asked| match asked {
            Asked::Command { nexus: of, .. }
            | Asked::Function { nexus: of, .. }
            | Asked::Close { nexus: of } => *of != nexus,
        });
        self.asked.push(Asked::Close { nexus });
    }

    pub fn finish_endings(&mut self) {
        for nexus in 0..NEXUSES {
            if self.closing[nexus] && !self.tasks.iter().any(|task| task.nexus == nexus) {
                (self.closing[nexus], self.open[nexus]) = (false, false);
                for unit in 0..UNITS {
                    self.attentions.remove(&(nexus, unit));
                }
                self.sights.push(Sight::Closed { nexus });
                (0..UNITS).for_each(|unit| self.run(unit));
            }
        }
    }

    pub fn done(&mut self, nexus: usize, serial: u64, status: u8) {
        self.sights.push(Sight::Done { nexus, serial, status, sense: None, data: None });
    }

    pub fn check(&mut self, nexus: usize, serial: u64, sense: (u8, u8, u8)) {
        let (status, sense) = (CHECK_CONDITION, Some(sense));
        self.sights.push(Sight::Done { nexus, serial, status, sense, data: None });
    }

    /// The nexus whose condition stands in the task set of `nexus`.
    pub fn aca_for(&self, unit: usize, nexus: usize) -> Option<usize> {
        let all = &self.units[unit].aca;
        let apart = self.control(unit).tst == 1;
        if apart { all.contains(&nexus).then_some(nexus) } else { all.first().copied() }
    }

    /// The number of the condition that stands for a nexus.
    pub fn aca_since(&self, unit: usize, nexus: usize) -> u64 {
        self.since.get(&(unit, nexus)).copied().unwrap_or(0)
    }

    /// A transport asks for a function.
    pub fn asked_function(&mut self, nexus: usize, serial: u64, place: (u8, u8), task: u64) {
        self.asked.push(Asked::Function { nexus, serial, place, task });
    }

    pub fn control(&self, unit: usize) -> Control {
        self.units[unit].report.control
    }
}
