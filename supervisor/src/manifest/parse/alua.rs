//! `[alua]`, `[[port_group]]` and `[[device_group]]`.

use ipc::message::config::{AccessManagement, AccessState};
use toml::de::DeValue;

use super::super::access::{Alua, DeviceGroup, MODES, PortGroup, STATES, state_word};
use super::super::names::check_plain_name;
use super::super::read::{Table, wrong_type};
use super::super::report::{At, Report, Span, nearest};

/// Reads all of them.
pub fn read(root: &mut Table<'_>, report: &mut Report) -> Alua {
    let mut alua = Alua::default();
    if let Some(mut table) = root.table("alua", report) {
        alua.mode = mode(&mut table, report);
        table.finish(report);
    }
    for table in root.tables("port_group", report) {
        alua.port_groups.extend(port_group(table, report));
    }
    for table in root.tables("device_group", report) {
        alua.device_groups.extend(device_group(table, report));
    }
    alua
}

fn mode(table: &mut Table<'_>, report: &mut Report) -> Option<At<AccessManagement>> {
    let word = table.string("mode", report)?;
    let found = MODES.into_iter().find(|(name, _)| *name == word.value);
    if found.is_none() {
        let hint = nearest(&word.value, MODES.map(|(name, _)| name));
        report.error(&word.span, format!("there is no mode {:?}", word.value), hint);
    }
    Some(At::new(found?.1, word.span))
}

fn state_of(word: &str, span: &Span, report: &mut Report) -> Option<AccessState> {
    let found = STATES.into_iter().find(|state| state_word(*state) == word);
    if found.is_none() {
        let hint = nearest(word, STATES.map(state_word));
        report.error(span, format!("there is no state {word:?}"), hint);
    }
    found
}

fn port_group(mut table: Table<'_>, report: &mut Report) -> Option<PortGroup> {
    let span = table.span();
    let id = table.number("id", 1..=65535, report);
    let id = table.require(id, "id", "id = 1", report);
    let name = table.checked_string("name", report, check_plain_name);
    let name = table.require(name, "name", "name = \"left\"", report);
    let targets = table.strings("targets", report).unwrap_or_default();
    let remote_ports = table.numbers("remote_ports", 1..=65535, report).unwrap_or_default();
    let remote_ports = remote_ports.into_iter().map(|port| At::new(port.value as u16, port.span)).collect();
    let word = table.string("state", report);
    let state = word.and_then(|word| state_of(&word.value, &word.span, report)).unwrap_or_default();
    let preferred = table.boolean("preferred", report).is_some_and(|flag| flag.value);
    table.finish(report);
    let id = id.map(|id| At::new(id.value as u16, id.span))?;
    Some(PortGroup { id, name: name?, targets, remote_ports, state, preferred, span })
}

fn device_group(mut table: Table<'_>, report: &mut Report) -> Option<DeviceGroup> {
    let name = table.checked_string("name", report, check_plain_name);
    let name = table.require(name, "name", "name = \"databases\"", report);
    let devices = table.strings("devices", report);
    let devices = table.require(devices, "devices", "devices = [\"disk0\"]", report);
    let mode = mode(&mut table, report).map(|mode| mode.value);
    let states = states(&mut table, report);
    let preferred = table.strings("preferred", report);
    table.finish(report);
    Some(DeviceGroup { name: name?, devices: devices.unwrap_or_default(), mode, states, preferred })
}

/// `states = { left = "standby", right = "active" }`: the keys are names of port groups.
fn states(table: &mut Table<'_>, report: &mut Report) -> Vec<(At<String>, AccessState)> {
    let Some(found) = table.get("states") else { return Vec::new() };
    let wanted = "a table, such as { left = \"standby\", right = \"active\" }";
    let DeValue::Table(entries) = found.get_ref() else {
        wrong_type::<()>(report, found, "states", wanted, found.get_ref());
        return Vec::new();
    };
    let mut states = Vec::new();
    for (name, value) in entries.iter() {
        let DeValue::String(word) = value.get_ref() else {
            wrong_type::<()>(report, value, name.get_ref(), "a state, such as \"standby\"", value.get_ref());
            continue;
        };
        if let Some(state) = state_of(word, &value.span(), report) {
            states.push((At::new(name.get_ref().to_string(), name.span()), state));
        }
    }
    states
}
