//! Units that change while they are served: size, medium, none.

use std::os::fd::AsFd;

use ipc::message::config::{DeviceChange, DeviceConfig, FaultConfig};
use ipc::message::event::DeviceAnswer;
use ipc::message::{Event, Grant};
use vdisk_svc::engine::Choice;
use vdisk_svc::stats::Counter;

use crate::fixture::*;

const READ_CAPACITY_10: [u8; 10] = [0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0];
/// 100 ms for every I/O.
const SLOW: FaultConfig = FaultConfig { delay_us: 100_000, fail_every: 0, short_every: 0, die_at: 0 };

fn removable(unit: u32) -> DeviceConfig {
    DeviceConfig { removable: true, ..disk(unit) }
}

fn insert(generation: u32) -> DeviceChange {
    DeviceChange::Insert { generation, cacheless: false, force: false }
}

fn change(rig: &Rig, request: u64, change: DeviceChange, medium: Option<&tempfile::NamedTempFile>) {
    let file = medium.map(open);
    let fds: Vec<_> = file.iter().map(AsFd::as_fd).collect();
    rig.grant(Grant::Change { unit: 0, request, change }, &fds);
}

fn settle(rig: &Rig, request: u64, go: bool) {
    rig.grant(Grant::Settle { unit: 0, request, go }, &[]);
}

fn answer(rig: &mut Rig, expected: u64) -> DeviceAnswer {
    match rig.event() {
        Event::Device { unit: 0, request, answer } if request == expected => answer,
        other => panic!("{other:?}"),
    }
}

fn refusal(rig: &mut Rig, request: u64) -> String {
    match answer(rig, request) {
        DeviceAnswer::Refused { text } => text,
        other => panic!("{other:?}"),
    }
}

fn last_lba(rig: &mut Rig) -> u8 {
    rig.run(0, &READ_CAPACITY_10, &[], &[8]).data[3]
}

/// Capacity, medium and INQUIRY generation that the core was told last.
fn generations(rig: &mut Rig) -> (u32, u32, u32) {
    rig.fence();
    rig.reply();
    let generations = rig.reports.last().expect("a report").1.generations;
    (generations.capacity, generations.medium, generations.inquiry)
}

#[test]
fn file_that_grew_is_seen_on_command_and_told_before_the_next_answer() {
    let file = medium(8, false);
    let mut rig = Rig::on(Choice::Best, disk(0), &file);
    let before = generations(&mut rig);
    assert_ne!(before.0, 0);
    file.as_file().set_len(20 * 512 + 3).unwrap();
    change(&rig, 1, DeviceChange::Resize { bytes: None }, None);
    assert_eq!(answer(&mut rig, 1), DeviceAnswer::Done { bytes: 20 * 512 });
    assert_eq!(last_lba(&mut rig), 19);
    let after = generations(&mut rig);
    assert_ne!(before.0, after.0, "CAPACITY DATA HAS CHANGED is due");
    assert_eq!((before.1, before.2), (after.1, after.2), "and nothing else");
    assert_eq!(rig.run(0, &read_10(19, 1), &[], &[512]).status(), GOOD);
}

#[test]
fn file_is_given_another_size() {
    for choice in engines() {
        let file = medium(8, false);
        let mut rig = Rig::on(choice, faulty(0, SLOW), &file);
        let write = rig.send(0, &write_10(7, 1), &[&[0xAB; 512]], &[]);
        rig.await_counter(Counter::Deferred, 1);
        change(&rig, 1, DeviceChange::Resize { bytes: Some(4 * 512) }, None);
        // What had begun ends as it would have; what comes later finds the end.
        let first = rig.reply();
        assert_eq!((first.serial, status(&first)), (write.serial, GOOD));
        assert_eq!(answer(&mut rig, 1), DeviceAnswer::Done { bytes: 4 * 512 });
        assert_eq!(std::fs::metadata(file.path()).unwrap().len(), 4 * 512);
        assert_eq!(rig.run(0, &read_10(7, 1), &[], &[512]).status(), (2, 0x5, 0x21, 0x00));
        change(&rig, 2, DeviceChange::Resize { bytes: Some(64 * 512) }, None);
        assert_eq!(answer(&mut rig, 2), DeviceAnswer::Done { bytes: 64 * 512 });
        let read = rig.run(0, &read_10(7, 1), &[], &[512]);
        assert_eq!((read.status(), read.data), (GOOD, vec![0; 512]), "cut off is gone");
    }
}

#[test]
fn size_that_changes_by_itself_is_noticed() {
    let file = medium(8, false);
    let mut rig = Rig::on(Choice::Best, disk(0), &file);
    let before = generations(&mut rig).0;
    file.as_file().set_len(9 * 512).unwrap();
    // At the latest once a second, and at once by a command beyond the end.
    rig.run(0, &read_10(8, 1), &[], &[512]);
    assert_eq!(rig.run(0, &read_10(8, 1), &[], &[512]).status(), GOOD);
    assert_ne!(generations(&mut rig).0, before);
    file.as_file().set_len(4 * 512).unwrap();
    let deadline = std::time::Instant::now() + LIMIT;
    while last_lba(&mut rig) != 3 {
        assert!(std::time::Instant::now() < deadline, "nobody looks");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert_eq!(rig.run(0, &write_10(4, 1), &[&[1; 512]], &[]).status(), (2, 0x5, 0x21, 0x00));
    assert_eq!(std::fs::metadata(file.path()).unwrap().len(), 4 * 512, "nothing is written past the end");
}

#[test]
fn medium_is_changed_under_a_fixed_disk() {
    for choice in engines() {
        let (old, new) = (medium(8, false), medium(16, false));
        let mut rig = Rig::on(choice, faulty(0, SLOW), &old);
        let before = generations(&mut rig);
        let write = rig.send(0, &write_10(1, 1), &[&[0xAB; 512]], &[]);
        rig.await_counter(Counter::Deferred, 1);
        change(&rig, 5, insert(1), Some(&new));
        assert_eq!(answer(&mut rig, 5), DeviceAnswer::Prepared);
        settle(&rig, 5, true);
        assert_eq!(rig.reply().serial, write.serial);
        assert_eq!(answer(&mut rig, 5), DeviceAnswer::Done { bytes: 16 * 512 });
        assert_eq!(
            std::fs::read(old.path()).unwrap()[512..1024],
            [0xAB; 512],
            "what had begun is on the old"
        );
        assert_eq!(rig.run(0, &read_10(1, 1), &[], &[512]).data, [1; 512]);
        assert_eq!(last_lba(&mut rig), 15);
        let after = generations(&mut rig);
        assert!(before.0 != after.0 && before.1 == after.1 && after.2 == 1, "{before:?} {after:?}");
        let other = open(&old);
        let lock = rustix::fs::flock(&other, rustix::fs::FlockOperation::NonBlockingLockExclusive);
        assert!(lock.is_ok(), "the old medium is let go");
    }
}

#[test]
fn medium_is_taken_out_and_put_in() {
    let (old, new) = (medium(8, false), medium(16, false));
    let mut rig = Rig::on(Choice::Best, removable(0), &old);
    let before = generations(&mut rig);
    change(&rig, 1, DeviceChange::Eject { force: false }, None);
    assert_eq!(answer(&mut rig, 1), DeviceAnswer::Prepared);
    assert_eq!(rig.run(0, &read_10(1, 1), &[], &[512]).data, [1; 512], "not before it is settled");
    settle(&rig, 1, true);
    assert_eq!(answer(&mut rig, 1), DeviceAnswer::Done { bytes: 0 });
    // NOT READY, MEDIUM NOT PRESENT.
    assert_eq!(rig.run(0, &TEST_UNIT_READY, &[], &[]).status(), (2, 0x2, 0x3A, 0x00));
    assert_eq!(rig.run(0, &read_10(1, 1), &[], &[512]).status(), (2, 0x2, 0x3A, 0x00));
    assert_eq!(generations(&mut rig), (0, 0, 0), "its capacity is not known");
    change(&rig, 2, insert(1), Some(&new));
    assert_eq!(answer(&mut rig, 2), DeviceAnswer::Prepared);
    settle(&rig, 2, true);
    assert_eq!(answer(&mut rig, 2), DeviceAnswer::Done { bytes: 16 * 512 });
    assert_eq!(rig.run(0, &read_10(9, 1), &[], &[512]).data, [9; 512]);
    let after = generations(&mut rig);
    assert!(after.0 != before.0 && after.1 == 1, "{after:?}");
}

#[test]
fn command_that_was_on_its_way_to_the_old_medium_does_not_reach_the_new_one() {
    for removable in [false, true] {
        let (old, new) = (medium(8, false), medium(8, false));
        let mut rig = Rig::on(Choice::Best, DeviceConfig { removable, ..disk(0) }, &old);
        generations(&mut rig);
        rig.medium = rig.reports.last().expect("a report").1.generations.medium_number();
        assert_eq!(rig.run(0, &write_10(1, 1), &[&[0xAB; 512]], &[]).status(), GOOD);
        change(&rig, 1, insert(1), Some(&new));
        assert_eq!(answer(&mut rig, 1), DeviceAnswer::Prepared);
        settle(&rig, 1, true);
        assert_eq!(answer(&mut rig, 1), DeviceAnswer::Done { bytes: 8 * 512 });
        let code = if removable { (2, 0x6, 0x28, 0x00) } else { (2, 0x6, 0x3F, 0x03) };
        assert_eq!(rig.run(0, &write_10(2, 1), &[&[0xCD; 512]], &[]).status(), code);
        assert_eq!(rig.run(0, &[0x12, 0, 0, 0, 36, 0], &[], &[36]).status(), GOOD, "INQUIRY is for any");
        assert_eq!(std::fs::read(new.path()).unwrap()[1024..1536], [2; 512], "the write did nothing");
        generations(&mut rig);
        rig.medium = rig.reports.last().expect("a report").1.generations.medium_number();
        assert_eq!(rig.run(0, &write_10(2, 1), &[&[0xCD; 512]], &[]).status(), GOOD);
    }
}

#[test]
fn device_is_granted_without_its_medium() {
    let mut rig = Rig::start(Choice::Best, vec![(removable(0), None)]);
    assert_eq!(rig.run(0, &TEST_UNIT_READY, &[], &[]).status(), (2, 0x2, 0x3A, 0x00));
    let inquiry = rig.run(0, &[0x12, 0, 0, 0, 36, 0], &[], &[36]);
    assert_eq!((inquiry.status(), inquiry.data[1]), (GOOD, 0x80));
}

#[test]
fn change_that_is_refused_or_forgotten_leaves_everything_as_it_was() {
    let (old, other) = (medium(8, false), medium(16, false));
    let mut rig = Rig::on(Choice::Best, disk(0), &old);
    let before = generations(&mut rig);
    let tiny = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(tiny.path(), [0; 511]).unwrap();
    change(&rig, 1, insert(1), Some(&tiny));
    assert!(refusal(&mut rig, 1).contains("511 bytes are less than one block of 512"));
    let locked = open(&other);
    rustix::fs::flock(&locked, rustix::fs::FlockOperation::NonBlockingLockExclusive).unwrap();
    change(&rig, 2, insert(1), Some(&other));
    assert!(refusal(&mut rig, 2).contains("in use by another process"));
    change(&rig, 3, insert(1), None);
    assert!(refusal(&mut rig, 3).contains("was not granted"));
    drop(locked);
    change(&rig, 4, insert(1), Some(&other));
    assert_eq!(answer(&mut rig, 4), DeviceAnswer::Prepared);
    settle(&rig, 9, true);
    settle(&rig, 4, false);
    settle(&rig, 4, true);
    assert_eq!(rig.run(0, &read_10(7, 1), &[], &[512]).data, [7; 512]);
    assert_eq!((last_lba(&mut rig), generations(&mut rig)), (7, before));
    rig.grant(Grant::Change { unit: 9, request: 6, change: insert(1) }, &[]);
    assert!(matches!(
        rig.event(),
        Event::Device { unit: 9, request: 6, answer: DeviceAnswer::Refused { .. } }
    ));
}

#[test]
fn space_below_the_threshold_is_told() {
    let file = medium(8, false);
    let space = rustix::fs::statvfs(file.path()).unwrap();
    if u128::from(space.f_bavail) * 100 >= u128::from(space.f_blocks) * 99 {
        eprintln!("skipped: the file system of the directory for temporary files is empty");
        return;
    }
    for (thin, threshold, news) in [(true, 99, true), (true, 0, false), (false, 99, false)] {
        let config = DeviceConfig { thin, threshold, ..disk(0) };
        let mut rig = Rig::on(Choice::Best, config, &file);
        let deadline =
            std::time::Instant::now() + if news { LIMIT } else { std::time::Duration::from_secs(2) };
        let told = loop {
            // Every fence makes a turn of the loop, and a sleep between them lets it look around.
            rig.run(0, &TEST_UNIT_READY, &[], &[]);
            if rig.reports.last().is_some_and(|(_, report)| report.generations.threshold == 1) {
                break true;
            }
            if std::time::Instant::now() >= deadline {
                break false;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        };
        assert_eq!(told, news, "thin {thin}, threshold {threshold}");
        if thin {
            let page = rig.run(0, &[0x1A, 0x08, 0x1C, 0x02, 255, 0], &[], &[255]).data.split_off(4);
            assert_eq!(
                (page[..4].to_vec(), page[16..18].to_vec()),
                (vec![0x5C, 2, 0, 20], vec![u8::from(news) << 7, 1])
            );
            let sets = u32::from_be_bytes(page[20..].try_into().unwrap());
            let all = u128::from(space.f_blocks) * u128::from(space.f_frsize);
            assert_eq!(u128::from(sets), (all * u128::from(threshold) / 100) >> 20);
        }
    }
}
