//! VPD pages of block devices: B0h, B1h, B2h (SBC-3 6.5).

use crate::device_info::DeviceInfo;
use crate::parameter::ParameterData;
use crate::path::Path;
use crate::units::Blocks;

/// PAGE LENGTH of B0h and B1h is 3Ch; with the header that is 64 bytes.
const LONG_PAGE: usize = 64;
/// MEDIUM ROTATION RATE: does not rotate.
const NON_ROTATING: u16 = 0x0001;
/// MEDIUM ROTATION RATE in turns a minute. Of a file on some disk nobody knows it better.
const ROTATING: u16 = 7200;

/// Block Limits (SBC-3 6.5.3). COMPARE AND WRITE, UNMAP and WRITE SAME are not in the opcode table: their limits are zero.
pub(super) fn block_limits(info: &DeviceInfo, _: &Path, data: &mut ParameterData) {
    data.put(&[0, 0]);
    data.put_u16(info.optimal_granularity);
    data.put_u32(saturated(info.max_transfer));
    data.put_u32(saturated(info.optimal_transfer));
    data.pad_to(LONG_PAGE);
}

/// Block Device Characteristics (SBC-3 6.5.2).
pub(super) fn block_device_characteristics(info: &DeviceInfo, _: &Path, data: &mut ParameterData) {
    let rate = match (info.rotational, info.rotation_rate) {
        (false, _) => NON_ROTATING,
        (true, 0) => ROTATING,
        (true, rate) => rate,
    };
    data.put_u16(rate);
    data.pad_to(LONG_PAGE);
}

/// Logical Block Provisioning (SBC-3 6.5.4): fully provisioned as far as initiators can tell, for nothing can be unmapped.
pub(super) fn logical_block_provisioning(_: &DeviceInfo, _: &Path, data: &mut ParameterData) {
    data.put(&[0, 0, 0, 0]);
}

/// Zero means no limit in these fields, and so does what does not fit.
fn saturated(blocks: Blocks) -> u32 {
    u32::try_from(blocks.0).unwrap_or(0)
}
