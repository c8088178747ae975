//! Shared memory of the processes of a target, seen from outside: where it is mapped, and what is in it.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use anyhow::{Context, ensure};

use crate::deadline;
use crate::target::PATIENCE;

/// One segment, as a process has mapped it.
pub struct Segment {
    memory: File,
    place: Range<u64>,
}

impl Segment {
    /// The segments of a kind, such as `bulkhead:link`, that a process may write.
    ///
    /// # Errors
    /// There is no such process, or this one may not look into it.
    pub fn mapped(pid: u32, kind: &str) -> anyhow::Result<Vec<Self>> {
        let maps = std::fs::read_to_string(format!("/proc/{pid}/maps"))?;
        let number = |text: &str| u64::from_str_radix(text, 16).ok();
        let of_kind = maps.lines().filter(|line| line.contains(kind) && line.contains("rw-s"));
        let places = of_kind.filter_map(|line| {
            let (begin, rest) = line.split_once('-')?;
            Some(number(begin)?..number(rest.split(' ').next()?)?)
        });
        let memory = || File::options().read(true).write(true).open(format!("/proc/{pid}/mem"));
        places.map(|place| Ok(Self { memory: memory()?, place })).collect()
    }

    /// Its length in bytes.
    pub fn size(&self) -> u64 {
        self.place.end - self.place.start
    }

    /// Overwrites bytes from `offset` on.
    ///
    /// # Errors
    /// They are not in it, or the process is gone.
    pub fn write(&self, offset: u64, bytes: &[u8]) -> anyhow::Result<()> {
        ensure!(offset + bytes.len() as u64 <= self.size(), "past the segment");
        Ok(self.memory.write_all_at(bytes, self.place.start + offset)?)
    }

    /// Copies bytes from `offset` on.
    ///
    /// # Errors
    /// They are not in it, or the process is gone.
    pub fn read(&self, offset: u64, bytes: &mut [u8]) -> anyhow::Result<()> {
        ensure!(offset + bytes.len() as u64 <= self.size(), "past the segment");
        Ok(self.memory.read_exact_at(bytes, self.place.start + offset)?)
    }
}

/// Waits until no thread of a process that was sent SIGSTOP runs any more, those of the kernel that do I/O for it included.
///
/// # Errors
/// It does not stop, or is gone.
pub fn wait_stopped(pid: u32) -> anyhow::Result<()> {
    deadline::wait_for("a process that stands still", PATIENCE, || {
        let mut still = true;
        for thread in std::fs::read_dir(format!("/proc/{pid}/task"))? {
            let stat = std::fs::read_to_string(thread?.path().join("stat"))?;
            let (name, rest) = stat.rsplit_once(") ").context("what stat says")?;
            // Those of io_uring sleep when they have nothing to do, and hear no signal.
            let idle = name.contains("(iou-") && rest.starts_with('S');
            still &= idle || rest.starts_with(['T', 'Z', 'X']);
        }
        Ok(still.then_some(()))
    })
}
