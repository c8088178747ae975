//! What the cases share: one guest, one target on the host, and the guest's sessions with it, made by whoever needs
//! them first.

use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context, bail, ensure};
use harness::manifest::{Manifest, SECOND, TARGET};
use harness::suite::Skipped;
use harness::target::Target;

use crate::guest::{self, Guest, HOST};

/// A guest that is logged in to a target by two paths.
pub struct Bench {
    /// The guest.
    pub guest: Guest,
    /// The target on the host.
    pub target: Target,
}

/// The only one, or why there is none: what could not be started once is not tried again.
static BENCH: Mutex<Option<Result<Bench, String>>> = Mutex::new(None);

/// The units, by LUN.
pub const DISK: usize = 0;
/// Blocks of 4096 bytes.
pub const LARGE: usize = 1;
/// The one whose size changes.
pub const GROWING: usize = 2;
/// The one that gives space back.
pub const THIN: usize = 3;
/// A CD drive, empty at first.
pub const DRIVE: usize = 4;
const LUNS: usize = 5;

/// Runs a case on it.
///
/// # Errors
/// There can be no guest here ([`Skipped`]), it does not come up, or the case fails.
pub fn with(case: impl FnOnce(&mut Bench) -> anyhow::Result<()>) -> anyhow::Result<()> {
    if let Some(reason) = guest::missing() {
        bail!(Skipped(reason));
    }
    let mut bench = lock();
    let made = bench.get_or_insert_with(|| Bench::start().map_err(|error| format!("{error:#}")));
    match made {
        Ok(bench) => bench.quiet().and_then(|()| case(bench)).with_context(|| bench.target.logs()),
        Err(error) => bail!("there is no guest: {error}"),
    }
}

/// Ends the guest, then the target.
///
/// # Errors
/// The target does not end well.
pub fn end() -> anyhow::Result<()> {
    match lock().take() {
        Some(Ok(Bench { guest, target })) => {
            drop(guest);
            target.stop()
        }
        _ => Ok(()),
    }
}

fn lock() -> MutexGuard<'static, Option<Result<Bench, String>>> {
    BENCH.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The device node of a unit by its first path.
fn disk(target: &Target, lun: usize) -> String {
    by_path(target, TARGET, lun)
}

/// The same by its second path.
fn second(target: &Target, lun: usize) -> String {
    by_path(target, SECOND, lun)
}

fn by_path(target: &Target, name: &str, lun: usize) -> String {
    format!("/dev/disk/by-path/ip-{HOST}:{}-iscsi-{name}-lun-{lun}", target.portal.port())
}

impl Bench {
    fn start() -> anyhow::Result<Self> {
        let manifest = Manifest::default()
            .port_groups()
            .file("disk", 256, "")
            .file("large", 64, "block_size = 4096")
            .file("growing", 64, "")
            .file("thin", 64, "thin = true")
            .device("drive", "cdrom = {}");
        let target = Target::start(&manifest)?;
        let mut guest = Guest::boot()?;
        log_in(&mut guest, &target)?;
        Ok(Self { guest, target })
    }

    /// Takes what the units still have to tell because of the case before: utilities show it instead of an answer. (A
    /// drive without a disc is never ready.)
    fn quiet(&mut self) -> anyhow::Result<()> {
        let script =
            "for node in /dev/sg*; do for n in 1 2 3 4; do if sg_turs $node; then break; fi; done; done";
        self.guest.must(script).map(drop)
    }

    /// Runs a script in which `$DISK` is a unit and `$SECOND` the same unit by the other path.
    ///
    /// # Errors
    /// It fails.
    pub fn on(&mut self, lun: usize, script: &str) -> anyhow::Result<String> {
        let (one, two) = (disk(&self.target, lun), second(&self.target, lun));
        self.guest.must(&format!("DISK={one}\nSECOND={two}\n{script}"))
    }

    /// The same with two units: `$OTHER` is another unit by the first path.
    ///
    /// # Errors
    /// It fails.
    pub fn on_two(&mut self, lun: usize, other: usize, script: &str) -> anyhow::Result<String> {
        let other = disk(&self.target, other);
        self.on(lun, &format!("OTHER={other}\n{script}"))
    }

    /// The same as [`Self::on`]; what it says must have all of `expected` in it.
    ///
    /// # Errors
    /// It fails, or says something else.
    pub fn says(&mut self, lun: usize, script: &str, expected: &[&str]) -> anyhow::Result<String> {
        let said = self.on(lun, script)?;
        for text in expected {
            ensure!(said.contains(text), "{script}: {text:?} is not in what it said:\n{said}");
        }
        Ok(said)
    }
}

/// Logs in by both paths and waits for the disks. The records are static: a discovery would tell addresses that the
/// guest cannot reach.
fn log_in(guest: &mut Guest, target: &Target) -> anyhow::Result<()> {
    let port = target.portal.port();
    for name in [TARGET, SECOND] {
        guest.must(&format!(
            "iscsiadm -m node -o new -T {name} -p {HOST}:{port},1
             iscsiadm -m node -T {name} -p {HOST}:{port} -o update -n node.session.timeo.replacement_timeout -v 20
             iscsiadm -m node -T {name} -p {HOST}:{port} --login
             udevadm settle --timeout=60"
        ))?;
    }
    for lun in 0..LUNS {
        let nodes = format!("{} {}", disk(target, lun), second(target, lun));
        guest.must(&format!(
            "for node in {nodes}; do n=0; until [ -b $node ]; do sleep 0.1; n=$((n+1)); [ $n -lt 300 ]; done; done"
        ))?;
    }
    Ok(())
}
