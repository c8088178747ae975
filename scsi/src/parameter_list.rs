//! Parameter lists that come with commands on the medium: UNMAP, SANITIZE, FORMAT UNIT. Bytes of the initiator's choice:
//! they are refused with the field that is wrong, or become a value.

use crate::asc::Asc;
use crate::device_info::DeviceInfo;
use crate::sense::Sense;
use crate::units::{BlockSize, Blocks, Lba};

fn u16_at(list: &[u8], at: usize) -> u16 {
    list.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |bytes| u16::from_be_bytes(*bytes))
}

fn u32_at(list: &[u8], at: usize) -> u32 {
    list.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |bytes| u32::from_be_bytes(*bytes))
}

fn u64_at(list: &[u8], at: usize) -> u64 {
    list.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

const TOO_SHORT: Sense = Sense::illegal_request(Asc::PARAMETER_LIST_LENGTH_ERROR);

/// Bytes of the header of an UNMAP list.
const UNMAP_HEADER: usize = 8;
/// Bytes of an UNMAP block descriptor.
const UNMAP_DESCRIPTOR: usize = 16;

/// The longest UNMAP list within the limits of a unit, in bytes.
pub fn unmap_list_bytes(info: &DeviceInfo) -> usize {
    UNMAP_HEADER + info.max_unmap_descriptors() as usize * UNMAP_DESCRIPTOR
}

/// The ranges of an UNMAP list (SBC-3 5.28.2), all of them on the medium and within the limits of the unit. Empty ones and
/// a descriptor that is cut off are left out. `list` need not hold more than [`unmap_list_bytes`] bytes of it.
pub fn unmap(info: &DeviceInfo, list: &[u8], list_length: u16) -> Result<Vec<(Lba, Blocks)>, Sense> {
    if list_length == 0 {
        return Ok(Vec::new());
    }
    if usize::from(list_length) < UNMAP_HEADER || list.len() < UNMAP_HEADER {
        return Err(TOO_SHORT);
    }
    let length = usize::from(u16_at(list, 2));
    if UNMAP_HEADER + length > usize::from(list_length) {
        return Err(TOO_SHORT);
    }
    let count = length / UNMAP_DESCRIPTOR;
    if count > info.max_unmap_descriptors() as usize {
        return Err(Sense::invalid_field_in_parameter_list(2, None));
    }
    let descriptors = list.get(UNMAP_HEADER..UNMAP_HEADER + count * UNMAP_DESCRIPTOR).ok_or(TOO_SHORT)?;
    let (mut ranges, mut total) = (Vec::new(), 0);
    for (at, descriptor) in descriptors.chunks_exact(UNMAP_DESCRIPTOR).enumerate() {
        let (lba, blocks) = (Lba(u64_at(descriptor, 0)), Blocks(u64::from(u32_at(descriptor, 8))));
        info.check_range(lba, blocks)?;
        total += blocks.0;
        if total > info.max_unmap().0 {
            let byte = UNMAP_HEADER + at * UNMAP_DESCRIPTOR + 8;
            return Err(Sense::invalid_field_in_parameter_list(byte as u16, None));
        }
        if blocks.0 > 0 {
            ranges.push((lba, blocks));
        }
    }
    Ok(ranges)
}

/// A SANITIZE overwrite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overwrite {
    /// OVERWRITE COUNT, 1 to 31: how often everything is written.
    pub count: u8,
    /// INVERT: every other time with all bits inverted.
    pub invert: bool,
    /// INITIALIZATION PATTERN, from 1 byte to a block; it is repeated.
    pub pattern: Vec<u8>,
}

/// Bytes before the pattern of a SANITIZE overwrite list.
const OVERWRITE_HEADER: usize = 4;

/// A SANITIZE overwrite list (SBC-3 5.21.2). `list` holds all of it.
pub fn overwrite(block: BlockSize, list: &[u8], list_length: u16) -> Result<Overwrite, Sense> {
    let length = usize::from(list_length);
    // SBC-3 5.21.2.1: such a length is an error of the CDB.
    if length <= OVERWRITE_HEADER || length > OVERWRITE_HEADER + block.get() as usize {
        return Err(Sense::invalid_field_in_cdb(7, None));
    }
    let list = list.get(..length).ok_or(TOO_SHORT)?;
    let (invert, count) = (list[0] & 0x80 != 0, list[0] & 0x1F);
    if list[0] & 0x60 != 0 {
        // TEST asks for a vendor specific way; there is none.
        return Err(Sense::invalid_field_in_parameter_list(0, Some(6)));
    }
    if count == 0 {
        return Err(Sense::invalid_field_in_parameter_list(0, Some(4)));
    }
    if list[1] != 0 {
        return Err(Sense::invalid_field_in_parameter_list(1, None));
    }
    let pattern = usize::from(u16_at(list, 2));
    if pattern == 0 || pattern > block.get() as usize {
        return Err(Sense::invalid_field_in_parameter_list(2, None));
    }
    let pattern = list.get(OVERWRITE_HEADER..OVERWRITE_HEADER + pattern).ok_or(TOO_SHORT)?;
    Ok(Overwrite { count, invert, pattern: pattern.to_vec() })
}

/// Bytes of the longest header of a FORMAT UNIT list.
pub const FORMAT_HEADER: usize = 8;

/// A FORMAT UNIT list (SBC-3 5.3.2): whether IMMED is set. Lists of defects, initialization patterns and protection
/// information are refused: there is nothing that they could apply to.
pub fn format(long: bool, list: &[u8]) -> Result<bool, Sense> {
    let bytes = if long { FORMAT_HEADER } else { 4 };
    let list = list.get(..bytes).ok_or(TOO_SHORT)?;
    if list[0] & 0x07 != 0 {
        return Err(Sense::invalid_field_in_parameter_list(0, Some(2)));
    }
    let (options_valid, options, immed) = (list[1] & 0x80 != 0, list[1] & 0x7C, list[1] & 0x02 != 0);
    // IP (bit 3) is an initialization pattern; the others say how to certify, which is done by writing.
    if options != 0 && !options_valid {
        return Err(Sense::invalid_field_in_parameter_list(1, Some(6)));
    }
    if options & 0x08 != 0 {
        return Err(Sense::invalid_field_in_parameter_list(1, Some(3)));
    }
    if long && list[3] != 0 {
        return Err(Sense::invalid_field_in_parameter_list(3, Some(7)));
    }
    let defects = if long { u32_at(list, 4) } else { u32::from(u16_at(list, 2)) };
    if defects != 0 {
        return Err(Sense::invalid_field_in_parameter_list(if long { 4 } else { 2 }, None));
    }
    Ok(immed)
}

#[cfg(test)]
mod tests;
