//! Logical Block Provisioning mode page, 1Ch/02h (SBC-3 6.4.7): when initiators are told that space runs out.

use super::{DISK, Page, PageBytes};
use crate::device_info::DeviceInfo;

/// ENABLED of a threshold descriptor; THRESHOLD TYPE 000b (sets) and THRESHOLD ARMING 000b (decreasing) are zero.
const ENABLED: u8 = 0x80;
/// THRESHOLD RESOURCE: available LBA mapping resources, parameter 0001h of log page 0Ch.
const AVAILABLE: u8 = 0x01;

/// SITUA is zero, for every nexus is told. There is one threshold, which is the administrator's to set.
pub(super) const PAGE: Page = Page {
    code: 0x1C,
    subpage: 0x02,
    len: 24,
    types: DISK,
    of: |info| info.thin_provisioned,
    default: threshold,
    ..Page::FIXED
};

fn threshold(info: &DeviceInfo, page: &mut PageBytes) {
    page[16] = if info.threshold > 0 { ENABLED } else { 0 };
    page[17] = AVAILABLE;
    page[20..24].copy_from_slice(&info.threshold.to_be_bytes());
}
