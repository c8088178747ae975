//! `bulkhead status` for a person: a table, and below it what needs attention.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::status::{AccessStatus, DeathStatus, DeviceStatus, ServiceStatus, Status};

/// The table.
pub fn table(status: &Status) -> String {
    let mut rows = vec![
        ["NAME", "KIND", "STATE", "PID", "UPTIME", "RESTARTS", "LAST DEATH"].map(str::to_owned).to_vec(),
    ];
    rows.extend(status.services.iter().map(row));
    let mut out = aligned(&rows);
    for service in &status.services {
        let name = &service.name;
        if let Some(reason) = &service.reason {
            out.push_str(&format!("\n{name} is held: {reason}\n  then: bulkhead start {name}\n"));
            let lines = service.last_death.iter().flat_map(|death| &death.last_lines);
            out.extend(lines.map(|line| format!("  log: {line}\n")));
        }
        out.extend(service.problems.iter().map(|problem| format!("\n{name}: {problem}\n")));
    }
    out.extend(status.devices.iter().filter(|device| device.changed).map(changed));
    if !status.access.is_empty() {
        let mut rows = vec![["PORT GROUP", "ID", "DEVICES", "ACCESS", ""].map(str::to_owned).to_vec()];
        rows.extend(status.access.iter().map(access));
        out.push('\n');
        out.push_str(&aligned(&rows));
    }
    out
}

/// Rows of equally many cells, in columns.
fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let widest =
        |column: usize| rows.iter().map(|row: &Vec<String>| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(widest).collect();
    let mut out = String::new();
    for row in rows {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        out.push_str(cells.join("  ").trim_end());
        out.push('\n');
    }
    out
}

fn access(access: &AccessStatus) -> Vec<String> {
    let preferred = if access.preferred { "preferred" } else { "" };
    vec![
        access.port_group.clone(),
        access.id.to_string(),
        access.device_group.clone(),
        access.state.clone(),
        preferred.to_owned(),
    ]
}

fn changed(device: &DeviceStatus) -> String {
    let now = match &device.path {
        Some(path) => format!("its medium is {path}"),
        None => "it has no medium".to_owned(),
    };
    format!("\ndevice {}: {now} until bulkhead is started anew, whatever the manifest says\n", device.name)
}

fn row(service: &ServiceStatus) -> Vec<String> {
    let or_dash = |cell: Option<String>| cell.unwrap_or_else(|| "-".to_owned());
    vec![
        service.name.clone(),
        service.kind.clone(),
        service.state.clone(),
        or_dash(service.pid.map(|pid| pid.to_string())),
        or_dash(service.uptime_s.map(duration)),
        service.restarts.to_string(),
        or_dash(service.last_death.as_ref().map(death)),
    ]
}

fn death(death: &DeathStatus) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    format!("{} ago: {}", duration((now - death.at).max(0.0)), death.cause)
}

/// `5s`, `3m 20s`, `2h 5m`, `4d 1h`.
fn duration(seconds: f64) -> String {
    let seconds = seconds as u64;
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m {}s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{}h {}m", seconds / 3600, seconds / 60 % 60),
        _ => format!("{}d {}h", seconds / 86_400, seconds / 3600 % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::{duration, table};
    use crate::status::{AccessStatus, DeviceStatus, ServiceStatus, Status};

    #[test]
    fn status_of_a_held_service_says_what_to_do() {
        let service = ServiceStatus {
            name: "vdisk".to_owned(),
            kind: "vdisk".to_owned(),
            state: "held".to_owned(),
            reason: Some("too many deaths".to_owned()),
            pid: None,
            uptime_s: None,
            restarts: 10,
            last_death: None,
            problems: vec!["disk0: no".to_owned()],
            counters: Default::default(),
        };
        let status = Status {
            version: String::new(),
            abi: 1,
            state_format: 1,
            program: String::new(),
            programs: String::new(),
            pid: 1,
            uptime_s: 1.0,
            manifest: String::new(),
            run_dir: String::new(),
            board: String::new(),
            services: vec![service],
            devices: vec![
                DeviceStatus {
                    name: "disk0".to_owned(),
                    service: "vdisk".to_owned(),
                    path: Some("/srv/other.img".to_owned()),
                    changed: true,
                },
                DeviceStatus {
                    name: "disk1".to_owned(),
                    service: "vdisk".to_owned(),
                    path: None,
                    changed: false,
                },
            ],
            access: vec![AccessStatus {
                port_group: "left".to_owned(),
                id: 10,
                device_group: "default".to_owned(),
                state: "standby".to_owned(),
                preferred: true,
            }],
            links: Vec::new(),
        };
        let expected = "\
NAME   KIND   STATE  PID  UPTIME  RESTARTS  LAST DEATH
vdisk  vdisk  held   -    -       10        -

vdisk is held: too many deaths
  then: bulkhead start vdisk

vdisk: disk0: no

device disk0: its medium is /srv/other.img until bulkhead is started anew, whatever the manifest says

PORT GROUP  ID  DEVICES  ACCESS
left        10  default  standby  preferred
";
        assert_eq!(table(&status), expected);
    }

    #[test]
    fn durations_are_short() {
        assert_eq!([5.9, 200.0, 7500.0, 349_200.0].map(duration), ["5s", "3m 20s", "2h 5m", "4d 1h"]);
    }
}
