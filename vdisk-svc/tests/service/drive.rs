//! START STOP UNIT and PREVENT ALLOW MEDIUM REMOVAL: power, tray, and what of it outlives the process.

use ipc::message::config::{DeviceConfig, FaultConfig};
use ipc::message::record::{ReplyKind, Request, RequestKind};
use vdisk_svc::engine::Choice;
use vdisk_svc::stats::Counter;

use crate::fixture::*;

const STOP: [u8; 6] = [0x1B, 0, 0, 0, 0x00, 0];
const START: [u8; 6] = [0x1B, 0, 0, 0, 0x01, 0];
const EJECT: [u8; 6] = [0x1B, 0, 0, 0, 0x02, 0];
const LOAD: [u8; 6] = [0x1B, 0, 0, 0, 0x03, 0];
const PREVENT: [u8; 6] = [0x1E, 0, 0, 0, 1, 0];
const ALLOW: [u8; 6] = [0x1E, 0, 0, 0, 0, 0];
const STOPPED: (u8, u8, u8, u8) = (2, 0x2, 0x04, 0x02);
const TRAY_OPEN: (u8, u8, u8, u8) = (2, 0x2, 0x3A, 0x02);
const REMOVAL_PREVENTED: (u8, u8, u8, u8) = (2, 0x5, 0x53, 0x02);

fn removable(unit: u32) -> DeviceConfig {
    DeviceConfig { removable: true, ..disk(unit) }
}

fn run(rig: &mut Rig, cdb: &[u8]) -> (u8, u8, u8, u8) {
    rig.run(0, cdb, &[], &[]).status()
}

/// Runs a command of another nexus.
fn run_as(rig: &mut Rig, nexus: u64, serial: u64, cdb: &[u8]) -> (u8, u8, u8, u8) {
    let mut request = Request::new(RequestKind::Execute, nexus, serial);
    request.cdb_len = cdb.len() as u8;
    request.cdb[..cdb.len()].copy_from_slice(cdb);
    rig.send_raw(&request);
    let reply = rig.reply();
    assert_eq!((reply.nexus, reply.serial), (nexus, serial));
    status(&reply)
}

#[test]
fn stop_flushes_and_refuses_the_medium_until_start() {
    for choice in engines() {
        let file = medium(8, false);
        let mut rig = Rig::on(choice, disk(0), &file);
        assert_eq!(run(&mut rig, &STOP), GOOD);
        assert_eq!(rig.counter(Counter::Syncs), 1);
        assert_eq!(run(&mut rig, &TEST_UNIT_READY), STOPPED);
        assert_eq!(rig.run(0, &write_10(1, 1), &[&[9; 512]], &[]).status(), STOPPED);
        assert_eq!(run(&mut rig, &START), GOOD);
        assert_eq!(rig.run(0, &read_10(1, 1), &[], &[512]).data, [1; 512]);
        // NO_FLUSH.
        assert_eq!(run(&mut rig, &[0x1B, 0, 0, 0, 0x04, 0]), GOOD);
        assert_eq!(rig.counter(Counter::Syncs), 1);
        // POWER CONDITION ACTIVE starts it too.
        assert_eq!(run(&mut rig, &[0x1B, 0, 0, 0, 0x10, 0]), GOOD);
        assert_eq!(run(&mut rig, &TEST_UNIT_READY), GOOD);
    }
}

#[test]
fn stop_with_immed_is_answered_before_the_cache_is_written_out() {
    for choice in engines() {
        let file = medium(8, false);
        let delay = FaultConfig { delay_us: 200_000, ..Default::default() };
        let mut rig = Rig::on(choice, faulty(0, delay), &file);
        assert_eq!(run(&mut rig, &[0x1B, 1, 0, 0, 0x00, 0]), GOOD);
        assert_eq!(rig.counter(Counter::Syncs), 0);
        assert_eq!(run(&mut rig, &TEST_UNIT_READY), STOPPED);
        assert_eq!(run(&mut rig, &START), GOOD);
        // This one comes after the other, whose end must not stop the unit again.
        assert_eq!(run(&mut rig, &SYNCHRONIZE_CACHE_10), GOOD);
        assert_eq!(rig.counter(Counter::Syncs), 2);
        assert_eq!(run(&mut rig, &TEST_UNIT_READY), GOOD);
    }
}

/// What a nexus has still to be told, asked as the core does for QUERY ASYNCHRONOUS EVENT.
fn deferred(rig: &mut Rig, nexus: u64, serial: u64) -> Vec<u8> {
    rig.send_raw(&Request::new(RequestKind::DeferredError, nexus, serial));
    let reply = rig.reply();
    assert_eq!((reply.kind, reply.nexus, reply.serial), (ReplyKind::DeferredErrorIs as u8, nexus, serial));
    reply.sense().unwrap().to_vec()
}

#[test]
fn stop_with_immed_that_loses_data_is_told_later() {
    let file = medium(8, false);
    let faults = FaultConfig { fail_every: 1, ..Default::default() };
    let mut rig = Rig::on(Choice::Best, faulty(0, faults), &file);
    assert_eq!(deferred(&mut rig, 0x21, 900), []);
    assert_eq!(run(&mut rig, &[0x1B, 1, 0, 0, 0x00, 0]), GOOD);
    let told = loop {
        let answer = rig.run(0, &START, &[], &[]);
        if answer.status() != GOOD {
            break answer;
        }
    };
    assert_eq!((told.status(), told.reply.sense[0]), ((2, 0x3, 0x0C, 0x00), 0x71), "a deferred error");
    assert!(rig.reports.iter().any(|(_, report)| report.deferred_error), "the core knows whom to ask");
    assert_eq!(deferred(&mut rig, told.reply.nexus, 901), [], "it has heard of it");
    assert_eq!(deferred(&mut rig, 0x21, 902), [0x03, 0x0C, 0x00], "another one has not");
    assert_eq!(deferred(&mut rig, 0x21, 903), [0x03, 0x0C, 0x00], "to ask changes nothing");
    assert_eq!(run(&mut rig, &START), GOOD);
    assert_eq!(run(&mut rig, &SYNCHRONIZE_CACHE_10), (2, 0x3, 0x0C, 0x00));
}

#[test]
fn stop_of_what_is_removable_lasts_until_the_medium_is_needed() {
    let file = medium(8, false);
    let mut rig = Rig::on(Choice::Best, removable(0), &file);
    assert_eq!(run(&mut rig, &STOP), GOOD);
    assert_eq!(run(&mut rig, &TEST_UNIT_READY), GOOD);
    assert_eq!(rig.run(0, &read_10(1, 1), &[], &[512]).data, [1; 512]);
}

#[test]
fn power_conditions_leave_the_medium_usable() {
    let file = medium(8, false);
    let mut rig = Rig::on(Choice::Best, removable(0), &file);
    for condition in 1..16u8 {
        // IMMED, LOEJ one and START zero, which are not looked at then.
        assert_eq!(run(&mut rig, &[0x1B, 1, 0, 0, condition << 4 | 0x02, 0]), GOOD, "{condition}");
        assert_eq!(run(&mut rig, &TEST_UNIT_READY), GOOD);
    }
}

#[test]
fn eject_and_load_are_for_what_is_removable() {
    let file = medium(8, false);
    let mut rig = Rig::on(Choice::Best, disk(0), &file);
    assert_eq!(run(&mut rig, &EJECT), (2, 0x5, 0x24, 0x00));
    assert_eq!(run(&mut rig, &PREVENT), (2, 0x5, 0x20, 0x00));
}

#[test]
fn eject_opens_the_tray_and_load_is_a_new_medium_for_the_others() {
    let file = medium(8, false);
    let mut rig = Rig::on(Choice::Best, removable(0), &file);
    let told = |rig: &Rig| rig.reports.last().map(|(_, report)| (report.generations.medium, report.origin));
    assert_eq!(run(&mut rig, &TEST_UNIT_READY), GOOD);
    let (before, _) = told(&rig).unwrap();
    for _ in 0..2 {
        assert_eq!(run(&mut rig, &EJECT), GOOD);
        assert_eq!(run(&mut rig, &TEST_UNIT_READY), TRAY_OPEN);
    }
    assert_eq!(rig.run(0, &[0x12, 0, 0, 0, 36, 0], &[], &[36]).status(), GOOD);
    assert_eq!(told(&rig).unwrap().0, before);
    assert_eq!(run(&mut rig, &LOAD), GOOD);
    let (after, origin) = told(&rig).unwrap();
    assert!(after != before && origin == NEXUS, "all but the one who has loaded it are told");
    assert_eq!(run(&mut rig, &TEST_UNIT_READY), GOOD);
    assert_eq!(rig.run(0, &read_10(3, 1), &[], &[512]).data, [3; 512]);
}

#[test]
fn prevention_of_any_nexus_keeps_the_tray_as_it_is() {
    let file = medium(8, false);
    let mut rig = Rig::on(Choice::Best, removable(0), &file);
    assert_eq!(run(&mut rig, &PREVENT), GOOD);
    assert_eq!(run_as(&mut rig, 0x22, 1, &PREVENT), GOOD);
    assert_eq!(run(&mut rig, &EJECT), REMOVAL_PREVENTED);
    assert_eq!(run(&mut rig, &ALLOW), GOOD);
    assert_eq!(run(&mut rig, &EJECT), REMOVAL_PREVENTED, "the other one still prevents it");
    assert_eq!(run_as(&mut rig, 0x22, 2, &ALLOW), GOOD);
    assert_eq!(run(&mut rig, &EJECT), GOOD);
    assert_eq!(run(&mut rig, &PREVENT), GOOD);
    assert_eq!(run(&mut rig, &LOAD), REMOVAL_PREVENTED);
    assert_eq!(run(&mut rig, &ALLOW), GOOD);
    assert_eq!(run(&mut rig, &LOAD), GOOD);
    assert_eq!(run(&mut rig, &[0x1E, 0, 0, 0, 3, 0]), (2, 0x5, 0x24, 0x00));
}

#[test]
fn vdisk_svc_dies_and_the_tray_is_still_open_and_held() {
    let file = medium(8, false);
    let mut rig = Rig::process(vec![(removable(0), Some(open(&file)))]);
    assert_eq!(run(&mut rig, &EJECT), GOOD);
    assert_eq!(run_as(&mut rig, 0x22, 1, &PREVENT), GOOD);
    let notebook = rig.notebook.try_clone().unwrap();
    rig.kill();
    rig.death();
    let mut rig = Rig::process_after(Some(notebook), vec![(removable(0), Some(open(&file)))]);
    assert_eq!(run(&mut rig, &TEST_UNIT_READY), TRAY_OPEN);
    assert_eq!(run(&mut rig, &LOAD), REMOVAL_PREVENTED);
    assert_eq!(run_as(&mut rig, 0x22, 2, &ALLOW), GOOD);
    assert_eq!(run(&mut rig, &LOAD), GOOD);
    assert_eq!(rig.run(0, &read_10(3, 1), &[], &[512]).data, [3; 512]);
}

#[test]
fn preempted_nexus_does_not_keep_the_medium_in() {
    let file = medium(8, false);
    let mut rig = Rig::on(Choice::Best, removable(0), &file);
    assert_eq!(run_as(&mut rig, 0x22, 1, &PREVENT), GOOD);
    assert_eq!(run(&mut rig, &EJECT), REMOVAL_PREVENTED);
    rig.send_raw(&Request::new(RequestKind::Allow, 0x22, 2));
    let reply = rig.reply();
    assert_eq!((reply.kind, reply.nexus, reply.serial), (ReplyKind::NexusForgotten as u8, 0x22, 2));
    assert_eq!(run(&mut rig, &EJECT), GOOD);
}
