//! Auto contingent allegiance (SAM-5 5.9) as two nexuses see it.

use ipc::message::record::{ReplyKind, Request};
use scsi::unit_report::{Control, UnitReport};

use crate::ends::*;
use crate::rig::{A, B, DISK, NEXUS, OTHER, Rig, open_quietly};

const ACA: u8 = 4;
const CLEAR_ACA: u8 = 3;
const LOGICAL_UNIT_RESET: u8 = 5;
const COMPLETE: u8 = 0;
const REJECTED: u8 = 255;

/// Nexus [`NEXUS`] of A and 1 of B at the same unit.
fn two(control: Control) -> (Rig, FakeTransport, FakeTransport, FakeHandler) {
    let (mut rig, mut a, mut disk) = Rig::stage();
    let mut b = rig.transport(B);
    b.attach(1, &[]);
    open_quietly(&mut b, 1, 1);
    let control = Control { queue_algorithm: 1, ..control };
    disk.report(0, &UnitReport { control, ..Default::default() });
    a.barrier(NEXUS);
    (rig, a, b, disk)
}

fn ready(nexus: u64, serial: u64) -> Request {
    command(nexus, serial, lun(0), &TEST_UNIT_READY)
}

/// A command of A with NACA one fails: the condition stands.
fn establish(a: &mut FakeTransport, disk: &mut FakeHandler, serial: u64) {
    a.send(&naca(ready(NEXUS, serial)));
    let failed = disk.execute(serial);
    disk.fail(&failed);
    assert_eq!(sense(&a.done(NEXUS, serial)), (0x03, 0x11, 0x00));
}

fn clear(a: &mut FakeTransport, serial: u64) {
    a.send(&function(NEXUS, serial, CLEAR_ACA, lun(0), 0));
    assert_eq!(a.expect(ReplyKind::TaskManagementDone, NEXUS, serial).response, COMPLETE);
}

fn served(transport: &mut FakeTransport, disk: &mut FakeHandler, request: &Request) {
    transport.send(request);
    disk.serve(request.serial);
    assert_eq!(transport.done(request.nexus, request.serial).status, GOOD);
}

fn status(transport: &mut FakeTransport, request: &Request) -> u8 {
    transport.send(request);
    transport.done(request.nexus, request.serial).status
}

#[test]
fn without_naca_nothing_stands() {
    let (_rig, mut a, _b, mut disk) = two(Control::default());
    a.send(&ready(NEXUS, 1));
    let failed = disk.execute(1);
    disk.fail(&failed);
    assert_eq!(a.done(NEXUS, 1).status, CHECK);
    served(&mut a, &mut disk, &ready(NEXUS, 2));
}

#[test]
fn condition_stops_everybody_and_says_so() {
    let (_rig, mut a, mut b, mut disk) = two(Control::default());
    establish(&mut a, &mut disk, 1);
    assert_eq!(status(&mut a, &ready(NEXUS, 2)), ACA_ACTIVE);
    assert_eq!(status(&mut a, &attribute(3, ready(NEXUS, 3))), ACA_ACTIVE, "HEAD OF QUEUE too");
    assert_eq!(status(&mut b, &ready(1, 2)), BUSY);
    assert_eq!(status(&mut b, &naca(ready(1, 3))), ACA_ACTIVE);
    assert_eq!(status(&mut b, &attribute(ACA, ready(1, 4))), CHECK);
    clear(&mut a, 50);
    served(&mut a, &mut disk, &ready(NEXUS, 5));
    served(&mut b, &mut disk, &ready(1, 5));
}

#[test]
fn one_aca_task_at_a_time_runs() {
    let (_rig, mut a, _b, mut disk) = two(Control::default());
    establish(&mut a, &mut disk, 1);
    a.send(&attribute(ACA, ready(NEXUS, 2)));
    let first = disk.execute(2);
    assert_eq!(status(&mut a, &attribute(ACA, ready(NEXUS, 3))), ACA_ACTIVE);
    disk.good(&first, 0);
    a.done(NEXUS, 2);
    served(&mut a, &mut disk, &attribute(ACA, ready(NEXUS, 4)));
    assert_eq!(status(&mut a, &ready(NEXUS, 5)), ACA_ACTIVE, "the condition still stands");
}

#[test]
fn aca_task_without_a_condition_is_an_invalid_message() {
    let (_rig, mut a, _b, _disk) = two(Control::default());
    a.send(&attribute(ACA, ready(NEXUS, 2)));
    assert_eq!(sense(&a.done(NEXUS, 2)), (0x05, 0x49, 0x00));
}

#[test]
fn tmf_only_leaves_no_way_but_clear_aca() {
    let (_rig, mut a, _b, mut disk) = two(Control { tmf_only: true, ..Control::default() });
    establish(&mut a, &mut disk, 1);
    assert_eq!(status(&mut a, &attribute(ACA, ready(NEXUS, 2))), ACA_ACTIVE);
    clear(&mut a, 50);
    served(&mut a, &mut disk, &ready(NEXUS, 3));
}

#[test]
fn what_waits_is_blocked_until_the_condition_is_cleared() {
    let (_rig, mut a, mut b, mut disk) = two(Control::default());
    a.send(&naca(ready(NEXUS, 1)));
    let failing = disk.execute(1);
    a.send(&attribute(2, ready(NEXUS, 2)));
    a.barrier(NEXUS);
    b.send(&ready(1, 3));
    b.barrier(1);
    disk.fail(&failing);
    assert_eq!(a.done(NEXUS, 1).status, CHECK);
    a.barrier(NEXUS);
    assert!(disk.poll().is_none(), "nothing that waited is executed");
    served(&mut a, &mut disk, &attribute(ACA, ready(NEXUS, 4)));
    clear(&mut a, 50);
    disk.serve(2);
    disk.serve(3);
    assert_eq!((a.done(NEXUS, 2).status, b.done(1, 3).status), (GOOD, GOOD));
}

#[test]
fn data_that_comes_while_the_condition_stands_waits() {
    let (_rig, mut a, _b, mut disk) = two(Control::default());
    a.send(&crate::data::pending_write(1));
    a.barrier(NEXUS);
    establish(&mut a, &mut disk, 2);
    a.send(&crate::data::data_complete(&a, 1));
    a.barrier(NEXUS);
    assert!(disk.poll().is_none());
    clear(&mut a, 50);
    disk.serve(1);
    assert_eq!(a.done(NEXUS, 1).status, GOOD);
}

#[test]
fn clear_aca_aborts_the_aca_task_and_is_for_the_faulted_nexus_only() {
    let (_rig, mut a, mut b, mut disk) = two(Control::default());
    establish(&mut a, &mut disk, 1);
    b.send(&function(1, 50, CLEAR_ACA, lun(0), 0));
    assert_eq!(b.expect(ReplyKind::TaskManagementDone, 1, 50).response, REJECTED);
    a.send(&attribute(ACA, ready(NEXUS, 2)));
    let task = disk.execute(2);
    a.send(&function(NEXUS, 51, CLEAR_ACA, lun(0), 0));
    disk.abort(2);
    disk.aborted(&task);
    assert!(is_aborted(&a.done(NEXUS, 2)));
    assert_eq!(a.expect(ReplyKind::TaskManagementDone, NEXUS, 51).response, COMPLETE);
    served(&mut b, &mut disk, &ready(1, 3));
}

#[test]
fn reset_ends_the_condition() {
    let (_rig, mut a, mut b, mut disk) = two(Control::default());
    establish(&mut a, &mut disk, 1);
    b.send(&function(1, 50, LOGICAL_UNIT_RESET, lun(0), 0));
    disk.errand();
    assert_eq!(b.expect(ReplyKind::TaskManagementDone, 1, 50).response, COMPLETE);
    assert_eq!(sense(&a.ask(NEXUS, 2, lun(0), &TEST_UNIT_READY)), (0x06, 0x29, 0x03));
    served(&mut a, &mut disk, &ready(NEXUS, 3));
}

#[test]
fn loss_of_the_faulted_nexus_ends_the_condition_and_others_go_on() {
    let (_rig, mut a, mut b, mut disk) = two(Control::default());
    a.send(&naca(ready(NEXUS, 1)));
    let failing = disk.execute(1);
    b.send(&attribute(2, ready(1, 2)));
    b.barrier(1);
    disk.fail(&failing);
    a.done(NEXUS, 1);
    a.send(&Request::new(ipc::message::record::RequestKind::NexusClose, NEXUS, 60));
    a.expect(ReplyKind::NexusClosed, NEXUS, 60);
    disk.serve(2);
    assert_eq!(b.done(1, 2).status, GOOD);
}

#[test]
fn unit_attention_with_naca_establishes_a_condition() {
    let (_rig, mut a, _b, mut disk) = two(Control::default());
    a.open(8, 0);
    a.send(&naca(ready(8, 1)));
    assert_eq!(sense(&a.done(8, 1)), (0x06, 0x29, 0x00));
    assert_eq!(status(&mut a, &ready(8, 2)), ACA_ACTIVE);
    assert_eq!(status(&mut a, &ready(NEXUS, 3)), BUSY);
    served(&mut a, &mut disk, &attribute(ACA, ready(8, 4)));
}

#[test]
fn sets_of_their_own_have_conditions_of_their_own() {
    let (_rig, mut a, mut b, mut disk) = two(Control { tst: 1, ..Control::default() });
    establish(&mut a, &mut disk, 1);
    served(&mut b, &mut disk, &ready(1, 2));
    assert_eq!(status(&mut a, &ready(NEXUS, 3)), ACA_ACTIVE);
    clear(&mut a, 50);
    served(&mut a, &mut disk, &ready(NEXUS, 4));
}

#[test]
fn core_dies_and_the_condition_stands() {
    let (mut rig, mut a, _b, mut disk) = two(Control::default());
    let failed = naca(ready(NEXUS, 1));
    a.send(&failed);
    let waiting = attribute(2, ready(NEXUS, 2));
    let seen = disk.execute(1);
    a.send(&waiting);
    a.barrier(NEXUS);
    disk.fail(&seen);
    // The answer is in the ring, and lost.
    a.done(NEXUS, 1);
    rig.die();
    rig.launch();
    let (mut a, mut disk, mut other) = (rig.transport(A), rig.handler(DISK), rig.handler(OTHER));
    rig.go();
    disk.fence();
    other.fence();
    a.attach(0, &[NEXUS]);
    a.send(&again(failed));
    a.send(&again(waiting));
    assert_eq!(sense(&a.done(NEXUS, 1)), (0x03, 0x11, 0x00), "the same answer, and not executed again");
    assert_eq!(status(&mut a, &ready(NEXUS, 3)), ACA_ACTIVE);
    assert!(disk.poll().is_none(), "what waited is still blocked");
    served(&mut a, &mut disk, &attribute(ACA, ready(NEXUS, 4)));
    clear(&mut a, 50);
    disk.serve(2);
    assert_eq!(a.done(NEXUS, 2).status, GOOD);
}
