//! What a run of chaos has to say: what was done, how long initiators waited, and what they saw of it.

use std::time::Duration;

use serde::Serialize;

use super::fault::Fault;
use super::workload::Workload;
use crate::gauge::Stretch;

/// A fault, and on whom.
pub type Deed = (&'static str, Fault);

/// What initiators saw.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Seen {
    /// Commands that ended as they should.
    pub commands: u64,
    /// Bytes that were compared.
    pub bytes_verified: u64,
    /// Bytes that were wrong.
    pub wrong_bytes: u64,
    /// Commands that ended otherwise.
    pub errors: u64,
    /// Connections that were lost; nobody here connects again.
    pub reconnects: u64,
    /// Unit attentions that nobody had caused.
    pub unit_attentions: u64,
    /// Logins that were dropped before they were complete, which is allowed.
    pub dropped_logins: u64,
}

impl Seen {
    fn add(&mut self, stretch: &Stretch) {
        self.commands += stretch.commands;
        self.bytes_verified += stretch.verified;
        self.wrong_bytes += stretch.wrong;
        self.errors += stretch.errors;
        self.reconnects += stretch.lost;
        self.unit_attentions += stretch.unit_attentions;
        self.dropped_logins += stretch.dropped;
    }

    fn is_flawless(&self) -> bool {
        self.errors + self.reconnects + self.wrong_bytes + self.unit_attentions == 0 && self.commands > 0
    }
}

/// Median, 99th percentile and the worst, in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Spread {
    /// Half are shorter.
    pub median: f64,
    /// All but one in a hundred are shorter.
    pub p99: f64,
    /// None is longer.
    pub worst: f64,
}

impl Spread {
    /// Of some durations.
    pub fn of(durations: &[Duration]) -> Self {
        let mut all = durations.to_vec();
        all.sort_unstable();
        let at = |hundredths: usize| {
            let place = (all.len() * hundredths).div_ceil(100).max(1) - 1;
            all.get(place).map_or(0.0, |one| one.as_secs_f64() * 1e3)
        };
        Self { median: at(50), p99: at(99), worst: at(100) }
    }
}

/// Faults of one kind on one process under one workload, and what initiators saw from each until the next one.
#[derive(Debug, Clone, Serialize)]
pub struct Cell {
    /// What initiators did.
    pub workload: Workload,
    /// The process.
    pub process: &'static str,
    /// What was done to it.
    pub fault: Fault,
    /// How often.
    pub faults: usize,
    /// What was seen.
    #[serde(flatten)]
    pub seen: Seen,
    /// From the fault to the next command that was done.
    pub pause_ms: Spread,
    /// The longest time without a command that was done.
    pub silence_ms: Spread,
    #[serde(skip)]
    pauses: Vec<Duration>,
    #[serde(skip)]
    silences: Vec<Duration>,
}

/// Something that should not be.
#[derive(Debug, Clone, Serialize)]
pub struct Trouble {
    /// Under which workload.
    pub workload: Workload,
    /// After how many faults.
    pub step: usize,
    /// What.
    pub what: String,
}

/// A crash point, and how often it was hit.
#[derive(Debug, Clone, Serialize)]
pub struct Hits {
    /// Whose.
    pub process: String,
    /// Its name.
    pub point: String,
    /// How often.
    pub hits: usize,
    /// How often it was to be hit, and was not.
    pub missed: usize,
    /// Why not, the last time.
    pub why: Option<String>,
    /// Why it cannot be hit on this machine.
    pub out_of_reach: Option<String>,
}

/// A whole run.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// What makes it come again.
    pub seed: u64,
    /// By workload, process and fault.
    pub cells: Vec<Cell>,
    /// By workload, everything: before the first fault and after the last, too.
    pub seen: Vec<(Workload, Seen)>,
    /// What was wrong.
    pub troubles: Vec<Trouble>,
    /// Crash points.
    pub crash_points: Vec<Hits>,
}

impl Report {
    /// Adds what was seen under a workload from one fault until the next.
    pub fn add(&mut self, workload: Workload, deed: Option<Deed>, stretch: &Stretch) {
        if !self.seen.iter().any(|(known, _)| *known == workload) {
            self.seen.push((workload, Seen::default()));
        }
        self.seen.iter_mut().filter(|(known, _)| *known == workload).for_each(|(_, seen)| seen.add(stretch));
        let Some((process, fault)) = deed else { return };
        let of = |cell: &Cell| (cell.workload, cell.process, cell.fault) == (workload, process, fault);
        let at = self.cells.iter().position(of).unwrap_or_else(|| {
            self.cells.push(Cell::new(workload, process, fault));
            self.cells.len() - 1
        });
        self.cells[at].add(stretch);
    }

    /// Adds what another part of the run says.
    pub fn join(&mut self, other: Self) {
        self.cells.extend(other.cells);
        self.seen.extend(other.seen);
        self.troubles.extend(other.troubles);
        self.crash_points.extend(other.crash_points);
        self.cells.sort_by_key(|cell| (cell.workload, cell.process, cell.fault));
        self.seen.sort_by_key(|(workload, _)| *workload);
    }

    /// Nothing that an initiator would mind, and no crash point that was not reached.
    pub fn is_flawless(&self) -> bool {
        self.troubles.is_empty()
            && self.seen.iter().all(|(_, seen)| seen.is_flawless())
            && self.crash_points.iter().all(|point| point.missed == 0)
    }

    /// For people.
    pub fn text(&self) -> String {
        let mut text = format!("seed {}\n", self.seed);
        if !self.cells.is_empty() {
            text += &format!("{:86}{:^26}  {:^26}\n", "", "pause ms", "silence ms");
            text += &heading();
        }
        self.cells.iter().for_each(|cell| text += &cell.text());
        for (workload, seen) in &self.seen {
            text += &format!(
                "{}: {} commands, {} bytes verified, {} wrong, {} errors, {} reconnects, {} unit attentions, {} logins dropped\n",
                word(*workload),
                seen.commands,
                seen.bytes_verified,
                seen.wrong_bytes,
                seen.errors,
                seen.reconnects,
                seen.unit_attentions,
                seen.dropped_logins
            );
        }
        text += &self.points_text();
        for Trouble { workload, step, what } in &self.troubles {
            text += &format!("seed {}, {}, step {step}: {what}\n", self.seed, word(*workload));
        }
        text + if self.is_flawless() { "flawless\n" } else { "NOT flawless\n" }
    }

    fn points_text(&self) -> String {
        if self.crash_points.is_empty() {
            return String::new();
        }
        let hit = self.crash_points.iter().filter(|point| point.hits > 0).count();
        let mut text = format!("crash points hit: {hit} of {}\n", self.crash_points.len());
        for Hits { process, point, hits, missed, why, out_of_reach } in &self.crash_points {
            text += &format!("  {process:<11} {point:<18} {hits:>5}");
            if *missed > 0 {
                text += &format!(", {missed} times not: {}", why.as_deref().unwrap_or_default());
            }
            text += &out_of_reach.as_ref().map_or(String::new(), |why| format!("  out of reach: {why}"));
            text += "\n";
        }
        text
    }
}

fn heading() -> String {
    format!(
        "{:<13}{:<11}{:<9}{:>7}{:>10}{:>12}{:>7}{:>8}{:>9}{:>9}{:>9}{:>10}{:>9}{:>9}\n",
        "workload",
        "process",
        "fault",
        "faults",
        "commands",
        "verified",
        "errors",
        "reconn.",
        "median",
        "p99",
        "worst",
        "median",
        "p99",
        "worst"
    )
}

impl Cell {
    fn new(workload: Workload, process: &'static str, fault: Fault) -> Self {
        Self {
            workload,
            process,
            fault,
            faults: 0,
            seen: Seen::default(),
            pause_ms: Spread::default(),
            silence_ms: Spread::default(),
            pauses: Vec::new(),
            silences: Vec::new(),
        }
    }

    fn add(&mut self, stretch: &Stretch) {
        self.faults += 1;
        self.seen.add(stretch);
        self.pauses.extend(stretch.pause);
        self.silences.push(stretch.silence);
        (self.pause_ms, self.silence_ms) = (Spread::of(&self.pauses), Spread::of(&self.silences));
    }

    fn text(&self) -> String {
        let (pause, silence) = (self.pause_ms, self.silence_ms);
        format!(
            "{:<13}{:<11}{:<9}{:>7}{:>10}{:>12}{:>7}{:>8}{:>9.1}{:>9.1}{:>9.1}{:>10.1}{:>9.1}{:>9.1}\n",
            word(self.workload),
            self.process,
            word(self.fault),
            self.faults,
            self.seen.commands,
            self.seen.bytes_verified,
            self.seen.errors + u64::from(self.seen.wrong_bytes > 0) + self.seen.unit_attentions,
            self.seen.reconnects,
            pause.median,
            pause.p99,
            pause.worst,
            silence.median,
            silence.p99,
            silence.worst
        )
    }
}

/// As it is typed.
pub fn word(value: impl std::fmt::Debug) -> String {
    format!("{value:?}").to_lowercase()
}

#[cfg(test)]
mod tests;
