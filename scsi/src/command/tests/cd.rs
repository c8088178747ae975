//! READ CD and READ CD MSF, typed from MMC-6.

use super::*;
use crate::asc::Asc;

#[test]
fn read_cd_of_user_data_is_a_read() {
    let read = |lba, count| Ok(Command::Read(blocks(lba, count)));
    assert_eq!(decode(&[0xBE, 0, 0, 1, 2, 3, 4, 5, 6, 0x10, 0, 0]), read(0x01_0203, 0x04_0506));
    assert_eq!(decode(&[0xBE, 0x08, 0, 0, 0, 7, 0, 0, 1, 0x10, 0, 0]), read(7, 1), "mode 1 is expected");
    assert_eq!(decode(&[0xBE, 0, 0, 0, 0, 7, 0, 0, 1, 0, 0, 0]), read(7, 0), "no data are selected");
    let mode = Err(Sense::illegal_request(Asc { code: 0x64, qualifier: 0x00 }));
    for expected in [0x04, 0x0C, 0x10, 0x14] {
        assert_eq!(decode(&[0xBE, expected, 0, 0, 0, 7, 0, 0, 1, 0x10, 0, 0]), mode);
    }
    let field = |byte, bit| Err(Sense::invalid_field_in_cdb(byte, bit));
    for channel in [0x80, 0xF8, 0x20, 0x18, 0x12] {
        assert_eq!(decode(&[0xBE, 0, 0, 0, 0, 7, 0, 0, 1, channel, 0, 0]), field(9, None), "{channel:02x}");
    }
    assert_eq!(decode(&[0xBE, 0, 0, 0, 0, 7, 0, 0, 1, 0x10, 1, 0]), field(10, Some(2)), "raw subchannel");
}

#[test]
fn read_cd_msf_counts_frames_from_two_seconds() {
    let msf = |start: [u8; 3], end: [u8; 3]| {
        let [m, s, f] = start;
        let [to_m, to_s, to_f] = end;
        decode(&[0xB9, 0, 0, m, s, f, to_m, to_s, to_f, 0x10, 0, 0])
    };
    let read = |lba, count| Ok(Command::Read(blocks(lba, count)));
    assert_eq!(msf([0, 2, 0], [0, 2, 1]), read(0, 1));
    // (1 x 60 + 2) x 75 + 3 - 150 is 4503.
    assert_eq!(msf([1, 2, 3], [1, 3, 3]), read(4503, 75));
    assert_eq!(msf([1, 2, 3], [1, 2, 3]), read(4503, 0));
    let field = |byte| Err(Sense::invalid_field_in_cdb(byte, None));
    assert_eq!(msf([0, 2, 1], [0, 2, 0]), field(6), "the end is before the start");
    assert_eq!(msf([0, 60, 0], [2, 0, 0]), field(3));
    assert_eq!(msf([0, 2, 0], [2, 0, 75]), field(6));
    assert_eq!(msf([0xFF; 3], [2, 0, 0]), field(3), "the current position");
    assert_eq!(msf([0, 1, 74], [0, 2, 0]), Err(Sense::lba_out_of_range()));
}
