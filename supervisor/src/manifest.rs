//! The manifest: what shall run, what is served, to whom. A TOML file, read whole and checked whole before anything
//! starts.
//!
//! Trusts nothing in the file. `read` gets typed values out of TOML, `parse` knows the keys, `check` the cross
//! references, `files` looks at the media. What is made of a good manifest is in [`crate::plan`].

pub mod access;
pub mod names;
pub mod report;
pub mod units;

pub mod block_device;
mod check;
mod files;
mod parse;
mod read;
#[cfg(test)]
mod tests;

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use access::{AccessGroup, Alua};
use ipc::message::config::LunAddressing;
use report::{At, Report, Span};
use serde::{Deserialize, Serialize};

use crate::policy::Policy;

/// The largest manifest that is read, in bytes.
const MAX_BYTES: u64 = 4 << 20;

/// A manifest without errors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// `[supervisor]`
    pub settings: Settings,
    /// Every `[[service]]`, and those that are implied.
    pub services: Vec<Service>,
    /// Every `[[device]]`.
    pub devices: Vec<Device>,
    /// Every `[[target]]`.
    pub targets: Vec<Target>,
    /// `[alua]`, every `[[port_group]]` and every `[[device_group]]`.
    pub alua: Alua,
}

/// `[supervisor]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Where sockets, logs and the lock live; `--run-dir` wins over it.
    pub run_dir: Option<PathBuf>,
    /// Where services keep files that outlive a reboot; `--state-dir` wins over it.
    pub state_dir: Option<PathBuf>,
    /// How long commands are held while a service is away, before they fail (invariant I8).
    pub hold_limit: Duration,
    /// How long a service may show no heartbeat before it counts as hung and is killed.
    pub heartbeat_limit: Duration,
    /// How long a service may take to stop before it is killed.
    pub stop_limit: Duration,
    /// The size at which a log file is rotated, in bytes.
    pub log_size: u64,
    /// Where whatever manages this target can be reached, for initiators that want to show it.
    pub management_url: Option<String>,
}

/// What a service does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Kind {
    /// `core-svc`: the SCSI state that nexuses share.
    Core,
    /// `iscsi-svc`: a transport.
    Iscsi,
    /// `vdisk-svc`: a handler.
    Vdisk,
}

impl Kind {
    /// All kinds, in the order in which they are started.
    pub const ALL: [Kind; 3] = [Kind::Vdisk, Kind::Core, Kind::Iscsi];

    /// The word in the manifest.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Core => "core",
            Kind::Iscsi => "iscsi",
            Kind::Vdisk => "vdisk",
        }
    }

    /// The name of the executable.
    pub fn binary(self) -> &'static str {
        match self {
            Kind::Core => "core-svc",
            Kind::Iscsi => "iscsi-svc",
            Kind::Vdisk => "vdisk-svc",
        }
    }
}

/// `[[service]]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// What it does.
    pub kind: Kind,
    /// Its name in `status`, and of its log.
    pub name: At<String>,
    /// When it is restarted after a death.
    pub policy: Policy,
    /// How long it polls after the last work before it sleeps, in microseconds; 0 never polls.
    pub poll_us: u32,
    /// The CPUs it may run on; empty means all.
    pub cpus: Vec<u32>,
    /// The most descriptors it may have open.
    pub nofile: u64,
    /// The most address space it may use in bytes, if limited.
    pub address_space: Option<u64>,
    /// Filter of its log, in tracing's syntax.
    pub log: String,
    /// What only a transport has.
    pub transport: Transport,
    /// The size in bytes of the arena for EXTENDED COPY (core only).
    pub copy_arena: u64,
    /// Threads for I/O that would block (handlers only).
    pub workers: u32,
    /// Memory for data on its way that cannot go straight, in bytes (handlers only).
    pub buffers: u64,
}

/// The keys of a `[[service]]` that only a transport has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transport {
    /// The size of its arena in bytes.
    pub arena: u64,
    /// The most connections at a time.
    pub max_connections: u32,
    /// Commands that one session may have in flight.
    pub queue_depth: u32,
    /// Whole seconds of silence before it asks whether the initiator is still there; 0 never.
    pub nop_interval_s: u32,
}

/// `[[device]]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Its name, by which LUN maps refer to it.
    pub name: At<String>,
    /// The service that serves it.
    pub service: At<String>,
    /// Bytes per logical block.
    pub block_size: u32,
    /// Bytes per physical block: a power of two, at least `block_size`.
    pub physical_block_size: u32,
    /// True when `physical_block_size` was not given and may be what the medium says.
    pub physical_implied: bool,
    /// What else is told of the medium, and how it is used.
    pub traits: Traits,
    /// Initiators can give blocks back.
    pub thin: bool,
    /// True when the medium can be removed.
    pub removable: bool,
    /// True when writes are refused.
    pub read_only: bool,
    /// True when every write is on the medium before it is acknowledged: no volatile write cache.
    pub write_through: bool,
    /// The unit serial number; when absent one is derived from the machine and the name.
    pub serial: Option<String>,
    /// The T10 vendor identification, at most 8 characters.
    pub vendor: Option<String>,
    /// The product identification, at most 16 characters.
    pub product: Option<String>,
    /// The product revision level, at most 4 characters.
    pub revision: Option<String>,
    /// What initiators recognise the device by, besides of its serial number.
    pub identifiers: Identifiers,
    /// Commands that it may have.
    pub queue_depth: u32,
    /// Where the data is.
    pub backend: Backend,
    /// Where the device stands in the manifest.
    pub span: Span,
}

/// The keys of a `[[device]]` that say what its medium is like.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Traits {
    /// True when the medium spins; where the manifest is silent, what a block device says of itself.
    pub rotational: Option<bool>,
    /// Rotations a minute; 0 where nobody knows.
    pub rotation_rate: u16,
    /// True when the cache before the medium outlives a loss of power.
    pub nv_cache: bool,
    /// True when reads and writes move nothing.
    pub pretend: bool,
    /// The first logical block that begins a physical one.
    pub lowest_aligned: u16,
    /// The best transfer in bytes; 0 where nobody knows.
    pub opt_transfer: u32,
    /// The best transfers are multiples of this, in bytes; 0 where nobody knows.
    pub opt_granularity: u32,
    /// Hundredths of the file system that are free at the least before initiators are warned; 0 never.
    pub threshold: u8,
    /// Bytes that SANITIZE overwrites in a second at the most; 0: as many as it can.
    pub sanitize_rate: u64,
    /// True when the medium says that it has no volatile cache.
    pub cacheless: bool,
    /// True when the medium is a block device, of which `size` is what is served.
    pub on_block_device: bool,
}

/// The keys of a `[[device]]` that set what VPD page 83h tells. What is left out is derived or not there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identifiers {
    /// `naa_id`: 8 or 16 bytes.
    pub naa: Option<At<Vec<u8>>>,
    /// `eui64_id`: 8, 12 or 16 bytes.
    pub eui64: Option<At<Vec<u8>>>,
    /// `t10_dev_id`: what follows the vendor identification.
    pub t10: Option<At<String>>,
    /// `scsi_device_name`
    pub scsi_name: Option<At<String>>,
}

/// The table below a `[[device]]` that says where its data is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Backend {
    /// `[device.file]` and `[device.block]`
    File(FileBackend),
    /// `[device.null]`: reads are zeros, writes vanish.
    Null {
        /// Size in bytes.
        size: At<u64>,
    },
    /// `[device.fault]`
    Fault(FaultBackend),
    /// `[device.cdrom]`: a CD drive, and the image that is in it at the start.
    Cdrom(Option<FileBackend>),
}

/// `[device.file]` and `[device.block]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileBackend {
    /// The file or block device, absolute.
    pub path: At<PathBuf>,
    /// The bytes that the file has; required where it may have to be made. Of a block device, the bytes that are served.
    pub size: Option<At<u64>>,
    /// True when it has to be a block device.
    pub block: bool,
    /// True when the page cache is left out.
    pub direct: bool,
    /// True when a missing file is made, sparse and of `size` bytes.
    pub create: bool,
}

/// `[device.fault]`: a backend for tests that misbehaves on purpose. Counts are of reads and writes; 0 means never.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultBackend {
    /// The file that is wrapped; memory when absent.
    pub file: Option<FileBackend>,
    /// The size of the memory in bytes when no file is wrapped.
    pub size: At<u64>,
    /// How much later each I/O completes, in microseconds.
    pub delay_us: u32,
    /// Every how manyth I/O fails with an error of the host.
    pub fail_every: u32,
    /// Every how manyth I/O moves fewer bytes than asked for.
    pub short_every: u32,
    /// In the middle of which I/O after its start the process kills itself.
    pub die_at: u32,
}

/// `[[target]]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The iSCSI name (RFC 7143 4.2.7).
    pub name: At<String>,
    /// The TargetAlias for people.
    pub alias: Option<String>,
    /// The service that serves it.
    pub service: At<String>,
    /// Where it listens.
    pub portals: Vec<At<std::net::SocketAddr>>,
    /// The target portal group tag.
    pub tag: u16,
    /// Its relative target port identifier; when absent its place in the manifest.
    pub relative_port: Option<At<u16>>,
    /// Commands that all its sessions together may have; 0: no limit.
    pub queue_depth: u32,
    /// Commands that one session may have at one LUN; 0: no limit.
    pub lun_queue_depth: u32,
    /// How it writes LUNs.
    pub addressing: LunAddressing,
    /// The LUN map of initiators that are in no access group.
    pub luns: Vec<LunEntry>,
    /// Every `[[target.access_group]]`.
    pub access_groups: Vec<AccessGroup>,
}

impl Target {
    /// The entries of all its LUN maps.
    pub fn all_luns(&self) -> impl Iterator<Item = &LunEntry> {
        self.luns.iter().chain(self.access_groups.iter().flat_map(|group| &group.luns))
    }
}

/// One entry of a LUN map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LunEntry {
    /// The logical unit number that the initiator sees.
    pub lun: At<u16>,
    /// The name of the device.
    pub device: At<String>,
    /// True when writes through this entry are refused.
    pub read_only: bool,
}

impl Manifest {
    /// Reads and checks the manifest at `path`, and the media it names. Beside it come the warnings.
    ///
    /// # Errors
    /// Everything that is wrong, warnings included.
    pub fn load(path: &Path) -> Result<(Self, Report), Report> {
        let shown = path.display().to_string();
        let unreadable = |what: String| {
            let mut report = Report::new(shown.clone(), "");
            report.error(&(0..0), what, "name a manifest, or try `bulkhead demo`");
            report
        };
        let read = || {
            let mut text = String::new();
            std::fs::File::open(path)?.take(MAX_BYTES + 1).read_to_string(&mut text).map(|_| text)
        };
        let text = read().map_err(|e: std::io::Error| unreadable(format!("cannot be read: {e}")))?;
        if text.len() as u64 > MAX_BYTES {
            return Err(unreadable(format!("is too long: a manifest has at most {MAX_BYTES} bytes")));
        }
        let base = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let base = base.parent().unwrap_or(Path::new("/")).to_owned();
        Self::load_text(&shown, &text, &base)
    }

    /// The same for a manifest that is `text`. `file` is how messages call it; relative paths count from `base`.
    ///
    /// # Errors
    /// Everything that is wrong, warnings included.
    pub fn load_text(file: &str, text: &str, base: &Path) -> Result<(Self, Report), Report> {
        let (mut manifest, mut report) = Self::parse(file, text, base)?;
        files::check(&manifest, &mut report);
        files::learn(&mut manifest);
        if report.has_errors() { Err(report) } else { Ok((manifest, report)) }
    }

    /// Reads a manifest from `text` without a look at the media; see [`Manifest::load_text`].
    ///
    /// # Errors
    /// Everything that is wrong, warnings included.
    pub fn parse(file: &str, text: &str, base: &Path) -> Result<(Self, Report), Report> {
        let mut report = Report::new(file, text);
        let manifest = parse::manifest(text, base, &mut report);
        check::cross_references(&manifest, &mut report);
        if report.has_errors() { Err(report) } else { Ok((manifest, report)) }
    }
}
