//! A counter that three initiators step by COMPARE AND WRITE while every process dies: no step is lost, and none is made twice.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use harness::counter;
use harness::manifest::Manifest;
use harness::random::Random;
use harness::target::Target;
use nix::sys::signal::Signal;

/// Three initiators, and all processes die in turns.
pub fn counter_is_exact() -> anyhow::Result<()> {
    let mut random = Random::printed("a counter by COMPARE AND WRITE");
    let target = Target::start(&Manifest::usual(16))?;
    let stop = AtomicBool::new(false);
    let kills = super::kills() * 4;
    let steps = std::thread::scope(|scope| {
        let initiators = [1, 2, 3].map(|number| {
            let (portal, stop) = (target.portal, &stop);
            scope.spawn(move || counter::step(portal, number, stop, |_, _| {}))
        });
        let names = ["vdisk", "core", "iscsi", "supervisor"].into_iter().cycle();
        let killed = names.take(kills).try_for_each(|name| {
            // The time of a kill is the point here; nothing is waited for.
            std::thread::park_timeout(Duration::from_micros(random.between(5_000, 120_000)));
            if name == "supervisor" {
                let before = target.kill_supervisor()?;
                return target.wait_supervised(&before).map(|_| ());
            }
            let before = target.signal(name, Signal::SIGKILL)?;
            target.wait_restarted(name, before.restarts).map(|_| ())
        });
        stop.store(true, Ordering::Relaxed);
        let mut steps = 0;
        for initiator in initiators {
            steps += initiator.join().unwrap_or_else(|_| anyhow::bail!("panicked"))?;
        }
        killed.map(|()| steps)
    });
    let steps = steps.with_context(|| target.logs())?;
    println!("{steps} steps under {kills} kills");
    counter::check(target.portal, 4, steps).with_context(|| target.logs())?;
    target.stop()
}
