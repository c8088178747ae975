//! `[[service]]`: its keys and defaults, the services that a small manifest leaves out, and references to services.

use super::super::names::check_plain_name;
use super::super::read::{Table, number_of};
use super::super::report::{At, Report, nearest};
use super::super::{Kind, Service, Transport};
use crate::policy::Policy;

impl Service {
    /// A service as it is when the manifest says nothing about it.
    fn implied(kind: Kind) -> Self {
        Service {
            kind,
            name: At::implied(kind.word().to_owned()),
            policy: Policy::default(),
            poll_us: 50,
            cpus: Vec::new(),
            nofile: 65_536,
            address_space: None,
            log: "info".to_owned(),
            transport: Transport {
                arena: 64 << 20,
                max_connections: 256,
                queue_depth: 128,
                nop_interval_s: 15,
            },
            copy_arena: 16 << 20,
            workers: 4,
            buffers: 16 << 20,
        }
    }
}

/// Reads one table.
pub fn read(mut table: Table<'_>, report: &mut Report) -> Option<Service> {
    let kind = kind(&mut table, report);
    // Without a usable kind the other keys are read all the same, for their own mistakes.
    let mut service = Service::implied(kind.unwrap_or(Kind::Core));
    if let Some(name) = table.checked_string("name", report, check_plain_name) {
        service.name = name;
    }
    restart(&mut table, &mut service.policy, report);
    set(&mut service.poll_us, table.number("poll_us", 0..=100_000, report));
    service.cpus = cpus(&mut table, report);
    if let Some(mut limits) = table.table("limits", report) {
        service.nofile = limits.number("nofile", 64..=1 << 20, report).map_or(service.nofile, |n| n.value);
        service.address_space = limits.size("address_space", report).map(|size| size.value);
        limits.finish(report);
    }
    if let Some(log) = table.string("log", report) {
        service.log = log.value;
    }
    if kind.is_none_or(|kind| kind == Kind::Iscsi) {
        transport(&mut table, &mut service.transport, report);
    }
    if kind == Some(Kind::Core) {
        arena(&mut table, &mut service.copy_arena, report);
    }
    if kind.is_none_or(|kind| kind == Kind::Vdisk) {
        set(&mut service.workers, table.number("workers", 1..=256, report));
        service.buffers = buffers(&mut table, report).unwrap_or(service.buffers);
    }
    table.finish(report);
    kind.map(|_| service)
}

fn kind(table: &mut Table<'_>, report: &mut Report) -> Option<Kind> {
    let word = table.string("kind", report);
    let word = table.require(word, "kind", "kind = \"core\", \"iscsi\" or \"vdisk\"", report)?;
    let kind = Kind::ALL.into_iter().find(|kind| kind.word() == word.value);
    if kind.is_none() {
        let hint = nearest(&word.value, Kind::ALL.map(Kind::word));
        report.error(&word.span, format!("there is no kind of service {:?}", word.value), hint);
    }
    kind
}

fn buffers(table: &mut Table<'_>, report: &mut Report) -> Option<u64> {
    let size = table.size("buffers", report)?;
    if !(1 << 20..=1 << 30).contains(&size.value) {
        report.error(&size.span, "buffers has no usable size", "write a size from \"1MiB\" to \"1GiB\"");
    }
    Some(size.value)
}

fn set(value: &mut u32, given: Option<At<u64>>) {
    if let Some(given) = given.and_then(|given| u32::try_from(given.value).ok()) {
        *value = given;
    }
}

fn arena(table: &mut Table<'_>, bytes: &mut u64, report: &mut Report) {
    let Some(arena) = table.size("arena", report) else { return };
    if !(1 << 20..=64 << 30).contains(&arena.value) || !arena.value.is_multiple_of(1 << 20) {
        report.error(&arena.span, "arena has no usable size", "write whole MiB from \"1MiB\" to \"64GiB\"");
    }
    *bytes = arena.value;
}

fn transport(table: &mut Table<'_>, transport: &mut Transport, report: &mut Report) {
    arena(table, &mut transport.arena, report);
    set(&mut transport.max_connections, table.number("max_connections", 1..=65_536, report));
    // A link holds 1024 requests; a session must leave room for the others.
    set(&mut transport.queue_depth, table.number("queue_depth", 1..=512, report));
    if let Some(interval) = table.duration("nop_interval", report) {
        transport.nop_interval_s = interval.value.as_millis().div_ceil(1000).try_into().unwrap_or(u32::MAX);
    }
}

fn restart(table: &mut Table<'_>, policy: &mut Policy, report: &mut Report) {
    let Some(mut table) = table.table("restart", report) else { return };
    for (key, value) in [
        ("min_run", &mut policy.min_run),
        ("min_delay", &mut policy.min_delay),
        ("max_delay", &mut policy.max_delay),
        ("window", &mut policy.window),
    ] {
        *value = table.duration(key, report).map_or(*value, |given| given.value);
    }
    set(&mut policy.budget, table.number("budget", 0..=1_000_000, report));
    if policy.min_delay > policy.max_delay {
        report.error(&table.span(), "min_delay is longer than max_delay", "raise max_delay");
    }
    table.finish(report);
}

fn cpus(table: &mut Table<'_>, report: &mut Report) -> Vec<u32> {
    let elements = table.array("cpus", report).unwrap_or_default();
    let numbers = elements.into_iter().filter_map(|element| number_of("cpus", element, 0..=1023, report));
    numbers.map(|number| number.value as u32).collect()
}

/// Reads `service = ...` of a device or target. It can be left out where only one service can be meant.
pub fn reference(
    table: &mut Table<'_>,
    services: &[Service],
    kind: Kind,
    report: &mut Report,
) -> Option<At<String>> {
    let given = table.string("service", report).or_else(|| {
        let mut of_kind = services.iter().filter(|service| service.kind == kind);
        match (of_kind.next(), of_kind.next()) {
            (None, _) => Some(At::implied(kind.word().to_owned())),
            (Some(service), None) => Some(At::implied(service.name.value.clone())),
            _ => None,
        }
    });
    let example = format!("service = the name of one of the {} services", kind.word());
    table.require(given, "service", &example, report)
}

/// Adds the services that a small manifest leaves out.
pub fn add_implied(services: &mut Vec<Service>, devices: bool, targets: bool) {
    for (kind, needed) in [(Kind::Core, true), (Kind::Iscsi, targets), (Kind::Vdisk, devices)] {
        if needed && !services.iter().any(|service| service.kind == kind) {
            services.push(Service::implied(kind));
        }
    }
}
