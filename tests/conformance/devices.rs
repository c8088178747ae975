//! The units that libiscsi's suite is run against: every kind of disk, each on a target of its own and reachable in two ways.

use std::fs::File;
use std::hash::{DefaultHasher, Hasher};
use std::io::{Read, Write};
use std::path::PathBuf;

use anyhow::ensure;
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
    /// A disk with several logical blocks in a physical one.
    Physical,
}

impl Device {
    /// Those that the whole suite is run against.
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
            Device::Physical => "physical",
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
            Device::Thin | Device::Protected | Device::Block => "physical_block_size = 512",
            Device::Large => "block_size = 4096\nphysical_block_size = 4096",
            Device::Removable => "physical_block_size = 512\nremovable = true",
            Device::ReadOnly => "physical_block_size = 512\nread_only = true",
            Device::Physical => "block_size = 4096\nphysical_block_size = 16384",
        }
    }
}

/// The size of each. The suite writes the first few thousand blocks and the last ones; SANITIZE writes all.
const MIB: u64 = 64;

/// A key of the manifest by which a SANITIZE is under way still when libiscsi looks, four seconds after it began it.
pub const SLOW_SANITIZE: &str = "sanitize_rate = \"8MiB\"";

/// libiscsi answers nothing while one of its tests sleeps for a minute.
const NO_PINGS: &str = "nop_interval = \"0s\"";

/// The logical unit number of the unit under test.
const LUN: u16 = 1;

/// A unit's medium, and the target that serves it. Fields are dropped in this order: the target lets go of the loop device
/// before it is detached.
pub struct Units {
    /// The running target.
    pub target: Target,
    medium: PathBuf,
    _looped: Option<LoopDevice>,
    _media: TempDir,
}

impl Units {
    /// Makes a medium with something on it, and starts the target; `keys` are further keys of the device.
    ///
    /// # Errors
    /// It does not start, or `device` is not possible here ([`Skipped`]).
    pub fn start(device: Device, keys: &str) -> anyhow::Result<Self> {
        let media = tempfile::Builder::new().prefix("bulkhead-media-").tempdir()?;
        let content = Random::printed("media").bytes(1 << 20);
        let file = media.path().join(device.name());
        let mut written = File::create(&file)?;
        written.write_all(&content)?;
        written.set_len(MIB << 20)?;
        let block = device == Device::Block;
        let looped = block.then(|| LoopDevice::attach(&file).map_err(Skipped)).transpose()?;
        let medium = looped.as_ref().map_or(&file, |looped| &looped.path);
        let backend = if block { "block" } else { "file" };
        let rest = format!("thin = true\n{}\n{keys}\n[device.{backend}]\npath = {medium:?}", device.keys());
        // Before it there is a unit of another kind, so that it matters which one a command is sent to.
        let manifest = Manifest::default()
            .port_groups()
            .service("iscsi", NO_PINGS)
            .device("null", "[device.null]\nsize = \"1GiB\"");
        let manifest = manifest.device(device.name(), &rest);
        let medium = medium.clone();
        Ok(Self { target: Target::start(&manifest)?, medium, _looped: looped, _media: media })
    }

    /// The two URLs of the unit.
    pub fn paths(&self) -> [String; 2] {
        [self.target.url(usize::from(LUN)), self.target.second_url(usize::from(LUN))]
    }

    /// Protects the unit as an initiator does: SWP of the Control mode page, saved so that it outlives the resets of the suite.
    ///
    /// # Errors
    /// MODE SENSE or MODE SELECT fails.
    pub fn protect(&self) -> anyhow::Result<()> {
        let mut session = Login::normal(7).session(self.target.portal)?;
        session.clear_unit_attentions(LUN)?;
        let sensed = session.execute(Command::read(LUN, &[0x1a, 0x08, 0x0a, 0, 16, 0], 16))?;
        ensure!(sensed.status == 0 && sensed.data.len() == 16, "MODE SENSE: {sensed:?}");
        // The header is reserved in MODE SELECT, and so is PS of the page; SWP is bit 3 of its byte 4.
        let mut list = [vec![0; 4], sensed.data[4..].to_vec()].concat();
        list[4] &= 0x7f;
        list[4 + 4] |= 0x08;
        let selected = session.execute(Command::write(LUN, &[0x15, 0x11, 0, 0, 16, 0], list))?;
        ensure!(selected.status == 0, "MODE SELECT: {selected:?}");
        session.logout()
    }

    /// A number that changes with the content of the medium.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn fingerprint(&self) -> anyhow::Result<u64> {
        let mut file = File::open(&self.medium)?;
        let (mut hasher, mut buffer) = (DefaultHasher::new(), vec![0; 1 << 20]);
        loop {
            match file.read(&mut buffer)? {
                0 => return Ok(hasher.finish()),
                read => hasher.write(&buffer[..read]),
            }
        }
    }
}
