//! Whether the load notices what it is there to notice: damage, errors of the host, I/O that moves too little.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;

use anyhow::ensure;
use harness::load::{Load, Plan};
use harness::manifest::Manifest;
use harness::target::Target;

/// Bytes that somebody else has written to the image are found.
pub fn damage() -> anyhow::Result<()> {
    let target = Target::start(&Manifest::usual(16))?;
    let load = Load::start(Plan { mib: 16, ..Plan::usual(target.portal, 1) })?;
    load.wait_for_progress(500)?;
    let image = OpenOptions::new().write(true).open(target.image("disk0"))?;
    image.write_all_at(&vec![0xa5; 4 << 20], 4 << 20)?;
    let report = load.finish()?;
    println!("{} wrong bytes found", report.wrong_bytes);
    ensure!(report.flawless().is_err() && report.wrong_bytes > 1 << 20, "{} wrong bytes", report.wrong_bytes);
    target.stop()
}

/// An error of the host never becomes GOOD: as many commands fail as I/Os did, with MEDIUM ERROR.
pub fn errors_of_the_host() -> anyhow::Result<()> {
    let bad = "[device.fault]\nsize = \"16MiB\"\nfail_every = 40";
    let target = Target::start(&Manifest::default().device("bad", bad))?;
    let load = Load::start(Plan { mib: 16, ..Plan::usual(target.portal, 1) })?;
    load.wait_for_progress(1000)?;
    let report = load.finish()?;
    let done = report.completions.len();
    println!("{} of {} commands failed", report.errors.len(), done + report.errors.len());
    ensure!(report.errors.len() * 45 >= done, "errors became GOOD: {} of {done}", report.errors.len());
    let other = report.errors.iter().find(|error| !error.contains("sense Some((03,"));
    ensure!(other.is_none(), "{other:?}");
    ensure!(report.wrong_bytes == 0, "{} wrong bytes", report.wrong_bytes);
    target.stop()
}

/// I/O that moves half of its bytes at first is finished, not shortened.
pub fn short_io() -> anyhow::Result<()> {
    let bad = "[device.fault]\nsize = \"16MiB\"\nshort_every = 3\ndelay_us = 200";
    let target = Target::start(&Manifest::default().device("bad", bad))?;
    let load = Load::start(Plan { mib: 16, ..Plan::usual(target.portal, 1) })?;
    load.wait_for_progress(1000)?;
    load.finish()?.flawless()?;
    target.stop()
}
