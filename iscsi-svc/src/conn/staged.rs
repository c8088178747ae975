//! The staging block of a connection: where bytes are received whose meaning is not known yet.
//!
//! It is a block of the arena, so that immediate data can be executed where it lies: a task claims its bytes and becomes
//! one of the block's owners. What is in it can be overwritten by other processes at any time; headers are copied out
//! before they are looked at. Next: [`super::rx`].

use crate::buffers::{BufId, Buffers, STAGING_BYTES};
use ipc::extent::CheckedExtent;

/// Less space than this at the end of a block is not used.
const LEAST_SPACE: usize = 8 * 1024;

/// Received bytes that nobody has looked at, in a block of the arena.
#[derive(Debug, Default)]
pub struct Staged {
    block: Option<BufId>,
    start: usize,
    end: usize,
}

impl Staged {
    /// Whether it has a block.
    pub fn has_block(&self) -> bool {
        self.block.is_some()
    }

    /// Bytes that are here.
    pub fn left(&self) -> usize {
        self.end - self.start
    }

    /// Claims up to `len` bytes for a task, which becomes one of the block's owners.
    pub fn claim(&mut self, len: usize, buffers: &mut Buffers) -> Option<(CheckedExtent, BufId)> {
        let id = self.block?;
        let len = len.min(self.left());
        if len == 0 {
            return None;
        }
        let extent = buffers.extent(id, self.start as u64, len as u32);
        buffers.share(id);
        self.start += len;
        Some((extent, id))
    }

    /// Undoes [`claim`](Staged::claim) of `len` bytes, because there is no memory for the rest.
    pub fn unclaim(&mut self, len: usize) {
        self.start -= len;
    }

    /// Copies bytes out; returns how many.
    pub fn take(&mut self, out: &mut [u8], buffers: &Buffers) -> usize {
        let len = out.len().min(self.left());
        if let Some(id) = self.block.filter(|_| len > 0) {
            buffers.arena().read(buffers.extent(id, self.start as u64, len as u32), &mut out[..len]);
            self.start += len;
        }
        len
    }

    /// Passes over up to `len` bytes; returns how many.
    pub fn skip(&mut self, len: usize) -> usize {
        let len = len.min(self.left());
        self.start += len;
        len
    }

    /// The free end of a block, if there is memory for one. Nothing unread is in it.
    pub fn space(&mut self, buffers: &mut Buffers) -> Option<CheckedExtent> {
        if let Some(id) = self.block {
            if buffers.owners(id) == 1 {
                (self.start, self.end) = (0, 0);
            } else if self.end + LEAST_SPACE > STAGING_BYTES as usize {
                self.discard(buffers);
            }
        }
        let id = match self.block {
            Some(id) => id,
            None => *self.block.insert(buffers.take_staging()?),
        };
        // Payload that begins on a cache line is copied faster.
        self.end = self.end.next_multiple_of(64);
        self.start = self.end;
        Some(buffers.extent(id, self.end as u64, (STAGING_BYTES as usize - self.end) as u32))
    }

    /// Accounts for `n` bytes that were received into [`space`](Staged::space).
    pub fn filled(&mut self, n: usize) {
        self.end += n;
    }

    /// Place of the block, and what in it is unread, for the notebook.
    pub fn place(&self, buffers: &Buffers) -> Option<([u32; 2], u32, u32)> {
        self.block.map(|id| (buffers.place(id), self.start as u32, self.end as u32))
    }

    /// Takes up what a former incarnation had. None: no such block can be.
    pub fn resume(&mut self, place: [u32; 2], start: u32, end: u32, buffers: &mut Buffers) -> Option<()> {
        if start > end || u64::from(end) > STAGING_BYTES {
            return None;
        }
        let id = buffers.take_at(place)?;
        (self.block, self.start, self.end) = (Some(id), start as usize, end as usize);
        (buffers.bytes_of(id) == STAGING_BYTES).then_some(())
    }

    /// Bytes that fit behind what is here.
    pub fn room(&self) -> usize {
        self.block.map_or(0, |_| STAGING_BYTES as usize - self.end)
    }

    /// Gives up the block.
    pub fn discard(&mut self, buffers: &mut Buffers) {
        if let Some(id) = self.block.take() {
            buffers.give_staging(id);
        }
        (self.start, self.end) = (0, 0);
    }
}
