//! What the supervisor sends to a service, always in this way: at boot, at the hundredth restart, and in between.

use serde::{Deserialize, Serialize};

use super::config::{
    AccessGroupConfig, AccessState, DeviceChange, DeviceConfig, DeviceGroupConfig, PortGroupConfig,
    PortalConfig, ServiceConfig, ServiceKind, TargetConfig, UnitConfig,
};

/// Which end of a link a service gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    /// It asks.
    Requester,
    /// It answers.
    Responder,
}

/// The service at the other end of a link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peer {
    /// Its index.
    pub service: u32,
    /// Its kind.
    pub kind: ServiceKind,
    /// Its name in the manifest.
    pub name: String,
}

/// A message to a service, with the descriptors that come with it in the order named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Grant {
    /// Who it is. The first grant. No descriptor.
    Service(ServiceConfig),
    /// Its statistics page. Descriptor: segment.
    Stats,
    /// Its notebook, which outlives it. Descriptor: segment.
    Notebook,
    /// A directory for files of its own that outlive a reboot. Descriptor: the directory.
    State,
    /// An arena that it owns or serves. Descriptor: segment.
    Arena {
        /// Number of the arena: the index of the service that owns it.
        arena: u32,
    },
    /// A link to a peer; replaces an older one to the same peer. Descriptors: segment, own bell, the peer's bell.
    Link {
        /// The other end.
        peer: Peer,
        /// This service's end.
        role: Role,
        /// Number of this link between the two, from 1.
        epoch: u64,
    },
    /// The peer is dead: what its rings hold is void. A new `Link` follows when it is started again.
    LinkDown {
        /// The peer's index.
        peer: u32,
        /// The link that is over.
        epoch: u64,
        /// It will not be started again before somebody asks: commands need not be held for it.
        held: bool,
    },
    /// A target that it serves. No descriptor.
    Target(TargetConfig),
    /// Initiators that see other LUNs at a target. To the core. No descriptor.
    AccessGroup(AccessGroupConfig),
    /// A target port group. To the core. No descriptor.
    PortGroup(PortGroupConfig),
    /// Units that share their asymmetric access states. To the core. No descriptor.
    DeviceGroup(DeviceGroupConfig),
    /// The administrator sets the asymmetric access state of a target port group for a device group. To the core, which
    /// answers with the event of the same name. No descriptor.
    AccessState {
        /// Index of the device group.
        device_group: u32,
        /// Identifier of the target port group.
        port_group: u16,
        /// The state.
        state: AccessState,
    },
    /// A logical unit that it maps. To the core. No descriptor.
    Unit(UnitConfig),
    /// A device that it executes commands on. Descriptor: the medium, opened for this incarnation alone, if it has one.
    Device(Box<DeviceConfig>),
    /// A device that it serves is to change: answered with `Event::Device`. A medium is only made ready; `Settle` follows.
    /// Descriptor: the medium, if one is inserted.
    Change {
        /// The unit's index.
        unit: u32,
        /// Chosen by the supervisor, for the answers.
        request: u64,
        /// What is to be done.
        change: DeviceChange,
    },
    /// The change of a medium that was answered with `Prepared` is to be carried out (the supervisor will grant the new one
    /// from now on, whoever dies) or forgotten. No descriptor.
    Settle {
        /// The unit's index.
        unit: u32,
        /// The request.
        request: u64,
        /// Carry it out.
        go: bool,
    },
    /// A portal to listen on. Descriptor: the listening socket.
    Portal(PortalConfig),
    /// A connected socket that a former incarnation deposited. Descriptor: the socket.
    Connection {
        /// The key under which it was deposited.
        key: u64,
    },
    /// Everything has been granted: begin, and answer `Ready`.
    Go,
    /// End in order: finish what runs, then exit with status 0.
    Stop,
    /// Its flight recorder, to be begun anew. Comes before anything that is to be recorded. Descriptor: segment.
    Recorder,
    /// Die at the `count`th passing of a named point from here, see [`crate::crash`]. Only ever sent because an
    /// administrator asked for it. No descriptor.
    CrashPoint {
        /// The point's name.
        name: String,
        /// From 1.
        count: u32,
    },
    /// How the commands of these units stand is to be told: answered with `Event::Explained`. To the core. No descriptor.
    Explain {
        /// Chosen by the supervisor, for the answer.
        request: u64,
        /// Indices of the units.
        units: Vec<u32>,
    },
}
