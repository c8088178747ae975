//! `bulkhead crash-point` without arguments: the points there are.

use ipc::crash::{POINTS, Process, When};

/// Name, when, and who passes it, a line a point.
pub fn table() -> String {
    let mut text = String::new();
    for row in POINTS {
        let of: Vec<&str> = row.of.iter().map(|process| word(*process)).collect();
        let when = match row.when {
            When::Work => "work",
            When::Start => "start",
        };
        text += &format!("{} {when} {}\n", row.name, of.join(","));
    }
    text
}

/// The kind of a process, as manifests call it.
fn word(process: Process) -> &'static str {
    match process {
        Process::Core => "core",
        Process::Iscsi => "iscsi",
        Process::Vdisk => "vdisk",
        Process::Supervisor => "supervisor",
    }
}
