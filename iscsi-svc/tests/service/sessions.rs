//! Logins, discovery, and everything in a session that is not a command.

use ipc::message::Event;
use ipc::message::record::{NexusNames, Reply, ReplyKind, RequestKind, refusal, request_flags};

use crate::config::TARGET;
use crate::initiator::{Initiator, NAME};
use crate::rig::Rig;

const NO_TAG: u32 = 0xffff_ffff;

#[test]
fn login_names_the_nexus() {
    let mut rig = Rig::new();
    let initiator = Initiator::login(&mut rig, "");
    let open = initiator.nexus.unwrap();
    let names = NexusNames::decode(&rig.data_out(&open)).unwrap();
    assert_eq!(names.initiator, format!("{NAME},i,0x400000000001"));
    assert_eq!(names.target, format!("{TARGET},t,0x0001"));
    assert_eq!((open.unit, open.flags), (5, 0));
}

#[test]
fn login_refused_by_the_core() {
    let mut rig = Rig::new();
    let mut initiator = Initiator::connect(&rig);
    initiator.request_login(1, &format!("TargetName={TARGET}\0"));
    let open = rig.core.expect(RequestKind::NexusOpen);
    let mut reply = Reply::new(ReplyKind::NexusOpened, open.nexus, open.serial);
    reply.status = refusal::NO_ROOM;
    rig.core.send(&reply);
    let answer = initiator.receive();
    assert_eq!((answer.opcode(), &answer.head[36..38]), (0x23, &[0x03, 0x02][..]));
    assert!(initiator.is_closed());
}

#[test]
fn login_to_nothing() {
    let rig = Rig::new();
    let mut initiator = Initiator::connect(&rig);
    initiator.request_login(1, "TargetName=iqn.2026-11.org.example:other\0");
    assert_eq!(initiator.receive().head[36..38], [0x02, 0x03]);
    assert!(initiator.is_closed());
}

#[test]
fn connection_is_deposited_and_withdrawn() {
    let mut rig = Rig::new();
    let initiator = Initiator::login(&mut rig, "");
    let (deposit, fds) = rig.event(|event| matches!(event, Event::Deposit { .. }));
    assert_eq!(fds.len(), 1);
    drop(initiator);
    let Event::Deposit { key } = deposit else { unreachable!() };
    rig.event(|event| *event == Event::Withdraw { key });
}

#[test]
fn connections_are_limited() {
    let mut rig = Rig::with(16 << 20, |config| config.max_connections = 1);
    let _first = Initiator::login(&mut rig, "");
    assert!(Initiator::connect(&rig).is_closed());
}

#[test]
fn discovery_lists_the_target() {
    let rig = Rig::new();
    let mut initiator = Initiator::connect(&rig);
    initiator.request_login(1, "SessionType=Discovery\0");
    assert_eq!(initiator.receive().flags(), 0x87);
    initiator.immediate(0x04, 0x80, 3, NO_TAG, b"SendTargets=All\0");
    let answer = initiator.receive();
    let text = format!("TargetName={TARGET}\0TargetAddress={},1\0", rig.address);
    assert_eq!((answer.opcode(), answer.flags(), answer.word(20)), (0x24, 0x80, NO_TAG));
    assert_eq!(String::from_utf8(answer.data).unwrap(), text);
    // Commands have no place here.
    initiator.command(4, 0x81, 0, 0x00, &[]);
    let reject = initiator.receive();
    assert_eq!((reject.opcode(), reject.head[2]), (0x3f, 0x05));
}

#[test]
fn discovery_answer_in_pieces() {
    let rig = Rig::new();
    let mut initiator = Initiator::connect(&rig);
    initiator.request_login(1, "SessionType=Discovery\0MaxRecvDataSegmentLength=512\0");
    initiator.receive();
    let mut text = String::new();
    for _ in 0..12 {
        text.push_str("SendTargets=All\0");
    }
    initiator.immediate(0x04, 0x80, 3, NO_TAG, text.as_bytes());
    let mut whole = Vec::new();
    loop {
        let answer = initiator.receive();
        whole.extend_from_slice(&answer.data);
        if answer.flags() == 0x80 {
            break;
        }
        assert_eq!((answer.flags(), answer.data.len()), (0x40, 512));
        initiator.immediate(0x04, 0x80, 3, answer.word(20), b"");
    }
    let one = format!("TargetName={TARGET}\0TargetAddress={},1\0", rig.address);
    assert_eq!(String::from_utf8(whole).unwrap(), one.repeat(12));
}

#[test]
fn nop_is_echoed() {
    let mut rig = Rig::new();
    let mut initiator = Initiator::login(&mut rig, "");
    initiator.immediate(0x00, 0x80, 5, NO_TAG, b"hello");
    let pdu = initiator.receive();
    assert_eq!((pdu.opcode(), pdu.word(16), pdu.word(20)), (0x20, 5, NO_TAG));
    assert_eq!(pdu.data, b"hello");
}

#[test]
fn silence_is_answered_by_a_ping() {
    let mut rig = Rig::with(16 << 20, |config| config.nop_interval_s = 1);
    let mut initiator = Initiator::login(&mut rig, "");
    let ping = initiator.receive();
    assert_eq!((ping.opcode(), ping.word(16)), (0x20, NO_TAG));
    assert_ne!(ping.word(20), NO_TAG);
    initiator.immediate(0x00, 0x80, NO_TAG, ping.word(20), b"");
    assert_eq!(initiator.receive().opcode(), 0x20);
}

#[test]
fn logout_ends_session_and_nexus() {
    let mut rig = Rig::new();
    let mut initiator = Initiator::login(&mut rig, "");
    initiator.immediate(0x06, 0x80, 6, 0, b"");
    let answer = initiator.receive();
    assert_eq!((answer.opcode(), answer.head[2]), (0x26, 0));
    assert!(initiator.is_closed());
    drop(initiator);
    let close = rig.core.expect(RequestKind::NexusClose);
    rig.core.reply(ReplyKind::NexusClosed, &close);
}

#[test]
fn session_of_the_same_port_replaces_the_old_one() {
    let mut rig = Rig::new();
    let mut old = Initiator::login(&mut rig, "");
    let old_nexus = old.nexus.take().unwrap().nexus;
    old.command(1, 0x81, 0, 0x00, &[]);
    let command = rig.core.expect(RequestKind::Command);
    let mut new = Initiator::connect(&rig);
    new.request_login(1, &format!("TargetName={TARGET}\0"));
    let close = rig.core.expect(RequestKind::NexusClose);
    assert_eq!(close.nexus, old_nexus);
    let open = rig.core.expect(RequestKind::NexusOpen);
    assert_ne!(open.nexus, old_nexus);
    assert!(old.is_closed());
    rig.core.done(&command, 0, 0);
    rig.core.reply(ReplyKind::NexusClosed, &close);
    rig.core.reply(ReplyKind::NexusOpened, &open);
    assert_eq!(new.receive().head[36..38], [0, 0]);
}

#[test]
fn sessions_of_two_ports_live_together() {
    let mut rig = Rig::new();
    let _first = Initiator::login(&mut rig, "");
    let mut second = Initiator::connect(&rig);
    second.request_login(2, &format!("TargetName={TARGET}\0"));
    let open = rig.core.expect(RequestKind::NexusOpen);
    rig.core.reply(ReplyKind::NexusOpened, &open);
    assert_eq!(second.receive().head[36..38], [0, 0]);
}

#[test]
fn abort_task_reaches_the_core() {
    let mut rig = Rig::new();
    let mut initiator = Initiator::login(&mut rig, "");
    initiator.command(1, 0xc1, 512, 0x28, &[]);
    let command = rig.core.expect(RequestKind::Command);
    initiator.immediate(0x02, 0x81, 2, 1, b"");
    let abort = rig.core.expect(RequestKind::TaskManagement);
    assert_eq!((abort.function, abort.ref_serial, abort.lun), (1, command.serial, 1 << 48));
    assert_eq!(abort.nexus, command.nexus);
    let mut reply = Reply::new(ReplyKind::Done, command.nexus, command.serial);
    reply.flags = ipc::message::record::reply_flags::ABORTED;
    rig.core.send(&reply);
    rig.core.reply(ReplyKind::TaskManagementDone, &abort);
    let answer = initiator.receive();
    assert_eq!((answer.opcode(), answer.word(16), answer.head[2]), (0x22, 2, 0));
    // The tag is free again.
    initiator.command(1, 0x81, 0, 0x00, &[]);
    let command = rig.core.expect(RequestKind::Command);
    rig.core.done(&command, 0, 0);
    assert_eq!(initiator.receive().opcode(), 0x21);
}

#[test]
fn target_cold_reset_is_answered_and_ends_every_session_of_the_target() {
    let mut rig = Rig::new();
    let mut initiator = Initiator::login(&mut rig, "");
    let mut other = Initiator::connect(&rig);
    other.request_login(2, &format!("TargetName={TARGET}\0"));
    let open = rig.core.expect(RequestKind::NexusOpen);
    rig.core.reply(ReplyKind::NexusOpened, &open);
    assert_eq!(other.receive().opcode(), 0x23);
    initiator.immediate(0x02, 0x87, 2, 0, b"");
    let reset = rig.core.expect(RequestKind::TaskManagement);
    assert_eq!(reset.function, 7);
    rig.core.reply(ReplyKind::TaskManagementDone, &reset);
    let answer = initiator.receive();
    assert_eq!((answer.opcode(), answer.word(16), answer.head[2]), (0x22, 2, 0));
    assert!(initiator.is_closed() && other.is_closed());
}

#[test]
fn target_cold_reset_that_is_rejected_ends_nothing() {
    let mut rig = Rig::new();
    let mut initiator = Initiator::login(&mut rig, "");
    initiator.immediate(0x02, 0x87, 2, 0, b"");
    let reset = rig.core.expect(RequestKind::TaskManagement);
    let mut reply = Reply::new(ReplyKind::TaskManagementDone, reset.nexus, reset.serial);
    reply.response = 255;
    rig.core.send(&reply);
    assert_eq!(initiator.receive().head[2], 255);
    initiator.command(1, 0x81, 0, 0x00, &[]);
    let command = rig.core.expect(RequestKind::Command);
    rig.core.done(&command, 0, 0);
    assert_eq!(initiator.receive().opcode(), 0x21);
}

#[test]
fn functions_of_rfc_7144_in_a_session_that_negotiated_it() {
    let mut rig = Rig::new();
    let mut initiator = Initiator::login(&mut rig, "iSCSIProtocolLevel=2\0");
    // QUERY ASYNCHRONOUS EVENT, with Additional Response Information from byte 8.
    initiator.immediate(0x02, 0x8c, 2, u32::MAX, b"");
    let query = rig.core.expect(RequestKind::TaskManagement);
    assert_eq!((query.function, query.lun), (12, 0));
    let mut reply = Reply::new(ReplyKind::TaskManagementDone, query.nexus, query.serial);
    (reply.response, reply.sense_len) = (7, 3);
    reply.sense[..3].copy_from_slice(&[0x16, 0x29, 0x07]);
    rig.core.send(&reply);
    let answer = initiator.receive();
    assert_eq!((answer.opcode(), answer.word(16), answer.head[2]), (0x22, 2, 7));
    assert_eq!(answer.head[8..12], [0x16, 0x29, 0x07, 0]);
    // QUERY TASK: of none, and of one that the core has.
    initiator.immediate(0x02, 0x89, 3, 77, b"");
    assert_eq!(initiator.receive().head[2], 0);
    initiator.command(1, 0xc1, 512, 0x28, &[]);
    let command = rig.core.expect(RequestKind::Command);
    assert_eq!(command.protocol_level, 2);
    initiator.immediate(0x02, 0x89, 4, 1, b"");
    let query = rig.core.expect(RequestKind::TaskManagement);
    assert_eq!((query.function, query.ref_serial), (9, command.serial));
    let mut reply = Reply::new(ReplyKind::TaskManagementDone, query.nexus, query.serial);
    reply.response = 7;
    rig.core.send(&reply);
    assert_eq!(initiator.receive().head[2], 7);
    // I_T NEXUS RESET is answered, and ends the session.
    initiator.immediate(0x02, 0x8b, 5, u32::MAX, b"");
    let reset = rig.core.expect(RequestKind::TaskManagement);
    assert_eq!(reset.function, 11);
    rig.core.reply(ReplyKind::TaskManagementDone, &reset);
    assert_eq!(initiator.receive().head[2], 0);
    assert!(initiator.is_closed());
}

#[test]
fn functions_of_rfc_7144_are_not_supported_without_it() {
    let mut rig = Rig::new();
    let mut initiator = Initiator::login(&mut rig, "");
    for function in 9..=12 {
        initiator.immediate(0x02, 0x80 | function, 2, u32::MAX, b"");
        assert_eq!(initiator.receive().head[2], 5);
    }
}

#[test]
fn task_management_without_the_core() {
    let mut rig = Rig::new();
    let mut initiator = Initiator::login(&mut rig, "");
    // ABORT TASK of a tag that is not there, TASK REASSIGN, and a function of the future.
    for (flags, response) in [(0x81, 1), (0x88, 4), (0xff, 5)] {
        initiator.immediate(0x02, flags, 2, 99, b"");
        let answer = initiator.receive();
        assert_eq!((answer.opcode(), answer.head[2]), (0x22, response));
    }
}

#[test]
fn connection_lost_closes_the_nexus() {
    let mut rig = Rig::new();
    let mut initiator = Initiator::login(&mut rig, "");
    initiator.command(1, 0xa1, 4096, 0x2a, &[7; 4096]);
    let command = rig.core.expect(RequestKind::Command);
    drop(initiator);
    let close = rig.core.expect(RequestKind::NexusClose);
    assert_eq!(close.flags & request_flags::AGAIN, 0);
    // The core still reads the data: it is there until the task has ended.
    assert_eq!(rig.data_out(&command), [7; 4096]);
    let mut second = Initiator::connect(&rig);
    second.request_login(1, &format!("TargetName={TARGET}\0"));
    let open = rig.core.expect(RequestKind::NexusOpen);
    assert_eq!(rig.data_out(&command), [7; 4096]);
    rig.core.done(&command, 4096, 4096);
    rig.core.reply(ReplyKind::NexusClosed, &close);
    rig.core.reply(ReplyKind::NexusOpened, &open);
    assert_eq!(second.receive().head[36..38], [0, 0]);
}
