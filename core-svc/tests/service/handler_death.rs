//! A handler dies, stays away, comes back. Initiators see a pause; what they see when it lasts too long is said here too.

use ipc::message::record::{ReplyKind, Request, RequestKind, request_flags};

use crate::ends::*;
use crate::rig::{A, DISK, NEXUS, Rig};

/// LOGICAL UNIT IS IN PROCESS OF BECOMING READY.
const BECOMING_READY: (u8, u8, u8) = (0x02, 0x04, 0x01);
/// LOGICAL UNIT NOT READY, MANUAL INTERVENTION REQUIRED.
const MANUAL_INTERVENTION: (u8, u8, u8) = (0x02, 0x04, 0x03);

#[test]
fn tasks_are_sent_again_oldest_first_with_the_same_identity() {
    let (mut rig, mut transport, mut disk) = Rig::stage();
    let mut sent = Vec::new();
    for serial in [5, 3, 9, 1] {
        transport.send(&transport.with_in(command(NEXUS, serial, lun(0), &READ_10), &[(0, 512)]));
        sent.push(disk.execute(serial));
    }
    disk.good(&sent.remove(1), 0);
    transport.done(NEXUS, 3);
    rig.down(DISK, false);
    transport.send(&command(NEXUS, 4, lun(0), &READ_10));
    transport.barrier(NEXUS);
    let mut successor = rig.handler(DISK);
    successor.fence();
    for old in &sent {
        let repeated = successor.execute(old.serial);
        assert_eq!(repeated.flags, request_flags::AGAIN);
        assert_eq!(Request { flags: 0, ..repeated }, *old, "the same in every respect");
        successor.good(&repeated, 0);
    }
    assert_eq!(successor.execute(4).flags, 0, "nobody has seen this one");
    for serial in [5, 9, 1] {
        assert_eq!(transport.done(NEXUS, serial).status, GOOD);
    }
    transport.send(&command(NEXUS, 10, lun(0), &TEST_UNIT_READY));
    successor.serve(10);
    assert_eq!(transport.done(NEXUS, 10).status, GOOD, "no unit attention");
}

#[test]
fn crash_loop_sends_again_every_time() {
    let (mut rig, mut transport, mut disk) = Rig::stage();
    transport.send(&command(NEXUS, 1, lun(0), &READ_10));
    disk.execute(1);
    for _ in 0..5 {
        rig.down(DISK, false);
        disk = rig.handler(DISK);
        disk.fence();
        assert_eq!(disk.execute(1).flags, request_flags::AGAIN);
    }
    rig.down(DISK, false);
    let mut disk = rig.handler(DISK);
    disk.fence();
    disk.serve(1);
    assert_eq!(transport.done(NEXUS, 1).status, GOOD);
}

#[test]
fn aborted_task_ends_with_its_handler() {
    let (mut rig, mut transport, mut disk) = Rig::stage();
    transport.send(&command(NEXUS, 1, lun(0), &READ_10));
    disk.execute(1);
    transport.send(&function(NEXUS, 50, 1, lun(0), 1));
    disk.abort(1);
    rig.down(DISK, false);
    assert!(is_aborted(&transport.done(NEXUS, 1)));
    transport.expect(ReplyKind::TaskManagementDone, NEXUS, 50);
    let mut successor = rig.handler(DISK);
    successor.fence();
    transport.barrier(NEXUS);
    assert!(successor.poll().is_none());
}

#[test]
fn abort_while_the_handler_is_away_ends_the_task_at_once() {
    let (rig, mut transport, mut disk) = Rig::stage();
    transport.send(&command(NEXUS, 1, lun(0), &READ_10));
    disk.execute(1);
    rig.down(DISK, false);
    transport.send(&function(NEXUS, 50, 1, lun(0), 1));
    assert!(is_aborted(&transport.done(NEXUS, 1)));
    transport.expect(ReplyKind::TaskManagementDone, NEXUS, 50);
}

#[test]
fn replaced_link_keeps_aborted_tasks_until_the_fence() {
    let (mut rig, mut transport, mut disk) = Rig::stage();
    transport.send(&command(NEXUS, 1, lun(0), &READ_10));
    disk.execute(1);
    transport.send(&function(NEXUS, 50, 1, lun(0), 1));
    disk.abort(1);
    // No word of a death: the handler may still be filling the buffer.
    let mut disk = rig.handler(DISK);
    transport.barrier(NEXUS);
    disk.fence();
    assert!(is_aborted(&transport.done(NEXUS, 1)));
    transport.expect(ReplyKind::TaskManagementDone, NEXUS, 50);
    transport.barrier(NEXUS);
    assert!(disk.poll().is_none());
}

#[test]
fn held_handler_fails_commands_at_once() {
    let (mut rig, mut transport, mut disk) = Rig::stage();
    transport.send(&command(NEXUS, 1, lun(0), &READ_10));
    disk.execute(1);
    rig.down(DISK, true);
    assert_eq!(sense(&transport.done(NEXUS, 1)), MANUAL_INTERVENTION);
    assert_eq!(sense(&transport.ask(NEXUS, 2, lun(0), &READ_10)), MANUAL_INTERVENTION);
    let mut disk = rig.handler(DISK);
    disk.fence();
    transport.send(&command(NEXUS, 3, lun(0), &READ_10));
    disk.serve(3);
    assert_eq!(transport.done(NEXUS, 3).status, GOOD);
}

#[test]
fn handler_that_is_given_up_while_away_fails_what_was_held() {
    let (rig, mut transport, mut disk) = Rig::stage();
    transport.send(&command(NEXUS, 1, lun(0), &READ_10));
    disk.execute(1);
    rig.down(DISK, false);
    transport.barrier(NEXUS);
    rig.down(DISK, true);
    assert_eq!(sense(&transport.done(NEXUS, 1)), MANUAL_INTERVENTION);
}

#[test]
fn hold_limit_fails_what_was_held_and_new_commands_at_once() {
    let (mut rig, mut transport, mut disk) = Rig::staged(Rig::with_hold(100));
    transport.send(&command(NEXUS, 1, lun(0), &READ_10));
    disk.execute(1);
    let began = std::time::Instant::now();
    rig.down(DISK, false);
    assert_eq!(sense(&transport.done(NEXUS, 1)), BECOMING_READY);
    assert!(began.elapsed().as_millis() >= 100);
    assert_eq!(sense(&transport.ask(NEXUS, 2, lun(0), &READ_10)), BECOMING_READY);
    let mut disk = rig.handler(DISK);
    disk.fence();
    transport.send(&command(NEXUS, 3, lun(0), &READ_10));
    disk.serve(3);
    assert_eq!(transport.done(NEXUS, 3).status, GOOD);
}

#[test]
fn hold_limit_runs_out_while_others_keep_the_core_busy() {
    let (rig, mut transport, mut disk) = Rig::staged(Rig::with_hold(100));
    transport.send(&command(NEXUS, 1, lun(0), &READ_10));
    disk.execute(1);
    rig.down(DISK, false);
    let busy = command(NEXUS, u64::MAX, lun(0xEE), &INQUIRY);
    let mut waiting = 0;
    let reply = until("the end of the held command", || {
        while waiting < 200 {
            transport.send(&busy);
            waiting += 1;
        }
        let reply = transport.poll()?;
        waiting -= 1;
        (reply.serial == 1).then_some(reply)
    });
    assert_eq!(sense(&reply), BECOMING_READY);
}

#[test]
fn handler_that_never_came_holds_commands_too() {
    let mut rig = Rig::start();
    let mut transport = rig.transport(A);
    transport.begin(0, &[]);
    transport.open(NEXUS, 0);
    assert_eq!(sense(&transport.ask(NEXUS, 1, lun(0), &TEST_UNIT_READY)), (0x06, 0x29, 0x00));
    transport.send(&command(NEXUS, 2, lun(0), &READ_10));
    transport.barrier(NEXUS);
    let mut disk = rig.handler(DISK);
    disk.fence();
    disk.serve(2);
    assert_eq!(transport.done(NEXUS, 2).status, GOOD);
}

#[test]
fn fence_is_the_first_request_on_every_link() {
    let (mut rig, mut transport, mut disk) = Rig::stage();
    transport.send(&command(NEXUS, 1, lun(0), &READ_10));
    disk.execute(1);
    rig.down(DISK, false);
    let mut disk = rig.handler(DISK);
    assert_eq!(disk.request().kind, RequestKind::Fence as u8);
    // Commands do not wait for the answer: the handler keeps their order.
    disk.execute(1);
}

#[test]
fn nexus_close_does_not_end_before_the_new_link_is_fenced() {
    let (mut rig, mut transport, _disk) = Rig::stage();
    transport.open(8, 0);
    let mut disk = rig.handler(DISK);
    assert_eq!(disk.request().kind, RequestKind::Fence as u8);
    transport.send(&Request::new(RequestKind::NexusClose, NEXUS, 60));
    transport.barrier(8);
    disk.send(&ipc::message::record::Reply::new(ReplyKind::Fenced, 0, 0));
    transport.expect(ReplyKind::NexusClosed, NEXUS, 60);
}

#[test]
fn more_tasks_than_a_ring_holds_are_all_sent_again() {
    let (mut rig, mut a, mut disk) = Rig::stage();
    let mut b = rig.transport(crate::rig::B);
    b.attach(1, &[]);
    crate::rig::open_quietly(&mut b, 1, 1);
    for serial in 0..700 {
        a.send(&command(NEXUS, serial, lun(0), &READ_10));
    }
    a.barrier(NEXUS);
    for serial in 700..1400 {
        b.send(&command(1, serial, lun(0), &READ_10));
    }
    b.barrier(1);
    while disk.poll().is_some() {}
    rig.down(DISK, false);
    let mut disk = rig.handler(DISK);
    disk.fence();
    for serial in 0..1400 {
        let request = disk.execute(serial);
        assert_eq!(request.flags == request_flags::AGAIN, serial < 1008, "{serial}");
        disk.good(&request, 0);
        if serial < 700 {
            a.done(NEXUS, serial)
        } else {
            b.done(1, serial)
        };
    }
}
