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
    assert_eq!(
        (arenas(0), arenas(1), arenas(2), arenas(4)),
        (vec![1, 2, 4], vec![1], vec![1, 2, 4], vec![4])
    );
    assert_eq!(plan.services[1].arena, Some(2 << 20));
    assert_eq!((plan.services[0].arena, plan.services[2].arena), (None, Some(16 << 20)));
}

#[test]
fn plan_shares_a_portal_between_targets() {
    let plan = plan("m");
    let portals: Vec<_> = plan.portals.iter().map(|p| (p.config.address.as_str(), p.service)).collect();
    assert_eq!(portals, [("127.0.0.1:3260", 1), ("127.0.0.1:3261", 1), ("127.0.0.1:3262", 4)]);
    assert_eq!(plan.targets[0].portals, [0, 1]);
    assert_eq!(plan.targets[1].portals, [1]);
    let luns = plan.targets[0].luns.iter().map(|entry| (entry.lun, entry.unit, entry.read_only));
    assert_eq!(luns.collect::<Vec<_>>(), [(0, 0, false), (5, 1, false)]);
    assert_eq!(plan.targets[2].transport, 4);
}

#[test]
fn plan_says_what_is_opened_for_a_device() {
    let plan = plan("m");
    let path = PathBuf::from("/base/a.img");
    assert_eq!(plan.units[0].medium, Medium::File { path, create: Some(1 << 20) });
    assert_eq!(plan.units[0].config.physical_exponent, 3);
    assert_eq!(plan.units[0].config.max_transfer, 512 << 10, "a quarter of the arena of service 1");
    assert_eq!(plan.units[1].medium, Medium::Memory { bytes: 64 << 20 });
    assert!(matches!(plan.units[1].config.backend, BackendConfig::Fault(fault) if fault.fail_every == 3));
    assert_eq!(plan.services[0].config.hold_ms, 5000);
}

#[test]
fn plan_of_cd_drives_with_and_without_an_image() {
    let text = r#"
[[service]]
kind = "core"
[[service]]
kind = "vdisk"
[[device]]
name = "cd0"
[device.cdrom]
path = "debian.iso"
[[device]]
name = "cd1"
cdrom = {}
"#;
    let (manifest, _) = Manifest::parse("m.toml", text, Path::new("/base")).unwrap();
    let plan = Plan::new(&manifest, "m");
    let media: Vec<_> = plan.units.iter().map(|unit| unit.medium.clone()).collect();
    let image = Medium::File { path: PathBuf::from("/base/debian.iso"), create: None };
    assert_eq!(media, [image, Medium::None]);
    for unit in &plan.units {
        let config = &unit.config;
        assert!(config.cdrom && config.removable && config.read_only);
        assert_eq!(
            (config.block_size, config.physical_exponent, config.product.as_str()),
            (2048, 0, "CD-ROM")
        );
        // What page 83h says of vendor and product is what INQUIRY says.
        assert_eq!(config.names.t10, format!("BULKHEADCD-ROM          {}", config.serial));
    }
    let wrong = text.replace("cdrom = {}", "block_size = 512\ncdrom = {}");
    let report = Manifest::parse("m.toml", &wrong, Path::new("/base")).unwrap_err().to_string();
    assert!(report.contains("has no key \"block_size\""), "{report}");
}

#[test]
fn plan_derives_a_serial_from_machine_and_name() {
    let serial = |machine| plan(machine).units[0].config.serial.clone();
    assert_eq!(serial("one"), serial("one"));
    assert_ne!(serial("one"), serial("two"));
    assert_eq!(serial("one").len(), 16);
    assert_eq!(plan("one").units[1].config.serial, "B");
}

const TWO_GROUPS: &str = r#"
[supervisor]
management_url = "https://192.0.2.1/"
[alua]
mode = "both"
[[device]]
name = "a"
naa_id = "6001405abcdef0120000000000000001"
t10_dev_id = "disk-a"
scsi_device_name = "naa.6001405abcdef0120000000000000001"
vendor = "ACME"
null.size = "1MiB"
[[device]]
name = "b"
serial = "B"
eui64_id = "0011223344556677"
null.size = "1MiB"
[[target]]
name = "iqn.2026-11.org.example:one"
luns = [{ lun = 0, device = "a" }]
[[target.access_group]]
name = "readers"
initiators = ["iqn.1994-05.org.example:host1", "iqn.1994-05.org.example:r*"]
luns = [{ lun = 0, device = "b", read_only = true }]
[[target]]
name = "iqn.2026-11.org.example:two"
relative_port = 1
lun_addressing = "flat"
luns = [{ lun = 0, device = "a" }]
[[port_group]]
id = 10
name = "left"
targets = ["iqn.2026-11.org.example:one"]
preferred = true
[[port_group]]
id = 20
name = "right"
targets = ["iqn.2026-11.org.example:two"]
remote_ports = [2, 77]
state = "nonoptimized"
[[device_group]]
name = "databases"
devices = ["b"]
mode = "explicit"
states = { left = "standby" }
preferred = ["right"]
"#;

#[test]
fn plan_has_port_groups_and_the_states_of_each_device_group() {
    use ipc::message::config::{AccessManagement, AccessState, LunAddressing};
    let (manifest, report) =
        Manifest::parse("m.toml", TWO_GROUPS, Path::new("/base")).unwrap_or_else(|report| panic!("{report}"));
    assert_eq!(report.to_string(), "");
    let plan = Plan::new(&manifest, "m");
    let ports: Vec<_> = plan.targets.iter().map(|target| (target.relative_port, target.port_group)).collect();
    assert_eq!(ports, [(3, 10), (1, 20)], "1 is named, 2 is on another machine");
    assert_eq!(plan.targets[1].addressing, LunAddressing::Flat);
    assert_eq!((plan.port_groups[1].id, plan.port_groups[1].remote_ports.as_slice()), (20, &[2, 77][..]));
    let [rest, databases] = plan.device_groups.as_slice() else { panic!("{:?}", plan.device_groups) };
    assert_eq!((rest.name.as_str(), rest.management), ("default", AccessManagement::Both));
    assert_eq!(rest.states, [(10, AccessState::Active, true), (20, AccessState::NonOptimized, false)]);
    assert_eq!((databases.group, databases.management), (1, AccessManagement::Explicit));
    assert_eq!(databases.states, [(10, AccessState::Standby, false), (20, AccessState::NonOptimized, true)]);
    assert_eq!((plan.units[0].for_core().device_group, plan.units[1].for_core().device_group), (0, 1));
    assert_eq!(plan.units[1].config.management, AccessManagement::Explicit);
}

#[test]
fn plan_counts_the_ports_of_access_groups_too() {
    let (manifest, _) = Manifest::parse("m.toml", TWO_GROUPS, Path::new("/base")).expect("valid");
    let plan = Plan::new(&manifest, "m");
    let group = &plan.access_groups[0];
    assert_eq!((group.target, group.initiators.len()), (0, 2));
    assert!(group.luns[0].read_only && group.luns[0].unit == 1);
    let relative = |unit: usize| plan.units[unit].config.ports.iter().map(|port| port.relative).collect();
    let (a, b): (Vec<u16>, Vec<u16>) = (relative(0), relative(1));
    assert_eq!((a, b), (vec![3, 1], vec![3]));
    assert_eq!(plan.units[0].config.ports[1].port, "iqn.2026-11.org.example:two,t,0x0001");
}

#[test]
fn plan_has_the_names_that_the_manifest_gives_and_derives_the_rest() {
    let (manifest, _) = Manifest::parse("m.toml", TWO_GROUPS, Path::new("/base")).expect("valid");
    let plan = Plan::new(&manifest, "m");
    let (a, b) = (&plan.units[0].config.names, &plan.units[1].config.names);
    assert_eq!(a.naa[..4], [0x60, 0x01, 0x40, 0x5a]);
    assert_eq!((a.t10.as_str(), a.scsi_name.len()), ("ACME    disk-a", 36));
    assert_eq!(b.t10, "BULKHEADVirtual Disk    B");
    assert_eq!(b.eui64, [0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77]);
    assert_eq!((b.naa.len(), b.naa[0] >> 4), (8, 3));
    assert_eq!(plan.units[1].for_core().names, *b);
}
