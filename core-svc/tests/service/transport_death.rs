//! A transport dies, and another one goes on: what has ended is not executed a second time when it comes again.

use ipc::message::record::Request;

use crate::ends::*;
use crate::rig::{A, NEXUS, Rig};

/// After this the core has handled everything that handlers had sent before: it looks at them once in every turn.
fn settled(b: &mut FakeTransport) {
    b.barrier(1);
    b.barrier(1);
}

/// The successor of transport A.
fn successor(rig: &mut Rig) -> FakeTransport {
    let mut a = rig.transport(A);
    a.attach(0, &[NEXUS]);
    a
}

fn write(a: &FakeTransport, serial: u64) -> Request {
    a.with_out(command(NEXUS, serial, lun(0), &WRITE_10), 0, 512)
}

/// A write of transport A has ended, and A dies before it reads the answer.
fn ended_unread(
    rig: &mut Rig,
    a: &mut FakeTransport,
    b: &mut FakeTransport,
    disk: &mut FakeHandler,
) -> Request {
    let request = write(a, 1);
    a.send(&request);
    let known = disk.execute(1);
    disk.good(&known, 512);
    settled(b);
    rig.down(A, false);
    request
}

#[test]
fn write_whose_answer_was_not_read_is_not_executed_again() {
    let (mut rig, mut a, mut b, mut disk) = Rig::two();
    let request = ended_unread(&mut rig, &mut a, &mut b, &mut disk);
    // Somebody has read what it wrote, and writes something newer there.
    b.send(&b.with_out(command(1, 2, lun(0), &WRITE_10), 0, 512));
    let newer = disk.execute(2);
    disk.good(&newer, 512);
    assert_eq!(b.done(1, 2).status, GOOD);
    let mut a = successor(&mut rig);
    a.send(&again(request));
    let reply = a.done(NEXUS, 1);
    assert_eq!((reply.status, reply.transferred), (GOOD, 512));
    a.barrier(NEXUS);
    assert!(disk.poll().is_none(), "the older write would undo the newer one");
}

#[test]
fn write_that_ended_while_its_transport_was_away_is_not_executed_again() {
    let (mut rig, mut a, mut b, mut disk) = Rig::two();
    let request = write(&a, 1);
    a.send(&request);
    let known = disk.execute(1);
    rig.down(A, false);
    settled(&mut b);
    disk.check(&known, 0x03, 0x0C);
    settled(&mut b);
    let mut a = successor(&mut rig);
    a.send(&again(request));
    assert_eq!(sense(&a.done(NEXUS, 1)), (0x03, 0x0C, 0x00), "it is answered as it ended");
    a.barrier(NEXUS);
    assert!(disk.poll().is_none());
}

#[test]
fn write_that_ended_before_it_came_again_is_not_executed_again() {
    let (mut rig, mut a, mut b, mut disk) = Rig::two();
    let request = write(&a, 1);
    a.send(&request);
    let known = disk.execute(1);
    rig.down(A, false);
    let mut a = successor(&mut rig);
    disk.good(&known, 512);
    settled(&mut b);
    a.send(&again(request));
    assert_eq!(a.done(NEXUS, 1).status, GOOD);
    a.barrier(NEXUS);
    assert!(disk.poll().is_none());
}

#[test]
fn write_is_answered_after_a_second_death_of_its_transport_too() {
    let (mut rig, mut a, mut b, mut disk) = Rig::two();
    let requests = [1, 2].map(|serial| write(&a, serial));
    requests.iter().for_each(|request| a.send(request));
    for serial in [1, 2] {
        let known = disk.execute(serial);
        disk.good(&known, 512);
    }
    settled(&mut b);
    rig.down(A, false);
    let mut a = successor(&mut rig);
    // It dies when it has asked for one of them, and has not read the answer.
    a.send(&again(requests[0]));
    settled(&mut b);
    rig.down(A, false);
    let mut a = successor(&mut rig);
    requests.iter().for_each(|request| a.send(&again(*request)));
    assert_eq!(a.done(NEXUS, 1).status, GOOD);
    assert_eq!(a.done(NEXUS, 2).status, GOOD);
    a.barrier(NEXUS);
    assert!(disk.poll().is_none());
}

#[test]
fn read_whose_answer_was_not_read_is_executed_again() {
    let (mut rig, mut a, mut b, mut disk) = Rig::two();
    let request = a.with_in(command(NEXUS, 1, lun(0), &READ_10), &[(0, 512)]);
    a.send(&request);
    let known = disk.execute(1);
    disk.good(&known, 512);
    settled(&mut b);
    rig.down(A, false);
    let mut a = successor(&mut rig);
    a.send(&again(request));
    let known = disk.execute(1);
    disk.good(&known, 512);
    assert_eq!(a.done(NEXUS, 1).status, GOOD);
}

#[test]
fn link_that_a_fault_closed_leaves_its_answers_behind() {
    let (mut rig, mut a, mut b, mut disk) = Rig::two();
    let request = write(&a, 1);
    a.send(&request);
    let known = disk.execute(1);
    disk.good(&known, 512);
    settled(&mut b);
    a.send(&command(NEXUS + 1, 1, lun(0), &READ_10));
    rig.fault_of(A);
    let mut a = successor(&mut rig);
    a.send(&again(request));
    assert_eq!(a.done(NEXUS, 1).status, GOOD);
    a.barrier(NEXUS);
    assert!(disk.poll().is_none());
}

#[test]
fn write_that_ended_is_not_executed_again_when_the_core_dies_before_its_transport_is_back() {
    let (mut rig, mut a, mut b, mut disk) = Rig::two();
    let writes = [1, 2, 3].map(|serial| write(&a, serial));
    writes.iter().for_each(|request| a.send(request));
    let known = writes.map(|request| disk.execute(request.serial));
    disk.good(&known[0], 512);
    settled(&mut b);
    rig.down(A, false);
    settled(&mut b);
    disk.check(&known[1], 0x03, 0x0C);
    settled(&mut b);
    for _ in 0..2 {
        // Also for the core after the next one, for nothing new was begun.
        let (mut a, _b, mut disk) = rig.reborn();
        writes.iter().for_each(|request| a.send(&again(*request)));
        let reply = a.done(NEXUS, 1);
        assert_eq!((reply.status, reply.transferred), (GOOD, 512));
        assert_eq!(sense(&a.done(NEXUS, 2)), (0x03, 0x0C, 0x00));
        disk.execute(3);
        assert!(disk.poll().is_none());
    }
}

#[test]
fn answer_leaves_the_notebook_when_something_new_is_begun() {
    let (mut rig, mut a, mut b, mut disk) = Rig::two();
    let request = ended_unread(&mut rig, &mut a, &mut b, &mut disk);
    let mut a = successor(&mut rig);
    // It had the answer, for it does not ask.
    a.barrier(NEXUS);
    let (mut a, _b, mut disk) = rig.reborn();
    a.send(&again(request));
    disk.execute(1);
}
