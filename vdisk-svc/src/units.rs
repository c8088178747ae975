//! All logical units of this service, by the number that the supervisor gave them.

use std::collections::BTreeMap;

use scsi::device_info::DeviceInfo;

use crate::unit::Unit;

/// Where a unit stands. Stays valid when the unit is granted anew: then it is the older one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnitId(u32);

/// All units.
#[derive(Debug, Default)]
pub struct Units {
    list: Vec<Unit>,
    by_number: BTreeMap<u32, UnitId>,
}

impl Units {
    /// Adds a unit. Returns the older one of that number, which takes no more commands.
    pub fn insert(&mut self, unit: Unit) -> (UnitId, Option<UnitId>) {
        let id = UnitId(u32::try_from(self.list.len()).expect("there are fewer than 2^32 units"));
        let older = self.by_number.insert(unit.number(), id);
        self.list.push(unit);
        (id, older)
    }

    /// The unit with this number.
    #[inline]
    pub fn find(&self, number: u32) -> Option<UnitId> {
        self.by_number.get(&number).copied()
    }

    /// What initiators are told of the unit.
    #[inline]
    pub fn info(&self, id: UnitId) -> &DeviceInfo {
        &self.list[id.0 as usize].info
    }

    /// The unit itself.
    #[inline]
    pub fn get(&mut self, id: UnitId) -> &mut Unit {
        &mut self.list[id.0 as usize]
    }

    /// Those that take commands, by place.
    pub fn current(&self) -> impl Iterator<Item = (usize, &Unit)> {
        self.by_number.values().map(|id| (id.0 as usize, &self.list[id.0 as usize]))
    }

    /// All of them.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (UnitId, &mut Unit)> {
        self.list.iter_mut().enumerate().map(|(index, unit)| (UnitId(index as u32), unit))
    }
}
