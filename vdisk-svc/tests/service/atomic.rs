//! COMPARE AND WRITE and WRITE ATOMIC: as a whole or not at all, once and no more, whatever else runs and whoever dies.

use ipc::message::config::{DeviceConfig, FaultConfig};
use ipc::message::record::{Request, request_flags};

use crate::fixture::*;

const MISCOMPARE: (u8, u8, u8, u8) = (2, 0xE, 0x1D, 0x00);
const OUT_OF_RANGE: (u8, u8, u8, u8) = (2, 0x5, 0x21, 0x00);
const INVALID_FIELD: (u8, u8, u8, u8) = (2, 0x5, 0x24, 0x00);
const WRONG_LENGTH: (u8, u8, u8, u8) = (2, 0x5, 0x0E, 0x03);
const WRITE_ERROR: (u8, u8, u8, u8) = (2, 0x3, 0x0C, 0x00);
const NOTHING: FaultConfig = FaultConfig { delay_us: 0, fail_every: 0, short_every: 0, die_at: 0 };

fn compare_and_write(lba: u8, blocks: u8) -> [u8; 16] {
    [0x89, 0, 0, 0, 0, 0, 0, 0, 0, lba, 0, 0, 0, blocks, 0, 0]
}

fn write_atomic(lba: u8, blocks: u16) -> [u8; 16] {
    let [high, low] = blocks.to_be_bytes();
    [0x9C, 0, 0, 0, 0, 0, 0, 0, 0, lba, 0, 0, high, low, 0, 0]
}

fn blocks(range: std::ops::Range<u8>) -> Vec<u8> {
    range.flat_map(|block| [block; 512]).collect()
}

fn there(file: &tempfile::NamedTempFile, range: std::ops::Range<usize>) -> Vec<u8> {
    std::fs::read(file.path()).unwrap()[range.start * 512..range.end * 512].to_vec()
}

#[test]
fn compare_and_write_writes_if_all_is_as_expected() {
    for choice in engines() {
        for in_memory in [false, true] {
            let file = medium(64, in_memory);
            let mut rig = Rig::on(choice, disk(0), &file);
            let data = [blocks(4..6), vec![0xAA; 1024]].concat();
            let answer = rig.run(0, &compare_and_write(4, 2), &[&data[..700], &data[700..]], &[]);
            assert_eq!((answer.status(), answer.reply.transferred, answer.reply.wanted), (GOOD, 2048, 2048));
            assert_eq!(there(&file, 3..7), [blocks(3..4), vec![0xAA; 1024], blocks(6..7)].concat());
            let answer = rig.run(0, &compare_and_write(4, 2), &[&data], &[]);
            assert_eq!((answer.status(), information(&answer.reply)), (MISCOMPARE, Some(0)));
            let half = [vec![0xAA; 600], vec![4; 424], vec![0xBB; 1024]].concat();
            let answer = rig.run(0, &compare_and_write(4, 2), &[&half], &[]);
            assert_eq!((answer.status(), information(&answer.reply)), (MISCOMPARE, Some(600)));
            assert_eq!(there(&file, 4..6), [0xAA; 1024], "nothing is written then");
            rig.stop();
        }
    }
}

#[test]
fn compare_and_write_that_is_refused() {
    let file = medium(64, false);
    let mut rig = Rig::on(engines()[0], disk(0), &file);
    let mut run = |cdb: [u8; 16], len: usize| rig.run(0, &cdb, &[&vec![1; len]], &[]);
    assert_eq!(run(compare_and_write(4, 2), 2047).status(), INVALID_FIELD);
    assert_eq!(run(compare_and_write(4, 1), 2048).status(), INVALID_FIELD);
    assert_eq!(information(&run(compare_and_write(63, 2), 2048).reply), Some(64));
    assert_eq!(run(compare_and_write(63, 2), 2048).status(), OUT_OF_RANGE);
    assert_eq!(run([0x89, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0], 1024).status(), INVALID_FIELD);
    assert_eq!(rig.run(0, &compare_and_write(4, 0), &[], &[]).status(), GOOD);
}

#[test]
fn write_atomic_within_its_limits() {
    let file = tempfile::NamedTempFile::new().unwrap();
    open(&file).set_len(4 << 20).unwrap();
    let mut rig = Rig::on(engines()[0], disk(0), &file);
    let data: Vec<u8> = (0..1 << 20).map(|n: u32| (n / 511) as u8).collect();
    assert_eq!(rig.run(0, &write_atomic(8, 2048), &[&data], &[]).status(), GOOD);
    assert!(there(&file, 8..2056) == data);
    assert_eq!(rig.run(0, &write_atomic(8, 2049), &[&data], &[]).status(), INVALID_FIELD);
    assert_eq!(rig.run(0, &write_atomic(8, 2), &[&data[..1023]], &[]).status(), WRONG_LENGTH);
    let mut boundary = write_atomic(8, 2);
    boundary[11] = 1;
    assert_eq!(rig.run(0, &boundary, &[&data[..1024]], &[]).status(), INVALID_FIELD);
    assert_eq!(rig.run(0, &write_atomic(8, 0), &[], &[]).status(), GOOD);
    // The limits as VPD page B0h has them.
    let limits = rig.run(0, &[0x12, 1, 0xB0, 0, 64, 0], &[], &[64]).data;
    assert_eq!((limits[5], &limits[44..48]), (255, &[0, 0, 8, 0][..]));
}

/// Every command takes its time, so that they are all under way at once.
#[test]
fn counter_is_exact_whoever_else_is_at_it() {
    for choice in engines() {
        let file = medium(64, false);
        let mut rig =
            Rig::on(choice, faulty(0, FaultConfig { delay_us: 300, short_every: 3, ..NOTHING }), &file);
        let value = |n: u8| [n; 1024].to_vec();
        assert_eq!(rig.run(0, &write_10(10, 2), &[&value(0)], &[]).status(), GOOD);
        let mut counted = 0;
        while counted < 20 {
            // Eight try the same step, with reads between them: one of them can make it.
            let step = [value(counted), value(counted + 1)].concat();
            let mut reads = Vec::new();
            for _ in 0..8 {
                rig.send(0, &compare_and_write(10, 2), &[&step], &[]);
                reads.push(rig.send(0, &read_10(10, 2), &[], &[1024]));
            }
            let mut made = 0;
            for _ in 0..16 {
                let reply = rig.reply();
                match reads.iter().find(|read| read.serial == reply.serial) {
                    Some(read) => {
                        let data = rig.data(read, 1024);
                        assert!(
                            data == value(counted) || data == value(counted + 1),
                            "half a write was read"
                        );
                    }
                    None if status(&reply) == GOOD => made += 1,
                    None => assert_eq!((status(&reply), information(&reply)), (MISCOMPARE, Some(0))),
                }
            }
            assert_eq!(made, 1);
            counted += 1;
        }
        assert_eq!(there(&file, 10..12), value(20));
        rig.stop();
    }
}

#[test]
fn writes_wait_for_what_has_their_blocks_and_no_others_do() {
    let file = medium(64, false);
    let mut rig = Rig::on(engines()[0], faulty(0, FaultConfig { delay_us: 20_000, ..NOTHING }), &file);
    let data = [blocks(4..6), vec![0xAA; 1024]].concat();
    let first = rig.send(0, &compare_and_write(4, 2), &[&data], &[]).serial;
    let second = rig.send(0, &write_10(5, 1), &[&[0xBB; 512]], &[]).serial;
    let other = rig.send(0, &write_10(6, 1), &[&[0xCC; 512]], &[]).serial;
    let aborted = rig.send(0, &write_10(4, 1), &[&[0xDD; 512]], &[]).serial;
    rig.abort(aborted);
    let order: Vec<u64> = (0..4).map(|_| rig.reply().serial).collect();
    let place = |serial| order.iter().position(|known| *known == serial).unwrap();
    assert!(place(first) < place(second) && place(other) < place(second), "{order:?}");
    assert!(place(aborted) < place(first), "what waits can be aborted");
    assert_eq!(there(&file, 4..7), [[0xAA; 512], [0xBB; 512], [0xCC; 512]].concat());
    rig.stop();
}

#[test]
fn core_dies_while_commands_wait_for_blocks() {
    let file = medium(64, false);
    let mut rig = Rig::on(engines()[0], faulty(0, FaultConfig { delay_us: 20_000, ..NOTHING }), &file);
    let data = [blocks(4..5), vec![0xAA; 512]].concat();
    rig.send(0, &compare_and_write(4, 1), &[&data], &[]);
    for _ in 0..4 {
        rig.send(0, &write_10(4, 1), &[&[0xBB; 512]], &[]);
    }
    rig.await_counter(vdisk_svc::stats::Counter::Deferred, 1);
    rig.relink();
    let fence = rig.fence();
    assert_eq!(rig.reply().serial, fence);
    assert_eq!(rig.run(0, &read_10(4, 1), &[], &[512]).data, [0xAA; 512], "the waiting writes are forgotten");
    rig.stop();
}

/// The command once more under the same name, as the core sends it after a death.
fn again(request: &Request) -> Request {
    Request { flags: request.flags | request_flags::AGAIN, ..*request }
}

#[test]
fn outcome_of_compare_and_write_is_told_again_and_not_made_again() {
    let file = medium(64, false);
    let mut rig = Rig::process(vec![(disk(0), Some(open(&file)))]);
    let data = [blocks(4..5), vec![0xAA; 512]].concat();
    let (good, _) = rig.request(0, &compare_and_write(4, 1), &[&data], &[]);
    let (miscompare, _) = rig.request(0, &compare_and_write(4, 1), &[&data], &[]);
    let mut first = Vec::new();
    for request in [&good, &miscompare] {
        rig.send_raw(request);
        first.push(rig.reply());
    }
    assert_eq!((status(&first[0]), status(&first[1])), (GOOD, MISCOMPARE));
    let notebook = rig.notebook.try_clone().unwrap();
    rig.kill();
    let mut rig = Rig::process_after(Some(notebook), vec![(disk(0), Some(open(&file)))]);
    // Others go on in between.
    assert_eq!(rig.run(0, &write_10(4, 1), &[&blocks(4..5)], &[]).status(), GOOD);
    for (request, known) in [&good, &miscompare].into_iter().zip(&first) {
        rig.send_raw(&again(request));
        let reply = rig.reply();
        assert_eq!((reply.serial, status(&reply)), (known.serial, status(known)));
        assert_eq!((reply.transferred, information(&reply)), (known.transferred, information(known)));
    }
    assert_eq!(there(&file, 4..5), blocks(4..5), "the first one was not executed again");
    rig.stop();
}

#[test]
fn vdisk_svc_dies_in_the_middle_of_compare_and_write() {
    // I/Os of the command: 1 reads what is compared, 2 writes; half of the second is done when the process dies.
    let file = medium(64, false);
    let mut rig = Rig::process(vec![(faulty(0, FaultConfig { die_at: 2, ..NOTHING }), Some(open(&file)))]);
    let data = [blocks(4..8), vec![0xAA; 2048]].concat();
    let (request, _) = rig.request(0, &compare_and_write(4, 4), &[&data], &[]);
    rig.send_raw(&request);
    assert_eq!(rig.death(), Some(9));
    assert_eq!(there(&file, 4..8), [vec![0xAA; 1024], blocks(6..8)].concat(), "a torn write");
    let notebook = rig.notebook.try_clone().unwrap();
    drop(rig);
    let mut rig = Rig::process_after(Some(notebook), vec![(disk(0), Some(open(&file)))]);
    // Nobody sees half of it, whether or not it comes again.
    assert_eq!(rig.run(0, &read_10(4, 4), &[], &[2048]).data, [0xAA; 2048]);
    rig.send_raw(&again(&request));
    let reply = rig.reply();
    assert_eq!((reply.serial, status(&reply), reply.transferred), (request.serial, GOOD, 4096));
    rig.stop();
}

#[test]
fn vdisk_svc_dies_in_the_middle_of_write_atomic() {
    let file = medium(64, false);
    let mut rig = Rig::process(vec![(faulty(0, FaultConfig { die_at: 1, ..NOTHING }), Some(open(&file)))]);
    rig.send(0, &write_atomic(4, 40), &[&[0xAA; 40 * 512]], &[]);
    assert_eq!(rig.death(), Some(9));
    assert_eq!(there(&file, 24..44), blocks(24..44), "half of it is not there");
    let notebook = rig.notebook.try_clone().unwrap();
    drop(rig);
    let mut rig = Rig::process_after(Some(notebook), vec![(disk(0), Some(open(&file)))]);
    assert_eq!(rig.run(0, &read_10(3, 42), &[], &[42 * 512]).data[512..41 * 512], [0xAA; 40 * 512]);
    rig.stop();
}

/// A notebook with a write of half of blocks 4 to 43 with 0xAA, and the medium.
fn begun() -> (Rig, tempfile::NamedTempFile, Request) {
    let file = medium(64, false);
    let mut rig = Rig::process(vec![(faulty(0, FaultConfig { die_at: 1, ..NOTHING }), Some(open(&file)))]);
    let (request, _) = rig.request(0, &write_atomic(4, 40), &[&[0xAA; 40 * 512]], &[]);
    rig.send_raw(&request);
    assert_eq!(rig.death(), Some(9));
    (rig, file, request)
}

#[test]
fn begun_write_to_a_slow_medium_holds_up_its_own_unit_only() {
    let (rig, file, _) = begun();
    let (notebook, other) = (rig.notebook.try_clone().unwrap(), medium(8, false));
    let slow = faulty(0, FaultConfig { delay_us: 1_000_000, ..NOTHING });
    let devices = vec![(slow, Some(open(&file))), (disk(1), Some(open(&other)))];
    let mut rig = Rig::process_after(Some(notebook), devices);
    let late = rig.send(0, &read_10(4, 1), &[], &[512]);
    for _ in 0..5 {
        let read = rig.send(1, &read_10(3, 1), &[], &[512]);
        assert_eq!(rig.reply().serial, read.serial, "another unit does not wait");
    }
    let reply = rig.reply();
    assert_eq!((reply.serial, status(&reply)), (late.serial, GOOD));
    assert_eq!(rig.data(&late, 512), [0xAA; 512], "nobody sees half of it");
    assert_eq!(there(&file, 4..44), [0xAA; 40 * 512]);
    rig.stop();
}

#[test]
fn begun_write_that_cannot_be_finished_is_an_error() {
    let (rig, file, request) = begun();
    let notebook = rig.notebook.try_clone().unwrap();
    let device = faulty(0, FaultConfig { fail_every: 1, ..NOTHING });
    let mut rig = Rig::process_after(Some(notebook), vec![(device, Some(open(&file)))]);
    rig.send_raw(&again(&request));
    let reply = rig.reply();
    assert_eq!((status(&reply), information(&reply)), (WRITE_ERROR, Some(4)));
    assert!(
        matches!(rig.event(), ipc::message::Event::Problem { text } if text.contains("cannot be finished"))
    );
    rig.stop();
}

#[test]
fn unmap_waits_for_what_has_its_blocks_and_for_nothing_else() {
    let file = medium(64, false);
    let thin = DeviceConfig { thin: true, ..faulty(0, FaultConfig { delay_us: 40_000, ..NOTHING }) };
    let mut rig = Rig::on(engines()[0], thin, &file);
    // Two descriptors around blocks 16 and 17, which a COMPARE AND WRITE has, and one that has block 17 as well.
    let list = |runs: &[(u8, u8)]| {
        let mut list = vec![0, (6 + 16 * runs.len()) as u8, 0, (16 * runs.len()) as u8, 0, 0, 0, 0];
        for (lba, blocks) in runs {
            list.extend([0, 0, 0, 0, 0, 0, 0, *lba, 0, 0, 0, *blocks, 0, 0, 0, 0]);
        }
        list
    };
    let unmap = |length: usize| [0x42, 0, 0, 0, 0, 0, 0, 0, length as u8, 0];
    let data = [blocks(16..18), vec![0xAA; 1024]].concat();
    // It reads, writes and, with FUA, syncs: one more delay than the UNMAP of two ranges beside it has.
    let mut with_fua = compare_and_write(16, 2);
    with_fua[1] = 0x08;
    let first = rig.send(0, &with_fua, &[&data], &[]).serial;
    let (beside, across) = (list(&[(0, 16), (18, 8)]), list(&[(0, 8), (17, 1)]));
    let beside = rig.send(0, &unmap(beside.len()), &[&beside], &[]).serial;
    let across = rig.send(0, &unmap(across.len()), &[&across], &[]).serial;
    let order: Vec<u64> = (0..3).map(|_| rig.reply()).map(|reply| reply.serial).collect();
    assert_eq!(order, [beside, first, across]);
    assert_eq!(there(&file, 16..17), [0xAA; 512]);
    assert_eq!(there(&file, 17..18), [0; 512], "after the COMPARE AND WRITE");
    rig.stop();
}

#[test]
fn compare_and_write_whose_write_fails_says_so_and_stays_so() {
    for choice in engines() {
        let file = medium(64, false);
        let mut rig = Rig::on(choice, faulty(0, FaultConfig { fail_every: 2, ..NOTHING }), &file);
        let data = [blocks(4..5), vec![0xAA; 512]].concat();
        let (request, _) = rig.request(0, &compare_and_write(4, 1), &[&data], &[]);
        rig.send_raw(&request);
        let reply = rig.reply();
        assert_eq!((status(&reply), information(&reply)), (WRITE_ERROR, Some(4)));
        rig.send_raw(&again(&request));
        assert_eq!(status(&rig.reply()), WRITE_ERROR);
        assert_eq!(there(&file, 4..5), blocks(4..5));
        rig.stop();
    }
}
