//! The client of the TCP measurements, and the arithmetic.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

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
