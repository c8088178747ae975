//! A recorder read back: what was written, what is left after many, and what an enemy left.

use std::backtrace::Backtrace;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use super::read::{Body, read};
use super::*;
use crate::message::record::{ReplyKind, RequestKind};
use crate::shm;

fn segment() -> OwnedFd {
    shm::create("recorder", BYTES).unwrap()
}

fn read_10(serial: u64) -> Request {
    let mut request = Request::new(RequestKind::Execute, 7, serial);
    (request.unit, request.in_len, request.lun) = (3, 4096, 0x0001_0000_0000_0000);
    request.cdb[..10].copy_from_slice(&[0x28, 0, 0, 0, 0x12, 0x34, 0, 0, 8, 0]);
    request
}

#[test]
fn nothing_is_read_where_nobody_began() {
    assert_eq!(read(segment()).unwrap(), None);
    assert!(read(shm::create("recorder", BYTES - 4096).unwrap()).is_err());
    assert!(Recorder::begin(shm::create("recorder", 4096).unwrap(), 0).is_err());
}

#[test]
fn records_are_read_as_they_were_written() {
    let fd = segment();
    let before = micros();
    let recorder = Recorder::begin(&fd, 5).unwrap();
    recorder.request(What::Taken, &read_10(9));
    recorder.tick(Instant::now() + Duration::from_secs(10));
    let mut reply = Reply::new(ReplyKind::Done, 7, 9);
    (reply.status, reply.transferred, reply.sense_len) = (2, 512, 18);
    reply.sense[..3].copy_from_slice(&[0x70, 0, 5]);
    recorder.reply(What::Answered, &reply);
    let found = read(&fd).unwrap().unwrap();
    assert_eq!((found.incarnation, found.pid), (5, u64::from(std::process::id())));
    let [first, second] = &found.records[..] else { panic!("{found:?}") };
    assert_eq!((first.number, first.what, first.kind), (1, What::Taken, RequestKind::Execute as u8));
    assert_eq!((first.nexus, first.serial), (7, 9));
    let mut cdb = [0; 16];
    cdb[..10].copy_from_slice(&[0x28, 0, 0, 0, 0x12, 0x34, 0, 0, 8, 0]);
    assert_eq!(first.body, Body::Request { unit: 3, len: 4096, lun: 0x0001_0000_0000_0000, cdb });
    assert!((before..=micros()).contains(&first.micros), "{} is not after {before}", first.micros);
    assert!(second.micros >= first.micros + 9_000_000);
    let mut sense = [0; 16];
    sense[..3].copy_from_slice(&[0x70, 0, 5]);
    let body = Body::Reply { status: 2, flags: 0, transferred: 512, sense_len: 18, sense };
    assert_eq!((second.what, second.body), (What::Answered, body));
}

#[test]
fn the_last_are_left_of_many() {
    let fd = segment();
    let recorder = Recorder::begin(&fd, 0).unwrap();
    for serial in 1..=3 * RECORDS as u64 + 17 {
        recorder.request(What::Asked, &read_10(serial));
    }
    let found = read(&fd).unwrap().unwrap();
    let serials: Vec<u64> = found.records.iter().map(|record| record.serial).collect();
    let last = 3 * RECORDS as u64 + 17;
    assert_eq!(serials, (last + 9 - RECORDS as u64..=last).collect::<Vec<u64>>());
    // A successor finds nothing of it.
    Recorder::begin(&fd, 1).unwrap();
    let found = read(&fd).unwrap().unwrap();
    assert_eq!((found.incarnation, found.records.len()), (1, 0));
}

#[test]
fn panic_and_legend_are_cut_to_their_room() {
    let fd = segment();
    let recorder = Recorder::begin(&fd, 0).unwrap();
    recorder.legend("28 READ(10)\n9e/10 READ CAPACITY(16)\n7f/9 READ(32)\nnonsense\nzz X\n");
    recorder.request(What::Taken, &read_10(1));
    recorder.panicked(&"long ".repeat(PANIC_BYTES), &Backtrace::disabled());
    let found = read(&fd).unwrap().unwrap();
    assert_eq!(found.panic.as_ref().unwrap().len(), PANIC_BYTES);
    assert_eq!(found.records.len(), 1, "the ring is as it was");
    let mut cdb = [0; 16];
    let mut name = |bytes: &[(usize, u8)]| {
        bytes.iter().for_each(|(at, byte)| cdb[*at] = *byte);
        found.name(&cdb).map(str::to_owned)
    };
    assert_eq!(name(&[(0, 0x28), (1, 8)]).unwrap(), "READ(10)");
    assert_eq!(name(&[(0, 0x9E), (1, 0x10)]).unwrap(), "READ CAPACITY(16)");
    assert_eq!(name(&[(0, 0x9E), (1, 0x11)]), None);
    assert_eq!(name(&[(0, 0x7F), (9, 9)]).unwrap(), "READ(32)");
    recorder.panicked("assertion `left == right` failed\u{1b}[31m", &Backtrace::force_capture());
    let text = read(&fd).unwrap().unwrap().panic.unwrap();
    assert!(text.starts_with("assertion `left == right` failed?[31m\n"), "{text}");
    assert!(text.contains("panic_and_legend_are_cut_to_their_room"), "{text}");
}

#[test]
fn whatever_an_enemy_wrote_is_read() {
    let fd = segment();
    Recorder::begin(&fd, 0).unwrap();
    let map = Mapping::new(&fd).unwrap();
    let mut state = 0x9E37_79B9_7F4A_7C15u64;
    for round in 0..64u64 {
        for index in 1..map.size() / 8 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(round | 1);
            let value = if round == 0 { u64::MAX } else { state };
            map.word(index).store(value, Ordering::Relaxed);
        }
        let found = read(&fd).unwrap().unwrap();
        assert!(found.records.len() <= RECORDS);
        assert!(found.records.windows(2).all(|pair| pair[0].number < pair[1].number));
        assert!(found.panic.is_none_or(|text| text.len() <= 3 * PANIC_BYTES));
    }
}
