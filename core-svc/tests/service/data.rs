//! Commands with data, and what comes back of them.

use ipc::message::record::{Reply, ReplyKind, Request, RequestKind, request_flags};

use crate::ends::*;
use crate::rig::{NEXUS, Rig};

/// A WRITE(10) whose data is still on its way.
pub fn pending_write(serial: u64) -> Request {
    let mut request = command(NEXUS, serial, lun(0), &WRITE_10);
    request.flags = request_flags::DATA_PENDING;
    request.out_len = 512;
    request
}

/// Its data is there.
pub fn data_complete(transport: &FakeTransport, serial: u64) -> Request {
    transport.with_out(Request::new(RequestKind::DataComplete, NEXUS, serial), 512, 512)
}

#[test]
fn read_reaches_the_handler_as_it_came() {
    let (_rig, mut transport, mut disk) = Rig::stage();
    let request = transport.with_in(command(NEXUS, 1, lun(0), &READ_10), &[(0, 256), (4096, 256)]);
    transport.send(&request);
    let seen = disk.execute(1);
    assert_eq!((seen.cdb().unwrap(), seen.unit, seen.lun), (&READ_10[..], 0, 0));
    assert_eq!((seen.extents, seen.in_extents, seen.out_extents), (request.extents, 2, 0));
    disk.good(&seen, 512);
    let reply = transport.done(NEXUS, 1);
    assert_eq!((reply.status, reply.transferred, reply.wanted, reply.flags), (GOOD, 512, 512, 0));
}

#[test]
fn outcome_of_a_handler_is_passed_on_unchanged() {
    let (_rig, mut transport, mut disk) = Rig::stage();
    transport.send(&transport.with_in(command(NEXUS, 1, lun(0), &READ_10), &[(0, 4096)]));
    let seen = disk.execute(1);
    let mut reply = Reply::new(ReplyKind::Done, seen.nexus, seen.serial);
    (reply.status, reply.transferred, reply.wanted, reply.sense_len) = (CHECK, 100, 512, 18);
    reply.sense[..18].copy_from_slice(&[0x70, 0, 3, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x11, 0, 0, 0, 0, 0]);
    disk.send(&reply);
    let got = transport.done(NEXUS, 1);
    assert_eq!((sense(&got), got.transferred, got.wanted), ((0x03, 0x11, 0x00), 100, 512));
}

#[test]
fn write_waits_for_its_data() {
    let (_rig, mut transport, mut disk) = Rig::stage();
    transport.send(&pending_write(1));
    transport.barrier(NEXUS);
    assert!(disk.poll().is_none());
    transport.send(&data_complete(&transport, 1));
    let seen = disk.execute(1);
    assert_eq!((seen.out_extents, seen.extents[0].offset, seen.flags), (1, 512, 0));
    disk.good(&seen, 512);
    assert_eq!(transport.done(NEXUS, 1).transferred, 512);
}

#[test]
fn data_complete_after_the_abort_is_ignored() {
    let (_rig, mut transport, mut disk) = Rig::stage();
    transport.send(&pending_write(1));
    transport.send(&function(NEXUS, 50, 1, lun(0), 1));
    assert!(is_aborted(&transport.done(NEXUS, 1)));
    assert_eq!(transport.expect(ReplyKind::TaskManagementDone, NEXUS, 50).response, 0);
    transport.send(&data_complete(&transport, 1));
    transport.barrier(NEXUS);
    assert!(disk.poll().is_none());
}

#[test]
fn data_complete_of_a_refused_write_is_ignored() {
    let (_rig, mut transport, _disk) = Rig::stage();
    let mut request = pending_write(1);
    request.lun = lun(0xEE);
    transport.send(&request);
    assert_eq!(sense(&transport.done(NEXUS, 1)), (0x05, 0x25, 0x00));
    transport.send(&data_complete(&transport, 1));
    transport.barrier(NEXUS);
}

#[test]
fn data_complete_while_the_write_is_dormant_is_remembered() {
    let (_rig, mut transport, mut disk) = Rig::stage();
    let mut first = command(NEXUS, 1, lun(0), &TEST_UNIT_READY);
    first.attribute = 2;
    transport.send(&first);
    let running = disk.execute(1);
    transport.send(&pending_write(2));
    transport.send(&data_complete(&transport, 2));
    transport.barrier(NEXUS);
    assert!(disk.poll().is_none());
    disk.good(&running, 0);
    assert_eq!(transport.done(NEXUS, 1).status, GOOD);
    assert_eq!(disk.execute(2).extents[0].offset, 512);
}

#[test]
fn more_tasks_than_a_ring_holds_all_end() {
    let (mut rig, mut a, mut disk) = Rig::stage();
    let mut b = rig.transport(crate::rig::B);
    b.attach(1, &[]);
    crate::rig::open_quietly(&mut b, 1, 1);
    // Two transports, each within its own bound, together more than one handler's link takes.
    for serial in 0..900 {
        a.send(&command(NEXUS, serial, lun(0), &READ_10));
        b.send(&command(1, serial, lun(0), &READ_10));
    }
    let (mut answered, mut executed) = (0, 0);
    until("the end of 1800 commands", || {
        // The handler is slow, so that the core has to keep a backlog.
        if let Some(request) = disk.poll() {
            assert_eq!(request.kind, RequestKind::Execute as u8);
            executed += 1;
            disk.good(&request, 0);
        }
        answered += [a.poll(), b.poll()].into_iter().flatten().filter(|reply| reply.status == GOOD).count();
        (answered == 1800).then_some(())
    });
    assert_eq!(executed, 1800);
}

#[test]
fn aborted_tasks_leave_the_backlog() {
    let mut bare = crate::bare::Bare::new();
    let mut disk = bare.handler(crate::bare::DISK);
    bare.handler(crate::bare::OTHER).send(&Reply::new(ReplyKind::Fenced, 0, 0));
    let mut transport = bare.transport(crate::bare::A);
    transport.send(&Request::new(RequestKind::Attach, 0, 0));
    transport.send(&Request::new(RequestKind::AttachEnd, 0, 0));
    let open = transport.open_request(NEXUS, 0, 0);
    transport.send(&open);
    transport.send(&command(NEXUS, 5000, 0, &TEST_UNIT_READY));
    bare.settle();
    disk.fence();
    for serial in 0..1010 {
        transport.send(&command(NEXUS, serial, 0, &READ_10));
        bare.settle();
        while transport.poll().is_some() {}
    }
    assert_eq!(bare.core.handlers[0].backlog.len(), 2);
    transport.send(&function(NEXUS, 6000, 1, 0, 1008));
    bare.settle();
    assert_eq!(bare.core.handlers[0].backlog.len(), 1);
    assert!(is_aborted(&transport.done(NEXUS, 1008)));
}

#[test]
fn backlog_is_sent_in_order_as_places_become_free() {
    let (mut rig, mut a, mut disk) = Rig::stage();
    let mut b = rig.transport(crate::rig::B);
    b.attach(1, &[]);
    crate::rig::open_quietly(&mut b, 1, 1);
    for serial in 0..1000 {
        a.send(&command(NEXUS, serial, lun(0), &READ_10));
    }
    a.barrier(NEXUS);
    for serial in 1000..1100 {
        b.send(&command(1, serial, lun(0), &READ_10));
    }
    b.barrier(1);
    let mut taken: Vec<Request> = std::iter::from_fn(|| disk.poll()).collect();
    assert_eq!(taken.len(), 1008, "answers that a handler may owe");
    for task in &taken[..92] {
        disk.good(task, 0);
    }
    until("the rest", || {
        taken.extend(disk.poll());
        (taken.len() == 1100).then_some(())
    });
    let serials: Vec<u64> = taken.iter().map(|request| request.serial).collect();
    assert_eq!(serials, (0..1100).collect::<Vec<_>>());
}
