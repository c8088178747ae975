//! What a file system says of the blocks of a file (FIEMAP): which are there, and which of those have never been written
//! and only wait for it. SEEK_HOLE does not tell the latter from holes. One of the files with unsafe code.
//!
//! What must hold: `FIEMAP` is the number that the kernel has for `struct fiemap` (linux/fiemap.h), [`Request`] is laid out as
//! that structure with room for [`ROOM`] extents behind it, and `count` of it says no more than that, for it is how much
//! the kernel writes. The layout is asserted below; `count` is set in one place. Everything in it is plain numbers, of which any will do.

#![allow(unsafe_code)]

use std::fs::File;
use std::io;

use rustix::ioctl::{Opcode, Updater, ioctl, opcode};

/// Extents that one call asks for.
const ROOM: usize = 32;

/// FIEMAP_FLAG_SYNC: everything that was written is written back first.
const SYNC: u32 = 0x01;

/// FIEMAP_EXTENT_UNKNOWN, _DELALLOC: there is no place on the medium for it yet.
const NO_PLACE: u32 = 0x02 | 0x04;
/// FIEMAP_EXTENT_UNWRITTEN: there is a place, and it reads as zeros.
const UNWRITTEN: u32 = 0x0800;
/// FIEMAP_EXTENT_SHARED: another file has the same place, so that a write needs another one.
const SHARED: u32 = 0x2000;

/// `struct fiemap_extent`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Extent {
    logical: u64,
    physical: u64,
    length: u64,
    reserved64: [u64; 2],
    flags: u32,
    reserved: [u32; 3],
}

/// `struct fiemap`, and the extents behind it.
#[repr(C)]
struct Request {
    start: u64,
    length: u64,
    flags: u32,
    mapped: u32,
    count: u32,
    reserved: u32,
    extents: [Extent; ROOM],
}

const HEADER: usize = std::mem::offset_of!(Request, extents);
const _: () = assert!(HEADER == 32 && size_of::<Extent>() == 56);
const _: () = assert!(size_of::<Request>() == HEADER + ROOM * size_of::<Extent>());

/// FS_IOC_FIEMAP: the size in its number is that of the structure without extents.
const FIEMAP: Opcode = opcode::read_write::<[u8; HEADER]>(b'f', 11);

/// Blocks of a file that are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// Where they begin, in bytes.
    pub start: u64,
    /// Where they end.
    pub end: u64,
    /// They have a place of their own, and nothing has been written there yet.
    pub unwritten: bool,
}

/// The first blocks at `offset` or after it that are there and alike, if there are any before `end`; they may begin before `offset` and
/// end after `end`. `sync`: as they are when all that was written has been written back. Errors in that are not
/// reported here and not forgotten: whoever has the file synchronised hears of them.
pub fn first_run(file: &File, offset: u64, end: u64, sync: bool) -> io::Result<Option<Run>> {
    let mut request = Request {
        start: offset,
        length: end.saturating_sub(offset),
        flags: if sync { SYNC } else { 0 },
        mapped: 0,
        count: ROOM as u32,
        reserved: 0,
        extents: [Extent::default(); ROOM],
    };
    // SAFETY: the number and the layout belong together, as the head of this file says.
    let call = unsafe { Updater::<FIEMAP, Request>::new(&mut request) };
    // SAFETY: the kernel reads the header and writes it and at most `count` extents, for which there is room.
    unsafe { ioctl(file, call)? };
    let found = request.extents.iter().take(request.mapped as usize);
    Ok(joined(found.filter(|extent| extent.logical.saturating_add(extent.length) > offset)))
}

/// The first extent, and those that go on where it ends in the same state.
fn joined<'a>(mut extents: impl Iterator<Item = &'a Extent>) -> Option<Run> {
    let end = |extent: &Extent| extent.logical.saturating_add(extent.length);
    let first = extents.next()?;
    let mut run = Run { start: first.logical, end: end(first), unwritten: is_unwritten(first.flags) };
    for next in extents.take_while(|next| is_unwritten(next.flags) == run.unwritten) {
        if next.logical != run.end {
            break;
        }
        run.end = end(next);
    }
    Some(run)
}

/// Whether blocks have a place of their own and nothing in it. Whatever is not known to be so is taken for data.
fn is_unwritten(flags: u32) -> bool {
    flags & UNWRITTEN != 0 && flags & (NO_PLACE | SHARED) == 0
}

#[cfg(test)]
mod tests {
    use super::{Extent, Run, joined};

    fn extent(logical: u64, length: u64, flags: u32) -> Extent {
        Extent { logical, length, flags, ..Extent::default() }
    }

    #[test]
    fn extents_are_joined_while_they_are_alike() {
        let run = |start, end, unwritten| Some(Run { start, end, unwritten });
        assert_eq!(joined([].iter()), None);
        let (a, b) = (extent(0, 4096, 0x800), extent(4096, 8192, 0x801));
        assert_eq!(joined([a, b].iter()), run(0, 12288, true));
        assert_eq!(joined([a, extent(4096, 4096, 0)].iter()), run(0, 4096, true));
        assert_eq!(joined([extent(0, 4096, 0), b].iter()), run(0, 4096, false));
        assert_eq!(joined([a, extent(8192, 4096, 0x800)].iter()), run(0, 4096, true), "a hole between them");
        assert_eq!(joined([extent(u64::MAX - 1, 4096, 0)].iter()), run(u64::MAX - 1, u64::MAX, false));
    }

    #[test]
    fn only_what_is_the_files_own_is_reserved() {
        let unwritten = |flags| joined([extent(0, 4096, flags)].iter()).unwrap().unwritten;
        assert!(unwritten(0x0800) && unwritten(0x0801));
        for data in [0, 0x2000, 0x2800, 0x0802, 0x0804, 0x0806, 0x0200] {
            assert!(!unwritten(data), "{data:#x}");
        }
    }
}
