//! `bulkhead why`: where the commands of a logical unit are, for a person.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::admin::{Request, client};
use crate::why::{Command, Why};

/// Asks and shows.
pub fn why(run_dir: &Path, target: String, lun: u16, json: bool) -> Result<ExitCode> {
    let reply = client::ask(run_dir, &Request::Why { target, lun })?;
    let Some(told) = reply.why.filter(|_| reply.ok) else { bail!("{}", reply.text) };
    match json {
        true => println!("{}", serde_json::to_string_pretty(&told)?),
        false => super::say(&text(&told)),
    }
    Ok(ExitCode::SUCCESS)
}

/// The answer as text.
pub(super) fn text(told: &Why) -> String {
    let mut out = format!("{} LUN {}: device {}\n", told.target, told.lun, told.devices.join(" or "));
    for service in &told.services {
        let process = service.pid.map(|pid| format!(", process {pid}")).unwrap_or_default();
        let trouble = match service.trouble.as_str() {
            "" => "serves",
            trouble => trouble,
        };
        out.push_str(&format!("  {}{process}: {trouble}\n", service.service));
    }
    if told.core_silent {
        out.push_str("\nthe core does not answer, so nobody knows all; what it had taken and not answered, of all devices:\n");
        if told.recorded.is_empty() {
            out.push_str("  nothing is recorded\n");
        }
        for line in &told.recorded {
            let name = line.command.as_deref().unwrap_or(&line.kind);
            out.push_str(&format!(
                "  {:>10.3} s  {name} [{}] nexus {} task {}, {}\n",
                line.before_s, line.bytes, line.nexus, line.serial, line.about
            ));
        }
        return out;
    }
    if told.commands.is_empty() {
        out.push_str("\nno command is in flight\n");
        return out;
    }
    out.push_str("\nin flight, oldest first:\n");
    out.extend(told.commands.iter().map(command));
    if told.left_out > 0 {
        out.push_str(&format!("  and {} younger ones\n", told.left_out));
    }
    out
}

fn command(command: &Command) -> String {
    let age = command.age_s.map_or_else(|| "?".to_owned(), |age| format!("{age:.3}"));
    let part = match command.part.as_str() {
        "copy manager" => " (copy manager)",
        _ => "",
    };
    format!(
        "  {age:>10} s  {}{part} has {} {} [{}]\n                {}\n                from {} to {} (nexus {} of {}, task {})\n",
        command.holder,
        command.attribute,
        command.command,
        command.cdb,
        command.why,
        command.initiator,
        command.target,
        command.nexus,
        command.transport,
        command.serial
    )
}
