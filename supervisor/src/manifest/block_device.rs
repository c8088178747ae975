//! What the kernel says of a block device, in sysfs: no permission is needed to read it, and nothing is opened.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

/// What there is to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// Bytes.
    pub size: u64,
    /// Bytes of a logical block: the least that can be transferred directly.
    pub logical: u32,
    /// Bytes of a physical block.
    pub physical: u32,
    /// It spins.
    pub rotational: bool,
    /// It has a volatile write cache.
    pub cached: bool,
    /// It cannot be written to.
    pub read_only: bool,
}

/// What the kernel says of the block device at `path`. None if it is none, or the kernel says nothing that makes sense.
pub fn facts(path: &Path) -> Option<Facts> {
    let found = fs::metadata(path).ok()?;
    if !found.file_type().is_block_device() {
        return None;
    }
    let number = found.rdev();
    let (major, minor) = (nix::sys::stat::major(number), nix::sys::stat::minor(number));
    read(&PathBuf::from(format!("/sys/dev/block/{major}:{minor}")))
}

fn read(device: &Path) -> Option<Facts> {
    // A partition has the queue of its disk.
    let queue = [device.join("queue"), device.join("../queue")].into_iter().find(|queue| queue.is_dir())?;
    let text = |path: PathBuf| fs::read_to_string(path).ok().map(|text| text.trim().to_owned());
    let number = |name: &str| text(queue.join(name))?.parse::<u32>().ok();
    let block = |name: &str| number(name).filter(|size| size.is_power_of_two());
    // Always in units of 512, whatever the blocks are.
    let sectors: u64 = text(device.join("size"))?.parse().ok()?;
    Some(Facts {
        size: sectors.checked_mul(512)?,
        logical: block("logical_block_size")?,
        physical: block("physical_block_size")?,
        rotational: number("rotational")? != 0,
        cached: text(queue.join("write_cache"))? != "write through",
        read_only: text(device.join("ro")).is_some_and(|ro| ro != "0"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(dir: &Path, write_cache: &str) {
        fs::create_dir_all(dir.join("queue")).expect("directory");
        for (name, text) in [
            ("size", "2048\n"),
            ("queue/logical_block_size", "4096\n"),
            ("queue/physical_block_size", "8192\n"),
            ("queue/rotational", "1\n"),
            ("queue/write_cache", write_cache),
        ] {
            fs::write(dir.join(name), text).expect("file");
        }
    }

    #[test]
    fn facts_of_a_disk_and_of_its_partition() {
        let dir = tempfile::tempdir().expect("tempdir");
        device(dir.path(), "write back\n");
        let disk = Facts {
            size: 1 << 20,
            logical: 4096,
            physical: 8192,
            rotational: true,
            cached: true,
            read_only: false,
        };
        assert_eq!(read(dir.path()), Some(disk));
        let partition = dir.path().join("part");
        fs::create_dir(&partition).expect("directory");
        fs::write(partition.join("size"), "8\n").expect("file");
        assert_eq!(read(&partition), Some(Facts { size: 4096, ..disk }));
    }

    #[test]
    fn facts_that_make_no_sense_are_none() {
        let dir = tempfile::tempdir().expect("tempdir");
        assert_eq!(read(dir.path()), None);
        device(dir.path(), "write through\n");
        fs::write(dir.path().join("ro"), "1\n").expect("file");
        assert!(read(dir.path()).is_some_and(|facts| facts.read_only));
        assert!(read(dir.path()).is_some_and(|facts| !facts.cached));
        fs::write(dir.path().join("queue/logical_block_size"), "1000\n").expect("file");
        assert_eq!(read(dir.path()), None);
    }
}
