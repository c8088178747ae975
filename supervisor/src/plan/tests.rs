//! What is planned for a manifest.

use std::path::{Path, PathBuf};

use ipc::message::config::BackendConfig;

use super::{LinkPlan, Medium, Plan};
use crate::manifest::Manifest;

const TWO_OF_EACH: &str = r#"
[supervisor]
hold_limit = "5s"
[[service]]
kind = "vdisk"
name = "gold"
[[service]]
kind = "iscsi"
name = "front"
arena = "2MiB"
[[service]]
kind = "core"
[[service]]
kind = "vdisk"
name = "scrap"
[[service]]
kind = "iscsi"
name = "back"

[[device]]
name = "a"
service = "gold"
block_size = 512
physical_block_size = 4096
[device.file]
path = "a.img"
size = "1MiB"
create = true
[[device]]
name = "b"
service = "scrap"
serial = "B"
[device.fault]
fail_every = 3

[[target]]
name = "iqn.2026-11.org.example:one"
service = "front"
portals = ["127.0.0.1:3260", "127.0.0.1:3261"]
luns = [{ lun = 0, device = "a" }, { lun = 5, device = "b" }]
[[target]]
name = "iqn.2026-11.org.example:two"
service = "front"
portals = ["127.0.0.1:3261"]
luns = [{ lun = 0, device = "b" }]
[[target]]
name = "iqn.2026-11.org.example:three"
service = "back"
portals = ["127.0.0.1:3262"]
luns = [{ lun = 0, device = "b" }]
"#;

fn plan(machine: &str) -> Plan {
    let (manifest, _) = Manifest::parse("m.toml", TWO_OF_EACH, Path::new("/base"))
        .unwrap_or_else(|report| panic!("{report}"));
    Plan::new(&manifest, machine)
}

#[test]
fn plan_links_transports_to_core_and_core_to_handlers() {
    let link = |requester, responder| LinkPlan { requester, responder };
    assert_eq!(plan("m").links, [link(1, 2), link(4, 2), link(2, 0), link(2, 3)]);
}

#[test]
fn plan_grants_a_transport_its_own_arena_and_the_others_all() {
    let plan = plan("m");
    let arenas = |service| plan.arenas_of(service).collect::<Vec<u32>>();
    assert_eq!((arenas(0), arenas(1), arenas(2), arenas(4)), (vec![1, 4], vec![1], vec![1, 4], vec![4]));
    assert_eq!(plan.services[1].arena, Some(2 << 20));
    assert_eq!(plan.services[0].arena, None);
}

#[test]
fn plan_shares_a_portal_between_targets() {
    let plan = plan("m");
    let portals: Vec<_> = plan.portals.iter().map(|p| (p.config.address.as_str(), p.service)).collect();
    assert_eq!(portals, [("127.0.0.1:3260", 1), ("127.0.0.1:3261", 1), ("127.0.0.1:3262", 4)]);
    assert_eq!(plan.targets[0].portals, [0, 1]);
    assert_eq!(plan.targets[1].portals, [1]);
    assert_eq!(plan.targets[0].luns, [(0, 0), (5, 1)]);
    assert_eq!(plan.targets[2].transport, 4);
}

#[test]
fn plan_says_what_is_opened_for_a_device() {
    let plan = plan("m");
    let path = PathBuf::from("/base/a.img");
    assert_eq!(plan.units[0].medium, Medium::File { path, create: Some(1 << 20) });
    assert_eq!(plan.units[0].config.physical_exponent, 3);
    assert_eq!(plan.units[1].medium, Medium::Memory { bytes: 64 << 20 });
    assert!(matches!(plan.units[1].config.backend, BackendConfig::Fault(fault) if fault.fail_every == 3));
    assert_eq!(plan.services[0].config.hold_ms, 5000);
}

#[test]
fn plan_derives_a_serial_from_machine_and_name() {
    let serial = |machine| plan(machine).units[0].config.serial.clone();
    assert_eq!(serial("one"), serial("one"));
    assert_ne!(serial("one"), serial("two"));
    assert_eq!(serial("one").len(), 16);
    assert_eq!(plan("one").units[1].config.serial, "B");
}
