//! Thin units and long operations: UNMAP, GET LBA STATUS, WRITE SAME with UNMAP, FORMAT UNIT, SANITIZE.

use std::os::unix::fs::MetadataExt;

use ipc::message::config::{DeviceConfig, FaultConfig};
use ipc::message::record::{ReplyKind, Request, reply_flags, request_flags};

use crate::fixture::*;

const OUT_OF_RANGE: (u8, u8, u8, u8) = (2, 0x5, 0x21, 0x00);
const INVALID_FIELD: (u8, u8, u8, u8) = (2, 0x5, 0x24, 0x00);
const INVALID_LIST: (u8, u8, u8, u8) = (2, 0x5, 0x26, 0x00);
const LIST_LENGTH: (u8, u8, u8, u8) = (2, 0x5, 0x1A, 0x00);
const INVALID_OPCODE: (u8, u8, u8, u8) = (2, 0x5, 0x20, 0x00);
const FORMATTING: (u8, u8, u8, u8) = (2, 0x2, 0x04, 0x04);
const SANITIZING: (u8, u8, u8, u8) = (2, 0x2, 0x04, 0x1B);
const SANITIZE_FAILED: (u8, u8, u8, u8) = (2, 0x3, 0x31, 0x03);
const NOTHING: FaultConfig = FaultConfig { delay_us: 0, fail_every: 0, short_every: 0, die_at: 0 };

/// A file of 1 MiB in which every block of 512 bytes has data.
pub fn full() -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), vec![0xEE; 1 << 20]).unwrap();
    open(&file).sync_all().unwrap();
    file
}

pub fn thin(unit: u32) -> DeviceConfig {
    DeviceConfig { thin: true, ..disk(unit) }
}

pub fn unmap(ranges: &[(u64, u32)]) -> ([u8; 10], Vec<u8>) {
    let len = ranges.len() as u16 * 16;
    let mut list = [(len + 6).to_be_bytes(), len.to_be_bytes(), [0; 2], [0; 2]].concat();
    for (lba, blocks) in ranges {
        list.extend(lba.to_be_bytes());
        list.extend(blocks.to_be_bytes());
        list.extend([0; 4]);
    }
    let [high, low] = (list.len() as u16).to_be_bytes();
    ([0x42, 0, 0, 0, 0, 0, 0, high, low, 0], list)
}

/// GET LBA STATUS: (LBA, blocks, status) of each descriptor.
pub fn lba_status(rig: &mut Rig, lba: u8, room: u8) -> Vec<(u64, u32, u8)> {
    let cdb = [0x9E, 0x12, 0, 0, 0, 0, 0, 0, 0, lba, 0, 0, 0, room, 0, 0];
    let answer = rig.run(0, &cdb, &[], &[u32::from(room)]);
    assert_eq!(answer.status(), GOOD);
    let descriptors = answer.data.get(8..).unwrap_or_default().chunks_exact(16);
    descriptors
        .map(|bytes| {
            let lba = u64::from_be_bytes(bytes[..8].try_into().unwrap());
            (lba, u32::from_be_bytes(bytes[8..12].try_into().unwrap()), bytes[12])
        })
        .collect()
}

#[test]
fn unmap_gives_blocks_back() {
    for choice in engines() {
        let file = full();
        let before = file.path().metadata().unwrap().blocks();
        let mut rig = Rig::on(choice, thin(0), &file);
        assert_eq!(lba_status(&mut rig, 5, 255), [(5, 2043, 0)]);
        let (cdb, list) = unmap(&[(8, 64), (1024, 0), (1024, 1024)]);
        let answer = rig.run(0, &cdb, &[&list], &[]);
        assert_eq!((answer.status(), answer.reply.transferred), (GOOD, 56));
        assert_eq!(lba_status(&mut rig, 0, 255), [(0, 8, 0), (8, 64, 1), (72, 952, 0), (1024, 1024, 1)]);
        assert_eq!(lba_status(&mut rig, 16, 24), [(16, 56, 1)]);
        assert_eq!(rig.run(0, &read_10(7, 2), &[], &[1024]).data, [[0xEE; 512], [0; 512]].concat());
        assert!(file.path().metadata().unwrap().blocks() < before);
        assert_eq!(file.path().metadata().unwrap().len(), 1 << 20);
        rig.stop();
    }
}

#[test]
fn unmap_that_is_refused() {
    let file = full();
    let mut rig = Rig::on(engines()[0], thin(0), &file);
    let mut run = |ranges: &[(u64, u32)], change: fn(&mut [u8; 10], &mut Vec<u8>)| {
        let (mut cdb, mut list) = unmap(ranges);
        change(&mut cdb, &mut list);
        rig.run(0, &cdb, &[&list], &[]).status()
    };
    assert_eq!(run(&[(0, 8), (2047, 2)], |_, _| {}), OUT_OF_RANGE);
    assert_eq!(run(&[(0, 8)], |cdb, _| cdb[8] = 23), LIST_LENGTH);
    assert_eq!(run(&[(0, 8)], |_, list| list.truncate(20)), LIST_LENGTH);
    assert_eq!(run(&[(0, 0); 257], |_, _| {}), INVALID_LIST);
    assert_eq!(run(&[(0, 0); 256], |_, _| {}), GOOD);
    assert_eq!(run(&[], |cdb, _| cdb[8] = 0), GOOD);
    assert!(std::fs::read(file.path()).unwrap().iter().all(|byte| *byte == 0xEE), "not even the first range");
    let mut fixed = Rig::on(engines()[0], disk(0), &full());
    let (cdb, list) = unmap(&[(0, 8)]);
    assert_eq!(fixed.run(0, &cdb, &[&list], &[]).status(), INVALID_OPCODE);
    assert_eq!(lba_status(&mut fixed, 0, 255), [(0, 2048, 0)]);
    let beyond = [0x9E, 0x12, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 255, 0, 0];
    assert_eq!(fixed.run(0, &beyond, &[], &[255]).status(), OUT_OF_RANGE);
}

#[test]
fn write_same_unmaps_zeros_only() {
    let file = full();
    let mut rig = Rig::on(engines()[0], thin(0), &file);
    let no_data = [0x93, 0x09, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 8, 0, 0];
    assert_eq!(rig.run(0, &no_data, &[], &[]).status(), GOOD);
    assert_eq!(rig.run(0, &range_10(0x41, 0x08, 32, 8), &[&[0; 512]], &[]).status(), GOOD);
    assert_eq!(rig.run(0, &range_10(0x41, 0x08, 64, 8), &[&[7; 512]], &[]).status(), GOOD);
    assert_eq!(
        lba_status(&mut rig, 0, 104)[..5],
        [(0, 8, 0), (8, 8, 1), (16, 16, 0), (32, 8, 1), (40, 2008, 0)]
    );
    assert_eq!(rig.run(0, &read_10(64, 8), &[], &[4096]).data, [7; 4096]);
}

#[test]
fn format_unit_leaves_zeros() {
    for device in [disk(0), thin(0)] {
        let file = full();
        let mut rig = Rig::on(engines()[0], device, &file);
        assert_eq!(rig.run(0, &[0x04, 0, 0, 0, 0, 0], &[], &[]).status(), GOOD);
        assert!(std::fs::read(file.path()).unwrap() == vec![0; 1 << 20]);
        let answer = rig.run(0, &[0x04, 0x10, 0, 0, 0, 0], &[&[0, 0, 0, 8]], &[]);
        assert_eq!(answer.status(), INVALID_LIST);
        assert_eq!(rig.run(0, &TEST_UNIT_READY, &[], &[]).status(), GOOD);
        rig.stop();
    }
}

#[test]
fn sanitize_overwrites_with_its_pattern() {
    let file = full();
    let mut rig = Rig::on(engines()[0], disk(0), &file);
    // Two passes, the second one inverted; a pattern of three bytes, which begins anew in each block.
    let answer = rig.run(0, &[0x48, 0x01, 0, 0, 0, 0, 0, 0, 7, 0], &[&[0x82, 0, 0, 3, 1, 2, 4]], &[]);
    assert_eq!((answer.status(), answer.reply.transferred), (GOOD, 7));
    let block: Vec<u8> = [0xFE, 0xFD, 0xFB].into_iter().cycle().take(512).collect();
    assert!(std::fs::read(file.path()).unwrap().chunks(512).all(|bytes| bytes == block));
    assert_eq!(
        rig.run(0, &[0x48, 0x01, 0, 0, 0, 0, 0, 0, 4, 0], &[&[1, 0, 0, 1]], &[]).status(),
        INVALID_FIELD
    );
    assert_eq!(
        rig.run(0, &[0x48, 0x02, 0, 0, 0, 0, 0, 0, 0, 0], &[], &[]).status(),
        INVALID_FIELD,
        "not thin"
    );
    assert_eq!(rig.run(0, &[0x48, 0x1F, 0, 0, 0, 0, 0, 0, 0, 0], &[], &[]).status(), GOOD);
    rig.stop();
}

#[test]
fn sanitize_erases_the_blocks_of_a_thin_unit() {
    let file = full();
    let mut rig = Rig::on(engines()[0], thin(0), &file);
    assert_eq!(rig.run(0, &[0x48, 0x02, 0, 0, 0, 0, 0, 0, 0, 0], &[], &[]).status(), GOOD);
    assert_eq!(lba_status(&mut rig, 0, 255), [(0, 2048, 1)]);
    assert!(std::fs::read(file.path()).unwrap() == vec![0; 1 << 20]);
    // From the first write on the medium is asked again.
    assert_eq!(rig.run(0, &range_10(0x2A, 0, 16, 8), &[&[7; 4096]], &[]).status(), GOOD);
    assert_eq!(lba_status(&mut rig, 0, 255), [(0, 16, 1), (16, 8, 0), (24, 2024, 1)]);
    rig.stop();
}

#[test]
fn others_hear_how_far_a_long_operation_is() {
    let file = full();
    let slow = FaultConfig { delay_us: 20_000, ..NOTHING };
    let mut rig = Rig::on(engines()[0], faulty(0, slow), &file);
    assert_eq!(
        rig.run(0, &[0x48, 0x81, 0, 0, 0, 0, 0, 0, 5, 0], &[&[31, 0, 0, 1, 0x55]], &[]).status(),
        GOOD
    );
    for cdb in [&TEST_UNIT_READY[..], &[0x1B, 0, 0, 0, 1, 0], &[0x04, 0, 0, 0, 0, 0]] {
        let reply = rig.run(0, cdb, &[], &[]).reply;
        assert_eq!((status(&reply), reply.sense[15]), (SANITIZING, 0x80), "{cdb:02x?}");
    }
    assert_eq!(rig.run(0, &read_10(0, 1), &[], &[512]).status(), SANITIZING);
    assert_eq!(rig.run(0, &[0x12, 0, 0, 0, 36, 0], &[], &[36]).status(), GOOD);
    // The core dies; neither fence nor gate waits for the operation.
    rig.relink();
    let fence = rig.fence();
    assert_eq!(rig.reply().serial, fence);
    assert_eq!(rig.run(0, &TEST_UNIT_READY, &[], &[]).status(), SANITIZING);
}

fn wait_ready(rig: &mut Rig, meanwhile: (u8, u8, u8, u8)) -> usize {
    let begun = std::time::Instant::now();
    let mut count = 0;
    loop {
        match rig.run(0, &TEST_UNIT_READY, &[], &[]).status() {
            GOOD => return count,
            other => assert_eq!(other, meanwhile),
        }
        count += 1;
        assert!(begun.elapsed() < LIMIT, "it never ends");
        std::thread::yield_now();
    }
}

#[test]
fn vdisk_svc_dies_in_the_middle_of_a_sanitize() {
    let file = full();
    let faults = FaultConfig { die_at: 60, ..NOTHING };
    let mut rig = Rig::process(vec![(faulty(0, faults), Some(open(&file)))]);
    // Eight passes of four writes and a sync each: it dies in one of them.
    let (request, _) = rig.request(0, &[0x48, 0x01, 0, 0, 0, 0, 0, 0, 5, 0], &[&[31, 0, 0, 1, 0x55]], &[]);
    rig.send_raw(&request);
    assert_eq!(rig.death(), Some(9));
    let notebook = rig.notebook.try_clone().unwrap();
    drop(rig);
    let slow = FaultConfig { delay_us: 500, ..NOTHING };
    let mut rig = Rig::process_after(Some(notebook), vec![(faulty(0, slow), Some(open(&file)))]);
    rig.send_raw(&ipc::message::record::Request { flags: request_flags::AGAIN, ..request });
    assert_eq!(rig.run_beside(0, &TEST_UNIT_READY).status(), SANITIZING, "it goes on");
    let reply = rig.reply();
    assert_eq!((reply.serial, status(&reply)), (request.serial, GOOD), "whoever waits is told of the end");
    assert!(std::fs::read(file.path()).unwrap() == vec![0x55; 1 << 20]);
    assert_eq!(rig.run(0, &TEST_UNIT_READY, &[], &[]).status(), GOOD);
    rig.stop();
}

#[test]
fn vdisk_svc_dies_in_the_middle_of_a_format_that_was_answered() {
    let file = full();
    let faults = FaultConfig { delay_us: 20_000, ..NOTHING };
    let mut rig = Rig::process(vec![(faulty(0, faults), Some(open(&file)))]);
    assert_eq!(rig.run(0, &[0x04, 0x10, 0, 0, 0, 0], &[&[0, 0x02, 0, 0]], &[]).status(), GOOD);
    assert_eq!(rig.run(0, &TEST_UNIT_READY, &[], &[]).status(), FORMATTING);
    let notebook = rig.notebook.try_clone().unwrap();
    rig.kill();
    drop(rig);
    let mut rig = Rig::process_after(Some(notebook), vec![(faulty(0, faults), Some(open(&file)))]);
    wait_ready(&mut rig, FORMATTING);
    assert!(std::fs::read(file.path()).unwrap() == vec![0; 1 << 20]);
    rig.stop();
}

#[test]
fn sanitize_that_fails_is_left_in_the_ways_that_there_are() {
    for (ause, exits) in [(0x20, true), (0x00, false)] {
        let file = full();
        let mut rig = Rig::on(engines()[0], faulty(0, FaultConfig { fail_every: 3, ..NOTHING }), &file);
        let overwrite = [0x48, 0x01 | ause, 0, 0, 0, 0, 0, 0, 5, 0];
        assert_eq!(rig.run(0, &overwrite, &[&[31, 0, 0, 1, 0x55]], &[]).status(), SANITIZE_FAILED);
        assert_eq!(rig.run(0, &read_10(0, 1), &[], &[512]).status(), SANITIZE_FAILED);
        assert_eq!(rig.run(0, &[0x04, 0, 0, 0, 0, 0], &[], &[]).status(), SANITIZE_FAILED);
        let exit = rig.run(0, &[0x48, 0x1F, 0, 0, 0, 0, 0, 0, 0, 0], &[], &[]).status();
        assert_eq!(exit, if exits { GOOD } else { INVALID_FIELD });
        let ready = rig.run(0, &TEST_UNIT_READY, &[], &[]).status();
        assert_eq!(ready, if exits { GOOD } else { SANITIZE_FAILED });
    }
}

#[test]
fn sanitize_keeps_to_its_rate() {
    let file = full();
    let mut rig = Rig::on(engines()[0], DeviceConfig { sanitize_rate: 2 << 20, ..thin(0) }, &file);
    let pattern: &[&[u8]] = &[&[0x01, 0, 0, 1, 0x55]];
    let overwrite = ([0x48, 0x01, 0, 0, 0, 0, 0, 0, 5, 0], pattern);
    let erase = ([0x48, 0x02, 0, 0, 0, 0, 0, 0, 0, 0], &[][..]);
    for (cdb, lists) in [overwrite, erase] {
        let begun = std::time::Instant::now();
        assert_eq!(rig.run(0, &cdb, lists, &[]).status(), GOOD);
        // A MiB at two in a second.
        assert!(begun.elapsed().as_millis() >= 490, "{cdb:02x?} took {:?}", begun.elapsed());
    }
    rig.stop();
}

#[test]
fn abort_of_a_sanitize_ends_the_command_and_not_the_operation() {
    let file = full();
    let mut rig = Rig::on(engines()[0], DeviceConfig { sanitize_rate: 1 << 20, ..disk(0) }, &file);
    let sent = rig.send(0, &[0x48, 0x01, 0, 0, 0, 0, 0, 0, 5, 0], &[&[0x01, 0, 0, 1, 0x55]], &[]);
    rig.abort(sent.serial);
    let reply = rig.reply();
    assert_eq!((reply.serial, reply.flags), (sent.serial, reply_flags::ABORTED));
    assert_eq!(rig.run(0, &TEST_UNIT_READY, &[], &[]).status(), SANITIZING, "it goes on");
    assert!(wait_ready(&mut rig, SANITIZING) > 0);
    assert!(std::fs::read(file.path()).unwrap() == vec![0x55; 1 << 20]);
    rig.stop();
}

#[test]
fn core_dies_in_the_middle_of_a_sanitize() {
    let file = full();
    let mut rig = Rig::on(engines()[0], DeviceConfig { sanitize_rate: 2 << 20, ..disk(0) }, &file);
    let (request, _) = rig.request(0, &[0x48, 0x01, 0, 0, 0, 0, 0, 0, 5, 0], &[&[0x01, 0, 0, 1, 0x55]], &[]);
    rig.send_raw(&request);
    for _ in 0..2 {
        rig.relink();
        let fence = rig.fence();
        let fenced = rig.reply();
        assert_eq!((fenced.kind, fenced.serial), (ReplyKind::Fenced as u8, fence));
        assert_eq!(rig.run(0, &TEST_UNIT_READY, &[], &[]).status(), SANITIZING, "nothing waits for its end");
        rig.send_raw(&Request { flags: request_flags::AGAIN, ..request });
    }
    assert_eq!(rig.run_beside(0, &TEST_UNIT_READY).status(), SANITIZING);
    let reply = rig.reply();
    assert_eq!((reply.serial, status(&reply)), (request.serial, GOOD), "its own command waits for its end");
    assert!(std::fs::read(file.path()).unwrap() == vec![0x55; 1 << 20]);
    assert_eq!(rig.run(0, &TEST_UNIT_READY, &[], &[]).status(), GOOD);
    rig.stop();
}
