//! Peers that break the contract: their link is closed and the supervisor told, and everybody else goes on.

use ipc::link;
use ipc::message::Event;
use ipc::message::grant::Role;
use ipc::message::record::{Reply, ReplyKind, Request, RequestKind, request_flags};
use ipc::shm::Mapping;

use crate::bare::Bare;
use crate::ends::*;
use crate::rig::{A, B, DISK, NEXUS, OTHER, Rig, open_quietly};

/// The fault that a record of transport A is. Transport B goes on.
fn fault_of_request(request: impl FnOnce(&FakeTransport) -> Request) -> String {
    let (mut rig, mut a, mut disk) = Rig::stage();
    let mut b = rig.transport(B);
    b.attach(1, &[]);
    open_quietly(&mut b, 1, 1);
    a.send(&command(NEXUS, 77, lun(0), &READ_10));
    let known = disk.execute(77);
    let request = request(&a);
    a.send(&request);
    let fault = rig.fault_of(A);
    b.send(&command(1, 1, lun(0), &READ_10));
    disk.serve(1);
    assert_eq!(b.done(1, 1).status, GOOD, "the other transport notices nothing");
    // What the supervisor does: a new link. The nexus is still there.
    rig.down(A, false);
    let mut a = rig.transport(A);
    a.attach(0, &[NEXUS]);
    a.send(&again(command(NEXUS, 77, lun(0), &READ_10)));
    a.barrier(NEXUS);
    disk.good(&known, 0);
    assert_eq!(a.done(NEXUS, 77).status, GOOD);
    fault
}

#[test]
fn impossible_kinds_are_faults() {
    for kind in [0, 15, 255] {
        let fault = fault_of_request(|_| Request { kind, ..command(NEXUS, 1, lun(0), &READ_10) });
        assert!(fault.contains("request kind"), "{fault}");
    }
}

#[test]
fn records_for_handlers_are_faults() {
    for kind in [
        RequestKind::Fence,
        RequestKind::Execute,
        RequestKind::Abort,
        RequestKind::Reset,
        RequestKind::NexusLost,
        RequestKind::Allow,
        RequestKind::DeferredError,
        RequestKind::Attach,
        RequestKind::AttachEnd,
    ] {
        let fault = fault_of_request(|_| Request { kind: kind as u8, ..command(NEXUS, 1, lun(0), &READ_10) });
        assert!(fault.contains("no transport sends"), "{fault}");
    }
}

#[test]
fn foreign_and_stray_extents_are_faults() {
    let with = |arena, offset, len| {
        fault_of_request(move |transport| {
            let mut request = transport.with_in(command(NEXUS, 1, lun(0), &READ_10), &[(0, 512)]);
            request.extents[0] = ipc::extent::Extent { arena, offset, len };
            request
        })
    };
    for (arena, offset, len) in
        [(B, 0, 512), (DISK, 0, 512), (A, ARENA as u64, 1), (A, u64::MAX, 512), (A, 0, 0), (A, 0, u32::MAX)]
    {
        let fault = with(arena, offset, len);
        assert!(fault.contains("does not lie in"), "{fault}");
    }
}

#[test]
fn impossible_counts_and_lengths_are_faults() {
    let base = || command(NEXUS, 1, lun(0), &READ_10);
    let fault = fault_of_request(|_| Request { cdb_len: 33, ..base() });
    assert!(fault.contains("cdb_len"), "{fault}");
    let fault = fault_of_request(|_| Request { in_extents: 3, out_extents: 2, ..base() });
    assert!(fault.contains("extent count"), "{fault}");
    let fault = fault_of_request(|_| Request { in_extents: 255, out_extents: 255, ..base() });
    assert!(fault.contains("extent count"), "{fault}");
    let fault = fault_of_request(|_| Request { attribute: 9, ..base() });
    assert!(fault.contains("attribute"), "{fault}");
    let fault = fault_of_request(|_| function(NEXUS, 1, 200, 0, 0));
    assert!(fault.contains("function"), "{fault}");
}

#[test]
fn unknown_nexus_and_duplicate_serial_are_faults() {
    let fault = fault_of_request(|_| command(NEXUS + 1, 1, lun(0), &READ_10));
    assert!(fault.contains("nexus"), "{fault}");
    let fault = fault_of_request(|_| command(u64::MAX, 1, lun(0), &READ_10));
    assert!(fault.contains("nexus"), "{fault}");
    let fault = fault_of_request(|_| command(NEXUS, 77, lun(0), &READ_10));
    assert!(fault.contains("serial"), "{fault}");
    let fault = fault_of_request(|transport| transport.open_request(NEXUS, 0, 0));
    assert!(fault.contains("nexus"), "{fault}");
    let fault = fault_of_request(|transport| transport.open_request(NEXUS, 0, request_flags::RESUMED));
    assert!(fault.contains("nexus"), "named twice: {fault}");
    let fault = fault_of_request(|_| Request::new(RequestKind::NexusClose, 12345, 1));
    assert!(fault.contains("nexus"), "{fault}");
}

#[test]
fn data_complete_of_a_command_with_its_data_is_a_fault() {
    let fault = fault_of_request(|_| Request::new(RequestKind::DataComplete, NEXUS, 77));
    assert!(fault.contains("awaits none"), "{fault}");
}

#[test]
fn impossible_names_are_faults() {
    let open = |change: fn(&mut Request)| {
        fault_of_request(move |transport| {
            let mut request = transport.open_request(100, 0, 0);
            let text = transport.extent(0, 16);
            transport.arena.write(transport.arena.check(text).unwrap(), b"no name of a port");
            change(&mut request);
            request
        })
    };
    open(|request| request.out_extents = 0);
    open(|request| request.extents[0].len = 1025);
    open(|request| request.extents[0].offset = ARENA as u64);
    // Text without the NUL between the two names.
    open(|request| request.extents[0] = ipc::extent::Extent { len: 16, offset: 0, ..request.extents[0] });
}

#[test]
fn records_before_attach_are_faults() {
    for kind in
        [RequestKind::NexusOpen, RequestKind::Command, RequestKind::AttachEnd, RequestKind::NexusClose]
    {
        let mut rig = Rig::start();
        let mut transport = rig.transport(A);
        transport.send(&Request::new(kind, 1, 1));
        let fault = rig.fault_of(A);
        assert!(fault.contains("before attach"), "{fault}");
    }
}

#[test]
fn more_commands_than_a_reply_ring_holds_are_a_fault() {
    let (mut rig, mut transport, _disk) = Rig::stage();
    let mut serial = 0;
    let fault = until("the fault", || {
        // Commands whose data never comes cost the sender nothing.
        for _ in 0..100 {
            serial += 1;
            if transport.link.send(&crate::data::pending_write(serial)).is_err() {
                break;
            }
        }
        transport.link.flush();
        rig.poll_event()
    });
    assert!(matches!(fault, Event::PeerFault { peer: A, .. }), "{fault:?}");
}

/// The fault that a reply of the handler is, given what it was asked. The task is held and sent again.
fn fault_of_reply(reply: impl FnOnce(&Request) -> Reply) -> String {
    let (mut rig, mut transport, mut disk) = Rig::stage();
    let read = transport.with_in(command(NEXUS, 1, lun(0), &READ_10), &[(0, 512)]);
    transport.send(&read);
    let seen = disk.execute(1);
    disk.send(&reply(&seen));
    let fault = rig.fault_of(DISK);
    transport.send(&command(NEXUS, 2, lun(0), &READ_10));
    transport.barrier(NEXUS);
    rig.down(DISK, false);
    let mut disk = rig.handler(DISK);
    disk.fence();
    disk.serve(1);
    disk.serve(2);
    assert_eq!(transport.done(NEXUS, 1).status, GOOD);
    assert_eq!(transport.done(NEXUS, 2).status, GOOD);
    fault
}

fn done(request: &Request) -> Reply {
    Reply::new(ReplyKind::Done, request.nexus, request.serial)
}

#[test]
fn impossible_outcomes_are_faults() {
    let fault = fault_of_reply(|request| Reply { transferred: 513, ..done(request) });
    assert!(fault.contains("transferred"), "{fault}");
    let fault = fault_of_reply(|request| Reply { status: 0x01, ..done(request) });
    assert!(fault.contains("status"), "{fault}");
    let fault = fault_of_reply(|request| Reply { sense_len: 97, ..done(request) });
    assert!(fault.contains("sense_len"), "{fault}");
    let fault = fault_of_reply(|request| Reply { serial: 2, ..done(request) });
    assert!(fault.contains("does not have"), "{fault}");
    let fault = fault_of_reply(|request| Reply { nexus: NEXUS ^ 1, ..done(request) });
    assert!(fault.contains("does not have"), "{fault}");
    let fault = fault_of_reply(|request| Reply { flags: 1, ..done(request) });
    assert!(fault.contains("nobody aborted"), "{fault}");
    for kind in [0, 1, 2, 3, 5, 6, 7] {
        fault_of_reply(|request| Reply { kind, ..done(request) });
    }
}

#[test]
fn outcome_of_another_handlers_task_is_a_fault() {
    let (mut rig, mut transport, mut disk) = Rig::stage();
    let mut other = rig.handler(OTHER);
    other.fence();
    transport.send(&command(NEXUS, 1, lun(0), &READ_10));
    let seen = disk.execute(1);
    other.good(&seen, 0);
    rig.fault_of(OTHER);
    disk.good(&seen, 0);
    assert_eq!(transport.done(NEXUS, 1).status, GOOD);
}

#[test]
fn outcome_of_a_task_that_was_never_sent_is_a_fault() {
    let (mut rig, mut a, mut disk) = Rig::stage();
    let mut b = rig.transport(B);
    b.attach(1, &[]);
    open_quietly(&mut b, 1, 1);
    for serial in 0..1000 {
        a.send(&command(NEXUS, serial, lun(0), &READ_10));
    }
    a.barrier(NEXUS);
    for serial in 1000..1020 {
        b.send(&command(1, serial, lun(0), &READ_10));
    }
    b.barrier(1);
    let tasks: Vec<Request> = std::iter::from_fn(|| disk.poll()).collect();
    let mut backlogged = done(&tasks[1007]);
    backlogged.serial = 1019;
    disk.send(&backlogged);
    assert!(rig.fault_of(DISK).contains("does not have"));
}

#[test]
fn faulty_handler_keeps_aborted_tasks_until_it_is_known_to_be_done() {
    let (mut rig, mut transport, mut disk) = Rig::stage();
    transport.send(&command(NEXUS, 1, lun(0), &READ_10));
    disk.execute(1);
    disk.send(&Reply::new(ReplyKind::Attached, 0, 0));
    rig.fault_of(DISK);
    transport.send(&function(NEXUS, 50, 1, lun(0), 1));
    transport.barrier(NEXUS);
    // The supervisor replaces the link of a faulty peer and lets both ends live.
    rig.down(DISK, false);
    let mut disk = rig.handler(DISK);
    transport.barrier(NEXUS);
    disk.fence();
    assert!(is_aborted(&transport.done(NEXUS, 1)));
    transport.expect(ReplyKind::TaskManagementDone, NEXUS, 50);
}

#[test]
fn scribbled_link_header_is_its_peers_fault() {
    let (mut rig, mut transport, mut disk) = Rig::stage();
    for (service, role) in [(OTHER, Role::Requester), (B, Role::Responder)] {
        let parts = link::create("test:link", 5).unwrap();
        let map = Mapping::new(&parts.memory).unwrap();
        map.write(0, b"scribble");
        rig.grant_link(service, role, 5, &parts);
        let event = rig.event();
        assert!(matches!(&event, Event::PeerFault { peer, epoch: 5, .. } if *peer == service), "{event:?}");
    }
    transport.send(&command(NEXUS, 1, lun(0), &READ_10));
    disk.serve(1);
    assert_eq!(transport.done(NEXUS, 1).status, GOOD);
}

#[test]
fn bell_of_an_old_link_wakes_nobody() {
    let mut bare = Bare::new();
    let old = bare.transport(A);
    bare.is_rung();
    old.theirs.ring();
    assert!(bare.is_rung());
    let new = bare.transport(A);
    bare.step();
    old.theirs.ring();
    assert!(!bare.is_rung(), "a peer that is gone could keep the core awake for ever");
    new.theirs.ring();
    assert!(bare.is_rung());
}
