//! The steps: what can happen, how likely it is, and how it is done to the core and to the model.

use ipc::message::record::{ReplyKind, reply_flags};
use scsi::unit_report::{Control, UnitReport};

use crate::model::{ACA, Asked, HEAD_OF_QUEUE, Model, ORDERED, SIMPLE, Sight};
use crate::rules::{Access, Op};
use crate::world::{NEXUSES, UNITS, World};

/// Most tasks at a time; past it handlers come to an end first.
const MOST_TASKS: usize = 24;

/// SplitMix64: the same steps for the same seed, on every machine and for ever.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut value = self.0;
        value = (value ^ value >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        value = (value ^ value >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        value ^ value >> 31
    }

    /// A number below `bound`.
    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    /// One of them.
    fn of<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())]
    }

    /// True once in `n` times.
    fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

/// Something that happens.
#[derive(Debug, Clone, Copy)]
pub enum Step {
    Open {
        nexus: usize,
    },
    Close {
        nexus: usize,
    },
    Command {
        nexus: usize,
        serial: u64,
        lun: u8,
        attribute: u8,
        op: Op,
        naca: bool,
    },
    /// The handler ends a task.
    Complete {
        unit: usize,
        nexus: usize,
        serial: u64,
        end: End,
    },
    Function {
        nexus: usize,
        serial: u64,
        lun: u8,
        function: u8,
        task: u64,
    },
    /// The control mode page is another one, or something about the unit is.
    Report {
        unit: usize,
        report: UnitReport,
        origin: Option<usize>,
    },
    /// The administrator sets the access state of a target port group.
    Access {
        target: usize,
        access: Access,
    },
    HandlerDies {
        unit: usize,
    },
    CoreDies,
}

/// How a handler ends a task.
#[derive(Debug, Clone, Copy)]
pub enum End {
    Good,
    /// MEDIUM ERROR, UNRECOVERED READ ERROR.
    MediumError,
    /// It was on its way while the medium was changed: UNIT ATTENTION, NOT READY TO READY CHANGE.
    OtherMedium,
}

impl End {
    /// Sense key, additional sense code and qualifier.
    const fn sense(self) -> Option<(u8, u8, u8)> {
        match self {
            Self::Good => None,
            Self::MediumError => Some((0x03, 0x11, 0x00)),
            Self::OtherMedium => Some((0x06, 0x28, 0x00)),
        }
    }
}

/// What becomes of the core in a step, and of what it did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Lives,
    /// It dies before any transport has read what it answered.
    DiesUnread,
    /// It dies before anything that it did could be seen.
    DiesUnsaved,
}

impl Step {
    /// Chooses a step that is possible.
    pub fn choose(random: &mut Random, model: &Model, serial: u64) -> Self {
        let closed: Vec<usize> =
            (0..NEXUSES).filter(|nexus| !model.is_open(*nexus) && !model.is_closing(*nexus)).collect();
        let (open, running) = (model.sessions(), model.running());
        if !closed.is_empty() && (open.is_empty() || random.once_in(4)) {
            return Self::Open { nexus: random.of(&closed) };
        }
        let busy = model.len() >= MOST_TASKS || open.is_empty();
        if !running.is_empty() && (busy || random.once_in(3)) {
            let (nexus, serial, unit) = random.of(&running);
            let end = random.of(&[
                End::Good,
                End::Good,
                End::Good,
                End::Good,
                End::Good,
                End::Good,
                End::Good,
                End::Good,
                End::MediumError,
                End::OtherMedium,
            ]);
            return Self::Complete { unit, nexus, serial, end };
        }
        if busy && running.is_empty() {
            // Only an ACA condition can keep all tasks from running: a reset ends it.
            let nexus = random.of(&open);
            return Self::Function { nexus, serial, lun: 0, function: 6, task: 0 };
        }
        let nexus = random.of(&open);
        match random.below(100) {
            0 => Self::Close { nexus },
            1 => Self::CoreDies,
            2 => Self::HandlerDies { unit: random.below(UNITS) },
            3..=5 => Self::report(random, model),
            6 => Self::Access { target: random.below(2), access: Self::access(random) },
            7..=14 => Self::function(random, model, nexus, serial),
            _ => Self::command(random, model, nexus, serial),
        }
    }

    fn command(random: &mut Random, model: &Model, nexus: usize, serial: u64) -> Self {
        let lun = random.of(&[0, 0, 0, 1, 1, 7]);
        let unit = Model::unit(nexus, lun).unwrap_or(0);
        let attribute = match random.below(12) {
            0 => ORDERED,
            1 => HEAD_OF_QUEUE,
            2 => ACA,
            _ => SIMPLE,
        };
        let op = match random.below(16) {
            0 => Op::TestUnitReady,
            1 => Op::Inquiry,
            2 => Op::RequestSense,
            3 => Op::ReportLuns,
            4 => Op::Reserve6,
            5 => Op::Release6,
            6 => Op::ReadKeys,
            7 => Op::ReadReservation,
            8..=10 => Self::pr_out(random, model, nexus, unit),
            11..=13 => Op::Read,
            _ => Op::Write,
        };
        Self::Command { nexus, serial, lun, attribute, op, naca: random.once_in(8) }
    }

    fn pr_out(random: &mut Random, model: &Model, nexus: usize, unit: usize) -> Op {
        let own = model.reservations(unit).keys.get(&nexus).copied().unwrap_or(0);
        let action = random.of(&[0, 0, 1, 1, 2, 3, 4, 4, 5, 6, 6]);
        let kind = random.of(&[1, 3, 5, 6, 7, 8]);
        if random.once_in(10) {
            let key = if random.once_in(8) { random.below(4) as u64 } else { own };
            let (new, heir, unregister) = (random.below(4) as u64, random.below(NEXUSES), random.once_in(2));
            return Op::Move { key, new, heir, unregister };
        }
        let key = if random.once_in(8) { random.below(4) as u64 } else { own };
        let mut new = random.below(4) as u64;
        // What becomes of the registration of a nexus that preempts its own key without holding anything is not told alike in
        // all editions of SPC.
        if matches!(action, 4 | 5) && new == own {
            new = own + 1;
        }
        Op::PrOut { action, kind, key, new }
    }

    fn access(random: &mut Random) -> Access {
        random.of(&[
            Access::Optimized,
            Access::Optimized,
            Access::Optimized,
            Access::NonOptimized,
            Access::Standby,
            Access::Unavailable,
            Access::Transitioning,
        ])
    }

    fn function(random: &mut Random, model: &Model, nexus: usize, serial: u64) -> Self {
        let function = random.of(&[1, 1, 1, 2, 3, 3, 3, 4, 5, 6, 9, 10, 11, 12]);
        let tasks = model.tasks_of(nexus);
        let task = if tasks.is_empty() || random.once_in(6) { serial / 2 } else { random.of(&tasks) };
        Self::Function { nexus, serial, lun: random.of(&[0, 0, 1, 7]), function, task }
    }

    fn report(random: &mut Random, model: &Model) -> Self {
        let unit = random.below(UNITS);
        let mut report = model.report(unit);
        let origin = random.once_in(2).then(|| random.below(NEXUSES)).filter(|nexus| model.is_open(*nexus));
        match random.below(9) {
            8 => report.keeps_nexus_state = !report.keeps_nexus_state,
            0 => report.generations.capacity += 1,
            1 => report.generations.medium += 1,
            2 => report.generations.inquiry += 1,
            3 => report.generations.threshold += 1,
            _ => {
                report.generations.mode += 1;
                report.control = Control {
                    // Which task set a task is in must not change under it, nor which of two ACA conditions stays be asked.
                    tst: if model.is_at_rest(unit) { random.below(2) as u8 } else { report.control.tst },
                    qerr: random.of(&[0, 0, 1, 3]),
                    queue_algorithm: random.of(&[0, 1, 1]),
                    ua_intlck: random.of(&[0, 0, 0, 0, 2, 3]),
                    tas: random.once_in(2),
                    tmf_only: random.once_in(4),
                    d_sense: random.once_in(2),
                };
            }
        }
        Self::Report { unit, report, origin }
    }

    /// What becomes of the core, if that can be told of this step.
    pub fn fate(self, random: &mut Random) -> Fate {
        if !random.once_in(50) || matches!(self, Self::HandlerDies { .. } | Self::CoreDies) {
            return Fate::Lives;
        }
        if random.once_in(2) {
            return Fate::DiesUnread;
        }
        match self {
            Self::Report { .. } | Self::Access { .. } => Fate::Lives,
            // A core that has not seen it before cannot know whether there was another ACA task.
            Self::Command { attribute: ACA, .. } => Fate::Lives,
            _ => Fate::DiesUnsaved,
        }
    }

    /// Does it to both, and the core dies afterwards if that is its fate.
    pub fn perform(self, world: &mut World, model: &mut Model, fate: Fate) {
        match fate {
            Fate::Lives => {
                self.ask(world);
                self.tell(model);
            }
            Fate::DiesUnread => {
                self.ask(world);
                self.tell(model);
                world.settle_unread();
                world.core_dies();
                model.core_dies_unread();
            }
            Fate::DiesUnsaved => {
                self.ask(world);
                world.begin_turn();
                world.core_dies();
                self.tell_unseen(model);
                model.core_dies_unread();
            }
        }
    }

    /// The core has not seen it, and its transport will ask again.
    fn tell_unseen(self, model: &mut Model) {
        match self {
            Self::Command { nexus, serial, lun, attribute, op, naca } => {
                let (place, let_in, aborted) = ((lun, attribute), false, None);
                model.asked.push(Asked::Command { nexus, serial, place, op, naca, let_in, aborted });
            }
            Self::Function { nexus, serial, lun, function, task } => {
                model.asked_function(nexus, serial, (lun, function), task);
            }
            Self::Close { nexus } => model.asked_close(nexus),
            Self::Open { nexus } => model.open(nexus),
            _ => {}
        }
    }

    fn ask(self, world: &mut World) {
        match self {
            Self::Open { nexus } => world.open(nexus),
            Self::Close { nexus } => world.close(nexus),
            Self::Command { nexus, serial, lun, attribute, op, naca } => {
                world.command(nexus, serial, (lun, attribute), &op.cdb(naca), op.data_out().as_deref());
            }
            Self::Complete { unit, nexus, serial, end } => match end.sense() {
                None => world.complete(unit, nexus, serial, 0, &[]),
                Some((key, asc, qualifier)) => {
                    let sense = [0x70, 0, key, 0, 0, 0, 0, 10, 0, 0, 0, 0, asc, qualifier, 0, 0, 0, 0];
                    world.complete(unit, nexus, serial, 0x02, &sense);
                }
            },
            Self::Function { nexus, serial, lun, function, task } => {
                world.function(nexus, serial, (lun, function), task);
            }
            Self::Report { unit, mut report, origin } => {
                report.origin = origin.map_or(0, |nexus| world.wide(nexus));
                world.report(unit, report);
            }
            Self::Access { target, access } => world.set_access(target, access),
            Self::HandlerDies { unit } => world.handler_dies(unit),
            Self::CoreDies => world.core_dies(),
        }
    }

    fn tell(self, model: &mut Model) {
        match self {
            Self::Open { nexus } => model.open(nexus),
            Self::Close { nexus } => model.close(nexus),
            Self::Command { nexus, serial, lun, attribute, op, naca } => {
                model.command(nexus, serial, (lun, attribute), op, naca);
            }
            Self::Complete { nexus, serial, end, .. } => model.complete(nexus, serial, end.sense()),
            Self::Function { nexus, serial, lun, function, task } => {
                model.function(nexus, serial, (lun, function), task);
            }
            Self::Report { unit, report, origin } => model.reports(unit, report, origin),
            Self::Access { target, access } => model.set_access(target, access),
            Self::HandlerDies { unit } => model.handler_dies(unit),
            Self::CoreDies => model.core_dies(),
        }
    }
}

/// What the core has shown, in the words of the model, in the order in which it came.
pub fn sights(world: &mut World, model: &Model) -> Vec<Sight> {
    let seen = world.settle();
    let executes =
        seen.executes.iter().map(|(nexus, serial)| Sight::Execute { nexus: *nexus, serial: *serial });
    let mut sights: Vec<Sight> = executes.collect();
    sights.extend(seen.allows.iter().map(|(nexus, unit)| Sight::Allow { nexus: *nexus, unit: *unit }));
    for (nexus, reply) in &seen.replies {
        let (nexus, serial) = (*nexus, reply.serial);
        sights.push(match ReplyKind::try_from(reply.kind).unwrap() {
            ReplyKind::NexusClosed => Sight::Closed { nexus },
            ReplyKind::TaskManagementDone => Sight::Function { nexus, serial, response: reply.response },
            ReplyKind::Done if reply.flags & reply_flags::ABORTED != 0 => Sight::Aborted { nexus, serial },
            ReplyKind::Done => {
                let sense = (reply.status == 0x02).then(|| codes(reply.sense().unwrap()));
                let known = model.known(nexus, serial).filter(|_| reply.status == 0 && reply.transferred > 0);
                let data = known.map(|op| plain(op, world.data_in(nexus, serial, reply.transferred)));
                Sight::Done { nexus, serial, status: reply.status, sense, data }
            }
            other => panic!("{other:?}"),
        });
    }
    sights
}

/// Sense key and codes, of either format (SPC-4 4.5).
fn codes(sense: &[u8]) -> (u8, u8, u8) {
    match sense[0] & 0x7F {
        0x70 => (sense[2] & 0x0F, sense[12], sense[13]),
        0x72 => (sense[1] & 0x0F, sense[2], sense[3]),
        other => panic!("response code {other:#x}"),
    }
}

/// Data in the form in which the model has it: the codes of sense data, keys in rising order.
fn plain(op: Op, mut data: Vec<u8>) -> Vec<u8> {
    match op {
        Op::RequestSense => {
            let (key, asc, qualifier) = codes(&data);
            vec![key, asc, qualifier]
        }
        Op::ReadKeys => {
            let mut keys: Vec<[u8; 8]> =
                data[8..].chunks_exact(8).map(|key| key.try_into().unwrap()).collect();
            keys.sort_unstable();
            data.truncate(8);
            data.extend(keys.concat());
            data
        }
        _ => data,
    }
}
