//! Memory of this process's own for blocks that have to be looked at: a fixed number of buffers of a fixed size.
//!
//! They are an arena like those of transports, so that the engine reads into them and writes from them in the same way;
//! nobody else maps it. It is made when the first command asks for a buffer; most services never have one.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;

use ipc::arena::Arena;
use ipc::extent::Extent;
use ipc::shm;

use crate::span::Spans;

/// Bytes of a buffer: a multiple of every block size.
pub const BYTES: usize = 256 << 10;
/// How many there are at the most.
const MOST: u64 = 16;
/// Number of the arena: not one that a transport can have.
const ARENA: u32 = u32::MAX - 2;

/// All buffers.
pub struct Buffers {
    arena: Option<Arena>,
    count: u32,
    free: Rc<RefCell<Vec<u32>>>,
}

/// A buffer in use; free again when it is dropped.
#[derive(Debug)]
pub struct Buffer {
    /// Its bytes.
    pub spans: Spans,
    place: u32,
    free: Rc<RefCell<Vec<u32>>>,
}

/// Bytes of a service's memory of its own that are for such buffers: a quarter, if that is not more than they need. The rest is
/// for [`crate::bounce`].
pub fn share(memory: u64) -> u64 {
    let bytes = BYTES as u64;
    (memory / 4 / bytes).clamp(1, MOST) * bytes
}

impl Buffers {
    /// In so many bytes; one buffer at least.
    pub fn new(bytes: u64) -> Self {
        let count = (bytes / BYTES as u64).clamp(1, MOST) as u32;
        Self { arena: None, count, free: Rc::default() }
    }

    /// A free buffer, if there is one.
    pub fn take(&mut self) -> io::Result<Option<Buffer>> {
        let arena = match &self.arena {
            Some(arena) => arena.clone(),
            None => self.make()?,
        };
        let Some(place) = self.free.borrow_mut().pop() else { return Ok(None) };
        let extent = Extent { arena: ARENA, len: BYTES as u32, offset: u64::from(place) * BYTES as u64 };
        let spans =
            Spans::of(&arena, extent).ok_or_else(|| io::Error::other("a buffer is not in its arena"))?;
        Ok(Some(Buffer { spans, place, free: self.free.clone() }))
    }

    fn make(&mut self) -> io::Result<Arena> {
        let memory = shm::create("bulkhead:buffers", self.count as usize * BYTES)?;
        let arena = Arena::new(ARENA, memory).map_err(io::Error::other)?;
        self.free.borrow_mut().extend(0..self.count);
        self.arena = Some(arena.clone());
        Ok(arena)
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.free.borrow_mut().push(self.place);
    }
}

#[cfg(test)]
mod tests;
