//! Somebody dies while a task management function is under way: it is performed once, and answered as it would have been.

use ipc::message::record::{ReplyKind, RequestKind};

use crate::ends::*;
use crate::rig::{A, NEXUS, Rig};

const ABORT_TASK: u8 = 1;
const ABORT_TASK_SET: u8 = 2;
const LOGICAL_UNIT_RESET: u8 = 5;
const COMPLETE: u8 = 0;

fn response(transport: &mut FakeTransport, serial: u64) -> u8 {
    transport.expect(ReplyKind::TaskManagementDone, NEXUS, serial).response
}

/// Nexus 1 hears of a reset, once.
fn hears_once(b: &mut FakeTransport, disk: &mut FakeHandler) {
    // BUS DEVICE RESET FUNCTION OCCURRED.
    assert_eq!(sense(&b.ask(1, 20, lun(0), &TEST_UNIT_READY)), (0x06, 0x29, 0x03));
    hears_nothing(b, disk);
}

fn hears_nothing(b: &mut FakeTransport, disk: &mut FakeHandler) {
    b.send(&command(1, 21, lun(0), &TEST_UNIT_READY));
    disk.serve(21);
    assert_eq!(b.done(1, 21).status, GOOD);
}

#[test]
fn transport_dies_before_it_has_read_that_a_unit_was_reset() {
    let (mut rig, mut a, mut b, mut disk) = Rig::two();
    let reset = function(NEXUS, 50, LOGICAL_UNIT_RESET, lun(0), 0);
    a.send(&reset);
    assert_eq!(disk.errand().kind, RequestKind::Reset as u8);
    b.barrier(1);
    b.barrier(1);
    assert_eq!(sense(&b.ask(1, 19, lun(0), &TEST_UNIT_READY)), (0x06, 0x29, 0x03));
    rig.down(A, false);
    let mut a = rig.transport(A);
    a.attach(0, &[NEXUS]);
    a.send(&again(reset));
    assert_eq!(response(&mut a, 50), COMPLETE);
    disk.helpful = false;
    hears_nothing(&mut b, &mut disk);
    assert!(disk.poll().is_none(), "no second reset");
}

#[test]
fn transport_dies_while_a_reset_waits_for_the_handler() {
    let (mut rig, mut a, mut b, mut disk) = Rig::two();
    disk.helpful = false;
    let reset = function(NEXUS, 50, LOGICAL_UNIT_RESET, lun(0), 0);
    a.send(&reset);
    let errand = disk.request();
    rig.down(A, false);
    let mut a = rig.transport(A);
    a.attach(0, &[NEXUS]);
    a.send(&again(reset));
    a.barrier(NEXUS);
    assert!(disk.poll().is_none(), "the reset that is under way is the one");
    disk.did(&errand);
    assert_eq!(response(&mut a, 50), COMPLETE);
    hears_once(&mut b, &mut disk);
}

#[test]
fn core_dies_after_a_reset_whose_answer_was_not_read() {
    let (mut rig, mut a, mut b, mut disk) = Rig::two();
    let reset = function(NEXUS, 50, LOGICAL_UNIT_RESET, lun(0), 0);
    a.send(&reset);
    disk.errand();
    assert_eq!(response(&mut a, 50), COMPLETE);
    assert_eq!(sense(&b.ask(1, 19, lun(0), &TEST_UNIT_READY)), (0x06, 0x29, 0x03));
    let (mut a, mut b, mut disk) = rig.reborn();
    disk.helpful = false;
    a.send(&again(reset));
    assert_eq!(response(&mut a, 50), COMPLETE);
    hears_nothing(&mut b, &mut disk);
    assert!(disk.poll().is_none(), "no second reset");
}

#[test]
fn core_dies_while_a_reset_waits_for_the_handler() {
    let (mut rig, mut a, mut b, mut disk) = Rig::two();
    disk.helpful = false;
    let (own, newer) = (command(NEXUS, 1, lun(0), &READ_10), command(NEXUS, 51, lun(0), &READ_10));
    let theirs = command(1, 2, lun(0), &READ_10);
    a.send(&own);
    disk.execute(1);
    b.send(&theirs);
    disk.execute(2);
    let reset = function(NEXUS, 50, LOGICAL_UNIT_RESET, lun(0), 0);
    a.send(&reset);
    disk.request();
    disk.request();
    // What comes after the reset meets its unit attention.
    a.send(&newer);
    assert_eq!(sense(&a.done(NEXUS, 51)), (0x06, 0x29, 0x03));
    let (mut a, mut b, mut disk) = rig.reborn();
    disk.helpful = false;
    a.send(&again(own));
    let known = disk.execute(1);
    a.send(&again(reset));
    b.send(&again(theirs));
    assert!(is_aborted(&b.done(1, 2)), "another's command stays aborted");
    disk.abort(1);
    disk.aborted(&known);
    assert!(is_aborted(&a.done(NEXUS, 1)));
    let errand = disk.request();
    assert_eq!(errand.kind, RequestKind::Reset as u8);
    disk.did(&errand);
    assert_eq!(response(&mut a, 50), COMPLETE);
    hears_once(&mut b, &mut disk);
}

#[test]
fn core_dies_after_an_abort_whose_answer_was_not_read() {
    let (mut rig, mut a, _b, mut disk) = Rig::two();
    a.send(&command(NEXUS, 1, lun(0), &READ_10));
    let known = disk.execute(1);
    let abort = function(NEXUS, 50, ABORT_TASK, lun(0), 1);
    a.send(&abort);
    disk.abort(1);
    disk.aborted(&known);
    assert!(is_aborted(&a.done(NEXUS, 1)));
    assert_eq!(response(&mut a, 50), COMPLETE);
    let (mut a, _b, _disk) = rig.reborn();
    a.send(&again(abort));
    assert_eq!(response(&mut a, 50), COMPLETE, "not that there is no such task");
}

#[test]
fn function_that_comes_again_does_not_abort_what_was_sent_after_it() {
    for performed in [true, false] {
        let (mut rig, mut a, _b, mut disk) = Rig::two();
        let (older, newer) = (command(NEXUS, 1, lun(0), &READ_10), command(NEXUS, 51, lun(0), &READ_10));
        let abort = function(NEXUS, 50, ABORT_TASK_SET, lun(0), 0);
        a.send(&older);
        disk.execute(1);
        if performed {
            a.send(&abort);
            disk.abort(1);
        }
        let (mut a, _b, mut disk) = rig.reborn();
        a.send(&again(older));
        let known = disk.execute(1);
        a.send(&again(newer));
        let lives = disk.execute(51);
        a.send(&again(abort));
        disk.abort(1);
        disk.aborted(&known);
        assert!(is_aborted(&a.done(NEXUS, 1)));
        assert_eq!(response(&mut a, 50), COMPLETE);
        disk.good(&lives, 0);
        assert_eq!(a.done(NEXUS, 51).flags, 0);
    }
}
