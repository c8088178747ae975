//! Knows the keys of a manifest and their defaults. Anything wrong is reported and replaced by the default, so that the
//! cross checks can run over what is left; a manifest with an error is never used.

mod access;
mod alua;
mod device;
mod service;
mod target;
mod traits;

use std::path::Path;
use std::time::Duration;

use toml::de::DeTable;

use super::names::check_url;
use super::read::Table;
use super::report::Report;
use super::{Manifest, Settings};

/// Reads the whole text.
pub fn manifest(text: &str, base: &Path, report: &mut Report) -> Manifest {
    let (root, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let span = error.span().unwrap_or(0..0);
        report.error(&span, format!("this is not TOML: {}", error.message()), "");
    }
    let mut root = Table::new("the manifest", root.span(), root.get_ref());
    let settings = settings(&mut root, base, report);
    let mut services = Vec::new();
    for table in root.tables("service", report) {
        services.extend(service::read(table, report));
    }
    let mut devices = Vec::new();
    for table in root.tables("device", report) {
        devices.extend(device::read(table, base, &services, report));
    }
    let mut targets = Vec::new();
    for table in root.tables("target", report) {
        targets.extend(target::read(table, &services, report));
    }
    let alua = alua::read(&mut root, report);
    // After a syntax error half a table may look like an unknown key: one message is enough.
    if errors.is_empty() {
        root.finish(report);
    }
    service::add_implied(&mut services, !devices.is_empty(), !targets.is_empty());
    Manifest { settings, services, devices, targets, alua }
}

fn settings(root: &mut Table<'_>, base: &Path, report: &mut Report) -> Settings {
    let mut settings = Settings {
        run_dir: None,
        state_dir: None,
        hold_limit: Duration::from_secs(30),
        heartbeat_limit: Duration::from_secs(10),
        stop_limit: Duration::from_secs(10),
        log_size: 16 << 20,
        management_url: None,
    };
    let Some(mut table) = root.table("supervisor", report) else { return settings };
    settings.run_dir = table.string("run_dir", report).map(|dir| base.join(dir.value));
    settings.state_dir = table.string("state_dir", report).map(|dir| base.join(dir.value));
    for (key, value) in [
        ("hold_limit", &mut settings.hold_limit),
        ("heartbeat_limit", &mut settings.heartbeat_limit),
        ("stop_limit", &mut settings.stop_limit),
    ] {
        let Some(given) = table.duration(key, report) else { continue };
        *value = given.value;
        // The heartbeat is looked at once a second: a shorter limit would kill services that are well.
        if key == "heartbeat_limit" && given.value < Duration::from_secs(3) {
            report.error(&given.span, "heartbeat_limit is too short", "write \"3s\" or more");
        }
    }
    settings.management_url = table.checked_string("management_url", report, check_url).map(|url| url.value);
    settings.log_size =
        table.size("log_size", report).map_or(settings.log_size, |size| size.value.max(1 << 16));
    table.finish(report);
    settings
}
