//! What a disk tells of its medium: GET LBA STATUS and READ DEFECT DATA.

use crate::asc::Asc;
use crate::command::ReadDefectData;
use crate::parameter::ParameterData;
use crate::sense::{Sense, SenseKey};
use crate::units::{Blocks, Lba};

/// PROVISIONING STATUS of a run of blocks (SBC-3 5.4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provisioning {
    /// 0h: mapped, or not known.
    Mapped = 0,
    /// 1h: deallocated.
    Deallocated = 1,
    /// 2h: anchored.
    Anchored = 2,
}

/// A run of blocks with one status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LbaStatus {
    /// The first block.
    pub lba: Lba,
    /// How many.
    pub blocks: Blocks,
    /// Their status.
    pub status: Provisioning,
}

/// Bytes of the header of GET LBA STATUS data.
const STATUS_HEADER: u32 = 8;
/// Bytes of one descriptor.
const STATUS_DESCRIPTOR: u32 = 16;
/// Descriptors that one command returns at most.
pub const MOST_STATUSES: usize = 256;

/// How many descriptors are worth making for an allocation length: at least one, for the length field counts it.
pub fn statuses_wanted(allocation_length: u32) -> usize {
    let fit = allocation_length.saturating_sub(STATUS_HEADER).div_ceil(STATUS_DESCRIPTOR) as usize;
    fit.clamp(1, MOST_STATUSES)
}

/// GET LBA STATUS data. A run that is too long for its field is cut: the initiator asks on from there.
pub fn lba_status(runs: &[LbaStatus], allocation_length: u32) -> ParameterData {
    let mut data = ParameterData::new(allocation_length);
    data.put_u32(4 + runs.len() as u32 * STATUS_DESCRIPTOR);
    data.put_u32(0);
    for run in runs {
        data.put_u64(run.lba.0);
        data.put_u32(u32::try_from(run.blocks.0).unwrap_or(u32::MAX));
        data.put(&[run.status as u8, 0, 0, 0]);
    }
    data
}

/// READ DEFECT DATA (SBC-3 5.17, 5.18): both lists are there and empty. Formats: short and long block, extended and plain
/// bytes from index and physical sector; nothing is listed, so each is as good as the others.
pub fn defect_data(request: &ReadDefectData) -> Result<ParameterData, Sense> {
    let flags = u8::from(request.primary) << 4 | u8::from(request.grown) << 3 | request.format;
    if matches!(request.format, 0b110 | 0b111) {
        // Vendor specific and reserved: a list in another format is what there is, as the standard has it.
        let asc = Asc { code: 0x1C, qualifier: 0x00 };
        return Err(Sense::new(SenseKey::RecoveredError, asc));
    }
    let mut data = ParameterData::new(request.allocation_length);
    data.put(&[0, flags, 0, 0]);
    if request.twelve {
        data.put_u32(0);
    }
    Ok(data)
}

#[cfg(test)]
mod tests;
