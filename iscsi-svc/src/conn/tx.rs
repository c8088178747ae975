//! The way out of a connection: a queue of bytes, some of them private, most of them in the arena.
//!
//! Headers, sense data and text are copied into one private buffer; payload stays where the handler put it and is
//! named by extents. One `sendmsg` gathers as many PDUs as its list has room for. Blocks of the arena are released when
//! the kernel has taken their last byte.
//!
//! What is queued stands in the notebook before any of it is sent ([`picture`]), so that a successor can make the same bytes
//! again: a segment that was noted does not change any more, and how much of it was sent the kernel knows.

use crate::buffers::{BufId, Buffers};
use crate::crash::{self, Point};
use crate::digest::{Crc32c, crc32c};
use crate::notebook::layout::{QUEUE, SEGMENTS};
use crate::pdu::bhs::padding;
use crate::pdu::target::Header;
use ipc::extent::CheckedExtent;
use ipc::io::{self, Pieces};
use std::collections::VecDeque;
use std::io::ErrorKind;
use std::os::fd::AsFd;

pub mod picture;

/// Private bytes that were sent are dropped from the buffer when they are more than this.
const COMPACT: usize = 64 * 1024;

/// The next thing to send.
#[derive(Clone, Copy, Debug)]
enum Segment {
    /// Private bytes up to this position of the private stream.
    Private(u64),
    /// A run of the arena.
    Arena(CheckedExtent),
    /// Everything that needs this block has been sent.
    Release(BufId),
}

/// What [`Tx::send`] came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// Nothing is left.
    All,
    /// The socket is full.
    Blocked,
}

/// The data segment of a PDU.
pub enum Payload<'a> {
    /// None.
    Nothing,
    /// Private bytes, copied.
    Bytes(&'a [u8]),
    /// Runs of the arena.
    Arena(&'a mut dyn Iterator<Item = CheckedExtent>),
}

/// The queue of one connection.
#[derive(Debug, Default)]
pub struct Tx {
    bytes: Vec<u8>,
    /// Position in the private stream of `bytes[0]`.
    base: u64,
    /// Position in the private stream of the next byte to send.
    next: u64,
    segments: VecDeque<Segment>,
    /// Number of the first segment, and of the first that the notebook does not have.
    first: u64,
    noted: u64,
    /// Position in the private stream up to which the notebook has the bytes.
    noted_bytes: u64,
    /// Where the first segment begins, in the private stream and in all that was ever sent.
    front_bytes: u64,
    front: u64,
    /// Bytes of the first segment that were sent.
    done: usize,
    /// A digest follows each header.
    pub header_digest: bool,
    /// A digest follows each data segment.
    pub data_digest: bool,
}

impl Tx {
    /// Whether there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// Whether the answer to a command can be queued: there is room for it in the notebook, for all but the largest, or
    /// waiting would not make any.
    pub fn has_room(&self) -> bool {
        self.is_empty() || (self.private_bytes() <= QUEUE / 2 && self.segments.len() <= SEGMENTS / 2)
    }

    /// Private bytes that wait.
    pub fn private_bytes(&self) -> usize {
        (self.base + self.bytes.len() as u64 - self.next) as usize
    }

    fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        let end = self.base + self.bytes.len() as u64;
        let last_is_noted = self.first + self.segments.len() as u64 == self.noted;
        match self.segments.back_mut() {
            Some(Segment::Private(last)) if !last_is_noted => *last = end,
            _ => self.segments.push_back(Segment::Private(end)),
        }
    }

    /// Queues a PDU whose header is complete.
    pub fn pdu(&mut self, header: &Header, payload: Payload<'_>, buffers: &Buffers) {
        self.push(header);
        if self.header_digest {
            self.push(&crc32c(header));
        }
        let mut digest = self.data_digest.then(Crc32c::new);
        let mut len = 0;
        match payload {
            Payload::Nothing => return,
            Payload::Bytes(bytes) => {
                self.push(bytes);
                len += bytes.len();
                if let Some(digest) = &mut digest {
                    digest.update(bytes);
                }
            }
            Payload::Arena(extents) => {
                for extent in extents {
                    self.segments.push_back(Segment::Arena(extent));
                    len += extent.len();
                    if let Some(digest) = &mut digest {
                        buffers.arena().for_each_piece(extent, |piece| digest.update(piece));
                    }
                }
            }
        }
        let pad = &[0; 3][..padding(len)];
        self.push_nonempty(pad);
        if let Some(mut digest) = digest.filter(|_| len > 0) {
            digest.update(pad);
            self.push(&digest.wire());
        }
    }

    fn push_nonempty(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.push(bytes);
        }
    }

    /// Releases a block when everything queued so far has been sent.
    pub fn release(&mut self, id: BufId) {
        self.segments.push_back(Segment::Release(id));
    }

    /// Sends what the socket takes. Returns the number of system calls as well.
    ///
    /// # Errors
    /// What the socket says; the connection is over then.
    pub fn send(&mut self, socket: impl AsFd, buffers: &mut Buffers) -> std::io::Result<(Sent, u64)> {
        let mut calls = 0;
        loop {
            self.drop_releases(buffers);
            if self.segments.is_empty() {
                return Ok((Sent::All, calls));
            }
            let mut pieces = Pieces::new();
            let complete = self.gather(&mut pieces, buffers);
            let wanted = pieces.len();
            calls += 1;
            match io::send(&socket, &mut pieces, !complete) {
                Ok(sent) => {
                    crash::point(Point::BytesSent);
                    self.advance(sent, buffers);
                    // A short count means that the socket's buffer is full; asking again would only say so.
                    if sent < wanted {
                        return Ok((Sent::Blocked, calls));
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok((Sent::Blocked, calls)),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Lists what comes next; true if that is all there is.
    fn gather<'a>(&'a self, pieces: &mut Pieces<'a>, buffers: &'a Buffers) -> bool {
        let mut at = self.next;
        let mut done = self.done;
        for segment in &self.segments {
            let taken = match *segment {
                Segment::Private(end) => {
                    let range = (at - self.base) as usize..(end - self.base) as usize;
                    at = end;
                    pieces.bytes(&self.bytes[range])
                }
                Segment::Arena(extent) => {
                    let rest = extent.slice(done, usize::MAX);
                    rest.is_none_or(|rest| pieces.extent(buffers.arena(), rest))
                }
                Segment::Release(_) => true,
            };
            done = 0;
            if !taken {
                return false;
            }
        }
        true
    }

    fn drop_releases(&mut self, buffers: &mut Buffers) {
        self.advance(0, buffers);
    }

    /// Accounts for `sent` bytes that the socket took.
    fn advance(&mut self, mut sent: usize, buffers: &mut Buffers) {
        while let Some(segment) = self.segments.front().copied() {
            let len = match segment {
                Segment::Private(end) => (end - self.front_bytes) as usize,
                Segment::Arena(extent) => extent.len(),
                Segment::Release(_) => 0,
            };
            let taken = (len - self.done).min(sent);
            self.done += taken;
            sent -= taken;
            if matches!(segment, Segment::Private(_)) {
                self.next += taken as u64;
            }
            if self.done < len {
                break;
            }
            match segment {
                Segment::Private(end) => self.front_bytes = end,
                Segment::Arena(_) => {}
                Segment::Release(id) => buffers.release(id),
            }
            self.front += len as u64;
            self.done = 0;
            self.first += 1;
            self.segments.pop_front();
        }
        let dead = (self.front_bytes - self.base) as usize;
        if self.segments.is_empty() || (dead > COMPACT && dead * 2 > self.bytes.len()) {
            self.bytes.drain(..dead);
            self.base = self.front_bytes;
        }
    }

    /// Gives up everything that waits, because the connection is over.
    pub fn discard(&mut self, buffers: &mut Buffers) {
        for segment in self.segments.drain(..) {
            if let Segment::Release(id) = segment {
                buffers.release(id);
            }
        }
        self.bytes.clear();
        self.base = self.next;
        self.front_bytes = self.next;
        self.done = 0;
    }
}

#[cfg(test)]
mod tests;
