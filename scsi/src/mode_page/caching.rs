//! Caching mode page, 08h (SBC-3 6.4.5).

use super::{DISK, Page, PageBytes};

/// The place of WCE.
const FLAGS: usize = 2;
/// WCE: a write may end with GOOD before its data is on the medium.
const WCE: u8 = 0x04;

/// Only WCE can be changed, to one and to zero. RCD is zero and the rest is not said: the cache is the host's.
pub(super) const PAGE: Page = Page {
    code: 0x08,
    len: 20,
    types: DISK,
    default: |info, page| page[FLAGS] = if info.write_cache { WCE } else { 0 },
    changeable: &[(FLAGS, WCE)],
    ..Page::FIXED
};

/// Whether WCE is one.
pub(super) fn write_cache(page: &PageBytes) -> bool {
    page[FLAGS] & WCE != 0
}
