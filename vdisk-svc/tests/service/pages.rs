//! What a unit says of itself, and commands about its state.

use ipc::message::config::{BackendConfig, DeviceConfig};
use vdisk_svc::engine::Choice;

use crate::fixture::*;

const INVALID_FIELD_IN_CDB: (u8, u8, u8, u8) = (2, 0x5, 0x24, 0x00);
const STOPPED: (u8, u8, u8, u8) = (2, 0x2, 0x04, 0x02);

fn null() -> Rig {
    let null = DeviceConfig { backend: BackendConfig::Null { bytes: 1000 * 512 + 511 }, ..disk(5) };
    Rig::start(Choice::Best, vec![(null, None)])
}

#[test]
fn inquiry_is_truncated_to_allocation_length_and_buffer() {
    let mut rig = null();
    let answer = rig.run(5, &[0x12, 0, 0, 0, 255, 0], &[], &[255]);
    assert_eq!(answer.status(), GOOD);
    assert_eq!(answer.data[..2], [0x00, 0x00], "a direct access block device, not removable");
    assert_eq!(answer.data[8..32], *b"BULKHEADVDISK           ");
    assert_eq!((answer.data.len(), answer.reply.wanted), (96, 96));
    let answer = rig.run(5, &[0x12, 0, 0, 0, 36, 0], &[], &[255]);
    assert_eq!((answer.reply.transferred, answer.reply.wanted), (36, 36));
    let answer = rig.run(5, &[0x12, 0, 0, 0, 36, 0], &[], &[3, 5]);
    assert_eq!((answer.reply.transferred, answer.reply.wanted), (8, 36));
}

#[test]
fn inquiry_for_the_serial_number() {
    let answer = null().run(5, &[0x12, 1, 0x80, 0, 255, 0], &[], &[255]);
    assert_eq!((answer.status(), &answer.data[..]), (GOOD, &b"\x00\x80\x00\x0aSN00000005"[..]));
    let answer = null().run(5, &[0x12, 1, 0x55, 0, 255, 0], &[], &[255]);
    assert_eq!(answer.status(), INVALID_FIELD_IN_CDB);
}

#[test]
fn read_capacity_counts_whole_blocks() {
    let mut rig = null();
    let answer = rig.run(5, &[0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0], &[], &[8]);
    assert_eq!(answer.data, [0, 0, 0x03, 0xE7, 0, 0, 0x02, 0x00], "last block 999, of 512 bytes");
    let answer = rig.run(5, &[0x9E, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0], &[], &[32]);
    assert_eq!(answer.data[..14], [0, 0, 0, 0, 0, 0, 0x03, 0xE7, 0, 0, 0x02, 0x00, 0, 3]);
    assert_eq!((answer.reply.transferred, answer.reply.wanted), (32, 32));
}

#[test]
fn mode_sense_shows_the_caching_page() {
    let answer = null().run(5, &[0x1A, 0x08, 0x08, 0, 255, 0], &[], &[255]);
    assert_eq!((answer.status(), answer.data[4] & 0x3F), (GOOD, 0x08));
    assert_eq!(answer.data[6] & 0x04, 0x04, "WCE");
}

#[test]
fn request_sense_and_rsoc_answer() {
    let mut rig = null();
    let answer = rig.run(5, &[0x03, 0, 0, 0, 18, 0], &[], &[18]);
    assert_eq!((answer.status(), answer.data[0], answer.data[2]), (GOOD, 0x70, 0));
    // One command: READ(10) is supported as the standard says, and its CDB has ten bytes.
    let answer = rig.run(5, &[0xA3, 0x0C, 1, 0x28, 0, 0, 0, 0, 0, 255, 0, 0], &[], &[255]);
    assert_eq!(answer.data[1..5], [3, 0, 10, 0x28]);
}

#[test]
fn start_stop_unit_stops_and_starts() {
    let mut rig = null();
    assert_eq!(rig.run(5, &TEST_UNIT_READY, &[], &[]).status(), GOOD);
    assert_eq!(rig.run(5, &[0x1B, 0, 0, 0, 0, 0], &[], &[]).status(), GOOD);
    assert_eq!(rig.run(5, &TEST_UNIT_READY, &[], &[]).status(), STOPPED);
    assert_eq!(rig.run(5, &read_10(0, 1), &[], &[512]).status(), STOPPED);
    assert_eq!(rig.run(5, &write_10(0, 1), &[&[0; 512]], &[]).status(), STOPPED);
    assert_eq!(rig.run(5, &SYNCHRONIZE_CACHE_10, &[], &[]).status(), STOPPED);
    assert_eq!(rig.run(5, &[0x12, 0, 0, 0, 36, 0], &[], &[36]).status(), GOOD);
    assert_eq!(rig.run(5, &[0x1B, 0, 0, 0, 1, 0], &[], &[]).status(), GOOD);
    assert_eq!(rig.run(5, &read_10(0, 1), &[], &[512]).status(), GOOD);
    assert_eq!(rig.run(5, &[0x1B, 0, 0, 0, 2, 0], &[], &[]).status(), INVALID_FIELD_IN_CDB, "LOEJ");
}

#[test]
fn commands_that_are_not_known_or_not_allowed() {
    let mut rig = null();
    assert_eq!(rig.run(5, &[0xFF; 6], &[], &[]).status(), (2, 5, 0x20, 0x00));
    assert_eq!(rig.run(5, &[], &[], &[]).status(), (2, 5, 0x20, 0x00));
    let naca = [0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0x04];
    assert_eq!(rig.run(5, &naca, &[], &[512]).status(), GOOD, "NACA is core-svc's");
    assert_eq!(rig.run(6, &TEST_UNIT_READY, &[], &[]).status(), (2, 5, 0x25, 0x00), "no such unit");
}
