//! Rules for crates, read from their manifests.

use std::collections::BTreeMap;
use std::process::Command;

use anyhow::{Context, ensure};
use harness::binaries::repository;
use serde::Deserialize;

use super::none;

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    manifest_path: String,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    kind: Option<String>,
    path: Option<String>,
}

/// What each crate may depend on of this workspace: services on the vocabulary and on what crosses a process boundary,
/// never on one another; the supervisor knows no SCSI; what crosses a boundary knows nobody.
fn allowed() -> BTreeMap<&'static str, &'static [&'static str]> {
    BTreeMap::from([
        ("scsi", &[][..]),
        ("ipc", &[][..]),
        ("supervisor", &["ipc"][..]),
        ("core-svc", &["ipc", "scsi"][..]),
        ("vdisk-svc", &["ipc", "scsi"][..]),
        ("iscsi-svc", &["ipc", "scsi"][..]),
        ("bulkhead-tests", &[][..]),
    ])
}

fn packages() -> anyhow::Result<Vec<Package>> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
    cargo.args(["metadata", "--no-deps", "--offline", "--format-version", "1"]).current_dir(repository());
    let output = cargo.output()?;
    ensure!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    Ok(serde_json::from_slice::<Metadata>(&output.stdout)?.packages)
}

/// `[dependencies]` of this workspace's own crates. Tests may use more than what is shipped.
pub fn dependencies() -> anyhow::Result<()> {
    let allowed = allowed();
    let mut findings = Vec::new();
    for package in packages()? {
        let allowed = allowed.get(package.name.as_str());
        let allowed =
            allowed.with_context(|| format!("crate {} is new: say what it may use", package.name))?;
        for dependency in package.dependencies.iter().filter(|it| it.path.is_some() && it.kind.is_none()) {
            if !allowed.contains(&dependency.name.as_str()) {
                findings.push(format!("{} must not depend on {}", package.name, dependency.name));
            }
        }
    }
    none(findings)
}

/// `lints.workspace = true`
pub fn lints() -> anyhow::Result<()> {
    let mut findings = Vec::new();
    for package in packages()? {
        let text = std::fs::read_to_string(&package.manifest_path)?;
        if !text.contains("[lints]\nworkspace = true") {
            findings.push(format!("{}: add [lints] workspace = true", package.manifest_path));
        }
    }
    none(findings)
}

/// A version stands once. The test crate may have libraries of its own.
pub fn versions() -> anyhow::Result<()> {
    let mut findings = Vec::new();
    for package in packages()?.iter().filter(|package| package.name != "bulkhead-tests") {
        let text = std::fs::read_to_string(&package.manifest_path)?;
        let sections = text.split("\n[").filter(|section| section.contains("dependencies]"));
        for line in sections.flat_map(str::lines).filter(|line| line.contains('=') && !line.starts_with('#'))
        {
            if !line.contains("workspace = true") {
                findings.push(format!("{}: {line}", package.manifest_path));
            }
        }
    }
    none(findings)
}
