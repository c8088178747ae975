//! What a handler says of its units becomes unit attentions, for everybody but who brought it about, and once.

use ipc::message::record::ReplyKind;
use scsi::unit_report::{Generations, UnitReport};

use crate::ends::*;
use crate::rig::{A, DISK, NEXUS, OTHER, Rig};

/// Number of nexus `nexus` of transport `service` for handlers.
fn wide(service: u32, nexus: u64) -> u64 {
    u64::from(service) << 56 | nexus
}

/// A unit whose mode parameters were changed for the `mode`th time, by the nexus `origin`.
pub fn report(mode: u32, origin: u64) -> UnitReport {
    UnitReport { generations: Generations { mode, ..Default::default() }, origin, ..Default::default() }
}

/// TEST UNIT READY that is not in the way of anything: GOOD.
fn ready(transport: &mut FakeTransport, disk: &mut FakeHandler, nexus: u64, serial: u64) {
    transport.send(&command(nexus, serial, lun(0), &TEST_UNIT_READY));
    disk.serve(serial);
    assert_eq!(transport.done(nexus, serial).status, GOOD);
}

#[test]
fn first_report_is_no_news_and_a_repeated_one_neither() {
    let (_rig, mut a, mut b, mut disk) = Rig::two();
    disk.report(0, &report(7, 0));
    disk.report(0, &report(7, 0));
    a.barrier(NEXUS);
    ready(&mut a, &mut disk, NEXUS, 1);
    ready(&mut b, &mut disk, 1, 2);
}

#[test]
fn change_is_news_to_all_but_its_origin() {
    let (_rig, mut a, mut b, mut disk) = Rig::two();
    disk.report(0, &report(7, 0));
    disk.report(0, &report(8, wide(A, NEXUS)));
    a.barrier(NEXUS);
    ready(&mut a, &mut disk, NEXUS, 1);
    assert_eq!(sense(&b.ask(1, 2, lun(0), &TEST_UNIT_READY)), (0x06, 0x2A, 0x01));
    ready(&mut b, &mut disk, 1, 3);
}

#[test]
fn two_changes_at_once_are_news_to_the_origin_of_the_latter_too() {
    let (_rig, mut a, mut b, mut disk) = Rig::two();
    disk.report(0, &report(7, 0));
    disk.report(0, &report(9, wide(A, NEXUS)));
    a.barrier(NEXUS);
    assert_eq!(sense(&a.ask(NEXUS, 1, lun(0), &TEST_UNIT_READY)), (0x06, 0x2A, 0x01));
    assert_eq!(sense(&b.ask(1, 2, lun(0), &TEST_UNIT_READY)), (0x06, 0x2A, 0x01));
}

#[test]
fn each_generation_has_its_own_condition() {
    let (_rig, mut a, _b, mut disk) = Rig::two();
    let zero = Generations { mode: 1, capacity: 1, medium: 1, inquiry: 1, threshold: 1, log: 1 };
    let base = UnitReport { generations: zero, ..Default::default() };
    let cases = [
        (Generations { capacity: 2, ..zero }, (0x06, 0x2A, 0x09)),
        (Generations { medium: 2, ..zero }, (0x06, 0x28, 0x00)),
        (Generations { inquiry: 2, ..zero }, (0x06, 0x3F, 0x03)),
        (Generations { threshold: 2, ..zero }, (0x06, 0x38, 0x07)),
        (Generations { log: 2, ..zero }, (0x06, 0x2A, 0x02)),
    ];
    for (serial, (generations, expected)) in cases.into_iter().enumerate() {
        disk.report(0, &base);
        disk.report(0, &UnitReport { generations, ..Default::default() });
        a.barrier(NEXUS);
        assert_eq!(sense(&a.ask(NEXUS, serial as u64, lun(0), &TEST_UNIT_READY)), expected);
        disk.report(0, &base);
        a.barrier(NEXUS);
        a.ask(NEXUS, 100 + serial as u64, lun(0), &TEST_UNIT_READY);
    }
}

#[test]
fn core_dies_and_knows_what_it_has_seen() {
    let (mut rig, mut a, mut disk) = Rig::stage();
    disk.report(0, &report(7, 0));
    a.barrier(NEXUS);
    ready(&mut a, &mut disk, NEXUS, 1);
    rig.die();
    rig.launch();
    let (mut a, mut disk, mut other) = (rig.transport(A), rig.handler(DISK), rig.handler(OTHER));
    rig.go();
    // While the core was dead somebody changed something: it says so once, and not again.
    disk.report(0, &report(8, 0));
    disk.fence();
    other.fence();
    a.attach(0, &[NEXUS]);
    assert_eq!(sense(&a.ask(NEXUS, 2, lun(0), &TEST_UNIT_READY)), (0x06, 0x2A, 0x01));
    disk.report(0, &report(8, 0));
    a.barrier(NEXUS);
    ready(&mut a, &mut disk, NEXUS, 3);
}

#[test]
fn report_that_cannot_be_is_the_handlers_fault() {
    let (mut rig, _a, _b, mut disk) = Rig::two();
    disk.report(1, &UnitReport::default());
    assert!(rig.fault_of(DISK).contains("unit of a report"));
}

#[test]
fn report_with_an_impossible_setting_is_the_handlers_fault() {
    let (mut rig, _a, _b, mut disk) = Rig::two();
    let mut reply = ipc::message::record::Reply::new(ReplyKind::UnitReport, 0, 0);
    (reply.sense[1], reply.sense_len) = (2, UnitReport::LEN as u8);
    disk.send(&reply);
    assert!(rig.fault_of(DISK).contains("unit report"));
}

#[test]
fn command_that_crosses_a_change_of_the_medium_hears_of_it_once() {
    let (_rig, mut transport, mut disk) = Rig::stage();
    let medium = |medium| UnitReport {
        generations: Generations { medium, ..Default::default() },
        ..Default::default()
    };
    disk.report(0, &medium(1));
    transport.barrier(NEXUS);
    transport.send(&command(NEXUS, 1, lun(0), &READ_10));
    let read = disk.execute(1);
    disk.report(0, &medium(2));
    // NOT READY TO READY CHANGE, MEDIUM MAY HAVE CHANGED.
    disk.check(&read, 0x06, 0x28);
    assert_eq!(sense(&transport.done(NEXUS, 1)), (0x06, 0x28, 0x00));
    ready(&mut transport, &mut disk, NEXUS, 2);
}
