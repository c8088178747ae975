//! `bulkhead why` while a service does not do its part: it names that one.

use anyhow::{Context, ensure};
use harness::deadline;
use harness::load::{Load, Plan};
use harness::manifest::{Manifest, TARGET};
use harness::target::{PATIENCE, Target};
use nix::sys::signal::Signal;
use serde_json::Value;

fn told(target: &Target) -> anyhow::Result<Value> {
    let output = target.bulkhead(&["why", TARGET, "0", "--json"])?;
    ensure!(output.status.success(), "{output:?}");
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn commands(told: &Value) -> &[Value] {
    told["commands"].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// The handler is stopped under load: every command that is stuck is said to be with it, since when, and why.
pub fn stopped_vdisk() -> anyhow::Result<()> {
    // Longer than the test takes: it must not be killed for its silence.
    let target = Target::start(&Manifest::usual(64).supervisor("heartbeat_limit = \"120s\""))?;
    let load = Load::start(Plan::usual(target.portal, 5))?;
    load.wait_for_progress(500).with_context(|| target.logs())?;
    let before = target.signal("vdisk", Signal::SIGSTOP)?;
    let stuck = |told: &Value| {
        let old = |command: &Value| command["age_s"].as_f64().is_some_and(|age| age > 1.0);
        !commands(told).is_empty() && commands(told).iter().all(old)
    };
    let found =
        deadline::wait_for("commands that are stuck", PATIENCE, || Ok(Some(told(&target)?).filter(stuck)))?;
    for command in commands(&found) {
        ensure!(command["holder"] == "vdisk", "another one has it: {command}");
        let why = command["why"].as_str().unwrap_or_default();
        ensure!(why.contains("vdisk does not answer: no heartbeat for "), "{why}");
        ensure!(why.contains("its process is stopped"), "{why}");
        let name = command["command"].as_str().unwrap_or_default();
        ensure!(name.starts_with("READ(") || name.starts_with("WRITE("), "{command}");
    }
    let standing = found["services"].as_array().context("services")?;
    for service in standing {
        let silent = service["silent_s"].as_f64().is_some();
        ensure!(silent == (service["service"] == "vdisk"), "{service}");
    }
    println!("{} commands with vdisk; the first: {}", commands(&found).len(), commands(&found)[0]["why"]);
    let text = target.bulkhead(&["why", TARGET, "0"])?;
    ensure!(String::from_utf8_lossy(&text.stdout).contains("vdisk has "), "{text:?}");
    target.signal("vdisk", Signal::SIGCONT)?;
    load.wait_for_progress(500).with_context(|| target.logs())?;
    load.finish()?.flawless().with_context(|| target.logs())?;
    ensure!(target.service("vdisk")?.restarts == before.restarts, "it was restarted");
    let idle = told(&target)?;
    ensure!(commands(&idle).is_empty() && idle["core_silent"] == false, "{idle}");
    ensure!(
        idle["services"].as_array().is_some_and(|all| all.iter().all(|one| one["trouble"] == "")),
        "{idle}"
    );
    target.stop()
}

/// The core is stopped: it is named at once, and what it had in hand is read from its flight recorder.
pub fn stopped_core() -> anyhow::Result<()> {
    let target = Target::start(&Manifest::usual(64).supervisor("heartbeat_limit = \"120s\""))?;
    let load = Load::start(Plan::usual(target.portal, 5))?;
    load.wait_for_progress(500).with_context(|| target.logs())?;
    target.signal("core", Signal::SIGSTOP)?;
    let found = told(&target)?;
    ensure!(found["core_silent"] == true, "{found}");
    let services = found["services"].as_array().context("services")?;
    let core = services.iter().find(|service| service["service"] == "core").context("core")?;
    ensure!(
        core["trouble"].as_str().is_some_and(|trouble| trouble.contains("its process is stopped")),
        "{core}"
    );
    target.signal("core", Signal::SIGCONT)?;
    load.wait_for_progress(500).with_context(|| target.logs())?;
    load.finish()?.flawless().with_context(|| target.logs())?;
    target.stop()
}
