//! READ and WRITE through the service: every length, every shape of buffer, both engines, both kinds of file system.

use ipc::message::config::{BackendConfig, DeviceConfig};
use vdisk_svc::stats::Counter;

use crate::fixture::*;

/// CHECK CONDITION with key, ASC, ASCQ as in SPC-4 annex E and table 48.
const OUT_OF_RANGE: (u8, u8, u8, u8) = (2, 0x5, 0x21, 0x00);
const WRITE_PROTECTED: (u8, u8, u8, u8) = (2, 0x7, 0x27, 0x00);
const UNRECOVERED_READ: (u8, u8, u8, u8) = (2, 0x3, 0x11, 0x00);

fn block(n: u8) -> Vec<u8> {
    vec![n; 512]
}

#[test]
fn read_10_gives_the_blocks_asked_for() {
    everywhere(|rig, _| {
        let answer = rig.run(0, &read_10(5, 2), &[], &[1024]);
        assert_eq!((answer.status(), answer.reply.transferred, answer.reply.wanted), (GOOD, 1024, 1024));
        assert_eq!(answer.data, [block(5), block(6)].concat());
    });
}

#[test]
fn read_in_every_length_of_cdb() {
    let cdbs: [&[u8]; 4] = [
        &[0x08, 0, 0, 9, 1, 0],
        &[0x28, 0, 0, 0, 0, 9, 0, 0, 1, 0],
        &[0xA8, 0, 0, 0, 0, 9, 0, 0, 0, 1, 0, 0],
        &[0x88, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 1, 0, 0],
    ];
    everywhere(|rig, _| {
        for cdb in cdbs {
            let answer = rig.run(0, cdb, &[], &[512]);
            assert_eq!((answer.status(), &answer.data), (GOOD, &block(9)), "{cdb:02x?}");
        }
    });
}

#[test]
fn write_in_every_length_of_cdb() {
    let cdbs: [&[u8]; 4] = [
        &[0x0A, 0, 0, 9, 1, 0],
        &[0x2A, 0, 0, 0, 0, 9, 0, 0, 1, 0],
        &[0xAA, 0, 0, 0, 0, 9, 0, 0, 0, 1, 0, 0],
        &[0x8A, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 1, 0, 0],
    ];
    everywhere(|rig, file| {
        for (n, cdb) in cdbs.into_iter().enumerate() {
            let answer = rig.run(0, cdb, &[&block(0xA0 + n as u8)], &[]);
            assert_eq!((answer.status(), answer.reply.transferred), (GOOD, 512), "{cdb:02x?}");
            let there = std::fs::read(file.path()).unwrap();
            assert_eq!(there[9 * 512..10 * 512], block(0xA0 + n as u8));
            assert_eq!((there[9 * 512 - 1], there[10 * 512]), (8, 10), "the neighbours are untouched");
        }
    });
}

#[test]
fn read_10_into_several_extents() {
    everywhere(|rig, _| {
        let answer = rig.run(0, &read_10(1, 4), &[], &[700, 4, 1000, 344]);
        assert_eq!(answer.status(), GOOD);
        assert_eq!(answer.data, [block(1), block(2), block(3), block(4)].concat());
    });
}

#[test]
fn write_10_from_several_extents() {
    everywhere(|rig, file| {
        let data: Vec<u8> = (0..2048u32).map(|n| (n % 251) as u8).collect();
        let pieces = [&data[..3], &data[3..1500], &data[1500..1501], &data[1501..]];
        assert_eq!(rig.run(0, &write_10(40, 4), &pieces, &[]).status(), GOOD);
        assert_eq!(std::fs::read(file.path()).unwrap()[40 * 512..44 * 512], data);
    });
}

#[test]
fn read_10_into_a_buffer_that_is_too_small() {
    everywhere(|rig, _| {
        let answer = rig.run(0, &read_10(5, 2), &[], &[600]);
        assert_eq!((answer.status(), answer.reply.transferred, answer.reply.wanted), (GOOD, 600, 1024));
        assert_eq!(answer.data, [&block(5)[..], &[6; 88]].concat());
    });
}

#[test]
fn read_10_into_a_buffer_that_is_too_big() {
    everywhere(|rig, _| {
        let sent = rig.send(0, &read_10(5, 1), &[], &[2048]);
        let reply = rig.reply();
        assert_eq!((status(&reply), reply.transferred, reply.wanted), (GOOD, 512, 512));
        assert_eq!(rig.data(&sent, 2048)[512..], [0xEE; 1536], "nothing is written past the data");
    });
}

#[test]
fn write_10_with_less_data_than_the_cdb_says() {
    everywhere(|rig, file| {
        let answer = rig.run(0, &write_10(5, 2), &[&block(0xAA)], &[]);
        assert_eq!((answer.status(), answer.reply.transferred, answer.reply.wanted), (GOOD, 512, 1024));
        assert_eq!(std::fs::read(file.path()).unwrap()[6 * 512..7 * 512], block(6));
    });
}

#[test]
fn read_10_of_no_blocks() {
    everywhere(|rig, _| {
        let answer = rig.run(0, &read_10(64, 0), &[], &[512]);
        assert_eq!((answer.status(), answer.reply.transferred, answer.reply.wanted), (GOOD, 0, 0));
        assert_eq!(rig.run(0, &read_10(65, 0), &[], &[]).status(), OUT_OF_RANGE);
    });
}

#[test]
fn read_and_write_beyond_the_end() {
    everywhere(|rig, file| {
        for (lba, blocks) in [(63, 2), (64, 1), (u32::MAX, 1)] {
            let answer = rig.run(0, &read_10(lba, blocks), &[], &[1024]);
            assert_eq!(
                (answer.status(), answer.reply.transferred, answer.reply.wanted),
                (OUT_OF_RANGE, 0, 0)
            );
            assert_eq!(information(&answer.reply), Some(lba.max(64)), "the first block that does not exist");
            let data = vec![1; 512 * usize::from(blocks)];
            assert_eq!(rig.run(0, &write_10(lba, blocks), &[&data], &[]).status(), OUT_OF_RANGE);
        }
        let most = [0x88, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0];
        assert_eq!(rig.run(0, &most, &[], &[512]).status(), OUT_OF_RANGE);
        assert_eq!(file.path().metadata().unwrap().len(), 64 * 512, "the file has not grown");
    });
}

#[test]
fn write_10_with_fua_syncs_before_it_is_answered() {
    everywhere(|rig, file| {
        assert_eq!(rig.run(0, &write_10(3, 1), &[&block(0x33)], &[]).status(), GOOD);
        assert_eq!(rig.counter(Counter::Syncs), 0);
        assert_eq!(rig.run(0, &write_10_fua(4, 1), &[&block(0x44)], &[]).status(), GOOD);
        assert_eq!(rig.counter(Counter::Syncs), 1);
        assert_eq!(rig.run(0, &SYNCHRONIZE_CACHE_10, &[], &[]).status(), GOOD);
        let sync_16 = [0x91, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0];
        assert_eq!(rig.run(0, &sync_16, &[], &[]).status(), GOOD);
        assert_eq!(rig.counter(Counter::Syncs), 3);
        assert_eq!(
            std::fs::read(file.path()).unwrap()[3 * 512..5 * 512],
            [block(0x33), block(0x44)].concat()
        );
    });
}

#[test]
fn read_10_with_fua_brings_the_cache_to_the_medium_first() {
    everywhere(|rig, _| {
        let answer = rig.run(0, &range_10(0x28, 0x08, 7, 1), &[], &[512]);
        assert_eq!((answer.status(), answer.data), (GOOD, block(7)));
        assert_eq!(rig.counter(Counter::Syncs), 1);
    });
}

#[test]
fn synchronize_cache_beyond_the_end() {
    everywhere(|rig, _| {
        assert_eq!(rig.run(0, &range_10(0x35, 0, 64, 1), &[], &[]).status(), OUT_OF_RANGE);
    });
}

#[test]
fn write_10_through_a_unit_without_a_write_cache() {
    for choice in engines() {
        let file = medium(8, false);
        let mut rig = Rig::on(choice, DeviceConfig { write_through: true, ..disk(0) }, &file);
        for n in 0..4 {
            assert_eq!(rig.run(0, &write_10(n, 1), &[&block(0x77)], &[]).status(), GOOD);
        }
        assert_eq!(rig.counter(Counter::Syncs), 4);
    }
}

#[test]
fn many_durable_writes_at_once_share_syncs() {
    for choice in engines() {
        let file = medium(200, false);
        let mut rig = Rig::on(choice, DeviceConfig { write_through: true, ..disk(0) }, &file);
        for n in 0..200u32 {
            rig.send(0, &write_10(n, 1), &[&block(!(n as u8))], &[]);
        }
        let mut serials: Vec<u64> = (0..200)
            .map(|_| {
                let reply = rig.reply();
                assert_eq!(status(&reply), GOOD);
                reply.serial
            })
            .collect();
        serials.sort_unstable();
        assert_eq!(serials, (1..=200).collect::<Vec<u64>>(), "each exactly once");
        assert!(rig.counter(Counter::Syncs) <= 200);
        let expected: Vec<u8> = (0..200u8).flat_map(|n| [!n; 512]).collect();
        assert_eq!(std::fs::read(file.path()).unwrap(), expected);
    }
}

#[test]
fn write_10_to_a_read_only_unit() {
    for choice in engines() {
        let file = medium(8, false);
        let readable = std::fs::File::open(file.path()).unwrap();
        let mut rig = Rig::start(choice, vec![(DeviceConfig { read_only: true, ..disk(0) }, Some(readable))]);
        assert_eq!(rig.run(0, &write_10(0, 1), &[&block(9)], &[]).status(), WRITE_PROTECTED);
        assert_eq!(rig.run(0, &read_10(3, 1), &[], &[512]).data, block(3));
        assert_eq!(rig.run(0, &SYNCHRONIZE_CACHE_10, &[], &[]).status(), GOOD);
        // WP, bit 7 of the device-specific parameter in byte 2 of the MODE SENSE(6) header.
        assert_eq!(rig.run(0, &[0x1A, 0, 0x3F, 0, 255, 0], &[], &[255]).data[2] & 0x80, 0x80);
    }
}

#[test]
fn read_10_of_blocks_that_are_not_in_the_page_cache() {
    for choice in engines() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let bytes: Vec<u8> = (0..4 << 20).map(|n: u32| (n / 512 % 255) as u8).collect();
        std::fs::write(file.path(), &bytes).unwrap();
        let opened = open(&file);
        opened.sync_all().unwrap();
        rustix::fs::fadvise(&opened, 0, None, rustix::fs::Advice::DontNeed).unwrap();
        let mut rig = Rig::on(choice, disk(0), &file);
        let answer = rig.run(0, &read_10(4096, 1024), &[], &[300_000, 200_000, 24_288]);
        assert_eq!(answer.status(), GOOD);
        assert!(answer.data == bytes[4096 * 512..5120 * 512], "half a mebibyte of the file");
    }
}

#[test]
fn read_10_of_a_file_that_has_shrunk_is_never_good() {
    everywhere(|rig, file| {
        open(file).set_len(10 * 512 + 100).unwrap();
        let answer = rig.run(0, &read_10(8, 4), &[], &[2048]);
        let facts = (answer.status(), answer.reply.transferred, information(&answer.reply));
        // The command finds the end, or the look once a second has found it: LOGICAL BLOCK ADDRESS OUT OF RANGE.
        let found = (UNRECOVERED_READ, 2 * 512 + 100, Some(10));
        assert!(facts == found || facts == ((2, 0x5, 0x21, 0x00), 0, Some(10)), "{facts:?}");
        // From then on the unit is known to end there.
        let answer = rig.run(0, &read_10(20, 1), &[], &[512]);
        assert_eq!((answer.status(), answer.reply.transferred), ((2, 0x5, 0x21, 0x00), 0));
    });
}

#[test]
fn null_unit_reads_zeros_and_forgets_writes() {
    let null = DeviceConfig { backend: BackendConfig::Null { bytes: 1 << 40 }, block_size: 4096, ..disk(0) };
    let mut rig = Rig::start(vdisk_svc::engine::Choice::Best, vec![(null, None)]);
    assert_eq!(rig.run(0, &write_10_fua(1 << 20, 2), &[&[7; 8192]], &[]).reply.transferred, 8192);
    let answer = rig.run(0, &read_10(1 << 20, 2), &[], &[5000, 3192]);
    assert_eq!((answer.status(), answer.data), (GOOD, vec![0; 8192]));
    assert_eq!(rig.run(0, &SYNCHRONIZE_CACHE_10, &[], &[]).status(), GOOD);
    assert_eq!(rig.run(0, &read_10(1 << 28, 1), &[], &[4096]).status(), OUT_OF_RANGE);
}

#[test]
fn blocks_past_two_terabytes_and_four_gibibytes() {
    for choice in engines() {
        let file = tempfile::NamedTempFile::new().unwrap();
        open(&file).set_len(3 << 40).unwrap();
        let mut rig = Rig::on(choice, disk(0), &file);
        let far = |code| [code, 0, 0, 0, 0, 1, 0x23, 0x45, 0x67, 0x89, 0, 0, 0, 2, 0, 0];
        let data: Vec<u8> = (0..1024u32).map(|n| (n % 241) as u8).collect();
        assert_eq!(rig.run(0, &far(0x8A), &[&data], &[]).status(), GOOD);
        assert_eq!(rig.run(0, &far(0x88), &[], &[1024]).data, data);
        let mut there = vec![0; 1024];
        std::os::unix::fs::FileExt::read_exact_at(&open(&file), &mut there, 0x1_2345_6789 * 512).unwrap();
        assert_eq!(there, data);
        // READ CAPACITY(10): more than it can say.
        let answer = rig.run(0, &[0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0], &[], &[8]);
        assert_eq!(answer.data[..4], [0xFF; 4]);
    }
}

#[test]
fn read_10_longer_than_the_maximum_transfer_length() {
    let null = DeviceConfig { backend: BackendConfig::Null { bytes: 1 << 40 }, block_size: 4096, ..disk(0) };
    let mut rig = Rig::start(vdisk_svc::engine::Choice::Best, vec![(null, None)]);
    // MAXIMUM TRANSFER LENGTH, bytes 8 to 11 of VPD page B0h.
    let limits = rig.run(0, &[0x12, 1, 0xB0, 0, 64, 0], &[], &[64]).data;
    assert_eq!(limits[8..12], [0, 0, 0x10, 0], "4096 blocks");
    assert_eq!(rig.run(0, &read_10(0, 4097), &[], &[4096]).status(), (2, 0x5, 0x24, 0x00));
    assert_eq!(rig.run(0, &read_10(0, 4096), &[], &[4096]).reply.wanted, 4096 * 4096);
}

/// A loop device over a file, or why there is none.
fn loop_device(file: &tempfile::NamedTempFile) -> Result<String, String> {
    let output = std::process::Command::new("losetup").args(["--find", "--show"]).arg(file.path()).output();
    let output = output.map_err(|error| format!("losetup: {error}"))?;
    let text = String::from_utf8_lossy(if output.status.success() { &output.stdout } else { &output.stderr });
    if output.status.success() { Ok(text.trim().to_owned()) } else { Err(text.trim().to_owned()) }
}

#[test]
fn block_device_is_read_and_written() {
    for choice in engines() {
        let file = medium(64, false);
        let device = match loop_device(&file) {
            Ok(device) => device,
            Err(reason) => return eprintln!("skipped: no loop device: {reason}"),
        };
        let opened = std::fs::File::options().read(true).write(true).open(&device);
        let detached = std::process::Command::new("losetup").args(["--detach", &device]).status();
        assert!(detached.unwrap().success(), "it goes away with its last user");
        let mut rig = Rig::start(choice, vec![(disk(0), Some(opened.unwrap()))]);
        let answer = rig.run(0, &[0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0], &[], &[8]);
        assert_eq!(answer.data, [0, 0, 0, 63, 0, 0, 2, 0]);
        assert_eq!(rig.run(0, &read_10(3, 2), &[], &[1024]).data, [block(3), block(4)].concat());
        assert_eq!(rig.run(0, &write_10_fua(5, 1), &[&block(0xCC)], &[]).status(), GOOD);
        assert_eq!(std::fs::read(file.path()).unwrap()[5 * 512..6 * 512], block(0xCC));
        assert_eq!(rig.run(0, &read_10(64, 1), &[], &[512]).status(), OUT_OF_RANGE);
        rig.stop();
    }
}
