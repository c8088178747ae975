//! core-svc dies and comes back: links are replaced while tasks run.

use std::time::{Duration, Instant};

use ipc::message::config::{BackendConfig, DeviceConfig, FaultConfig};
use ipc::message::record::{ReplyKind, Request, reply_flags, request_flags};
use vdisk_svc::stats::Counter;

use crate::fixture::*;

const DELAY: Duration = Duration::from_millis(60);
const SLOW: FaultConfig = FaultConfig { delay_us: 60_000, fail_every: 0, short_every: 0, die_at: 0 };

/// A disk that needs no file.
fn null(unit: u32) -> DeviceConfig {
    DeviceConfig { backend: BackendConfig::Null { bytes: 1 << 20 }, ..disk(unit) }
}

#[test]
fn fence_is_answered_at_once_when_nothing_runs() {
    let file = medium(8, false);
    let mut rig = Rig::on(engines()[0], disk(0), &file);
    let serial = rig.fence();
    let reply = rig.reply();
    assert_eq!((reply.kind, reply.serial), (ReplyKind::Fenced as u8, serial));
}

#[test]
fn core_dies_while_a_write_runs() {
    for choice in engines() {
        let file = medium(8, false);
        let mut rig = Rig::on(choice, faulty(0, SLOW), &file);
        let begun = Instant::now();
        rig.send(0, &write_10(1, 1), &[&[0xAA; 512]], &[]);
        rig.await_counter(Counter::Deferred, 1);
        rig.link_down();
        rig.relink();
        let fence = rig.fence();
        let again = rig.send(0, &write_10(1, 1), &[&[0xBB; 512]], &[]);
        let fenced = rig.reply();
        assert_eq!((fenced.kind, fenced.serial), (ReplyKind::Fenced as u8, fence));
        assert!(begun.elapsed() >= DELAY, "the fence waits for the old write");
        let done = rig.reply();
        assert_eq!((done.kind, done.serial, status(&done)), (ReplyKind::Done as u8, again.serial, GOOD));
        assert!(begun.elapsed() >= 2 * DELAY, "the new write begins after the old one has ended");
        assert_eq!(std::fs::read(file.path()).unwrap()[512..1024], [0xBB; 512]);
        assert_eq!(rig.reply_within(Duration::from_millis(20)), None, "the old write is not answered");
    }
}

#[test]
fn core_dies_while_another_unit_is_busy() {
    for choice in engines() {
        let (slow, fast) = (medium(8, false), medium(8, false));
        let devices = vec![(faulty(0, SLOW), Some(open(&slow))), (disk(1), Some(open(&fast)))];
        let mut rig = Rig::start(choice, devices);
        rig.send(0, &read_10(1, 1), &[], &[512]);
        rig.await_counter(Counter::Deferred, 1);
        rig.relink();
        rig.fence();
        assert_eq!(rig.run(1, &read_10(3, 1), &[], &[512]).data, [3; 512], "nothing of that unit runs");
        assert_eq!(rig.reply().kind, ReplyKind::Fenced as u8);
    }
}

#[test]
fn abort_of_a_task_that_waits_and_of_one_that_runs() {
    for choice in engines() {
        let file = medium(8, false);
        let mut rig = Rig::on(choice, faulty(0, SLOW), &file);
        rig.send(0, &write_10(1, 1), &[&[0xAA; 512]], &[]);
        rig.await_counter(Counter::Deferred, 1);
        rig.relink();
        let first = rig.send(0, &read_10(1, 1), &[], &[512]);
        let second = rig.send(0, &write_10(2, 1), &[&[0xCC; 512]], &[]);
        rig.abort(second.serial);
        let aborted = rig.reply();
        assert_eq!((aborted.serial, aborted.flags), (second.serial, reply_flags::ABORTED));
        rig.abort(9999);
        rig.await_counter(Counter::Deferred, 2);
        rig.abort(first.serial);
        let done = rig.reply();
        assert_eq!((done.serial, done.flags, status(&done)), (first.serial, 0, GOOD));
        assert_eq!(rig.data(&first, 512), [0xAA; 512]);
        assert_eq!(
            std::fs::read(file.path()).unwrap()[1024..1536],
            [2; 512],
            "the aborted write did nothing"
        );
    }
}

#[test]
fn core_dies_again_and_again_under_load() {
    for choice in engines() {
        let file = medium(200, false);
        let mut rig = Rig::on(choice, disk(0), &file);
        for round in 0..20u8 {
            for n in 0..100 {
                rig.send(0, &write_10(n, 1), &[&[round; 512]], &[]);
            }
            rig.relink();
        }
        rig.fence();
        assert_eq!(rig.reply().kind, ReplyKind::Fenced as u8);
        for n in 0..100 {
            assert_eq!(rig.run(0, &write_10(n, 1), &[&[0x5A; 512]], &[]).status(), GOOD);
        }
        assert_eq!(std::fs::read(file.path()).unwrap()[..100 * 512], [0x5A; 100 * 512]);
    }
}

#[test]
fn arena_is_granted_again() {
    let file = medium(8, false);
    let mut rig = Rig::on(engines()[0], disk(0), &file);
    rig.grant_arena();
    assert_eq!(rig.run(0, &read_10(3, 1), &[], &[512]).data, [3; 512]);
}

#[test]
fn every_new_link_is_told_of_every_unit_before_its_fence() {
    let mut rig = Rig::start(engines()[0], (0..40).map(|unit| (null(unit), None)).collect());
    for _ in 0..2 {
        rig.reports.clear();
        rig.fence();
        assert_eq!(rig.reply().kind, ReplyKind::Fenced as u8);
        let units: Vec<u32> = rig.reports.iter().map(|(unit, _)| *unit).collect();
        assert_eq!(units, (0..40).collect::<Vec<_>>());
        rig.relink();
    }
}

/// A write of 0xAA to block 1 has ended over a link that is over; somebody writes 0xBB there, and then it comes again.
fn older_write_comes_again(rig: &mut Rig, file: &tempfile::NamedTempFile, older: &Request) {
    rig.relink();
    rig.fence();
    assert_eq!(rig.reply().kind, ReplyKind::Fenced as u8);
    assert_eq!(rig.run(0, &write_10(1, 1), &[&[0xBB; 512]], &[]).status(), GOOD);
    rig.send_raw(&Request { flags: older.flags | request_flags::AGAIN, ..*older });
    let reply = rig.reply();
    assert_eq!((reply.serial, status(&reply), reply.transferred), (older.serial, GOOD, 512));
    assert_eq!(std::fs::read(file.path()).unwrap()[512..1024], [0xBB; 512], "the newer write stays");
}

#[test]
fn write_whose_outcome_was_not_taken_is_not_executed_again() {
    for choice in engines() {
        let file = medium(8, false);
        let mut rig = Rig::on(choice, disk(0), &file);
        let (older, _) = rig.request(0, &write_10(1, 1), &[&[0xAA; 512]], &[]);
        rig.send_raw(&older);
        rig.await_counter(Counter::Commands, 1);
        older_write_comes_again(&mut rig, &file, &older);
    }
}

#[test]
fn write_that_ended_after_its_link_is_not_executed_again() {
    for choice in engines() {
        let file = medium(8, false);
        let mut rig = Rig::on(choice, faulty(0, SLOW), &file);
        let (older, _) = rig.request(0, &write_10(1, 1), &[&[0xAA; 512]], &[]);
        rig.send_raw(&older);
        rig.await_counter(Counter::Deferred, 1);
        rig.link_down();
        older_write_comes_again(&mut rig, &file, &older);
    }
}

#[test]
fn write_whose_outcome_the_core_had_taken_is_not_executed_again() {
    for choice in engines() {
        let file = medium(8, false);
        let mut rig = Rig::on(choice, disk(0), &file);
        let (older, _) = rig.request(0, &write_10(1, 1), &[&[0xAA; 512]], &[]);
        rig.send_raw(&older);
        assert_eq!(rig.reply().serial, older.serial);
        // Its slot is given back. The transport that it was for can have died with the core.
        assert_eq!(rig.run(0, &read_10(1, 1), &[], &[512]).data, [0xAA; 512]);
        older_write_comes_again(&mut rig, &file, &older);
        // And with the next one.
        older_write_comes_again(&mut rig, &file, &older);
    }
}
