//! The settings of the control mode page (SPC-4 7.5.8) that the core acts on: TST, QERR, TAS, QUEUE ALGORITHM MODIFIER,
//! UA_INTLCK_CTRL, D_SENSE.

use ipc::message::record::{ReplyKind, Request};
use scsi::unit_report::{Control, UnitReport};

use crate::ends::*;
use crate::rig::{B, NEXUS, Rig, open_quietly};

const CLEAR_TASK_SET: u8 = 4;
const LOGICAL_UNIT_RESET: u8 = 5;

/// As a unit begins.
const DEFAULT: Control = Control {
    tst: 0,
    qerr: 0,
    queue_algorithm: 1,
    ua_intlck: 0,
    tas: false,
    tmf_only: false,
    d_sense: false,
};

fn set(a: &mut FakeTransport, disk: &mut FakeHandler, control: Control) {
    disk.report(0, &UnitReport { control, ..Default::default() });
    a.barrier(NEXUS);
}

fn two(control: Control) -> (Rig, FakeTransport, FakeTransport, FakeHandler) {
    let (mut rig, mut a, mut disk) = Rig::stage();
    let mut b = rig.transport(B);
    b.attach(1, &[]);
    open_quietly(&mut b, 1, 1);
    set(&mut a, &mut disk, control);
    (rig, a, b, disk)
}

fn read(nexus: u64, serial: u64) -> Request {
    command(nexus, serial, lun(0), &READ_10)
}

fn write(nexus: u64, serial: u64) -> Request {
    command(nexus, serial, lun(0), &WRITE_10)
}

fn ordered(request: Request) -> Request {
    attribute(2, request)
}

fn complete(transport: &mut FakeTransport, nexus: u64, serial: u64) {
    assert_eq!(transport.expect(ReplyKind::TaskManagementDone, nexus, serial).response, 0);
}

#[test]
fn one_set_orders_all_nexuses_and_sets_of_their_own_do_not() {
    for (tst, waits) in [(0, true), (1, false)] {
        let (_rig, mut a, mut b, mut disk) = two(Control { tst, ..DEFAULT });
        a.send(&ordered(read(NEXUS, 1)));
        let first = disk.execute(1);
        b.send(&read(1, 2));
        b.barrier(1);
        assert_eq!(disk.poll().is_none(), waits, "TST {tst}");
        disk.good(&first, 0);
        if waits {
            disk.execute(2);
        }
    }
}

#[test]
fn tst_changes_with_tasks_in_flight() {
    let (_rig, mut a, mut b, mut disk) = two(DEFAULT);
    a.send(&ordered(read(NEXUS, 1)));
    let first = disk.execute(1);
    a.send(&ordered(read(NEXUS, 2)));
    a.barrier(NEXUS);
    b.send(&read(1, 3));
    a.barrier(NEXUS);
    b.barrier(1);
    assert!(disk.poll().is_none());
    set(&mut a, &mut disk, Control { tst: 1, ..DEFAULT });
    let third = disk.execute(3);
    assert!(disk.poll().is_none(), "the second waits for the first of its own set");
    set(&mut a, &mut disk, DEFAULT);
    disk.good(&first, 0);
    a.done(NEXUS, 1);
    a.barrier(NEXUS);
    assert!(disk.poll().is_none(), "in one set again it waits for what the other runs");
    disk.good(&third, 0);
    disk.serve(2);
    assert_eq!((b.done(1, 3).status, a.done(NEXUS, 2).status), (GOOD, GOOD));
}

#[test]
fn restricted_reordering_keeps_the_order_of_writes_of_a_nexus() {
    let (_rig, mut a, mut b, mut disk) = two(Control { queue_algorithm: 0, ..DEFAULT });
    a.send(&read(NEXUS, 1));
    a.send(&read(NEXUS, 2));
    let (one, two) = (disk.execute(1), disk.execute(2));
    a.send(&write(NEXUS, 3));
    a.barrier(NEXUS);
    assert!(disk.poll().is_none(), "a write waits for older reads");
    disk.good(&one, 0);
    disk.good(&two, 0);
    a.done(NEXUS, 1);
    a.done(NEXUS, 2);
    let three = disk.execute(3);
    b.send(&write(1, 4));
    disk.execute(4);
    a.send(&read(NEXUS, 5));
    a.barrier(NEXUS);
    assert!(disk.poll().is_none(), "a read waits for an older write of its nexus");
    disk.good(&three, 0);
    disk.execute(5);
}

#[test]
fn commands_that_run_alone_wait_and_hold() {
    const MODE_SELECT_6: [u8; 6] = [0x15, 0x10, 0, 0, 0, 0];
    let (_rig, mut a, mut b, mut disk) = two(DEFAULT);
    b.send(&read(1, 1));
    let running = disk.execute(1);
    a.send(&command(NEXUS, 2, lun(0), &MODE_SELECT_6));
    a.send(&read(NEXUS, 3));
    a.barrier(NEXUS);
    assert!(disk.poll().is_none());
    let inquiry = a.with_in(command(NEXUS, 4, lun(0), &INQUIRY), &[(0, 96)]);
    a.send(&inquiry);
    disk.serve(4);
    assert_eq!(a.done(NEXUS, 4).status, GOOD, "an INQUIRY waits for nobody");
    disk.good(&running, 0);
    disk.serve(2);
    disk.serve(3);
}

#[test]
fn qerr_01_aborts_the_task_set_and_tells_others() {
    let (_rig, mut a, mut b, mut disk) = two(Control { qerr: 1, ..DEFAULT });
    b.send(&read(1, 1));
    let other = disk.execute(1);
    a.send(&read(NEXUS, 2));
    a.send(&read(NEXUS, 3));
    let (failing, own) = (disk.execute(2), disk.execute(3));
    disk.fail(&failing);
    assert_eq!(a.done(NEXUS, 2).status, CHECK);
    disk.abort(1);
    disk.abort(3);
    disk.good(&other, 0);
    disk.good(&own, 0);
    assert!(is_aborted(&a.done(NEXUS, 3)) && is_aborted(&b.done(1, 1)));
    assert_eq!(sense(&b.ask(1, 4, lun(0), &TEST_UNIT_READY)), (0x06, 0x2F, 0x00));
    a.send(&command(NEXUS, 5, lun(0), &TEST_UNIT_READY));
    disk.execute(5);
}

#[test]
fn qerr_11_aborts_those_of_the_nexus_only() {
    let (_rig, mut a, mut b, mut disk) = two(Control { qerr: 3, ..DEFAULT });
    b.send(&read(1, 1));
    let other = disk.execute(1);
    a.send(&read(NEXUS, 2));
    a.send(&ordered(read(NEXUS, 3)));
    let failing = disk.execute(2);
    disk.fail(&failing);
    // What was dormant ends at once, before the answer to what failed.
    assert!(is_aborted(&a.done(NEXUS, 3)));
    assert_eq!(a.done(NEXUS, 2).status, CHECK);
    disk.good(&other, 0);
    assert_eq!(b.done(1, 1).status, GOOD);
}

#[test]
fn qerr_00_lets_the_others_go_on() {
    let (_rig, mut a, _b, mut disk) = two(DEFAULT);
    a.send(&read(NEXUS, 2));
    a.send(&ordered(read(NEXUS, 3)));
    let failing = disk.execute(2);
    disk.fail(&failing);
    assert_eq!(a.done(NEXUS, 2).status, CHECK);
    disk.serve(3);
    assert_eq!(a.done(NEXUS, 3).status, GOOD);
}

#[test]
fn tas_ends_tasks_that_another_nexus_aborted_with_a_status() {
    for code in [CLEAR_TASK_SET, LOGICAL_UNIT_RESET] {
        let (_rig, mut a, mut b, mut disk) = two(Control { tas: true, ..DEFAULT });
        b.send(&read(1, 1));
        b.barrier(1);
        a.send(&read(NEXUS, 2));
        let (other, own) = (disk.execute(1), disk.execute(2));
        a.send(&function(NEXUS, 50, code, lun(0), 0));
        disk.abort(1);
        disk.abort(2);
        disk.aborted(&other);
        disk.aborted(&own);
        let told = b.done(1, 1);
        assert_eq!((told.status, told.flags, told.sense_len), (TASK_ABORTED, 0, 0));
        assert!(is_aborted(&a.done(NEXUS, 2)), "one's own is aborted without a word");
        if code == LOGICAL_UNIT_RESET {
            disk.errand();
            complete(&mut a, NEXUS, 50);
            assert_eq!(sense(&b.ask(1, 3, lun(0), &TEST_UNIT_READY)), (0x06, 0x29, 0x03));
        } else {
            complete(&mut a, NEXUS, 50);
            b.send(&command(1, 3, lun(0), &TEST_UNIT_READY));
            disk.execute(3);
        }
    }
}

#[test]
fn interlocked_condition_stays_until_request_sense_takes_it() {
    let (_rig, mut a, _b, mut disk) = two(Control { ua_intlck: 2, ..DEFAULT });
    a.send(&function(NEXUS, 50, LOGICAL_UNIT_RESET, lun(0), 0));
    disk.errand();
    complete(&mut a, NEXUS, 50);
    for serial in 1..4 {
        assert_eq!(sense(&a.ask(NEXUS, serial, lun(0), &TEST_UNIT_READY)), (0x06, 0x29, 0x03));
    }
    assert_eq!(a.ask(NEXUS, 5, lun(0), &REQUEST_SENSE).status, GOOD);
    let data = a.bytes(0, 18);
    assert_eq!((data[2], data[12], data[13]), (0x06, 0x29, 0x03));
    a.send(&command(NEXUS, 6, lun(0), &TEST_UNIT_READY));
    disk.execute(6);
}

#[test]
fn refusal_leaves_a_condition_behind_if_asked_to() {
    let (_rig, mut a, mut b, mut disk) = two(Control { ua_intlck: 3, ..DEFAULT });
    a.send(&naca(command(NEXUS, 1, lun(0), &TEST_UNIT_READY)));
    let failing = disk.execute(1);
    disk.fail(&failing);
    a.done(NEXUS, 1);
    for serial in 2..4 {
        b.send(&command(1, serial, lun(0), &TEST_UNIT_READY));
        assert_eq!(b.done(1, serial).status, BUSY);
    }
    a.send(&function(NEXUS, 50, 3, lun(0), 0));
    complete(&mut a, NEXUS, 50);
    assert_eq!(sense(&b.ask(1, 5, lun(0), &TEST_UNIT_READY)), (0x06, 0x2C, 0x07), "PREVIOUS BUSY STATUS");
}

#[test]
fn sense_data_of_the_core_is_in_the_format_of_the_unit() {
    let (_rig, mut a, _b, mut disk) = two(Control { d_sense: true, ..DEFAULT });
    a.send(&function(NEXUS, 50, LOGICAL_UNIT_RESET, lun(0), 0));
    disk.errand();
    complete(&mut a, NEXUS, 50);
    let reply = a.ask(NEXUS, 1, lun(0), &TEST_UNIT_READY);
    assert_eq!(reply.sense[..8], [0x72, 0x06, 0x29, 0x03, 0, 0, 0, 0]);
    assert_eq!((reply.status, reply.sense_len), (CHECK, 8));
    // An operation code that there is not: INVALID COMMAND OPERATION CODE with its field.
    let reply = a.ask(NEXUS, 2, lun(0), &[0xFF, 0, 0, 0, 0, 0]);
    assert_eq!(reply.sense[..4], [0x72, 0x05, 0x20, 0x00]);
    assert_eq!(reply.sense[7..16], [8, 0x02, 0x06, 0, 0, 0xC0, 0, 0, 0]);
    // No unit, no setting: fixed.
    assert_eq!(sense(&a.ask(NEXUS, 3, lun(0x77), &TEST_UNIT_READY)), (0x05, 0x25, 0x00));
}
