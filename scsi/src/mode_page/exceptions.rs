//! Informational Exceptions Control mode page, 1Ch (SPC-4 7.5.12).

use super::{DISK, Page, PageBytes, Wrong};

const EWASC: u8 = 0x10;
const DEXCPT: u8 = 0x08;
const TEST: u8 = 0x04;
const MRIE: u8 = 0x0F;
/// MRIE 6h: only on request, that is, by REQUEST SENSE.
const ON_REQUEST: u8 = 0x06;

/// Exceptions are there to be asked for: MRIE is 6h, or 0h for none. The methods that interfere with commands are not
/// offered, and so INTERVAL TIMER and REPORT COUNT have nothing to count.
pub(super) const PAGE: Page = Page {
    code: 0x1C,
    len: 12,
    types: DISK,
    default: |_, page| page[3] = ON_REQUEST,
    changeable: &[(2, EWASC | DEXCPT | TEST), (3, ON_REQUEST)],
    check: possible,
    ..Page::FIXED
};

fn possible(page: &PageBytes) -> Result<(), Wrong> {
    match page[3] & MRIE {
        0 | ON_REQUEST => Ok(()),
        _ => Err(Wrong { byte: 3, bit: Some(3) }),
    }
}

/// How informational exception conditions are to be treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exceptions {
    /// They are reported when REQUEST SENSE asks (MRIE 6h, DEXCPT zero).
    pub on_request: bool,
    /// EWASC: warnings are reported too.
    pub warnings: bool,
    /// TEST: one is pretended.
    pub test: bool,
}

pub(super) fn exceptions(page: &PageBytes) -> Exceptions {
    let enabled = page[2] & DEXCPT == 0;
    Exceptions {
        on_request: enabled && page[3] & MRIE == ON_REQUEST,
        warnings: page[2] & EWASC != 0,
        test: enabled && page[2] & TEST != 0,
    }
}
