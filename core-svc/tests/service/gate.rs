//! What is answered before a command gets anywhere: unmapped LUNs, unit attentions, bad CDBs, in the order of SAM-5.

use ipc::message::record::Reply;

use crate::ends::*;
use crate::rig::{B, NEXUS, Rig, open_quietly};

/// A LUN that target 0 does not map.
const NOWHERE: u64 = 0x00EE_0000_0000_0000;

fn fresh() -> (Rig, FakeTransport) {
    let (rig, mut transport, _) = Rig::stage();
    transport.open(8, 0);
    (rig, transport)
}

#[test]
fn inquiry_of_an_unmapped_lun_says_that_no_unit_can_be_there() {
    let (_rig, mut transport, _) = Rig::stage();
    let reply = transport.ask(NEXUS, 1, NOWHERE, &INQUIRY);
    assert_eq!((reply.status, reply.transferred, reply.wanted), (GOOD, 36, 36));
    // PERIPHERAL QUALIFIER 011b, PERIPHERAL DEVICE TYPE 1Fh.
    assert_eq!(transport.bytes(0, 1), [0x7F]);
}

#[test]
fn request_sense_of_an_unmapped_lun_gives_its_sense_as_data() {
    let (_rig, mut transport, _) = Rig::stage();
    let reply = transport.ask(NEXUS, 1, NOWHERE, &REQUEST_SENSE);
    assert_eq!(reply.status, GOOD);
    let data = transport.bytes(0, 18);
    assert_eq!((data[0], data[2], data[12], data[13]), (0x70, 0x05, 0x25, 0x00));
}

#[test]
fn report_luns_of_unmapped_lun_0_is_answered_and_of_another_is_not() {
    let (mut rig, _, _) = Rig::stage();
    let mut transport = rig.transport(B);
    transport.attach(1, &[]);
    transport.open(1, 1);
    let cdb = [0xA0, 0, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0];
    assert_eq!(sense(&transport.ask(1, 1, NOWHERE, &cdb)), (0x05, 0x25, 0x00));
    assert_eq!(transport.ask(1, 2, lun(0), &cdb).status, GOOD);
}

#[test]
fn other_commands_of_an_unmapped_lun_are_refused() {
    let (_rig, mut transport, _) = Rig::stage();
    for (serial, cdb) in [&TEST_UNIT_READY[..], &READ_10, &[0xFF], &[0x28]].into_iter().enumerate() {
        let reply = transport.ask(NEXUS, serial as u64, NOWHERE, cdb);
        assert_eq!(sense(&reply), (0x05, 0x25, 0x00), "{cdb:02x?}");
    }
}

#[test]
fn first_command_reports_power_on_and_only_once() {
    let (_rig, mut transport) = fresh();
    assert_eq!(sense(&transport.ask(8, 1, lun(1), &TEST_UNIT_READY)), (0x06, 0x29, 0x00));
    assert_eq!(sense(&transport.ask(8, 2, lun(0), &READ_10)), (0x06, 0x29, 0x00), "each unit has its own");
    let reply = transport.ask(8, 3, lun(0), &[0xFF, 0, 0, 0, 0, 0]);
    assert_eq!(sense(&reply), (0x05, 0x20, 0x00));
}

#[test]
fn unit_attention_comes_before_an_unknown_operation_code() {
    let (_rig, mut transport) = fresh();
    assert_eq!(sense(&transport.ask(8, 1, lun(0), &[0xFF, 0, 0, 0, 0, 0])), (0x06, 0x29, 0x00));
}

#[test]
fn inquiry_and_report_luns_leave_the_unit_attention() {
    let (_rig, mut transport, mut disk) = Rig::stage();
    transport.open(8, 0);
    transport.send(&command(8, 1, lun(0), &INQUIRY));
    disk.serve(1);
    assert_eq!(transport.done(8, 1).status, GOOD);
    let cdb = [0xA0, 0, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0];
    assert_eq!(transport.ask(8, 2, lun(0), &cdb).status, GOOD);
    assert_eq!(sense(&transport.ask(8, 3, lun(0), &TEST_UNIT_READY)), (0x06, 0x29, 0x00));
}

#[test]
fn request_sense_takes_the_unit_attention() {
    let (_rig, mut transport, mut disk) = Rig::stage();
    transport.open(8, 0);
    assert_eq!(transport.ask(8, 1, lun(0), &REQUEST_SENSE).status, GOOD);
    let data = transport.bytes(0, 18);
    assert_eq!((data[2], data[12], data[13]), (0x06, 0x29, 0x00));
    // What else there is to tell, the handler knows.
    transport.send(&command(8, 2, lun(0), &REQUEST_SENSE));
    disk.serve(2);
    assert_eq!(transport.done(8, 2).status, GOOD);
    transport.send(&command(8, 3, lun(0), &TEST_UNIT_READY));
    disk.serve(3);
    assert_eq!(transport.done(8, 3).status, GOOD);
}

#[test]
fn unknown_service_action_points_at_the_field() {
    let (_rig, mut transport, _) = Rig::stage();
    // SERVICE ACTION IN(16) with service action 1Fh.
    let reply = transport.ask(NEXUS, 1, lun(0), &[0x9E, 0x1F, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(sense(&reply), (0x05, 0x24, 0x00));
}

#[test]
fn cdb_that_ends_too_early_is_refused() {
    let (_rig, mut transport, _) = Rig::stage();
    assert_eq!(sense(&transport.ask(NEXUS, 1, lun(0), &READ_10[..6])), (0x05, 0x24, 0x00));
    assert_eq!(sense(&transport.ask(NEXUS, 2, lun(0), &[])), (0x05, 0x20, 0x00));
}

#[test]
fn aca_attribute_without_an_aca_condition_is_an_invalid_message() {
    let (_rig, mut transport, _) = Rig::stage();
    let mut request = command(NEXUS, 1, lun(0), &TEST_UNIT_READY);
    request.attribute = 4;
    transport.send(&request);
    assert_eq!(sense(&transport.done(NEXUS, 1)), (0x05, 0x49, 0x00));
}

#[test]
fn lun_in_another_addressing_method_is_not_a_unit() {
    let (_rig, mut transport, _) = Rig::stage();
    let logical_unit_addressing = 0x8000_0000_0000_0000;
    let second_level = 0x0000_0001_0000_0000;
    for (serial, lun) in [logical_unit_addressing, second_level].into_iter().enumerate() {
        let reply = transport.ask(NEXUS, serial as u64, lun, &TEST_UNIT_READY);
        assert_eq!(sense(&reply), (0x05, 0x25, 0x00));
    }
}

fn report_luns(transport: &mut FakeTransport, length: u8, extents: &[(u64, u32)]) -> Reply {
    let cdb = [0xA0, 0, 0, 0, 0, 0, 0, 0, 0, length, 0, 0];
    let request = transport.with_in(command(NEXUS, 1, lun(0), &cdb), extents);
    transport.send(&request);
    transport.done(NEXUS, 1)
}

/// LUN LIST LENGTH 24, reserved, then LUN 0, LUN 1, and LUN 300 in flat space addressing (SAM-5 4.7.5: 01b, 14 bits).
const LIST: [u8; 32] =
    [0, 0, 0, 24, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0x41, 0x2C, 0, 0, 0, 0, 0, 0];

#[test]
fn report_luns_lists_what_the_target_maps() {
    let (_rig, mut transport, _) = Rig::stage();
    let reply = report_luns(&mut transport, 255, &[(0, 4096)]);
    assert_eq!((reply.status, reply.transferred, reply.wanted), (GOOD, 32, 32));
    assert_eq!(transport.bytes(0, 32), LIST);
}

#[test]
fn report_luns_with_a_short_allocation_length_is_truncated() {
    let (_rig, mut transport, _) = Rig::stage();
    let reply = report_luns(&mut transport, 20, &[(0, 4096)]);
    assert_eq!((reply.transferred, reply.wanted), (20, 20));
    assert_eq!(transport.bytes(0, 20), LIST[..20]);
    assert_eq!(transport.bytes(20, 1), [0]);
}

#[test]
fn report_luns_fills_several_extents_in_order() {
    let (_rig, mut transport, _) = Rig::stage();
    let reply = report_luns(&mut transport, 255, &[(8192, 5), (4096, 11), (0, 100)]);
    assert_eq!((reply.transferred, reply.wanted), (32, 32));
    assert_eq!(transport.bytes(8192, 5), LIST[..5]);
    assert_eq!(transport.bytes(4096, 11), LIST[5..16]);
    assert_eq!(transport.bytes(0, 16), LIST[16..]);
}

#[test]
fn report_luns_with_a_small_buffer_says_what_it_wanted() {
    let (_rig, mut transport, _) = Rig::stage();
    let reply = report_luns(&mut transport, 255, &[(0, 10), (100, 2)]);
    assert_eq!((reply.status, reply.transferred, reply.wanted), (GOOD, 12, 32));
    let reply = report_luns(&mut transport, 255, &[]);
    assert_eq!((reply.status, reply.transferred, reply.wanted), (GOOD, 0, 32));
}

#[test]
fn two_transports_with_equal_numbers_do_not_meet() {
    let (mut rig, mut a, mut disk) = Rig::stage();
    let mut b = rig.transport(B);
    b.attach(1, &[]);
    open_quietly(&mut b, NEXUS, 1);
    a.send(&command(NEXUS, 1, lun(0), &READ_10));
    let first = disk.execute(1);
    b.send(&command(NEXUS, 1, lun(0), &READ_10));
    let second = disk.execute(1);
    assert_ne!(first.nexus, second.nexus, "the handler can tell them apart");
    disk.good(&second, 0);
    assert_eq!(b.done(NEXUS, 1).status, GOOD);
    assert!(a.poll().is_none());
    disk.good(&first, 0);
    assert_eq!(a.done(NEXUS, 1).status, GOOD);
}
