//! A file or a block device, through the page cache or (see [`super::direct`]) past it.
//!
//! A read first asks the page cache alone (`preadv2(RWF_NOWAIT)`): a hit costs one system call and never waits. Where a
//! file system does not know that flag (ext4 for writes), that is remembered, and the engine does it. On tmpfs and ramfs,
//! which do not know it either, a plain call is right: their page cache is all that there is.

use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::sync::Arc;

use ipc::io::{Pieces, read_at, write_at};
use rustix::fs::{FlockOperation, flock, fstatfs};

use super::allocation;
use super::direct::{self, Align};
use super::{Attempt, Way};

/// File systems that live in memory (`f_type` of statfs(2)).
pub(super) const TMPFS_MAGIC: u64 = 0x0102_1994;
pub(super) const RAMFS_MAGIC: u64 = 0x8584_58f6;

/// How one direction is done without blocking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Inline {
    /// With RWF_NOWAIT.
    NoWait,
    /// With a plain call, as the file lives in memory.
    Plain,
    /// Not at all.
    Never,
}

/// A medium that has been locked for us.
#[derive(Debug)]
pub struct Medium {
    file: Arc<File>,
    bytes: u64,
    reads: Inline,
    writes: Inline,
    direct: Option<Align>,
    anchors: bool,
}

/// Tries to get a medium to ourselves; false while somebody else has it.
///
/// This is how a new incarnation knows that every I/O of the old one is over. The supervisor opens the file anew for
/// each incarnation, and a flock belongs to the open file description, not to the process: it is let go when the last
/// reference to that description is gone. Every I/O that the kernel still holds for a dead process (a call that a
/// thread was killed in, an io_uring request, an io-wq worker) holds such a reference until it has completed. So the
/// lock of the dead incarnation outlives its last I/O, and ours is granted after it; what the page cache holds by
/// then is what every reader sees. It also keeps two Bulkheads off one file.
///
/// A medium that lives in the supervisor's memory has one description for all incarnations, and this lock says nothing
/// of it. It needs none: its bytes are only moved by threads of the process, and a process is not
/// reported dead before its last thread has left the kernel.
pub fn try_lock(file: &File, shared: bool) -> io::Result<bool> {
    let operation =
        if shared { FlockOperation::NonBlockingLockShared } else { FlockOperation::NonBlockingLockExclusive };
    match flock(file, operation) {
        Ok(()) => Ok(true),
        Err(rustix::io::Errno::WOULDBLOCK | rustix::io::Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

impl Medium {
    /// Takes up a file that [`try_lock`] gave us, and learns its size. `direct` leaves the page cache out.
    pub fn new(file: File, direct: bool) -> io::Result<Self> {
        let kind = file.metadata()?.file_type();
        if kind.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        // The end of a file is its size; of a block device too, for which stat says 0.
        let bytes = (&file).seek(SeekFrom::End(0))?;
        let magic = fstatfs(&file)?.f_type as u64 & 0xFFFF_FFFF;
        let in_memory = kind.is_file() && matches!(magic, TMPFS_MAGIC | RAMFS_MAGIC);
        let direct = direct.then(|| direct::enable(&file)).transpose()?;
        let inline = match in_memory {
            // Nothing that goes to the device can be done without waiting for it.
            _ if direct.is_some() => Inline::Never,
            true => Inline::Plain,
            false => Inline::NoWait,
        };
        let anchors = allocation::tells_reserved(&file);
        Ok(Self { file: Arc::new(file), bytes, reads: inline, writes: inline, direct, anchors })
    }

    /// Size in bytes when it was looked at last.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Looks at the size again.
    pub fn measure(&mut self) -> io::Result<u64> {
        // The end of a file is its size; of a block device too, for which stat says 0.
        self.bytes = (&*self.file).seek(SeekFrom::End(0))?;
        Ok(self.bytes)
    }

    /// What transfers have to be aligned to, if it is done directly.
    pub fn direct(&self) -> Option<Align> {
        self.direct
    }

    /// Whether its file system tells reserved space from data and holes.
    pub fn anchors(&self) -> bool {
        self.anchors
    }

    /// The file.
    pub fn file(&self) -> &Arc<File> {
        &self.file
    }

    /// Moves bytes as far as that can be done at once.
    pub fn attempt(&mut self, way: Way, pieces: &mut Pieces<'_>, offset: u64) -> Attempt {
        let inline = match way {
            Way::In => self.reads,
            Way::Out => self.writes,
        };
        let flags = match inline {
            Inline::NoWait => libc::RWF_NOWAIT,
            Inline::Plain => 0,
            Inline::Never => return Attempt::WouldBlock,
        };
        let result = match way {
            Way::In => read_at(&self.file, pieces, offset, flags),
            Way::Out => write_at(&self.file, pieces, offset, flags),
        };
        match result {
            // Nothing may mean the end of the file or a page that is not there: the engine's answer is final.
            Ok(0) => Attempt::WouldBlock,
            Ok(moved) => Attempt::Moved(moved),
            Err(error) => self.judge(way, inline, error),
        }
    }

    fn judge(&mut self, way: Way, inline: Inline, error: io::Error) -> Attempt {
        match error.raw_os_error() {
            Some(libc::EOPNOTSUPP) if inline == Inline::NoWait => {
                match way {
                    Way::In => self.reads = Inline::Never,
                    Way::Out => self.writes = Inline::Never,
                }
                Attempt::WouldBlock
            }
            Some(libc::EAGAIN | libc::EINTR) => Attempt::WouldBlock,
            _ => Attempt::Failed(error),
        }
    }
}

#[cfg(test)]
mod tests;
