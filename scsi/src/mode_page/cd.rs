//! Mode pages that only a CD has: 0Dh, 0Eh (MMC-2 5.5.3, 5.5.2) and 2Ah (MMC-3 6.3.11, obsolete since, and asked for by
//! every operating system to this day).

use super::{CD, Page, PageBytes};
use crate::device_info::DeviceInfo;

/// CD Device Parameters: 60 seconds in a minute, 75 frames in a second of MSF.
pub(super) const DEVICE_PARAMETERS: Page = Page {
    code: 0x0D,
    len: 8,
    types: CD,
    default: |_, page| page[4..8].copy_from_slice(&[0, 60, 0, 75]),
    ..Page::FIXED
};

/// CD Audio Control: IMMED is one, and no port plays anything.
pub(super) const AUDIO_CONTROL: Page =
    Page { code: 0x0E, len: 16, types: CD, default: |_, page| page[2] = 0x04, ..Page::FIXED };

/// MM Capabilities and Mechanical Status.
pub(super) const CAPABILITIES: Page =
    Page { code: 0x2A, len: 26, types: CD, default: capabilities, ..Page::FIXED };

/// Reads CD-R, CD-RW and DVD-ROM; writes nothing.
const READS: u8 = 0x0B;
/// MODE 2 FORM 1 and 2, MULTI SESSION.
const MODES: u8 = 0x70;
/// LOADING MECHANISM TYPE tray, EJECT, LOCK.
const TRAY: u8 = 0x29;
/// 48 times 176.4 kB/s: what has no speed of its own says what a fast drive does.
const SPEED: u16 = 8467;

fn capabilities(_: &DeviceInfo, page: &mut PageBytes) {
    page[2] = READS;
    page[4] = MODES;
    page[6] = TRAY;
    page[8..10].copy_from_slice(&SPEED.to_be_bytes());
    page[14..16].copy_from_slice(&SPEED.to_be_bytes());
}
