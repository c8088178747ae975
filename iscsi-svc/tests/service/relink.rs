//! The core dies: what is outstanding is said again, oldest first, with the same identity; what is held too long fails.

use ipc::message::record::{ReplyKind, RequestKind, request_flags};

use crate::initiator::{Initiator, pattern};
use crate::rig::Rig;

#[test]
fn core_dies_with_commands_outstanding() {
    let mut rig = Rig::new();
    let mut initiator = Initiator::login(&mut rig, "");
    let nexus = initiator.nexus.take().unwrap().nexus;
    let data = pattern(4096, 1);
    initiator.command(1, 0xa1, 4096, 0x2a, &data);
    initiator.command(2, 0xa1, 8192, 0x2a, &[]);
    initiator.command(3, 0xc1, 512, 0x28, &[]);
    let before: Vec<_> = (0..3).map(|_| rig.core.expect(RequestKind::Command)).collect();
    let ttt = initiator.receive().word(20);
    rig.core_dies(false);
    // A command that comes in between is held as well.
    initiator.command(4, 0x81, 0, 0x00, &[]);
    initiator.immediate(0x00, 0x80, 77, 0xffff_ffff, b"");
    assert_eq!(initiator.receive().opcode(), 0x20);
    rig.core_returns();
    let named = rig.core.attach();
    assert_eq!(named.len(), 1);
    assert_eq!((named[0].nexus, named[0].flags), (nexus, request_flags::RESUMED));
    let again: Vec<_> = (0..4).map(|_| rig.core.expect(RequestKind::Command)).collect();
    for (old, new) in before.iter().zip(&again) {
        assert_eq!((old.serial, old.cdb, old.extents), (new.serial, new.cdb, new.extents));
        assert_eq!(new.flags & request_flags::AGAIN, request_flags::AGAIN);
    }
    assert_eq!(again[1].flags & request_flags::DATA_PENDING, request_flags::DATA_PENDING);
    assert_eq!(rig.data_out(&again[0]), data);
    initiator.data_out(2, ttt, 0, 0, true, &pattern(8192, 2));
    let complete = rig.core.expect(RequestKind::DataComplete);
    assert_eq!(rig.data_out(&complete), pattern(8192, 2));
    for (request, bytes) in again.iter().zip([4096, 8192, 512, 0]) {
        rig.core.done(request, bytes, bytes);
    }
    let tags: Vec<u32> = (0..4).map(|_| initiator.receive().word(16)).collect();
    assert_eq!(tags, [1, 2, 3, 4]);
}

#[test]
fn core_dies_and_data_completes_meanwhile() {
    let mut rig = Rig::new();
    let mut initiator = Initiator::login(&mut rig, "");
    initiator.command(2, 0xa1, 8192, 0x2a, &[]);
    rig.core.expect(RequestKind::Command);
    let ttt = initiator.receive().word(20);
    rig.core_dies(false);
    initiator.data_out(2, ttt, 0, 0, true, &pattern(8192, 2));
    initiator.immediate(0x00, 0x80, 77, 0xffff_ffff, b"");
    assert_eq!(initiator.receive().opcode(), 0x20);
    rig.core_returns();
    rig.core.attach();
    let again = rig.core.expect(RequestKind::Command);
    assert_eq!(again.flags, request_flags::AGAIN);
    assert_eq!(rig.data_out(&again), pattern(8192, 2));
}

#[test]
fn core_dies_during_a_login() {
    let mut rig = Rig::new();
    let mut initiator = Initiator::connect(&rig);
    initiator.request_login(1, &format!("TargetName={}\0", crate::config::TARGET));
    rig.core.expect(RequestKind::NexusOpen);
    rig.core_dies(false);
    rig.core_returns();
    assert_eq!(rig.core.attach().len(), 1);
    assert_eq!(initiator.receive().head[36..38], [0, 0]);
}

#[test]
fn core_held_fails_commands_busy() {
    let mut rig = Rig::new();
    let mut initiator = Initiator::login(&mut rig, "");
    initiator.command(1, 0xa1, 4096, 0x2a, &pattern(4096, 1));
    rig.core.expect(RequestKind::Command);
    rig.core_dies(true);
    let answer = initiator.receive();
    assert_eq!((answer.opcode(), answer.status(), answer.word(44)), (0x21, 0x08, 4096));
    initiator.command(2, 0x81, 0, 0x00, &[]);
    assert_eq!(initiator.receive().status(), 0x08);
    // What was given up is not asked for again.
    rig.core_returns();
    rig.core.attach();
    initiator.command(3, 0x81, 0, 0x00, &[]);
    let command = rig.core.expect(RequestKind::Command);
    assert_eq!(command.flags, 0);
    rig.core.done(&command, 0, 0);
    assert_eq!(initiator.receive().word(16), 3);
}

#[test]
fn core_dies_with_a_nexus_closing() {
    let mut rig = Rig::new();
    let mut initiator = Initiator::login(&mut rig, "");
    initiator.command(1, 0xc1, 512, 0x28, &[]);
    rig.core.expect(RequestKind::Command);
    drop(initiator);
    rig.core.expect(RequestKind::NexusClose);
    rig.core_dies(false);
    rig.core_returns();
    // Neither the nexus nor its command is named again: for the core both have ended with the link.
    assert_eq!(rig.core.attach().len(), 0);
    let mut next = Initiator::connect(&rig);
    next.request_login(1, &format!("TargetName={}\0", crate::config::TARGET));
    let open = rig.core.expect(RequestKind::NexusOpen);
    rig.core.reply(ReplyKind::NexusOpened, &open);
    assert_eq!(next.receive().head[36..38], [0, 0]);
}

#[test]
fn functions_are_sent_again() {
    let mut rig = Rig::new();
    let mut initiator = Initiator::login(&mut rig, "");
    initiator.immediate(0x02, 0x85, 2, 0xffff_ffff, b"");
    let reset = rig.core.expect(RequestKind::TaskManagement);
    rig.core_dies(false);
    rig.core_returns();
    rig.core.attach();
    let again = rig.core.expect(RequestKind::TaskManagement);
    assert_eq!((again.serial, again.function, again.flags), (reset.serial, 5, request_flags::AGAIN));
    rig.core.reply(ReplyKind::TaskManagementDone, &again);
    assert_eq!(initiator.receive().head[..3], [0x22, 0x80, 0]);
}

#[test]
fn core_held_while_a_payload_is_coming_in() {
    let mut rig = Rig::new();
    let mut initiator = Initiator::login(&mut rig, "");
    initiator.command(1, 0xa1, 65_536, 0x2a, &[]);
    rig.core.expect(RequestKind::Command);
    let ttt = initiator.receive().word(20);
    let data = pattern(65_536, 1);
    // The header says 64 KiB; half of it comes now, half of it when the task is gone and its memory is another's.
    let mut head = [0; 48];
    (head[0], head[1], head[5], head[19]) = (0x05, 0x80, 1, 1);
    head[20..24].copy_from_slice(&ttt.to_be_bytes());
    std::io::Write::write_all(&mut initiator.socket, &[&head, &data[..32_768]].concat()).unwrap();
    rig.core_dies(true);
    assert_eq!(initiator.receive().status(), 0x08);
    rig.core_returns();
    rig.core.attach();
    std::io::Write::write_all(&mut initiator.socket, &data[32_768..]).unwrap();
    let other = pattern(4096, 9);
    initiator.command(3, 0xa1, 4096, 0x2a, &other);
    let command = rig.core.expect(RequestKind::Command);
    assert_eq!(rig.data_out(&command), other);
    rig.core.done(&command, 4096, 4096);
    assert_eq!(initiator.receive().word(16), 3);
}
