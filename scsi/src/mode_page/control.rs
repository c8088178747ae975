//! Control mode page (SPC-4 7.5.8).

use crate::device_info::DeviceInfo;

/// PAGE CODE.
pub(super) const CODE: u8 = 0x0A;
/// TST 000b (one task set for all I_T nexuses), D_SENSE zero (fixed format sense), GLTSD one (no log parameters are saved).
const GLTSD: u8 = 0x02;
/// QUEUE ALGORITHM MODIFIER 1h: SIMPLE tasks may be executed in any order. QERR 00b: an error stops only its own command.
const UNRESTRICTED_REORDERING: u8 = 0x10;

/// What follows PAGE LENGTH, 0Ah bytes.
pub(super) fn values(_: &DeviceInfo) -> Vec<u8> {
    let mut page = vec![0; 0x0A];
    page[0] = GLTSD;
    page[1] = UNRESTRICTED_REORDERING;
    page
}
