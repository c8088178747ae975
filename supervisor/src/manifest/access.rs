//! Who sees what through which port: access groups of a target, target port groups, and groups of devices that share
//! asymmetric access states (ALUA).
//!
//! Types only; they are read in `parse/access.rs` and `parse/alua.rs`, and checked in `check/access.rs`.

use ipc::message::config::{AccessManagement, AccessState};

use super::LunEntry;
use super::report::{At, Span};

/// `[[target.access_group]]`: initiators that see a LUN map of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessGroup {
    /// Its name, for people.
    pub name: At<String>,
    /// Names of initiators, or patterns of them with `*` and `?`.
    pub initiators: Vec<At<String>>,
    /// What they see.
    pub luns: Vec<LunEntry>,
}

/// `[alua]`, `[[port_group]]` and `[[device_group]]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Alua {
    /// `[alua] mode`: of every device for which no device group says otherwise.
    pub mode: Option<At<AccessManagement>>,
    /// Every `[[port_group]]`.
    pub port_groups: Vec<PortGroup>,
    /// Every `[[device_group]]`.
    pub device_groups: Vec<DeviceGroup>,
}

impl Alua {
    /// The mode of devices in no group, or in one that does not say. Who defines port groups wants them to be seen.
    pub fn usual_mode(&self) -> AccessManagement {
        let default = match self.port_groups.is_empty() {
            true => AccessManagement::None,
            false => AccessManagement::Implicit,
        };
        self.mode.as_ref().map_or(default, |mode| mode.value)
    }
}

/// `[[port_group]]`: a target port group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortGroup {
    /// TARGET PORT GROUP.
    pub id: At<u16>,
    /// Its name, by which commands and device groups refer to it.
    pub name: At<String>,
    /// The targets whose ports belong to it.
    pub targets: Vec<At<String>>,
    /// Relative identifiers of ports on other machines that belong to it.
    pub remote_ports: Vec<At<u16>>,
    /// The state to begin with.
    pub state: AccessState,
    /// Whether initiators are asked to prefer it.
    pub preferred: bool,
    /// Where it stands in the manifest.
    pub span: Span,
}

/// `[[device_group]]`: devices whose states are not those that the port groups say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceGroup {
    /// Its name.
    pub name: At<String>,
    /// The devices.
    pub devices: Vec<At<String>>,
    /// How the states may change, if not as `[alua]` says.
    pub mode: Option<AccessManagement>,
    /// States by the name of the port group, where they are not what the port group says.
    pub states: Vec<(At<String>, AccessState)>,
    /// The preferred port groups, if not those that say so themselves.
    pub preferred: Option<Vec<At<String>>>,
}

/// The word for a state, in manifests and commands.
pub fn state_word(state: AccessState) -> &'static str {
    match state {
        AccessState::Active => "active",
        AccessState::NonOptimized => "nonoptimized",
        AccessState::Standby => "standby",
        AccessState::Unavailable => "unavailable",
        AccessState::Offline => "offline",
        AccessState::Transitioning => "transitioning",
    }
}

/// Every state, the best first.
pub const STATES: [AccessState; 6] = [
    AccessState::Active,
    AccessState::NonOptimized,
    AccessState::Standby,
    AccessState::Unavailable,
    AccessState::Offline,
    AccessState::Transitioning,
];

/// Every mode with its word.
pub const MODES: [(&str, AccessManagement); 4] = [
    ("none", AccessManagement::None),
    ("implicit", AccessManagement::Implicit),
    ("explicit", AccessManagement::Explicit),
    ("both", AccessManagement::Both),
];
