//! Logs, diagnostics, buffers, and what REQUEST SENSE says of a unit's state.

use ipc::message::config::FaultConfig;
use vdisk_svc::engine::Choice;

use crate::fixture::*;

const INVALID_FIELD_IN_CDB: (u8, u8, u8, u8) = (2, 0x5, 0x24, 0x00);
const REQUEST_SENSE: [u8; 6] = [0x03, 0, 0, 0, 252, 0];

/// A counter of eight bytes: parameter `pointer` of a page.
fn counter(rig: &mut Rig, page: u8, pointer: u8) -> u64 {
    let answer = rig.run(0, &[0x4D, 0, 0x40 | page, 0, 0, 0, pointer, 0, 255, 0], &[], &[255]);
    assert_eq!((answer.status(), answer.data[5]), (GOOD, pointer));
    u64::from_be_bytes(answer.data[8..16].try_into().unwrap())
}

/// Sense key, ASC and ASCQ that REQUEST SENSE answers.
fn state(rig: &mut Rig) -> (u8, u8, u8) {
    let answer = rig.run(0, &REQUEST_SENSE, &[], &[252]);
    assert_eq!(answer.status(), GOOD);
    (answer.data[2] & 0x0F, answer.data[12], answer.data[13])
}

#[test]
fn log_pages_count_what_the_unit_does_until_they_are_set_back() {
    for choice in engines() {
        let file = medium(8, false);
        let mut rig = Rig::on(choice, faulty(0, FaultConfig { fail_every: 4, ..Default::default() }), &file);
        for lba in 0..2 {
            assert_eq!(rig.run(0, &write_10(lba, 1), &[&[1; 512]], &[]).status(), GOOD);
        }
        assert_eq!(rig.run(0, &read_10(0, 3), &[], &[1536]).status(), GOOD);
        assert_eq!(rig.run(0, &read_10(7, 1), &[], &[512]).status(), (2, 0x3, 0x11, 0x00));
        assert_eq!((counter(&mut rig, 0x02, 5), counter(&mut rig, 0x02, 6)), (1024, 0));
        assert_eq!((counter(&mut rig, 0x03, 5), counter(&mut rig, 0x03, 6)), (1536, 1));
        let statistics = rig.run(0, &[0x4D, 0, 0x59, 0, 0, 0, 0, 0, 255, 0], &[], &[255]).data;
        let values: Vec<u64> =
            statistics[8..40].chunks(8).map(|bytes| u64::from_be_bytes(bytes.try_into().unwrap())).collect();
        assert_eq!(values, [2, 2, 2, 3]);
        let before = rig.reports.last().unwrap().1.generations.log;
        // PCR, page 03h alone.
        assert_eq!(rig.run(0, &[0x4C, 2, 0xC3, 0, 0, 0, 0, 0, 0, 0], &[], &[]).status(), GOOD);
        assert_eq!((counter(&mut rig, 0x03, 6), counter(&mut rig, 0x02, 5)), (0, 1024));
        let told = rig.reports.last().unwrap().1;
        assert_eq!((told.generations.log, told.origin), (before + 1, NEXUS));
        assert_eq!(
            rig.run(0, &[0x4C, 2, 0xCE, 0, 0, 0, 0, 0, 0, 0], &[], &[]).status(),
            INVALID_FIELD_IN_CDB
        );
        let list = [0x02, 0, 0, 12, 0, 5, 0x20, 8, 0, 0, 0, 0, 0, 0, 0, 0];
        let answer = rig.run(0, &[0x4C, 0, 0x40, 0, 0, 0, 0, 0, 16, 0], &[&list], &[]);
        assert_eq!(answer.status(), (2, 0x5, 0x26, 0x00), "a counter cannot be set");
    }
}

#[test]
fn pages_that_are_about_time_and_place() {
    let file = medium(8, false);
    let mut rig = Rig::on(Choice::Best, disk(0), &file);
    let page = |rig: &mut Rig, code: u8| {
        rig.run(0, &[0x4D, 0, 0x40 | code, 0, 0, 0, 0, 0, 255, 0], &[], &[255]).data
    };
    let pages = rig.run(0, &[0x4D, 0, 0x40, 0, 0, 0, 0, 0, 255, 0], &[], &[255]).data;
    assert_eq!(pages, [0, 0, 0, 8, 0x00, 0x02, 0x03, 0x05, 0x0D, 0x15, 0x19, 0x2F]);
    assert_eq!(page(&mut rig, 0x0D)[8..10], [0, 0xFF], "no temperature");
    let scan = page(&mut rig, 0x15);
    assert_eq!((scan.len(), &scan[12..]), (20, &[0; 8][..]));
    assert_eq!(page(&mut rig, 0x19)[84..], [0, 3, 0x23, 8, 0, 0, 0, 3, 0, 0, 0, 1], "milliseconds");
    let deadline = std::time::Instant::now() + LIMIT;
    while counter(&mut rig, 0x19, 2) == 0 {
        assert!(std::time::Instant::now() < deadline, "no time without a command is counted");
        // What is counted is that nothing happens.
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    for code in [0x0D, 0x15, 0x19] {
        assert_eq!(rig.run(0, &[0x4C, 2, 0xC0 | code, 0, 0, 0, 0, 0, 0, 0], &[], &[]).status(), GOOD);
    }
}

#[test]
fn diagnostic_pages_are_listed() {
    let file = medium(8, false);
    let mut rig = Rig::on(Choice::Best, disk(0), &file);
    let send = [0x1D, 0x10, 0, 0, 4, 0];
    assert_eq!(rig.run(0, &send, &[&[0; 4]], &[]).status(), GOOD);
    for receive in [[0x1C, 0, 0, 0, 255, 0], [0x1C, 1, 0, 0, 255, 0]] {
        assert_eq!(rig.run(0, &receive, &[], &[255]).data, [0, 0, 0, 1, 0]);
    }
    assert_eq!(rig.run(0, &send, &[&[0x40, 0, 0, 0]], &[]).status(), (2, 0x5, 0x26, 0x00));
    assert_eq!(rig.run(0, &send, &[&[0; 3]], &[]).status(), (2, 0x5, 0x1A, 0x00));
    assert_eq!(rig.run(0, &[0x1C, 1, 0x40, 0, 255, 0], &[], &[255]).status(), INVALID_FIELD_IN_CDB);
}

#[test]
fn lost_data_fails_the_self_test_and_is_an_informational_exception() {
    let file = medium(8, false);
    let faults = FaultConfig { fail_every: 2, ..Default::default() };
    let mut rig = Rig::on(Choice::Best, faulty(0, faults), &file);
    let self_test = [0x1D, 4, 0, 0, 0, 0];
    assert_eq!(rig.run(0, &self_test, &[], &[]).status(), GOOD);
    assert_eq!(state(&mut rig), (0, 0, 0));
    assert_eq!(rig.run(0, &write_10(1, 1), &[&[1; 512]], &[]).status(), GOOD);
    assert_eq!(rig.run(0, &SYNCHRONIZE_CACHE_10, &[], &[]).status(), (2, 0x3, 0x0C, 0x00));
    assert_eq!(rig.run(0, &self_test, &[], &[]).status(), (2, 0x4, 0x3E, 0x03));
    assert_eq!(state(&mut rig), (0, 0x5D, 0x00));
    let page = rig.run(0, &[0x4D, 0, 0x6F, 0, 0, 0, 0, 0, 255, 0], &[], &[255]).data;
    assert_eq!(page[8..11], [0x5D, 0x00, 0xFF]);
}

#[test]
fn request_sense_tells_the_power_condition_and_why_a_unit_is_not_ready() {
    let file = medium(8, false);
    let mut rig = Rig::on(Choice::Best, disk(0), &file);
    assert_eq!(rig.run(0, &[0x1B, 0, 0, 0, 0x20, 0], &[], &[]).status(), GOOD);
    assert_eq!(state(&mut rig), (0, 0x5E, 0x03), "idle");
    assert_eq!(rig.run(0, &[0x1B, 0, 0, 0, 0x30, 0], &[], &[]).status(), GOOD);
    assert_eq!(state(&mut rig), (0, 0x5E, 0x04), "standby");
    assert_eq!(rig.run(0, &read_10(1, 1), &[], &[512]).status(), GOOD);
    assert_eq!(state(&mut rig), (0, 0, 0), "a command that needs the medium ends it");
    assert_eq!(rig.run(0, &[0x1B, 0, 0, 0, 0, 0], &[], &[]).status(), GOOD);
    assert_eq!(state(&mut rig), (0x2, 0x04, 0x02), "stopped");
    let descriptor = rig.run(0, &[0x03, 1, 0, 0, 252, 0], &[], &[252]).data;
    assert_eq!(descriptor, [0x72, 0x02, 0x04, 0x02, 0, 0, 0, 0]);
}

#[test]
fn informational_exception_that_is_pretended() {
    let file = medium(8, false);
    let mut rig = Rig::on(Choice::Best, disk(0), &file);
    let list = [0, 0, 0, 0, 0x1C, 0x0A, 0x04, 0x06, 0, 0, 0, 0, 0, 0, 0, 0];
    assert_eq!(rig.run(0, &[0x15, 0x10, 0, 0, 16, 0], &[&list], &[]).status(), GOOD);
    assert_eq!(state(&mut rig), (0, 0x5D, 0xFF));
}

#[test]
fn vdisk_svc_dies_and_buffers_are_as_they_were() {
    let file = medium(8, false);
    let mut rig = Rig::process(vec![(disk(0), Some(open(&file)))]);
    let data: Vec<u8> = (0..100).collect();
    assert_eq!(rig.run(0, &[0x3B, 0x02, 0, 0, 0, 0, 0, 0, 100, 0], &[&data], &[]).status(), GOOD);
    assert_eq!(rig.run(0, &[0x3B, 0x0A, 0, 0, 0, 0, 0, 0, 4, 0], &[b"echo"], &[]).status(), GOOD);
    let notebook = rig.notebook.try_clone().unwrap();
    rig.kill();
    rig.death();
    let mut rig = Rig::process_after(Some(notebook), vec![(disk(0), Some(open(&file)))]);
    assert_eq!(rig.run(0, &[0x3C, 0x02, 0, 0, 0, 0, 0, 0, 100, 0], &[], &[100]).data, data);
    assert_eq!(rig.run(0, &[0x3C, 0x0A, 0, 0, 0, 0, 0, 0, 64, 0], &[], &[64]).data, b"echo");
    assert_eq!(rig.run(0, &[0x3C, 0x03, 0, 0, 0, 0, 0, 0, 4, 0], &[], &[4]).data, [0, 0, 0x10, 0]);
    let answer = rig.run(0, &[0x3B, 0x02, 0, 0, 0x10, 0x00, 0, 0, 1, 0], &[&[1]], &[]);
    assert_eq!(answer.status(), INVALID_FIELD_IN_CDB);
}
