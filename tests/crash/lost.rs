//! Data that the host loses after it has acknowledged it: initiators are told, by a deferred error, and no sync is GOOD after
//! that; also when nobody has asked for a sync, and when the handler dies before it could hear of it.
//!
//! The medium is a loop device over a file that its own file system has no room for: writes into the page cache succeed, and
//! writing them back fails.

use std::fs::File;
use std::time::Duration;

use anyhow::{Context, ensure};
use harness::clients;
use harness::deadline;
use harness::initiator::cdb::write10;
use harness::initiator::login::Login;
use harness::initiator::session::Session;
use harness::initiator::task::{Command, Done};
use harness::loop_device::LoopDevice;
use harness::manifest::Manifest;
use harness::small_fs::SmallFs;
use harness::suite::Skipped;
use harness::target::Target;
use nix::sys::signal::Signal;
use tempfile::TempDir;

const TEST_UNIT_READY: [u8; 6] = [0; 6];
const SYNCHRONIZE_CACHE_10: [u8; 10] = [0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0];
/// MEDIUM ERROR, WRITE ERROR; the response code says whether it is deferred.
const LOST: (u8, u8, u8) = (3, 0x0C, 0x00);
const CURRENT: u8 = 0x70;
const DEFERRED: u8 = 0x71;

/// A target with such a medium. Fields are dropped in this order.
struct Losing {
    session: Session,
    target: Target,
    looped: LoopDevice,
    _small: SmallFs,
    _dir: TempDir,
}

impl Losing {
    /// Has written 8 MiB, of which most can never reach the medium, and heard GOOD.
    fn written() -> anyhow::Result<Self> {
        let dir = tempfile::Builder::new().prefix("bulkhead-small-").tempdir()?;
        let small = SmallFs::tmpfs(&dir.path().join("small"), 1)?;
        let file = small.path().join("disk.img");
        File::create(&file)?.set_len(16 << 20)?;
        let looped = LoopDevice::attach(&file).map_err(Skipped)?;
        let backend = format!("[device.file]\npath = {:?}", looped.path);
        let target = Target::start(&Manifest::default().device("disk0", &backend))?;
        let mut session = Login::normal(1).session(target.portal)?;
        session.clear_unit_attentions(0)?;
        for megabyte in 0..8 {
            let write = Command::write(0, &write10(megabyte << 11, 1 << 11), vec![0x5A; 1 << 20]);
            ensure!(session.execute(write)?.status == 0, "it goes into the page cache");
        }
        Ok(Self { session, target, looped, _small: small, _dir: dir })
    }

    /// Has the kernel write back what it can, as it would at some time by itself.
    fn write_back(&self) -> anyhow::Result<()> {
        let synced = clients::run("sync", &[&self.looped.path.display().to_string()])?;
        ensure!(!synced.status.success(), "the file system was to be too small");
        Ok(())
    }

    fn ready(&mut self) -> anyhow::Result<Done> {
        self.session.execute(Command::none(0, &TEST_UNIT_READY))
    }

    /// From now on as another initiator would.
    fn log_in_as(&mut self, initiator: u16) -> anyhow::Result<()> {
        self.session = Login::normal(initiator).session(self.target.portal)?;
        Ok(())
    }

    /// No sync is GOOD, and it is no deferred error that says so.
    fn sync_fails(&mut self) -> anyhow::Result<()> {
        let sync = self.session.execute(Command::none(0, &SYNCHRONIZE_CACHE_10))?;
        ensure!(sync.sense_code() == Some(LOST) && sync.sense[0] == CURRENT, "{sync:?}");
        Ok(())
    }

    /// The nexus is told, once.
    fn is_told(&mut self) -> anyhow::Result<()> {
        let told = deadline::wait_for("the loss to be told", Duration::from_secs(20), || {
            let done = self.ready()?;
            Ok((done.status != 0 && !done.is_unit_attention()).then_some(done))
        });
        let told = told.with_context(|| self.target.logs())?;
        ensure!(told.sense_code() == Some(LOST) && told.sense[0] == DEFERRED, "{told:?}");
        ensure!(self.ready()?.status == 0, "told twice");
        Ok(())
    }
}

/// Nobody syncs. The loss outlives the handler, and who has heard of it is not told again.
pub fn unasked() -> anyhow::Result<()> {
    let mut losing = Losing::written()?;
    losing.write_back()?;
    losing.is_told()?;
    losing.sync_fails()?;
    let before = losing.target.signal("vdisk", Signal::SIGKILL)?.restarts;
    losing.target.wait_restarted("vdisk", before)?;
    ensure!(losing.ready()?.status == 0, "told again");
    losing.sync_fails()?;
    losing.log_in_as(2)?;
    losing.is_told()?;
    losing.sync_fails()
}

/// The handler dies before it could hear of the loss, and the kernel does not tell it to whoever opens the medium after that.
pub fn unheard() -> anyhow::Result<()> {
    let mut losing = Losing::written()?;
    losing.target.signal("vdisk", Signal::SIGSTOP)?;
    losing.write_back()?;
    let before = losing.target.signal("vdisk", Signal::SIGKILL)?.restarts;
    losing.target.wait_restarted("vdisk", before)?;
    losing.is_told()?;
    losing.sync_fails()
}
