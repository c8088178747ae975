//! The units that libiscsi's suite is run against: one target with every kind of disk, each reachable in two ways.

use std::fs::File;
use std::hash::{DefaultHasher, Hasher};
use std::io::{Read, Write};
use std::path::PathBuf;

use anyhow::{Context, bail};
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
    /// A disk on a block device, past the page cache.
    Block,
}

impl Device {
    /// All of them, by LUN. What needs a loop device is last, so that a target without it has the same LUNs.
    pub const ALL: [Device; 5] =
        [Device::Thin, Device::Large, Device::Removable, Device::ReadOnly, Device::Block];

    /// Its name in the manifest.
    pub fn name(self) -> &'static str {
        match self {
            Device::Thin => "thin",
            Device::Large => "large",
            Device::Removable => "removable",
            Device::ReadOnly => "read-only",
            Device::Block => "block",
        }
    }

    /// True when a write must not reach the medium.
    pub fn protected(self) -> bool {
        self == Device::ReadOnly
    }

    /// What makes it what it is, in the manifest.
    fn keys(self) -> &'static str {
        match self {
            Device::Thin => "",
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
