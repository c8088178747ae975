//! A CD drive: what it reads, what it says, and how a medium goes and comes.

use ipc::message::config::{DeviceChange, DeviceConfig};
use ipc::message::event::DeviceAnswer;
use ipc::message::{Event, Grant};
use vdisk_svc::engine::Choice;

use crate::fixture::*;

const NO_MEDIUM: (u8, u8, u8, u8) = (2, 0x2, 0x3A, 0x00);
const TRAY_OPEN: (u8, u8, u8, u8) = (2, 0x2, 0x3A, 0x02);
const INVALID_OPCODE: (u8, u8, u8, u8) = (2, 0x5, 0x20, 0x00);
const POLL: [u8; 10] = [0x4A, 1, 0, 0, 0x10, 0, 0, 0, 8, 0];
const TOC: [u8; 10] = [0x43, 0, 0, 0, 0, 0, 0, 0, 20, 0];

fn cd(unit: u32) -> DeviceConfig {
    DeviceConfig { cdrom: true, removable: true, read_only: true, block_size: 2048, ..disk(unit) }
}

/// EVENT CODE and MEDIA STATUS of the next media event.
fn poll(rig: &mut Rig) -> (u8, u8) {
    let answer = rig.run(0, &POLL, &[], &[8]);
    assert_eq!((answer.status(), &answer.data[..4]), (GOOD, &[0, 6, 4, 0x10][..]));
    (answer.data[4], answer.data[5])
}

fn change(rig: &mut Rig, change: DeviceChange, file: Option<&tempfile::NamedTempFile>) -> DeviceAnswer {
    let opened = file.map(open);
    let fds: Vec<_> = opened.iter().map(std::os::fd::AsFd::as_fd).collect();
    rig.grant(Grant::Change { unit: 0, request: 1, change }, &fds);
    let Event::Device { answer, .. } = rig.event() else { panic!("no answer") };
    if answer != DeviceAnswer::Prepared {
        return answer;
    }
    rig.grant(Grant::Settle { unit: 0, request: 1, go: true }, &[]);
    let Event::Device { answer, .. } = rig.event() else { panic!("no answer") };
    answer
}

#[test]
fn cd_reads_and_says_what_it_is() {
    let file = medium(64, false);
    let mut rig = Rig::on(Choice::Best, cd(0), &file);
    let inquiry = rig.run(0, &[0x12, 0, 0, 0, 36, 0], &[], &[36]).data;
    assert_eq!(inquiry[..2], [0x05, 0x80]);
    let capacity = rig.run(0, &[0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0], &[], &[8]);
    assert_eq!(capacity.data, [0, 0, 0, 15, 0, 0, 8, 0]);
    let answer = rig.run(0, &read_10(1, 1), &[], &[2048]);
    assert_eq!(answer.data, [[4; 512], [5; 512], [6; 512], [7; 512]].concat());
    let answer = rig.run(0, &[0xA8, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0], &[], &[2048]);
    assert_eq!(answer.data[..512], [4; 512]);
    // READ CD of user data, and the same block as a time: 2 seconds and 1 frame to 2 seconds and 2 frames.
    for cdb in [[0xBE, 0, 0, 0, 0, 1, 0, 0, 1, 0x10, 0, 0], [0xB9, 0x08, 0, 0, 2, 1, 0, 2, 2, 0x10, 0, 0]] {
        let answer = rig.run(0, &cdb, &[], &[2048]);
        assert_eq!(answer.data, [[4; 512], [5; 512], [6; 512], [7; 512]].concat());
    }
    let past = rig.run(0, &[0xBE, 0, 0, 0, 0, 15, 0, 0, 2, 0x10, 0, 0], &[], &[4096]);
    assert_eq!(past.status(), (2, 0x5, 0x21, 0x00));
    let raw = rig.run(0, &[0xBE, 0, 0, 0, 0, 1, 0, 0, 1, 0xF8, 0, 0], &[], &[2352]);
    assert_eq!(raw.status(), (2, 0x5, 0x24, 0x00), "there are no sync bytes, headers and EDC in an image");
    let formats = rig.run(0, &[0x23, 0, 0, 0, 0, 0, 0, 0, 12, 0], &[], &[12]).data;
    assert_eq!(formats, [0, 0, 0, 8, 0, 0, 0, 16, 2, 0, 8, 0]);
    let toc = rig.run(0, &TOC, &[], &[20]).data;
    assert_eq!(toc[..4], [0, 18, 1, 1]);
    assert_eq!(toc[12..], [0, 0x14, 0xAA, 0, 0, 0, 0, 16]);
    let configuration = rig.run(0, &[0x46, 0, 0, 0, 0, 0, 0, 0, 8, 0], &[], &[8]).data;
    assert_eq!(configuration[6..], [0x00, 0x08]);
    assert_eq!(rig.run(0, &write_10(0, 1), &[&[0; 2048]], &[]).status(), INVALID_OPCODE);
    assert_eq!(
        rig.run(0, &[0x88, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0], &[], &[2048]).status(),
        INVALID_OPCODE
    );
}

#[test]
fn empty_drive_becomes_ready_with_a_medium_and_events_are_told_once() {
    let file = medium(64, false);
    let mut rig = Rig::start(Choice::Best, vec![(cd(0), None)]);
    assert_eq!(rig.run(0, &TEST_UNIT_READY, &[], &[]).status(), NO_MEDIUM);
    assert_eq!(rig.run(0, &TOC, &[], &[20]).status(), NO_MEDIUM);
    assert_eq!(poll(&mut rig), (0, 0x00));
    let insert = DeviceChange::Insert { generation: 1, cacheless: false, force: false };
    assert_eq!(change(&mut rig, insert, Some(&file)), DeviceAnswer::Done { bytes: 64 * 512 });
    assert_eq!(poll(&mut rig), (2, 0x02), "NewMedia, present");
    assert_eq!(poll(&mut rig), (0, 0x02));
    assert_eq!(rig.run(0, &TEST_UNIT_READY, &[], &[]).status(), GOOD);
    assert_eq!(change(&mut rig, DeviceChange::Eject { force: false }, None), DeviceAnswer::Done { bytes: 0 });
    assert_eq!(poll(&mut rig), (3, 0x00), "MediaRemoval");
    assert_eq!(rig.run(0, &read_10(1, 1), &[], &[2048]).status(), NO_MEDIUM);
}

#[test]
fn medium_that_is_held_is_asked_for_and_ejected_by_its_holder() {
    let file = medium(64, false);
    let mut rig = Rig::on(Choice::Best, cd(0), &file);
    assert_eq!(poll(&mut rig), (0, 0x02));
    assert_eq!(rig.run(0, &[0x1E, 0, 0, 0, 1, 0], &[], &[]).status(), GOOD);
    let refused = change(&mut rig, DeviceChange::Eject { force: false }, None);
    assert!(matches!(refused, DeviceAnswer::Refused { .. }), "{refused:?}");
    assert_eq!(poll(&mut rig), (1, 0x02), "EjectRequest");
    assert_eq!(rig.run(0, &[0x1E, 0, 0, 0, 0, 0], &[], &[]).status(), GOOD);
    assert_eq!(rig.run(0, &[0x1B, 0, 0, 0, 2, 0], &[], &[]).status(), GOOD);
    assert_eq!(poll(&mut rig), (3, 0x01), "MediaRemoval, tray open");
    assert_eq!(rig.run(0, &TEST_UNIT_READY, &[], &[]).status(), TRAY_OPEN);
    assert_eq!(rig.run(0, &[0xBD, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0], &[], &[8]).data[1], 0x10);
    assert_eq!(rig.run(0, &[0x1B, 0, 0, 0, 3, 0], &[], &[]).status(), GOOD);
    assert_eq!(poll(&mut rig), (2, 0x02), "NewMedia");
    assert_eq!(rig.run(0, &TOC, &[], &[20]).status(), GOOD);
}
