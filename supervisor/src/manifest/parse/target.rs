//! `[[target]]`: an iSCSI target, its portals and its LUN map.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use toml::de::DeValue;

use super::super::names::{check_alias, check_iscsi_name};
use super::super::read::{Table, number_of, wrong_type};
use super::super::report::{At, Report};
use super::super::{Kind, LunEntry, Service, Target};
use super::service;

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
    let luns = table.array("luns", report);
    let luns = table.require(luns, "luns", "luns = [{ lun = 0, device = \"disk0\" }]", report);
    let luns = luns.unwrap_or_default().into_iter().filter_map(|element| match element.get_ref() {
        DeValue::Table(entry) => lun_entry(Table::new("an entry of luns", element.span(), entry), report),
        other => {
            wrong_type(report, element, "luns", "tables, such as { lun = 0, device = \"disk0\" }", other)
        }
    });
    let luns = luns.collect();
    table.finish(report);
    Some(Target { name: name?, alias, service: service?, portals, tag, luns })
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

fn lun_entry(mut table: Table<'_>, report: &mut Report) -> Option<LunEntry> {
    // 16383 is the last number of the flat space addressing method (SAM-5 4.7.7.3).
    let lun = table.get("lun").and_then(|found| number_of("lun", found, 0..=16383, report));
    let lun = table.require(lun, "lun", "lun = 0", report);
    let device = table.string("device", report);
    let device = table.require(device, "device", "device = \"disk0\"", report);
    table.finish(report);
    let (lun, device) = (lun?, device?);
    Some(LunEntry { lun: At::new(lun.value as u16, lun.span), device })
}
