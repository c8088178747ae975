//! Stage 3, LUN map: from a target, an initiator and a LUN to a logical unit.
//!
//! A target has one map for everybody and one for each of its access groups. Which of them a nexus sees is decided once,
//! by the name of its initiator, when it is opened.

use ipc::message::config::{AccessGroupConfig, LunAddressing, LunConfig, TargetConfig, UnitConfig};
use scsi::lun::{Addressing, Lun};
use scsi::unit_report::{Control, UnitReport};

use crate::aca::Aca;
use crate::reservation::Reservations;
use crate::task_set::sets::TaskSets;
use crate::unit_report::Seen;

/// A limit as it is configured: 0 for none.
fn limit(configured: u32) -> Option<u32> {
    (configured != 0).then_some(configured)
}

/// The map of a target that is for everybody in no access group.
pub const EVERYBODY: usize = 0;

/// A target and what it shows.
#[derive(Debug)]
pub struct Target {
    /// Index of the transport's service that it is reached by.
    pub transport: u32,
    /// Relative target port identifier.
    pub port: u16,
    /// Identifier of its target port group.
    pub port_group: u16,
    /// How it writes LUNs.
    pub addressing: Addressing,
    /// Commands that all its sessions together may have.
    pub limit: u32,
    /// Commands that one session may have at one unit, if there is a limit.
    pub path_limit: Option<u32>,
    /// Commands that its sessions have.
    pub tasks: u32,
    maps: Vec<LunMap>,
}

/// A LUN map and whose it is.
#[derive(Debug)]
struct LunMap {
    name: String,
    /// Names of initiators and patterns.
    initiators: Vec<String>,
    /// By rising LUN number.
    luns: Vec<LunConfig>,
}

impl LunMap {
    fn new(name: &str, initiators: &[String], luns: &[LunConfig]) -> Self {
        let mut luns = luns.to_vec();
        luns.sort_unstable();
        Self { name: name.to_owned(), initiators: initiators.to_vec(), luns }
    }
}

impl Target {
    /// A target as configured, without access groups.
    pub fn new(config: &TargetConfig) -> Self {
        Self {
            transport: config.transport,
            port: config.relative_port,
            port_group: config.port_group,
            addressing: match config.addressing {
                LunAddressing::Peripheral => Addressing::Peripheral,
                LunAddressing::Flat => Addressing::Flat,
                LunAddressing::LogicalUnit => Addressing::LogicalUnit,
            },
            limit: limit(config.queue_depth).unwrap_or(u32::MAX),
            path_limit: limit(config.lun_queue_depth),
            tasks: 0,
            maps: vec![LunMap::new("", &[], &config.luns)],
        }
    }

    /// Adds an access group, or replaces the one with its name.
    pub fn add_group(&mut self, config: &AccessGroupConfig) {
        let map = LunMap::new(&config.name, &config.initiators, &config.luns);
        let groups = self.maps.iter_mut().skip(1);
        match groups.into_iter().find(|known| known.name == config.name) {
            Some(known) => *known = map,
            None => self.maps.push(map),
        }
    }

    /// The map that an initiator sees: of the group that has its very name, else of the first group with a pattern that
    /// fits, else everybody's. `initiator` is the name of its port; what iSCSI adds to the initiator's own name does not
    /// count.
    pub fn map_of(&self, initiator: &str) -> usize {
        let name = initiator.split_once(",i,").map_or(initiator, |(name, _)| name);
        let groups = || self.maps.iter().enumerate().skip(1);
        let with = |fits: &dyn Fn(&str) -> bool| {
            groups().find(|(_, map)| map.initiators.iter().any(|pattern| fits(pattern))).map(|(at, _)| at)
        };
        let exact = with(&|pattern| pattern.eq_ignore_ascii_case(name));
        exact.or_else(|| with(&|pattern| fits(pattern.as_bytes(), name.as_bytes()))).unwrap_or(EVERYBODY)
    }

    /// Whether there is such a map.
    pub fn has_map(&self, map: usize) -> bool {
        map < self.maps.len()
    }

    /// The entries of a map; none if there is no such map.
    pub fn luns(&self, map: usize) -> &[LunConfig] {
        self.maps.get(map).map(|map| map.luns.as_slice()).unwrap_or_default()
    }

    /// The units of a map.
    pub fn units(&self, map: usize) -> impl Iterator<Item = u32> {
        self.luns(map).iter().map(|entry| entry.unit)
    }

    /// The entry of a map for a LUN.
    #[inline]
    pub fn entry(&self, map: usize, lun: Lun) -> Option<LunConfig> {
        let number = lun.number_by(self.addressing).ok()?;
        let luns = self.luns(map);
        let place = luns.binary_search_by_key(&number, |entry| entry.lun).ok()?;
        luns.get(place).copied()
    }

    /// Whether a unit can be reached through this target, by some initiator at least.
    pub fn shows(&self, unit: u32) -> bool {
        self.maps.iter().flat_map(|map| &map.luns).any(|entry| entry.unit == unit)
    }
}

/// Whether a name fits a pattern in which `*` stands for any characters and `?` for one; letters count without their case.
/// Goes back to the last `*` only, so that it takes at most the product of the two lengths.
fn fits(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut star, mut place) = (0, None, 0);
    while place < name.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, place));
                at += 1;
            }
            Some(&one) if one == b'?' || one.eq_ignore_ascii_case(&name[place]) => {
                at += 1;
                place += 1;
            }
            _ => {
                let Some((before, from)) = star else { return false };
                star = Some((before, from + 1));
                (at, place) = (before + 1, from + 1);
            }
        }
    }
    pattern[at..].iter().all(|rest| *rest == b'*')
}

/// What is taken for true of a unit that its handler has not spoken of: no command is executed before it has.
fn before_any_report() -> UnitReport {
    UnitReport { control: Control { queue_algorithm: 1, ..Control::default() }, ..UnitReport::default() }
}

/// A logical unit: what the core keeps of it for all nexuses.
#[derive(Debug)]
pub struct Unit {
    /// The device's name in the manifest.
    pub name: String,
    /// Place of the handler that executes its commands.
    pub handler: usize,
    /// Index of the device group whose asymmetric access states it shares.
    pub device_group: u32,
    /// Commands that it may have.
    pub limit: u32,
    /// Commands that it has.
    pub tasks: u32,
    /// Its task set.
    pub set: TaskSets,
    /// Auto contingent allegiance conditions: one, or one for each nexus.
    pub aca: Vec<Aca>,
    /// Its NAA identifier, empty if it has none.
    pub naa: Vec<u8>,
    /// Its reservations.
    pub reservations: Reservations,
    /// What its handler said of it last.
    pub report: UnitReport,
    /// The generations that initiators have been told of; none before the first report ever.
    pub seen: Option<Seen>,
}

impl Unit {
    /// A unit as configured, with no tasks; `handler` is the handler's place.
    pub fn new(config: &UnitConfig, handler: usize) -> Self {
        Self {
            name: config.name.clone(),
            handler,
            device_group: config.device_group,
            limit: limit(config.queue_depth).unwrap_or(u32::MAX),
            tasks: 0,
            set: TaskSets::new(&before_any_report().control),
            aca: Vec::new(),
            naa: config.names.naa.clone(),
            reservations: Reservations::default(),
            report: before_any_report(),
            seen: None,
        }
    }
}

#[cfg(test)]
mod tests;
