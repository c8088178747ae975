//! Chaos by a seeded plan: a real target, initiators that know every answer, and processes that are killed, stopped, starved
//! and scribbled over meanwhile. The plan is made of [`fault`]s under [`workload`]s; what came of it is a [`report`]. With
//! the same seed the same is done in the same order; when it hits is the machine's affair.
//!
//! Each workload has a target of its own, and ends with the first thing that should not be.

pub mod fault;
pub mod report;
pub mod workload;

mod points;
mod reservation_model;
mod reservations;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use self::fault::Fault;
use self::report::{Deed, Report, Trouble, word};
use self::workload::{Running, Workload};
use crate::crash_points::SUPERVISOR;
use crate::deadline;
use crate::gauge::Gauge;
use crate::manifest::Manifest;
use crate::random::{Random, mix};
use crate::target::Target;

/// Processes that things are done to.
pub const PROCESSES: [&str; 4] = ["core", "iscsi", "vdisk", SUPERVISOR];

/// Hearts are looked at often, so that what hangs is found within seconds.
const SETTINGS: &str = "heartbeat_limit = \"3s\"";
/// How long initiators may wait for anything to be done.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is to be done.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What the plan depends on.
    pub seed: u64,
    /// No fault after this time.
    pub limit: Duration,
    /// Faults of each kind on each process under each workload.
    pub faults: usize,
    /// The workloads.
    pub workloads: Vec<Workload>,
    /// How many of them at once, each with a target of its own.
    pub at_once: usize,
    /// What is done.
    pub kinds: Vec<Fault>,
    /// To whom.
    pub processes: Vec<&'static str>,
    /// How often each crash point is hit, after all that.
    pub crash_points: usize,
    /// Whether each fault is told as it is inflicted.
    pub trace: bool,
}

/// Who is told how it goes.
pub type Say<'a> = &'a (dyn Fn(&str) + Sync);

/// Does it.
pub fn run(settings: &Settings, say: Say<'_>) -> Report {
    let end = Instant::now() + settings.limit;
    let whole = Mutex::new(Report { seed: settings.seed, ..Report::default() });
    let waiting = Mutex::new(settings.workloads.iter().copied().collect::<VecDeque<_>>());
    let next = || {
        let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
        // What is left of the time is for what is left to do.
        let rounds = waiting.len().div_ceil(settings.at_once.max(1)) + usize::from(settings.crash_points > 0);
        let share = end.saturating_duration_since(Instant::now()) / rounds.max(1) as u32;
        waiting.pop_front().map(|workload| (workload, Instant::now() + share))
    };
    let join = |part| whole.lock().unwrap_or_else(PoisonError::into_inner).join(part);
    std::thread::scope(|scope| {
        for _ in 0..settings.at_once.max(1) {
            scope.spawn(|| {
                while let Some((workload, until)) = next() {
                    let part = Phase::new(workload, settings, say).run(until);
                    tell(&part, say);
                    join(part);
                }
            });
        }
    });
    if settings.crash_points > 0 {
        let part = points::run(settings, end);
        tell(&part, say);
        join(part);
    }
    whole.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn tell(part: &Report, say: Say<'_>) {
    for (workload, seen) in &part.seen {
        let faults: usize = part.cells.iter().map(|cell| cell.faults).sum();
        say(&format!("{}: {faults} faults, {} commands", word(*workload), seen.commands));
    }
    part.troubles.iter().for_each(|trouble| say(&trouble.what));
}

/// One workload, and the faults under it.
struct Phase<'a> {
    workload: Workload,
    settings: &'a Settings,
    say: Say<'a>,
    random: Random,
    gauge: Arc<Gauge>,
    /// The last fault.
    deed: Option<Deed>,
    step: usize,
    report: Report,
}

impl<'a> Phase<'a> {
    fn new(workload: Workload, settings: &'a Settings, say: Say<'a>) -> Self {
        // Of its own, so that the others may be left out.
        let random = Random::new(mix(settings.seed) ^ workload as u64);
        let (gauge, report) = (Arc::default(), Report::default());
        Self { workload, settings, say, random, gauge, deed: None, step: 0, report }
    }

    /// Everything, until it is done, or the time is over, or something is wrong.
    fn run(mut self, until: Instant) -> Report {
        if let Err(error) = self.on_a_target(until) {
            self.trouble(&error);
        }
        self.report
    }

    fn trouble(&mut self, error: &anyhow::Error) {
        let what = match self.deed {
            Some((whom, fault)) => format!("after {} of {whom}: {error:#}", word(fault)),
            None => format!("{error:#}"),
        };
        self.report.troubles.push(Trouble { workload: self.workload, step: self.step, what });
    }

    fn on_a_target(&mut self, until: Instant) -> anyhow::Result<()> {
        let manifest = Manifest::default().supervisor(SETTINGS).file("disk0", 64, "");
        let target = Target::start(&manifest)?;
        let running = Running::start(self.workload, target.portal, self.random.number(), &self.gauge)?;
        let inflicted = self.inflict_all(&target, until);
        if inflicted.is_ok() {
            // What comes after the last one.
            std::thread::park_timeout(Duration::from_millis(200));
        }
        running.finish();
        let texts = self.settle();
        // The first text says what was wrong first.
        let result = match texts.first() {
            Some(first) => Err(anyhow::anyhow!("{first}")),
            None => inflicted,
        };
        result.with_context(|| target.logs())?;
        target.stop()
    }

    /// Closes the stretch that began with the last fault. What was wrong in it.
    fn settle(&mut self) -> Vec<String> {
        let stretch = self.gauge.cut();
        self.report.add(self.workload, self.deed, &stretch);
        if stretch.wrong > 0 {
            return vec![format!("{} bytes were wrong", stretch.wrong)];
        }
        if stretch.unit_attentions > 0 {
            return vec!["a unit attention that nobody had caused".to_owned()];
        }
        stretch.texts
    }

    /// Every fault as often as is wanted, in random order, each of them once before any of them again.
    fn inflict_all(&mut self, target: &Target, until: Instant) -> anyhow::Result<()> {
        let mut deeds: Vec<Deed> = Vec::new();
        for whom in &self.settings.processes {
            let kinds = self.settings.kinds.iter().filter(|kind| kind.suits(whom));
            deeds.extend(kinds.map(|kind| (*whom, *kind)));
        }
        for _ in 0..self.settings.faults {
            for last in (1..deeds.len()).rev() {
                deeds.swap(last, self.random.between(0, last as u64 + 1) as usize);
            }
            for deed in &deeds {
                if Instant::now() >= until {
                    return Ok(());
                }
                self.inflict(target, *deed)?;
            }
        }
        Ok(())
    }

    fn inflict(&mut self, target: &Target, deed: Deed) -> anyhow::Result<()> {
        // The time of a fault is the point here; nothing is waited for.
        std::thread::park_timeout(Duration::from_micros(self.random.between(20_000, 120_000)));
        if !self.gauge.is_flawless() {
            bail!("initiators saw it");
        }
        let mut random = Random::new(self.random.number());
        let (whom, fault) = deed;
        fault::inflict(target, whom, fault, &mut random, || {
            let _ = self.settle();
            (self.deed, self.step) = (Some(deed), self.step + 1);
            if self.settings.trace {
                (self.say)(&format!(
                    "{}, step {}: {} of {whom}",
                    word(self.workload),
                    self.step,
                    word(fault)
                ));
            }
        })?;
        // The next one is not to blame for what this one costs.
        let back = Instant::now();
        deadline::wait_for("an answer to anybody", PATIENCE, || {
            Ok(self.gauge.is_heard_since(back).then_some(()))
        })
    }
}
