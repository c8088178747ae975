//! Nexuses and transports come, go and come again.

use ipc::message::record::{Reply, ReplyKind, Request, RequestKind, refusal, request_flags};

use crate::bare::{self, Bare};
use crate::ends::*;
use crate::rig::{A, B, DISK, NEXUS, Rig, open_quietly};

fn close(nexus: u64, serial: u64) -> Request {
    Request::new(RequestKind::NexusClose, nexus, serial)
}

#[test]
fn nexus_close_waits_for_tasks_at_the_handler() {
    let (_rig, mut transport, mut disk) = Rig::stage();
    transport.open(8, 0);
    transport.send(&command(NEXUS, 1, lun(0), &READ_10));
    let task = disk.execute(1);
    transport.send(&close(NEXUS, 60));
    disk.abort(1);
    transport.barrier(8);
    assert!(transport.poll().is_none());
    disk.aborted(&task);
    assert!(is_aborted(&transport.done(NEXUS, 1)));
    transport.expect(ReplyKind::NexusClosed, NEXUS, 60);
}

#[test]
fn nexus_close_of_an_idle_nexus_is_answered_at_once() {
    let (_rig, mut transport, _disk) = Rig::stage();
    transport.send(&close(NEXUS, 60));
    transport.expect(ReplyKind::NexusClosed, NEXUS, 60);
    transport.open(NEXUS, 0);
    let reply = transport.ask(NEXUS, 1, lun(0), &TEST_UNIT_READY);
    assert_eq!(sense(&reply), (0x06, 0x29, 0x00), "another nexus under an old number");
}

#[test]
fn nexus_close_drops_functions_that_nobody_waits_for() {
    let (_rig, mut transport, mut disk) = Rig::stage();
    transport.open(8, 0);
    transport.send(&command(NEXUS, 1, lun(0), &READ_10));
    let task = disk.execute(1);
    transport.send(&function(NEXUS, 50, 1, lun(0), 1));
    disk.abort(1);
    transport.send(&close(NEXUS, 60));
    transport.barrier(8);
    disk.aborted(&task);
    transport.done(NEXUS, 1);
    transport.expect(ReplyKind::NexusClosed, NEXUS, 60);
}

#[test]
fn nexus_open_of_a_foreign_target_is_refused() {
    let (_rig, mut transport, _disk) = Rig::stage();
    for target in [1, 2, u32::MAX] {
        let request = transport.open_request(100, target, 0);
        transport.send(&request);
        let reply = transport.expect(ReplyKind::NexusOpened, 100, 0);
        assert_eq!(reply.status, refusal::NO_TARGET);
    }
}

#[test]
fn nexus_open_past_the_bound_is_refused() {
    let (_rig, mut transport, _disk) = Rig::stage();
    for numbers in (1..=4095u64).collect::<Vec<_>>().chunks(63) {
        for number in numbers {
            let request = transport.open_request(1000 + number, 0, 0);
            transport.link.send(&request).unwrap();
        }
        transport.link.flush();
        for number in numbers {
            assert_eq!(transport.expect(ReplyKind::NexusOpened, 1000 + number, 0).status, 0);
        }
    }
    let request = transport.open_request(9000, 0, 0);
    transport.send(&request);
    assert_eq!(transport.expect(ReplyKind::NexusOpened, 9000, 0).status, refusal::NO_ROOM);
    // A transport that gave it up before it heard of the refusal.
    transport.send(&again(close(9000, 61)));
    transport.expect(ReplyKind::NexusClosed, 9000, 61);
    transport.send(&close(NEXUS, 60));
    transport.expect(ReplyKind::NexusClosed, NEXUS, 60);
    transport.open(9000, 0);
}

#[test]
fn transport_dies_and_its_successor_waits_until_all_is_aborted() {
    let (mut rig, mut transport, mut disk) = Rig::stage();
    transport.send(&command(NEXUS, 1, lun(0), &READ_10));
    let task = disk.execute(1);
    let mut ordered = command(NEXUS, 2, lun(0), &READ_10);
    ordered.attribute = 2;
    transport.send(&ordered);
    transport.send(&function(NEXUS, 50, 2, lun(0), 0));
    disk.abort(1);
    transport.done(NEXUS, 2);
    rig.down(A, false);
    let mut successor = rig.transport(A);
    successor.begin(0, &[]);
    successor.open(1 << 40, 0);
    successor.barrier(1 << 40);
    assert!(successor.poll().is_none(), "Attached before the handler had let go of the arena");
    disk.aborted(&task);
    // Nothing of the former life is answered to the successor.
    successor.expect(ReplyKind::Attached, 0, 99);
    successor.barrier(1 << 40);
}

#[test]
fn transport_dies_while_a_nexus_closes() {
    let (mut rig, mut transport, mut disk) = Rig::stage();
    transport.send(&command(NEXUS, 1, lun(0), &READ_10));
    let task = disk.execute(1);
    transport.send(&close(NEXUS, 60));
    disk.abort(1);
    rig.down(A, false);
    let mut successor = rig.transport(A);
    successor.begin(0, &[]);
    disk.aborted(&task);
    successor.expect(ReplyKind::Attached, 0, 99);
    assert!(successor.poll().is_none(), "NexusClosed that nobody asked for");
}

#[test]
fn answers_of_a_former_life_do_not_reach_a_successor_that_is_silent_yet() {
    let mut bare = Bare::new();
    let mut disk = bare.handler(bare::DISK);
    bare.handler(bare::OTHER).send(&Reply::new(ReplyKind::Fenced, 0, 0));
    let mut transport = bare.transport(bare::A);
    transport.send(&Request::new(RequestKind::Attach, 0, 0));
    transport.send(&Request::new(RequestKind::AttachEnd, 0, 0));
    for nexus in [NEXUS, 8] {
        let open = transport.open_request(nexus, 0, 0);
        transport.send(&open);
        transport.send(&command(nexus, 1000, 0, &TEST_UNIT_READY));
        transport.send(&command(nexus, nexus, 0, &READ_10));
    }
    transport.send(&close(NEXUS, 60));
    transport.send(&function(8, 50, 1, 0, 8));
    bare.settle();
    disk.fence();
    let tasks = [disk.execute(NEXUS), disk.execute(8)];
    bare.down(bare::A, false);
    let mut successor = bare.transport(bare::A);
    tasks.iter().for_each(|task| disk.aborted(task));
    bare.settle();
    assert!(bare.core.tasks.is_empty());
    assert!(successor.poll().is_none());
    successor.send(&Request::new(RequestKind::Attach, 0, 0));
    successor.send(&Request::new(RequestKind::AttachEnd, 0, 99));
    bare.settle();
    successor.expect(ReplyKind::Attached, 0, 99);
    assert!(successor.poll().is_none());
}

#[test]
fn transport_dies_and_the_handler_answers_before_the_successor_comes() {
    let (mut rig, mut transport, mut disk) = Rig::stage();
    transport.send(&command(NEXUS, 1, lun(0), &READ_10));
    let task = disk.execute(1);
    rig.down(A, false);
    disk.good(&task, 0);
    rig.transport(A).attach(0, &[]);
}

#[test]
fn transport_is_stopped_and_its_tasks_do_not_block_others() {
    let (mut rig, mut a, mut disk) = Rig::stage();
    let mut b = rig.transport(B);
    b.attach(1, &[]);
    open_quietly(&mut b, 1, 1);
    let mut write = crate::data::pending_write(1);
    write.attribute = 2;
    a.send(&write);
    a.barrier(NEXUS);
    b.send(&command(1, 2, lun(0), &READ_10));
    b.barrier(1);
    assert!(disk.poll().is_none());
    rig.down(A, true);
    disk.serve(2);
    assert_eq!(b.done(1, 2).status, GOOD);
}

#[test]
fn transport_that_stays_away_past_the_limit_does_not_block_others() {
    let (mut rig, mut a, mut disk) = Rig::staged(Rig::with_hold(50));
    let mut b = rig.transport(B);
    b.attach(1, &[]);
    open_quietly(&mut b, 1, 1);
    let mut write = crate::data::pending_write(1);
    write.attribute = 2;
    a.send(&write);
    a.barrier(NEXUS);
    b.send(&command(1, 2, lun(0), &READ_10));
    b.barrier(1);
    rig.down(A, false);
    disk.serve(2);
    assert_eq!(b.done(1, 2).status, GOOD);
}

#[test]
fn link_is_replaced_and_both_ends_live() {
    let (mut rig, mut transport, mut disk) = Rig::stage();
    let read = transport.with_in(command(NEXUS, 1, lun(0), &READ_10), &[(0, 512)]);
    transport.send(&read);
    let task = disk.execute(1);
    transport.send(&crate::data::pending_write(2));
    transport.send(&crate::data::data_complete(&transport, 2));
    let second = disk.execute(2);
    transport.send(&command(NEXUS, 3, lun(0), &READ_10));
    let third = disk.execute(3);
    rig.down(A, false);
    let mut transport = rig.transport(A);
    transport.attach(0, &[NEXUS]);
    // It ends before it was asked for again over the new link: then nobody would know the answer.
    disk.good(&third, 0);
    transport.barrier(NEXUS);
    assert!(transport.poll().is_none());
    transport.send(&again(read));
    transport.send(&again(crate::data::pending_write(2)));
    transport.send(&again(crate::data::data_complete(&transport, 2)));
    transport.send(&again(command(NEXUS, 3, lun(0), &READ_10)));
    let repeated = disk.execute(3);
    assert_eq!(repeated.flags, request_flags::AGAIN);
    disk.good(&task, 512);
    disk.good(&second, 512);
    disk.good(&repeated, 0);
    for serial in [1, 2, 3] {
        assert_eq!(transport.done(NEXUS, serial).flags, 0);
    }
    transport.barrier(NEXUS);
}

#[test]
fn link_is_replaced_while_a_nexus_closes() {
    let (mut rig, mut transport, mut disk) = Rig::stage();
    transport.send(&command(NEXUS, 1, lun(0), &READ_10));
    let task = disk.execute(1);
    transport.send(&close(NEXUS, 60));
    disk.abort(1);
    rig.down(A, false);
    let mut transport = rig.transport(A);
    transport.begin(0, &[NEXUS]);
    transport.send(&again(close(NEXUS, 60)));
    disk.aborted(&task);
    let kinds = [transport.reply().kind, transport.reply().kind];
    assert!(kinds.contains(&(ReplyKind::NexusClosed as u8)) && kinds.contains(&(ReplyKind::Attached as u8)));
}

#[test]
fn nexus_close_again_of_one_that_is_gone_is_answered() {
    let (mut rig, mut transport, _disk) = Rig::stage();
    transport.send(&close(NEXUS, 60));
    transport.expect(ReplyKind::NexusClosed, NEXUS, 60);
    rig.down(A, false);
    let mut transport = rig.transport(A);
    transport.attach(0, &[]);
    transport.send(&again(close(NEXUS, 60)));
    transport.expect(ReplyKind::NexusClosed, NEXUS, 60);
}

#[test]
fn late_word_about_an_old_link_is_ignored() {
    let (mut rig, mut transport, mut disk) = Rig::stage();
    let stale = ipc::message::Grant::LinkDown { peer: A, epoch: 0, held: true };
    rig.grant(stale, &[]);
    let stale = ipc::message::Grant::LinkDown { peer: DISK, epoch: 0, held: true };
    rig.grant(stale, &[]);
    let mut b = rig.transport(B);
    b.attach(1, &[]);
    transport.send(&command(NEXUS, 1, lun(0), &READ_10));
    disk.serve(1);
    assert_eq!(transport.done(NEXUS, 1).status, GOOD);
}

#[test]
fn stop_is_answered() {
    let (rig, _transport, _disk) = Rig::stage();
    rig.stop();
}
