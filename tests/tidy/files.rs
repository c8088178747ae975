//! Rules for single files.

use std::path::Path;
use std::process::Command;

use anyhow::ensure;
use harness::binaries::repository;

use super::none;

/// Files that may have unsafe code, each with the reason at its head.
const UNSAFE: [&str; 10] = [
    "ipc/tests/shared/counting.rs",
    "ipc/src/shm.rs",
    "ipc/src/io.rs",
    "ipc/src/channel.rs",
    "ipc/src/sync.rs",
    "ipc/src/tcp.rs",
    "ipc/src/wait.rs",
    "ipc/tests/loom_ring.rs",
    "vdisk-svc/src/backend/fiemap.rs",
    "vdisk-svc/src/engine/uring.rs",
];

/// Files that are tables, and longer for it.
const TABLES: [&str; 1] = ["scsi/src/opcode/table.rs"];

/// The longest file, in lines.
const LONGEST: usize = 500;

/// Every file that is committed or about to be.
pub fn all() -> anyhow::Result<Vec<String>> {
    let mut git = Command::new("git");
    git.args(["ls-files", "--cached", "--others", "--exclude-standard"]).current_dir(repository());
    let output = git.output()?;
    ensure!(output.status.success(), "git ls-files: {}", String::from_utf8_lossy(&output.stderr));
    let names = String::from_utf8(output.stdout)?;
    Ok(names.lines().filter(|name| repository().join(name).exists()).map(str::to_owned).collect())
}

/// Rust files with their text.
pub fn rust() -> anyhow::Result<Vec<(String, String)>> {
    let names = all()?.into_iter().filter(|name| name.ends_with(".rs"));
    names
        .map(|name| Ok((std::fs::read_to_string(repository().join(&name))?, name)))
        .map(|it| it.map(|(a, b)| (b, a)))
        .collect()
}

/// `//!`: what this is, what it trusts, where a reader goes next.
pub fn heads() -> anyhow::Result<()> {
    let without = rust()?.into_iter().filter(|(_, text)| !text.starts_with("//! "));
    none(without.map(|(name, _)| format!("{name}: begins without //!")).collect())
}

/// Lines, not counting the tests that a file may still have in it.
pub fn lengths() -> anyhow::Result<()> {
    let mut findings = Vec::new();
    for (name, text) in rust()? {
        let own = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or(&text);
        let lines = own.lines().count();
        if lines > LONGEST && !TABLES.contains(&name.as_str()) {
            findings.push(format!("{name}: {lines} lines; split it, {LONGEST} is the ceiling"));
        }
    }
    none(findings)
}

/// `foo.rs` and `foo/`, not `foo/mod.rs`.
pub fn no_mod_rs() -> anyhow::Result<()> {
    let wrong = all()?.into_iter().filter(|name| name.ends_with("/mod.rs"));
    none(wrong.map(|name| format!("{name}: call it after its folder")).collect())
}

/// The code of a file: without comments and without what stands in strings.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .map(|line| line.split("//").next().unwrap_or(line))
        .map(|line| line.split('"').next().unwrap_or(line))
}

/// The keyword in code; `unsafe_code` in an attribute is another word.
pub fn unsafe_code() -> anyhow::Result<()> {
    let is_word =
        |line: &str| line.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == "unsafe");
    let mut findings = Vec::new();
    for (name, text) in rust()? {
        if !UNSAFE.contains(&name.as_str()) && code(&text).any(is_word) {
            findings.push(format!("{name}: unsafe code; it belongs into one of {UNSAFE:?}"));
        }
    }
    none(findings)
}

/// Nothing that is made, nothing that a run left, nothing that nobody can read.
pub fn products() -> anyhow::Result<()> {
    let made = ["log", "img", "so", "a", "o", "rlib", "rmeta", "orig", "rej", "bak", "pyc", "profraw"];
    let of_kind =
        |name: &str| Path::new(name).extension().is_some_and(|kind| made.iter().any(|it| kind == *it));
    let mut findings = Vec::new();
    for name in all()? {
        let bytes = std::fs::read(repository().join(&name))?;
        if of_kind(&name) || name.starts_with("target/") {
            findings.push(format!("{name}: is not a source"));
        } else if bytes.contains(&0) && !name.contains("fuzz/corpus/") {
            findings.push(format!("{name}: is not text"));
        }
    }
    none(findings)
}

/// The crate is unmaintained: its one place is `ipc/src/message/codec.rs`, so that it can be replaced.
pub fn bincode() -> anyhow::Result<()> {
    let uses = |text: &str| code(text).any(|line| line.contains("bincode"));
    let others = rust()?.into_iter().filter(|(name, text)| {
        uses(text) && !name.starts_with("ipc/src/message/codec") && !name.starts_with("tests/tidy/")
    });
    none(others.map(|(name, _)| format!("{name}: uses bincode")).collect())
}

/// A test that cannot run says so when it runs.
pub fn ignored() -> anyhow::Result<()> {
    let marked = rust()?
        .into_iter()
        .filter(|(_, text)| code(text).any(|line| line.trim_start().starts_with("#[ignore")));
    none(marked.map(|(name, _)| format!("{name}: has an ignored test")).collect())
}
