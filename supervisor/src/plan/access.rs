//! The parts of the plan that say who sees what, through which port, and how good that port is.

use ipc::message::config::{
    AccessGroupConfig, AccessState, DeviceGroupConfig, LunConfig, PortGroupConfig, TargetConfig, UnitNames,
};

use crate::manifest::{Device, LunEntry, Manifest, Target};

/// The target port group of every port where the manifest defines none.
const DEFAULT_PORT_GROUP: u16 = 1;
/// The vendor identification of a device that has none of its own.
pub const VENDOR: &str = "BULKHEAD";
/// The product identification of a device that has none of its own.
pub const PRODUCT: &str = "Virtual Disk";

/// A LUN map, by the numbers of the units.
pub fn lun_map(manifest: &Manifest, luns: &[LunEntry]) -> Vec<LunConfig> {
    let unit = |name: &str| manifest.devices.iter().position(|device| device.name.value == name);
    let entry = |entry: &LunEntry| {
        let unit = unit(&entry.device.value)? as u32;
        Some(LunConfig { lun: entry.lun.value, unit, read_only: entry.read_only })
    };
    luns.iter().filter_map(entry).collect()
}

/// The access groups of all targets, in the order in which they are tried.
pub fn access_groups(manifest: &Manifest) -> Vec<AccessGroupConfig> {
    let of_target = |(number, target): (u32, &Target)| -> Vec<AccessGroupConfig> {
        let group = target.access_groups.iter().map(|group| AccessGroupConfig {
            target: number,
            name: group.name.value.clone(),
            initiators: group.initiators.iter().map(|name| name.value.clone()).collect(),
            luns: lun_map(manifest, &group.luns),
        });
        group.collect()
    };
    (0..).zip(&manifest.targets).flat_map(of_target).collect()
}

/// Relative target port identifiers by target: as the manifest says, else the target's place in it, or the next number
/// that is free.
pub fn relative_ports(manifest: &Manifest) -> Vec<u16> {
    let own = manifest.targets.iter().filter_map(|target| target.relative_port.as_ref());
    let remote = manifest.alua.port_groups.iter().flat_map(|group| &group.remote_ports);
    let mut taken: Vec<u16> = own.chain(remote).map(|port| port.value).collect();
    let mut ports = Vec::new();
    for (number, target) in (1..=u16::MAX).zip(&manifest.targets) {
        let free = || (number..=u16::MAX).chain(1..number).find(|port| !taken.contains(port));
        let port = target.relative_port.as_ref().map_or_else(|| free().unwrap_or(number), |port| port.value);
        taken.push(port);
        ports.push(port);
    }
    ports
}

/// The target port group of a target.
pub fn port_group_of(manifest: &Manifest, target: &Target) -> u16 {
    let member = |name: &crate::manifest::report::At<String>| name.value == target.name.value;
    let groups = &manifest.alua.port_groups;
    let group = groups.iter().find(|group| group.targets.iter().any(member));
    group.map_or(DEFAULT_PORT_GROUP, |group| group.id.value)
}

/// The target port groups.
pub fn port_groups(manifest: &Manifest) -> Vec<PortGroupConfig> {
    let groups = manifest.alua.port_groups.iter().map(|group| PortGroupConfig {
        id: group.id.value,
        name: group.name.value.clone(),
        remote_ports: group.remote_ports.iter().map(|port| port.value).collect(),
    });
    groups.collect()
}

/// The device groups; the first is of the devices for which the manifest names none.
pub fn device_groups(manifest: &Manifest) -> Vec<DeviceGroupConfig> {
    let alua = &manifest.alua;
    let usual = alua.port_groups.iter().map(|group| (group.id.value, group.state, group.preferred));
    let usual: Vec<(u16, AccessState, bool)> = usual.collect();
    let rest = DeviceGroupConfig {
        group: 0,
        name: "default".to_owned(),
        management: alua.usual_mode(),
        states: usual.clone(),
    };
    let named = (1..).zip(&alua.device_groups).map(|(number, group)| {
        let state = |(port_group, &(id, state, preferred)): (
            &crate::manifest::access::PortGroup,
            &(u16, AccessState, bool),
        )| {
            let name = &port_group.name.value;
            let own = group.states.iter().find(|(known, _)| known.value == *name);
            let listed = |names: &Vec<_>| {
                names.iter().any(|known: &crate::manifest::report::At<String>| known.value == *name)
            };
            (id, own.map_or(state, |(_, state)| *state), group.preferred.as_ref().map_or(preferred, listed))
        };
        DeviceGroupConfig {
            group: number,
            name: group.name.value.clone(),
            management: group.mode.unwrap_or(alua.usual_mode()),
            states: alua.port_groups.iter().zip(&usual).map(state).collect(),
        }
    });
    std::iter::once(rest).chain(named).collect()
}

/// The index of the device group that a device is in.
pub fn device_group_of(manifest: &Manifest, device: &Device) -> u32 {
    let groups = &manifest.alua.device_groups;
    let inside = groups.iter().position(|group| group.devices.iter().any(|d| d.value == device.name.value));
    inside.map_or(0, |at| at as u32 + 1)
}

/// Whether a unit can be reached through a target, by some initiator at least.
pub fn shows(target: &TargetConfig, groups: &[AccessGroupConfig], unit: u32) -> bool {
    let own = groups.iter().filter(|group| group.target == target.target).flat_map(|group| &group.luns);
    target.luns.iter().chain(own).any(|entry| entry.unit == unit)
}

/// The names of a unit, as core and handler are told them; `vendor` and `product` are those of its INQUIRY data.
pub fn unit_names(device: &Device, vendor: &str, product: &str, serial: &str) -> UnitNames {
    let ids = &device.identifiers;
    let default = || format!("{product:<16}{serial}");
    let own = ids.t10.as_ref().map(|id| id.value.clone());
    UnitNames {
        naa: ids.naa.as_ref().map_or_else(|| locally_assigned(serial).to_vec(), |id| id.value.clone()),
        eui64: ids.eui64.as_ref().map(|id| id.value.clone()).unwrap_or_default(),
        t10: format!("{vendor:<8}{}", own.unwrap_or_else(default)),
        scsi_name: ids.scsi_name.as_ref().map(|id| id.value.clone()).unwrap_or_default(),
    }
}

/// FNV-1a, since what is derived by it must never change with a library.
pub fn fnv(bytes: impl Iterator<Item = u8>) -> u64 {
    bytes
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// A locally assigned NAA identifier (SPC-4 7.8.6.6.4): 3h and 60 bits that belong to the serial number.
fn locally_assigned(serial: &str) -> [u8; 8] {
    let hash = fnv(serial.bytes());
    (0x3 << 60 | (hash ^ hash >> 60) & (u64::MAX >> 4)).to_be_bytes()
}
