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
/// How many there are.
const COUNT: u32 = 16;
/// Number of the arena: not one that a transport can have.
const ARENA: u32 = u32::MAX - 2;

/// All buffers.
#[derive(Default)]
pub struct Buffers {
    arena: Option<Arena>,
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

impl Buffers {
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
        let memory = shm::create("bulkhead:buffers", COUNT as usize * BYTES)?;
        let arena = Arena::new(ARENA, memory).map_err(io::Error::other)?;
        self.free.borrow_mut().extend(0..COUNT);
        self.arena = Some(arena.clone());
        Ok(arena)
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.free.borrow_mut().push(self.place);
    }
}
