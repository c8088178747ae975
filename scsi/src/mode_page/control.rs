//! Control mode page, 0Ah, and Control Extension, 0Ah/01h (SPC-4 7.5.8, 7.5.9).

use super::{ALL, Page, PageBytes, Wrong};
use crate::unit_report::Control;

const TST: u8 = 0xE0;
/// The bit of TST that can be one: 000b and 001b are possible.
const TST_CHANGES: u8 = 0x20;
const TMF_ONLY: u8 = 0x10;
/// DPICZ is about protection information, which no unit has: it can be set, and has nothing to act on.
const DPICZ: u8 = 0x08;
const D_SENSE: u8 = 0x04;
/// GLTSD: log parameters are not saved by themselves.
const GLTSD: u8 = 0x02;
const QUEUE_ALGORITHM: u8 = 0xF0;
/// QUEUE ALGORITHM MODIFIER 1h: SIMPLE tasks may be executed in any order.
const UNRESTRICTED: u8 = 0x10;
const QERR: u8 = 0x06;
const UA_INTLCK_CTRL: u8 = 0x30;
const SWP: u8 = 0x08;
const TAS: u8 = 0x40;
/// IALUAE: implicit changes of asymmetric access states are enabled. They are the administrator's.
const IALUAE: u8 = 0x01;

/// The page. Zero and not to be changed are: RLEC (no log exception is reported), NUAR, RAC, ATO, AUTOLOAD MODE (a medium is
/// ready when it is there), BUSY TIMEOUT PERIOD and EXTENDED SELF-TEST COMPLETION TIME (not said).
pub(super) const PAGE: Page = Page {
    code: 0x0A,
    len: 12,
    types: ALL,
    default: |_, page| {
        page[2] = GLTSD;
        page[3] = UNRESTRICTED;
    },
    changeable: &[
        (2, TST_CHANGES | TMF_ONLY | DPICZ | D_SENSE),
        (3, UNRESTRICTED | QERR),
        (4, UA_INTLCK_CTRL | SWP),
        (5, TAS),
    ],
    check: possible,
    ..Page::FIXED
};

/// The extension: TCMOS, SCSIP (there is no timestamp) and INITIAL COMMAND PRIORITY are zero, and so is MAXIMUM SENSE DATA
/// LENGTH, which says nothing.
pub(super) const EXTENSION: Page = Page {
    code: 0x0A,
    subpage: 0x01,
    len: 32,
    types: ALL,
    default: |_, page| page[4] = IALUAE,
    ..Page::FIXED
};

/// QERR 10b and UA_INTLCK_CTRL 01b are reserved.
fn possible(page: &PageBytes) -> Result<(), Wrong> {
    if page[3] & QERR == 0x04 {
        return Err(Wrong { byte: 3, bit: Some(2) });
    }
    if page[4] & UA_INTLCK_CTRL == 0x10 {
        return Err(Wrong { byte: 4, bit: Some(5) });
    }
    Ok(())
}

/// What the core acts on.
pub(super) fn control(page: &PageBytes) -> Control {
    Control {
        tst: (page[2] & TST) >> 5,
        qerr: (page[3] & QERR) >> 1,
        queue_algorithm: (page[3] & QUEUE_ALGORITHM) >> 4,
        ua_intlck: (page[4] & UA_INTLCK_CTRL) >> 4,
        tas: page[5] & TAS != 0,
        tmf_only: page[2] & TMF_ONLY != 0,
        d_sense: page[2] & D_SENSE != 0,
    }
}

/// SWP: writes are refused.
pub(super) fn software_write_protect(page: &PageBytes) -> bool {
    page[4] & SWP != 0
}
