//! The arena of the core's own: where copied data is between READ and WRITE. Its size bounds all copies together.
//!
//! Chunks of one size are handed out, so that what a former core had put into one can be found again by its number. The first
//! chunk is cut into pages for short answers.

use ipc::arena::Arena;
use ipc::extent::Extent;

/// Bytes of a chunk: a multiple of every block size.
pub const CHUNK: u32 = 256 << 10;
/// Bytes of a page.
pub const PAGE: u32 = 4096;

/// What is kept for a later segment has room for so many bytes: less than a block of any size. A pocket has two such places, and behind
/// them room to read blocks of which it is a part.
pub const SLOT: u32 = 64 << 10;
/// Where in a pocket blocks are read.
pub const POCKET_READS: u32 = 2 * SLOT;

/// What a chunk is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    Free,
    /// Data is on its way in it.
    Moves,
    /// It keeps data for a later segment of its copy.
    Pocket,
}

/// What is free.
#[derive(Debug)]
pub struct Memory {
    arena: Arena,
    /// By number from 1.
    chunks: Vec<Use>,
    /// Pages that are free.
    pages: Vec<u32>,
}

impl Memory {
    /// All of the arena, free. None if it is too small for a chunk besides the pages.
    pub fn new(arena: Arena) -> Option<Self> {
        let chunks = (arena.size() / CHUNK as usize).checked_sub(1).filter(|chunks| *chunks > 0)?;
        Some(Self { arena, chunks: vec![Use::Free; chunks], pages: (0..CHUNK / PAGE).collect() })
    }

    /// The arena.
    pub fn arena(&self) -> &Arena {
        &self.arena
    }

    /// A chunk that nobody uses.
    pub fn take(&mut self) -> Option<u32> {
        self.take_for(Use::Moves)
    }

    /// The same as a pocket, which its copy keeps to its end. One chunk is always left to move data with, or copies that have
    /// pockets would wait for one another.
    pub fn take_pocket(&mut self) -> Option<u32> {
        if self.pockets() + 1 < self.chunks.len() { self.take_for(Use::Pocket) } else { None }
    }

    /// Whether there can be pockets at all.
    pub fn has_pockets(&self) -> bool {
        self.chunks.len() > 1
    }

    fn pockets(&self) -> usize {
        self.chunks.iter().filter(|used| **used == Use::Pocket).count()
    }

    fn take_for(&mut self, purpose: Use) -> Option<u32> {
        let index = self.chunks.iter().position(|used| *used == Use::Free)?;
        self.chunks[index] = purpose;
        Some(index as u32 + 1)
    }

    /// This chunk, if nobody uses it.
    pub fn take_this(&mut self, chunk: u32) -> bool {
        self.take_this_for(chunk, Use::Moves)
    }

    /// This chunk as a pocket, if nobody uses it.
    pub fn take_this_pocket(&mut self, chunk: u32) -> bool {
        self.has_pockets() && self.take_this_for(chunk, Use::Pocket)
    }

    fn take_this_for(&mut self, chunk: u32, purpose: Use) -> bool {
        let place = (chunk as usize).checked_sub(1).and_then(|index| self.chunks.get_mut(index));
        let Some(free) = place.filter(|used| **used == Use::Free) else { return false };
        *free = purpose;
        true
    }

    /// Gives a chunk back.
    pub fn give(&mut self, chunk: u32) {
        if let Some(used) = (chunk as usize).checked_sub(1).and_then(|index| self.chunks.get_mut(index)) {
            *used = Use::Free;
        }
    }

    /// The first `len` bytes of a chunk.
    pub fn extent(&self, chunk: u32, len: u32) -> Extent {
        Extent { arena: self.arena.id(), len, offset: u64::from(chunk) * u64::from(CHUNK) }
    }

    /// So many bytes of a chunk, from an offset on.
    pub fn part(&self, chunk: u32, offset: u32, len: u32) -> Extent {
        let whole = self.extent(chunk, len);
        Extent { offset: whole.offset + u64::from(offset), ..whole }
    }

    /// Copies bytes out of a chunk.
    pub fn read(&self, chunk: u32, offset: u32, len: u32) -> Vec<u8> {
        let Ok(checked) = self.arena.check(self.part(chunk, offset, len)) else { return Vec::new() };
        let mut bytes = vec![0; checked.len()];
        self.arena.read(checked, &mut bytes);
        bytes
    }

    /// Copies bytes into a chunk.
    pub fn write(&self, chunk: u32, offset: u32, bytes: &[u8]) {
        if let Ok(checked) = self.arena.check(self.part(chunk, offset, bytes.len() as u32)) {
            self.arena.write(checked, bytes);
        }
    }

    /// A page that nobody uses.
    pub fn take_page(&mut self) -> Option<u32> {
        self.pages.pop()
    }

    /// Gives a page back.
    pub fn give_page(&mut self, page: u32) {
        self.pages.push(page);
    }

    /// The first `len` bytes of a page.
    pub fn page_extent(&self, page: u32, len: u32) -> Extent {
        Extent { arena: self.arena.id(), len, offset: u64::from(page) * u64::from(PAGE) }
    }

    /// Copies the first `len` bytes of a page out.
    pub fn read_page(&self, page: u32, len: u32) -> Vec<u8> {
        let Ok(checked) = self.arena.check(self.page_extent(page, len.min(PAGE))) else { return Vec::new() };
        let mut bytes = vec![0; checked.len()];
        self.arena.read(checked, &mut bytes);
        bytes
    }

    /// Sets the bytes of a chunk from `from` to `to` to zero.
    pub fn zero(&self, chunk: u32, from: u32, to: u32) {
        if let Some(part) = self.arena.check(self.extent(chunk, to)).ok().and_then(|all| {
            let from = from as usize;
            all.slice(from, all.len().saturating_sub(from))
        }) {
            self.arena.zero(part, part.len());
        }
    }
}

#[cfg(test)]
mod tests;
