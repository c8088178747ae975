//! Stage 3, LUN map: from a target and a LUN to a logical unit.

use ipc::message::config::{LunConfig, TargetConfig, UnitConfig};
use scsi::lun::Lun;
use scsi::unit_report::UnitReport;

use crate::task_set::TaskSet;

/// A target and what it shows.
#[derive(Debug)]
pub struct Target {
    /// Index of the transport's service that it is reached by.
    pub transport: u32,
    /// Relative target port identifier.
    pub port: u16,
    /// Identifier of its target port group.
    pub port_group: u16,
    /// LUN number and unit, by rising LUN number.
    pub luns: Vec<LunConfig>,
}

impl Target {
    /// A target as configured.
    pub fn new(config: &TargetConfig) -> Self {
        let mut luns = config.luns.clone();
        luns.sort_unstable();
        Self { transport: config.transport, port: config.relative_port, port_group: config.port_group, luns }
    }

    /// The logical unit behind a LUN.
    pub fn unit(&self, lun: Lun) -> Option<u32> {
        let number = lun.number().ok()?;
        let place = self.luns.binary_search_by_key(&number, |entry| entry.lun).ok()?;
        Some(self.luns[place].unit)
    }
}

/// A logical unit: what the core keeps of it for all nexuses.
#[derive(Debug)]
pub struct Unit {
    /// The device's name in the manifest.
    pub name: String,
    /// Place of the handler that executes its commands.
    pub handler: usize,
    /// Its task set.
    pub set: TaskSet,
    /// What its handler said of it last.
    pub report: UnitReport,
}

impl Unit {
    /// A unit as configured, with no tasks; `handler` is the handler's place.
    pub fn new(config: &UnitConfig, handler: usize) -> Self {
        Self { name: config.name.clone(), handler, set: TaskSet::default(), report: UnitReport::default() }
    }
}
