//! The way out of a connection: a queue of bytes, some of them private, most of them in the arena.
//!
//! Headers, sense data and text are copied into one private buffer; payload stays where the handler put it and is
//! named by extents. One `sendmsg` gathers as many PDUs as its list has room for. Blocks of the arena are released when
//! the kernel has taken their last byte.

use crate::buffers::{BufId, Buffers};
use crate::digest::{Crc32c, crc32c};
use crate::pdu::bhs::padding;
use crate::pdu::target::Header;
use ipc::extent::CheckedExtent;
use ipc::io::{self, Pieces};
use std::collections::VecDeque;
use std::io::ErrorKind;
use std::os::fd::AsFd;

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

    /// Private bytes that wait.
    pub fn private_bytes(&self) -> usize {
        (self.base + self.bytes.len() as u64 - self.next) as usize
    }

    fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        let end = self.base + self.bytes.len() as u64;
        match self.segments.back_mut() {
            Some(Segment::Private(last)) => *last = end,
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
                self.bytes.clear();
                self.base = self.next;
                return Ok((Sent::All, calls));
            }
            let mut pieces = Pieces::new();
            let complete = self.gather(&mut pieces, buffers);
            let wanted = pieces.len();
            calls += 1;
            match io::send(&socket, &mut pieces, !complete) {
                Ok(sent) => {
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
        for segment in &self.segments {
            let taken = match *segment {
                Segment::Private(end) => {
                    let range = (at - self.base) as usize..(end - self.base) as usize;
                    at = end;
                    pieces.bytes(&self.bytes[range])
                }
                Segment::Arena(extent) => pieces.extent(buffers.arena(), extent),
                Segment::Release(_) => true,
            };
            if !taken {
                return false;
            }
        }
        true
    }

    fn drop_releases(&mut self, buffers: &mut Buffers) {
        while let Some(Segment::Release(id)) = self.segments.front() {
            buffers.release(*id);
            self.segments.pop_front();
        }
    }

    fn advance(&mut self, mut sent: usize, buffers: &mut Buffers) {
        while let Some(segment) = self.segments.front_mut() {
            match segment {
                Segment::Private(end) => {
                    let len = ((*end - self.next) as usize).min(sent);
                    self.next += len as u64;
                    sent -= len;
                    if self.next < *end {
                        break;
                    }
                }
                Segment::Arena(extent) => {
                    let len = extent.len().min(sent);
                    sent -= len;
                    if let Some(rest) = extent.slice(len, usize::MAX) {
                        *extent = rest;
                        break;
                    }
                }
                Segment::Release(id) => buffers.release(*id),
            }
            self.segments.pop_front();
        }
        let dead = (self.next - self.base) as usize;
        if dead > COMPACT && dead * 2 > self.bytes.len() {
            self.bytes.drain(..dead);
            self.base = self.next;
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
    }
}

#[cfg(test)]
mod tests;
