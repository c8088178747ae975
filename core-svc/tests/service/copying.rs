//! EXTENDED COPY and RECEIVE COPY RESULTS, with two handlers.

use ipc::message::record::ReplyKind;

use crate::copy_disks::*;
use crate::ends::*;
use crate::rig::{DISK, NEXUS, OTHER};

/// Bytes 8 to 17 of fixed format sense data and what follows: command specific information, codes, sense key specific.
fn details(reply: &ipc::message::record::Reply) -> Vec<u8> {
    reply.sense[8..usize::from(reply.sense_len)].to_vec()
}

#[test]
fn blocks_are_copied_between_two_handlers() {
    let mut scene = Scene::new([512, 512]);
    let reply = scene.run(1, &list(1, 0x10, &both(), &[segment((0, 100), (1, 5000), 2500)]));
    assert_eq!((reply.status, reply.transferred), (GOOD, 16 + 64 + 28));
    let [from, to] = &scene.disks;
    assert!(from.blocks(100, 2500) == to.blocks(5000, 2500));
    assert_eq!(to.blocks(4999, 1)[8], 0xB1);
    assert_eq!(to.blocks(7500, 1)[8], 0xB1);
}

#[test]
fn blocks_of_another_size_are_filled_up() {
    let mut scene = Scene::new([512, 4096]);
    let mut large = target(0xB1, 4096);
    large[28] = 0x04;
    let before = scene.disks[1].data.clone();
    let reply = scene.run(1, &list(1, 0x10, &[target(0xA0, 512), large], &[segment((0, 3), (1, 7), 1001)]));
    assert_eq!(reply.status, GOOD);
    let [from, to] = &scene.disks;
    assert!(from.blocks(3, 1001) == &to.blocks(7, 126)[..1001 * 512]);
    assert!(to.blocks(7, 126)[1001 * 512..].iter().all(|byte| *byte == 0), "filled up with zeros");
    assert!(to.blocks(133, 1) == &before[133 * 4096..134 * 4096]);
}

/// Disk 0 has blocks of 512 bytes, disk 1 of 4096.
fn small_and_large() -> Vec<Vec<u8>> {
    vec![target(0xA0, 512), target(0xB1, 4096)]
}

#[test]
fn rest_belongs_to_the_next_segment() {
    let mut scene = Scene::new([512, 4096]);
    let (cat, dc) = (0x01, 0x02);
    let steps = [
        // 11 blocks are one of the destination's and 3 that are left over.
        flagged(cat, segment((0, 100), (1, 10), 11)),
        // 3 and 2 fill none.
        flagged(cat, segment((0, 200), (1, 20), 2)),
        // 5 and 1003 are 126 of them.
        segment((0, 300), (1, 30), 1003),
        // 3 blocks out of 8: 5 are left over.
        flagged(cat | dc, segment((1, 500), (0, 4000), 3)),
        // Of which 2 are wanted, and nothing is read.
        flagged(cat | dc, segment((1, 600), (0, 4100), 2)),
        // The other 3 and 1000; nobody comes for what is left of the last block.
        flagged(cat | dc, segment((1, 700), (0, 4200), 1003)),
    ];
    let before = scene.disks[1].data.clone();
    let reply = scene.run(1, &list(1, 0x00, &small_and_large(), &steps));
    assert_eq!(reply.status, GOOD, "{:?}", sense(&reply));
    let [small, large] = &scene.disks;
    assert!(large.blocks(10, 1) == small.blocks(100, 8));
    assert!(large.blocks(11, 10) == &before[11 * 4096..21 * 4096], "nothing was written for the second one");
    let third = [small.blocks(108, 3), small.blocks(200, 2), small.blocks(300, 1003)].concat();
    assert!(large.blocks(30, 126) == third);
    assert!(large.blocks(156, 1) == &before[156 * 4096..157 * 4096]);
    assert!(small.blocks(4000, 3) == &large.blocks(500, 1)[..1536]);
    assert!(small.blocks(4100, 2) == &large.blocks(500, 1)[1536..2560]);
    let sixth = [&large.blocks(500, 1)[2560..], large.blocks(700, 125)].concat();
    assert!(small.blocks(4200, 1003) == sixth);
    assert_eq!(small.blocks(5203, 1)[..8], 5203_u64.to_be_bytes());
    // Bytes that were written, and no more: 4096, 0, 516096, 1536, 1024, 513536.
    assert_eq!(scene.results(2, 0x00, 1).unwrap(), [0, 0, 0, 8, 0x01, 0, 6, 0, 0, 0x0F, 0xD0, 0x00]);
    // The memory that it was kept in is free: seven chunks.
    let four = |number: u64| {
        list(2 + number as u8, 0x10, &small_and_large()[..1], &[segment((0, number * 1000), (0, 4000), 800)])
    };
    scene.disks[0].hold();
    for number in 0..4 {
        let request = scene.copy(10 + number, &four(number));
        scene.transport.send(&request);
    }
    until("seven chunks", || {
        scene.disks.iter_mut().for_each(|disk| while disk.serve() {});
        (scene.disks[0].count_held() == 7).then_some(())
    });
}

#[test]
fn rest_without_pad_or_cat_ends_the_copy() {
    let mut scene = Scene::new([512, 4096]);
    let steps = [flagged(0x01, segment((0, 100), (1, 10), 11)), segment((0, 200), (1, 20), 4)];
    let reply = scene.run(1, &list(1, 0x10, &small_and_large(), &steps));
    // 3 and 4 blocks fill none of the destination's. Segment 1 is named.
    assert_eq!((sense(&reply), details(&reply)[2..4].to_vec()), ((0x0A, 0x26, 0x0A), vec![0, 1]));
    assert!(scene.disks[1].blocks(10, 1) == scene.disks[0].blocks(100, 8));
    let steps = [flagged(0x01, segment((0, 100), (1, 10), 11)), segment((0, 200), (1, 20), 5)];
    assert_eq!(scene.run(2, &list(1, 0x10, &small_and_large(), &steps)).status, GOOD);
    let [small, large] = &scene.disks;
    assert!(large.blocks(20, 1) == [small.blocks(108, 3), small.blocks(200, 5)].concat());
}

#[test]
fn copies_that_keep_something_do_not_wait_for_one_another() {
    let mut scene = Scene::new([512, 4096]);
    // Seven chunks are in the arena, and more copies want to keep something than that.
    scene.disks[0].hold();
    for number in 0..12_u64 {
        let steps = [
            flagged(0x01, segment((0, number * 100), (1, number * 200), 12)),
            flagged(0x01, segment((0, 4000), (1, number * 200 + 50), 900)),
            segment((0, 6000), (1, number * 200 + 180), 8),
        ];
        let request = scene.copy(1 + number, &list(1 + number as u8, 0, &small_and_large(), &steps));
        scene.transport.send(&request);
    }
    until("READs", || {
        scene.disks.iter_mut().for_each(|disk| while disk.serve() {});
        (scene.disks[0].count_held() > 0).then_some(())
    });
    scene.disks[0].release();
    for _ in 0..12 {
        let reply = scene.answer();
        assert_eq!(reply.status, GOOD, "{:?}", sense(&reply));
    }
    let [small, large] = &scene.disks;
    for number in 0..12 {
        let all = [small.blocks(number * 100, 12), small.blocks(4000, 900), small.blocks(6000, 8)].concat();
        assert!(large.blocks(number * 200, 1) == &all[..4096]);
        assert!(large.blocks(number * 200 + 50, 113) == &all[4096..114 * 4096]);
        assert!(large.blocks(number * 200 + 180, 1) == &all[114 * 4096..115 * 4096]);
    }
}

#[test]
fn overlapping_blocks_are_copied_as_if_read_first() {
    for (from, to) in [(1000, 1300), (1300, 1000), (0, 1), (1, 0), (10, 10)] {
        let mut scene = Scene::new([512, 512]);
        let mut expected = scene.disks[0].data.clone();
        expected.copy_within(from * 512..(from + 3000) * 512, to * 512);
        let ends = ((0, from as u64), (0, to as u64));
        let reply = scene.run(1, &list(1, 0x10, &both()[..1], &[segment(ends.0, ends.1, 3000)]));
        assert_eq!(reply.status, GOOD);
        assert!(scene.disks[0].data == expected, "from {from} to {to}");
    }
}

#[test]
fn segments_follow_one_another() {
    let mut scene = Scene::new([512, 512]);
    let steps =
        [segment((0, 0), (1, 0), 1500), segment((1, 0), (0, 2000), 1500), segment((0, 2000), (0, 4000), 0)];
    let reply = scene.run(1, &list(1, 0x10, &both(), &steps));
    assert_eq!(reply.status, GOOD);
    assert!(scene.disks[0].blocks(0, 1500) == scene.disks[0].blocks(2000, 1500));
    assert_eq!(scene.disks[0].blocks(4000, 1)[..8], 4000_u64.to_be_bytes());
}

#[test]
fn list_that_is_wrong_is_refused_before_anything_is_copied() {
    let mut scene = Scene::new([512, 512]);
    let good = list(1, 0x10, &both(), &[segment((0, 0), (1, 0), 8)]);
    assert_eq!(scene.run(1, &[]).status, GOOD, "no list is no error");
    assert_eq!(sense(&scene.run(2, &good[..100])), (0x05, 0x1A, 0x00));
    let mut other = good.clone();
    other[16] = 0xE0;
    assert_eq!(sense(&scene.run(3, &other)), (0x05, 0x26, 0x07));
    // DISK BLOCK LENGTH of target 1 does not fit.
    let mut lying = good.clone();
    lying[16 + 32 + 30] = 0x10;
    let reply = scene.run(4, &lying);
    assert_eq!(sense(&reply), (0x05, 0x26, 0x00));
    assert_eq!(details(&reply)[7..], [0x80, 0, 77]);
    // The CDB speaks of more than what came.
    let mut short = scene.copy(5, &good);
    short.cdb[13] += 1;
    scene.transport.send(&short);
    assert_eq!(sense(&scene.answer()), (0x05, 0x1A, 0x00));
    assert!(scene.disks.iter().all(|disk| disk.log.is_empty()));
}

#[test]
fn units_that_cannot_be_reached_abort_the_copy() {
    let mut scene = Scene::new([512, 512]);
    let index = scene.run(1, &list(1, 0x10, &both(), &[segment((0, 0), (2, 0), 8)]));
    assert_eq!((sense(&index), details(&index)), ((0x0A, 0x08, 0x04), vec![0, 0, 0, 0, 8, 4, 0, 0xA0, 0, 6]));
    let unknown = [target(0xA0, 512), target(0xCC, 512)];
    let first = segment((0, 0), (0, 100), 8);
    let reply = scene.run(2, &list(1, 0x10, &unknown, &[first.clone(), segment((0, 0), (1, 0), 8)]));
    assert_eq!((sense(&reply), details(&reply)[2..4].to_vec()), ((0x0A, 0x0D, 0x02), vec![0, 1]));
    assert!(scene.disks[0].blocks(100, 8) == scene.disks[0].blocks(0, 8), "the segment before was copied");
    let mut null = both();
    null[1][1] = 0x20;
    assert_eq!(
        sense(&scene.run(3, &list(1, 0x10, &null, &[segment((0, 0), (1, 0), 8)]))),
        (0x0A, 0x0D, 0x02)
    );
    let mut tape = both();
    tape[1][1] = 0x01;
    assert_eq!(
        sense(&scene.run(4, &list(1, 0x10, &tape, &[segment((0, 0), (1, 0), 8)]))),
        (0x0A, 0x0D, 0x03)
    );
    let past = scene.run(5, &list(1, 0x10, &both(), &[segment((0, 0), (1, BLOCKS - 1), 8)]));
    assert_eq!((sense(&past), details(&past)[7..].to_vec()), ((0x0A, 0x00, 0x00), vec![0xA0, 0, 20]));
}

#[test]
fn unit_outside_the_lun_map_is_not_reachable() {
    let mut scene = Scene::new([512, 512]);
    // Target 1, on the other transport, has unit 0 only.
    let mut other = scene.rig.transport(crate::rig::B);
    other.attach(1, &[]);
    crate::rig::open_quietly(&mut other, 9, 1);
    scene.transport = other;
    let bytes = list(1, 0x10, &both(), &[segment((0, 0), (1, 0), 8)]);
    let mut request = scene.copy(1, &bytes);
    request.nexus = 9;
    scene.transport.send(&request);
    assert_eq!(sense(&scene.answer()), (0x0A, 0x0D, 0x02));
}

#[test]
fn what_a_unit_answers_is_passed_on() {
    let mut scene = Scene::new([512, 512]);
    let protected = [0x70, 0, 7, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x27, 0, 0, 0, 0, 0];
    scene.disks[1].refuses = Some(protected);
    let reply = scene.run(1, &list(3, 0x00, &both(), &[segment((0, 0), (1, 0), 2048)]));
    assert_eq!(sense(&reply), (0x0A, 0x0D, 0x01));
    let bytes = details(&reply);
    assert_eq!(bytes[..4], [0, 18, 0, 0], "the destination's answer follows at byte 18");
    assert_eq!(bytes[10..], [&[0x02][..], &protected].concat());
    // It can be asked about afterwards.
    let status = scene.results(2, 0x00, 3).unwrap();
    assert_eq!(status, [0, 0, 0, 8, 0x02, 0, 0, 0, 0, 0, 0, 0]);
    let failed = scene.results(3, 0x04, 3).unwrap();
    assert_eq!((failed.len(), failed[3], failed[56], failed[59]), (97, 93, 0x02, 37));
    assert_eq!(failed[60..], reply.sense[..37]);
}

#[test]
fn results_say_how_a_copy_goes_and_ended() {
    let mut scene = Scene::new([512, 512]);
    assert_eq!(scene.results(1, 0x00, 1), Err((0x05, 0x24, 0x00)), "no such list");
    assert_eq!(scene.results(2, 0x03, 0).unwrap()[..12], [0, 0, 0, 42, 1, 0, 0, 0, 0, 16, 1, 0]);
    scene.disks[1].held = Some(Vec::new());
    let steps = [segment((0, 0), (0, 4000), 4), segment((0, 0), (1, 0), 2048)];
    let request = scene.copy(3, &list(1, 0x00, &both(), &steps));
    scene.transport.send(&request);
    until("a WRITE", || {
        scene.disks.iter_mut().for_each(|disk| while disk.serve() {});
        (scene.disks[1].held.as_ref().unwrap().len() == 4).then_some(())
    });
    let status = scene.results(4, 0x00, 1).unwrap();
    assert_eq!(status, [0, 0, 0, 8, 0x00, 0, 1, 0, 0, 0, 8, 0]);
    assert_eq!(scene.results(5, 0x01, 1), Err((0x05, 0x24, 0x00)), "not before it is over");
    let again = scene.copy(6, &list(1, 0x00, &both(), &steps));
    scene.transport.send(&again);
    assert_eq!(sense(&scene.answer()), (0x05, 0x00, 0x16), "the identifier is in use");
    scene.disks[1].release();
    assert_eq!(scene.answer().serial, 3);
    let status = scene.results(7, 0x00, 1).unwrap();
    assert_eq!(status, [0, 0, 0, 8, 0x01, 0, 2, 0, 0, 0x10, 8, 0]);
    assert_eq!(scene.results(8, 0x01, 1).unwrap(), [0; 4], "nothing is held");
    assert_eq!(scene.results(9, 0x04, 1).unwrap(), [0; 4], "nothing failed");
    // LIST ID USAGE 10b and 11b leave nothing behind.
    assert_eq!(scene.run(10, &list(2, 0x10, &both(), &steps)).status, GOOD);
    assert_eq!(scene.results(11, 0x00, 2), Err((0x05, 0x24, 0x00)));
    assert_eq!(scene.run(12, &list(0, 0x18, &both(), &steps)).status, GOOD);
    assert_eq!(scene.results(13, 0x00, 0), Err((0x05, 0x24, 0x00)));
}

#[test]
fn memory_bounds_all_copies_together() {
    let mut scene = Scene::new([512, 512]);
    scene.disks[1].held = Some(Vec::new());
    for number in 0..10 {
        let ends = ((0, number * 100), (1, number * 800));
        let request =
            scene.copy(1 + number, &list(1 + number as u8, 0, &both(), &[segment(ends.0, ends.1, 800)]));
        scene.transport.send(&request);
    }
    // Seven chunks are in the arena; each copy has one before one has two.
    until("seven chunks", || {
        scene.disks.iter_mut().for_each(|disk| while disk.serve() {});
        (scene.disks[1].held.as_ref().unwrap().len() == 7).then_some(())
    });
    scene.transport.barrier(NEXUS);
    while scene.disks[0].serve() {}
    assert_eq!(scene.disks[0].log.len(), 7);
    scene.disks[1].release();
    let mut ended: Vec<u64> = (0..10)
        .map(|_| scene.answer())
        .map(|reply| {
            assert_eq!(reply.status, GOOD);
            reply.serial
        })
        .collect();
    ended.sort_unstable();
    assert_eq!(ended, (1..=10).collect::<Vec<u64>>());
    for number in 0..10 {
        assert!(scene.disks[0].blocks(number * 100, 800) == scene.disks[1].blocks(number * 800, 800));
    }
}

#[test]
fn abort_waits_for_the_commands_of_the_copy() {
    let mut scene = Scene::new([512, 512]);
    scene.disks[1].held = Some(Vec::new());
    let request = scene.copy(1, &list(1, 0, &both(), &[segment((0, 0), (1, 0), 512)]));
    scene.transport.send(&request);
    until("a WRITE", || {
        scene.disks.iter_mut().for_each(|disk| while disk.serve() {});
        (!scene.disks[1].held.as_ref().unwrap().is_empty()).then_some(())
    });
    scene.transport.send(&function(NEXUS, 50, 1, lun(0), 1));
    scene.transport.barrier(NEXUS);
    assert!(scene.transport.poll().is_none(), "a WRITE of it is still executed");
    scene.disks[1].release();
    assert!(is_aborted(&scene.answer()));
    scene.transport.expect(ReplyKind::TaskManagementDone, NEXUS, 50);
    assert_eq!(scene.run(2, &list(1, 0, &both(), &[segment((0, 0), (1, 0), 512)])).status, GOOD);
}

#[test]
fn reset_of_the_destination_ends_the_copy() {
    let mut scene = Scene::new([512, 512]);
    scene.disks[1].held = Some(Vec::new());
    let request = scene.copy(1, &list(1, 0, &both(), &[segment((0, 0), (1, 0), 4096)]));
    scene.transport.send(&request);
    until("a WRITE", || {
        scene.disks.iter_mut().for_each(|disk| while disk.serve() {});
        (!scene.disks[1].held.as_ref().unwrap().is_empty()).then_some(())
    });
    scene.transport.send(&function(NEXUS, 50, 5, lun(1), 0));
    scene.transport.barrier(NEXUS);
    let held = scene.disks[1].held.take().unwrap();
    for request in &held {
        scene.disks[1].handler.aborted(request);
    }
    let (one, two) = (scene.answer(), scene.answer());
    let (done, function) = if one.serial == 1 { (one, two) } else { (two, one) };
    assert_eq!(function.kind, ReplyKind::TaskManagementDone as u8);
    assert_eq!((sense(&done), done.sense[18]), ((0x0A, 0x0D, 0x01), 0x40), "TASK ABORTED, says the unit");
}

#[test]
fn handler_that_dies_is_asked_again() {
    let mut scene = Scene::new([512, 512]);
    scene.disks[1].held = Some(Vec::new());
    let request = scene.copy(1, &list(1, 0, &both(), &[segment((0, 0), (1, 0), 4096)]));
    scene.transport.send(&request);
    until("WRITEs", || {
        scene.disks.iter_mut().for_each(|disk| while disk.serve() {});
        (scene.disks[1].held.as_ref().unwrap().len() == 4).then_some(())
    });
    for service in [OTHER, DISK] {
        scene.rig.down(service, false);
    }
    scene.disks[1].held = None;
    for (disk, service) in scene.disks.iter_mut().zip([DISK, OTHER]) {
        disk.handler = scene.rig.handler(service);
        disk.handler.fence();
    }
    assert_eq!(scene.answer().status, GOOD);
    assert!(scene.disks[0].blocks(0, 4096) == scene.disks[1].blocks(0, 4096));
}
