//! The parameter list of MODE SELECT (SPC-4 6.11, 7.5): checked as a whole, before anything of it counts.
//!
//! The bytes are an initiator's choice. What is wrong is said with the byte, and where it is less than that the bit, at
//! which it is wrong. Fields that are reserved in MODE SELECT (MODE DATA LENGTH, WP, DPOFUA, PS) are not looked at, because
//! initiators send back what MODE SENSE gave them.

use super::{LONGEST, ModeParameters, PAGES, PS, PageBytes, SPF, Wrong, position};
use crate::asc::Asc;
use crate::device_info::{DeviceInfo, DeviceType};
use crate::sense::Sense;

/// Reads a parameter list: `list` is as long as PARAMETER LIST LENGTH says, or as what has come if that is less; `ten` says
/// whose header it has. The result is what `current` becomes.
///
/// Fails with PARAMETER LIST LENGTH ERROR for a list that ends within a header, descriptor or page, with INVALID FIELD IN
/// PARAMETER LIST for a page that there is not, a wrong PAGE LENGTH, a value that is not possible, and any bit that cannot be
/// changed and is not what it is. An empty list changes nothing.
pub fn parse(
    info: &DeviceInfo,
    current: &ModeParameters,
    ten: bool,
    list: &[u8],
) -> Result<ModeParameters, Sense> {
    let mut parameters = *current;
    if list.is_empty() {
        return Ok(parameters);
    }
    let mut at = header(info, ten, list)?;
    while let Some(rest) = list.get(at..).filter(|rest| !rest.is_empty()) {
        at += page(info, &mut parameters, rest, at)?;
    }
    Ok(parameters)
}

const TOO_SHORT: Sense = Sense::illegal_request(Asc::PARAMETER_LIST_LENGTH_ERROR);

fn wrong(byte: usize, bit: Option<u8>) -> Sense {
    Sense::invalid_field_in_parameter_list(u16::try_from(byte).unwrap_or(u16::MAX), bit)
}

/// Checks header and block descriptor, and says how long they are.
fn header(info: &DeviceInfo, ten: bool, list: &[u8]) -> Result<usize, Sense> {
    let (len, medium_type) = if ten { (8, 2) } else { (4, 1) };
    let head = list.get(..len).ok_or(TOO_SHORT)?;
    if head[medium_type] != 0 {
        return Err(wrong(medium_type, None));
    }
    let long = ten && head[4] & 0x01 != 0;
    let (length_at, length) = if ten {
        (6, usize::from(u16::from_be_bytes([head[6], head[7]])))
    } else {
        (3, usize::from(head[3]))
    };
    let disk = info.device_type == DeviceType::Disk;
    match (length, long) {
        (0, _) => {}
        (8, false) if disk => short_descriptor(info, list.get(len..len + 8).ok_or(TOO_SHORT)?, len)?,
        (16, true) if disk => long_descriptor(info, list.get(len..len + 16).ok_or(TOO_SHORT)?, len)?,
        _ => return Err(wrong(length_at, None)),
    }
    Ok(len + length)
}

/// A block descriptor may say what is so already: the medium has one block length and one capacity (SBC-3 6.4.2.2).
fn short_descriptor(info: &DeviceInfo, bytes: &[u8], at: usize) -> Result<(), Sense> {
    let [a, b, c, d, _, e, f, g] = *bytes else { return Err(TOO_SHORT) };
    let blocks = u32::from_be_bytes([a, b, c, d]);
    // Zero keeps the capacity, FFFFFFFFh sets the greatest possible, which is in force.
    let same = matches!(blocks, 0 | u32::MAX) || u64::from(blocks) == info.blocks.0;
    descriptor(info, same, at, u32::from_be_bytes([0, e, f, g]), at + 5)
}

fn long_descriptor(info: &DeviceInfo, bytes: &[u8], at: usize) -> Result<(), Sense> {
    let blocks = bytes.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
    let length = bytes.last_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes));
    let same = matches!(blocks, 0 | u64::MAX) || blocks == info.blocks.0;
    descriptor(info, same, at, length, at + 12)
}

fn descriptor(
    info: &DeviceInfo,
    same_blocks: bool,
    blocks_at: usize,
    length: u32,
    length_at: usize,
) -> Result<(), Sense> {
    if !same_blocks {
        return Err(wrong(blocks_at, None));
    }
    if length != info.block_size.get() {
        return Err(wrong(length_at, None));
    }
    Ok(())
}

/// Takes one page, `at` bytes into the list, and says how long it is.
fn page(info: &DeviceInfo, parameters: &mut ModeParameters, rest: &[u8], at: usize) -> Result<usize, Sense> {
    let code = rest[0] & !(PS | SPF);
    let (subpage, length, length_at) = if rest[0] & SPF == 0 {
        (0, usize::from(*rest.get(1).ok_or(TOO_SHORT)?), 1)
    } else {
        let [_, subpage, high, low] = *rest.first_chunk().ok_or(TOO_SHORT)?;
        (subpage, usize::from(u16::from_be_bytes([high, low])), 2)
    };
    if !PAGES.iter().any(|page| page.code == code && page.is_of(info)) {
        return Err(wrong(at, Some(5)));
    }
    // A page in the sub_page format with subpage 00h does not exist: that is the page_0 format.
    let is_sub = rest[0] & SPF != 0;
    let place = position(info, code, subpage).filter(|_| is_sub == (subpage != 0));
    let place = place.ok_or(if is_sub { wrong(at + 1, None) } else { wrong(at, Some(6)) })?;
    let page = &PAGES[place];
    if length != page.len - page.header_len() {
        return Err(wrong(at + length_at, None));
    }
    let given = rest.get(..page.len).ok_or(TOO_SHORT)?;
    let mut bytes: PageBytes = page.header();
    let from = page.header_len();
    bytes[from..page.len].copy_from_slice(&given[from..]);
    check(&parameters.page(info, place), &page.mask(), &bytes)
        .and_then(|()| (page.check)(&bytes))
        .map_err(|Wrong { byte, bit }| wrong(at + byte, bit))?;
    parameters.replace(info, place, &bytes);
    Ok(page.len)
}

/// Whether only such bits differ as can be changed.
fn check(current: &PageBytes, mask: &PageBytes, given: &PageBytes) -> Result<(), Wrong> {
    for byte in 0..LONGEST {
        let differs = (current[byte] ^ given[byte]) & !mask[byte];
        if differs != 0 {
            return Err(Wrong { byte, bit: Some(7 - differs.leading_zeros() as u8) });
        }
    }
    Ok(())
}
