//! Read-Write Error Recovery mode page, 01h (SBC-3 6.4.8; of a CD, MMC-6 7.3).

use super::{CD, DISK, Page};

/// AWRE and ARRE: what is behind a unit puts bad places elsewhere by itself. No retry count is under control.
const REALLOCATES: u8 = 0xC0;
/// TB, RC, PER, DTE and DCR zero: full recovery, and no report of what could be recovered.
const FULL_RECOVERY: u8 = 0x00;

/// LBPERE: a threshold of space that is reached is told (page 1Ch/02h).
const LBPERE: u8 = 0x80;

/// Of a disk.
pub(super) const DISK_PAGE: Page = Page {
    code: 0x01,
    len: 12,
    types: DISK,
    default: |info, page| {
        page[2] = if info.read_only { FULL_RECOVERY } else { REALLOCATES };
        page[7] = if info.thin_provisioned && info.threshold > 0 { LBPERE } else { 0 };
    },
    ..Page::FIXED
};

/// Of a CD.
pub(super) const CD_PAGE: Page = Page { code: 0x01, len: 12, types: CD, ..Page::FIXED };
