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

/// WSNZ: a WRITE SAME of zero blocks is refused.
const WSNZ: u8 = 0x01;
/// LBPU, LBPWS and LBPWS10: UNMAP, WRITE SAME(16) and WRITE SAME(10) unmap. LBPRZ 001b: unmapped blocks read as zeros.
const UNMAPS: u8 = 0x80 | 0x40 | 0x20 | 0x04;
/// ANC_SUP: blocks can be anchored.
const ANCHORS: u8 = 0x02;
/// PROVISIONING TYPE 2h: thin provisioned.
const THIN: u8 = 0x02;
/// WABEREQ 01b: after a block erase, reads succeed.
const READS_AFTER_ERASE: u8 = 0x40;
/// FUAB: a cache that outlives a loss of power is as good as the medium for FUA and SYNCHRONIZE CACHE, as SBC-3 has it.
const FUAB: u8 = 0x02;
/// VBULS: VERIFY compares unmapped blocks too, as zeros.
const VBULS: u8 = 0x01;

/// Block Limits (SBC-3 6.5.3, SBC-4 for atomic writes). Atomic writes need no alignment, granularity or boundary.
pub(super) fn block_limits(info: &DeviceInfo, _: &Path, data: &mut ParameterData) {
    data.put(&[WSNZ, info.max_compare_and_write().0.min(255) as u8]);
    data.put_u16(info.optimal_granularity);
    data.put_u32(saturated(info.max_transfer));
    data.put_u32(saturated(info.optimal_transfer));
    data.put_u32(0);
    data.put_u32(saturated(info.max_unmap()));
    data.put_u32(info.max_unmap_descriptors());
    data.put_u32(saturated(info.unmap_granularity()));
    data.put_u32(0);
    data.put_u64(info.max_write_same().0);
    data.put_u32(saturated(info.max_atomic()));
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
    data.put(&if info.thin_provisioned { [0, READS_AFTER_ERASE, FUAB | VBULS] } else { [0, 0, FUAB] });
    data.pad_to(LONG_PAGE);
}

/// Logical Block Provisioning (SBC-3 6.5.4). A unit that is not thin is fully provisioned as far as initiators can tell.
pub(super) fn logical_block_provisioning(info: &DeviceInfo, _: &Path, data: &mut ParameterData) {
    let able = UNMAPS | if info.anchors { ANCHORS } else { 0 };
    data.put(&if info.thin_provisioned { [info.threshold_exponent(), able, THIN, 0] } else { [0; 4] });
}

/// Zero means no limit in these fields, and so does what does not fit.
fn saturated(blocks: Blocks) -> u32 {
    u32::try_from(blocks.0).unwrap_or(0)
}
