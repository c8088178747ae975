//! Which parts of a file have blocks, giving blocks back, and having them reserved: for files by holes, for block devices by
//! what the kernel makes of the same calls (it discards, or writes zeros). All of it may block: for the clerk, not for the loop.

use std::fs::File;
use std::io;
use std::sync::Arc;

use rustix::fs::{Advice, FallocateFlags, SeekFrom, fadvise, fallocate, fstatvfs, seek};
use rustix::io::Errno;

use super::fiemap;
use crate::unit::Unit;

/// What a file has at some place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Data, or it is not known.
    Data,
    /// Nothing but space that nobody else can have; it reads as zeros.
    Reserved,
    /// Nothing.
    Hole,
}

/// What is to be thought of data that the page cache may have for reserved space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cache {
    /// It has to be looked for.
    Ask,
    /// It is written back first.
    WriteBack,
    /// It has been written back already.
    Written,
}

/// What [`place`] has found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// This, up to there.
    Found(Place, u64),
    /// Data that may not have reached the space that it was reserved hides what is there, up to there: the file has to be synchronised.
    Unsure(u64),
}

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

/// Whether the file system tells space that is reserved from data and from holes.
pub fn tells_reserved(file: &File) -> bool {
    file.metadata().is_ok_and(|it| it.is_file()) && fiemap::first_run(file, 0, 1, false).is_ok()
}

/// Has space reserved where there is none, without any change to what is there.
pub fn reserve(file: &File, offset: u64, len: u64) -> io::Result<()> {
    Ok(fallocate(file, FallocateFlags::KEEP_SIZE, offset, len)?)
}

/// Fails with ENOSPC if the holes in these runs (offset and length) are more than is free. [`reserve`] would find out as
/// well, but only after it has taken all there is from everybody else.
pub fn check_room(file: &File, runs: &[(u64, u64)]) -> io::Result<()> {
    let system = fstatvfs(file)?;
    let free = system.f_bavail.saturating_mul(system.f_frsize);
    let mut wanted = 0_u64;
    for (offset, len) in runs {
        let (mut at, end) = (*offset, offset.saturating_add(*len));
        while at < end {
            let run = fiemap::first_run(file, at, end, false)?;
            let (start, next) = run.map_or((end, end), |run| (run.start.clamp(at, end), run.end.min(end)));
            wanted = wanted.saturating_add(start - at);
            at = next.max(at + 1);
        }
    }
    // The ends of a run share their blocks with what is beside it, and what the file system notes takes space too.
    if wanted > free { Err(Errno::NOSPC.into()) } else { Ok(()) }
}

/// What there is at `offset`, and where that ends; not past `end`. Only for a file of which [`tells_reserved`] is true.
///
/// Data that was written to reserved space stays in the page cache for a while, and FIEMAP shows the space as never written until
/// then. SEEK_DATA finds what the page cache has there: that is such data, or zeros that were read from there. Which of
/// them shows when it has been written back, and not before.
pub fn place(file: &File, offset: u64, end: u64, cache: Cache) -> io::Result<Look> {
    let Some(run) = fiemap::first_run(file, offset, end, cache == Cache::WriteBack)? else {
        return Ok(Look::Found(Place::Hole, end));
    };
    if run.start > offset {
        return Ok(Look::Found(Place::Hole, run.start.min(end)));
    }
    let until = run.end.min(end);
    if !run.unwritten {
        return Ok(Look::Found(Place::Data, until));
    }
    if cache != Cache::Ask {
        return Ok(Look::Found(Place::Reserved, until));
    }
    Ok(match extent(file, offset, until)? {
        (false, nothing) => Look::Found(Place::Reserved, nothing),
        (true, something) => Look::Unsure(something),
    })
}

/// Whether there is a place on the medium at `offset`, written or not, and where that ends; not past `end`.
pub fn taken(file: &File, anchors: bool, offset: u64, end: u64) -> io::Result<(bool, u64)> {
    if !anchors {
        return extent(file, offset, end);
    }
    Ok(match place(file, offset, end, Cache::Written)? {
        Look::Found(place, until) => (place != Place::Hole, until),
        Look::Unsure(until) => (true, until),
    })
}

/// Whether there is data at `offset`, and where that ends; not past `end`. A file system that does not say has data
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
