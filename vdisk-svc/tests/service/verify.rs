//! VERIFY, WRITE AND VERIFY, WRITE SAME, ORWRITE and PRE-FETCH through the service, CDBs and answers typed from SBC-3.

use ipc::message::config::{BackendConfig, DeviceConfig, FaultConfig};
use vdisk_svc::stats::Counter;

use crate::fixture::*;

const MISCOMPARE: (u8, u8, u8, u8) = (2, 0xE, 0x1D, 0x00);
const OUT_OF_RANGE: (u8, u8, u8, u8) = (2, 0x5, 0x21, 0x00);
const INVALID_FIELD: (u8, u8, u8, u8) = (2, 0x5, 0x24, 0x00);
const WRONG_LENGTH: (u8, u8, u8, u8) = (2, 0x5, 0x0E, 0x03);
const WRITE_PROTECTED: (u8, u8, u8, u8) = (2, 0x7, 0x27, 0x00);
const WRITE_ERROR: (u8, u8, u8, u8) = (2, 0x3, 0x0C, 0x00);
const UNRECOVERED_READ: (u8, u8, u8, u8) = (2, 0x3, 0x11, 0x00);
const CONDITION_MET: (u8, u8, u8, u8) = (4, 0, 0, 0);

fn blocks(range: std::ops::Range<u8>) -> Vec<u8> {
    range.flat_map(|block| [block; 512]).collect()
}

#[test]
fn verify_in_every_length_of_cdb() {
    let cdbs: [&[u8]; 3] = [
        &[0x2F, 0x02, 0, 0, 0, 9, 0, 0, 2, 0],
        &[0xAF, 0x02, 0, 0, 0, 9, 0, 0, 0, 2, 0, 0],
        &[0x8F, 0x02, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 2, 0, 0],
    ];
    everywhere(|rig, _| {
        for cdb in cdbs {
            let answer = rig.run(0, cdb, &[&blocks(9..11)[..100], &blocks(9..11)[100..]], &[]);
            assert_eq!((answer.status(), answer.reply.transferred, answer.reply.wanted), (GOOD, 1024, 1024));
            let mut wrong = blocks(9..11);
            wrong[777] ^= 1;
            let answer = rig.run(0, cdb, &[&wrong], &[]);
            assert_eq!((answer.status(), information(&answer.reply)), (MISCOMPARE, Some(777)), "{cdb:02x?}");
        }
    });
}

#[test]
fn verify_without_data_reads_only() {
    everywhere(|rig, _| {
        assert_eq!(rig.run(0, &range_10(0x2F, 0, 0, 64), &[], &[]).status(), GOOD);
        assert_eq!(rig.run(0, &range_10(0x2F, 0, 64, 0), &[], &[]).status(), GOOD);
        let answer = rig.run(0, &range_10(0x2F, 0, 63, 2), &[], &[]);
        assert_eq!((answer.status(), information(&answer.reply)), (OUT_OF_RANGE, Some(64)));
    });
}

#[test]
fn verify_every_block_against_one() {
    everywhere(|rig, file| {
        std::fs::write(file.path(), [[0xAB; 512 * 60].to_vec(), blocks(0..4)].concat()).unwrap();
        let answer = rig.run(0, &range_10(0x2F, 0x06, 0, 60), &[&[0xAB; 512]], &[]);
        assert_eq!((answer.status(), answer.reply.transferred), (GOOD, 512));
        let answer = rig.run(0, &range_10(0x2F, 0x06, 58, 3), &[&[0xAB; 512]], &[]);
        assert_eq!((answer.status(), information(&answer.reply)), (MISCOMPARE, Some(0)));
        assert_eq!(rig.run(0, &range_10(0x2F, 0x06, 0, 3), &[&[0xAB; 511]], &[]).status(), WRONG_LENGTH);
    });
}

#[test]
fn verify_of_more_than_a_buffer() {
    for choice in engines() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let bytes: Vec<u8> = (0..3 << 20).map(|n: u32| (n / 509) as u8).collect();
        std::fs::write(file.path(), &bytes).unwrap();
        let mut rig = Rig::on(choice, disk(0), &file);
        let cdb = range_10(0x2F, 0x02, 8, 6000);
        let mut data = bytes[8 * 512..6008 * 512].to_vec();
        assert_eq!(rig.run(0, &cdb, &[&data], &[]).status(), GOOD);
        data[6000 * 512 - 1] ^= 0x80;
        let answer = rig.run(0, &cdb, &[&data], &[]);
        assert_eq!((answer.status(), information(&answer.reply)), (MISCOMPARE, Some(6000 * 512 - 1)));
        // More than there are buffers, all at once.
        let sent: Vec<u64> =
            (0..40).map(|_| rig.send(0, &range_10(0x2F, 0, 0, 6000), &[], &[]).serial).collect();
        let mut serials: Vec<u64> = (0..40)
            .map(|_| {
                let reply = rig.reply();
                assert_eq!(status(&reply), GOOD);
                reply.serial
            })
            .collect();
        serials.sort_unstable();
        assert_eq!(serials, sent);
        rig.stop();
    }
}

#[test]
fn write_and_verify_is_on_the_medium() {
    let cdbs: [&[u8]; 3] = [
        &[0x2E, 0x02, 0, 0, 0, 9, 0, 0, 2, 0],
        &[0xAE, 0x00, 0, 0, 0, 9, 0, 0, 0, 2, 0, 0],
        &[0x8E, 0x02, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 2, 0, 0],
    ];
    everywhere(|rig, file| {
        for (n, cdb) in cdbs.into_iter().enumerate() {
            let answer = rig.run(0, cdb, &[&[0xA0 + n as u8; 1024]], &[]);
            assert_eq!((answer.status(), answer.reply.transferred), (GOOD, 1024));
            assert_eq!(rig.counter(Counter::Syncs), n as u64 + 1);
            let there = std::fs::read(file.path()).unwrap();
            assert_eq!(there[9 * 512..11 * 512], [0xA0 + n as u8; 1024]);
            assert_eq!((there[9 * 512 - 1], there[11 * 512]), (8, 11));
        }
        let answer = rig.run(0, &range_10(0x2E, 0, 5, 2), &[&[1; 512]], &[]);
        assert_eq!((answer.status(), answer.reply.transferred, answer.reply.wanted), (GOOD, 512, 1024));
        assert_eq!(rig.run(0, &range_10(0x2E, 0, 63, 2), &[&[1; 1024]], &[]).status(), OUT_OF_RANGE);
    });
}

#[test]
fn write_same_writes_the_block_everywhere() {
    everywhere(|rig, file| {
        let pattern: Vec<u8> = (0..512u32).map(|n| (n % 251) as u8).collect();
        let answer = rig.run(0, &range_10(0x41, 0, 10, 20), &[&pattern], &[]);
        assert_eq!((answer.status(), answer.reply.transferred, answer.reply.wanted), (GOOD, 512, 512));
        let there = std::fs::read(file.path()).unwrap();
        assert_eq!(there[10 * 512..30 * 512], pattern.repeat(20));
        assert_eq!((there[10 * 512 - 1], there[30 * 512]), (9, 30));
        // Zeros, and zeros without data.
        assert_eq!(rig.run(0, &range_10(0x41, 0, 20, 2), &[&[0; 512]], &[]).status(), GOOD);
        let no_data = [0x93, 0x01, 0, 0, 0, 0, 0, 0, 0, 40, 0, 0, 0, 3, 0, 0];
        assert_eq!(rig.run(0, &no_data, &[], &[]).status(), GOOD);
        let there = std::fs::read(file.path()).unwrap();
        assert_eq!(
            (&there[20 * 512..22 * 512], &there[40 * 512..43 * 512]),
            (&[0; 1024][..], &[0; 1536][..])
        );
        assert_eq!((there[22 * 512], there[43 * 512], there.len()), (pattern[0], 43, 64 * 512));
    });
}

#[test]
fn write_same_that_is_refused() {
    everywhere(|rig, file| {
        let before = std::fs::read(file.path()).unwrap();
        let mut same = |flags, lba, count, len: usize| {
            rig.run(0, &range_10(0x41, flags, lba, count), &[&vec![9; len]], &[]).status()
        };
        assert_eq!(same(0, 63, 2, 512), OUT_OF_RANGE);
        assert_eq!(same(0, 3, 0, 512), INVALID_FIELD, "WSNZ");
        assert_eq!(same(0, 3, 1, 511), WRONG_LENGTH);
        assert_eq!(same(0, 3, 1, 1024), WRONG_LENGTH);
        assert_eq!(same(0x08, 3, 1, 512), INVALID_FIELD, "nothing can be unmapped");
        assert_eq!(same(0x10, 3, 1, 512), INVALID_FIELD, "nor anchored");
        assert_eq!(std::fs::read(file.path()).unwrap(), before);
    });
    let null = DeviceConfig { backend: BackendConfig::Null { bytes: 1 << 40 }, block_size: 4096, ..disk(0) };
    let mut rig = Rig::start(engines()[0], vec![(null, None)]);
    // MAXIMUM WRITE SAME LENGTH, bytes 36 to 43 of VPD page B0h.
    assert_eq!(
        rig.run(0, &[0x12, 1, 0xB0, 0, 64, 0], &[], &[64]).data[36..44],
        [0, 0, 0, 0, 0, 0, 0xFF, 0xFF]
    );
    let long = |len: u32| {
        let [a, b, c, d] = len.to_be_bytes();
        [0x93, 0x01, 0, 0, 0, 0, 0, 0, 0, 0, a, b, c, d, 0, 0]
    };
    assert_eq!(rig.run(0, &long(0x1_0000), &[], &[]).status(), INVALID_FIELD);
    assert_eq!(rig.run(0, &long(0xFFFF), &[], &[]).status(), GOOD);
}

#[test]
fn write_same_of_much_holds_up_nobody() {
    for choice in engines() {
        let file = tempfile::NamedTempFile::new().unwrap();
        open(&file).set_len(0xFFFF * 512).unwrap();
        let small = medium(8, false);
        let mut rig = Rig::start(choice, vec![(disk(0), Some(open(&file))), (disk(1), Some(open(&small)))]);
        let many = [0x93, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0, 0];
        let sent = rig.send(0, &many, &[&[0x5A; 512]], &[]);
        let mut first = rig.send(1, &read_10(3, 1), &[], &[512]).serial;
        let reply = rig.reply();
        if reply.serial == sent.serial {
            first = rig.reply().serial;
        } else {
            assert_eq!((reply.serial, rig.reply().serial), (first, sent.serial), "the read went first");
        }
        assert!(first > sent.serial);
        assert!(std::fs::read(file.path()).unwrap().iter().all(|byte| *byte == 0x5A));
        rig.stop();
    }
}

#[test]
fn or_write_sets_bits() {
    everywhere(|rig, file| {
        let or = [0x8B, 0x08, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 4, 0, 0];
        let answer = rig.run(0, &or, &[&[0xF0; 2048]], &[]);
        assert_eq!((answer.status(), answer.reply.transferred), (GOOD, 2048));
        let there = std::fs::read(file.path()).unwrap();
        assert_eq!(there[8 * 512..12 * 512], blocks(0xF8..0xFC));
        assert_eq!((there[8 * 512 - 1], there[12 * 512]), (7, 12));
        assert_eq!(rig.counter(Counter::Syncs), 1, "FUA");
    });
}

#[test]
fn pre_fetch_ends_with_condition_met() {
    everywhere(|rig, _| {
        for flags in [0, 0x02] {
            assert_eq!(rig.run(0, &range_10(0x34, flags, 8, 8), &[], &[]).status(), CONDITION_MET);
            assert_eq!(rig.run(0, &range_10(0x34, flags, 8, 0), &[], &[]).status(), CONDITION_MET);
            assert_eq!(rig.run(0, &range_10(0x34, flags, 63, 2), &[], &[]).status(), OUT_OF_RANGE);
        }
        let sixteen = [0x90, 0, 0, 0, 0, 0, 0, 0, 0, 63, 0, 0, 0, 1, 0, 0];
        assert_eq!(rig.run(0, &sixteen, &[], &[]).status(), CONDITION_MET);
    });
}

#[test]
fn read_defect_data_is_an_empty_list() {
    everywhere(|rig, _| {
        assert_eq!(rig.run(0, &[0x37, 0, 0x1D, 0, 0, 0, 0, 0, 32, 0], &[], &[32]).data, [0, 0x1D, 0, 0]);
        let twelve = [0xB7, 0x08, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0];
        assert_eq!(rig.run(0, &twelve, &[], &[32]).data, [0, 0x08, 0, 0, 0, 0, 0, 0]);
    });
}

#[test]
fn writes_of_every_kind_are_refused_by_a_read_only_unit() {
    let file = medium(8, false);
    let readable = std::fs::File::open(file.path()).unwrap();
    let device = DeviceConfig { read_only: true, thin: true, ..disk(0) };
    let mut rig = Rig::start(engines()[0], vec![(device, Some(readable))]);
    let data = [9; 1024];
    let cdbs: [&[u8]; 10] = [
        &range_10(0x2E, 0, 0, 1),
        &range_10(0x41, 0, 0, 1),
        &[0x93, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0],
        &[0x89, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0],
        &[0x8B, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0],
        &[0x9C, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0],
        &[0x42, 0, 0, 0, 0, 0, 0, 0, 24, 0],
        &[0x04, 0, 0, 0, 0, 0],
        &[0x48, 0x02, 0, 0, 0, 0, 0, 0, 0, 0],
        &write_10(0, 1),
    ];
    for cdb in cdbs {
        assert_eq!(rig.run(0, cdb, &[&data], &[]).status(), WRITE_PROTECTED, "{cdb:02x?}");
    }
    assert_eq!(rig.run(0, &range_10(0x2F, 0, 0, 8), &[], &[]).status(), GOOD);
    assert_eq!(rig.run(0, &range_10(0x34, 0, 0, 8), &[], &[]).status(), CONDITION_MET);
}

#[test]
fn failures_of_the_host_name_the_block() {
    let nothing = FaultConfig { delay_us: 0, fail_every: 0, short_every: 0, die_at: 0 };
    for choice in engines() {
        let file = medium(64, false);
        let mut rig = Rig::on(choice, faulty(0, FaultConfig { fail_every: 1, ..nothing }), &file);
        let expected = [
            (&range_10(0x2F, 0, 5, 2)[..], UNRECOVERED_READ),
            (&range_10(0x2E, 0, 5, 2), WRITE_ERROR),
            (&range_10(0x41, 0, 5, 2), WRITE_ERROR),
            (&[0x8B, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 1, 0, 0], UNRECOVERED_READ),
            (&[0x89, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 1, 0, 0], UNRECOVERED_READ),
            (&[0x9C, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 1, 0, 0], WRITE_ERROR),
        ];
        for (cdb, sense) in expected {
            let len = if cdb[0] == 0x41 || cdb[0] == 0x9C { 512 } else { 1024 };
            let answer = rig.run(0, cdb, &[&vec![7; len]], &[]);
            assert_eq!((answer.status(), information(&answer.reply)), (sense, Some(5)), "{cdb:02x?}");
        }
        // Short at first, all the same in the end.
        let file = medium(64, false);
        let faults = FaultConfig { short_every: 1, delay_us: 500, ..nothing };
        let mut rig = Rig::on(choice, faulty(0, faults), &file);
        assert_eq!(rig.run(0, &range_10(0x2F, 2, 5, 3), &[&blocks(5..8)], &[]).status(), GOOD);
        assert_eq!(rig.run(0, &range_10(0x41, 0, 5, 40), &[&[3; 512]], &[]).status(), GOOD);
        assert_eq!(std::fs::read(file.path()).unwrap()[5 * 512..45 * 512], [3; 40 * 512]);
    }
}
