//! What the gate does to conditions of more than one unit.

use ipc::message::Grant;
use ipc::message::config::{TargetConfig, UnitConfig};
use ipc::message::record::{Request, RequestKind};
use ipc::wait::Waiter;

use super::*;
use crate::notebook::bytes;
use crate::reservation::state::Port;

/// A core with units 0 and 1, and a nexus that reaches both.
fn core() -> (Core, usize) {
    let (mut core, mut waiter) = (Core::default(), Waiter::new(0).unwrap());
    for unit in [0, 1] {
        let config = UnitConfig { unit, handler: 3, ..Default::default() };
        core.adopt(Grant::Unit(config), Vec::new(), &mut waiter).unwrap();
    }
    let entry = |lun: u16| LunConfig { lun, unit: u32::from(lun), read_only: false };
    let target = TargetConfig { transport: 1, luns: vec![entry(0), entry(1)], ..Default::default() };
    core.adopt(Grant::Target(target), Vec::new(), &mut waiter).unwrap();
    let wide = crate::nexus::wide(1, 5).unwrap();
    core.take_up((Part::Nexus, wide, 0), &bytes(&(0_u32, 0_u64, None::<Port>)).unwrap()).unwrap();
    let nexus = core.nexuses.find(wide).unwrap();
    (core, nexus)
}

#[test]
fn luns_changed_is_reported_by_one_unit_and_cleared_at_all() {
    let (mut core, nexus) = core();
    for unit in [0, 1] {
        core.raise_attention(unit, Asc::REPORTED_LUNS_DATA_HAS_CHANGED, |_| true);
    }
    core.raise_attention(1, Asc::MODE_PARAMETERS_CHANGED, |_| true);
    let request = Request::new(RequestKind::Command, 5, 1);
    assert_eq!(core.take_attention(nexus, 0, &request), Some(Asc::REPORTED_LUNS_DATA_HAS_CHANGED));
    assert_eq!(core.take_attention(nexus, 1, &request), Some(Asc::MODE_PARAMETERS_CHANGED), "LUICLR one");
    assert_eq!(core.take_attention(nexus, 1, &request), None);
}
