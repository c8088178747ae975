//! The queue as the notebook has it: noted as it grows, and taken up again.
//!
//! Segments and private bytes are written once, to rings, when they are new; the connection's moment says which part of
//! the rings counts. What the last valid picture needs is not written over before the next one holds. A segment is two
//! words: kind, length and order of a block; offset, position or place.

use super::{Segment, Tx};
use crate::buffers::Buffers;
use crate::notebook::found::Found;
use crate::notebook::layout::{Moment, QUEUE, SEGMENT, SEGMENTS};
use crate::notebook::{Book, Slot};
use ipc::extent::Extent;

const PRIVATE: u32 = 1;
const ARENA: u32 = 2;
const RELEASE: u32 = 3;

/// What of the rings the last valid picture needs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Needed {
    segments: u64,
    bytes: u64,
}

fn words(kind: u32, short: u32, long: u64) -> [u8; SEGMENT] {
    let mut bytes = [0; SEGMENT];
    bytes[..4].copy_from_slice(&kind.to_ne_bytes());
    bytes[4..8].copy_from_slice(&short.to_ne_bytes());
    bytes[8..].copy_from_slice(&long.to_ne_bytes());
    bytes
}

impl Tx {
    /// The socket's own count of what was written stands at `written` now.
    pub fn count_from(&mut self, written: u64) {
        self.front = written.wrapping_sub(self.done as u64);
        // Nothing has been noted of it.
        (self.noted, self.noted_bytes) = (self.first, self.front_bytes);
    }

    /// Writes what is new of the queue, and says in `moment` what counts; false if the notebook has no room for it.
    pub fn note(
        &mut self,
        book: &Book,
        slot: Slot,
        needed: &mut Needed,
        moment: &mut Moment,
        buffers: &Buffers,
    ) -> bool {
        let end = self.first + self.segments.len() as u64;
        let bytes_end = self.base + self.bytes.len() as u64;
        moment.front = self.front;
        (moment.segments_begin, moment.segments_end) = (self.first, end);
        (moment.bytes_begin, moment.bytes_end) = (self.front_bytes, bytes_end);
        let fits = end - needed.segments <= SEGMENTS as u64 && bytes_end - needed.bytes <= QUEUE as u64;
        if fits {
            let from = self.noted.max(self.first);
            let new = self.segments.iter().skip((from - self.first) as usize);
            for (index, segment) in (from..).zip(new) {
                let words = match *segment {
                    Segment::Private(end) => words(PRIVATE, 0, end),
                    Segment::Arena(extent) => words(ARENA, extent.len() as u32, extent.offset()),
                    Segment::Release(id) => {
                        let [unit, order] = buffers.place(id);
                        words(RELEASE, order, u64::from(unit))
                    }
                };
                book.put_segment(slot, index, &words);
            }
            let from = self.noted_bytes.max(self.front_bytes);
            book.put_bytes(slot, from, &self.bytes[(from - self.base) as usize..]);
            (self.noted, self.noted_bytes) = (end, bytes_end);
        }
        // A picture that is not whole needs nothing: nobody goes on with it.
        *needed = Needed { segments: self.first, bytes: self.front_bytes };
        fits
    }

    /// Takes up what was found. None: it cannot be; what became this queue's has to be discarded then.
    pub fn resume(&mut self, found: &Found, buffers: &mut Buffers) -> Option<()> {
        let moment = &found.moment;
        // Positions of ours never come near the end of their range.
        let least = moment.bytes_begin.max(moment.segments_begin).max(moment.front);
        if least > u64::MAX / 2 {
            return None;
        }
        (self.first, self.front, self.front_bytes) =
            (moment.segments_begin, moment.front, moment.bytes_begin);
        (self.base, self.next) = (moment.bytes_begin, moment.bytes_begin);
        self.bytes = found.bytes.clone();
        let mut at = moment.bytes_begin;
        for segment in &found.segments {
            let word = |at: usize| {
                u32::from_ne_bytes([segment[at], segment[at + 1], segment[at + 2], segment[at + 3]])
            };
            let (kind, short) = (word(0), word(4));
            let long = u64::from(word(8)) | u64::from(word(12)) << 32;
            let long = if cfg!(target_endian = "little") { long } else { long.rotate_left(32) };
            self.segments.push_back(match kind {
                PRIVATE if (at + 1..=moment.bytes_end).contains(&long) => {
                    at = long;
                    Segment::Private(long)
                }
                ARENA => {
                    let extent = Extent { arena: buffers.arena().id(), len: short, offset: long };
                    Segment::Arena(buffers.arena().check(extent).ok()?)
                }
                RELEASE => Segment::Release(buffers.take_at([u32::try_from(long).ok()?, short])?),
                _ => return None,
            });
        }
        (self.noted, self.noted_bytes) = (moment.segments_end, moment.bytes_end);
        let whole = found.segments.len() as u64 == moment.segments_end.checked_sub(moment.segments_begin)?;
        (whole && at == moment.bytes_end).then_some(())
    }

    /// Drops what was sent before the former incarnation died: the socket has been given everything before `written`.
    /// None: that is not a place in this queue.
    pub fn skip_sent(&mut self, written: u64, buffers: &mut Buffers) -> Option<()> {
        let sent = written.checked_sub(self.front)?;
        let mut at = self.front_bytes;
        let mut queued = 0u64;
        for segment in &self.segments {
            queued += match *segment {
                Segment::Private(end) => end - std::mem::replace(&mut at, end),
                Segment::Arena(extent) => extent.len() as u64,
                Segment::Release(_) => 0,
            };
        }
        let sent = usize::try_from(sent).ok().filter(|_| sent <= queued)?;
        self.advance(sent, buffers);
        Some(())
    }

    /// What of the rings is needed by the picture that was taken up.
    pub fn needed(moment: &Moment) -> Needed {
        Needed { segments: moment.segments_begin, bytes: moment.bytes_begin }
    }
}
