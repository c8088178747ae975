//! The core dies and is born again; its notebook, its transports and its handlers survive, or do not.

use ipc::message::record::{ReplyKind, Request, RequestKind, request_flags};
use ipc::shm;

use crate::ends::*;
use crate::reports::report;
use crate::rig::{A, DISK, NEXUS, OTHER, Rig};

/// The core is born again, with links to everybody before it serves.
fn reborn(rig: &mut Rig) -> (FakeTransport, FakeHandler, FakeHandler) {
    rig.launch();
    let peers = (rig.transport(A), rig.handler(DISK), rig.handler(OTHER));
    rig.go();
    peers
}

/// The core dies, and its notebook is lost with it.
fn reborn_without_notebook(rig: &mut Rig) -> (FakeTransport, FakeHandler, FakeHandler) {
    rig.die();
    rig.replace_notebook(shm::create("test:notebook", 1 << 20).unwrap());
    reborn(rig)
}

#[test]
fn resumed_nexus_gets_no_new_unit_attention_and_keeps_those_that_wait() {
    let (mut rig, mut transport, _disk) = Rig::stage();
    transport.open(8, 0);
    rig.die();
    let (mut transport, mut disk, mut other) = reborn(&mut rig);
    disk.fence();
    other.fence();
    transport.attach(0, &[NEXUS, 8]);
    transport.send(&command(NEXUS, 1, lun(0), &TEST_UNIT_READY));
    disk.serve(1);
    assert_eq!(transport.done(NEXUS, 1).status, GOOD);
    assert_eq!(sense(&transport.ask(8, 2, lun(0), &TEST_UNIT_READY)), (0x06, 0x29, 0x00));
    assert_eq!(sense(&transport.ask(8, 3, lun(1), &TEST_UNIT_READY)), (0x06, 0x29, 0x00));
}

#[test]
fn unit_attention_whose_answer_was_not_read_is_reported_again_to_the_same_command() {
    let (mut rig, mut transport, _disk) = Rig::stage();
    transport.open(8, 0);
    let request = command(8, 5, lun(0), &TEST_UNIT_READY);
    transport.send(&request);
    // The answer is in the ring, so the notebook has it too; nobody has read it.
    transport.done(8, 5);
    rig.die();
    let (mut transport, mut disk, mut other) = reborn(&mut rig);
    disk.fence();
    other.fence();
    transport.attach(0, &[NEXUS, 8]);
    transport.send(&again(request));
    assert_eq!(sense(&transport.done(8, 5)), (0x06, 0x29, 0x00));
    transport.send(&command(8, 6, lun(0), &TEST_UNIT_READY));
    disk.serve(6);
    assert_eq!(transport.done(8, 6).status, GOOD);
}

#[test]
fn request_sense_that_took_a_unit_attention_gives_it_again() {
    let (mut rig, mut transport, _disk) = Rig::stage();
    transport.open(8, 0);
    let request = transport.with_in(command(8, 5, lun(0), &REQUEST_SENSE), &[(0, 252)]);
    transport.send(&request);
    transport.done(8, 5);
    rig.die();
    let (mut transport, mut disk, mut other) = reborn(&mut rig);
    disk.fence();
    other.fence();
    transport.attach(0, &[NEXUS, 8]);
    transport.arena.zero(transport.arena.check(transport.extent(0, 252)).unwrap(), 252);
    transport.send(&again(request));
    assert_eq!(transport.done(8, 5).status, GOOD);
    let data = transport.bytes(0, 18);
    assert_eq!((data[2], data[12], data[13]), (0x06, 0x29, 0x00));
}

#[test]
fn commands_come_again_and_end_once() {
    let (mut rig, mut transport, mut disk) = Rig::stage();
    let read = transport.with_in(command(NEXUS, 1, lun(0), &READ_10), &[(0, 512)]);
    transport.send(&read);
    let old = disk.execute(1);
    rig.die();
    let (mut transport, mut disk, mut other) = reborn(&mut rig);
    disk.fence();
    other.fence();
    transport.attach(0, &[NEXUS]);
    transport.send(&again(read));
    let repeated = disk.execute(1);
    assert_eq!(repeated.flags, request_flags::AGAIN, "the handler may have seen it");
    assert_eq!(repeated.nexus, old.nexus, "under the same identity");
    disk.good(&repeated, 512);
    assert_eq!(transport.done(NEXUS, 1).status, GOOD);
    transport.barrier(NEXUS);
}

#[test]
fn answers_wait_until_every_surviving_handler_is_fenced() {
    let (mut rig, mut transport, _disk) = Rig::stage();
    transport.open(8, 0);
    rig.die();
    let (mut transport, mut disk, mut other) = reborn(&mut rig);
    transport.begin(0, &[NEXUS, 8]);
    transport.send(&Request::new(RequestKind::NexusClose, NEXUS, 60));
    transport.barrier(8);
    disk.fence();
    transport.barrier(8);
    assert!(transport.poll().is_none(), "the other handler may still use the arena");
    other.fence();
    let kinds = [transport.reply().kind, transport.reply().kind];
    assert!(kinds.contains(&(ReplyKind::NexusClosed as u8)) && kinds.contains(&(ReplyKind::Attached as u8)));
}

#[test]
fn abort_waits_for_what_the_former_core_had_begun() {
    let (mut rig, mut transport, mut disk) = Rig::stage();
    let [one, two] = [1, 2].map(|serial| {
        let mut request = transport.with_in(command(NEXUS, serial, lun(0), &READ_10), &[(0, 512)]);
        request.attribute = 2;
        request
    });
    transport.send(&one);
    disk.execute(1);
    rig.die();
    let (mut transport, mut disk, mut other) = reborn(&mut rig);
    other.fence();
    transport.begin(0, &[NEXUS]);
    // One is sent again, two is dormant behind it: the old handler may be at either of them.
    transport.send(&again(one));
    transport.send(&again(two));
    assert_eq!(disk.request().kind, RequestKind::Fence as u8);
    let repeated = disk.execute(1);
    transport.send(&function(NEXUS, 50, 2, lun(0), 0));
    disk.abort(1);
    disk.aborted(&repeated);
    transport.barrier(NEXUS);
    assert!(transport.poll().is_none(), "the buffers may still be in use");
    disk.send(&ipc::message::record::Reply::new(ReplyKind::Fenced, 0, 0));
    let mut ended = [transport.reply(), transport.reply()].map(|reply| (reply.serial, is_aborted(&reply)));
    ended.sort_unstable();
    assert_eq!(ended, [(1, true), (2, true)]);
    transport.expect(ReplyKind::TaskManagementDone, NEXUS, 50);
    transport.expect(ReplyKind::Attached, 0, 99);
}

#[test]
fn refusal_waits_for_what_the_former_core_had_begun() {
    let (mut rig, mut transport, mut disk) = Rig::stage();
    transport.open(8, 0);
    assert_eq!(sense(&transport.ask(8, 1, lun(0), &TEST_UNIT_READY)), (0x06, 0x29, 0x00));
    let read = transport.with_in(command(NEXUS, 1, lun(0), &READ_10), &[(0, 512)]);
    transport.send(&read);
    disk.execute(1);
    transport.send(&function(8, 50, 5, lun(0), 0));
    disk.abort(1);
    rig.die();
    let (mut transport, mut disk, mut other) = reborn(&mut rig);
    other.fence();
    transport.begin(0, &[NEXUS, 8]);
    // The reset has aborted the read, and the core's death does not bring it back.
    transport.send(&again(read));
    transport.barrier(NEXUS);
    assert!(transport.poll().is_none(), "the buffer may still be in use");
    disk.fence();
    assert!(is_aborted(&transport.done(NEXUS, 1)));
    transport.expect(ReplyKind::Attached, 0, 99);
    assert_eq!(sense(&transport.ask(NEXUS, 2, lun(0), &TEST_UNIT_READY)), (0x06, 0x29, 0x03));
}

#[test]
fn condition_of_later_does_not_end_a_command_that_comes_again() {
    let (mut rig, mut transport, mut disk) = Rig::stage();
    transport.send(&command(NEXUS, 1, lun(0), &READ_10));
    disk.execute(1);
    for mode in [1, 2] {
        disk.report(0, &report(mode, 0));
    }
    transport.barrier(NEXUS);
    rig.die();
    let (mut transport, mut disk, mut other) = reborn(&mut rig);
    disk.fence();
    other.fence();
    transport.attach(0, &[NEXUS]);
    transport.send(&again(command(NEXUS, 1, lun(0), &READ_10)));
    disk.serve(1);
    assert_eq!(transport.done(NEXUS, 1).status, GOOD);
    assert_eq!(sense(&transport.ask(NEXUS, 2, lun(0), &TEST_UNIT_READY)), (0x06, 0x2A, 0x01));
}

#[test]
fn nexus_that_is_not_named_again_is_lost() {
    let (mut rig, mut transport, _disk) = Rig::stage();
    transport.open(8, 0);
    rig.die();
    let (mut transport, mut disk, mut other) = reborn(&mut rig);
    disk.fence();
    other.fence();
    transport.attach(0, &[8]);
    // The number is free again: whoever uses it is new.
    transport.open(NEXUS, 0);
    assert_eq!(sense(&transport.ask(NEXUS, 1, lun(0), &TEST_UNIT_READY)), (0x06, 0x29, 0x00));
}

#[test]
fn lost_notebook_tells_resumed_nexuses_that_state_is_gone() {
    let (mut rig, _transport, _disk) = Rig::stage();
    let (mut transport, mut disk, mut other) = reborn_without_notebook(&mut rig);
    disk.fence();
    other.fence();
    transport.attach(0, &[NEXUS]);
    assert_eq!(sense(&transport.ask(NEXUS, 1, lun(0), &TEST_UNIT_READY)), (0x06, 0x29, 0x00));
}

#[test]
fn lost_notebook_and_nexus_close_again_waits_for_the_fence() {
    let (mut rig, _transport, _disk) = Rig::stage();
    let (mut transport, mut disk, mut other) = reborn_without_notebook(&mut rig);
    transport.begin(0, &[8]);
    transport.send(&again(Request::new(RequestKind::NexusClose, NEXUS, 60)));
    transport.barrier(8);
    disk.fence();
    other.fence();
    let kinds = [transport.reply().kind, transport.reply().kind];
    assert!(kinds.contains(&(ReplyKind::NexusClosed as u8)) && kinds.contains(&(ReplyKind::Attached as u8)));
}

#[test]
fn handler_that_died_with_the_core_holds_commands() {
    let (mut rig, mut transport, mut disk) = Rig::stage();
    let read = command(NEXUS, 1, lun(0), &READ_10);
    transport.send(&read);
    disk.execute(1);
    rig.die();
    rig.launch();
    let mut transport = rig.transport(A);
    let _other = rig.handler(OTHER);
    rig.go();
    transport.begin(0, &[NEXUS]);
    transport.send(&again(read));
    transport.barrier(NEXUS);
    let mut disk = rig.handler(DISK);
    disk.fence();
    disk.serve(1);
    assert_eq!(transport.done(NEXUS, 1).status, GOOD);
}

#[test]
fn handler_that_stays_away_does_not_withhold_the_arena_for_ever() {
    let (mut rig, _transport, _disk) = Rig::staged(Rig::with_hold(100));
    rig.die();
    rig.launch();
    let mut transport = rig.transport(A);
    let mut other = rig.handler(OTHER);
    rig.go();
    other.fence();
    transport.attach(0, &[NEXUS]);
}

#[test]
fn transport_that_died_with_the_core_loses_its_nexuses() {
    let (mut rig, mut transport, mut disk) = Rig::stage();
    let mut ordered = command(NEXUS, 1, lun(0), &READ_10);
    ordered.attribute = 2;
    transport.send(&ordered);
    disk.execute(1);
    rig.die();
    let (mut transport, mut disk, mut other) = reborn(&mut rig);
    transport.begin(0, &[]);
    transport.open(1 << 40, 0);
    transport.barrier(1 << 40);
    disk.fence();
    other.fence();
    transport.expect(ReplyKind::Attached, 0, 99);
}

#[test]
fn reset_is_remembered_for_those_who_have_not_heard() {
    let (mut rig, mut transport, mut disk) = Rig::stage();
    transport.send(&function(NEXUS, 50, 5, lun(0), 0));
    disk.errand();
    transport.expect(ReplyKind::TaskManagementDone, NEXUS, 50);
    rig.die();
    let (mut transport, mut disk, mut other) = reborn(&mut rig);
    disk.fence();
    other.fence();
    transport.attach(0, &[NEXUS]);
    assert_eq!(sense(&transport.ask(NEXUS, 1, lun(0), &TEST_UNIT_READY)), (0x06, 0x29, 0x03));
}

#[test]
fn small_notebook_is_complained_about_once() {
    let mut rig = Rig::start();
    rig.die();
    rig.replace_notebook(shm::create("test:notebook", 4096).unwrap());
    let (mut transport, mut disk, mut other) = reborn(&mut rig);
    disk.fence();
    other.fence();
    transport.attach(0, &[]);
    for number in 1..=300 {
        transport.open(number, 0);
    }
    assert!(matches!(rig.event(), ipc::message::Event::Problem { text } if text.contains("notebook")));
    let request = Request::new(RequestKind::DataComplete, 1, 1);
    transport.send(&Request { kind: 77, ..request });
    rig.fault_of(A);
}
