//! The core against a small executable model of SAM and SPC: random commands, task management, lost nexuses, reservations,
//! changed settings, access states and deaths from three nexuses on two units; after every step both must have shown the
//! same. The core dies between steps, before anybody has read its answers, and before it has saved anything.
//!
//! `BULKHEAD_MODEL_STEPS` says how many steps (100,000 if nothing does), `BULKHEAD_MODEL_SEED` which. A difference prints
//! the seed, the run and its last steps.

mod arrivals;
mod deaths;
mod model;
mod reservations;
mod rules;
mod running;
mod steps;
mod world;

use model::{Model, Sight};
use steps::{Fate, Random, Step};
use world::{NEXUSES, UNITS, World};

/// Steps of one run; then everything starts from nothing again.
const RUN: u64 = 1000;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |text| text.parse().expect(name))
}

#[test]
fn core_shows_what_the_model_shows() {
    let steps = number("BULKHEAD_MODEL_STEPS", 100_000);
    let time =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |time| time.as_nanos());
    let seed = number("BULKHEAD_MODEL_SEED", time as u64);
    println!("seed {seed}, {steps} steps");
    for run in 0..steps.div_ceil(RUN) {
        one_run(seed.wrapping_add(run), RUN.min(steps - run * RUN));
    }
}

fn one_run(seed: u64, steps: u64) {
    let (mut random, mut world, mut model) = (Random::new(seed), World::new(), Model::default());
    let mut history: Vec<(Step, Fate)> = Vec::new();
    world.settle();
    let trace = number("BULKHEAD_MODEL_TRACE", 0) != 0;
    let mut serial = 0;
    for count in 0..steps {
        serial += 1;
        let step = Step::choose(&mut random, &model, serial);
        let fate = step.fate(&mut random);
        history.push((step, fate));
        step.perform(&mut world, &mut model, fate);
        let (mut seen, mut expected) = (steps::sights(&mut world, &model), model.take_sights());
        for nexus in (0..NEXUSES).filter(|nexus| seen.contains(&Sight::Closed { nexus: *nexus })) {
            world.forget(nexus);
        }
        if trace {
            println!("{:4} {step:?} {fate:?}\n     {seen:?}\n     {:?}", count + 1, model.reservations(0));
        }
        check_order(&seen, &history, seed);
        seen.sort_unstable();
        expected.sort_unstable();
        if seen != expected {
            let from = history.len().saturating_sub(number("BULKHEAD_MODEL_HISTORY", 40) as usize);
            for (place, step) in history.iter().enumerate().skip(from) {
                println!("{:4} {step:?}", place + 1);
            }
            let only =
                |a: &[Sight], b: &[Sight]| a.iter().filter(|sight| !b.contains(sight)).cloned().collect();
            let (core, standard): (Vec<Sight>, Vec<Sight>) = (only(&seen, &expected), only(&expected, &seen));
            panic!(
                "BULKHEAD_MODEL_SEED={seed} BULKHEAD_MODEL_STEPS={RUN}, step {}: only the core: {core:#?}, only the model: {standard:#?}; core {seen:?}; model {expected:?}",
                count + 1
            );
        }
    }
    let _ = UNITS;
}

/// The answer to a function comes after the end of whatever ended in the same step because of it: nothing that it aborted may
/// be answered later (SAM-5 7.1).
fn check_order(seen: &[Sight], history: &[(Step, Fate)], seed: u64) {
    let Some((Step::Function { nexus, .. }, Fate::Lives)) = history.last() else { return };
    let answered =
        seen.iter().position(|sight| matches!(sight, Sight::Function { nexus: by, .. } if by == nexus));
    let late = answered.and_then(|place| {
        seen[place..].iter().find(|sight| matches!(sight, Sight::Aborted { nexus: of, .. } if of == nexus))
    });
    assert!(late.is_none(), "seed {seed}: {late:?} after the function's answer");
}
