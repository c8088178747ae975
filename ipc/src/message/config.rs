//! What the manifest says to each service, piece by piece: one item is one grant, so that a later change of one item
//! is one more message and not a new start.
//!
//! Numbers: a service, a target, a unit and a portal have an index that the supervisor assigns and that stays the same
//! for the supervisor's life; records in rings carry these numbers.

use serde::{Deserialize, Serialize};

/// What kind of service a process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ServiceKind {
    /// The SCSI core.
    Core,
    /// The iSCSI transport.
    Iscsi,
    /// The virtual-disk handler.
    Vdisk,
}

/// What every service is told first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceConfig {
    /// This service's index; also the number of its arena.
    pub service: u32,
    /// Its name in the manifest.
    pub name: String,
    /// How many times it has been started before under this supervisor.
    pub incarnation: u64,
    /// How long it polls after the last work before it sleeps, in microseconds; 0 is never.
    pub poll_us: u32,
    /// Commands for a peer that is being restarted fail after this time, in milliseconds.
    pub hold_ms: u32,
    /// Filter of the log, in tracing's syntax.
    pub log: String,
    /// iSCSI: most connections at a time; 0 elsewhere.
    pub max_connections: u32,
    /// iSCSI: seconds of silence before a NOP-In is sent, 0 never.
    pub nop_interval_s: u32,
    /// iSCSI: commands that one session may have in flight (the CmdSN window).
    pub queue_depth: u32,
    /// Handlers: threads for I/O that would block.
    pub workers: u32,
    /// Handlers: bytes of memory of their own for data on its way; what needs more waits.
    pub buffers: u64,
}

/// A target: to the core with its LUN map, to its transport for its names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetConfig {
    /// The target's index.
    pub target: u32,
    /// Its name: an iSCSI name for an iSCSI target.
    pub name: String,
    /// Its alias, possibly empty.
    pub alias: String,
    /// The transport service that it is reached by.
    pub transport: u32,
    /// Target portal group tag.
    pub portal_group: u16,
    /// Relative target port identifier: unique among the targets of a manifest, from 1.
    pub relative_port: u16,
    /// Identifier of the target port group (ALUA) that its port belongs to.
    pub port_group: u16,
    /// Portals of the group, by index.
    pub portals: Vec<u32>,
    /// How LUNs are written when it reports them.
    pub addressing: LunAddressing,
    /// Commands that all its sessions together may have; 0: no limit of its own.
    pub queue_depth: u32,
    /// Commands that one session may have at one LUN; 0: no limit of its own.
    pub lun_queue_depth: u32,
    /// What initiators see that are in no access group of it.
    pub luns: Vec<LunConfig>,
}

/// One entry of a LUN map.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LunConfig {
    /// Logical unit number.
    pub lun: u16,
    /// The unit.
    pub unit: u32,
    /// Writes through this entry are refused with DATA PROTECT, whatever the unit allows.
    pub read_only: bool,
}

/// How a target writes LUNs (SAM-5 4.7). Numbers past 255 are in flat space addressing at the least.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum LunAddressing {
    /// Peripheral device addressing.
    #[default]
    Peripheral,
    /// Flat space addressing.
    Flat,
    /// Logical unit addressing.
    LogicalUnit,
}

/// Initiators that see a LUN map of their own at a target. To the core, after the target.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessGroupConfig {
    /// The target's index.
    pub target: u32,
    /// The group's name in the manifest.
    pub name: String,
    /// Names of initiators in lower case; `*` stands for any characters, `?` for one.
    pub initiators: Vec<String>,
    /// What they see.
    pub luns: Vec<LunConfig>,
}

/// How the asymmetric access states of units may change, as TPGS of INQUIRY data says it (SPC-4 6.6.2).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum AccessManagement {
    /// There are no such states: every port is as good as any other.
    #[default]
    None,
    /// The administrator changes them.
    Implicit,
    /// Initiators change them by SET TARGET PORT GROUPS.
    Explicit,
    /// Both do.
    Both,
}

/// Asymmetric access state of a target port group (SPC-4 5.15.2.4).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum AccessState {
    /// Active/optimized.
    #[default]
    Active,
    /// Active/non-optimized.
    NonOptimized,
    /// Standby.
    Standby,
    /// Unavailable.
    Unavailable,
    /// Offline.
    Offline,
    /// Transitioning between states.
    Transitioning,
}

/// A target port group. To the core.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortGroupConfig {
    /// Its identifier, from 1.
    pub id: u16,
    /// Its name in the manifest.
    pub name: String,
    /// Relative identifiers of ports of it that are on other machines: they are reported and nothing else.
    pub remote_ports: Vec<u16>,
}

/// Units that share their asymmetric access states. To the core, before the units.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceGroupConfig {
    /// Its index: 0 is of the units for which the manifest names none.
    pub group: u32,
    /// Its name in the manifest.
    pub name: String,
    /// How the states may change.
    pub management: AccessManagement,
    /// For each target port group, by its identifier, the state to begin with and whether it is preferred.
    pub states: Vec<(u16, AccessState, bool)>,
}

/// The names by which initiators recognise a logical unit (SPC-4 7.8.6), whatever port they reach it through.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitNames {
    /// NAA identifier, 8 or 16 bytes.
    pub naa: Vec<u8>,
    /// EUI-64 based identifier of 8, 12 or 16 bytes; empty for none.
    pub eui64: Vec<u8>,
    /// T10 vendor identification, padded to 8 bytes, with the vendor's own identifier of the unit behind it.
    pub t10: String,
    /// SCSI name string; empty for none.
    pub scsi_name: String,
}

/// A logical unit as the core needs it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitConfig {
    /// The unit's index.
    pub unit: u32,
    /// The device's name in the manifest.
    pub name: String,
    /// The handler service that executes its commands.
    pub handler: u32,
    /// Index of the device group whose asymmetric access states it shares.
    pub device_group: u32,
    /// Commands that it may have, of all sessions together; 0: no limit of its own.
    pub queue_depth: u32,
    /// Its names.
    pub names: UnitNames,
}

/// A listening socket.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortalConfig {
    /// The portal's index.
    pub portal: u32,
    /// The address as SendTargets shows it: `192.0.2.1:3260`, `[2001:db8::1]:3260`.
    pub address: String,
}

/// What a virtual disk is made of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum BackendConfig {
    /// A file or block device: one descriptor comes with the grant.
    #[default]
    File,
    /// Nothing: reads are zeros, writes are forgotten. `bytes` is the size.
    Null {
        /// Size in bytes.
        bytes: u64,
    },
    /// A file that misbehaves, for tests: one descriptor comes with the grant.
    Fault(FaultConfig),
}

/// How a fault device misbehaves. A count of 0 switches that fault off.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultConfig {
    /// Every I/O takes this much longer, in microseconds.
    pub delay_us: u32,
    /// Every so-many-th I/O fails with EIO.
    pub fail_every: u32,
    /// Every so-many-th I/O moves only half of its bytes at the first try.
    pub short_every: u32,
    /// The process kills itself in the middle of this I/O since its start.
    pub die_at: u32,
}

/// What is to become of a device while it is served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeviceChange {
    /// Another medium takes the place of the one that is there, if one is: its descriptor comes with the grant, opened
    /// and locked for the service alone.
    Insert {
        /// [`DeviceConfig::medium_generation`] from then on.
        generation: u32,
        /// [`DeviceConfig::cacheless`] of the new medium.
        cacheless: bool,
        /// Even while initiators prevent removal.
        force: bool,
    },
    /// The medium is taken out.
    Eject {
        /// Even while initiators prevent removal.
        force: bool,
    },
    /// The size is read again, after (with `bytes`) the medium has been given this one.
    Resize {
        /// The new size in bytes.
        bytes: Option<u64>,
    },
}

/// A target port through which a unit can be reached.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortName {
    /// Relative target port identifier, from 1.
    pub relative: u16,
    /// Identifier of its target port group.
    pub group: u16,
    /// PROTOCOL IDENTIFIER (SPC-4 7.6.1): 5 is iSCSI.
    pub protocol: u8,
    /// SCSI name of the target device, as `iqn.2026-11.org.example:disks`.
    pub device: String,
    /// SCSI name of the port, as `iqn.2026-11.org.example:disks,t,0x0001`.
    pub port: String,
}

/// A virtual disk.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceConfig {
    /// The unit's index.
    pub unit: u32,
    /// The device's name in the manifest.
    pub name: String,
    /// The medium.
    pub backend: BackendConfig,
    /// Logical block size in bytes, a power of two from 512 to 65536.
    pub block_size: u32,
    /// Exponent of physical block size over logical block size.
    pub physical_exponent: u8,
    /// Writes are refused with DATA PROTECT.
    pub read_only: bool,
    /// Every write is on the medium before it is answered (WCE 0).
    pub write_through: bool,
    /// The medium spins.
    pub rotational: bool,
    /// Blocks can be given back to the medium (thin provisioning).
    pub thin: bool,
    /// The medium can be removed.
    pub removable: bool,
    /// It is a CD drive.
    pub cdrom: bool,
    /// T10 vendor identification, at most 8 ASCII bytes.
    pub vendor: String,
    /// Product identification, at most 16 ASCII bytes.
    pub product: String,
    /// Product revision level, at most 4 ASCII bytes.
    pub revision: String,
    /// Unit serial number, ASCII, at most 32 bytes.
    pub serial: String,
    /// Its names.
    pub names: UnitNames,
    /// How its asymmetric access states may change.
    pub management: AccessManagement,
    /// Index of the device group whose states it shares.
    pub device_group: u32,
    /// Where whatever manages the target can be reached, as a URL; empty for nowhere.
    pub management_url: String,
    /// The target ports through which it can be reached.
    pub ports: Vec<PortName>,
    /// How often the medium has been changed since the supervisor started: another number is another medium.
    pub medium_generation: u32,
    /// The bytes that are served of a medium that may have more.
    pub limit: Option<u64>,
    /// The page cache is left out.
    pub direct: bool,
    /// READ and WRITE move nothing: to measure everything but the medium.
    pub pretend: bool,
    /// The cache outlives a loss of power: nothing has to be synchronised.
    pub nv_cache: bool,
    /// The medium has no volatile cache of its own, and none of the host's is before it.
    pub cacheless: bool,
    /// Rotations a minute; 0 where it is not known.
    pub rotation_rate: u16,
    /// The first logical block that begins a physical one.
    pub lowest_aligned: u16,
    /// The transfer that is best, in bytes; 0 where it is not known.
    pub optimal_transfer: u32,
    /// Transfers in multiples of this are best, in bytes; 0 where it is not known.
    pub optimal_granularity: u32,
    /// Initiators are told when less than so many hundredths of the file system are free; 0 never.
    pub threshold: u8,
    /// The longest transfer that every transport it is reached through can carry, in bytes; 0 where there is none.
    pub max_transfer: u64,
    /// Data that was written to this medium did not reach it, while an earlier incarnation of the handler had it.
    pub lost: bool,
    /// Bytes that SANITIZE overwrites in a second at the most; 0: as many as it can.
    pub sanitize_rate: u64,
}
