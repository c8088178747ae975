//! The client of the TCP measurements, and the arithmetic.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

use crate::{ANSWERED, ASKED};

/// One request after the other; a tenth more for warming up.
pub fn tcp_round_trips(client: &mut TcpStream, rounds: u32) -> Result<Vec<Duration>> {
    let mut times = Vec::with_capacity(rounds as usize);
    let (asked, mut answered) = ([7; ASKED], vec![0; ANSWERED]);
    for round in 0..rounds + rounds / 10 {
        let start = Instant::now();
        client.write_all(&asked)?;
        client.read_exact(&mut answered)?;
        if round >= rounds / 10 {
            times.push(start.elapsed());
        }
    }
    Ok(times)
}

/// The time for `count` requests with `outstanding` of them sent ahead.
pub fn tcp_depth(client: &mut TcpStream, outstanding: u32, count: u32) -> Result<Duration> {
    let (outstanding, count) = (outstanding as usize, count as usize);
    let (asked, mut buffer) = (vec![7; outstanding * ASKED], vec![0; 1 << 20]);
    let (mut sent, mut bytes) = (0, 0);
    let start = Instant::now();
    while bytes < count * ANSWERED {
        let more = (outstanding - (sent - bytes / ANSWERED)).min(count - sent);
        client.write_all(&asked[..more * ASKED])?;
        sent += more;
        let got = client.read(&mut buffer)?;
        ensure!(got > 0, "the service closed the connection");
        bytes += got;
    }
    Ok(start.elapsed())
}

pub fn mean(times: &[Duration]) -> Duration {
    times.iter().sum::<Duration>() / times.len().max(1) as u32
}

pub fn median<T: PartialOrd + Copy>(values: &mut [T]) -> T {
    values.sort_by(|a, b| a.partial_cmp(b).expect("times and rates are numbers"));
    values[values.len() / 2]
}

/// Processor time that the whole machine has spent, and that this process and its ended children have, in milliseconds.
fn busy_millis() -> Result<(i64, i64)> {
    let stat = std::fs::read_to_string("/proc/stat").context("/proc/stat")?;
    let fields = stat.lines().next().unwrap_or_default().split_whitespace().skip(1);
    let ticks: Vec<i64> = fields.map(str::parse).collect::<Result<_, _>>()?;
    // user nice system idle iowait irq softirq steal, at a hundred a second.
    let all: i64 = [0, 1, 2, 5, 6, 7].iter().filter_map(|field| ticks.get(*field)).sum();
    let mut own = 0;
    for who in [UsageWho::RUSAGE_SELF, UsageWho::RUSAGE_CHILDREN] {
        let usage = getrusage(who)?;
        own += usage.user_time().num_milliseconds() + usage.system_time().num_milliseconds();
    }
    Ok((all * 10, own))
}

/// Repeats `run` until nobody else used more than a tenth of one processor meanwhile, at most `tries` times, then
/// takes what it has. The wake-up of an idle processor is what a hop costs, so a busy neighbour makes other numbers,
/// not only worse ones. Returns whether it was quiet.
pub fn undisturbed<T>(tries: usize, mut run: impl FnMut() -> Result<T>) -> Result<(T, bool)> {
    for attempt in 1.. {
        let (start, (all, own)) = (Instant::now(), busy_millis()?);
        let result = run()?;
        let (all_after, own_after) = busy_millis()?;
        let others = (all_after - all) - (own_after - own);
        let quiet = others as f64 <= 20.0 + start.elapsed().as_secs_f64() * 1e3 * 0.1;
        if quiet || attempt >= tries {
            return Ok((result, quiet));
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    unreachable!("the last try returns")
}
