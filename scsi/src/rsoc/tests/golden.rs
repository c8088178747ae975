//! Whole answers of a thin disk with access states, typed from the command tables of SPC-4, SBC-3 and SBC-4.

use super::*;

/// Command descriptors: OPERATION CODE, SERVICE ACTION, SERVACTV, CDB LENGTH.
#[rustfmt::skip]
const DESCRIPTORS: &[[u8; 8]] = &[
    [0x00, 0, 0, 0x00, 0, 0, 0, 6],
    [0x03, 0, 0, 0x00, 0, 0, 0, 6],
    [0x04, 0, 0, 0x00, 0, 0, 0, 6],
    [0x08, 0, 0, 0x00, 0, 0, 0, 6],
    [0x0A, 0, 0, 0x00, 0, 0, 0, 6],
    [0x12, 0, 0, 0x00, 0, 0, 0, 6],
    [0x15, 0, 0, 0x00, 0, 0, 0, 6],
    [0x16, 0, 0, 0x00, 0, 0, 0, 6],
    [0x17, 0, 0, 0x00, 0, 0, 0, 6],
    [0x1A, 0, 0, 0x00, 0, 0, 0, 6],
    [0x1B, 0, 0, 0x00, 0, 0, 0, 6],
    [0x1C, 0, 0, 0x00, 0, 0, 0, 6],
    [0x1D, 0, 0, 0x00, 0, 0, 0, 6],
    [0x25, 0, 0, 0x00, 0, 0, 0, 10],
    [0x28, 0, 0, 0x00, 0, 0, 0, 10],
    [0x2A, 0, 0, 0x00, 0, 0, 0, 10],
    [0x2E, 0, 0, 0x00, 0, 0, 0, 10],
    [0x2F, 0, 0, 0x00, 0, 0, 0, 10],
    [0x34, 0, 0, 0x00, 0, 0, 0, 10],
    [0x35, 0, 0, 0x00, 0, 0, 0, 10],
    [0x37, 0, 0, 0x00, 0, 0, 0, 10],
    [0x3B, 0, 0, 0x00, 0, 0, 0, 10],
    [0x3C, 0, 0, 0x00, 0, 0, 0, 10],
    [0x41, 0, 0, 0x00, 0, 0, 0, 10],
    [0x42, 0, 0, 0x00, 0, 0, 0, 10],
    [0x48, 0, 0, 0x01, 0, 1, 0, 10],
    [0x48, 0, 0, 0x02, 0, 1, 0, 10],
    [0x48, 0, 0, 0x1F, 0, 1, 0, 10],
    [0x4C, 0, 0, 0x00, 0, 0, 0, 10],
    [0x4D, 0, 0, 0x00, 0, 0, 0, 10],
    [0x55, 0, 0, 0x00, 0, 0, 0, 10],
    [0x56, 0, 0, 0x00, 0, 0, 0, 10],
    [0x57, 0, 0, 0x00, 0, 0, 0, 10],
    [0x5A, 0, 0, 0x00, 0, 0, 0, 10],
    [0x5E, 0, 0, 0x00, 0, 1, 0, 10],
    [0x5E, 0, 0, 0x01, 0, 1, 0, 10],
    [0x5E, 0, 0, 0x02, 0, 1, 0, 10],
    [0x5E, 0, 0, 0x03, 0, 1, 0, 10],
    [0x5F, 0, 0, 0x00, 0, 1, 0, 10],
    [0x5F, 0, 0, 0x01, 0, 1, 0, 10],
    [0x5F, 0, 0, 0x02, 0, 1, 0, 10],
    [0x5F, 0, 0, 0x03, 0, 1, 0, 10],
    [0x5F, 0, 0, 0x04, 0, 1, 0, 10],
    [0x5F, 0, 0, 0x05, 0, 1, 0, 10],
    [0x5F, 0, 0, 0x06, 0, 1, 0, 10],
    [0x5F, 0, 0, 0x07, 0, 1, 0, 10],
    [0x5F, 0, 0, 0x08, 0, 1, 0, 10],
    [0x83, 0, 0, 0x00, 0, 1, 0, 16],
    [0x84, 0, 0, 0x00, 0, 1, 0, 16],
    [0x84, 0, 0, 0x01, 0, 1, 0, 16],
    [0x84, 0, 0, 0x03, 0, 1, 0, 16],
    [0x84, 0, 0, 0x04, 0, 1, 0, 16],
    [0x88, 0, 0, 0x00, 0, 0, 0, 16],
    [0x89, 0, 0, 0x00, 0, 0, 0, 16],
    [0x8A, 0, 0, 0x00, 0, 0, 0, 16],
    [0x8B, 0, 0, 0x00, 0, 0, 0, 16],
    [0x8E, 0, 0, 0x00, 0, 0, 0, 16],
    [0x8F, 0, 0, 0x00, 0, 0, 0, 16],
    [0x90, 0, 0, 0x00, 0, 0, 0, 16],
    [0x91, 0, 0, 0x00, 0, 0, 0, 16],
    [0x93, 0, 0, 0x00, 0, 0, 0, 16],
    [0x9C, 0, 0, 0x00, 0, 0, 0, 16],
    [0x9E, 0, 0, 0x10, 0, 1, 0, 16],
    [0x9E, 0, 0, 0x12, 0, 1, 0, 16],
    [0xA0, 0, 0, 0x00, 0, 0, 0, 12],
    [0xA3, 0, 0, 0x0A, 0, 1, 0, 12],
    [0xA3, 0, 0, 0x0C, 0, 1, 0, 12],
    [0xA3, 0, 0, 0x0D, 0, 1, 0, 12],
    [0xA4, 0, 0, 0x0A, 0, 1, 0, 12],
    [0xA8, 0, 0, 0x00, 0, 0, 0, 12],
    [0xAA, 0, 0, 0x00, 0, 0, 0, 12],
    [0xAE, 0, 0, 0x00, 0, 0, 0, 12],
    [0xAF, 0, 0, 0x00, 0, 0, 0, 12],
    [0xB7, 0, 0, 0x00, 0, 0, 0, 12],
];

/// Timeouts descriptor: ten bytes follow; no nominal time; one minute, or ten for a copy.
fn timeouts(code: u8) -> [u8; 12] {
    let [high, low] = if code == 0x83 { [0x02, 0x58] } else { [0x00, 0x3C] };
    [0x00, 0x0A, 0x00, 0x00, 0, 0, 0, 0, 0, 0, high, low]
}

#[test]
fn all_commands_bytes() {
    let length = (DESCRIPTORS.len() as u32 * 8).to_be_bytes();
    assert_eq!(ask(ReportingOptions::All, false).unwrap(), [&length[..], &DESCRIPTORS.concat()].concat());
}

#[test]
fn all_commands_with_timeouts_bytes() {
    let mut expected = (DESCRIPTORS.len() as u32 * 20).to_be_bytes().to_vec();
    for descriptor in DESCRIPTORS {
        let mut descriptor = *descriptor;
        descriptor[5] |= 0x02;
        expected.extend(descriptor);
        expected.extend(timeouts(descriptor[0]));
    }
    assert_eq!(ask(ReportingOptions::All, true).unwrap(), expected);
}

/// CDB USAGE DATA of one command: ones where a field is that is looked at. NACA is in CONTROL.
#[test]
fn one_command_bytes() {
    let one = |options| ask(options, true).unwrap();
    let of = |usage: &[u8]| {
        let head = [0x00, 0x83, 0x00, usage.len() as u8];
        [&head[..], usage, &timeouts(usage[0])].concat()
    };
    // Five bits of the address are in byte 1. TRANSFER LENGTH.
    assert_eq!(one(ReportingOptions::Code(0x08)), of(&[0x08, 0x1F, 0xFF, 0xFF, 0xFF, 0x04]));
    // EVPD, PAGE CODE, ALLOCATION LENGTH.
    assert_eq!(one(ReportingOptions::Code(0x12)), of(&[0x12, 0x01, 0xFF, 0xFF, 0xFF, 0x04]));
    // PF, RTD, SP, PARAMETER LIST LENGTH.
    assert_eq!(one(ReportingOptions::Code(0x15)), of(&[0x15, 0x13, 0, 0, 0xFF, 0x04]));
    // PCV, PAGE CODE, ALLOCATION LENGTH.
    assert_eq!(one(ReportingOptions::Code(0x1C)), of(&[0x1C, 0x01, 0xFF, 0xFF, 0xFF, 0x04]));
    // SELF-TEST CODE, PF, SELFTEST, DEVOFFL, UNITOFFL, PARAMETER LIST LENGTH.
    assert_eq!(one(ReportingOptions::Code(0x1D)), of(&[0x1D, 0xF7, 0, 0xFF, 0xFF, 0x04]));
    // DPO, FUA, FUA_NV, address, GROUP NUMBER, TRANSFER LENGTH.
    let write_10 = [0x2A, 0x1A, 0xFF, 0xFF, 0xFF, 0xFF, 0x1F, 0xFF, 0xFF, 0x04];
    assert_eq!(one(ReportingOptions::Code(0x2A)), of(&write_10));
    // ANCHOR, GROUP NUMBER, PARAMETER LIST LENGTH.
    assert_eq!(one(ReportingOptions::Code(0x42)), of(&[0x42, 0x01, 0, 0, 0, 0, 0x1F, 0xFF, 0xFF, 0x04]));
    let read_16 =
        [0x88, 0x1A, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x1F, 0x04];
    assert_eq!(one(ReportingOptions::Either(0x88, 0)), of(&read_16));
    // ANCHOR, UNMAP and NDOB.
    let write_same_16 =
        [0x93, 0x19, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x1F, 0x04];
    assert_eq!(one(ReportingOptions::Code(0x93)), of(&write_same_16));
    // SERVICE ACTION 10h, the obsolete address and PMI, ALLOCATION LENGTH.
    let read_capacity_16 =
        [0x9E, 0x10, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01, 0x04];
    assert_eq!(one(ReportingOptions::CodeAndServiceAction(0x9E, 0x10)), of(&read_capacity_16));
    // SERVICE ACTION 0Ch; RCTD and REPORTING OPTIONS; the requested code and action; ALLOCATION LENGTH.
    let this = [0xA3, 0x0C, 0x87, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0x04];
    assert_eq!(one(ReportingOptions::CodeAndServiceAction(0xA3, 0x0C)), of(&this));
    // SCOPE and TYPE of RESERVE, PARAMETER LIST LENGTH.
    let reserve = [0x5F, 0x01, 0xFF, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0x04];
    assert_eq!(one(ReportingOptions::CodeAndServiceAction(0x5F, 0x01)), of(&reserve));
}
