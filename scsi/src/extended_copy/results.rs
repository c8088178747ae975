//! What RECEIVE COPY RESULTS answers (SPC-4 6.32): limits, progress, and why a copy failed.

use super::{BLOCK_TO_BLOCK, IDENTIFICATION};
use super::{MOST_DESCRIPTOR_BYTES, MOST_SEGMENT_BYTES, MOST_SEGMENTS, MOST_TARGETS};
use crate::parameter::ParameterData;

/// Copies that run at a time, of all units together; more of them wait.
pub const CONCURRENT_COPIES: u16 = 32;

/// COPY COMMAND STATUS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CopyStatus {
    /// 00h: in progress.
    InProgress,
    /// 01h: completed without errors.
    Completed,
    /// 02h: completed with errors.
    Failed,
}

/// SNLID: lists without an identifier are taken.
const SNLID: u8 = 0x01;
/// The largest number of bytes for which TRANSFER COUNT counts bytes.
const MOST_COUNTED_BYTES: u64 = u32::MAX as u64;

/// OPERATING PARAMETERS (SPC-4 6.32.4).
pub fn operating_parameters(allocation_length: u32) -> ParameterData {
    let mut data = ParameterData::new(allocation_length);
    data.put_u32(0);
    data.put(&[SNLID, 0, 0, 0]);
    data.put_u16(MOST_TARGETS as u16);
    data.put_u16(MOST_SEGMENTS as u16);
    data.put_u32(MOST_DESCRIPTOR_BYTES as u32);
    data.put_u32(MOST_SEGMENT_BYTES);
    // No inline data, no held data, no stream devices.
    data.put_u32(0);
    data.put_u32(0);
    data.put_u32(0);
    data.put_u16(0);
    data.put_u16(CONCURRENT_COPIES);
    data.put_u8(CONCURRENT_COPIES as u8);
    // Granularities as powers of two: a segment can have any length.
    data.put(&[0, 0, 0]);
    data.put(&[0, 0, 0]);
    data.put(&[2, BLOCK_TO_BLOCK, IDENTIFICATION]);
    patch_available(&mut data);
    data
}

/// COPY STATUS (SPC-4 6.32.2): `segments` have been processed, `bytes` been written.
pub fn copy_status(status: CopyStatus, segments: u16, bytes: u64, allocation_length: u32) -> ParameterData {
    let mut data = ParameterData::new(allocation_length);
    data.put_u32(8);
    data.put_u8(match status {
        CopyStatus::InProgress => 0x00,
        CopyStatus::Completed => 0x01,
        CopyStatus::Failed => 0x02,
    });
    data.put_u16(segments);
    // TRANSFER COUNT UNITS: bytes, or KiB where those are too many.
    let (units, count) = if bytes > MOST_COUNTED_BYTES { (0x01, bytes >> 10) } else { (0x00, bytes) };
    data.put_u8(units);
    data.put_u32(u32::try_from(count).unwrap_or(u32::MAX));
    data
}

/// RECEIVE DATA (SPC-4 6.32.3): nothing is ever held.
pub fn held_data(allocation_length: u32) -> ParameterData {
    let mut data = ParameterData::new(allocation_length);
    data.put_u32(0);
    data
}

/// FAILED SEGMENT DETAILS (SPC-4 6.32.5): status and sense of a copy that failed, or that there are none.
pub fn failed_segment_details(failed: Option<(u8, &[u8])>, allocation_length: u32) -> ParameterData {
    let mut data = ParameterData::new(allocation_length);
    data.put_u32(0);
    if let Some((status, sense)) = failed {
        data.pad_to(56);
        data.put(&[status, 0]);
        data.put_u16(sense.len() as u16);
        data.put(sense);
        patch_available(&mut data);
    }
    data
}

fn patch_available(data: &mut ParameterData) {
    let available = (data.full_len() - 4) as u32;
    data.patch(0, &available.to_be_bytes());
}

#[cfg(test)]
mod tests;
