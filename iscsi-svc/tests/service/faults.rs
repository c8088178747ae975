//! Initiators that break the rules, and a core that does.

use std::io::Write;

use ipc::message::Event;
use ipc::message::record::{Reply, ReplyKind, RequestKind, reply_flags};

use crate::initiator::{Initiator, pattern};
use crate::rig::Rig;

const DIGESTS: &str = "HeaderDigest=CRC32C\0DataDigest=CRC32C\0";
const NO_TAG: u32 = 0xffff_ffff;

/// Answers the service's own abort of a command whose data is spoiled.
fn abort(rig: &mut Rig, serial: u64) {
    let abort = rig.core.expect(RequestKind::TaskManagement);
    assert_eq!((abort.function, abort.ref_serial), (1, serial));
    let mut reply = Reply::new(ReplyKind::Done, abort.nexus, serial);
    reply.flags = reply_flags::ABORTED;
    rig.core.send(&reply);
    rig.core.reply(ReplyKind::TaskManagementDone, &abort);
}

#[test]
fn header_digest_error_ends_the_connection() {
    let mut rig = Rig::new();
    let mut initiator = Initiator::login(&mut rig, DIGESTS);
    let mut wire = [0; 52];
    wire[0] = 0x40;
    initiator.socket.write_all(&wire).unwrap();
    assert!(initiator.is_closed());
    rig.core.expect(RequestKind::NexusClose);
}

#[test]
fn data_digest_error_in_immediate_data() {
    let mut rig = Rig::new();
    let mut initiator = Initiator::login(&mut rig, DIGESTS);
    let mut head = [0; 48];
    (head[0], head[1], head[7], head[19], head[23], head[27], head[32]) = (0x01, 0xa1, 4, 9, 4, 1, 0x2a);
    let mut wire = head.to_vec();
    wire.extend_from_slice(&iscsi_svc::digest::crc32c(&head));
    wire.extend_from_slice(b"data\0\0\0\0");
    initiator.socket.write_all(&wire).unwrap();
    let reject = initiator.receive();
    assert_eq!((reject.opcode(), reject.head[2]), (0x3f, 0x02));
    assert_eq!(reject.data, head);
    let answer = initiator.receive();
    // ABORTED COMMAND, PROTOCOL SERVICE CRC ERROR.
    assert_eq!((answer.opcode(), answer.status()), (0x21, 2));
    assert_eq!((answer.data[4], answer.data[14], answer.data[15]), (0x0b, 0x47, 0x05));
}

#[test]
fn data_sn_out_of_order_fails_the_command() {
    let mut rig = Rig::new();
    let mut initiator = Initiator::login(&mut rig, "");
    initiator.command(9, 0xa1, 1024, 0x2a, &[]);
    let command = rig.core.expect(RequestKind::Command);
    let ttt = initiator.receive().word(20);
    initiator.data_out(9, ttt, 0, 0, false, &pattern(512, 0));
    initiator.data_out(9, ttt, 0, 512, true, &pattern(512, 0));
    abort(&mut rig, command.serial);
    let answer = initiator.receive();
    assert_eq!((answer.opcode(), answer.status()), (0x21, 2));
    assert_eq!((answer.data[4], answer.data[14], answer.data[15]), (0x0b, 0x47, 0x05));
}

#[test]
fn unsolicited_data_that_was_not_agreed_upon() {
    let mut rig = Rig::new();
    let mut initiator = Initiator::login(&mut rig, "InitialR2T=Yes\0ImmediateData=No\0");
    initiator.command(9, 0xa1, 512, 0x2a, &pattern(512, 0));
    let answer = initiator.receive();
    assert_eq!((answer.opcode(), answer.status()), (0x21, 2));
    assert_eq!((answer.data[4], answer.data[14], answer.data[15]), (0x0b, 0x0c, 0x0c));
}

#[test]
fn what_is_rejected() {
    let mut rig = Rig::new();
    let mut initiator = Initiator::login(&mut rig, "");
    // SNACK, an opcode that there is not, a tag that is in use.
    initiator.immediate(0x10, 0x80, 1, 0, b"");
    assert_eq!(initiator.receive().head[..3], [0x3f, 0x80, 0x03]);
    initiator.immediate(0x1e, 0x80, 1, 0, b"with data");
    assert_eq!(initiator.receive().head[..3], [0x3f, 0x80, 0x05]);
    initiator.command(5, 0x81, 0, 0x00, &[]);
    initiator.command(5, 0x81, 0, 0x00, &[]);
    assert_eq!(initiator.receive().head[..3], [0x3f, 0x80, 0x07]);
    let command = rig.core.expect(RequestKind::Command);
    rig.core.done(&command, 0, 0);
    assert_eq!(initiator.receive().opcode(), 0x21);
    // Data for nobody is ignored.
    initiator.data_out(99, NO_TAG, 0, 0, true, b"data");
    initiator.immediate(0x00, 0x80, 7, NO_TAG, b"");
    assert_eq!(initiator.receive().opcode(), 0x20);
}

#[test]
fn command_that_wants_too_much() {
    let mut rig = Rig::new();
    let mut initiator = Initiator::login(&mut rig, "");
    // A write: ILLEGAL REQUEST, INVALID FIELD IN CDB, as beyond MAXIMUM TRANSFER LENGTH.
    initiator.command(5, 0xa1, u32::MAX, 0x2a, &[]);
    let answer = initiator.receive();
    assert_eq!((answer.opcode(), answer.status()), (0x21, 2));
    assert_eq!((answer.data[4], answer.data[14], answer.data[15]), (0x05, 0x24, 0x00));
    // A read: whether it asks for too much, only its CDB says.
    initiator.command(6, 0xc1, u32::MAX, 0x12, &[]);
    let command = rig.core.expect(RequestKind::Command);
    assert_eq!(command.in_len, 4 << 20, "a quarter of the arena");
    rig.core.done(&command, 36, 36);
    let answer = initiator.receive();
    assert_eq!((answer.opcode(), answer.data.len()), (0x25, 36));
    assert_eq!(answer.head[1] & 0x06, 0x02, "underflow");
    assert_eq!(answer.head[44..48], (u32::MAX - 36).to_be_bytes());
}

#[test]
fn garbage_ends_only_its_connection() {
    let mut rig = Rig::new();
    let mut good = Initiator::login(&mut rig, "");
    let mut seed = 0x1234_5678_u32;
    for _ in 0..50 {
        let mut bad = Initiator::connect(&rig);
        let mut bytes = vec![0; 300];
        for byte in &mut bytes {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *byte = (seed >> 24) as u8;
        }
        let _ = bad.socket.write_all(&bytes);
        let _ = bad.socket.shutdown(std::net::Shutdown::Write);
        assert!(bad.is_closed());
    }
    good.command(5, 0x81, 0, 0x00, &[]);
    let command = rig.core.expect(RequestKind::Command);
    rig.core.done(&command, 0, 0);
    assert_eq!(good.receive().opcode(), 0x21);
}

#[test]
fn garbage_after_login_never_stops_the_service() {
    let mut rig = Rig::new();
    let mut seed = 0x9876_5432_u32;
    for round in 0..60 {
        let mut bad = Initiator::login(&mut rig, "InitialR2T=No\0");
        for _ in 0..20 {
            let mut head = [0; 48];
            for byte in &mut head {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                *byte = (seed >> 24) as u8;
            }
            // Plausible in most places, so that it gets further than the first check.
            head[0] = [0x00, 0x01, 0x02, 0x04, 0x05, 0x06, 0x41, 0x44][(seed >> 7) as usize % 8];
            head[4] = 0;
            head[5..8].copy_from_slice(&[0, 0, (seed >> 16) as u8]);
            head[16..20].copy_from_slice(&[0, 0, 0, (seed >> 9) as u8 & 3]);
            head[20..22].copy_from_slice(&[0, 0]);
            head[24..28].copy_from_slice(&bad.cmd_sn.to_be_bytes());
            bad.cmd_sn = bad.cmd_sn.wrapping_add(u32::from(seed & 1 << 20 != 0));
            let data = pattern(usize::from(head[7]), round);
            let mut wire = head.to_vec();
            wire.extend_from_slice(&data);
            wire.resize(wire.len().next_multiple_of(4), 0);
            if bad.socket.write_all(&wire).is_err() {
                break;
            }
        }
        drop(bad);
        loop {
            let request = rig.core.next();
            match RequestKind::try_from(request.kind).unwrap() {
                RequestKind::NexusClose => {
                    rig.core.reply(ReplyKind::NexusClosed, &request);
                    break;
                }
                RequestKind::TaskManagement => rig.core.reply(ReplyKind::TaskManagementDone, &request),
                _ => {}
            }
        }
    }
}

#[test]
fn core_that_answers_what_was_not_asked() {
    let mut rig = Rig::new();
    let mut initiator = Initiator::login(&mut rig, "");
    rig.core.send(&Reply::new(ReplyKind::Done, 1, 4711));
    let (event, _) = rig.event(|event| matches!(event, Event::PeerFault { .. }));
    assert!(matches!(event, Event::PeerFault { peer: 0, epoch: 1, .. }));
    rig.core_returns();
    rig.core.attach();
    initiator.command(5, 0x81, 0, 0x00, &[]);
    let command = rig.core.expect(RequestKind::Command);
    rig.core.done(&command, 0, 0);
    assert_eq!(initiator.receive().opcode(), 0x21);
}
