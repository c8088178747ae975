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

/// What is free.
#[derive(Debug)]
pub struct Memory {
    arena: Arena,
    /// By number from 1: whether the chunk is in use.
    chunks: Vec<bool>,
    /// Pages that are free.
    pages: Vec<u32>,
}

impl Memory {
    /// All of the arena, free. None if it is too small for a chunk besides the pages.
    pub fn new(arena: Arena) -> Option<Self> {
        let chunks = (arena.size() / CHUNK as usize).checked_sub(1).filter(|chunks| *chunks > 0)?;
        Some(Self { arena, chunks: vec![false; chunks], pages: (0..CHUNK / PAGE).collect() })
    }

    /// The arena.
    pub fn arena(&self) -> &Arena {
        &self.arena
    }

    /// A chunk that nobody uses.
    pub fn take(&mut self) -> Option<u32> {
        let index = self.chunks.iter().position(|used| !used)?;
        self.chunks[index] = true;
        Some(index as u32 + 1)
    }

    /// This chunk, if nobody uses it.
    pub fn take_this(&mut self, chunk: u32) -> bool {
        let place = (chunk as usize).checked_sub(1).and_then(|index| self.chunks.get_mut(index));
        place.is_some_and(|used| !std::mem::replace(used, true))
    }

    /// Gives a chunk back.
    pub fn give(&mut self, chunk: u32) {
        if let Some(used) = (chunk as usize).checked_sub(1).and_then(|index| self.chunks.get_mut(index)) {
            *used = false;
        }
    }

    /// The first `len` bytes of a chunk.
    pub fn extent(&self, chunk: u32, len: u32) -> Extent {
        Extent { arena: self.arena.id(), len, offset: u64::from(chunk) * u64::from(CHUNK) }
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
