//! What the flight recorders tell after a death: who died of what, and the last commands, whatever died and by which signal.

use anyhow::{Context, ensure};
use harness::load::{Load, Plan};
use harness::manifest::Manifest;
use harness::target::Target;
use nix::sys::signal::Signal;
use serde_json::Value;

/// Every service is killed under load, and its post-mortem names what it did last.
pub fn names_the_last_commands() -> anyhow::Result<()> {
    let target = Target::start(&Manifest::usual(64))?;
    let load = Load::start(Plan::usual(target.portal, 5))?;
    let signals = [("vdisk", Signal::SIGKILL), ("core", Signal::SIGABRT), ("iscsi", Signal::SIGTRAP)];
    for (service, signal) in signals {
        load.wait_for_progress(500).with_context(|| target.logs())?;
        let before = target.signal(service, signal)?;
        target.wait_restarted(service, before.restarts)?;
        // The successor works, and what its predecessor left is still there.
        load.wait_for_progress(500).with_context(|| target.logs())?;
        let output = target.bulkhead(&["post-mortem", service, "--json", "-n", "1000"])?;
        ensure!(output.status.success(), "{output:?}");
        let told: Value = serde_json::from_slice(&output.stdout)?;
        let cause = told["death"]["cause"].as_str().unwrap_or_default();
        ensure!(cause == format!("killed by {signal}"), "{service}: {cause}");
        ensure!(told["pid"].as_u64() == before.pid.map(u64::from), "{service}: another's recording: {told}");
        let last = told["last"].as_array().context("no records")?;
        let named = |line: &&Value| {
            let name = line["command"].as_str().unwrap_or_default();
            name.starts_with("READ(") || name.starts_with("WRITE(")
        };
        let commands = last.iter().filter(named).count();
        println!("{service}: {cause}; {} records, {commands} of them commands", last.len());
        ensure!(
            last.len() >= 500 && commands >= 100,
            "{service}: {} records, {commands} commands",
            last.len()
        );
    }
    load.finish()?.flawless().with_context(|| target.logs())?;
    target.stop()
}
