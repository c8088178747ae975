//! Reservations and the death of the core: nothing is lost, and nothing is done twice.

use ipc::message::Event;
use ipc::message::record::{ReplyKind, Request, RequestKind};
use ipc::shm;

use crate::ends::*;
use crate::reservations::*;
use crate::rig::{A, DISK, NEXUS, OTHER, Rig, open_quietly};

/// The core is born again; transport A resumes these nexuses.
fn reborn(rig: &mut Rig, resumed: &[u64]) -> (FakeTransport, FakeHandler) {
    reborn_after(rig, 0, resumed)
}

/// The same; transport A says which serial was the latest, if it is not 0.
fn reborn_after(rig: &mut Rig, latest: u64, resumed: &[u64]) -> (FakeTransport, FakeHandler) {
    rig.die();
    rig.launch();
    let (mut transport, mut disk, mut other) = (rig.transport(A), rig.handler(DISK), rig.handler(OTHER));
    rig.go();
    disk.fence();
    other.fence();
    transport.latest = latest;
    transport.attach(0, resumed);
    (transport, disk)
}

/// The core is born again, and transport A asks again; nothing is answered before the disk says that nothing older runs.
fn reborn_while_the_disk_is_at_it(rig: &mut Rig, asked: &[Request]) -> (FakeTransport, FakeHandler) {
    rig.die();
    rig.launch();
    let (mut transport, disk, mut other) = (rig.transport(A), rig.handler(DISK), rig.handler(OTHER));
    rig.go();
    other.fence();
    transport.begin(0, &[NEXUS, 8]);
    for request in asked {
        transport.send(request);
    }
    transport.barrier(8);
    assert!(transport.poll().is_none(), "buffers may still be in use");
    (transport, disk)
}

fn ask(transport: &mut FakeTransport, request: &Request) -> u8 {
    transport.send(request);
    transport.done(request.nexus, request.serial).status
}

#[test]
fn persistent_reserve_out_that_comes_again_is_answered_as_before_and_counts_once() {
    let (mut rig, mut transport, _disk) = three();
    let register = out(&transport, NEXUS, 1, REGISTER, 0, &list(0, 5, 0));
    assert_eq!(ask(&mut transport, &register), GOOD);
    let reserve = out(&transport, NEXUS, 2, RESERVE, WRITE_EXCLUSIVE, &list(5, 0, 0));
    assert_eq!(ask(&mut transport, &reserve), GOOD);
    let (mut transport, _disk) = reborn(&mut rig, &[NEXUS, 8, 9]);
    // Executed again, REGISTER with key zero would be a conflict.
    assert_eq!(ask(&mut transport, &again(register)), GOOD);
    assert_eq!(ask(&mut transport, &again(reserve)), GOOD);
    assert_eq!(reserve_in(&mut transport, 8, 1, 0), [0, 0, 0, 1, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 5]);
    assert_eq!(ask(&mut transport, &command(8, 2, lun(0), &WRITE_10)), CONFLICT);
}

#[test]
fn reserve_survives_the_core_and_not_the_nexus() {
    let (mut rig, mut transport, _disk) = three();
    let reserve = command(NEXUS, 1, lun(0), &[0x16, 0, 0, 0, 0, 0]);
    assert_eq!(ask(&mut transport, &reserve), GOOD);
    let (mut transport, _disk) = reborn(&mut rig, &[NEXUS, 8]);
    assert_eq!(ask(&mut transport, &again(reserve)), GOOD);
    assert_eq!(ask(&mut transport, &command(8, 1, lun(0), &READ_10)), CONFLICT);
    let (mut transport, mut disk) = reborn(&mut rig, &[8]);
    transport.send(&command(8, 2, lun(0), &READ_10));
    disk.serve(2);
    assert_eq!(transport.done(8, 2).status, GOOD);
}

#[test]
fn command_that_was_preempted_and_aborted_does_not_come_back_to_life() {
    let (mut rig, mut transport, mut disk) = three();
    for (nexus, key) in [(NEXUS, 5), (8, 6)] {
        let register = out(&transport, nexus, 1, REGISTER, 0, &list(0, key, 0));
        assert_eq!(ask(&mut transport, &register), GOOD);
    }
    let write = transport.with_out(command(NEXUS, 2, lun(0), &WRITE_10), 0, 512);
    transport.send(&write);
    disk.execute(2);
    let preempt = out(&transport, 8, 2, PREEMPT_AND_ABORT, WRITE_EXCLUSIVE, &list(6, 5, 0));
    transport.send(&preempt);
    // The core has sent the abort, so what it decided is in its notebook; it dies before the handler answers.
    disk.abort(2);
    let (mut transport, mut disk) = reborn_while_the_disk_is_at_it(&mut rig, &[again(write), again(preempt)]);
    disk.fence();
    assert!(is_aborted(&transport.done(NEXUS, 2)));
    assert_eq!(transport.done(8, 2).status, GOOD);
    transport.expect(ReplyKind::Attached, 0, 99);
    assert!(disk.poll().is_none(), "nothing is executed");
}

#[test]
fn conflict_of_a_command_that_comes_again_waits_for_the_former_core() {
    let (mut rig, mut transport, mut disk) = three();
    let register = out(&transport, 8, 1, REGISTER, 0, &list(0, 5, 0));
    assert_eq!(ask(&mut transport, &register), GOOD);
    let read = transport.with_in(command(NEXUS, 1, lun(0), &WRITE_10), &[(0, 512)]);
    transport.send(&read);
    disk.execute(1);
    let reserve = out(&transport, 8, 2, RESERVE, WRITE_EXCLUSIVE, &list(5, 0, 0));
    assert_eq!(ask(&mut transport, &reserve), GOOD);
    let (mut transport, mut disk) = reborn_while_the_disk_is_at_it(&mut rig, &[again(read)]);
    disk.fence();
    assert_eq!(transport.done(NEXUS, 1).status, CONFLICT);
    transport.expect(ReplyKind::Attached, 0, 99);
}

/// A rig with a state directory.
fn durable() -> (tempfile::TempDir, Rig, FakeTransport, FakeHandler) {
    let directory = tempfile::tempdir().unwrap();
    let mut rig = Rig::start();
    rig.die();
    rig.keep_state_in(directory.path());
    rig.launch();
    rig.go();
    let (rig, transport, disk) = Rig::staged(rig);
    (directory, rig, transport, disk)
}

/// Power fails: notebook, links and nexuses are gone.
fn power_fails(rig: &mut Rig) -> FakeTransport {
    rig.replace_notebook(shm::create("test:notebook", 1 << 20).unwrap());
    reborn(rig, &[]).0
}

#[test]
fn registrations_survive_a_loss_of_power_if_that_was_asked_for() {
    let (_directory, mut rig, mut transport, _disk) = durable();
    let register = out(&transport, NEXUS, 1, REGISTER, 0, &list(0, 5, 0x01));
    assert_eq!(ask(&mut transport, &register), GOOD);
    let reserve = out(&transport, NEXUS, 2, RESERVE, WRITE_EXCLUSIVE, &list(5, 0, 0));
    assert_eq!(ask(&mut transport, &reserve), GOOD);
    assert_eq!(reserve_in(&mut transport, NEXUS, 3, 2)[2..4], [0x9D, 0xB1]);
    let mut transport = power_fails(&mut rig);
    open_quietly(&mut transport, 8, 0);
    // PRGENERATION begins anew.
    assert_eq!(reserve_in(&mut transport, 8, 1, 0), [0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 5]);
    assert_eq!(ask(&mut transport, &command(8, 2, lun(0), &WRITE_10)), CONFLICT);
    open_quietly(&mut transport, NEXUS, 0);
    let off = out(&transport, NEXUS, 3, REGISTER, 0, &list(5, 5, 0x00));
    assert_eq!(ask(&mut transport, &off), GOOD);
    let mut transport = power_fails(&mut rig);
    open_quietly(&mut transport, 8, 0);
    assert_eq!(reserve_in(&mut transport, 8, 1, 0), [0; 8]);
}

#[test]
fn file_that_is_ahead_of_the_notebook_is_put_right_before_anybody_is_served() {
    let (directory, mut rig, mut transport, _disk) = durable();
    let register = out(&transport, NEXUS, 1, REGISTER, 0, &list(0, 5, 0x01));
    assert_eq!(ask(&mut transport, &register), GOOD);
    let files: Vec<_> =
        std::fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    let before = std::fs::read(&files[0]).unwrap();
    // As if the core had died between a file and its notebook: the file says nothing, or something else.
    std::fs::remove_file(&files[0]).unwrap();
    let (mut transport, _disk) = reborn(&mut rig, &[NEXUS]);
    assert_eq!(std::fs::read(&files[0]).unwrap(), before);
    assert_eq!(reserve_in(&mut transport, NEXUS, 2, 0)[15], 5);
}

#[test]
fn reservations_that_are_lost_stop_everybody_until_they_are_replaced() {
    let (directory, mut rig, mut transport, _disk) = durable();
    for (serial, key, to) in [(1, 0, 5), (2, 5, 6)] {
        let register = out(&transport, NEXUS, serial, REGISTER, 0, &list(key, to, 0x01));
        assert_eq!(ask(&mut transport, &register), GOOD);
    }
    let files: Vec<_> =
        std::fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 2);
    for file in files {
        let length = std::fs::metadata(&file).unwrap().len();
        std::fs::File::options().write(true).open(file).unwrap().set_len(length - 1).unwrap();
    }
    let mut transport = power_fails(&mut rig);
    open_quietly(&mut transport, 8, 0);
    assert_eq!(sense(&transport.ask(8, 1, lun(0), &READ_10)), (0x04, 0x44, 0x01));
    assert_eq!(sense(&transport.ask(8, 2, lun(0), &[0x5E, 0, 0, 0, 0, 0, 0, 0, 8, 0])), (0x04, 0x44, 0x01));
    let register = out(&transport, 8, 3, REGISTER, 0, &list(0, 7, 0));
    transport.send(&register);
    assert_eq!(sense(&transport.done(8, 3)), (0x04, 0x44, 0x01));
    let replace = out(&transport, 8, 4, 0x08, WRITE_EXCLUSIVE, &list(0, 7, 0x01));
    assert_eq!(ask(&mut transport, &replace), GOOD);
    assert_eq!(reserve_in(&mut transport, 8, 5, 0), [0, 0, 0, 1, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 7]);
    let problems = std::iter::from_fn(|| rig.poll_event());
    let texts = problems.filter_map(|event| match event {
        Event::Problem { text } => Some(text),
        _ => None,
    });
    drop(texts.collect::<Vec<_>>());
}

#[test]
fn write_that_fails_fails_its_command_and_changes_nothing() {
    let (directory, mut rig, mut transport, _disk) = durable();
    let register = out(&transport, NEXUS, 1, REGISTER, 0, &list(0, 5, 0x01));
    assert_eq!(ask(&mut transport, &register), GOOD);
    // In the way of the next file.
    let blocked = directory.path().join("reservations.disk.0.new");
    std::fs::create_dir(&blocked).unwrap();
    let change = out(&transport, NEXUS, 2, REGISTER, 0, &list(5, 6, 0x01));
    transport.send(&change);
    assert_eq!(sense(&transport.done(NEXUS, 2)), (0x04, 0x44, 0x00));
    assert!(matches!(rig.event(), Event::Problem { text } if text.contains("reservations of disk")));
    assert_eq!(reserve_in(&mut transport, NEXUS, 3, 0), [0, 0, 0, 1, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 5]);
    std::fs::remove_dir(&blocked).unwrap();
    let change = out(&transport, NEXUS, 4, REGISTER, 0, &list(5, 6, 0x01));
    assert_eq!(ask(&mut transport, &change), GOOD);
}

#[test]
fn nexus_that_ends_while_its_change_is_written_ends_in_order() {
    let (_directory, mut rig, mut transport, _disk) = durable();
    for serial in 1..50 {
        let nexus = 100 + serial;
        transport.open(nexus, 0);
        transport.ask(nexus, 1, lun(0), &TEST_UNIT_READY);
        let register = out(&transport, nexus, 2, REGISTER, 0, &list(0, 5, 0x01));
        transport.send(&register);
        transport.send(&Request::new(RequestKind::NexusClose, nexus, 60));
        let done = transport.done(nexus, 2);
        assert!(is_aborted(&done) || done.status == GOOD);
        transport.expect(ReplyKind::NexusClosed, nexus, 60);
    }
    assert!(rig.poll_event().is_none());
}

/// What was sent after a unit attention was established has to report it, also when it comes again because the core has died
/// twice, and also if nobody but the transport knows in which order that was.
#[test]
fn unit_attention_of_a_short_lived_core_is_reported_by_what_was_sent_after_it() {
    let (mut rig, mut transport, _disk) = three();
    for (nexus, key) in [(NEXUS, 5), (8, 6)] {
        let register = out(&transport, nexus, 1, REGISTER, 0, &list(0, key, 0));
        assert_eq!(ask(&mut transport, &register), GOOD);
    }
    let (mut transport, _disk) = reborn_after(&mut rig, 10, &[NEXUS, 8]);
    let clear = out(&transport, NEXUS, 11, CLEAR, 0, &list(5, 0, 0));
    assert_eq!(ask(&mut transport, &clear), GOOD);
    // Command 12 of the other nexus never reached that core; 10 was on its way before.
    let (mut transport, mut disk) = reborn_after(&mut rig, 12, &[NEXUS, 8]);
    transport.send(&again(command(8, 10, lun(0), &READ_10)));
    disk.serve(10);
    assert_eq!(transport.done(8, 10).status, GOOD);
    transport.send(&again(command(8, 12, lun(0), &READ_10)));
    assert_eq!(sense(&transport.done(8, 12)), (0x06, 0x2A, 0x03));
}
