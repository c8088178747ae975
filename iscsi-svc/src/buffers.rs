//! Blocks of this transport's arena, counted by who uses them.
//!
//! A block has as many owners as there are tasks with data in it, plus the connection that is still receiving into it.
//! It goes back to the arena with its last owner. The bookkeeping is private; only extents leave this process.
//! Next: [`crate::task`], whose [`Layout`] says which parts of which blocks are a task's data.

use ipc::arena::buddy::{Block, Buddy};
use ipc::arena::{Arena, most_per_command};
use ipc::extent::CheckedExtent;

/// Size of the block that a connection receives into, in bytes.
pub const STAGING_BYTES: u64 = 128 * 1024;
/// Staging blocks that are kept at hand instead of being split and merged all the time.
const SPARE: usize = 4;
/// Most pieces of one task's data: what a record has room for.
pub const PIECES: usize = ipc::message::record::EXTENTS;

/// A block in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BufId(u32);

#[derive(Debug, Default)]
struct Slot {
    block: Option<Block>,
    owners: u32,
}

/// All blocks of the arena.
pub struct Buffers {
    arena: Arena,
    buddy: Buddy,
    slots: Vec<Slot>,
    free: Vec<u32>,
    spare: Vec<BufId>,
    pieces: Vec<Block>,
    /// Memory came back since somebody last looked.
    pub returned: bool,
}

impl Buffers {
    /// All of `arena`, free. Nothing else may use it.
    pub fn new(arena: Arena) -> Buffers {
        let buddy = Buddy::new(arena.size() as u64);
        Buffers {
            arena,
            buddy,
            slots: Vec::new(),
            free: Vec::new(),
            spare: Vec::new(),
            pieces: Vec::with_capacity(PIECES),
            returned: false,
        }
    }

    /// The arena.
    pub fn arena(&self) -> &Arena {
        &self.arena
    }

    /// Bytes that are free.
    pub fn free_bytes(&self) -> u64 {
        self.buddy.free_bytes()
    }

    /// The most data that one task can have, in bytes.
    pub fn most_per_task(&self) -> u64 {
        most_per_command(self.arena.size() as u64)
    }

    /// A block of at least `bytes` bytes with one owner.
    pub fn take(&mut self, bytes: u64) -> Option<BufId> {
        let block = self.take_block(bytes)?;
        Some(self.adopt(block))
    }

    fn take_block(&mut self, bytes: u64) -> Option<Block> {
        self.buddy.take(bytes).or_else(|| {
            // Spare blocks are memory too.
            if self.drop_spare() { self.buddy.take(bytes) } else { None }
        })
    }

    fn drop_spare(&mut self) -> bool {
        let any = !self.spare.is_empty();
        while let Some(id) = self.spare.pop() {
            self.free_slot(id);
        }
        any
    }

    /// Fills `layout` up to `bytes` more bytes with fresh blocks, largest first. Takes nothing and returns false if
    /// that cannot be had in the pieces that are left.
    pub fn fill(&mut self, layout: &mut Layout, bytes: u64) -> bool {
        let most = PIECES - layout.len;
        let mut pieces = std::mem::take(&mut self.pieces);
        let mut enough = self.buddy.take_pieces(bytes, most, &mut pieces);
        if !enough && self.drop_spare() {
            enough = self.buddy.take_pieces(bytes, most, &mut pieces);
        }
        let mut rest = bytes;
        for block in pieces.drain(..) {
            let len = rest.min(block.bytes());
            rest -= len;
            let id = self.adopt(block);
            // It fits: `take_pieces` takes at most `most`.
            layout.push(self.extent(id, 0, len as u32), id);
        }
        self.pieces = pieces;
        enough
    }

    /// A block to receive into.
    pub fn take_staging(&mut self) -> Option<BufId> {
        match self.spare.pop() {
            Some(id) => Some(id),
            None => self.take(STAGING_BYTES),
        }
    }

    /// Gives up a block that was received into.
    pub fn give_staging(&mut self, id: BufId) {
        if self.owners(id) == 1 && self.spare.len() < SPARE {
            self.spare.push(id);
        } else {
            self.release(id);
        }
    }

    fn adopt(&mut self, block: Block) -> BufId {
        let slot = Slot { block: Some(block), owners: 1 };
        match self.free.pop() {
            Some(index) => {
                self.slots[index as usize] = slot;
                BufId(index)
            }
            None => {
                self.slots.push(slot);
                BufId(self.slots.len() as u32 - 1)
            }
        }
    }

    /// One owner more.
    pub fn share(&mut self, id: BufId) {
        self.slots[id.0 as usize].owners += 1;
    }

    /// Owners of a block.
    pub fn owners(&self, id: BufId) -> u32 {
        self.slots[id.0 as usize].owners
    }

    /// One owner less; the last one frees the block.
    pub fn release(&mut self, id: BufId) {
        let slot = &mut self.slots[id.0 as usize];
        assert!(slot.owners > 0, "a block was released once too often");
        slot.owners -= 1;
        if slot.owners == 0 {
            self.free_slot(id);
        }
    }

    fn free_slot(&mut self, id: BufId) {
        if let Some(block) = self.slots[id.0 as usize].block.take() {
            self.buddy.give(block);
            self.free.push(id.0);
            self.returned = true;
        }
    }

    /// The part of `len` bytes (not 0) that starts `skip` bytes into a block.
    pub fn extent(&self, id: BufId, skip: u64, len: u32) -> CheckedExtent {
        let block = self.slots[id.0 as usize].block.as_ref().expect("a block in use");
        let extent = block.extent(self.arena.id(), skip, len);
        self.arena.check(extent).expect("a block lies in its arena")
    }

    /// Releases everything that a layout owns.
    pub fn release_layout(&mut self, layout: &mut Layout) {
        for id in layout.take_ids() {
            self.release(id);
        }
    }
}

/// Where a task's data lies: runs of bytes in order, each with the block that it keeps alive.
#[derive(Clone, Copy, Debug, Default)]
pub struct Layout {
    parts: [Option<(CheckedExtent, BufId)>; PIECES],
    len: usize,
}

impl Layout {
    /// Appends a run. The layout becomes one owner of `id`: whoever calls has counted it.
    ///
    /// # Panics
    /// With more than [`PIECES`] runs.
    pub fn push(&mut self, extent: CheckedExtent, id: BufId) {
        self.parts[self.len] = Some((extent, id));
        self.len += 1;
    }

    /// Number of runs.
    pub fn count(&self) -> usize {
        self.len
    }

    /// Bytes of all runs.
    pub fn bytes(&self) -> u64 {
        self.extents().map(|extent| extent.len() as u64).sum()
    }

    /// The runs.
    pub fn extents(&self) -> impl Iterator<Item = CheckedExtent> + '_ {
        self.parts[..self.len].iter().flatten().map(|(extent, _)| *extent)
    }

    /// The runs that hold `len` bytes from `offset` on, cut to fit.
    pub fn slice(&self, offset: usize, len: usize) -> impl Iterator<Item = CheckedExtent> + '_ {
        let mut start = 0;
        self.extents().filter_map(move |extent| {
            let here = start;
            start += extent.len();
            let from = offset.max(here);
            let to = (offset + len).min(start);
            (from < to).then(|| extent.slice(from - here, to - from)).flatten()
        })
    }

    /// The blocks, which the caller has to release now.
    pub fn take_ids(&mut self) -> impl Iterator<Item = BufId> + use<> {
        let parts = std::mem::take(self).parts;
        parts.into_iter().flatten().map(|(_, id)| id)
    }
}

#[cfg(test)]
mod tests;
