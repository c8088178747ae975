//! Every crash point, over and over, under a load that knows every byte and a stir of all that is rare.

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, bail};

use super::report::{Hits, Report, Trouble};
use super::workload::{Running, Workload};
use super::{SETTINGS, Settings};
use crate::crash_points::ground::Ground;
use crate::crash_points::{self, CrashPoint};
use crate::gauge::Gauge;
use crate::random::{Random, mix};
use crate::stir::Stir;

/// Points of the processes that were chosen, each as often as is wanted, until the time is over or something is wrong.
pub fn run(settings: &Settings, until: Instant) -> Report {
    let mut report = Report::default();
    if let Err(error) = on_a_target(settings, until, &mut report) {
        let step = report.crash_points.iter().map(|point| point.hits).sum();
        report.troubles.push(Trouble { workload: Workload::Points, step, what: format!("{error:#}") });
    }
    report
}

fn on_a_target(settings: &Settings, until: Instant, report: &mut Report) -> anyhow::Result<()> {
    let mut random = Random::new(mix(settings.seed) ^ Workload::Points as u64);
    let ground = Ground::start(SETTINGS)?;
    let portal = ground.target.portal;
    let mut points = crash_points::all(&ground.target)?;
    points.retain(|point| settings.processes.contains(&point.process.as_str()));
    report.crash_points = points
        .iter()
        .map(|point| Hits {
            process: point.process.clone(),
            point: point.name.clone(),
            hits: 0,
            missed: 0,
            why: None,
            out_of_reach: point.out_of_reach(&ground),
        })
        .collect();
    let gauge = Arc::new(Gauge::default());
    let running = Running::start(Workload::Points, portal, random.number(), &gauge)?;
    let stir = Stir::start(portal);
    let is_flawless = || gauge.is_flawless() && !stir.is_over();
    let hit = hit_all(settings, until, &ground, &points, &is_flawless, &mut random, &mut report.crash_points);
    let stirred = stir.finish();
    running.finish();
    let seen = gauge.cut();
    report.add(Workload::Points, None, &seen);
    let stirred = stirred.context("beside the load").map(drop);
    let first = seen.texts.first().map(|first| anyhow::anyhow!("{first}"));
    let first = first.map_or(stirred, Err);
    // What was wrong, and where it was seen.
    let wrong = match (first, hit) {
        (Err(first), Err(hit)) => Err(first.context(hit.to_string())),
        (first, hit) => first.and(hit),
    };
    wrong.with_context(|| ground.target.logs())?;
    ground.stop()
}

/// Each point once before any of them again.
fn hit_all(
    settings: &Settings,
    until: Instant,
    ground: &Ground,
    points: &[CrashPoint],
    is_flawless: &dyn Fn() -> bool,
    random: &mut Random,
    hits: &mut [Hits],
) -> anyhow::Result<()> {
    for _ in 0..settings.crash_points {
        for (point, hits) in points.iter().zip(hits.iter_mut()) {
            if Instant::now() >= until {
                return Ok(());
            }
            if hits.out_of_reach.is_some() {
                continue;
            }
            match point.hit(ground, random.between(1, 16)) {
                Ok(_) => hits.hits += 1,
                Err(error) => {
                    hits.missed += 1;
                    hits.why = Some(error.to_string());
                }
            }
            if !is_flawless() {
                bail!("initiators saw it at {} of {}", point.name, point.process);
            }
        }
    }
    Ok(())
}
