//! Every process dies at every point that it names, on purpose, under a load that knows every byte.

use anyhow::Context;
use harness::crash_points::ground::Ground;
use harness::crash_points::{self, CrashPoint};
use harness::load::{Load, Plan};
use harness::random::Random;
use harness::stir::Stir;

fn run(process: &str) -> anyhow::Result<()> {
    let mut random = Random::printed(process);
    let ground = Ground::start("")?;
    let target = &ground.target;
    let points: Vec<CrashPoint> =
        crash_points::all(target)?.into_iter().filter(|point| point.process == process).collect();
    anyhow::ensure!(!points.is_empty(), "{process} has no crash points");
    let load = Load::start(Plan::usual(target.portal, random.number()))?;
    let stir = Stir::start(target.portal);
    let (mut missed, mut hits) = (Vec::new(), 0);
    for point in &points {
        if let Some(why) = point.out_of_reach(&ground) {
            println!("{} of {process} cannot be reached here: {why}", point.name);
            continue;
        }
        match point.hit(&ground, random.between(1, 8)) {
            Ok(_) => hits += 1,
            Err(error) => missed.push(format!("{error:#}")),
        }
        load.wait_for_progress(100).with_context(|| target.logs())?;
    }
    stir.finish().with_context(|| target.logs())?;
    load.finish()?.flawless().with_context(|| target.logs())?;
    println!("{process}: {hits} of {} crash points hit", points.len());
    anyhow::ensure!(missed.is_empty(), "{missed:#?}\n{}", target.logs());
    ground.stop()
}

/// The core.
pub fn core() -> anyhow::Result<()> {
    run("core")
}

/// The transport.
pub fn iscsi() -> anyhow::Result<()> {
    run("iscsi")
}

/// The handler.
pub fn vdisk() -> anyhow::Result<()> {
    run("vdisk")
}

/// The supervisor.
pub fn supervisor() -> anyhow::Result<()> {
    run("supervisor")
}
