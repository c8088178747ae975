//! One segment: which blocks are to be moved, in which order, a chunk at a time. Pure: nothing is sent here.
//!
//! Where source and destination lie apart, chunks are on their way side by side. Where they overlap on one unit, the result
//! is as if all of the source had been read first: one chunk at a time, from the end that does not run into what is still to
//! be read.
//!
//! What an earlier segment has left over (CAT) comes before the source's data, so that the two sides count differently: byte
//! `p` of what is written is byte `p - held` of the source. Each chunk is read in whole blocks of the source, which may be one more
//! at either end than it writes; so no chunk depends on another one. What is left over is read before anything is
//! written.

use scsi::asc::Asc;
use scsi::extended_copy::failure::{CopyAborted, Side, ThirdParty};
use scsi::extended_copy::{MOST_SEGMENT_BYTES, ParameterList, Segment, Target};

use super::Place;
use super::memory::CHUNK;

/// Chunks of one copy that are on their way at a time.
pub const DEPTH: usize = 4;

/// Where the blocks of one side are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spot {
    /// Index of the unit.
    pub unit: u32,
    /// The first block.
    pub lba: u64,
    /// Bytes of a block.
    pub block_size: u32,
}

/// In which order the chunks are moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// In any: source and destination lie apart.
    Free,
    /// One at a time, from the first block on.
    Up,
    /// One at a time, from the last block on.
    Down,
}

/// What is being done with a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doing {
    /// It is read.
    Reading,
    /// It has been read.
    Full,
    /// It is written.
    Writing,
}

/// A run of bytes on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chunk {
    /// Where it begins, in bytes from the start of what the segment writes.
    pub at: u64,
    /// How long it is, without what fills up the last block.
    pub len: u32,
    /// The chunk of memory that it is in.
    pub memory: u32,
    /// What is being done.
    pub doing: Doing,
}

/// What a segment leaves over for the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tail {
    /// It has not been read.
    Wanted,
    /// It is read.
    Reading,
    /// It is kept, or there is none.
    Kept,
}

/// A command for one side of a chunk: where on the unit, how much, and where in the chunk's memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// The first block.
    pub lba: u64,
    /// Bytes, whole blocks.
    pub bytes: u32,
    /// Offset in the chunk of memory.
    pub offset: u32,
}

/// A segment that is being processed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Where the data comes from.
    pub source: Spot,
    /// Where it goes to.
    pub destination: Spot,
    /// Bytes to write, without what fills up the last block.
    pub bytes: u64,
    /// The first of them come from what was left over before.
    pub held: u32,
    /// Bytes that are left over after them.
    pub left: u32,
    /// What has become of these.
    pub tail: Tail,
    /// In which order.
    pub order: Order,
    /// Bytes whose turn has come, in this order.
    pub begun: u64,
    /// Chunks on their way.
    pub chunks: Vec<Chunk>,
}

/// A segment that cannot be processed, and why.
fn refuse(number: usize, asc: Asc, field: Option<(u16, Option<u8>)>) -> Box<CopyAborted> {
    Box::new(CopyAborted { field, ..CopyAborted::new(asc, number as u16) })
}

/// The geometry of one side of a segment.
struct End {
    spot: Spot,
    blocks: u64,
    pad: bool,
}

impl End {
    /// Looks one side of segment `number` up. `field` is where the segment descriptor names it.
    fn find(
        list: &ParameterList,
        places: &[Place],
        number: usize,
        (index, lba, field, side): (u16, u64, u16, Side),
    ) -> Result<Self, Box<CopyAborted>> {
        let index = usize::from(index);
        let pointer = Some((field, None));
        let (Some(target), Some(place)) = (list.targets.get(index), places.get(index)) else {
            return Err(refuse(number, Asc::UNREACHABLE_COPY_TARGET, pointer));
        };
        let Target { device_type, pad, .. } = *target;
        match place {
            Place::Measured { device_type: actual, .. } | Place::Found { device_type: actual, .. }
                if *actual != device_type =>
            {
                Err(refuse(number, Asc::INCORRECT_COPY_TARGET_DEVICE_TYPE, pointer))
            }
            Place::Measured { unit, block_size, blocks, .. } => {
                let spot = Spot { unit: *unit, lba, block_size: *block_size };
                Ok(Self { spot, blocks: *blocks, pad })
            }
            Place::Unusable(answer) => {
                let third_party = Some(ThirdParty { side, ..answer.clone() });
                let failure = CopyAborted::new(Asc::THIRD_PARTY_DEVICE_FAILURE, number as u16);
                Err(Box::new(CopyAborted { third_party, ..failure }))
            }
            Place::Unknown | Place::Missing | Place::Found { .. } => {
                Err(refuse(number, Asc::COPY_TARGET_DEVICE_NOT_REACHABLE, pointer))
            }
        }
    }

    /// Whether the blocks for `bytes` exist.
    fn has(&self, bytes: u64) -> bool {
        let end = self.spot.lba.checked_add(bytes.div_ceil(u64::from(self.spot.block_size)));
        end.is_some_and(|end| end <= self.blocks)
    }
}

impl Run {
    /// Begins segment `number` of a list after one that has left `held` bytes over. None: it moves nothing, and leaves nothing over.
    pub fn new(
        list: &ParameterList,
        places: &[Place],
        number: usize,
        held: u32,
    ) -> Result<Option<Self>, Box<CopyAborted>> {
        let Some(segment) = list.segments.get(number) else { return Ok(None) };
        let Segment { destination_count, blocks, .. } = *segment;
        let source = (segment.source, segment.source_lba, 4, Side::Source);
        let source = End::find(list, places, number, source)?;
        let destination = (segment.destination, segment.destination_lba, 6, Side::Destination);
        let destination = End::find(list, places, number, destination)?;
        let counted = if destination_count { &destination } else { &source };
        let bytes = u64::from(blocks) * u64::from(counted.spot.block_size);
        if bytes > u64::from(MOST_SEGMENT_BYTES) {
            return Err(refuse(number, Asc::INVALID_FIELD_IN_PARAMETER_LIST, Some((10, None))));
        }
        let held_bytes = u64::from(held);
        let read = match destination_count {
            true => bytes.saturating_sub(held_bytes).next_multiple_of(u64::from(source.spot.block_size)),
            false => bytes,
        };
        let all = held_bytes + read;
        let rest = match destination_count {
            true => all - bytes,
            false => all % u64::from(destination.spot.block_size),
        };
        let last = number + 1 == list.segments.len();
        let fate =
            if rest == 0 { Some(Rest::Left) } else { fate(segment, source.pad, destination.pad, last) };
        let (bytes, left) = match fate {
            Some(Rest::Written) => (all, 0),
            Some(Rest::Left) => (all - rest, 0),
            Some(Rest::Kept) => (all - rest, rest as u32),
            None => return Err(refuse(number, Asc::UNEXPECTED_INEXACT_SEGMENT, None)),
        };
        if !source.has(read) {
            return Err(refuse(number, Asc::NO_ADDITIONAL_SENSE, Some((12, None))));
        }
        if !destination.has(bytes) {
            return Err(refuse(number, Asc::NO_ADDITIONAL_SENSE, Some((20, None))));
        }
        let (source, destination) = (source.spot, destination.spot);
        let order = order(&source, &destination, (read, bytes, held_bytes));
        let tail = if left > 0 { Tail::Wanted } else { Tail::Kept };
        let run = Self { source, destination, bytes, held, left, tail, order, begun: 0, chunks: Vec::new() };
        Ok((bytes > 0 || left > 0).then_some(run))
    }

    /// Whether one more chunk may be begun.
    pub fn wants_chunk(&self) -> bool {
        let depth = if self.order == Order::Free { DEPTH } else { 1 };
        self.tail == Tail::Kept && self.begun < self.bytes && self.chunks.len() < depth
    }

    /// Bytes of a chunk at the most: with the blocks at both ends it still has to find room in memory.
    fn stride(&self) -> u64 {
        u64::from(if self.held > 0 { CHUNK / 2 } else { CHUNK })
    }

    /// Whether this much can have been done in processing order when a chunk was over.
    pub fn may_be_done(&self, done: u64) -> bool {
        let Some(left) = self.bytes.checked_sub(done) else { return false };
        let edge = if self.order == Order::Down { left } else { done };
        edge.is_multiple_of(self.stride()) || left == 0 || done == 0
    }

    /// Begins the next chunk, in this chunk of memory.
    pub fn next_chunk(&mut self, memory: u32, doing: Doing) -> Chunk {
        let (left, stride) = (self.bytes - self.begun, self.stride());
        // Every chunk begins at a multiple of the stride, which is one of every block size.
        let (at, len) = match self.order {
            Order::Down => {
                let at = left.saturating_sub(1) / stride * stride;
                (at, left - at)
            }
            _ => (self.begun, stride.min(left)),
        };
        let chunk = Chunk { at, len: len as u32, memory, doing };
        self.begun += len;
        self.chunks.push(chunk);
        chunk
    }

    /// Takes a chunk that is done out.
    pub fn finish_chunk(&mut self, memory: u32) {
        self.chunks.retain(|chunk| chunk.memory != memory);
    }

    /// Whether everything has been moved.
    pub fn is_over(&self) -> bool {
        self.begun == self.bytes && self.chunks.is_empty() && self.tail == Tail::Kept
    }

    /// Bytes before which, in processing order, nothing is left to be done.
    pub fn done(&self) -> u64 {
        match self.order {
            Order::Free => self.chunks.iter().map(|chunk| chunk.at).min().unwrap_or(self.begun),
            _ => self.begun - self.chunks.iter().map(|chunk| u64::from(chunk.len)).sum::<u64>(),
        }
    }

    /// Blocks of the destination after the run of written ones with which the segment begins; none if nothing is written.
    pub fn residue(&self) -> Option<u32> {
        let contiguous = match self.order {
            Order::Down if self.is_over() => self.bytes,
            Order::Down => 0,
            _ => self.done(),
        };
        let blocks = |bytes: u64| bytes.div_ceil(u64::from(self.destination.block_size));
        (self.done() > 0).then(|| (blocks(self.bytes) - blocks(contiguous)) as u32)
    }

    /// What is to be read for bytes `from` to `to` of what there is to write, and at which offset behind it in memory the first of
    /// them is. Bytes that are held are not read: they belong before what is.
    fn read_for(&self, from: u64, to: u64) -> ((u64, u32), u32) {
        let (held, block) = (u64::from(self.held), u64::from(self.source.block_size));
        let (first, last) = (from.saturating_sub(held), to.saturating_sub(held));
        let (low, high) = (first / block * block, last.next_multiple_of(block));
        ((self.source.lba + low / block, (high - low) as u32), (first - low) as u32)
    }

    /// How many of the bytes of a chunk are held ones; they are its first.
    pub fn held_in(&self, chunk: &Chunk) -> u32 {
        u64::from(self.held).saturating_sub(chunk.at).min(u64::from(chunk.len)) as u32
    }

    /// What is to be read for a chunk. No bytes: all of it is held.
    pub fn reads(&self, chunk: &Chunk) -> Part {
        let ((lba, bytes), _) = self.read_for(chunk.at, chunk.at + u64::from(chunk.len));
        Part { lba, bytes, offset: self.held_in(chunk) }
    }

    /// What is to be written of it.
    pub fn writes(&self, chunk: &Chunk) -> Part {
        let (_, offset) = self.read_for(chunk.at, chunk.at + u64::from(chunk.len));
        let block = self.destination.block_size;
        let lba = self.destination.lba + chunk.at / u64::from(block);
        Part { lba, bytes: chunk.len.next_multiple_of(block), offset }
    }

    /// What is to be read for what is left over, and where in it that begins. No bytes: it is the end of what is held.
    pub fn reads_tail(&self) -> ((u64, u32), u32) {
        self.read_for(self.bytes, self.bytes + u64::from(self.left))
    }

    /// How many of the bytes that are left over are held ones; they are its first.
    pub fn held_in_tail(&self) -> u32 {
        u64::from(self.held).saturating_sub(self.bytes).min(u64::from(self.left)) as u32
    }
}

/// What becomes of a rest that fills no block of the other side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rest {
    /// It is written, and zeros fill up the last block of the destination.
    Written,
    /// It is left out.
    Left,
    /// It belongs to the next segment.
    Kept,
}

/// SPC-4 table 116. With DC one the rest is one of the source's data, with DC zero one of the destination's. None: nobody
/// says what to do with it, and the segment cannot be processed.
fn fate(segment: &Segment, source_pad: bool, destination_pad: bool, last: bool) -> Option<Rest> {
    let Segment { destination_count, concatenate, .. } = *segment;
    let kept = concatenate || destination_count && !source_pad && destination_pad;
    match (kept, destination_count) {
        // After the last segment nobody comes for what is kept.
        (true, _) => Some(if last { Rest::Left } else { Rest::Kept }),
        (false, false) if destination_pad => Some(Rest::Written),
        (false, _) => source_pad.then_some(Rest::Left),
    }
}

/// In which order, for so many bytes that are read, that are written, and that are held of these.
fn order(source: &Spot, destination: &Spot, (read, written, held): (u64, u64, u64)) -> Order {
    let block = u64::from(source.block_size);
    let bytes = |lba: u64| u128::from(lba) * u128::from(block);
    let (from, to) = (bytes(source.lba), bytes(destination.lba));
    let apart = from + u128::from(read) <= to || to + u128::from(written.next_multiple_of(block)) <= from;
    if source.unit != destination.unit || apart {
        Order::Free
    } else if to + u128::from(held) > from {
        Order::Down
    } else {
        Order::Up
    }
}

#[cfg(test)]
mod tests;
