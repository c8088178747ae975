//! `bulkhead-chaos`, which `bulkhead chaos` executes: faults by a seeded plan under verified loads, and what initiators saw.
#![forbid(unsafe_code)]

use std::process::ExitCode;
use std::time::Duration;

use anyhow::bail;
use clap::Parser;
use harness::binaries;
use harness::chaos::fault::{Fault, spin};
use harness::chaos::workload::Workload;
use harness::chaos::{self, PROCESSES, Settings};

/// Kill, hang, starve and scribble over the processes of a target under a verified load, and tell what initiators saw of it.
///
/// Starts a target of its own in a temporary directory, on a free port of the loopback address, and touches no other.
#[derive(Debug, Parser)]
#[command(name = "bulkhead chaos", version)]
struct Arguments {
    /// What the plan depends on; the time if it is not given
    #[arg(long)]
    seed: Option<u64>,
    /// Faults of each kind on each process under each workload
    #[arg(long, default_value_t = 5)]
    faults: usize,
    /// No fault after this many minutes
    #[arg(long, default_value_t = 10.0)]
    minutes: f64,
    /// How often each crash point is hit, at the end
    #[arg(long, default_value_t = 1)]
    crash_points: usize,
    /// Of single, read, write, sequential, counter, reservations, logins; all of them if it is not given
    #[arg(long, value_delimiter = ',')]
    workloads: Vec<String>,
    /// Workloads at once, each on a target of its own; pauses are longer then
    #[arg(long, default_value_t = 1)]
    at_once: usize,
    /// Of kill, segv, abort, stop, spin, starve, scribble; all of them if it is not given
    #[arg(long, value_delimiter = ',')]
    kinds: Vec<String>,
    /// Of core, iscsi, vdisk, supervisor; all of them if it is not given
    #[arg(long, value_delimiter = ',')]
    processes: Vec<String>,
    /// Tell each fault as it is inflicted
    #[arg(long)]
    trace: bool,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

/// Those of `all` that are called `names`, or all.
fn chosen<T: Copy + std::fmt::Debug>(names: &[String], all: &[T]) -> anyhow::Result<Vec<T>> {
    let word = |one: &T| format!("{one:?}").trim_matches('"').to_lowercase();
    let words: Vec<String> = all.iter().map(word).collect();
    if let Some(wrong) = names.iter().find(|name| !words.contains(name)) {
        bail!("there is no {wrong:?}; write one of {}", words.join(", "));
    }
    let of = |one: &&T| names.is_empty() || names.contains(&word(one));
    Ok(all.iter().filter(of).copied().collect())
}

fn run(arguments: &Arguments) -> anyhow::Result<bool> {
    if !spin::POSSIBLE && arguments.kinds.iter().any(|kind| kind == "spin") {
        bail!("spin is for x86-64 only");
    }
    let limit = Duration::try_from_secs_f64(arguments.minutes * 60.0)?;
    let settings = Settings {
        seed: arguments.seed.unwrap_or_else(|| {
            let now = std::time::UNIX_EPOCH.elapsed();
            now.map_or(1, |now| now.as_micros() as u64)
        }),
        limit,
        faults: arguments.faults,
        at_once: arguments.at_once,
        workloads: chosen(&arguments.workloads, &Workload::ALL)?,
        kinds: chosen(&arguments.kinds, &Fault::ALL)?,
        processes: chosen(&arguments.processes, &PROCESSES)?,
        crash_points: arguments.crash_points,
        trace: arguments.trace,
    };
    let report = chaos::run(&settings, &|line| eprintln!("{line}"));
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print!("{}", report.text());
    }
    Ok(report.is_flawless())
}

fn main() -> ExitCode {
    binaries::use_installed();
    match run(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("bulkhead chaos: {error:#}");
            ExitCode::FAILURE
        }
    }
}
