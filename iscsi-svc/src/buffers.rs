//! Blocks of this transport's arena, counted by who uses them.
//!
//! A block has as many owners as there are tasks with data in it, plus the connection that is still receiving into it.
//! It goes back to the arena after its last owner, when no picture in the notebook names it any more: what is given up
//! is put aside ([`Buffers::release`]) until every connection has noted where it stands ([`Buffers::reuse`]).
//! The bookkeeping is private; only extents leave this process.
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

/// A block that loses an owner.
#[derive(Clone, Copy, Debug)]
struct Leaving {
    id: BufId,
    /// It was received into and can be again.
    staging: bool,
}

/// All blocks of the arena.
pub struct Buffers {
    arena: Arena,
    buddy: Buddy,
    slots: Vec<Slot>,
    free: Vec<u32>,
    spare: Vec<BufId>,
    /// Blocks that lost an owner since the last notes.
    leaving: Vec<Leaving>,
    /// Those of which the notes are being brought up to date.
    left: Vec<Leaving>,
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
            leaving: Vec::new(),
            left: Vec::new(),
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
        self.leaving.push(Leaving { id, staging: true });
    }

    /// Takes the block that a former incarnation had at a place, or becomes one more owner of it. None: no such block can be.
    pub fn take_at(&mut self, [unit, order]: [u32; 2]) -> Option<BufId> {
        let order = u8::try_from(order).ok()?;
        let same = |slot: &Slot| slot.block.as_ref().is_some_and(|block| block.place() == (unit, order));
        if let Some(index) = self.slots.iter().position(same) {
            let id = BufId(index as u32);
            self.share(id);
            return Some(id);
        }
        let block = self.buddy.take_at(unit, order)?;
        Some(self.adopt(block))
    }

    /// Where a block is, for [`take_at`](Self::take_at).
    pub fn place(&self, id: BufId) -> [u32; 2] {
        let block = self.slots[id.0 as usize].block.as_ref();
        let (unit, order) = block.expect("a block in use").place();
        [unit, u32::from(order)]
    }

    /// Bytes that a block has.
    pub fn bytes_of(&self, id: BufId) -> u64 {
        self.slots[id.0 as usize].block.as_ref().map_or(0, Block::bytes)
    }

    /// Whether something has been given up and waits for the notes.
    pub fn has_leaving(&self) -> bool {
        !self.leaving.is_empty()
    }

    /// From here on connections note where they stand. What they have given up can be used again afterwards.
    pub fn set_aside(&mut self) {
        std::mem::swap(&mut self.leaving, &mut self.left);
    }

    /// Nothing that was set aside is named in the notebook any more.
    pub fn reuse(&mut self) {
        let mut left = std::mem::take(&mut self.left);
        // Whoever waits tries again, even if it was less than a whole block.
        self.returned |= !left.is_empty();
        for Leaving { id, staging } in left.drain(..) {
            if staging && self.owners(id) == 1 && self.spare.len() < SPARE {
                self.spare.push(id);
            } else {
                self.let_go(id);
            }
        }
        self.left = left;
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

    /// Undoes [`share`](Self::share) before anybody could have noted it. The last owner does not go like this.
    pub fn unshare(&mut self, id: BufId) {
        let owners = &mut self.slots[id.0 as usize].owners;
        assert!(*owners > 1, "the last owner was never shared with");
        *owners -= 1;
    }

    /// Owners of a block.
    pub fn owners(&self, id: BufId) -> u32 {
        self.slots[id.0 as usize].owners
    }

    /// One owner less; the last one frees the block, when that has been noted.
    pub fn release(&mut self, id: BufId) {
        self.leaving.push(Leaving { id, staging: false });
    }

    fn let_go(&mut self, id: BufId) {
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

    /// The runs with their blocks.
    pub fn parts(&self) -> impl Iterator<Item = (CheckedExtent, BufId)> + '_ {
        self.parts[..self.len].iter().flatten().copied()
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
