//! An arena: the data buffers of one transport (or of the core's copies), shared with the core and the handlers that serve it.
//!
//! The transport hands out blocks of it ([`buddy`]); everybody else meets extents in records, has them checked here, and
//! moves bytes straight between the arena and a socket or a file ([`crate::io`]).

pub mod buddy;

use std::os::fd::AsFd;
use std::sync::Arc;

use crate::extent::{CheckedExtent, Extent};
use crate::fault::PeerFault;
use crate::shm::{MapError, Mapping};

/// Bytes that are copied at a time where data must be looked at in private memory.
const PIECE: usize = 4096;

/// Bytes of data that one command can have in a transport's arena of so many bytes: a quarter, so that commands do not starve
/// each other. Initiators learn of it as the MAXIMUM TRANSFER LENGTH of the units that they reach through it.
pub const fn most_per_command(arena: u64) -> u64 {
    let quarter = arena / 4;
    if quarter < 64 << 20 { quarter } else { 64 << 20 }
}

/// A mapped arena. Clones share the mapping.
#[derive(Debug, Clone)]
pub struct Arena {
    id: u32,
    map: Arc<Mapping>,
}

impl Arena {
    /// Maps the arena number `id` in the segment `fd`.
    pub fn new(id: u32, fd: impl AsFd) -> Result<Self, MapError> {
        Ok(Self { id, map: Mapping::new(fd)? })
    }

    /// A segment that is mapped already, as an arena.
    pub(crate) fn over(id: u32, map: Arc<Mapping>) -> Self {
        Self { id, map }
    }

    /// Its number: the index of the transport that owns it.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Length in bytes.
    pub fn size(&self) -> usize {
        self.map.size()
    }

    /// The one way from an alleged extent to one that can be used.
    #[inline]
    pub fn check(&self, extent: Extent) -> Result<CheckedExtent, PeerFault> {
        let end = extent.offset.checked_add(u64::from(extent.len));
        if extent.arena == self.id && extent.len > 0 && end.is_some_and(|end| end <= self.map.size() as u64) {
            Ok(CheckedExtent(extent))
        } else {
            Err(PeerFault::Extent { arena: extent.arena, offset: extent.offset, len: extent.len })
        }
    }

    /// The address of an extent, for system calls. Panics for an extent of another arena.
    pub(crate) fn pointer(&self, extent: CheckedExtent) -> *mut u8 {
        assert_eq!(extent.0.arena, self.id, "the extent was checked against another arena");
        self.map.pointer(extent.0.offset as usize, extent.len())
    }

    /// Copies the first bytes of an extent out; returns how many (the shorter of both).
    pub fn read(&self, extent: CheckedExtent, out: &mut [u8]) -> usize {
        assert_eq!(extent.0.arena, self.id, "the extent was checked against another arena");
        let len = out.len().min(extent.len());
        self.map.read(extent.0.offset as usize, &mut out[..len]);
        len
    }

    /// Copies bytes to the start of an extent; returns how many (the shorter of both).
    pub fn write(&self, extent: CheckedExtent, bytes: &[u8]) -> usize {
        assert_eq!(extent.0.arena, self.id, "the extent was checked against another arena");
        let len = bytes.len().min(extent.len());
        self.map.write(extent.0.offset as usize, &bytes[..len]);
        len
    }

    /// Sets the first `len` bytes of an extent (or all of it, if it is shorter) to zero; returns how many.
    pub fn zero(&self, extent: CheckedExtent, len: usize) -> usize {
        let len = len.min(extent.len());
        let mut done = 0;
        while let Some(piece) = extent.slice(done, PIECE.min(len - done)) {
            done += self.write(piece, &[0; PIECE]);
        }
        done
    }

    /// Looks at an extent's bytes in order, a private copy of a piece at a time; for checksums.
    pub fn for_each_piece(&self, extent: CheckedExtent, mut look: impl FnMut(&[u8])) {
        let mut piece = [0; PIECE];
        let mut done = 0;
        while let Some(rest) = extent.slice(done, PIECE) {
            let len = self.read(rest, &mut piece);
            look(&piece[..len]);
            done += len;
        }
    }
}

/// The arenas that a service can reach, by number.
#[derive(Debug, Default)]
pub struct Arenas(Vec<Arena>);

impl Arenas {
    /// Adds an arena; replaces the one with the same number.
    pub fn insert(&mut self, arena: Arena) {
        self.0.retain(|known| known.id != arena.id);
        self.0.push(arena);
    }

    /// The arena of a checked or alleged extent.
    #[inline]
    pub fn get(&self, id: u32) -> Option<&Arena> {
        self.0.iter().find(|arena| arena.id == id)
    }

    /// Checks an extent against the arena that it names.
    #[inline]
    pub fn check(&self, extent: Extent) -> Result<CheckedExtent, PeerFault> {
        let fault = PeerFault::Extent { arena: extent.arena, offset: extent.offset, len: extent.len };
        self.get(extent.arena).ok_or(fault)?.check(extent)
    }
}

#[cfg(test)]
mod tests;
