//! fio with its libiscsi engine as a verifying load. Debian's own fio lacks that engine: `tests/tools/build-fio.sh`
//! builds one from Debian's sources.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, ensure};
use serde::Deserialize;

use crate::binaries;

/// The binary: `BULKHEAD_FIO`, else where the script puts it.
pub fn binary() -> Option<PathBuf> {
    let given = std::env::var_os("BULKHEAD_FIO").filter(|path| !path.is_empty()).map(PathBuf::from);
    let path = given.unwrap_or_else(|| binaries::target_dir().join("fio/fio-3.33/fio"));
    path.exists().then_some(path)
}

/// A running fio.
pub struct Fio(Child);

/// What fio says of a job that it ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Done {
    /// Reads, those of the verification included.
    pub reads: u64,
    /// Writes.
    pub writes: u64,
}

#[derive(Deserialize)]
struct Report {
    jobs: Vec<Job>,
}

#[derive(Deserialize)]
struct Job {
    error: i64,
    read: Side,
    write: Side,
}

#[derive(Deserialize)]
struct Side {
    total_ios: u64,
}

impl Fio {
    /// Starts random writes of 4 to 64 KiB over `mib` MiB for `seconds`, each read back and compared by its checksum:
    /// after every 64 writes, and once more at the end.
    ///
    /// # Errors
    /// fio cannot be run.
    pub fn start_verified(url: &str, mib: u64, depth: u32, seconds: u32) -> anyhow::Result<Self> {
        let fio = binary().context("there is no fio")?;
        let mut command = Command::new(fio);
        command.args([
            "--name=load",
            "--ioengine=libiscsi",
            "--rw=randwrite",
            "--bsrange=4k-64k",
            "--verify=crc32c",
        ]);
        // Without that fio leaves a file in the working directory.
        command.arg("--verify_state_save=0");
        command.args(["--verify_backlog=64", "--verify_fatal=1", "--time_based", "--output-format=json"]);
        command.arg(format!("--filename={}", url.replace(':', r"\:")));
        command.args([
            format!("--size={mib}m"),
            format!("--iodepth={depth}"),
            format!("--runtime={seconds}"),
        ]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Ok(Self(command.spawn().context("starting fio")?))
    }

    /// True while it runs.
    ///
    /// # Errors
    /// Its state cannot be had.
    pub fn is_running(&mut self) -> anyhow::Result<bool> {
        Ok(self.0.try_wait()?.is_none())
    }

    /// Waits for its end: no I/O error, no byte wrong.
    ///
    /// # Errors
    /// fio met one; the error has what it said.
    pub fn finish(self) -> anyhow::Result<Done> {
        let output = self.0.wait_with_output()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(output.status.success(), "fio ended with {}\n{complaint}{text}", output.status);
        let json = text.find('{').map(|at| &text[at..]).context("fio printed no report")?;
        let report: Report = serde_json::from_str(json)?;
        let job = report.jobs.first().context("fio ran no job")?;
        ensure!(job.error == 0, "fio met an error\n{complaint}{text}");
        Ok(Done { reads: job.read.total_ios, writes: job.write.total_ios })
    }
}
