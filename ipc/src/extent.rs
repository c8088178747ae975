//! An extent: a run of bytes in an arena, first as a peer alleges it, then checked.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// A run of bytes in an arena as it stands in a record: an allegation until [`crate::arena::Arena::check`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
pub struct Extent {
    /// The arena, named by the service that owns it.
    pub arena: u32,
    /// Length in bytes, not 0.
    pub len: u32,
    /// Offset of the first byte.
    pub offset: u64,
}

const _: () = assert!(size_of::<Extent>() == 16);

/// An extent that lies in its arena. Made only by [`crate::arena::Arena::check`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckedExtent(pub(crate) Extent);

impl CheckedExtent {
    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.0.len as usize
    }

    /// Never true: an empty extent is not accepted.
    pub fn is_empty(&self) -> bool {
        self.0.len == 0
    }

    /// The arena that it was checked against.
    pub fn arena(&self) -> u32 {
        self.0.arena
    }

    /// Offset of the first byte in its arena.
    pub fn offset(&self) -> u64 {
        self.0.offset
    }

    /// The part of at most `len` bytes that starts `skip` bytes in; none if that is empty.
    pub fn slice(&self, skip: usize, len: usize) -> Option<CheckedExtent> {
        let len = len.min(self.len().checked_sub(skip)?);
        (len > 0).then(|| {
            Self(Extent { arena: self.0.arena, len: len as u32, offset: self.0.offset + skip as u64 })
        })
    }

    /// The extent to put into a record.
    pub fn to_wire(self) -> Extent {
        self.0
    }
}
