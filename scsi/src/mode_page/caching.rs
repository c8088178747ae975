//! Caching mode page (SBC-3 6.4.5).

use crate::device_info::DeviceInfo;

/// PAGE CODE.
pub(super) const CODE: u8 = 0x08;
/// WCE: a write may end with GOOD before its data is on the medium.
const WCE: u8 = 0x04;

/// What follows PAGE LENGTH, 12h bytes.
pub(super) fn values(info: &DeviceInfo) -> Vec<u8> {
    let mut page = vec![0; 0x12];
    page[0] = if info.write_cache { WCE } else { 0 };
    page
}
