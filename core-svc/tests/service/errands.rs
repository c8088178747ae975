//! What handlers have to do when units are reset and nexuses end, and who waits for it.

use ipc::message::record::{ReplyKind, Request, RequestKind};
use scsi::unit_report::UnitReport;

use crate::ends::*;
use crate::reservations::{PREEMPT_AND_ABORT, REGISTER, WRITE_EXCLUSIVE, list, out};
use crate::rig::{A, DISK, NEXUS, OTHER, Rig, open_quietly};

const LOGICAL_UNIT_RESET: u8 = 5;
const I_T_NEXUS_RESET: u8 = 11;
const COMPLETE: u8 = 0;

fn stage() -> (Rig, FakeTransport, FakeHandler) {
    let (rig, transport, mut disk) = Rig::stage();
    disk.helpful = false;
    (rig, transport, disk)
}

fn errand(disk: &mut FakeHandler, kind: RequestKind) -> Request {
    let request = disk.request();
    assert_eq!((request.kind, request.unit), (kind as u8, 0), "{request:?}");
    request
}

fn complete(transport: &mut FakeTransport, serial: u64) {
    assert_eq!(transport.expect(ReplyKind::TaskManagementDone, NEXUS, serial).response, COMPLETE);
}

/// The handler keeps something for nexuses.
fn keeps() -> UnitReport {
    UnitReport { keeps_nexus_state: true, ..Default::default() }
}

#[test]
fn reset_comes_after_the_tasks_and_before_the_answer() {
    let (_rig, mut transport, mut disk) = stage();
    transport.send(&command(NEXUS, 1, lun(0), &READ_10));
    let task = disk.execute(1);
    transport.send(&function(NEXUS, 50, LOGICAL_UNIT_RESET, lun(0), 0));
    disk.abort(1);
    transport.barrier(NEXUS);
    assert!(disk.poll().is_none(), "the task has not ended");
    disk.aborted(&task);
    let reset = errand(&mut disk, RequestKind::Reset);
    assert!(is_aborted(&transport.done(NEXUS, 1)));
    transport.barrier(NEXUS);
    disk.did(&reset);
    complete(&mut transport, 50);
}

#[test]
fn handler_dies_before_it_has_reset_and_is_asked_again() {
    let (mut rig, mut transport, mut disk) = stage();
    transport.send(&function(NEXUS, 50, LOGICAL_UNIT_RESET, lun(0), 0));
    errand(&mut disk, RequestKind::Reset);
    rig.down(DISK, false);
    let mut disk = rig.handler(DISK);
    disk.helpful = false;
    disk.fence();
    let reset = errand(&mut disk, RequestKind::Reset);
    disk.did(&reset);
    complete(&mut transport, 50);
}

#[test]
fn handler_that_stays_away_is_not_waited_for() {
    let (rig, mut transport, mut disk) = stage();
    transport.send(&function(NEXUS, 50, LOGICAL_UNIT_RESET, lun(0), 0));
    errand(&mut disk, RequestKind::Reset);
    rig.down(DISK, true);
    complete(&mut transport, 50);
}

#[test]
fn nexus_ends_when_the_handler_has_forgotten_it() {
    let (_rig, mut transport, mut disk) = stage();
    disk.report(0, &keeps());
    transport.barrier(NEXUS);
    transport.open(8, 0);
    transport.send(&Request::new(RequestKind::NexusClose, 8, 60));
    let lost = errand(&mut disk, RequestKind::NexusLost);
    assert_eq!(lost.nexus, 1 << 56 | 8);
    transport.barrier(NEXUS);
    disk.did(&lost);
    transport.expect(ReplyKind::NexusClosed, 8, 60);
}

#[test]
fn handler_that_was_away_when_a_nexus_ended_forgets_all() {
    let (mut rig, mut transport, mut disk) = stage();
    disk.report(0, &keeps());
    transport.barrier(NEXUS);
    transport.open(8, 0);
    rig.down(DISK, true);
    transport.send(&Request::new(RequestKind::NexusClose, 8, 60));
    transport.expect(ReplyKind::NexusClosed, 8, 60);
    let mut disk = rig.handler(DISK);
    disk.helpful = false;
    disk.fence();
    let lost = errand(&mut disk, RequestKind::NexusLost);
    assert_eq!(lost.nexus, 0);
    disk.did(&lost);
    transport.barrier(NEXUS);
}

#[test]
fn nexus_reset_lets_go_of_what_the_nexus_held() {
    let (_rig, mut transport, mut disk) = stage();
    disk.report(0, &keeps());
    transport.send(&command(NEXUS, 1, lun(0), &TEST_UNIT_READY));
    let task = disk.execute(1);
    transport.send(&function(NEXUS, 50, I_T_NEXUS_RESET, lun(0), 0));
    disk.abort(1);
    disk.good(&task, 0);
    assert!(is_aborted(&transport.done(NEXUS, 1)));
    let lost = errand(&mut disk, RequestKind::NexusLost);
    assert_eq!(lost.nexus, task.nexus);
    disk.did(&lost);
    complete(&mut transport, 50);
}

/// Nexus 8 preempts and aborts [`NEXUS`], whose command 2 the handler has.
fn preempt(transport: &mut FakeTransport, disk: &mut FakeHandler) -> (Request, Request) {
    disk.report(0, &keeps());
    transport.barrier(NEXUS);
    open_quietly(transport, 8, 0);
    for (nexus, key) in [(NEXUS, 5), (8, 6)] {
        let register = out(transport, nexus, 1, REGISTER, 0, &list(0, key, 0));
        transport.send(&register);
        assert_eq!(transport.done(nexus, 1).status, GOOD);
    }
    transport.send(&command(NEXUS, 2, lun(0), &TEST_UNIT_READY));
    let task = disk.execute(2);
    let preempt = out(transport, 8, 2, PREEMPT_AND_ABORT, WRITE_EXCLUSIVE, &list(6, 5, 0));
    transport.send(&preempt);
    disk.abort(2);
    (task, preempt)
}

#[test]
fn preempted_nexus_does_not_keep_the_medium_in() {
    let (_rig, mut transport, mut disk) = stage();
    let (task, _) = preempt(&mut transport, &mut disk);
    // A command that holds the medium may still be among those that are being aborted.
    disk.good(&task, 0);
    assert!(is_aborted(&transport.done(NEXUS, 2)));
    let allow = errand(&mut disk, RequestKind::Allow);
    assert_eq!(allow.nexus, task.nexus);
    transport.barrier(8);
    assert!(transport.poll().is_none(), "the handler has not done it");
    disk.did(&allow);
    assert_eq!(transport.done(8, 2).status, GOOD);
}

#[test]
fn preempted_nexus_does_not_keep_the_medium_in_if_the_core_dies() {
    let (mut rig, mut transport, mut disk) = stage();
    let (task, preempt) = preempt(&mut transport, &mut disk);
    rig.die();
    rig.launch();
    let (mut transport, mut disk, mut other) = (rig.transport(A), rig.handler(DISK), rig.handler(OTHER));
    disk.helpful = false;
    rig.go();
    disk.fence();
    other.fence();
    let allow = errand(&mut disk, RequestKind::Allow);
    assert_eq!(allow.nexus, task.nexus);
    disk.did(&allow);
    transport.attach(0, &[NEXUS, 8]);
    transport.send(&again(preempt));
    assert_eq!(transport.done(8, 2).status, GOOD);
}

#[test]
fn errand_that_nobody_gave_is_the_handlers_fault() {
    let (mut rig, _transport, mut disk) = stage();
    let mut reset = Request::new(RequestKind::Reset, 0, 9);
    reset.unit = 0;
    disk.did(&reset);
    assert!(rig.fault_of(DISK).contains("errand"));
}
