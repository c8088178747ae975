//! The core dies while it copies, after each number of commands that it can have sent: the result is that of one copy.

use crate::copy_disks::*;
use crate::ends::*;
use crate::rig::NEXUS;

/// Copies with a death of the core after `count` commands of its own have been served, and compares.
fn copied(bytes: &[u8], count: usize, expected: &[Vec<u8>; 2]) -> bool {
    copied_between([512, 512], bytes, count, expected)
}

/// The same with blocks of these sizes.
fn copied_between(sizes: [usize; 2], bytes: &[u8], count: usize, expected: &[Vec<u8>; 2]) -> bool {
    let mut scene = Scene::new(sizes);
    let request = scene.copy(1, bytes);
    scene.transport.send(&request);
    let ended = scene.serve(count).is_some();
    scene.core_dies();
    let request = again(scene.copy(1, bytes));
    scene.transport.send(&request);
    let reply = scene.answer();
    assert_eq!((reply.serial, reply.status), (1, GOOD), "after {count}: {reply:?}");
    for (disk, expected) in scene.disks.iter().zip(expected) {
        assert!(disk.data == *expected, "dead after {count} commands");
    }
    // The copy manager works as before, with all of its memory.
    let targets = [target(0xA0, sizes[0] as u16), target(0xB1, sizes[1] as u16)];
    let plain = list(2, 0, &targets, &[segment((0, 0), (1, 0), 4096)]);
    assert_eq!(scene.run(2, &plain).status, GOOD);
    ended
}

fn disks() -> [Vec<u8>; 2] {
    let scene = Scene::new([512, 512]);
    scene.disks.map(|disk| disk.data)
}

#[test]
fn overlapping_copy_is_not_read_again_where_it_was_overwritten() {
    for (from, to) in [(1000_usize, 1001_usize), (1001, 1000), (0, 700), (700, 0)] {
        let mut expected = disks();
        expected[0].copy_within(from * 512..(from + 1500) * 512, to * 512);
        let bytes = list(1, 0, &both()[..1], &[segment((0, from as u64), (0, to as u64), 1500)]);
        let mut count = 0;
        while !copied(&bytes, count, &expected) {
            count += 1;
        }
        assert!(count >= 8, "three chunks, each read and written, after two questions");
    }
}

#[test]
fn segments_that_undo_one_another_are_done_once() {
    let mut expected = disks();
    let copy = |expected: &mut [Vec<u8>; 2], from: usize, to: usize| {
        let bytes = expected[from][..600 * 512].to_vec();
        expected[to][..600 * 512].copy_from_slice(&bytes);
    };
    // A to B, the second half of A over A, A to B once more: done twice, it would be another result.
    copy(&mut expected, 0, 1);
    expected[0].copy_within(4000 * 512..4600 * 512, 0);
    let bytes = list(
        1,
        0,
        &both(),
        &[segment((0, 0), (1, 0), 600), segment((0, 4000), (0, 0), 600), segment((1, 0), (0, 4000), 600)],
    );
    let first = expected[1][..600 * 512].to_vec();
    expected[0][4000 * 512..4600 * 512].copy_from_slice(&first);
    let mut count = 0;
    while !copied(&bytes, count, &expected) {
        count += 1;
    }
    assert!(count >= 16);
}

#[test]
fn what_is_left_over_is_there_after_a_death() {
    let targets = [target(0xA0, 512), target(0xB1, 4096)];
    for to in [1002_usize, 990, 700] {
        // 12 blocks: one of the destination's, and 4 that are left over. 3 of 8: 5 more, behind 4 that are still there. Then
        // a run that overlaps itself, behind 6 of these; and what was read first is written over by what comes last.
        let steps = [
            flagged(0x01, segment((0, 1200), (1, 10), 12)),
            flagged(0x03, segment((1, 500), (0, 4000), 6)),
            flagged(0x01, segment((0, 1000), (0, to as u64), 700)),
            segment((0, 4000), (1, 500), 8),
        ];
        let mut expected = Scene::new([512, 4096]).disks.map(|disk| disk.data);
        let [small, large] = &mut expected;
        let bytes = |lba: usize, blocks: usize| lba * 512..(lba + blocks) * 512;
        let first = small[bytes(1200, 12)].to_vec();
        large[10 * 4096..11 * 4096].copy_from_slice(&first[..4096]);
        let second = [&first[4096..], &large[500 * 4096..501 * 4096]].concat();
        small[bytes(4000, 6)].copy_from_slice(&second[..3072]);
        let third = [&second[3072..], &small[bytes(1000, 700)]].concat();
        small[bytes(to, 706)].copy_from_slice(&third);
        let fourth = small[bytes(4000, 8)].to_vec();
        large[500 * 4096..501 * 4096].copy_from_slice(&fourth);
        let list = list(1, 0, &targets, &steps);
        let mut count = 0;
        while !copied_between([512, 4096], &list, count, &expected) {
            count += 1;
        }
        assert!(count >= 4 + 3 + 2 + 6 + 2, "{count}");
    }
}

#[test]
fn outcome_that_was_not_read_is_given_again() {
    let mut scene = Scene::new([512, 512]);
    let bytes = list(1, 0, &both(), &[segment((0, 0), (1, 0), 100), segment((1, 50), (0, 0), 100)]);
    assert_eq!(scene.run(1, &bytes).status, GOOD);
    let (before, moved) = (scene.disks[0].data.clone(), scene.disks[0].log.len());
    scene.core_dies();
    let request = again(scene.copy(1, &bytes));
    scene.transport.send(&request);
    assert_eq!(scene.answer().status, GOOD);
    assert!(scene.disks[0].data == before && scene.disks[0].log.len() == moved, "nothing is copied again");
    // How it ended is still known.
    assert_eq!(scene.results(2, 0x00, 1).unwrap(), [0, 0, 0, 8, 0x01, 0, 2, 0, 0, 1, 0x90, 0]);
}

#[test]
fn copy_that_does_not_come_again_leaves_no_memory_taken() {
    let mut scene = Scene::new([512, 512]);
    scene.disks[0].held = Some(Vec::new());
    let bytes = list(1, 0, &both()[..1], &[segment((0, 0), (0, 1), 1000)]);
    let request = scene.copy(1, &bytes);
    scene.transport.send(&request);
    let held = |scene: &Scene| scene.disks[0].held.as_ref().unwrap().len();
    until("a READ", || {
        scene.disks[0].serve();
        (held(&scene) == 1).then_some(())
    });
    scene.disks[0].release();
    scene.disks[0].held = Some(Vec::new());
    until("its WRITE", || {
        scene.disks[0].serve();
        (held(&scene) == 1).then_some(())
    });
    scene.disks[0].held = None;
    scene.rig.die();
    scene.rig.launch();
    scene.transport = scene.rig.transport(crate::rig::A);
    for (disk, service) in scene.disks.iter_mut().zip([crate::rig::DISK, crate::rig::OTHER]) {
        disk.handler = scene.rig.handler(service);
    }
    scene.rig.go();
    scene.disks.iter_mut().for_each(|disk| disk.handler.fence());
    // The transport has lost its nexus.
    scene.transport.attach(0, &[]);
    crate::rig::open_quietly(&mut scene.transport, NEXUS + 1, 0);
    scene.disks[1].held = Some(Vec::new());
    for number in 0..2 {
        let ends = ((0, 0), (1, number * 3000));
        let list = list(1 + number as u8, 0, &both(), &[segment(ends.0, ends.1, 2560)]);
        let mut request = scene.copy(1 + number, &list);
        request.nexus = NEXUS + 1;
        scene.transport.send(&request);
    }
    until("all seven chunks", || {
        scene.disks.iter_mut().for_each(|disk| while disk.serve() {});
        (scene.disks[1].held.as_ref().unwrap().len() == 7).then_some(())
    });
}

#[test]
fn abort_of_a_copy_that_came_again_waits_for_every_handler() {
    let mut scene = Scene::new([512, 512]);
    scene.disks[1].hold();
    let bytes = list(1, 0, &both(), &[segment((0, 0), (1, 0), 2000)]);
    let request = scene.copy(1, &bytes);
    scene.transport.send(&request);
    until("a WRITE", || {
        scene.disks.iter_mut().for_each(|disk| while disk.serve() {});
        (scene.disks[1].count_held() > 0).then_some(())
    });
    scene.rig.die();
    scene.rig.launch();
    scene.transport = scene.rig.transport(crate::rig::A);
    for (disk, service) in scene.disks.iter_mut().zip([crate::rig::DISK, crate::rig::OTHER]) {
        disk.handler = scene.rig.handler(service);
    }
    scene.rig.go();
    scene.transport.begin(0, &[NEXUS]);
    let request = again(scene.copy(1, &bytes));
    scene.transport.send(&request);
    scene.transport.send(&function(NEXUS, 50, 1, lun(0), 1));
    scene.disks[0].handler.fence();
    scene.transport.barrier(NEXUS);
    assert!(scene.transport.poll().is_none(), "the other handler may still write for the former core");
    scene.disks[1].handler.fence();
    let mut replies = [scene.answer(), scene.answer(), scene.answer()];
    replies.sort_by_key(|reply| reply.serial);
    assert!(is_aborted(&replies[0]) && replies[0].serial == 1);
    assert_eq!([replies[1].serial, replies[2].serial], [50, 99], "the function, and the arena is free");
    scene.disks[1].held = None;
    assert_eq!(scene.run(2, &bytes).status, GOOD);
}
