//! The supervisor is killed at random times under a load that knows every byte: the services go on without it, and the
//! next one takes them up as they are.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use harness::load::{Load, Plan, Report};
use harness::manifest::Manifest;
use harness::pause::Pauses;
use harness::random::Random;
use harness::status::Status;
use harness::target::Target;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A target under load, and the times of death.
struct Run {
    target: Target,
    load: Load,
    random: Random,
    kills: Vec<Instant>,
}

impl Run {
    fn start(what: &str) -> anyhow::Result<Self> {
        let mut random = Random::printed(what);
        let target = Target::start(&Manifest::usual(64))?;
        let load = Load::start(Plan::usual(target.portal, random.number()))?;
        Ok(Self { target, load, random, kills: Vec::new() })
    }

    /// Lets the load go on for a while, and then for a few microseconds more.
    fn go_on(&mut self) -> anyhow::Result<()> {
        self.load.wait_for_progress(self.random.between(50, 1500)).with_context(|| self.target.logs())?;
        let until = Instant::now() + Duration::from_micros(self.random.between(0, 2000));
        while Instant::now() < until {
            std::hint::spin_loop();
        }
        Ok(())
    }

    fn kill_supervisor(&mut self) -> anyhow::Result<Status> {
        self.kills.push(Instant::now());
        self.target.kill_supervisor()
    }

    fn finish(mut self, what: &str) -> anyhow::Result<()> {
        self.go_on()?;
        let Self { target, load, kills, .. } = self;
        let report: Report = load.finish()?;
        println!("{what}: {}", Pauses::new(&kills, &report.completions).summary());
        println!("{what}: {} commands, {} errors", report.completions.len(), report.errors.len());
        report.flawless().with_context(|| target.logs())?;
        ensure!(report.unit_attentions == 0, "{} unit attentions", report.unit_attentions);
        ensure!(report.reconnects == 0, "{} reconnects", report.reconnects);
        target.stop()
    }
}

/// True when the same processes serve, none of which has been started again.
fn same_services(one: &Status, other: &Status) -> bool {
    let short = |status: &Status| -> Vec<(String, Option<u32>, u64)> {
        status.services.iter().map(|it| (it.name.clone(), it.pid, it.restarts)).collect()
    };
    short(one) == short(other)
}

/// The supervisor alone: nobody else dies of it.
pub fn supervisor() -> anyhow::Result<()> {
    let what = "kill -9 of the supervisor";
    let mut run = Run::start(what)?;
    for _ in 0..super::kills() * 4 {
        run.go_on()?;
        let before = run.kill_supervisor()?;
        let now = run.target.wait_supervised(&before)?;
        ensure!(same_services(&before, &now), "{now:?} after {before:?}\n{}", run.target.logs());
    }
    run.finish(what)
}

/// A service that the next supervisor did not start is watched, found dead and started again like any other.
pub fn then_a_service() -> anyhow::Result<()> {
    let what = "kill -9 of the supervisor, then of a service";
    let mut run = Run::start(what)?;
    for service in ["vdisk", "core"].into_iter().cycle().take(super::kills() * 2) {
        run.go_on()?;
        let before = run.kill_supervisor()?;
        run.target.wait_supervised(&before)?;
        run.go_on()?;
        let dead = run.target.signal(service, Signal::SIGKILL)?;
        let back = run.target.wait_restarted(service, dead.restarts)?;
        let cause = back.last_death.map(|death| death.cause).unwrap_or_default();
        ensure!(cause == "killed by SIGKILL", "{service} died of {cause:?}");
    }
    run.finish(what)
}

/// Both, in either order, a random number of microseconds apart: the service dies under the old supervisor, under none, or
/// under the next one in the middle of taking it up.
pub fn at_once() -> anyhow::Result<()> {
    let what = "kill -9 of the supervisor and a service at once";
    let mut run = Run::start(what)?;
    for round in 0..super::kills() * 4 {
        let service = ["vdisk", "core"][round % 2];
        run.go_on()?;
        let before = run.target.status()?;
        let dead = before.service(service).context("no such service")?;
        let (pid, restarts) = (dead.pid.context("no process")?, dead.restarts);
        let apart = Duration::from_micros(run.random.between(0, 8000));
        let pause = || {
            let until = Instant::now() + apart;
            while Instant::now() < until {
                std::hint::spin_loop();
            }
        };
        let end = |pid: u32| kill(Pid::from_raw(pid as i32), Signal::SIGKILL);
        run.kills.push(Instant::now());
        if round % 4 < 2 {
            end(before.pid)?;
            pause();
            end(pid)?;
        } else {
            end(pid)?;
            pause();
            end(before.pid)?;
        }
        let now = run.target.wait_supervised(&before)?;
        let back = run.target.wait_restarted(service, restarts)?;
        ensure!(back.pid != Some(pid) && now.pid != before.pid, "{now:?} after {before:?}");
    }
    run.finish(what)
}

/// No supervisor at all for a while, for the keeper is stopped: I/O goes on. Then a handler dies, and commands are held until
/// somebody is there to start it again.
pub fn unsupervised() -> anyhow::Result<()> {
    let what = "nobody supervises";
    let mut run = Run::start(what)?;
    run.go_on()?;
    run.target.signal_keeper(Signal::SIGSTOP)?;
    let before = run.target.kill_supervisor()?;
    run.load.wait_for_progress(3000).with_context(|| run.target.logs())?;
    let vdisk = before.service("vdisk").and_then(|it| it.pid).context("no vdisk")?;
    run.kills.push(Instant::now());
    kill(Pid::from_raw(vdisk as i32), Signal::SIGKILL)?;
    std::thread::park_timeout(Duration::from_millis(300));
    run.target.signal_keeper(Signal::SIGCONT)?;
    let now = run.target.wait_supervised(&before)?;
    let vdisk = now.service("vdisk").context("no vdisk")?;
    ensure!(vdisk.restarts == 1, "{vdisk:?}");
    let cause = vdisk.last_death.as_ref().map_or("", |death| &death.cause);
    ensure!(cause == "killed by SIGKILL", "vdisk died of {cause:?}");
    run.finish(what)
}

/// Without a keeper the supervisor goes on and ends in order; only its own death would be noticed.
pub fn keeper() -> anyhow::Result<()> {
    let mut run = Run::start("kill -9 of the keeper")?;
    run.go_on()?;
    run.target.signal_keeper(Signal::SIGKILL)?;
    let dead = run.target.signal("vdisk", Signal::SIGKILL)?;
    run.target.wait_restarted("vdisk", dead.restarts)?;
    run.go_on()?;
    let Run { target, load, .. } = run;
    load.finish()?.flawless().with_context(|| target.logs())?;
    target.stop_without_keeper()
}

/// Handler, core, transport and supervisor replaced by themselves, again and again, one by one and all together.
pub fn upgrades() -> anyhow::Result<()> {
    let what = "upgrade";
    let mut run = Run::start(what)?;
    let turns: [&[&str]; 5] = [&["vdisk"], &["core"], &["iscsi"], &["--supervisor"], &[]];
    for which in turns.into_iter().cycle().take(super::kills() * 6) {
        run.go_on()?;
        run.kills.push(Instant::now());
        let output = run.target.bulkhead(&[&["upgrade"], which].concat())?;
        ensure!(output.status.success(), "upgrade {which:?}: {output:?}\n{}", run.target.logs());
    }
    run.finish(what)
}
