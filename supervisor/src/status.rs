//! What `status` tells, as the admin socket and the stats board carry it: JSON with these field names.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The supervisor and all its services.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Version of this `bulkhead`.
    pub version: String,
    /// What it says to its services: [`ipc::ABI_VERSION`] of its build.
    #[serde(default)]
    pub abi: u32,
    /// The format in which it leaves its state to its successor.
    #[serde(default)]
    pub state_format: u32,
    /// Where the supervisor's own program is installed.
    #[serde(default)]
    pub program: String,
    /// The folder where those of its services are.
    #[serde(default)]
    pub programs: String,
    /// The supervisor's process number.
    pub pid: u32,
    /// Seconds since it started.
    pub uptime_s: f64,
    /// The manifest it was started with.
    pub manifest: String,
    /// Its run directory.
    pub run_dir: String,
    /// Its stats board: a name below /dev/shm; empty when there is none.
    pub board: String,
    /// Every service.
    pub services: Vec<ServiceStatus>,
    /// Every device.
    #[serde(default)]
    pub devices: Vec<DeviceStatus>,
    /// Every asymmetric access state.
    #[serde(default)]
    pub access: Vec<AccessStatus>,
    /// Every link.
    pub links: Vec<LinkStatus>,
}

/// The asymmetric access state of a target port group for a device group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AccessStatus {
    /// The port group's name.
    pub port_group: String,
    /// Its identifier.
    pub id: u16,
    /// The device group's name; `default` is of devices in none.
    pub device_group: String,
    /// `active`, `nonoptimized`, `standby`, `unavailable`, `offline` or `transitioning`.
    pub state: String,
    /// Whether initiators are asked to prefer it.
    pub preferred: bool,
}

/// One device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeviceStatus {
    /// Its name in the manifest.
    pub name: String,
    /// The service that serves it.
    pub service: String,
    /// The path of its medium, if it has one that has a path.
    pub path: Option<String>,
    /// Whether an administrator has changed the medium: what the manifest says counts again at the next start of bulkhead.
    pub changed: bool,
}

/// One service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServiceStatus {
    /// Its name in the manifest.
    pub name: String,
    /// `core`, `iscsi` or `vdisk`.
    pub kind: String,
    /// `starting`, `running`, `stopping`, `stopped`, `backoff` or `held`.
    pub state: String,
    /// Why it is held.
    pub reason: Option<String>,
    /// Its process number.
    pub pid: Option<u32>,
    /// Seconds since its process was started.
    pub uptime_s: Option<f64>,
    /// How often it was started again.
    pub restarts: u64,
    /// What it died of last.
    pub last_death: Option<DeathStatus>,
    /// What it cannot serve, in its own words.
    pub problems: Vec<String>,
    /// Its counters, by name.
    pub counters: BTreeMap<String, u64>,
}

/// One death.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeathStatus {
    /// Seconds since 1970.
    pub at: f64,
    /// Of what.
    pub cause: String,
    /// The last lines of its log.
    pub last_lines: Vec<String>,
}

/// One link.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LinkStatus {
    /// The name of the service that asks.
    pub requester: String,
    /// The name of the service that answers.
    pub responder: String,
    /// How many links there have been between the two.
    pub epoch: u64,
    /// Both ends have it.
    pub up: bool,
}
