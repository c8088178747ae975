//! Cross checks of what is shown to whom: LUN maps, access groups, port groups, device groups, identifiers.

use std::collections::{HashMap, HashSet};

use ipc::message::config::{AccessManagement, AccessState};

use super::super::access::{Alua, DeviceGroup};
use super::super::report::{At, Report, nearest};
use super::super::{LunEntry, Manifest, Target};
use super::unique;

/// LUNs of one map: it travels to the core in one control message.
const MOST_LUNS: usize = 4096;
/// Access groups of one target, and initiators of one group: each new session is compared with all of them.
const MOST_INITIATORS: usize = 128;
/// Targets that show one device: their names travel to its handler in one control message.
const MOST_PORTS: usize = 64;
/// Port groups: every device group has a state for each.
const MOST_GROUPS: usize = 64;
/// Device groups, likewise.
const MOST_DEVICE_GROUPS: usize = 256;
/// Ports of one port group: TARGET PORT COUNT is one byte (SPC-4 6.37).
const MOST_GROUP_PORTS: usize = 255;

/// The LUN maps of a target.
pub fn luns(manifest: &Manifest, target: &Target, report: &mut Report) {
    lun_map(manifest, &target.luns, &format!("target {:?}", target.name.value), &target.name, report);
    let zero = |luns: &[LunEntry]| luns.iter().any(|entry| entry.lun.value == 0);
    if target.luns.is_empty() && target.access_groups.is_empty() {
        let hint = "add { lun = 0, device = \"disk0\" } to luns";
        report.warning(&target.name.span, format!("target {:?} has no LUN", target.name.value), hint);
    } else if !target.luns.is_empty() && !zero(&target.luns) {
        let hint = "most initiators ask for LUN 0 first";
        report.warning(&target.name.span, format!("target {:?} has no LUN 0", target.name.value), hint);
    }
    access_groups(manifest, target, report);
}

fn lun_map(manifest: &Manifest, luns: &[LunEntry], whose: &str, name: &At<String>, report: &mut Report) {
    let mut numbers = HashSet::new();
    for entry in luns {
        let lun = entry.lun.value;
        if !numbers.insert(lun) {
            report.error(&entry.lun.span, format!("LUN {lun} is there twice"), "give each entry its own lun");
        }
        if !manifest.devices.iter().any(|device| device.name.value == entry.device.value) {
            let names = manifest.devices.iter().map(|device| device.name.value.as_str());
            let what = format!("there is no device {:?}", entry.device.value);
            report.error(&entry.device.span, what, nearest(&entry.device.value, names));
        }
    }
    if luns.len() > MOST_LUNS {
        let hint = format!("give it at most {MOST_LUNS}, and the rest to another");
        report.error(&name.span, format!("{whose} has {} LUNs", luns.len()), hint);
    }
}

fn access_groups(manifest: &Manifest, target: &Target, report: &mut Report) {
    unique("access group", target.access_groups.iter().map(|group| &group.name), report);
    let mut seen: HashMap<&str, &str> = HashMap::new();
    for group in &target.access_groups {
        let name = group.name.value.as_str();
        lun_map(manifest, &group.luns, &format!("access group {name:?}"), &group.name, report);
        if group.initiators.is_empty() {
            let hint = "add initiators = [\"iqn.1994-05.org.example:host1\"]";
            report.warning(&group.name.span, format!("nobody is in access group {name:?}"), hint);
        }
        if group.initiators.len() > MOST_INITIATORS {
            let what = format!("access group {name:?} has {} initiators", group.initiators.len());
            report.error(&group.name.span, what, format!("name at most {MOST_INITIATORS}, or use patterns"));
        }
        for initiator in &group.initiators {
            if let Some(other) = seen.insert(&initiator.value, name) {
                let what = format!("{:?} is in access group {other:?} already", initiator.value);
                report.error(
                    &initiator.span,
                    what,
                    "an initiator sees the LUNs of one group: keep it in one",
                );
            }
        }
    }
    if target.access_groups.len() > MOST_INITIATORS {
        let what = format!("target {:?} has too many access groups", target.name.value);
        report.error(&target.name.span, what, format!("define at most {MOST_INITIATORS}"));
    }
}

/// Relative target port identifiers: each of them once, on this machine and on others.
pub fn relative_ports(manifest: &Manifest, report: &mut Report) {
    let own = manifest.targets.iter().filter_map(|target| target.relative_port.as_ref());
    let remote = manifest.alua.port_groups.iter().flat_map(|group| &group.remote_ports);
    let mut seen = HashSet::new();
    for port in own.chain(remote) {
        if !seen.insert(port.value) {
            let what = format!("relative target port {} is there twice", port.value);
            report.error(&port.span, what, "give each target port an identifier of its own");
        }
    }
}

/// `[[port_group]]` and `[[device_group]]`.
pub fn alua(manifest: &Manifest, report: &mut Report) {
    let Alua { mode, port_groups, device_groups } = &manifest.alua;
    unique("port group", port_groups.iter().map(|group| &group.name), report);
    unique("device group", device_groups.iter().map(|group| &group.name), report);
    let mut ids = HashSet::new();
    for group in port_groups {
        if !ids.insert(group.id.value) {
            let what = format!("there are two port groups with id {}", group.id.value);
            report.error(&group.id.span, what, "give one of them another id");
        }
        if group.targets.is_empty() && group.remote_ports.is_empty() {
            let what = format!("port group {:?} has no port", group.name.value);
            report.error(
                &group.span,
                what,
                "name its targets: targets = [\"iqn.2026-11.org.example:disks\"]",
            );
        }
    }
    for group in port_groups.iter().filter(|g| g.targets.len() + g.remote_ports.len() > MOST_GROUP_PORTS) {
        let what = format!("port group {:?} has too many ports", group.name.value);
        report.error(&group.span, what, format!("give it at most {MOST_GROUP_PORTS}"));
    }
    if let Some(group) = device_groups.get(MOST_DEVICE_GROUPS) {
        let hint = format!("define at most {MOST_DEVICE_GROUPS}");
        report.error(&group.name.span, "there are too many device groups", hint);
    }
    if port_groups.len() > MOST_GROUPS {
        report.error(
            &port_groups[0].span,
            "there are too many port groups",
            format!("define at most {MOST_GROUPS}"),
        );
    }
    let asked = mode.as_ref().filter(|mode| mode.value != AccessManagement::None);
    if let (Some(mode), true) = (asked, port_groups.is_empty()) {
        report.error(
            &mode.span,
            "there is no port group",
            "add a [[port_group]] with an id, a name and targets",
        );
    }
    membership(manifest, report);
    for group in device_groups {
        device_group(manifest, group, report);
    }
}

/// Every target is in one port group, if there are any: a port without one would have no state.
fn membership(manifest: &Manifest, report: &mut Report) {
    let mut member: HashMap<&str, &str> = HashMap::new();
    for group in &manifest.alua.port_groups {
        for target in &group.targets {
            let known = manifest.targets.iter().any(|known| known.name.value == target.value);
            if !known {
                let names = manifest.targets.iter().map(|target| target.name.value.as_str());
                let what = format!("there is no target {:?}", target.value);
                report.error(&target.span, what, nearest(&target.value, names));
            }
            if let Some(other) = member.insert(&target.value, &group.name.value) {
                let what = format!("target {:?} is in port group {other:?} already", target.value);
                report.error(&target.span, what, "a target port belongs to one group: keep it in one");
            }
        }
    }
    if manifest.alua.port_groups.is_empty() {
        return;
    }
    for target in manifest.targets.iter().filter(|target| !member.contains_key(target.name.value.as_str())) {
        let what = format!("target {:?} is in no port group", target.name.value);
        let hint = "add it to the targets of a [[port_group]]: where there are groups, every port has one";
        report.error(&target.name.span, what, hint);
    }
}

fn device_group(manifest: &Manifest, group: &DeviceGroup, report: &mut Report) {
    let Alua { port_groups, device_groups, .. } = &manifest.alua;
    for device in &group.devices {
        if !manifest.devices.iter().any(|known| known.name.value == device.value) {
            let names = manifest.devices.iter().map(|device| device.name.value.as_str());
            let what = format!("there is no device {:?}", device.value);
            report.error(&device.span, what, nearest(&device.value, names));
        }
        let other = device_groups.iter().take_while(|other| !std::ptr::eq(*other, group));
        let other =
            other.filter(|other| other.devices.iter().any(|taken| taken.value == device.value)).last();
        if let Some(other) = other {
            let what = format!("device {:?} is in device group {:?} already", device.value, other.name.value);
            report.error(&device.span, what, "keep it in one");
        }
    }
    let preferred = group.preferred.iter().flatten();
    for name in group.states.iter().map(|(name, _)| name).chain(preferred) {
        if !port_groups.iter().any(|known| known.name.value == name.value) {
            let names = port_groups.iter().map(|group| group.name.value.as_str());
            let what = format!("there is no port group {:?}", name.value);
            report.error(&name.span, what, nearest(&name.value, names));
        }
    }
    let state = |name: &At<String>, usual| {
        let own = group.states.iter().find(|(known, _)| known.value == name.value);
        own.map_or(usual, |(_, state)| *state)
    };
    let serves = |state| matches!(state, AccessState::Active | AccessState::NonOptimized);
    if !port_groups.is_empty() && !port_groups.iter().any(|known| serves(state(&known.name, known.state))) {
        let what = format!("no port group is active for device group {:?}", group.name.value);
        report.warning(&group.name.span, what, "until one is, initiators cannot read or write these devices");
    }
}

/// How many targets show each device.
pub fn ports(manifest: &Manifest, report: &mut Report) {
    let mut shown: HashMap<&str, usize> = HashMap::new();
    for target in &manifest.targets {
        let names: HashSet<&str> = target.all_luns().map(|entry| entry.device.value.as_str()).collect();
        names.into_iter().for_each(|name| *shown.entry(name).or_default() += 1);
    }
    for device in &manifest.devices {
        let count = shown.get(device.name.value.as_str()).copied().unwrap_or_default();
        if count > MOST_PORTS {
            let what = format!("device {:?} is shown by {count} targets", device.name.value);
            report.error(&device.name.span, what, format!("show it by at most {MOST_PORTS}"));
        }
    }
}

/// What two devices must not share: initiators would take them for two paths to one disk.
pub fn identifiers(manifest: &Manifest, report: &mut Report) {
    let mut seen: HashMap<(&str, &[u8]), &str> = HashMap::new();
    for device in &manifest.devices {
        let ids = &device.identifiers;
        let naa = ids.naa.as_ref().map(|id| ("naa_id", id.value.as_slice(), &id.span));
        let eui64 = ids.eui64.as_ref().map(|id| ("eui64_id", id.value.as_slice(), &id.span));
        let t10 = ids.t10.as_ref().map(|id| ("t10_dev_id", id.value.as_bytes(), &id.span));
        let name = ids.scsi_name.as_ref().map(|id| ("scsi_device_name", id.value.as_bytes(), &id.span));
        for (key, id, span) in [naa, eui64, t10, name].into_iter().flatten() {
            if let Some(other) = seen.insert((key, id), &device.name.value) {
                let what = format!("device {other:?} has the same {key}");
                report.error(span, what, "give each device its own, or initiators take both for one disk");
            }
        }
    }
}
