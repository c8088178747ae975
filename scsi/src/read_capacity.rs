//! READ CAPACITY(10) and (16) (SBC-3 5.15, 5.16).

use crate::device_info::DeviceInfo;
use crate::parameter::ParameterData;

/// The length of READ CAPACITY(10) data, which has no allocation length.
const LENGTH_10: u32 = 8;
/// Logical block provisioning management is there.
const LBPME: u16 = 0x8000;
/// Unmapped blocks read as zeros.
const LBPRZ: u16 = 0x4000;
/// The length of READ CAPACITY(16) data.
const LENGTH_16: usize = 32;

/// READ CAPACITY(10) data: FFFFFFFFh as the last LBA says "ask READ CAPACITY(16)".
pub fn read_capacity_10(info: &DeviceInfo) -> ParameterData {
    let mut data = ParameterData::new(LENGTH_10);
    data.put_u32(u32::try_from(info.last_lba().0).unwrap_or(u32::MAX));
    data.put_u32(info.block_size.get());
    data
}

/// READ CAPACITY(16) data. PROT_EN is zero: no protection information. LBPME and LBPRZ are
/// set for a thin unit, whose unmapped blocks read as zeros.
pub fn read_capacity_16(info: &DeviceInfo, allocation_length: u32) -> ParameterData {
    let thin = if info.thin_provisioned { LBPME | LBPRZ } else { 0 };
    let mut data = ParameterData::new(allocation_length);
    data.put_u64(info.last_lba().0);
    data.put_u32(info.block_size.get());
    data.put(&[0, info.physical_block_exponent.min(0x0F)]);
    data.put_u16(thin | info.lowest_aligned & 0x3FFF);
    data.pad_to(LENGTH_16);
    data
}

#[cfg(test)]
mod tests;
