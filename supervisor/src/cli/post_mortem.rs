//! `bulkhead post-mortem`: the end of a service for a person.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::admin::{Request, client};
use crate::post_mortem::{Line, PostMortem};

/// Asks and shows.
pub fn post_mortem(run_dir: &Path, name: String, lines: usize, json: bool) -> Result<ExitCode> {
    let reply = client::ask(run_dir, &Request::PostMortem { name, lines })?;
    let Some(told) = reply.post_mortem.filter(|_| reply.ok) else { bail!("{}", reply.text) };
    match json {
        true => println!("{}", serde_json::to_string_pretty(&told)?),
        false => super::say(&text(&told)),
    }
    Ok(ExitCode::SUCCESS)
}

fn text(told: &PostMortem) -> String {
    let mut out = told.service.clone();
    if let Some(incarnation) = told.incarnation {
        out.push_str(&format!(", start {}", incarnation + 1));
    }
    if let Some(pid) = told.pid {
        out.push_str(&format!(", process {pid}"));
    }
    match &told.death {
        None => out.push_str(" has not died; what it does now:\n"),
        Some(death) => {
            out.push_str(&format!(": {}\n", death.cause));
            out.extend(death.last_lines.iter().map(|line| format!("  log: {line}\n")));
        }
    }
    out.extend(told.meaning.iter().map(|meaning| format!("  {meaning}\n")));
    out.extend(told.without.iter().map(|why| format!("  nothing is recorded: {why}\n")));
    if let Some(panic) = &told.panic {
        out.push_str("\npanic:\n");
        out.extend(panic.lines().map(|line| format!("  {line}\n")));
    }
    section(&mut out, "taken and not answered", &told.in_hand);
    section(&mut out, "asked and not answered", &told.asked);
    section(&mut out, "last (seconds before the end)", &told.last);
    out
}

fn section(out: &mut String, title: &str, lines: &[Line]) {
    if lines.is_empty() {
        return;
    }
    out.push_str(&format!("\n{title}:\n"));
    for line in lines {
        let name = line.command.as_deref().unwrap_or("");
        let bytes = if line.bytes.is_empty() { String::new() } else { format!(" [{}]", line.bytes) };
        out.push_str(&format!(
            "  {:>12.6}  {:<8}  {} nexus {} task {}: {name}{bytes} {}\n",
            line.before_s, line.what, line.kind, line.nexus, line.serial, line.about
        ));
    }
}
