//! Media that fail: the failure is told, once and truly, and nobody else suffers.

use std::time::{Duration, Instant};

use ipc::message::Event;
use ipc::message::config::FaultConfig;

use crate::fixture::*;

const UNRECOVERED_READ: (u8, u8, u8, u8) = (2, 0x3, 0x11, 0x00);
const WRITE_ERROR: (u8, u8, u8, u8) = (2, 0x3, 0x0C, 0x00);
const NOTHING: FaultConfig = FaultConfig { delay_us: 0, fail_every: 0, short_every: 0, die_at: 0 };

#[test]
fn read_and_write_that_fail() {
    for choice in engines() {
        let file = medium(8, false);
        let mut rig = Rig::on(choice, faulty(0, FaultConfig { fail_every: 2, ..NOTHING }), &file);
        assert_eq!(rig.run(0, &read_10(1, 1), &[], &[512]).status(), GOOD);
        let answer = rig.run(0, &read_10(6, 1), &[], &[512]);
        assert_eq!((answer.status(), information(&answer.reply)), (UNRECOVERED_READ, Some(6)));
        assert_eq!((answer.reply.transferred, answer.reply.wanted), (0, 0));
        assert_eq!(rig.run(0, &read_10(6, 1), &[], &[512]).status(), GOOD);
        let answer = rig.run(0, &write_10(5, 1), &[&[9; 512]], &[]);
        assert_eq!((answer.status(), information(&answer.reply)), (WRITE_ERROR, Some(5)));
    }
}

#[test]
fn read_and_write_that_are_short_at_first() {
    for choice in engines() {
        for in_memory in [false, true] {
            let file = medium(8, in_memory);
            let mut rig = Rig::on(choice, faulty(0, FaultConfig { short_every: 1, ..NOTHING }), &file);
            let data: Vec<u8> = (0..1536u32).map(|n| (n % 253) as u8).collect();
            assert_eq!(rig.run(0, &write_10(1, 3), &[&data[..700], &data[700..]], &[]).status(), GOOD);
            let answer = rig.run(0, &read_10(1, 3), &[], &[100, 1436]);
            assert_eq!((answer.status(), answer.reply.transferred), (GOOD, 1536));
            assert_eq!(answer.data, data);
        }
    }
}

#[test]
fn synchronize_cache_that_failed_is_not_forgotten() {
    for choice in engines() {
        let file = medium(8, false);
        let mut rig = Rig::on(choice, faulty(0, FaultConfig { fail_every: 2, ..NOTHING }), &file);
        assert_eq!(rig.run(0, &write_10(1, 1), &[&[1; 512]], &[]).status(), GOOD);
        assert_eq!(rig.run(0, &SYNCHRONIZE_CACHE_10, &[], &[]).status(), WRITE_ERROR);
        assert!(matches!(rig.event(), Event::Problem { text } if text.contains("disk0")));
        for _ in 0..3 {
            assert_eq!(
                rig.run(0, &SYNCHRONIZE_CACHE_10, &[], &[]).status(),
                WRITE_ERROR,
                "the data is still lost"
            );
        }
        assert_eq!(rig.run(0, &read_10(2, 1), &[], &[512]).status(), GOOD);
    }
}

#[test]
fn write_10_with_fua_whose_sync_fails() {
    for choice in engines() {
        let file = medium(8, false);
        let mut rig = Rig::on(choice, faulty(0, FaultConfig { fail_every: 2, ..NOTHING }), &file);
        let answer = rig.run(0, &write_10_fua(1, 1), &[&[1; 512]], &[]);
        assert_eq!((answer.status(), answer.reply.transferred), (WRITE_ERROR, 512));
    }
}

#[test]
fn read_10_that_is_delayed_holds_up_nobody_else() {
    for choice in engines() {
        let (slow, fast) = (medium(8, false), medium(8, false));
        let faults = FaultConfig { delay_us: 100_000, ..NOTHING };
        let devices = vec![(faulty(0, faults), Some(open(&slow))), (disk(1), Some(open(&fast)))];
        let mut rig = Rig::start(choice, devices);
        let begun = Instant::now();
        let late = rig.send(0, &read_10(2, 1), &[], &[512]);
        for _ in 0..10 {
            assert_eq!(rig.run(1, &read_10(3, 1), &[], &[512]).data, [3; 512]);
        }
        let reply = rig.reply();
        assert_eq!((reply.serial, status(&reply)), (late.serial, GOOD));
        assert!(begun.elapsed() >= Duration::from_millis(100));
        assert_eq!(rig.data(&late, 512), [2; 512]);
    }
}

#[test]
fn vdisk_svc_dies_in_the_middle_of_a_write() {
    let file = medium(8, false);
    let faults = FaultConfig { die_at: 2, ..NOTHING };
    let mut rig = Rig::process(vec![(faulty(0, faults), Some(open(&file)))]);
    assert_eq!(rig.run(0, &write_10(1, 1), &[&[0xA1; 512]], &[]).status(), GOOD);
    rig.send(0, &write_10(2, 2), &[&[0xA2; 1024]], &[]);
    assert_eq!(rig.death(), Some(9));
    let half = std::fs::read(file.path()).unwrap();
    assert_eq!((&half[1024..1536], &half[1536..2048]), (&[0xA2; 512][..], &[3; 512][..]));

    // The next incarnation gets the medium, and the command again.
    let mut rig = Rig::process(vec![(disk(0), Some(open(&file)))]);
    assert_eq!(rig.run(0, &write_10(2, 2), &[&[0xA2; 1024]], &[]).status(), GOOD);
    assert_eq!(
        rig.run(0, &read_10(1, 3), &[], &[1536]).data,
        [[0xA1; 512], [0xA2; 512], [0xA2; 512]].concat()
    );
    rig.stop();
}

#[test]
fn vdisk_svc_dies_at_a_sync() {
    let file = medium(8, false);
    let mut rig = Rig::process(vec![(faulty(0, FaultConfig { die_at: 2, ..NOTHING }), Some(open(&file)))]);
    rig.send(0, &write_10_fua(1, 1), &[&[0xA1; 512]], &[]);
    assert_eq!(rig.death(), Some(9));
    assert_eq!(rig.reply_within(Duration::from_millis(1)), None, "nothing was acknowledged");
}

/// I6: what the old incarnation had begun is over before the next one begins, so it cannot overwrite the next one's data.
#[test]
fn vdisk_svc_dies_again_and_again_with_writes_in_the_kernel() {
    const BLOCKS: u16 = 128;
    let file = tempfile::NamedTempFile::new().unwrap();
    open(&file).set_len(64 * 512 * u64::from(BLOCKS)).unwrap();
    for round in 0..20u8 {
        let mut rig = Rig::process(vec![(disk(0), Some(open(&file)))]);
        let data = vec![round; 512 * usize::from(BLOCKS)];
        for n in 0..64 {
            rig.send(0, &write_10(n * u32::from(BLOCKS), BLOCKS), &[&data], &[]);
        }
        for _ in 0..round {
            assert_eq!(status(&rig.reply()), GOOD);
        }
        rig.kill();
        let mut rig = Rig::process(vec![(disk(0), Some(open(&file)))]);
        let data = vec![!round; 512 * usize::from(BLOCKS)];
        for n in 0..64 {
            rig.send(0, &write_10(n * u32::from(BLOCKS), BLOCKS), &[&data], &[]);
        }
        for _ in 0..64 {
            assert_eq!(status(&rig.reply()), GOOD);
        }
        let there = std::fs::read(file.path()).unwrap();
        assert!(there.iter().all(|byte| *byte == !round), "round {round}: an old write came late");
        rig.stop();
    }
}

/// CHECK CONDITION, MEDIUM ERROR, WRITE ERROR; and the response code says whether it is deferred.
const LOST: (u8, u8, u8, u8) = (2, 0x3, 0x0C, 0x00);
const CURRENT: u8 = 0x70;
const DEFERRED: u8 = 0x71;
const SYNCHRONIZE_CACHE_10_IMMED: [u8; 10] = [0x35, 0x02, 0, 0, 0, 0, 0, 0, 0, 0];

#[test]
fn lost_data_is_told_once_to_every_nexus_that_did_not_ask() {
    for choice in engines() {
        let file = medium(8, false);
        let mut rig = Rig::on(choice, faulty(0, FaultConfig { fail_every: 2, ..NOTHING }), &file);
        assert_eq!(rig.run(0, &write_10(1, 1), &[&[7; 512]], &[]).status(), GOOD);
        let sync = rig.run(0, &SYNCHRONIZE_CACHE_10, &[], &[]);
        assert_eq!((sync.status(), sync.reply.sense[0]), (LOST, CURRENT));
        assert_eq!(rig.run(0, &TEST_UNIT_READY, &[], &[]).status(), GOOD, "who has heard is not told again");

        rig.nexus = 0x22;
        let inquiry = rig.run(0, &[0x12, 0, 0, 0, 36, 0], &[], &[36]);
        assert_eq!(inquiry.status(), GOOD, "INQUIRY does not tell it");
        let write = rig.run(0, &write_10(2, 1), &[&[9; 512]], &[]);
        assert_eq!((write.status(), write.reply.sense[0]), (LOST, DEFERRED));
        assert_eq!(std::fs::read(file.path()).unwrap()[1024..1536], [2; 512], "it was not executed");
        assert_eq!(rig.run(0, &TEST_UNIT_READY, &[], &[]).status(), GOOD, "once is enough");
        let sync = rig.run(0, &SYNCHRONIZE_CACHE_10, &[], &[]);
        assert_eq!((sync.status(), sync.reply.sense[0]), (LOST, CURRENT), "and no sync succeeds any more");

        rig.nexus = 0x33;
        let sense = rig.run(0, &[0x03, 0, 0, 0, 18, 0], &[], &[18]);
        assert_eq!(sense.status(), GOOD);
        assert_eq!(
            (sense.data[0], sense.data[2], sense.data[12], sense.data[13]),
            (DEFERRED, 0x03, 0x0C, 0x00)
        );
        assert_eq!(rig.run(0, &TEST_UNIT_READY, &[], &[]).status(), GOOD, "REQUEST SENSE has told it");
    }
}

#[test]
fn synchronize_cache_with_immed_is_answered_first_and_fails_later() {
    for choice in engines() {
        let file = medium(8, false);
        let faults = FaultConfig { fail_every: 2, delay_us: 60_000, ..NOTHING };
        let mut rig = Rig::on(choice, faulty(0, faults), &file);
        assert_eq!(rig.run(0, &write_10(1, 1), &[&[7; 512]], &[]).status(), GOOD);
        // It fails, so that GOOD can only have come before its end.
        assert_eq!(rig.run(0, &SYNCHRONIZE_CACHE_10_IMMED, &[], &[]).status(), GOOD);
        let deadline = std::time::Instant::now() + LIMIT;
        let told = loop {
            let ready = rig.run(0, &TEST_UNIT_READY, &[], &[]);
            if ready.status() != GOOD {
                break ready;
            }
            assert!(std::time::Instant::now() < deadline, "nobody is told");
        };
        assert_eq!((told.status(), told.reply.sense[0]), (LOST, DEFERRED), "also who asked has not heard");
        assert_eq!(rig.run(0, &TEST_UNIT_READY, &[], &[]).status(), GOOD);
    }
}

#[test]
fn synchronize_cache_with_immed_holds_the_fence_of_the_next_link() {
    for choice in engines() {
        let file = medium(8, false);
        let mut rig = Rig::on(choice, faulty(0, FaultConfig { delay_us: 60_000, ..NOTHING }), &file);
        let begun = std::time::Instant::now();
        assert_eq!(rig.run(0, &SYNCHRONIZE_CACHE_10_IMMED, &[], &[]).status(), GOOD);
        rig.link_down();
        rig.relink();
        rig.fence();
        rig.reply();
        assert!(begun.elapsed() >= std::time::Duration::from_millis(60), "it is not over before the sync");
        assert_eq!(rig.run(0, &TEST_UNIT_READY, &[], &[]).status(), GOOD);
    }
}

/// A service in a process of its own that finds what the one before it has noted.
fn successor(
    rig: &mut Rig,
    device: ipc::message::config::DeviceConfig,
    file: &tempfile::NamedTempFile,
) -> Rig {
    rig.kill();
    rig.death();
    let notebook = rig.notebook.try_clone().unwrap();
    Rig::process_after(Some(notebook), vec![(device, Some(open(file)))])
}

#[test]
fn vdisk_svc_dies_after_data_was_lost() {
    let file = medium(8, false);
    let faults = FaultConfig { fail_every: 2, ..NOTHING };
    let mut rig = Rig::process(vec![(faulty(0, faults), Some(open(&file)))]);
    assert_eq!(rig.run(0, &write_10(1, 1), &[&[7; 512]], &[]).status(), GOOD);
    assert_eq!(rig.run(0, &SYNCHRONIZE_CACHE_10, &[], &[]).status(), LOST);

    let mut rig = successor(&mut rig, disk(0), &file);
    assert_eq!(rig.run(0, &TEST_UNIT_READY, &[], &[]).status(), GOOD, "who has heard is not told again");
    assert_eq!(rig.run(0, &SYNCHRONIZE_CACHE_10, &[], &[]).status(), LOST, "it is as lost as before");
    rig.nexus = 0x22;
    let (request, sent) = rig.request(0, &TEST_UNIT_READY, &[], &[]);
    rig.send_raw(&request);
    let told = rig.reply();
    assert_eq!((told.serial, status(&told), told.sense[0]), (sent.serial, LOST, DEFERRED));

    // Nobody has heard that answer: the command comes again.
    let mut rig = successor(&mut rig, disk(0), &file);
    rig.nexus = 0x22;
    rig.send_raw(&ipc::message::record::Request {
        flags: ipc::message::record::request_flags::AGAIN,
        ..request
    });
    let told = rig.reply();
    assert_eq!((told.serial, status(&told), told.sense[0]), (sent.serial, LOST, DEFERRED));
    let (mut later, _) = rig.request(0, &TEST_UNIT_READY, &[], &[]);
    later.serial = 1000;
    rig.send_raw(&later);
    assert_eq!(status(&rig.reply()), GOOD, "once is enough");

    // An administrator has the service stopped: syncs work again, and who has not heard is told.
    let notebook = rig.notebook.try_clone().unwrap();
    rig.stop();
    let mut rig = Rig::process_after(Some(notebook), vec![(disk(0), Some(open(&file)))]);
    assert_eq!(rig.run(0, &SYNCHRONIZE_CACHE_10, &[], &[]).status(), GOOD);
    rig.nexus = 0x33;
    let told = rig.run(0, &TEST_UNIT_READY, &[], &[]);
    assert_eq!((told.status(), told.reply.sense[0]), (LOST, DEFERRED));
    rig.stop();
}

#[test]
fn data_that_was_lost_while_nobody_lived_to_note_it() {
    let file = medium(8, false);
    let device = ipc::message::config::DeviceConfig { lost: true, ..disk(0) };
    let mut rig = Rig::on(vdisk_svc::engine::Choice::Threads, device, &file);
    assert!(matches!(rig.event(), Event::Problem { text } if text.contains("disk0")));
    let told = rig.run(0, &TEST_UNIT_READY, &[], &[]);
    assert_eq!((told.status(), told.reply.sense[0]), (LOST, DEFERRED));
    assert_eq!(rig.run(0, &TEST_UNIT_READY, &[], &[]).status(), GOOD);
    assert_eq!(rig.run(0, &SYNCHRONIZE_CACHE_10, &[], &[]).status(), LOST);
}
