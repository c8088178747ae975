//! Power Condition mode page, 1Ah (SPC-4 7.5.13; of a CD, MMC-6 7.7).

use super::{CD, DISK, Page};

/// Of a disk: no timer runs, so no power condition begins by itself.
pub(super) const DISK_PAGE: Page = Page { code: 0x1A, len: 40, types: DISK, ..Page::FIXED };

/// Of a CD: likewise.
pub(super) const CD_PAGE: Page = Page { code: 0x1A, len: 12, types: CD, ..Page::FIXED };
