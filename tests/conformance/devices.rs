//! The units that libiscsi's suite is run against: one target with every kind of disk, each reachable in two ways.

use std::fs::File;
use std::hash::{DefaultHasher, Hasher};
use std::io::{Read, Write};
use std::path::PathBuf;

use anyhow::{Context, bail, ensure};
use harness::initiator::login::Login;
use harness::initiator::task::Command;
use harness::loop_device::LoopDevice;
use harness::manifest::Manifest;
use harness::random::Random;
use harness::suite::Skipped;
use harness::target::Target;
use tempfile::TempDir;

/// A unit under test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Device {
    /// A disk with blocks of 512 bytes.
    Thin,
    /// A disk with blocks of 4096 bytes.
    Large,
    /// A disk with a removable medium.
    Removable,
    /// A disk that the manifest makes read-only.
    ReadOnly,
    /// A disk that an initiator has protected: SWP is one, and saved.
    Protected,
    /// A disk on a block device, past the page cache.
    Block,
}

impl Device {
    /// All of them, by LUN. What needs a loop device is last, so that a target without it has the same LUNs.
    pub const ALL: [Device; 6] =
        [Device::Thin, Device::Large, Device::Removable, Device::ReadOnly, Device::Protected, Device::Block];

    /// Its name in the manifest.
    pub fn name(self) -> &'static str {
        match self {
            Device::Thin => "thin",
            Device::Large => "large",
            Device::Removable => "removable",
            Device::ReadOnly => "read-only",
            Device::Protected => "protected",
            Device::Block => "block",
        }
    }

    /// When a write must not reach the medium: the additional sense code of its refusal, WRITE PROTECTED or LOGICAL UNIT
    /// SOFTWARE WRITE PROTECTED, as the suite prints it.
    pub fn protected(self) -> Option<&'static str> {
        match self {
            Device::ReadOnly => Some("(0x2700)"),
            Device::Protected => Some("(0x2702)"),
            _ => None,
        }
    }

    /// What makes it what it is, in the manifest.
    fn keys(self) -> &'static str {
        match self {
            Device::Thin | Device::Protected => "",
            // Several logical blocks in a physical one, so that nothing need be skipped for want of an unaligned range.
            Device::Large => "block_size = 4096\nphysical_block_size = 16384",
            Device::Block => "physical_block_size = 4096",
            Device::Removable => "removable = true",
            Device::ReadOnly => "read_only = true",
        }
    }
}

/// The size of each. The suite writes the first few thousand blocks and the last ones; SANITIZE writes all.
const MIB: u64 = 256;

/// The media, and the target that serves them. Fields are dropped in this order: the target lets go of the loop device
/// before it is detached.
pub struct Units {
    /// The running target.
    pub target: Target,
    looped: Result<LoopDevice, String>,
    media: TempDir,
}

impl Units {
    /// Makes media with something on them, and starts the target.
    ///
    /// # Errors
    /// It does not start, or `device` is not possible here ([`Skipped`]).
    pub fn start(device: Device) -> anyhow::Result<Self> {
        let media = tempfile::Builder::new().prefix("bulkhead-media-").tempdir()?;
        let content = Random::printed("media").bytes(1 << 20);
        for device in Device::ALL {
            let mut file = File::create(media.path().join(device.name()))?;
            file.write_all(&content)?;
            file.set_len(MIB << 20)?;
        }
        let looped = LoopDevice::attach(&media.path().join(Device::Block.name()));
        let mut manifest = Manifest::default().port_groups();
        for device in Device::ALL {
            let path = match (device, &looped) {
                (Device::Block, Ok(looped)) => looped.path.clone(),
                (Device::Block, Err(_)) => continue,
                _ => media.path().join(device.name()),
            };
            let backend = if device == Device::Block { "block" } else { "file" };
            let rest = format!("thin = true\n{}\n[device.{backend}]\npath = {path:?}", device.keys());
            manifest = manifest.device(device.name(), &rest);
        }
        if let (Device::Block, Err(reason)) = (device, &looped) {
            bail!(Skipped(reason.clone()));
        }
        Ok(Self { target: Target::start(&manifest)?, looped, media })
    }

    /// The two URLs of a unit.
    ///
    /// # Errors
    /// There is no such unit.
    pub fn paths(&self, device: Device) -> anyhow::Result<[String; 2]> {
        let lun = Device::ALL.iter().position(|it| *it == device).context("no such unit")?;
        Ok([self.target.url(lun), self.target.second_url(lun)])
    }

    /// Protects a unit as an initiator does: SWP of the Control mode page, saved so that it outlives the resets of the suite.
    ///
    /// # Errors
    /// MODE SENSE or MODE SELECT fails.
    pub fn protect(&self, device: Device) -> anyhow::Result<()> {
        let lun = u16::try_from(Device::ALL.iter().position(|it| *it == device).context("no such unit")?)?;
        let mut session = Login::normal(7).session(self.target.portal)?;
        session.clear_unit_attentions(lun)?;
        let sensed = session.execute(Command::read(lun, &[0x1a, 0x08, 0x0a, 0, 16, 0], 16))?;
        ensure!(sensed.status == 0 && sensed.data.len() == 16, "MODE SENSE: {sensed:?}");
        // The header is reserved in MODE SELECT, and so is PS of the page; SWP is bit 3 of its byte 4.
        let mut list = [vec![0; 4], sensed.data[4..].to_vec()].concat();
        list[4] &= 0x7f;
        list[4 + 4] |= 0x08;
        let selected = session.execute(Command::write(lun, &[0x15, 0x11, 0, 0, 16, 0], list))?;
        ensure!(selected.status == 0, "MODE SELECT: {selected:?}");
        session.logout()
    }

    /// A number that changes with the content of a medium.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn fingerprint(&self, device: Device) -> anyhow::Result<u64> {
        let mut file = File::open(self.medium(device))?;
        let (mut hasher, mut buffer) = (DefaultHasher::new(), vec![0; 1 << 20]);
        loop {
            match file.read(&mut buffer)? {
                0 => return Ok(hasher.finish()),
                read => hasher.write(&buffer[..read]),
            }
        }
    }

    fn medium(&self, device: Device) -> PathBuf {
        match (device, &self.looped) {
            (Device::Block, Ok(looped)) => looped.path.clone(),
            _ => self.media.path().join(device.name()),
        }
    }
}
