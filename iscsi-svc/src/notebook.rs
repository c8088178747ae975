//! What this service notes so that its successor can go on with every connection where it died.
//!
//! The supervisor holds a duplicate of each connected socket under a key; the notebook has, for each, a *place*: whose it is
//! ([`Who`]), where it stands ([`layout::Moment`]), what waits to be sent; and for each task a place of its own. The process works
//! with private tables; this is a picture of them that is brought up to date at three points only, each before something can
//! be seen from outside: before bytes are taken from a socket, before requests are shown to the core, and before bytes are
//! given to a socket (`Conn::note`).
//!
//! Everything of one connection becomes valid by one store: the tag of its [`layout::Moment`]. A version of a task counts if its
//! tag is not higher than that. So at any instant there is exactly one valid picture of a connection, and what the kernel
//! says about the socket ([`ipc::tcp`]) tells how far the process came after it:
//!
//! * received: at most one `recvmsg`, whose bytes lie where the picture says, because it follows from the picture alone;
//! * sent: a prefix of what the picture has in its queue.
//!
//! Memory that a picture names is not used for anything else before the next picture: see [`crate::buffers`] and
//! [`crate::task`]. What is read back is judged as if an enemy had written it.

pub mod found;
pub mod layout;

use crate::crash::{self, Point};
use crate::task::Place;
use found::Found;
use ipc::arena::Arena;
use ipc::extent::{CheckedExtent, Extent};
use ipc::notebook::shadow::Shadow;
use ipc::shm::MapError;
use layout::{
    BYTES, CONN, FUNCTIONS, HEAD_ROOM, LANDING, QUEUE, SEGMENT, SEGMENTS, SIDE, SIDES, START, TAIL_ROOM,
    TASK, TASK_SIDE, TASK_SIDES, Who,
};
use std::os::fd::AsFd;
use zerocopy::IntoBytes;

/// Number of this format.
pub const SCHEMA: u64 = 0x6973_6373_6900_0002;
/// A tag that is higher was never written by us.
const MOST_TAG: u64 = u64::MAX / 2;

/// Place of a connection.
pub type Slot = u32;

/// The notebook, as its writer sees it.
#[derive(Debug, Default)]
pub struct Book {
    memory: Option<Shadow>,
    conns: usize,
    tasks: usize,
    free: Vec<Slot>,
    /// For each task's place the version that was written last.
    sides: Vec<u8>,
    /// The last tag that was given out. They rise over all connections, for places of tasks go from one to another.
    tags: u64,
}

impl Book {
    /// Opens the notebook in `fd`, for at most `connections`, and returns it with what a predecessor left.
    ///
    /// # Errors
    /// The segment cannot be mapped.
    pub fn open(fd: impl AsFd, connections: u32) -> Result<(Book, Vec<Found>), MapError> {
        let memory = Shadow::new(fd)?;
        let room = memory.size().saturating_sub(START);
        let conns = (room / 3 * 2 / CONN).min(connections as usize);
        let tasks = ((room - conns * CONN) / TASK).min(crate::task::MOST);
        let memory = Some(memory);
        let mut book = Book { memory, conns, tasks, free: Vec::new(), sides: vec![0; tasks], tags: 0 };
        let found = book.look();
        Ok((book, found))
    }

    /// Whether there is a place for this task.
    pub fn has_task(&self, place: Place) -> bool {
        usize::from(place) < self.tasks
    }

    fn memory(&self) -> &Shadow {
        self.memory.as_ref().expect("only an open notebook has places")
    }

    /// The notebook as memory for system calls.
    pub fn arena(&self) -> Option<&Arena> {
        self.memory.as_ref().map(Shadow::arena)
    }

    fn conn_at(&self, slot: Slot) -> usize {
        assert!((slot as usize) < self.conns, "connection {slot} of {}", self.conns);
        START + slot as usize * CONN
    }

    fn side_at(&self, slot: Slot, side: usize) -> usize {
        self.conn_at(slot) + SIDES + (side & 1) * SIDE
    }

    fn task_at(&self, place: Place) -> usize {
        assert!(self.has_task(place), "task {place} of {}", self.tasks);
        START + self.conns * CONN + usize::from(place) * TASK
    }

    /// A tag that is higher than all before.
    pub fn next_tag(&mut self) -> u64 {
        self.tags += 1;
        self.tags
    }

    /// Takes a place for a connection; it says nothing yet.
    pub fn take(&mut self) -> Option<Slot> {
        self.free.pop()
    }

    /// The connection is over. The stores of its tags are the end of its picture.
    pub fn give(&mut self, slot: Slot) {
        self.erase(slot);
        self.free.push(slot);
    }

    fn erase(&self, slot: Slot) {
        // The older one first: a moment in which it alone stood would be a picture of long ago.
        let (a, b) = (self.side_at(slot, 0), self.side_at(slot, 1));
        let older = if self.memory().tag(a) <= self.memory().tag(b) { [a, b] } else { [b, a] };
        for at in older {
            self.memory().begin(at);
            crash::point(Point::PictureErased);
        }
    }

    /// Says whose a connection is; before its first picture.
    pub fn put_who(&self, slot: Slot, who: &Who) {
        self.memory().write(self.conn_at(slot), who.as_bytes());
    }

    /// Takes back the older version of a connection's moment and writes the new one, up to its tag.
    pub fn put_moment(&self, slot: Slot, side: usize, moment: &[u8], functions: &[u8]) {
        let at = self.side_at(slot, side);
        self.memory().begin(at);
        self.memory().write(at + 8, moment);
        if !functions.is_empty() {
            self.memory().write(at + FUNCTIONS, functions);
        }
    }

    /// Writes the part of a header and of a tail that are here already, beside a moment.
    pub fn put_landed(&self, slot: Slot, side: usize, tail: &[u8; TAIL_ROOM], head: &[u8]) {
        let at = self.side_at(slot, side) + LANDING;
        self.memory().write(at, tail);
        if !head.is_empty() {
            self.memory().write(at + TAIL_ROOM, head);
        }
    }

    /// The commit point of a connection's picture: everything that was written with this tag is valid from here on.
    pub fn commit(&self, slot: Slot, side: usize, tag: u64) {
        self.memory().commit(self.side_at(slot, side), tag);
    }

    /// Where bytes `from..to` of a tail, or of a header, are received, beside a moment.
    pub fn landing(
        &self,
        slot: Slot,
        side: usize,
        head: bool,
        from: usize,
        to: usize,
    ) -> Option<CheckedExtent> {
        let room = if head { HEAD_ROOM } else { TAIL_ROOM };
        assert!(to <= room, "a landing of {room} bytes takes no {to}");
        let at = self.side_at(slot, side) + LANDING + if head { TAIL_ROOM } else { 0 } + from;
        let arena = self.memory().arena();
        let len = to.checked_sub(from).filter(|len| *len > 0)? as u32;
        arena.check(Extent { arena: arena.id(), len, offset: at as u64 }).ok()
    }

    /// Writes bytes of the queue from `position` of the private stream on.
    pub fn put_bytes(&self, slot: Slot, position: u64, bytes: &[u8]) {
        let ring = self.conn_at(slot) + BYTES;
        let skip = (position % QUEUE as u64) as usize;
        let first = bytes.len().min(QUEUE - skip);
        self.memory().write(ring + skip, &bytes[..first]);
        self.memory().write(ring, &bytes[first..]);
    }

    /// Writes segment number `index` of the queue.
    pub fn put_segment(&self, slot: Slot, index: u64, segment: &[u8; SEGMENT]) {
        let at = (index % SEGMENTS as u64) as usize * SEGMENT;
        self.memory().write(self.conn_at(slot) + BYTES + QUEUE + at, segment);
    }

    /// Writes what a task is. Its place is free in every valid picture.
    pub fn put_task(&self, place: Place, still: &[u8]) {
        self.memory().write(self.task_at(place), still);
    }

    /// Writes how far a task is, as the version beside the one that holds; it counts with its connection's tag.
    pub fn put_progress(&mut self, place: Place, tag: u64, progress: &[u8], outcome: &[u8]) {
        let side = &mut self.sides[usize::from(place)];
        *side ^= 1;
        let side = usize::from(*side);
        let at = self.task_at(place) + TASK_SIDES + side * TASK_SIDE;
        self.memory().begin(at);
        self.memory().write(at + 8, progress);
        if !outcome.is_empty() {
            self.memory().write(at + 8 + progress.len(), outcome);
        }
        self.memory().commit(at, tag);
    }
}

#[cfg(test)]
mod tests;
