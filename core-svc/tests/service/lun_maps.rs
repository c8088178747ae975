//! Who sees which logical units, and under which LUN.

use ipc::message::Grant;
use ipc::message::config::{AccessGroupConfig, LunAddressing, LunConfig, TargetConfig};
use ipc::message::record::{Request, RequestKind, request_flags};

use crate::ends::*;
use crate::rig::{A, DISK, NEXUS, OTHER, Rig};

const READER: &str = "iqn.1994-05.org.example:reader1,i,0x00023d000001";

/// Initiators with "reader" in their names see unit 1 at LUN 0, and unit 0 at LUN 5, which they may not write to.
fn readers() -> Grant {
    Grant::AccessGroup(AccessGroupConfig {
        target: 0,
        name: "readers".into(),
        initiators: vec!["*:reader?".into()],
        luns: vec![
            LunConfig { lun: 5, unit: 0, read_only: true },
            LunConfig { lun: 0, unit: 1, read_only: false },
        ],
    })
}

fn stage() -> (Rig, FakeTransport, FakeHandler) {
    let (rig, mut transport, disk) = Rig::staged(Rig::with_grants(vec![readers()]));
    transport.open_of(READER, 8, 0);
    for serial in [1, 2] {
        let reply = transport.ask(8, serial, lun(if serial == 1 { 5 } else { 0 }), &TEST_UNIT_READY);
        assert_eq!(sense(&reply), (0x06, 0x29, 0x00));
    }
    (rig, transport, disk)
}

fn report_luns(transport: &mut FakeTransport, nexus: u64, lun: u64, select: u8) -> Vec<u8> {
    let cdb = [0xA0, 0, select, 0, 0, 0, 0, 0, 0x02, 0x00, 0, 0];
    let reply = transport.ask(nexus, 900, lun, &cdb);
    assert_eq!(reply.status, GOOD);
    transport.bytes(8, reply.transferred - 8)
}

#[test]
fn each_initiator_sees_the_luns_of_its_group() {
    let (_rig, mut transport, _) = stage();
    assert_eq!(report_luns(&mut transport, 8, lun(0), 0), [[0; 8], [0, 5, 0, 0, 0, 0, 0, 0]].concat());
    let everybody = [[0; 8], [0, 1, 0, 0, 0, 0, 0, 0], [0x41, 0x2C, 0, 0, 0, 0, 0, 0]];
    assert_eq!(report_luns(&mut transport, NEXUS, lun(0), 0), everybody.concat());
    assert_eq!(sense(&transport.ask(8, 3, lun(1), &TEST_UNIT_READY)), (0x05, 0x25, 0x00));
}

#[test]
fn write_through_a_read_only_lun_is_refused_and_a_read_is_not() {
    let (_rig, mut transport, mut disk) = stage();
    assert_eq!(sense(&transport.ask(8, 10, lun(5), &WRITE_10)), (0x07, 0x27, 0x00));
    transport.send(&command(8, 11, lun(5), &READ_10));
    let request = disk.execute(11);
    assert_eq!(request.flags, request_flags::WRITE_PROTECTED, "for the WP bit of MODE SENSE");
    disk.good(&request, 0);
    transport.done(8, 11);
    transport.send(&command(NEXUS, 12, lun(0), &WRITE_10));
    let request = disk.execute(12);
    assert_eq!(request.flags, 0, "others write to the same unit");
    disk.good(&request, 0);
    assert_eq!(transport.done(NEXUS, 12).status, GOOD);
}

#[test]
fn write_through_a_read_only_lun_is_refused_before_its_data_and_after_a_reservation() {
    let (_rig, mut transport, mut disk) = stage();
    let mut request = command(8, 10, lun(5), &WRITE_10);
    request.flags = request_flags::DATA_PENDING;
    transport.send(&request);
    assert_eq!(sense(&transport.done(8, 10)), (0x07, 0x27, 0x00), "nobody has to send what nobody wants");
    // RESERVE(6) (SPC-2 7.21) by the other nexus.
    assert_eq!(transport.ask(NEXUS, 11, lun(0), &[0x16, 0, 0, 0, 0, 0]).status, GOOD);
    assert_eq!(transport.ask(8, 12, lun(5), &WRITE_10).status, 0x18, "RESERVATION CONFLICT");
    assert!(disk.poll().is_none());
}

#[test]
fn flags_of_a_transport_do_not_reach_the_handler() {
    let (_rig, mut transport, mut disk) = Rig::stage();
    let mut request = command(NEXUS, 1, lun(0), &TEST_UNIT_READY);
    request.flags = request_flags::WRITE_PROTECTED | request_flags::UNAVAILABLE;
    transport.send(&request);
    assert_eq!(disk.execute(1).flags, 0);
}

#[test]
fn core_dies_and_everybody_sees_the_same_luns_as_before() {
    let (mut rig, mut transport, disk) = stage();
    rig.die();
    drop((transport, disk));
    rig.launch();
    rig.go();
    let mut disk = rig.handler(DISK);
    disk.fence();
    rig.handler(OTHER).fence();
    transport = rig.transport(A);
    transport.send(&Request::new(RequestKind::Attach, 0, 0));
    let request = transport.open_request(NEXUS, 0, request_flags::RESUMED);
    transport.send(&request);
    assert_eq!(transport.reply().status, 0);
    let request = transport.open_request_of(READER, 8, 0, request_flags::RESUMED);
    transport.send(&request);
    assert_eq!(transport.reply().status, 0);
    transport.send(&Request::new(RequestKind::AttachEnd, 0, 99));
    transport.reply();
    assert_eq!(report_luns(&mut transport, 8, lun(0), 0), [[0; 8], [0, 5, 0, 0, 0, 0, 0, 0]].concat());
    assert_eq!(
        sense(&transport.ask(8, 10, lun(5), &WRITE_10)),
        (0x07, 0x27, 0x00),
        "no unit attention before it"
    );
    assert_eq!(report_luns(&mut transport, NEXUS, lun(0), 0).len(), 24);
}

/// LUNs of target 0 in another addressing method.
fn addressed(addressing: LunAddressing) -> (Rig, FakeTransport) {
    let target = TargetConfig {
        target: 0,
        transport: A,
        portal_group: 1,
        addressing,
        luns: luns(&[(0, 0), (300, 1)]),
        ..Default::default()
    };
    let (rig, transport, _) = Rig::staged(Rig::with_grants(vec![Grant::Target(target)]));
    (rig, transport)
}

#[test]
fn luns_are_reported_in_the_method_of_the_target() {
    for (method, first) in [(LunAddressing::Flat, 0x40), (LunAddressing::LogicalUnit, 0x80)] {
        let (_rig, mut transport) = addressed(method);
        let expected = [[first, 0, 0, 0, 0, 0, 0, 0], [first | 0x01, 0x2C, 0, 0, 0, 0, 0, 0]];
        assert_eq!(report_luns(&mut transport, NEXUS, lun(0), 0), expected.concat());
        let reply = transport.ask(NEXUS, 1, u64::from_be_bytes(expected[1]), &TEST_UNIT_READY);
        assert_eq!(sense(&reply), (0x06, 0x29, 0x00), "it can be addressed as it was reported");
    }
}

/// The REPORT LUNS well known logical unit (SPC-4 clause 8).
const WELL_KNOWN: u64 = 0xC101_0000_0000_0000;

#[test]
fn report_luns_selects_well_known_units() {
    let (_rig, mut transport, _) = Rig::stage();
    let mapped = report_luns(&mut transport, NEXUS, lun(0), 0);
    assert_eq!(report_luns(&mut transport, NEXUS, lun(0), 1), [0xC1, 1, 0, 0, 0, 0, 0, 0]);
    let all = [&mapped[..], &[0xC1, 1, 0, 0, 0, 0, 0, 0]].concat();
    assert_eq!(report_luns(&mut transport, NEXUS, lun(0), 2), all);
    assert_eq!(report_luns(&mut transport, NEXUS, WELL_KNOWN, 2), all);
}

#[test]
fn well_known_unit_answers_what_it_has_to() {
    let (_rig, mut transport, _) = Rig::stage();
    assert_eq!(transport.ask(NEXUS, 1, WELL_KNOWN, &INQUIRY).status, GOOD);
    assert_eq!(transport.bytes(0, 1), [0x1E], "PERIPHERAL DEVICE TYPE: well known logical unit");
    assert_eq!(transport.ask(NEXUS, 2, WELL_KNOWN, &TEST_UNIT_READY).status, GOOD);
    assert_eq!(transport.ask(NEXUS, 3, WELL_KNOWN, &REQUEST_SENSE).status, GOOD);
    assert_eq!(transport.bytes(2, 1), [0x00], "NO SENSE");
    assert_eq!(sense(&transport.ask(NEXUS, 4, WELL_KNOWN, &READ_10)), (0x05, 0x20, 0x00));
    // No other well known logical unit is here: ACCESS CONTROLS.
    assert_eq!(sense(&transport.ask(NEXUS, 5, 0xC102_0000_0000_0000, &TEST_UNIT_READY)), (0x05, 0x25, 0x00));
}
