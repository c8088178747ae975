//! Memory of our own, for direct I/O of data that is not aligned as the medium wants it.
//!
//! Data that came with its command lies where the bytes before it ended, and an initiator can ask for less than a block. Such
//! a transfer goes by a room of this memory, in parts of at most a room; what is aligned, which is nearly everything,
//! never comes here. The memory is bounded: when all rooms are taken, jobs wait in line. It is there from the first use on.

use std::collections::VecDeque;
use std::io;

use ipc::arena::Arena;
use ipc::extent::Extent;
use ipc::shm;
use rustc_hash::FxHashMap;

use crate::backend::direct::Align;
use crate::engine::{Job, Op};
use crate::slots::SlotId;
use crate::span::Spans;

/// Bytes of a room.
pub const ROOM: usize = 256 << 10;
/// Number of the arena that the rooms are: not one that a transport can have, nor the notebook's.
const ARENA: u32 = u32::MAX - 1;

/// A transfer that goes by a room.
struct Held {
    room: u32,
    op: Op,
    /// Where the data belongs.
    home: Spans,
    skip: usize,
    len: usize,
}

/// All rooms.
pub struct Bounce {
    arena: Option<Arena>,
    rooms: u32,
    free: Vec<u32>,
    held: FxHashMap<usize, Held>,
    waiting: VecDeque<(SlotId, Job)>,
}

/// What is to become of a job.
#[derive(Debug)]
pub enum Way {
    /// It can be submitted.
    Clear(Job),
    /// It waits in line for a room.
    Waits,
    /// There is no memory.
    Failed(io::Error),
}

impl Bounce {
    /// At most so many bytes, but one room at least.
    pub fn new(bytes: u64) -> Self {
        let rooms = u32::try_from(bytes / ROOM as u64).unwrap_or(u32::MAX).clamp(1, 4096);
        Self { arena: None, rooms, free: Vec::new(), held: FxHashMap::default(), waiting: VecDeque::new() }
    }

    /// How many rooms there can be.
    pub fn rooms(&self) -> u32 {
        self.rooms
    }

    /// Makes a job one that the medium takes.
    pub fn pass(&mut self, slot: SlotId, job: Job, align: Align) -> Way {
        if !matches!(job.op, Op::Read | Op::Write) || align.suits(&job.spans, job.skip, job.len) {
            return Way::Clear(job);
        }
        if self.arena.is_none()
            && let Err(error) = self.make()
        {
            return Way::Failed(error);
        }
        let Some(room) = self.free.pop() else {
            self.waiting.push_back((slot, job));
            return Way::Waits;
        };
        match self.turn(slot, job, align, room) {
            Ok(job) => Way::Clear(job),
            Err(error) => {
                self.free.push(room);
                Way::Failed(error)
            }
        }
    }

    fn make(&mut self) -> io::Result<()> {
        let memory = shm::create("bulkhead:bounce", self.rooms as usize * ROOM)?;
        self.arena = Some(Arena::new(ARENA, memory).map_err(io::Error::other)?);
        self.free = (0..self.rooms).rev().collect();
        Ok(())
    }

    /// Sends a job by a room.
    fn turn(&mut self, slot: SlotId, job: Job, align: Align, room: u32) -> io::Result<Job> {
        let lost = || io::Error::other("a room lies outside of its memory");
        let arena = self.arena.as_ref().ok_or_else(lost)?;
        let place = u64::from(room) * ROOM as u64;
        let step = (align.offset as usize).min(ROOM);
        let len = job.len.min(ROOM);
        // A read brings whole blocks and gives away what was asked for. A write has nothing to fill a block with.
        let full = match job.op {
            Op::Read => len.next_multiple_of(step),
            _ => len / step * step,
        };
        let len = len.min(full);
        if len == 0 {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let extent = Extent { arena: ARENA, len: full as u32, offset: place };
        let spans = Spans::of(arena, extent).ok_or_else(lost)?;
        if job.op == Op::Write {
            spans.copy_part(0, &job.spans, job.skip, len);
        }
        self.held.insert(slot.index(), Held { room, op: job.op, home: job.spans, skip: job.skip, len });
        Ok(Job { spans, skip: 0, len: full, ..job })
    }

    /// Whether any transfer goes by a room.
    #[inline]
    pub fn is_used(&self) -> bool {
        !self.held.is_empty()
    }

    /// A job is over: brings home what it has read, and says how much of what was asked for has been moved. With it comes
    /// the next in line, to be passed again.
    pub fn home(
        &mut self,
        slot: SlotId,
        result: io::Result<usize>,
    ) -> (io::Result<usize>, Option<(SlotId, Job)>) {
        let Some(held) = self.held.remove(&slot.index()) else { return (result, None) };
        self.free.push(held.room);
        let result = result.map(|moved| moved.min(held.len));
        if let (Op::Read, Ok(moved), Some(arena)) = (held.op, &result, &self.arena) {
            let offset = u64::from(held.room) * ROOM as u64;
            let extent = Extent { arena: ARENA, len: *moved as u32, offset };
            if let Some(room) = Spans::of(arena, extent) {
                held.home.copy_part(held.skip, &room, 0, *moved);
            }
        }
        (result, self.waiting.pop_front())
    }
}

#[cfg(test)]
mod tests;
