//! What a hop between processes costs: `cargo bench -p ipc --bench hop [-- PART... --json --rounds N --budget US --runs N --tries N]`.
//!
//! Parts: `hop` (round trips over one link and over a chain of three processes, polling and sleeping, beside pipe, Unix
//! socket and in-process `rtrb`), `tcp` (the same chain behind a TCP connection, against the TCP echo alone and a chain of
//! blocking eventfds: the project's bars), `depth` (many requests outstanding). All of them without a PART.
//!
//! Processes are this binary started again with a role; descriptors reach them over the control channel, as they reach
//! services. [`hop::chain`] holds the services, [`hop::baseline`] what they are compared with.

mod hop {
    pub mod baseline;
    pub mod chain;
    pub mod child;
    pub mod measure;
    pub mod report;
}

use std::time::Duration;

use anyhow::{Result, bail};

use crate::hop::report::Report;
use crate::hop::{baseline, chain, child, measure};

/// Requests and replies on TCP, in bytes.
const ASKED: usize = 48;
const ANSWERED: usize = 4096;

struct Options {
    parts: Vec<String>,
    json: bool,
    /// Round trips of one run.
    rounds: u32,
    /// Polling budget in microseconds.
    budget: u32,
    /// Alternating runs of which the median counts.
    runs: usize,
    /// How often a run is tried again because other processes disturbed it.
    tries: usize,
}

fn options() -> Result<Options> {
    let mut options =
        Options { parts: Vec::new(), json: false, rounds: 20_000, budget: 100, runs: 5, tries: 3 };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut number = || -> Result<u32> {
            Ok(arguments.next().ok_or_else(|| anyhow::anyhow!("{argument} wants a number"))?.parse()?)
        };
        match argument.as_str() {
            // Cargo says this to every benchmark.
            "--bench" => {}
            "--json" => options.json = true,
            "--rounds" => options.rounds = number()?.max(10),
            "--budget" => options.budget = number()?,
            "--runs" => options.runs = number()?.max(1) as usize,
            "--tries" => options.tries = number()?.max(1) as usize,
            "hop" | "tcp" | "depth" => options.parts.push(argument),
            other => bail!(
                "unknown argument {other}: hop, tcp, depth, --json, --rounds, --budget, --runs, --tries"
            ),
        }
    }
    if options.parts.is_empty() {
        options.parts = ["hop", "tcp", "depth"].map(String::from).to_vec();
    }
    Ok(options)
}

/// Round trips without TCP.
fn hops(options: &Options, report: &mut Report) -> Result<()> {
    let (rounds, mut disturbed) = (options.rounds, 0);
    let mut quietly = |run: &dyn Fn() -> Result<Vec<Duration>>| {
        let (times, quiet) = measure::undisturbed(options.tries, run)?;
        disturbed += u32::from(!quiet);
        anyhow::Ok(times)
    };
    for (mode, budget) in [("polling", options.budget), ("sleeping", 0)] {
        for (name, crossings) in [("one link", 2), ("four-hop chain", 4)] {
            report.latency(
                &format!("{name}, {mode}"),
                &quietly(&|| chain::round_trips(crossings, budget, rounds))?,
            );
        }
    }
    report.latency("pipe", &quietly(&|| baseline::pipe_round_trips(rounds))?);
    report.latency("Unix socket", &quietly(&|| baseline::unix_round_trips(rounds))?);
    report.latency("rtrb between threads, spinning", &quietly(&|| baseline::rtrb_round_trips(rounds))?);
    report.disturbed(disturbed);
    Ok(())
}

/// The ways to answer a TCP request that are compared.
#[derive(Clone, Copy)]
enum Way {
    Echo,
    Chain { budget: u32 },
    Blocking,
}

impl Way {
    fn start(self) -> Result<(child::Children, std::net::TcpStream)> {
        match self {
            Way::Echo => baseline::tcp_echo(),
            Way::Chain { budget } => chain::tcp_chain(budget),
            Way::Blocking => baseline::blocking_chain(),
        }
    }
}

/// Round trips over TCP, one outstanding: the bars.
fn tcp(options: &Options, report: &mut Report) -> Result<()> {
    let ways = [
        ("TCP echo alone", Way::Echo),
        ("TCP + 4 crossings, polling", Way::Chain { budget: options.budget }),
        ("TCP + 4 crossings, sleeping", Way::Chain { budget: 0 }),
        ("TCP + 4 blocking eventfds", Way::Blocking),
    ];
    let mut medians = [const { Vec::new() }; 4];
    let mut all = [const { Vec::new() }; 4];
    let mut disturbed = 0;
    for _ in 0..options.runs {
        for (n, (_, way)) in ways.iter().enumerate() {
            let (times, quiet) = measure::undisturbed(options.tries, || {
                let (_children, mut client) = way.start()?;
                measure::tcp_round_trips(&mut client, options.rounds)
            })?;
            disturbed += u32::from(!quiet);
            medians[n].push(measure::mean(&times));
            all[n].extend(times);
        }
    }
    for ((name, _), times) in ways.iter().zip(&all) {
        report.latency(name, times);
    }
    let [echo, polling, sleeping, blocking] = medians.map(|mut runs| measure::median(&mut runs));
    report.ratio("polling chain / TCP echo", polling, echo, 1.5);
    report.ratio("sleeping chain / blocking eventfds", sleeping, blocking, 1.1);
    report.disturbed(disturbed);
    Ok(())
}

/// Requests per second with many outstanding.
fn depth(options: &Options, report: &mut Report) -> Result<()> {
    let ways = [
        ("TCP echo alone", Way::Echo),
        ("TCP + 4 crossings, polling", Way::Chain { budget: options.budget }),
        ("TCP + 4 crossings, sleeping", Way::Chain { budget: 0 }),
    ];
    let mut disturbed = 0;
    for outstanding in [8, 32, 128] {
        let mut rates = [const { Vec::new() }; 3];
        for _ in 0..options.runs {
            for (n, (_, way)) in ways.iter().enumerate() {
                let (time, quiet) = measure::undisturbed(options.tries, || {
                    let (_children, mut client) = way.start()?;
                    measure::tcp_depth(&mut client, outstanding, options.rounds * 5)
                })?;
                disturbed += u32::from(!quiet);
                rates[n].push(f64::from(options.rounds * 5) / time.as_secs_f64());
            }
        }
        for ((name, _), rates) in ways.iter().zip(&mut rates) {
            report.rate(&format!("{name}, {outstanding} outstanding"), measure::median(rates));
        }
    }
    report.disturbed(disturbed);
    Ok(())
}

fn main() -> Result<()> {
    if let Some(role) = child::role() {
        return match role.name.as_str() {
            "answer" => chain::answer(role),
            "relay" => chain::relay(role),
            "front" => chain::front(role),
            "tcp-echo" => baseline::serve_tcp_echo(role),
            "byte-echo" => baseline::serve_bytes(),
            "blocking-front" => baseline::blocking_front(role),
            "blocking-relay" => baseline::blocking_relay(role),
            "blocking-answer" => baseline::blocking_answer(role),
            other => bail!("unknown role {other}"),
        };
    }
    let options = options()?;
    let mut report = Report::new(options.json);
    for part in &options.parts {
        report.part(part);
        match part.as_str() {
            "hop" => hops(&options, &mut report)?,
            "tcp" => tcp(&options, &mut report)?,
            _ => depth(&options, &mut report)?,
        }
    }
    report.end();
    Ok(())
}

/// Longest that a benchmark waits for anything before it gives up.
const PATIENCE: Duration = Duration::from_secs(20);
