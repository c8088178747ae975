//! A write that overlaps one under way waits for it, so that a successor can repeat what was under way and undoes nothing.

use ipc::message::config::FaultConfig;
use vdisk_svc::stats::Counter;

use crate::fixture::*;

const SLOW: FaultConfig = FaultConfig { delay_us: 60_000, fail_every: 0, short_every: 0, die_at: 0 };

/// WRITE SAME(10) (SBC-3 5.43).
fn write_same_10(lba: u32, blocks: u16) -> [u8; 10] {
    range_10(0x41, 0, lba, blocks)
}

/// The serials of the next answers, all GOOD, in their order.
fn ends(rig: &mut Rig, count: usize) -> Vec<u64> {
    let mut end = || {
        let reply = rig.reply();
        assert_eq!(status(&reply), GOOD);
        reply.serial
    };
    (0..count).map(|_| end()).collect()
}

#[test]
fn write_waits_for_one_that_it_overlaps_and_nobody_else_does() {
    for choice in engines() {
        let file = medium(16, false);
        let mut rig = Rig::on(choice, faulty(0, SLOW), &file);
        let first = rig.send(0, &write_10(1, 4), &[&[0xAA; 2048]], &[]);
        rig.await_counter(Counter::Deferred, 1);
        let second = rig.send(0, &write_10(4, 2), &[&[0xBB; 1024]], &[]);
        let third = rig.send(0, &write_10(5, 1), &[&[0xCC; 512]], &[]);
        let apart = rig.send(0, &write_10(8, 1), &[&[0xDD; 512]], &[]);
        let read = rig.send(0, &read_10(2, 1), &[], &[512]);
        let ends = ends(&mut rig, 5);
        assert_eq!(ends[3..], [second.serial, third.serial]);
        assert!([&first, &apart, &read].iter().all(|sent| ends[..3].contains(&sent.serial)));
        let bytes = std::fs::read(file.path()).unwrap();
        let block = |block: usize| bytes[block * 512];
        assert_eq!([3, 4, 5, 8].map(block), [0xAA, 0xBB, 0xCC, 0xDD]);
        // All is let go of.
        assert_eq!(rig.run(0, &write_10(1, 8), &[&[0xEE; 4096]], &[]).status(), GOOD);
    }
}

#[test]
fn whatever_is_repeated_like_a_write_waits_and_is_waited_for() {
    for choice in engines() {
        let file = medium(16, false);
        let mut rig = Rig::on(choice, faulty(0, SLOW), &file);
        let same = rig.send(0, &write_same_10(0, 8), &[&[0xAA; 512]], &[]);
        rig.await_counter(Counter::Deferred, 1);
        // WRITE AND VERIFY(10) without BYTCHK (SBC-3 5.36).
        let verify = rig.send(0, &range_10(0x2E, 0, 7, 2), &[&[0xBB; 1024]], &[]);
        let plain = rig.send(0, &write_10(8, 1), &[&[0xCC; 512]], &[]);
        assert_eq!(ends(&mut rig, 3), [same.serial, verify.serial, plain.serial]);
        let bytes = std::fs::read(file.path()).unwrap();
        assert_eq!([6, 7, 8].map(|block| bytes[block * 512]), [0xAA, 0xBB, 0xCC]);
    }
}

#[test]
fn write_that_waits_for_another_can_be_aborted() {
    for choice in engines() {
        let file = medium(8, false);
        let mut rig = Rig::on(choice, faulty(0, SLOW), &file);
        let first = rig.send(0, &write_10(1, 1), &[&[0xAA; 512]], &[]);
        rig.await_counter(Counter::Deferred, 1);
        let second = rig.send(0, &write_10(1, 1), &[&[0xBB; 512]], &[]);
        let third = rig.send(0, &write_10(1, 1), &[&[0xCC; 512]], &[]);
        rig.abort(second.serial);
        assert_eq!(rig.reply().serial, second.serial);
        assert_eq!(ends(&mut rig, 2), [first.serial, third.serial]);
        assert_eq!(std::fs::read(file.path()).unwrap()[512..1024], [0xCC; 512]);
    }
}

#[test]
fn writes_over_one_another_end_in_their_order_whatever_the_engine_does() {
    for choice in engines() {
        let file = medium(64, false);
        // Every write ends with a sync, so none is over at once.
        let device = ipc::message::config::DeviceConfig { write_through: true, ..disk(0) };
        let mut rig = Rig::on(choice, device, &file);
        let sent: Vec<u64> = (0..60u8)
            .map(|n| rig.send(0, &write_10(u32::from(n % 3), 2), &[&[n; 1024]], &[]).serial)
            .collect();
        let ends = ends(&mut rig, 60);
        for (a, b) in sent.iter().zip(&sent[1..]) {
            let at = |serial| ends.iter().position(|end| *end == serial).unwrap();
            // Neighbours overlap unless one wrote blocks 2 and 3 and the other 0 and 1.
            let apart = (b - sent[0]).is_multiple_of(3);
            assert!(apart || at(*a) < at(*b), "{ends:?}");
        }
        let bytes = std::fs::read(file.path()).unwrap();
        assert_eq!([0, 1, 2, 3].map(|block| bytes[block * 512]), [57, 58, 59, 59]);
    }
}
