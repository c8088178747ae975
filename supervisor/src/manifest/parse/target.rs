//! `[[target]]`: an iSCSI target, its portals and its LUN maps.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use ipc::message::config::LunAddressing;
use toml::de::DeValue;

use super::super::names::{check_alias, check_iscsi_name};
use super::super::read::{Table, wrong_type};
use super::super::report::{At, Report, nearest};
use super::super::{Kind, Service, Target};
use super::{access, service};

/// The portal of a target that names none: reachable from this machine only, for there is no authentication yet.
const PORTAL: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 3260);

/// Reads one table.
pub fn read(mut table: Table<'_>, services: &[Service], report: &mut Report) -> Option<Target> {
    let name = table.checked_string("name", report, check_iscsi_name);
    let name = table.require(name, "name", "name = \"iqn.2026-11.org.example:disks\"", report);
    let alias = table.checked_string("alias", report, check_alias).map(|alias| alias.value);
    let service = service::reference(&mut table, services, Kind::Iscsi, report);
    let portals = portals(&mut table, report);
    let tag = table.number("tag", 1..=65535, report).map_or(1, |tag| tag.value as u16);
    let relative_port = table.number("relative_port", 1..=65535, report);
    let relative_port = relative_port.map(|port| At::new(port.value as u16, port.span));
    let mut depth = |key| table.number(key, 1..=65_536, report).map_or(0, |depth| depth.value as u32);
    let (queue_depth, lun_queue_depth) = (depth("queue_depth"), depth("lun_queue_depth"));
    let addressing = addressing(&mut table, report);
    let luns = access::luns(&mut table, report);
    let groups = table.tables("access_group", report);
    let mut access_groups = Vec::new();
    for group in groups {
        access_groups.extend(access::access_group(group, report));
    }
    // A target that shows everybody its own LUNs need not have any for the rest.
    let needed = access_groups.is_empty() && luns.is_none();
    let luns = match needed {
        true => table.require(luns, "luns", "luns = [{ lun = 0, device = \"disk0\" }]", report),
        false => luns,
    };
    table.finish(report);
    Some(Target {
        name: name?,
        alias,
        service: service?,
        portals,
        tag,
        relative_port,
        queue_depth,
        lun_queue_depth,
        addressing,
        luns: luns.unwrap_or_default(),
        access_groups,
    })
}

fn addressing(table: &mut Table<'_>, report: &mut Report) -> LunAddressing {
    const METHODS: [(&str, LunAddressing); 3] = [
        ("peripheral", LunAddressing::Peripheral),
        ("flat", LunAddressing::Flat),
        ("logical_unit", LunAddressing::LogicalUnit),
    ];
    let Some(word) = table.string("lun_addressing", report) else { return LunAddressing::default() };
    let found = METHODS.into_iter().find(|(name, _)| *name == word.value);
    if found.is_none() {
        let hint = nearest(&word.value, METHODS.map(|(name, _)| name));
        report.error(&word.span, format!("there is no lun_addressing {:?}", word.value), hint);
    }
    found.map(|(_, method)| method).unwrap_or_default()
}

fn portals(table: &mut Table<'_>, report: &mut Report) -> Vec<At<SocketAddr>> {
    let Some(elements) = table.array("portals", report) else { return vec![At::implied(PORTAL)] };
    if elements.is_empty() {
        report.error(&table.span(), "portals is empty", "write portals = [\"127.0.0.1:3260\"]");
    }
    let mut portals = Vec::new();
    for element in elements {
        let DeValue::String(text) = element.get_ref() else {
            let wanted = "strings, such as \"127.0.0.1:3260\"";
            wrong_type::<()>(report, element, "portals", wanted, element.get_ref());
            continue;
        };
        match text.parse::<SocketAddr>() {
            Ok(address) if address.port() != 0 => portals.push(At::new(address, element.span())),
            _ => {
                let hint = "write an address and a port, such as \"127.0.0.1:3260\" or \"[::1]:3260\"";
                report.error(&element.span(), format!("portal {text:?} cannot be used"), hint);
            }
        }
    }
    portals
}
