//! From start to end: grants, the lock on the medium, stopping.

use std::time::Duration;

use ipc::message::config::{DeviceConfig, FaultConfig, ServiceConfig};
use ipc::message::record::ReplyKind;
use ipc::message::{Event, Grant};
use rustix::fs::{FlockOperation, flock};
use vdisk_svc::engine::Choice;
use vdisk_svc::stats::Counter;

use crate::fixture::*;

#[test]
fn medium_locked_by_another_holds_commands_until_it_is_let_go() {
    for choice in engines() {
        let file = medium(8, false);
        let other = open(&file);
        flock(&other, FlockOperation::NonBlockingLockExclusive).unwrap();
        let mut rig = Rig::on(choice, disk(0), &file);
        let first = rig.send(0, &write_10(1, 1), &[&[0xAB; 512]], &[]);
        let second = rig.send(0, &read_10(2, 1), &[], &[512]);
        assert_eq!(rig.reply_within(Duration::from_millis(50)), None);
        assert_eq!(std::fs::read(file.path()).unwrap()[512..1024], [1; 512]);
        drop(other);
        let mut serials = [rig.reply().serial, rig.reply().serial];
        serials.sort_unstable();
        assert_eq!(serials, [first.serial, second.serial]);
        assert_eq!(rig.data(&second, 512), [2; 512]);
        assert_eq!(std::fs::read(file.path()).unwrap()[512..1024], [0xAB; 512]);
    }
}

#[test]
fn medium_locked_for_too_long_is_not_ready_and_recovers() {
    let file = medium(8, false);
    let other = open(&file);
    flock(&other, FlockOperation::NonBlockingLockExclusive).unwrap();
    let config = ServiceConfig { hold_ms: 30, ..service_config() };
    let mut rig = Rig::unready(Choice::Best, &config, vec![(disk(0), Some(open(&file)))]);
    assert_eq!(rig.event(), Event::Ready);
    // NOT READY, LOGICAL UNIT IS IN PROCESS OF BECOMING READY.
    assert_eq!(rig.run(0, &TEST_UNIT_READY, &[], &[]).status(), (2, 0x2, 0x04, 0x01));
    drop(other);
    while rig.run(0, &TEST_UNIT_READY, &[], &[]).status() != GOOD {}
    assert_eq!(rig.run(0, &read_10(3, 1), &[], &[512]).data, [3; 512]);
}

#[test]
fn medium_of_two_read_only_units_is_shared() {
    let file = medium(8, false);
    let read_only = |unit| DeviceConfig { read_only: true, ..disk(unit) };
    let devices = vec![(read_only(0), Some(open(&file))), (read_only(1), Some(open(&file)))];
    let mut rig = Rig::start(Choice::Best, devices);
    assert_eq!(rig.run(0, &read_10(3, 1), &[], &[512]).data, [3; 512]);
    assert_eq!(rig.run(1, &read_10(4, 1), &[], &[512]).data, [4; 512]);
}

#[test]
fn medium_smaller_than_a_block_is_a_problem_and_not_ready() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), [0; 511]).unwrap();
    let good = medium(8, false);
    let devices = vec![(disk(0), Some(open(&file))), (disk(1), Some(open(&good))), (disk(2), None)];
    let mut rig = Rig::unready(Choice::Best, &service_config(), devices);
    let problem = |event, words: &str| match event {
        Event::Problem { text } => assert!(text.contains(words), "{text}"),
        other => panic!("{other:?}"),
    };
    problem(rig.event(), "disk2: its medium was not granted");
    assert_eq!(rig.event(), Event::Ready);
    problem(rig.event(), "disk0: 511 bytes are less than one block of 512");
    // NOT READY, MANUAL INTERVENTION REQUIRED.
    assert_eq!(rig.run(0, &TEST_UNIT_READY, &[], &[]).status(), (2, 0x2, 0x04, 0x03));
    assert_eq!(rig.run(1, &read_10(3, 1), &[], &[512]).data, [3; 512]);
    assert_eq!(rig.run(0, &[0x12, 0, 0, 0, 36, 0], &[], &[36]).status(), GOOD, "INQUIRY is answered always");
}

#[test]
fn device_granted_anew_takes_over_after_the_old_one() {
    for choice in engines() {
        let file = medium(8, false);
        let slow = FaultConfig { delay_us: 60_000, ..FaultConfig::default() };
        let mut rig = Rig::on(choice, faulty(0, slow), &file);
        let old = rig.send(0, &write_10(1, 1), &[&[0xAB; 512]], &[]);
        rig.await_counter(Counter::Deferred, 1);
        let larger = open(&file);
        larger.set_len(100 * 512).unwrap();
        rig.grant(Grant::Device(Box::new(disk(0))), &[std::os::fd::AsFd::as_fd(&larger)]);
        drop(larger);
        assert_eq!(rig.reply().serial, old.serial);
        let answer = rig.run(0, &[0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0], &[], &[8]);
        assert_eq!(answer.data, [0, 0, 0, 99, 0, 0, 2, 0]);
        assert_eq!(rig.run(0, &read_10(1, 1), &[], &[512]).data, [0xAB; 512]);
    }
}

#[test]
fn stop_finishes_what_runs() {
    for choice in engines() {
        let file = medium(8, false);
        let slow = FaultConfig { delay_us: 60_000, ..FaultConfig::default() };
        let mut rig = Rig::on(choice, faulty(0, slow), &file);
        rig.send(0, &write_10(1, 1), &[&[0xAB; 512]], &[]);
        rig.await_counter(Counter::Deferred, 1);
        rig.grant(Grant::Stop, &[]);
        assert_eq!(rig.event(), Event::Stopped);
        let reply = rig.reply();
        assert_eq!((reply.kind, status(&reply)), (ReplyKind::Done as u8, GOOD));
        rig.join();
        assert_eq!(std::fs::read(file.path()).unwrap()[512..1024], [0xAB; 512]);
    }
}

#[test]
fn supervisor_is_gone() {
    let file = medium(8, false);
    let mut rig = Rig::on(Choice::Best, disk(0), &file);
    rig.control = None;
    rig.join();
}

#[test]
fn service_in_a_process_serves_and_stops() {
    let file = medium(8, false);
    let mut rig = Rig::process(vec![(disk(0), Some(open(&file)))]);
    assert_eq!(rig.run(0, &read_10(3, 1), &[], &[512]).data, [3; 512]);
    rig.stop();
}
