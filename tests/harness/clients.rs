//! Other people's initiators, run as programs: libiscsi's tools and qemu-img. And what to say where they are missing.

use std::io::Read;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};

use crate::{deadline, fio};

/// Something that a test cannot do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// `iscsi-ls`, `iscsi-inq` and `iscsi-test-cu`.
    Libiscsi,
    /// `qemu-img` with its iSCSI driver.
    QemuIscsi,
    /// fio with its libiscsi engine.
    Fio,
}

impl Need {
    /// Why it is not there, and what would bring it.
    pub fn missing(self) -> Option<String> {
        match self {
            Need::Libiscsi => ["iscsi-ls", "iscsi-inq", "iscsi-test-cu"]
                .into_iter()
                .find(|program| !on_path(program))
                .map(|program| format!("{program} is missing: apt-get install libiscsi-bin")),
            Need::QemuIscsi => qemu_missing(),
            Need::Fio => fio::binary().is_none().then(|| {
                "fio with its libiscsi engine is missing: tests/tools/build-fio.sh, as root, builds it"
                    .to_owned()
            }),
        }
    }
}

fn qemu_missing() -> Option<String> {
    if !on_path("qemu-img") {
        return Some("qemu-img is missing: apt-get install qemu-utils".to_owned());
    }
    // Without the driver a URL is refused as an unknown protocol, before anything is connected to.
    let probe = run("qemu-img", &["info", "iscsi://127.0.0.1:1/iqn.2026-11.test:x/0"]);
    let unknown = probe.is_ok_and(|out| String::from_utf8_lossy(&out.stderr).contains("nknown protocol"));
    unknown.then(|| "qemu-img has no iSCSI: apt-get install qemu-block-extra".to_owned())
}

fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join(program).exists())
}

/// Runs a program to its end.
///
/// # Errors
/// It cannot be run.
pub fn run(program: &str, arguments: &[&str]) -> anyhow::Result<Output> {
    Command::new(program).args(arguments).output().with_context(|| format!("running {program}"))
}

/// Runs a program that may hang: it is killed when it has not ended in time.
///
/// # Errors
/// It cannot be run, or did not end; the error has what it said until then.
pub fn run_within(program: &str, arguments: &[&str], limit: Duration) -> anyhow::Result<Output> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().with_context(|| format!("running {program}"))?;
    let read = |stream: Option<Box<dyn Read + Send>>| {
        std::thread::spawn(move || {
            let mut said = Vec::new();
            stream.map(|mut stream| stream.read_to_end(&mut said));
            said
        })
    };
    let stdout = read(child.stdout.take().map(|it| Box::new(it) as _));
    let stderr = read(child.stderr.take().map(|it| Box::new(it) as _));
    let ended = deadline::wait_for("its end", limit, || Ok(child.try_wait()?));
    if ended.is_err() {
        child.kill()?;
        child.wait()?;
    }
    let (stdout, stderr) = (stdout.join().unwrap_or_default(), stderr.join().unwrap_or_default());
    let said = || String::from_utf8_lossy(&stdout).into_owned() + &String::from_utf8_lossy(&stderr);
    let status = ended.with_context(|| format!("{program} {arguments:?}: {}", said()))?;
    Ok(Output { status, stdout, stderr })
}

/// Runs a program that must succeed, and returns what it said.
///
/// # Errors
/// It failed; the error has its output.
pub fn must(program: &str, arguments: &[&str]) -> anyhow::Result<String> {
    let output = run(program, arguments)?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{program} {arguments:?}: {}\n{said}{complaint}", output.status);
    Ok(said)
}

/// Copies an image to a logical unit of the same size, with the words of the README.
///
/// # Errors
/// qemu-img failed.
pub fn convert_to(image: &Path, url: &str) -> anyhow::Result<()> {
    let image = image.to_str().context("a path that is no text")?;
    must("qemu-img", &["convert", "-n", "-f", "raw", "-O", "raw", image, url]).map(drop)
}

/// Copies a logical unit to an image.
///
/// # Errors
/// qemu-img failed.
pub fn convert_from(url: &str, image: &Path) -> anyhow::Result<()> {
    let image = image.to_str().context("a path that is no text")?;
    must("qemu-img", &["convert", "-f", "raw", "-O", "raw", url, image]).map(drop)
}

/// Compares two images or logical units byte by byte.
///
/// # Errors
/// They differ; the error says where.
pub fn compare(one: &str, other: &str) -> anyhow::Result<()> {
    must("qemu-img", &["compare", "-f", "raw", "-F", "raw", one, other]).map(drop)
}
