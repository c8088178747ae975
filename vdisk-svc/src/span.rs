//! The data of a task: runs of bytes in arenas, checked, each with the mapping that it was checked against.
//!
//! A span keeps its arena mapped: a task that is in the hands of the kernel or of a worker stays valid when the arena is
//! granted anew meanwhile. Made by [`crate::intake`] only; bytes move by [`ipc::io`].

use ipc::arena::{Arena, Arenas};
use ipc::extent::{CheckedExtent, Extent};
use ipc::fault::PeerFault;
use ipc::io::Pieces;
use ipc::message::record::EXTENTS;

/// Bytes that are copied at a time.
const PIECE: usize = 4096;

/// A run of bytes in an arena.
#[derive(Debug, Clone)]
struct Span {
    arena: Arena,
    extent: CheckedExtent,
}

/// Runs of bytes in arenas, in order; at most [`EXTENTS`].
#[derive(Debug, Clone, Default)]
pub struct Spans {
    list: [Option<Span>; EXTENTS],
    bytes: usize,
}

impl Spans {
    /// Checks extents that a peer alleges.
    #[inline]
    pub fn check(arenas: &Arenas, alleged: &[Extent]) -> Result<Self, PeerFault> {
        let mut spans = Self::default();
        let count = alleged.len() as u64;
        for (index, extent) in alleged.iter().enumerate() {
            let unknown = PeerFault::Extent { arena: extent.arena, offset: extent.offset, len: extent.len };
            let arena = arenas.get(extent.arena).ok_or(unknown)?;
            let extent = arena.check(*extent)?;
            let fault = PeerFault::Record { field: "extent count", value: count };
            let place = spans.list.get_mut(index).ok_or(fault)?;
            spans.bytes += extent.len();
            *place = Some(Span { arena: arena.clone(), extent });
        }
        Ok(spans)
    }

    /// One run of an arena that this process has to itself. None if it does not lie in it.
    pub fn of(arena: &Arena, extent: Extent) -> Option<Self> {
        let mut spans = Self { bytes: extent.len as usize, ..Self::default() };
        spans.list[0] = Some(Span { extent: arena.check(extent).ok()?, arena: arena.clone() });
        Some(spans)
    }

    /// Bytes that all runs have together.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The addresses of at most `len` bytes, `skip` bytes in.
    #[inline]
    pub fn pieces(&self, skip: usize, len: usize) -> Pieces<'_> {
        let mut pieces = Pieces::new();
        self.each(skip, len, |span, part| {
            let fits = pieces.extent(&span.arena, part);
            debug_assert!(fits, "a list of pieces is longer than a list of extents");
        });
        pieces
    }

    /// Writes bytes to the start; returns how many found room.
    pub fn write(&self, bytes: &[u8]) -> usize {
        self.write_at(0, bytes)
    }

    /// Writes bytes `skip` bytes in; returns how many found room.
    pub fn write_at(&self, skip: usize, bytes: &[u8]) -> usize {
        let mut done = 0;
        self.each(skip, bytes.len(), |span, part| done += span.arena.write(part, &bytes[done..]));
        done
    }

    /// Copies bytes out, from `skip` bytes in; returns how many there were.
    pub fn read_at(&self, skip: usize, out: &mut [u8]) -> usize {
        let mut done = 0;
        self.each(skip, out.len(), |span, part| done += span.arena.read(part, &mut out[done..]));
        done
    }

    /// Copies the first `len` bytes of other runs to the start of these.
    pub fn copy_from(&self, other: &Self, len: usize) {
        self.copy_part(0, other, 0, len);
    }

    /// Copies `len` bytes, `from` bytes into other runs, to `at` bytes into these.
    pub fn copy_part(&self, at: usize, other: &Self, from: usize, len: usize) {
        let mut piece = [0; PIECE];
        let mut done = 0;
        while done < len {
            let most = PIECE.min(len - done);
            let count = other.read_at(from + done, &mut piece[..most]);
            if count == 0 || self.write_at(at + done, &piece[..count]) < count {
                return;
            }
            done += count;
        }
    }

    /// At most `len` bytes of these runs, from `skip` bytes in.
    pub fn part(&self, skip: usize, len: usize) -> Self {
        let mut part = Self::default();
        let mut count = 0;
        self.each(skip, len, |span, extent| {
            part.bytes += extent.len();
            part.list[count] = Some(Span { arena: span.arena.clone(), extent });
            count += 1;
        });
        part
    }

    /// The first of `len` bytes, from `skip` bytes in, that is another one than in the first `len` bytes of `other`.
    pub fn difference(&self, skip: usize, other: &Self, len: usize) -> Option<usize> {
        let (mut a, mut b) = ([0; PIECE], [0; PIECE]);
        let mut done = 0;
        while done < len {
            let most = PIECE.min(len - done);
            let count = self.read_at(skip + done, &mut a[..most]).min(other.read_at(done, &mut b[..most]));
            if let Some(at) = a[..count].iter().zip(&b[..count]).position(|(a, b)| a != b) {
                return Some(done + at);
            }
            if count < most {
                return Some(done + count);
            }
            done += count;
        }
        None
    }

    /// Fills the first `len` bytes with copies of a pattern.
    pub fn fill(&self, pattern: &[u8], len: usize) {
        for at in (0..len).step_by(pattern.len().max(1)) {
            self.write_at(at, &pattern[..pattern.len().min(len - at)]);
        }
    }

    /// Sets in the first `len` bytes every bit that is set in `other`, from `skip` bytes in.
    pub fn or_with(&self, other: &Self, skip: usize, len: usize) {
        let (mut a, mut b) = ([0; PIECE], [0; PIECE]);
        let mut done = 0;
        while done < len {
            let most = PIECE.min(len - done);
            let count = self.read_at(done, &mut a[..most]).min(other.read_at(skip + done, &mut b[..most]));
            if count == 0 {
                return;
            }
            a[..count].iter_mut().zip(&b[..count]).for_each(|(a, b)| *a |= b);
            self.write_at(done, &a[..count]);
            done += count;
        }
    }

    /// CRC-32C of the first `len` bytes.
    pub fn checksum(&self, len: usize) -> u32 {
        let mut digest = crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc32Iscsi);
        self.each(0, len, |span, part| span.arena.for_each_piece(part, |piece| digest.update(piece)));
        digest.finalize() as u32
    }

    /// Sets the first `len` bytes to zero; returns how many there were.
    pub fn zero(&self, len: usize) -> usize {
        let mut done = 0;
        self.each(0, len, |span, part| done += span.arena.zero(part, part.len()));
        done
    }

    #[inline]
    fn each<'a>(&'a self, mut skip: usize, len: usize, mut visit: impl FnMut(&'a Span, CheckedExtent)) {
        let mut rest = len.min(self.bytes.saturating_sub(skip));
        for span in self.list.iter().flatten() {
            if let Some(part) = span.extent.slice(skip, rest) {
                rest -= part.len();
                visit(span, part);
            }
            skip = skip.saturating_sub(span.extent.len());
        }
    }
}

#[cfg(test)]
mod tests;
