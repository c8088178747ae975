//! `bulkhead status --json` as the tests read it: only the fields that they look at, so that a new one breaks nothing.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The supervisor and its services.
#[derive(Debug, Clone, Deserialize)]
pub struct Status {
    /// The supervisor's process number.
    pub pid: u32,
    /// The stats board: a name below /dev/shm; empty when there is none.
    #[serde(default)]
    pub board: String,
    /// Every service.
    pub services: Vec<Service>,
    /// Every link.
    #[serde(default)]
    pub links: Vec<Link>,
}

/// One link.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Link {
    /// How many there have been between the two.
    pub epoch: u64,
}

/// One service.
#[derive(Debug, Clone, Deserialize)]
pub struct Service {
    /// Its name in the manifest.
    pub name: String,
    /// `starting`, `running`, `stopping`, `stopped`, `backoff` or `held`.
    pub state: String,
    /// Why it is held.
    pub reason: Option<String>,
    /// Its process number.
    pub pid: Option<u32>,
    /// How often it was started again.
    pub restarts: u64,
    /// What it died of last.
    pub last_death: Option<Death>,
    /// Its counters.
    #[serde(default)]
    pub counters: BTreeMap<String, u64>,
}

/// One death.
#[derive(Debug, Clone, Deserialize)]
pub struct Death {
    /// Of what.
    pub cause: String,
}

impl Status {
    /// The service of that name.
    pub fn service(&self, name: &str) -> Option<&Service> {
        self.services.iter().find(|service| service.name == name)
    }

    /// True when every service serves.
    pub fn all_running(&self) -> bool {
        self.services.iter().all(|service| service.state == "running")
    }

    /// Every process of the target, the supervisor first.
    pub fn pids(&self) -> Vec<u32> {
        [self.pid].into_iter().chain(self.services.iter().filter_map(|service| service.pid)).collect()
    }
}
