//! Draws a plan: initiators, portals, processes, links and devices, as Mermaid (for a README) or dot (for Graphviz).

use std::fmt::Write;

use crate::plan::{Medium, Plan, UnitPlan};

/// The language of a drawing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Mermaid, which forges show inside Markdown.
    Mermaid,
    /// Graphviz.
    Dot,
}

/// The plan as text in `format`.
pub fn draw(plan: &Plan, format: Format) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = match format {
        Format::Mermaid => mermaid(plan, &mut out),
        Format::Dot => dot(plan, &mut out),
    };
    out
}

fn medium(unit: &UnitPlan) -> String {
    match &unit.medium {
        Medium::None => "null".to_owned(),
        Medium::File { path, .. } => path.display().to_string(),
        Medium::Memory { .. } => "memory".to_owned(),
    }
}

/// Text inside a quoted label; both languages understand this much.
fn label(text: &str) -> String {
    text.replace('\\', "/").replace('"', "'")
}

fn mermaid(plan: &Plan, out: &mut String) -> std::fmt::Result {
    writeln!(out, "flowchart LR")?;
    writeln!(out, "    initiators([initiators])")?;
    for (number, service) in plan.services.iter().enumerate() {
        writeln!(out, "    s{number}[\"{}<br/>{}\"]", service.config.name, service.kind.binary())?;
    }
    for portal in &plan.portals {
        writeln!(out, "    initiators -- \"{}\" --> s{}", portal.address, portal.service)?;
    }
    for link in &plan.links {
        writeln!(out, "    s{} -- link --> s{}", link.requester, link.responder)?;
    }
    for unit in &plan.units {
        let (name, medium) = (&unit.config.name, label(&medium(unit)));
        writeln!(out, "    s{} --> u{}[(\"{name}<br/>{medium}\")]", unit.service, unit.config.unit)?;
    }
    Ok(())
}

fn dot(plan: &Plan, out: &mut String) -> std::fmt::Result {
    writeln!(out, "digraph bulkhead {{")?;
    writeln!(out, "    rankdir=LR;")?;
    writeln!(out, "    initiators [shape=ellipse];")?;
    for (number, service) in plan.services.iter().enumerate() {
        let (name, binary) = (&service.config.name, service.kind.binary());
        writeln!(out, "    s{number} [shape=box, label=\"{name}\\n{binary}\"];")?;
    }
    for unit in &plan.units {
        let (name, medium) = (&unit.config.name, label(&medium(unit)));
        writeln!(out, "    u{} [shape=cylinder, label=\"{name}\\n{medium}\"];", unit.config.unit)?;
    }
    for portal in &plan.portals {
        writeln!(out, "    initiators -> s{} [label=\"{}\"];", portal.service, portal.address)?;
    }
    for link in &plan.links {
        writeln!(out, "    s{} -> s{} [label=\"link\"];", link.requester, link.responder)?;
    }
    for unit in &plan.units {
        writeln!(out, "    s{} -> u{};", unit.service, unit.config.unit)?;
    }
    writeln!(out, "}}")
}

#[cfg(test)]
mod tests;
