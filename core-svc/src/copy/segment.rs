//! One segment: which blocks are to be moved, in which order, a chunk at a time. Pure: nothing is sent here.
//!
//! Where source and destination lie apart, chunks are on their way side by side. Where they overlap on one unit, the result
//! is as if all of the source had been read first: one chunk at a time, from the end that does not run into what is still to
//! be read.

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
    /// Where it begins, in bytes from the start of the segment.
    pub at: u64,
    /// How long it is, without what fills up the last block.
    pub len: u32,
    /// The chunk of memory that it is in.
    pub memory: u32,
    /// What is being done.
    pub doing: Doing,
}

/// A segment that is being processed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Where the data comes from.
    pub source: Spot,
    /// Where it goes to.
    pub destination: Spot,
    /// Bytes to move.
    pub bytes: u64,
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
    /// Begins segment `number` of a list. None: it moves nothing.
    pub fn new(
        list: &ParameterList,
        places: &[Place],
        number: usize,
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
        let other = if destination_count { &source } else { &destination };
        let rest = bytes % u64::from(other.spot.block_size);
        let last = number + 1 == list.segments.len();
        let bytes = match rest {
            0 => bytes,
            _ => match whole(segment, source.pad, destination.pad, last) {
                Some(true) => bytes,
                Some(false) => bytes - rest,
                None => {
                    let field = segment.concatenate.then_some((1, Some(0)));
                    return Err(refuse(number, Asc::UNEXPECTED_INEXACT_SEGMENT, field));
                }
            },
        };
        if !source.has(bytes) {
            return Err(refuse(number, Asc::NO_ADDITIONAL_SENSE, Some((12, None))));
        }
        if !destination.has(bytes) {
            return Err(refuse(number, Asc::NO_ADDITIONAL_SENSE, Some((20, None))));
        }
        let (source, destination) = (source.spot, destination.spot);
        let order = order(&source, &destination, bytes);
        let run = Self { source, destination, bytes, order, begun: 0, chunks: Vec::new() };
        Ok((bytes > 0).then_some(run))
    }

    /// Whether one more chunk may be begun.
    pub fn wants_chunk(&self) -> bool {
        let depth = if self.order == Order::Free { DEPTH } else { 1 };
        self.begun < self.bytes && self.chunks.len() < depth
    }

    /// Begins the next chunk, in this chunk of memory.
    pub fn next_chunk(&mut self, memory: u32, doing: Doing) -> Chunk {
        let len = u64::from(CHUNK).min(self.bytes - self.begun);
        let at = if self.order == Order::Down { self.bytes - self.begun - len } else { self.begun };
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
        self.begun == self.bytes && self.chunks.is_empty()
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

    /// First block and bytes of a chunk at the source, whole blocks.
    pub fn reads(&self, chunk: &Chunk) -> (u64, u32) {
        blocks_of(&self.source, chunk)
    }

    /// First block and bytes of a chunk at the destination, whole blocks.
    pub fn writes(&self, chunk: &Chunk) -> (u64, u32) {
        blocks_of(&self.destination, chunk)
    }
}

/// What becomes of a segment with a rest that fills no block of the other side (SPC-4 table 116): true, all of its bytes are
/// moved, and what the source's last block has beyond them is left out, or the destination's last block filled up with
/// zeros; false, the rest is left out. None: it cannot be processed, because the rest would have to be kept for a later
/// segment, which is not supported, or because nobody says what to do with it.
///
/// With DC one the rest is one of the source's data, with DC zero one of the destination's.
fn whole(segment: &Segment, source_pad: bool, destination_pad: bool, last: bool) -> Option<bool> {
    let Segment { destination_count, concatenate, .. } = *segment;
    let kept = concatenate || destination_count && !source_pad && destination_pad;
    match (kept, destination_count) {
        (true, _) if !last => None,
        // Nobody comes for what is kept.
        (true, destination_count) => Some(destination_count),
        (false, true) => source_pad.then_some(true),
        (false, false) if destination_pad => Some(true),
        (false, false) => source_pad.then_some(false),
    }
}

fn blocks_of(spot: &Spot, chunk: &Chunk) -> (u64, u32) {
    // Chunks begin at multiples of CHUNK where block sizes differ, and CHUNK is a multiple of every block size.
    (spot.lba + chunk.at / u64::from(spot.block_size), chunk.len.next_multiple_of(spot.block_size))
}

fn order(source: &Spot, destination: &Spot, bytes: u64) -> Order {
    let blocks = bytes.div_ceil(u64::from(source.block_size));
    if source.unit != destination.unit || source.lba.abs_diff(destination.lba) >= blocks {
        Order::Free
    } else if destination.lba > source.lba {
        Order::Down
    } else {
        Order::Up
    }
}

#[cfg(test)]
mod tests;
