//! Cross checks of a manifest: names that are used but not defined, defined twice, or defined and not used; things that
//! cannot both be true. Pure: looks at the manifest only. The media are looked at by `files.rs`.

mod access;

use std::collections::HashMap;
use std::net::SocketAddr;

use super::report::{At, Report, nearest};
use super::units::show_size;
use super::{Backend, Device, FileBackend, Kind, Manifest, Target};

/// Runs every check that needs more than one table.
pub fn cross_references(manifest: &Manifest, report: &mut Report) {
    unique("service", manifest.services.iter().map(|service| &service.name), report);
    unique("device", manifest.devices.iter().map(|device| &device.name), report);
    unique("target", manifest.targets.iter().map(|target| &target.name), report);
    one_core(manifest, report);
    for device in &manifest.devices {
        refers_to(manifest, &device.service, Kind::Vdisk, report);
        sizes(device, report);
    }
    for target in &manifest.targets {
        refers_to(manifest, &target.service, Kind::Iscsi, report);
        access::luns(manifest, target, report);
    }
    access::relative_ports(manifest, report);
    access::alua(manifest, report);
    access::identifiers(manifest, report);
    access::ports(manifest, report);
    portals(manifest, report);
    files(manifest, report);
    // A mistyped reference would make what it means look unused.
    if !report.has_errors() {
        unused(manifest, report);
    }
}

fn unique<'a>(what: &str, names: impl Iterator<Item = &'a At<String>>, report: &mut Report) {
    let mut seen = HashMap::new();
    for name in names {
        let first = seen.entry(name.value.as_str()).or_insert(name);
        if !std::ptr::eq(*first, name) {
            let span = if name.span.is_empty() { &first.span } else { &name.span };
            report.error(
                span,
                format!("there are two {what}s {:?}", name.value),
                "give one of them another name",
            );
        }
    }
}

fn one_core(manifest: &Manifest, report: &mut Report) {
    for extra in manifest.services.iter().filter(|service| service.kind == Kind::Core).skip(1) {
        report.error(&extra.name.span, "there is more than one core service", "keep one of them");
    }
}

fn refers_to(manifest: &Manifest, reference: &At<String>, kind: Kind, report: &mut Report) {
    let found = manifest.services.iter().find(|service| service.name.value == reference.value);
    if found.is_some_and(|service| service.kind == kind) {
        return;
    }
    let of_kind = manifest.services.iter().filter(|service| service.kind == kind);
    let hint = nearest(&reference.value, of_kind.map(|service| service.name.value.as_str()));
    let what = match found {
        Some(service) => {
            format!("service {:?} is a {} service, not {}", reference.value, service.kind.word(), kind.word())
        }
        None => format!("there is no service {:?}", reference.value),
    };
    report.error(&reference.span, what, hint);
}

/// The size as far as the manifest says it.
fn sizes(device: &Device, report: &mut Report) {
    let size = match &device.backend {
        Backend::File(FileBackend { size: None, .. }) => return,
        Backend::File(FileBackend { size: Some(size), .. }) | Backend::Null { size } => size,
        Backend::Fault(fault) if fault.file.as_ref().is_some_and(|file| file.size.is_none()) => return,
        Backend::Fault(fault) => &fault.size,
        Backend::Cdrom(_) => return,
    };
    whole_blocks(device, size, report);
    if matches!(&device.backend, Backend::Fault(fault) if fault.file.is_none()) && size.value > 4 << 30 {
        report.error(&size.span, "the memory of a fault device is too large", "write \"4GiB\" or less");
    }
}

/// Reports a size that is not a whole, positive number of blocks.
pub fn whole_blocks(device: &Device, size: &At<u64>, report: &mut Report) {
    let block = u64::from(device.block_size);
    let below = size.value / block * block;
    if size.value < block {
        let what =
            format!("device {:?} has {}: less than one block", device.name.value, show_size(size.value));
        report.error(&size.span, what, format!("make it {} or more", show_size(block)));
    } else if size.value != below {
        let what = format!("{} are not whole blocks of {}", show_size(size.value), show_size(block));
        report.error(&size.span, what, format!("make it {below} or {}", below.saturating_add(block)));
    }
}

/// True when one of the two listening sockets would take the other's connections.
fn overlap(a: &SocketAddr, b: &SocketAddr) -> bool {
    let same_family = a.is_ipv4() == b.is_ipv4();
    a.port() == b.port()
        && same_family
        && (a.ip() == b.ip() || a.ip().is_unspecified() || b.ip().is_unspecified())
}

fn portals(manifest: &Manifest, report: &mut Report) {
    let mut seen: Vec<(&Target, &At<SocketAddr>)> = Vec::new();
    for target in &manifest.targets {
        for portal in &target.portals {
            // Targets of one service share its listening socket, so only the very same address may come again.
            let clash = seen.iter().find(|(other, before)| {
                let shared = before.value == portal.value && other.service.value == target.service.value;
                overlap(&before.value, &portal.value) && (!shared || std::ptr::eq(*other, target))
            });
            if let Some((other, before)) = clash {
                let span = if portal.span.is_empty() { &target.name.span } else { &portal.span };
                let what = format!(
                    "portal {} is taken by {} of target {:?}",
                    portal.value, before.value, other.name.value
                );
                report.error(span, what, "use another port");
            }
            seen.push((target, portal));
        }
    }
}

fn files(manifest: &Manifest, report: &mut Report) {
    let mut seen: HashMap<_, &Device> = HashMap::new();
    for device in &manifest.devices {
        let Some(file) = device.backend.file() else { continue };
        let key = std::fs::canonicalize(&file.path.value).unwrap_or_else(|_| file.path.value.clone());
        let first = seen.entry(key).or_insert(device);
        let shareable = first.read_only && device.read_only;
        if !std::ptr::eq(*first, device) && !shareable {
            let what = format!("device {:?} already uses this file", first.name.value);
            report.error(&file.path.span, what, "give each device a file of its own, or make both read_only");
        }
    }
}

fn unused(manifest: &Manifest, report: &mut Report) {
    for service in &manifest.services {
        let name = &service.name;
        let used = match service.kind {
            Kind::Core => true,
            Kind::Vdisk => manifest.devices.iter().any(|device| device.service.value == name.value),
            Kind::Iscsi => manifest.targets.iter().any(|target| target.service.value == name.value),
        };
        if !used {
            let what = format!("nothing uses service {:?}", name.value);
            report.warning(&name.span, what, "name it in a device or a target, or remove it");
        }
    }
    for device in &manifest.devices {
        let mut entries = manifest.targets.iter().flat_map(Target::all_luns);
        if !entries.any(|entry| entry.device.value == device.name.value) {
            let what = format!("no target has device {:?}", device.name.value);
            report.warning(&device.name.span, what, "add it to the luns of a [[target]]");
        }
    }
    if manifest.targets.is_empty() {
        let hint = "add a [[target]] with a name and luns";
        report.warning(&(0..0), "the manifest has no target: no initiator can reach anything", hint);
    }
}

impl Backend {
    /// The file below the backend, if there is one.
    pub fn file(&self) -> Option<&FileBackend> {
        match self {
            Backend::File(file) => Some(file),
            Backend::Fault(fault) => fault.file.as_ref(),
            Backend::Cdrom(image) => image.as_ref(),
            Backend::Null { .. } => None,
        }
    }
}
