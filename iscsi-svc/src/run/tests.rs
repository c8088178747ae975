//! The process dies at every point of its work, and whoever talks to it notices nothing.
//!
//! A whole service runs turn by turn in this thread, against a core, a supervisor and an initiator that are played here.
//! At a chosen [`crate::crash`] point it unwinds; everything private is dropped, and a successor is granted what
//! outlives a process: arena, notebook, listening socket, deposited sockets. The initiator then goes on with the same
//! connection, and judges every number, digest and byte. Sockets take and give bytes in small portions of random
//! lengths, so that PDUs are torn everywhere.

#[path = "../../tests/shared/config.rs"]
mod config;
mod initiator;
mod world;

use std::time::{Duration, Instant};

use crate::crash;
use initiator::{Initiator, Script};
use world::World;

/// How long a script may take: turns are not counted, because many of them go by while TCP waits for its timers.
const LIMIT: Duration = Duration::from_secs(120);

/// Numbers that depend on a seed only.
pub struct Random(u64);

impl Random {
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

/// Bytes that differ from command to command.
pub fn pattern(len: usize, seed: u64) -> Vec<u8> {
    (0..len as u64).map(|at| (at.wrapping_mul(31) ^ at >> 8 ^ seed.wrapping_mul(37)) as u8).collect()
}

/// Runs a script to its end; `again` says after how many points the next incarnation dies, if it does.
fn run(script: Script, seed: u64, first: u64, mut again: impl FnMut(&mut Random) -> u64) -> u64 {
    let mut random = Random(seed);
    let mut world = World::new();
    crash::arm(first);
    let mut initiators: Vec<_> =
        (0..script.initiators).map(|number| Initiator::new(script, number)).collect();
    let mut deaths = 0;
    let begun = Instant::now();
    while let Some(busy) = initiators.iter().find(|it| !it.is_done()) {
        assert!(begun.elapsed() < LIMIT, "nothing goes on after {deaths} deaths: {}", busy.state());
        world.turn(&mut random);
        if world.deaths > deaths {
            deaths = world.deaths;
            crash::arm(again(&mut random));
        }
        for initiator in &mut initiators {
            initiator.turn(world.address(), &mut random);
        }
    }
    crash::arm(u64::MAX);
    world.end();
    assert_eq!(world.lost, 0, "nexuses were lost after their logins");
    deaths
}

fn at_every_point(digests: bool) {
    // Where this ends depends on how bytes came in portions; later points are the same in other commands.
    let mut deaths = 0;
    for point in (1..300).chain((300..1200).step_by(7)) {
        deaths += run(Script { digests, commands: 10, initiators: 1 }, 1, point, |_| u64::MAX);
    }
    assert!(deaths > 250, "{deaths} deaths");
}

#[test]
fn dies_at_every_point_without_digests() {
    at_every_point(false);
}

#[test]
fn dies_at_every_point_with_digests() {
    at_every_point(true);
}

#[test]
fn dies_again_and_again() {
    let mut deaths = 0;
    for seed in 0..60 {
        // What one gives up another may take, and no picture of the first may still name it.
        let script = Script { digests: seed % 2 == 0, commands: 30, initiators: 1 + (seed / 2 % 3) as u8 };
        deaths += run(script, seed, 40, |random| 1 + random.below(120));
    }
    assert!(deaths > 500, "{deaths} deaths");
}

#[test]
fn lives() {
    assert_eq!(run(Script { digests: true, commands: 100, initiators: 2 }, 3, u64::MAX, |_| u64::MAX), 0);
}
