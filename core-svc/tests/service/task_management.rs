//! Task management functions (SAM-5 clause 7; octets of RFC 7143 11.5.1 and 11.6.1).

use ipc::message::record::{Reply, ReplyKind, RequestKind};
use scsi::unit_report::UnitReport;

use crate::ends::*;
use crate::rig::{DISK, NEXUS, Rig};

const ABORT_TASK: u8 = 1;
const ABORT_TASK_SET: u8 = 2;
const CLEAR_ACA: u8 = 3;
const CLEAR_TASK_SET: u8 = 4;
const LOGICAL_UNIT_RESET: u8 = 5;
const TARGET_WARM_RESET: u8 = 6;
const QUERY_TASK: u8 = 9;
const QUERY_TASK_SET: u8 = 10;
const I_T_NEXUS_RESET: u8 = 11;
const QUERY_ASYNCHRONOUS_EVENT: u8 = 12;

const COMPLETE: u8 = 0;
const NO_TASK: u8 = 1;
const NO_LUN: u8 = 2;
const SUCCEEDED: u8 = 7;

fn response(transport: &mut FakeTransport, nexus: u64, serial: u64) -> u8 {
    transport.expect(ReplyKind::TaskManagementDone, nexus, serial).response
}

fn perform(transport: &mut FakeTransport, serial: u64, code: u8, lun: u64, task: u64) -> u8 {
    transport.send(&function(NEXUS, serial, code, lun, task));
    response(transport, NEXUS, serial)
}

#[test]
fn abort_task_waits_for_the_handler() {
    let (_rig, mut transport, mut disk) = Rig::stage();
    transport.send(&command(NEXUS, 1, lun(0), &READ_10));
    let task = disk.execute(1);
    transport.send(&function(NEXUS, 50, ABORT_TASK, lun(0), 1));
    let hint = disk.abort(1);
    assert_eq!((hint.nexus, hint.unit), (task.nexus, 0));
    transport.barrier(NEXUS);
    disk.aborted(&task);
    assert!(is_aborted(&transport.done(NEXUS, 1)));
    assert_eq!(response(&mut transport, NEXUS, 50), COMPLETE);
}

#[test]
fn abort_task_that_the_handler_finished_is_aborted_all_the_same() {
    let (_rig, mut transport, mut disk) = Rig::stage();
    transport.send(&command(NEXUS, 1, lun(0), &READ_10));
    let task = disk.execute(1);
    transport.send(&function(NEXUS, 50, ABORT_TASK, lun(0), 1));
    disk.abort(1);
    disk.good(&task, 0);
    assert!(is_aborted(&transport.done(NEXUS, 1)));
    assert_eq!(response(&mut transport, NEXUS, 50), COMPLETE);
}

#[test]
fn abort_task_of_none_or_at_another_lun_does_not_exist() {
    let (_rig, mut transport, mut disk) = Rig::stage();
    assert_eq!(perform(&mut transport, 50, ABORT_TASK, lun(0), 1), NO_TASK);
    transport.send(&command(NEXUS, 1, lun(0), &READ_10));
    disk.execute(1);
    assert_eq!(perform(&mut transport, 51, ABORT_TASK, lun(1), 1), NO_TASK);
    assert_eq!(perform(&mut transport, 52, ABORT_TASK, lun(0xEE), 1), NO_LUN);
}

#[test]
fn second_abort_of_a_task_sends_no_second_hint() {
    let (_rig, mut transport, mut disk) = Rig::stage();
    transport.send(&command(NEXUS, 1, lun(0), &READ_10));
    let task = disk.execute(1);
    transport.send(&function(NEXUS, 50, ABORT_TASK, lun(0), 1));
    transport.send(&function(NEXUS, 51, ABORT_TASK_SET, lun(0), 0));
    disk.abort(1);
    transport.barrier(NEXUS);
    assert!(disk.poll().is_none());
    disk.aborted(&task);
    assert!(is_aborted(&transport.done(NEXUS, 1)));
    let mut answers = [transport.reply(), transport.reply()].map(|reply| (reply.serial, reply.response));
    answers.sort_unstable();
    assert_eq!(answers, [(50, COMPLETE), (51, COMPLETE)]);
}

#[test]
fn abort_task_set_leaves_other_nexuses_and_units_alone() {
    let (mut rig, mut a, mut b, mut disk) = Rig::two();
    let mut other = rig.handler(crate::rig::OTHER);
    other.fence();
    assert_eq!(sense(&a.ask(NEXUS, 9, lun(1), &TEST_UNIT_READY)), (0x06, 0x29, 0x00));
    a.send(&command(NEXUS, 1, lun(0), &READ_10));
    let mine = disk.execute(1);
    a.send(&command(NEXUS, 2, lun(1), &READ_10));
    let elsewhere = other.execute(2);
    b.send(&command(1, 3, lun(0), &READ_10));
    let theirs = disk.execute(3);
    a.send(&function(NEXUS, 50, ABORT_TASK_SET, lun(0), 0));
    disk.abort(1);
    disk.aborted(&mine);
    assert!(is_aborted(&a.done(NEXUS, 1)));
    assert_eq!(response(&mut a, NEXUS, 50), COMPLETE);
    other.good(&elsewhere, 0);
    disk.good(&theirs, 0);
    assert_eq!(a.done(NEXUS, 2).flags, 0);
    assert_eq!(b.done(1, 3).flags, 0);
    b.send(&command(1, 4, lun(0), &TEST_UNIT_READY));
    disk.serve(4);
    assert_eq!(b.done(1, 4).status, GOOD, "no unit attention for anybody");
}

#[test]
fn clear_task_set_tells_the_nexus_whose_commands_it_cleared() {
    let (_rig, mut a, mut b, mut disk) = Rig::two();
    a.send(&command(NEXUS, 1, lun(0), &READ_10));
    b.send(&command(1, 2, lun(0), &READ_10));
    let tasks = [disk.request(), disk.request()];
    a.send(&function(NEXUS, 50, CLEAR_TASK_SET, lun(0), 0));
    disk.request();
    disk.request();
    tasks.iter().for_each(|task| disk.aborted(task));
    assert!(is_aborted(&a.done(NEXUS, 1)));
    assert!(is_aborted(&b.done(1, 2)));
    assert_eq!(response(&mut a, NEXUS, 50), COMPLETE);
    // COMMANDS CLEARED BY ANOTHER INITIATOR.
    assert_eq!(sense(&b.ask(1, 3, lun(0), &TEST_UNIT_READY)), (0x06, 0x2F, 0x00));
    a.send(&command(NEXUS, 4, lun(0), &TEST_UNIT_READY));
    disk.serve(4);
    assert_eq!(a.done(NEXUS, 4).status, GOOD);
}

#[test]
fn clear_task_set_says_nothing_of_what_its_owner_had_aborted() {
    let (_rig, mut a, mut b, mut disk) = Rig::two();
    b.send(&command(1, 2, lun(0), &READ_10));
    let task = disk.execute(2);
    b.send(&function(1, 50, ABORT_TASK, lun(0), 2));
    disk.abort(2);
    a.send(&function(NEXUS, 50, CLEAR_TASK_SET, lun(0), 0));
    a.barrier(NEXUS);
    disk.aborted(&task);
    assert!(is_aborted(&b.done(1, 2)));
    assert_eq!(response(&mut b, 1, 50), COMPLETE);
    assert_eq!(response(&mut a, NEXUS, 50), COMPLETE);
    b.send(&command(1, 3, lun(0), &TEST_UNIT_READY));
    disk.serve(3);
    assert_eq!(b.done(1, 3).status, GOOD);
}

#[test]
fn logical_unit_reset_ends_everything_and_tells_every_nexus() {
    let (_rig, mut a, mut b, mut disk) = Rig::two();
    let mut dormant = command(NEXUS, 2, lun(0), &READ_10);
    dormant.attribute = 2;
    a.send(&command(NEXUS, 1, lun(0), &READ_10));
    let running = disk.execute(1);
    a.send(&dormant);
    b.send(&function(1, 50, LOGICAL_UNIT_RESET, lun(0), 0));
    disk.abort(1);
    assert!(is_aborted(&a.done(NEXUS, 2)), "what nothing works on ends at once");
    b.barrier(1);
    assert!(b.poll().is_none(), "the answer waits for the handler");
    disk.aborted(&running);
    assert!(is_aborted(&a.done(NEXUS, 1)));
    disk.errand();
    assert_eq!(response(&mut b, 1, 50), COMPLETE);
    // BUS DEVICE RESET FUNCTION OCCURRED.
    assert_eq!(sense(&a.ask(NEXUS, 3, lun(0), &TEST_UNIT_READY)), (0x06, 0x29, 0x03));
    assert_eq!(sense(&b.ask(1, 3, lun(0), &TEST_UNIT_READY)), (0x06, 0x29, 0x03));
}

#[test]
fn target_reset_resets_every_unit() {
    let (mut rig, mut transport, mut disk) = Rig::stage();
    assert_eq!(sense(&transport.ask(NEXUS, 9, lun(1), &TEST_UNIT_READY)), (0x06, 0x29, 0x00));
    transport.send(&command(NEXUS, 1, lun(0), &READ_10));
    let task = disk.execute(1);
    transport.send(&function(NEXUS, 50, TARGET_WARM_RESET, 0, 0));
    disk.abort(1);
    disk.aborted(&task);
    assert!(is_aborted(&transport.done(NEXUS, 1)));
    disk.errand();
    rig.other.as_mut().unwrap().errand();
    assert_eq!(response(&mut transport, NEXUS, 50), COMPLETE);
    for at in [0, 1] {
        assert_eq!(sense(&transport.ask(NEXUS, 2, lun(at), &TEST_UNIT_READY)), (0x06, 0x29, 0x03));
    }
}

#[test]
fn query_task_and_query_task_set_find_living_tasks() {
    let (_rig, mut transport, mut disk) = Rig::stage();
    assert_eq!(perform(&mut transport, 50, QUERY_TASK, lun(0), 1), COMPLETE);
    assert_eq!(perform(&mut transport, 51, QUERY_TASK_SET, lun(0), 0), COMPLETE);
    transport.send(&command(NEXUS, 1, lun(0), &READ_10));
    disk.execute(1);
    assert_eq!(perform(&mut transport, 52, QUERY_TASK, lun(0), 1), SUCCEEDED);
    assert_eq!(perform(&mut transport, 53, QUERY_TASK_SET, lun(0), 0), SUCCEEDED);
    transport.send(&function(NEXUS, 54, ABORT_TASK, lun(0), 1));
    disk.abort(1);
    assert_eq!(perform(&mut transport, 55, QUERY_TASK, lun(0), 1), COMPLETE);
}

#[test]
fn query_asynchronous_event_tells_of_a_unit_attention() {
    let (_rig, mut transport, _disk) = Rig::stage();
    assert_eq!(perform(&mut transport, 50, QUERY_ASYNCHRONOUS_EVENT, lun(0), 0), COMPLETE);
    assert_eq!(perform(&mut transport, 51, QUERY_ASYNCHRONOUS_EVENT, lun(1), 0), SUCCEEDED);
    let ask = |transport: &mut FakeTransport, serial, unit| {
        transport.send(&function(NEXUS, serial, QUERY_ASYNCHRONOUS_EVENT, lun(unit), 0));
        let reply = transport.expect(ReplyKind::TaskManagementDone, NEXUS, serial);
        (reply.response, reply.sense().unwrap().to_vec())
    };
    assert_eq!(ask(&mut transport, 52, 0), (COMPLETE, vec![0, 0, 0]));
    // UADE DEPTH one, UNIT ATTENTION, POWER ON, RESET, OR BUS DEVICE RESET OCCURRED.
    assert_eq!(ask(&mut transport, 53, 1), (SUCCEEDED, vec![0x16, 0x29, 0x00]));
}

#[test]
fn query_asynchronous_event_tells_of_a_deferred_error() {
    let (mut rig, mut transport, mut disk) = Rig::stage();
    disk.helpful = false;
    let ask = |transport: &mut FakeTransport, serial| {
        transport.send(&function(NEXUS, serial, QUERY_ASYNCHRONOUS_EVENT, lun(0), 0));
    };
    let answer = |transport: &mut FakeTransport, serial| {
        let reply = transport.expect(ReplyKind::TaskManagementDone, NEXUS, serial);
        (reply.response, reply.sense().unwrap().to_vec())
    };
    disk.report(0, &UnitReport { deferred_error: true, ..Default::default() });
    transport.barrier(NEXUS);
    ask(&mut transport, 50);
    let question = disk.request();
    assert_eq!((question.kind, question.unit), (RequestKind::DeferredError as u8, 0));
    let mut told = Reply::new(ReplyKind::DeferredErrorIs, question.nexus, question.serial);
    told.sense[..3].copy_from_slice(&[0x03, 0x0C, 0x00]);
    told.sense_len = 3;
    disk.send(&told);
    // UADE DEPTH one, MEDIUM ERROR, WRITE ERROR.
    assert_eq!(answer(&mut transport, 50), (SUCCEEDED, vec![0x13, 0x0C, 0x00]));
    // This nexus knows.
    ask(&mut transport, 51);
    let question = disk.request();
    disk.did(&question);
    assert_eq!(answer(&mut transport, 51), (COMPLETE, vec![0, 0, 0]));
    // A handler that stays away has nothing to tell.
    ask(&mut transport, 52);
    disk.request();
    rig.down(DISK, true);
    assert_eq!(answer(&mut transport, 52), (COMPLETE, vec![0, 0, 0]));
    // Nobody is asked where nothing is lost.
    let mut disk = rig.handler(DISK);
    disk.helpful = false;
    disk.fence();
    disk.report(0, &UnitReport::default());
    transport.barrier(NEXUS);
    assert_eq!(perform(&mut transport, 53, QUERY_ASYNCHRONOUS_EVENT, lun(0), 0), COMPLETE);
}

#[test]
fn it_nexus_reset_is_about_its_own_nexus() {
    let (_rig, mut a, mut b, mut disk) = Rig::two();
    a.send(&command(NEXUS, 1, lun(0), &READ_10));
    b.send(&command(1, 2, lun(0), &READ_10));
    let tasks = [disk.request(), disk.request()];
    a.send(&function(NEXUS, 50, I_T_NEXUS_RESET, 0, 0));
    disk.abort(1);
    for task in &tasks {
        if task.serial == 1 { disk.aborted(task) } else { disk.good(task, 0) }
    }
    assert!(is_aborted(&a.done(NEXUS, 1)));
    assert_eq!(response(&mut a, NEXUS, 50), COMPLETE);
    assert_eq!(b.done(1, 2).flags, 0);
    // I_T NEXUS LOSS OCCURRED.
    assert_eq!(sense(&a.ask(NEXUS, 3, lun(0), &TEST_UNIT_READY)), (0x06, 0x29, 0x07));
    b.send(&command(1, 3, lun(0), &TEST_UNIT_READY));
    disk.serve(3);
    assert_eq!(b.done(1, 3).status, GOOD);
}

#[test]
fn clear_aca_without_a_condition_has_nothing_to_do() {
    let (_rig, mut transport, _disk) = Rig::stage();
    assert_eq!(perform(&mut transport, 50, CLEAR_ACA, lun(0), 0), COMPLETE);
}

#[test]
fn too_many_functions_are_rejected_and_the_others_still_end() {
    let (_rig, mut transport, mut disk) = Rig::stage();
    transport.send(&command(NEXUS, 1, lun(0), &READ_10));
    let task = disk.execute(1);
    for serial in 0..300 {
        transport.send(&function(NEXUS, 100 + serial, ABORT_TASK, lun(0), 1));
    }
    let rejected: Vec<Reply> = (0..44).map(|_| transport.reply()).collect();
    assert!(rejected.iter().all(|reply| reply.response == 255));
    disk.abort(1);
    disk.aborted(&task);
    assert!(is_aborted(&transport.done(NEXUS, 1)));
    for _ in 0..256 {
        assert_eq!(transport.reply().response, COMPLETE);
    }
}

#[test]
fn handler_dies_while_a_function_is_in_flight() {
    let (mut rig, mut transport, mut disk) = Rig::stage();
    transport.send(&command(NEXUS, 1, lun(0), &READ_10));
    disk.execute(1);
    transport.send(&function(NEXUS, 50, LOGICAL_UNIT_RESET, lun(0), 0));
    disk.abort(1);
    rig.down(crate::rig::DISK, false);
    assert!(is_aborted(&transport.done(NEXUS, 1)));
    let mut disk = rig.handler(crate::rig::DISK);
    disk.fence();
    disk.errand();
    assert_eq!(response(&mut transport, NEXUS, 50), COMPLETE);
}
