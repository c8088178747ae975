//! Which parts of a file have blocks, and giving blocks back: for files by holes, for block devices by what the kernel
//! makes of the same calls (it discards, or writes zeros). All of it may block: for the clerk, not for the loop.

use std::fs::File;
use std::io;
use std::sync::Arc;

use rustix::fs::{Advice, FallocateFlags, SeekFrom, fadvise, fallocate, seek};
use rustix::io::Errno;

use crate::unit::Unit;

/// The file of a unit's medium; none for the null medium.
pub fn file_of(unit: &mut Unit) -> Option<Arc<File>> {
    unit.backend().and_then(|backend| backend.file().cloned())
}

/// Gives blocks back; they read as zeros then.
pub fn punch(file: &File, offset: u64, len: u64) -> io::Result<()> {
    Ok(fallocate(file, FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE, offset, len)?)
}

/// Makes blocks zero and keeps their place.
pub fn zero(file: &File, offset: u64, len: u64) -> io::Result<()> {
    Ok(fallocate(file, FallocateFlags::ZERO_RANGE | FallocateFlags::KEEP_SIZE, offset, len)?)
}

/// Whether the file system cannot do such a thing at all, so that it has to be done by writing.
pub fn is_unsupported(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EOPNOTSUPP | libc::ENOSYS | libc::ENODEV | libc::EINVAL))
}

/// Whether there are blocks at `offset`, and where that ends; not past `end`. A file system that does not say has blocks
/// everywhere.
pub fn extent(file: &File, offset: u64, end: u64) -> io::Result<(bool, u64)> {
    match seek(file, SeekFrom::Data(offset)) {
        Ok(data) if data > offset => Ok((false, data.min(end))),
        Ok(_) => match seek(file, SeekFrom::Hole(offset)) {
            Ok(hole) if hole > offset => Ok((true, hole.min(end))),
            // It has become a hole in between.
            Ok(_) => Ok((false, end.min(offset + 1))),
            Err(error) => Err(error.into()),
        },
        // No data from here on.
        Err(Errno::NXIO) => Ok((false, end)),
        Err(Errno::INVAL | Errno::OPNOTSUPP) => Ok((true, end)),
        Err(error) => Err(error.into()),
    }
}

/// Begins to read blocks into the page cache.
pub fn pre_fetch(file: &File, offset: u64, len: u64) -> io::Result<()> {
    Ok(fadvise(file, offset, std::num::NonZeroU64::new(len), Advice::WillNeed)?)
}

#[cfg(test)]
mod tests;
