//! Direct I/O: past the page cache, straight between the device and the memory of a transport (O_DIRECT).
//!
//! The kernel takes only transfers whose place, length and memory are aligned. What the medium wants is asked of it once;
//! whatever is not so goes through memory of our own ([`crate::bounce`]).

use std::fs::File;
use std::io;
use std::os::unix::fs::FileTypeExt;

use rustix::fs::{AtFlags, OFlags, StatxFlags, fcntl_getfl, fcntl_setfl, fstatfs, ioctl_blksszget, statx};

use super::file::{RAMFS_MAGIC, TMPFS_MAGIC};
use crate::span::Spans;

/// What is assumed where the kernel does not say it (before Linux 6.1): no medium wants more.
const UNKNOWN: u32 = 4096;
/// Memory of our own is aligned to this.
pub const MOST: u32 = 4096;

/// What a transfer must be a multiple of, in bytes; powers of two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Align {
    /// The address of each run of memory.
    pub memory: u32,
    /// The place on the medium, and the length of each run.
    pub offset: u32,
}

impl Align {
    /// Whether the medium takes these runs of memory as they are.
    pub fn suits(self, spans: &Spans, skip: usize, len: usize) -> bool {
        let pieces = spans.pieces(skip, len);
        let (memory, offset) = (self.memory as usize, self.offset as usize);
        let mut runs = pieces.as_raw().iter();
        pieces.len() == len
            && runs.all(|run| {
                (run.iov_base as usize).is_multiple_of(memory) && run.iov_len.is_multiple_of(offset)
            })
    }
}

/// Has a file done directly from now on. An error says what the medium lacks.
pub fn enable(file: &File) -> io::Result<Align> {
    let unsupported = |what: &str| io::Error::new(io::ErrorKind::Unsupported, what.to_owned());
    let magic = fstatfs(file)?.f_type as u64 & 0xFFFF_FFFF;
    let kind = file.metadata()?.file_type();
    if kind.is_file() && matches!(magic, TMPFS_MAGIC | RAMFS_MAGIC) {
        return Err(unsupported("a file in memory has no direct I/O; leave out direct"));
    }
    let none = || unsupported("its file system has no direct I/O; leave out direct");
    match fcntl_setfl(file, fcntl_getfl(file)? | OFlags::DIRECT) {
        Err(rustix::io::Errno::INVAL) => return Err(none()),
        other => other?,
    }
    let align = match statx(file, c"", AtFlags::EMPTY_PATH, StatxFlags::DIOALIGN) {
        Ok(found) if found.stx_mask & StatxFlags::DIOALIGN.bits() != 0 => {
            Align { memory: found.stx_dio_mem_align, offset: found.stx_dio_offset_align }
        }
        _ if kind.is_block_device() => {
            let block = ioctl_blksszget(file)?;
            Align { memory: block, offset: block }
        }
        _ => Align { memory: UNKNOWN, offset: UNKNOWN },
    };
    let usable = |value: u32| value.is_power_of_two() && value <= MOST;
    match usable(align.memory) && align.offset.is_power_of_two() {
        true => Ok(align),
        // Zero says that this file cannot be done directly, whatever its file system can do.
        false => Err(none()),
    }
}

#[cfg(test)]
mod tests;
