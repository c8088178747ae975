//! The parameter list of EXTENDED COPY(LID1) (SPC-4 6.4.3): what is to be copied from where to where.
//!
//! Reading it is a pure function of its bytes. Only what can be judged from the bytes is judged here: every error is one that
//! is found "before processing of the segment descriptors begins", ILLEGAL REQUEST with a pointer into the list. What depends
//! on the units (are they reachable, do the blocks exist) is found by core-svc and reported by [`failure`].
//!
//! Supported are identification CSCD descriptors (E4h) and block device to block device segments (02h), without inline data.

pub mod designator;
pub mod failure;
pub mod results;

use crate::asc::Asc;
use crate::sense::{FieldPointer, Sense, Specific};
use designator::Designator;

/// MAXIMUM CSCD DESCRIPTOR COUNT.
pub const MOST_TARGETS: usize = 16;
/// MAXIMUM SEGMENT DESCRIPTOR COUNT.
pub const MOST_SEGMENTS: usize = 256;
/// MAXIMUM SEGMENT LENGTH in bytes.
pub const MOST_SEGMENT_BYTES: u32 = 256 << 20;

/// Bytes of the header of the list.
pub const HEADER_BYTES: usize = 16;
/// Bytes of a CSCD descriptor.
pub const TARGET_BYTES: usize = 32;
/// Bytes of a segment descriptor of type 02h.
pub const SEGMENT_BYTES: usize = 28;
/// MAXIMUM DESCRIPTOR LIST LENGTH in bytes.
pub const MOST_DESCRIPTOR_BYTES: usize = MOST_TARGETS * TARGET_BYTES + MOST_SEGMENTS * SEGMENT_BYTES;
/// Bytes of the longest list: nobody need read more of one.
pub const MOST_BYTES: usize = HEADER_BYTES + MOST_DESCRIPTOR_BYTES;

/// DESCRIPTOR TYPE CODE of an identification descriptor.
pub const IDENTIFICATION: u8 = 0xE4;
/// DESCRIPTOR TYPE CODE of a segment from block device to block device.
pub const BLOCK_TO_BLOCK: u8 = 0x02;

/// LIST ID USAGE: what the list identifier is for, and what is kept when the command is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListIdUsage {
    /// 00b: RECEIVE COPY RESULTS can ask while the command runs and after it.
    Hold,
    /// 10b: it can ask while the command runs.
    Discard,
    /// 11b: it cannot ask.
    Disable,
}

/// A CSCD descriptor: one of the units that the segments speak of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// PERIPHERAL DEVICE TYPE.
    pub device_type: u8,
    /// NUL, obsolete since SPC-4: there is no such unit. To take it for one could overwrite what was meant to be kept.
    pub null: bool,
    /// The name of the unit.
    pub designator: Designator,
    /// PAD: a rest of the source that fills no block is left out, one of the destination filled up with zeros.
    pub pad: bool,
    /// DISK BLOCK LENGTH in bytes.
    pub block_length: u32,
}

/// A segment descriptor: one run of blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// DC: `blocks` counts those of the destination.
    pub destination_count: bool,
    /// CAT: a rest that fills no block belongs to the next segment.
    pub concatenate: bool,
    /// SOURCE CSCD DESCRIPTOR ID: an index into the targets, possibly past them.
    pub source: u16,
    /// DESTINATION CSCD DESCRIPTOR ID.
    pub destination: u16,
    /// BLOCK DEVICE NUMBER OF BLOCKS.
    pub blocks: u16,
    /// SOURCE BLOCK DEVICE LOGICAL BLOCK ADDRESS.
    pub source_lba: u64,
    /// DESTINATION BLOCK DEVICE LOGICAL BLOCK ADDRESS.
    pub destination_lba: u64,
}

/// A parameter list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterList {
    /// LIST IDENTIFIER.
    pub list_id: u8,
    /// LIST ID USAGE.
    pub usage: ListIdUsage,
    /// At most [`MOST_TARGETS`].
    pub targets: Vec<Target>,
    /// At most [`MOST_SEGMENTS`].
    pub segments: Vec<Segment>,
}

/// The list is shorter than what its length fields say, or longer than any that is taken.
const LENGTH_ERROR: Sense = Sense::illegal_request(Asc::PARAMETER_LIST_LENGTH_ERROR);

impl ParameterList {
    /// Reads a list; the error is the sense that the command ends with. Bytes past what the header speaks of are not looked at.
    pub fn parse(bytes: &[u8]) -> Result<Self, Sense> {
        let header: &[u8; HEADER_BYTES] = bytes.first_chunk().ok_or(LENGTH_ERROR)?;
        let targets = usize::from(u16_at(header, 2));
        let segments = u32_at(header, 8) as usize;
        if targets + segments > MOST_DESCRIPTOR_BYTES {
            return Err(LENGTH_ERROR);
        }
        if u32_at(header, 12) > 0 {
            return Err(pointing(Asc::INLINE_DATA_LENGTH_EXCEEDED, 12, None));
        }
        let usage = match header[1] >> 3 & 0b11 {
            0b00 => ListIdUsage::Hold,
            0b10 => ListIdUsage::Discard,
            0b11 if header[0] == 0 => ListIdUsage::Disable,
            0b11 => return Err(Sense::invalid_field_in_parameter_list(0, None)),
            _ => return Err(Sense::invalid_field_in_parameter_list(1, Some(4))),
        };
        let segments_at = HEADER_BYTES + targets;
        let target_bytes = bytes.get(HEADER_BYTES..segments_at).ok_or(LENGTH_ERROR)?;
        let segment_bytes = bytes.get(segments_at..segments_at + segments).ok_or(LENGTH_ERROR)?;
        Ok(Self {
            list_id: header[0],
            usage,
            targets: parse_targets(target_bytes)?,
            segments: parse_segments(segment_bytes, segments_at)?,
        })
    }
}

fn parse_targets(bytes: &[u8]) -> Result<Vec<Target>, Sense> {
    if bytes.len() > MOST_TARGETS * TARGET_BYTES {
        return Err(pointing(Asc::TOO_MANY_TARGET_DESCRIPTORS, 2, None));
    }
    let (whole, rest) = bytes.as_chunks::<TARGET_BYTES>();
    let targets = whole.iter().enumerate().map(|(index, bytes)| {
        let at = (HEADER_BYTES + index * TARGET_BYTES) as u16;
        parse_target(bytes, at)
    });
    let targets = targets.collect::<Result<_, _>>()?;
    // The length says that there is a part of one more.
    if rest.is_empty() { Ok(targets) } else { Err(Sense::invalid_field_in_parameter_list(2, None)) }
}

fn parse_target(bytes: &[u8; TARGET_BYTES], at: u16) -> Result<Target, Sense> {
    if bytes[0] != IDENTIFICATION {
        return Err(pointing(Asc::UNSUPPORTED_TARGET_DESCRIPTOR_TYPE_CODE, at, None));
    }
    // LU ID TYPE is about a LU IDENTIFIER, which this type of descriptor does not have.
    let designator = Designator::new(bytes[4] & 0x0F, bytes[5], bytes.get(8..28), bytes[7])
        .ok_or(Sense::invalid_field_in_parameter_list(at + 7, None))?;
    Ok(Target {
        device_type: bytes[1] & 0x1F,
        null: bytes[1] & 0x20 != 0,
        designator,
        pad: bytes[28] & 0x04 != 0,
        block_length: u32_at(bytes, 28) & 0x00FF_FFFF,
    })
}

fn parse_segments(mut bytes: &[u8], mut at: usize) -> Result<Vec<Segment>, Sense> {
    let mut segments = Vec::new();
    while let [code, ..] = *bytes {
        if segments.len() >= MOST_SEGMENTS {
            return Err(pointing(Asc::TOO_MANY_SEGMENT_DESCRIPTORS, 8, None));
        }
        if code != BLOCK_TO_BLOCK {
            return Err(pointing(Asc::UNSUPPORTED_SEGMENT_DESCRIPTOR_TYPE_CODE, at as u16, None));
        }
        // The length says that there is a part of one more.
        let (descriptor, rest) = bytes
            .split_first_chunk::<SEGMENT_BYTES>()
            .ok_or(Sense::invalid_field_in_parameter_list(8, None))?;
        if usize::from(u16_at(descriptor, 2)) != SEGMENT_BYTES - 4 {
            return Err(Sense::invalid_field_in_parameter_list(at as u16 + 2, None));
        }
        segments.push(Segment {
            destination_count: descriptor[1] & 0x02 != 0,
            concatenate: descriptor[1] & 0x01 != 0,
            source: u16_at(descriptor, 4),
            destination: u16_at(descriptor, 6),
            blocks: u16_at(descriptor, 10),
            source_lba: u64_at(descriptor, 12),
            destination_lba: u64_at(descriptor, 20),
        });
        (bytes, at) = (rest, at + SEGMENT_BYTES);
    }
    Ok(segments)
}

/// The byte of the list at which the field at `offset` of the target descriptor `index` begins.
pub fn target_field(index: usize, offset: usize) -> u16 {
    (HEADER_BYTES + index * TARGET_BYTES + offset) as u16
}

/// ILLEGAL REQUEST with this code and a pointer into the list.
fn pointing(asc: Asc, byte: u16, bit: Option<u8>) -> Sense {
    let specific = Specific::Field(FieldPointer { in_cdb: false, byte, bit });
    Sense { specific, ..Sense::illegal_request(asc) }
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |field| u16::from_be_bytes(*field))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |field| u32::from_be_bytes(*field))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |field| u64::from_be_bytes(*field))
}

#[cfg(test)]
mod tests;
