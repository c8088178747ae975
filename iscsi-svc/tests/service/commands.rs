//! Reads and writes: what the core is asked, where the data lies, what the initiator is told.

use ipc::message::record::{Reply, ReplyKind, RequestKind, request_flags};

use crate::initiator::{Initiator, pattern};
use crate::rig::Rig;

const READ: u8 = 0xc1;
const WRITE: u8 = 0xa1;
const WRITE_MORE: u8 = 0x21;
const NO_TAG: u32 = 0xffff_ffff;
const UNSOLICITED: &str = "InitialR2T=No\0ImmediateData=Yes\0FirstBurstLength=65536\0";

#[test]
fn read_with_status_in_data() {
    let mut rig = Rig::new();
    let mut initiator = Initiator::login(&mut rig, "MaxRecvDataSegmentLength=4096\0MaxBurstLength=8192\0");
    initiator.command(7, READ, 10_000, 0x28, &[]);
    let request = rig.core.expect(RequestKind::Command);
    assert_eq!((request.in_len, request.out_len, request.cdb_len), (10_000, 0, 16));
    assert_eq!((request.attribute, request.unit, request.lun), (1, 5, 1 << 48));
    let data = pattern(10_000, 1);
    rig.put_data_in(&request, &data);
    rig.core.done(&request, 10_000, 10_000);
    let mut got = Vec::new();
    for (number, flags) in [(0, 0x00), (1, 0x80), (2, 0x81)] {
        let pdu = initiator.receive();
        assert_eq!((pdu.opcode(), pdu.flags(), pdu.word(36)), (0x25, flags, number));
        assert_eq!((pdu.word(16), pdu.word(40)), (7, got.len() as u32));
        got.extend_from_slice(&pdu.data);
    }
    assert_eq!(got, data);
}

#[test]
fn read_short_with_sense() {
    let mut rig = Rig::new();
    let mut initiator = Initiator::login(&mut rig, "");
    initiator.command(7, READ, 1024, 0x28, &[]);
    let request = rig.core.expect(RequestKind::Command);
    rig.put_data_in(&request, &pattern(512, 2));
    let mut reply = Reply::new(ReplyKind::Done, request.nexus, request.serial);
    (reply.status, reply.transferred, reply.wanted, reply.sense_len) = (2, 512, 1024, 18);
    reply.sense[..3].copy_from_slice(&[0x70, 0, 3]);
    rig.core.send(&reply);
    let pdu = initiator.receive();
    assert_eq!((pdu.opcode(), pdu.flags(), pdu.data.len()), (0x25, 0x80, 512));
    let pdu = initiator.receive();
    // Underflow of 512, one Data-In was sent, and the sense data follows its length.
    assert_eq!((pdu.opcode(), pdu.flags(), pdu.status()), (0x21, 0x82, 2));
    assert_eq!((pdu.word(36), pdu.word(44)), (1, 512));
    assert_eq!(pdu.data[..5], [0, 18, 0x70, 0, 3]);
}

#[test]
fn write_with_immediate_data() {
    let mut rig = Rig::new();
    let mut initiator = Initiator::login(&mut rig, "");
    let data = pattern(4096, 3);
    initiator.command(9, WRITE, 4096, 0x2a, &data);
    let request = rig.core.expect(RequestKind::Command);
    assert_eq!((request.flags, request.out_len), (0, 4096));
    assert_eq!(rig.data_out(&request), data);
    rig.core.done(&request, 4096, 4096);
    let pdu = initiator.receive();
    assert_eq!((pdu.opcode(), pdu.flags(), pdu.status(), pdu.word(44)), (0x21, 0x80, 0, 0));
}

#[test]
fn write_many_in_one_segment_of_the_stream() {
    let mut rig = Rig::new();
    let mut initiator = Initiator::login(&mut rig, "");
    for itt in 0..20 {
        initiator.command(itt, WRITE, 5000, 0x2a, &pattern(5000, itt as usize));
    }
    let requests: Vec<_> = (0..20).map(|_| rig.core.expect(RequestKind::Command)).collect();
    for (itt, request) in requests.iter().enumerate() {
        assert_eq!(rig.data_out(request), pattern(5000, itt));
    }
    for request in requests.iter().rev() {
        rig.core.done(request, 5000, 5000);
    }
    let tags: Vec<u32> = (0..20).map(|_| initiator.receive().word(16)).collect();
    assert_eq!(tags, (0..20).rev().collect::<Vec<u32>>());
}

#[test]
fn write_unsolicited_and_solicited() {
    for digests in [false, true] {
        let mut rig = Rig::new();
        let keys = if digests { "HeaderDigest=CRC32C\0DataDigest=CRC32C\0" } else { "" };
        let keys = format!("{keys}{UNSOLICITED}MaxBurstLength=65536\0");
        let mut initiator = Initiator::login(&mut rig, &keys);
        let data = pattern(200_000, 4);
        initiator.command(9, WRITE_MORE, 200_000, 0x2a, &data[..8193]);
        let request = rig.core.expect(RequestKind::Command);
        assert_eq!(request.flags, request_flags::DATA_PENDING);
        initiator.data_out(9, NO_TAG, 0, 8193, false, &data[8193..50_000]);
        initiator.data_out(9, NO_TAG, 1, 50_000, true, &data[50_000..65_536]);
        let mut asked = 65_536;
        while asked < 200_000 {
            let r2t = initiator.receive();
            assert_eq!((r2t.opcode(), r2t.word(16), r2t.word(40)), (0x31, 9, asked as u32));
            let (ttt, end) = (r2t.word(20), asked + r2t.word(44) as usize);
            let middle = asked + 1001;
            initiator.data_out(9, ttt, 0, asked as u32, false, &data[asked..middle]);
            initiator.data_out(9, ttt, 1, middle as u32, true, &data[middle..end]);
            asked = end;
        }
        let complete = rig.core.expect(RequestKind::DataComplete);
        assert_eq!((complete.serial, complete.flags), (request.serial, 0));
        assert_eq!(rig.data_out(&complete), data);
        rig.core.done(&request, 200_000, 200_000);
        let pdu = initiator.receive();
        assert_eq!((pdu.opcode(), pdu.flags(), pdu.status()), (0x21, 0x80, 0));
    }
}

#[test]
fn write_refused_early_is_answered_after_the_last_data() {
    let mut rig = Rig::new();
    let mut initiator = Initiator::login(&mut rig, "");
    initiator.command(9, WRITE, 8192, 0x2a, &[]);
    let request = rig.core.expect(RequestKind::Command);
    assert_eq!(request.flags, request_flags::DATA_PENDING);
    let r2t = initiator.receive();
    let mut reply = Reply::new(ReplyKind::Done, request.nexus, request.serial);
    (reply.status, reply.sense_len) = (2, 18);
    rig.core.send(&reply);
    // A ping that is answered first shows that the response waits.
    initiator.immediate(0x00, 0x80, 77, NO_TAG, b"ping");
    assert_eq!(initiator.receive().opcode(), 0x20);
    initiator.data_out(9, r2t.word(20), 0, 0, true, &pattern(8192, 5));
    let pdu = initiator.receive();
    assert_eq!((pdu.opcode(), pdu.flags(), pdu.status(), pdu.word(44)), (0x21, 0x82, 2, 8192));
}

#[test]
fn command_without_data_and_residual_overflow() {
    let mut rig = Rig::new();
    let mut initiator = Initiator::login(&mut rig, "");
    initiator.command(1, 0x81, 0, 0x00, &[]);
    let request = rig.core.expect(RequestKind::Command);
    rig.core.done(&request, 0, 0);
    assert_eq!(initiator.receive().flags(), 0x80);
    initiator.command(2, READ, 0, 0x28, &[]);
    let request = rig.core.expect(RequestKind::Command);
    rig.core.done(&request, 0, 512);
    let pdu = initiator.receive();
    assert_eq!((pdu.flags(), pdu.word(44)), (0x84, 512));
}

#[test]
fn command_with_extended_cdb() {
    let mut rig = Rig::new();
    let mut initiator = Initiator::login(&mut rig, "");
    let mut head = [0; 48];
    (head[0], head[1], head[4], head[19], head[27], head[32]) = (0x01, 0x81, 5, 4, 1, 0x7f);
    let mut wire = head.to_vec();
    wire.extend_from_slice(&[0, 17, 1, 0]);
    wire.extend(16..32);
    initiator.cmd_sn += 1;
    std::io::Write::write_all(&mut initiator.socket, &wire).unwrap();
    let request = rig.core.expect(RequestKind::Command);
    assert_eq!(request.cdb_len, 32);
    assert_eq!(request.cdb[16..], (16..32).collect::<Vec<u8>>());
    rig.core.done(&request, 0, 0);
    initiator.receive();
}

#[test]
fn command_outside_the_window_is_ignored() {
    let mut rig = Rig::new();
    let mut initiator = Initiator::login(&mut rig, "");
    let first = initiator.cmd_sn;
    for wrong in [first.wrapping_sub(1), first + 32] {
        initiator.cmd_sn = wrong;
        initiator.command(1, 0x81, 0, 0x00, &[]);
    }
    initiator.cmd_sn = first;
    initiator.command(2, 0x81, 0, 0x00, &[]);
    let request = rig.core.expect(RequestKind::Command);
    rig.core.done(&request, 0, 0);
    let pdu = initiator.receive();
    assert_eq!((pdu.word(16), pdu.word(28), pdu.word(32)), (2, first + 1, first + 32));
}

#[test]
fn arena_exhausted_waits_for_memory() {
    let mut rig = Rig::with(1 << 20, |_| {});
    let mut initiator = Initiator::login(&mut rig, "");
    for itt in 0..8 {
        initiator.command(itt, READ, 250_000, 0x28, &[]);
    }
    // The arena holds fewer than eight; as each ends, the next one is taken.
    let mut answered = 0;
    while answered < 8 {
        let request = rig.core.expect(RequestKind::Command);
        rig.put_data_in(&request, &pattern(250_000, answered));
        rig.core.done(&request, 250_000, 250_000);
        let mut data = Vec::new();
        while data.len() < 250_000 {
            let pdu = initiator.receive();
            assert_eq!(pdu.word(16), answered as u32);
            data.extend_from_slice(&pdu.data);
        }
        assert_eq!(data, pattern(250_000, answered));
        answered += 1;
    }
}

#[test]
fn arena_exhausted_by_unfinished_writes_is_task_set_full() {
    let mut rig = Rig::with(1 << 20, |_| {});
    let mut initiator = Initiator::login(&mut rig, "");
    let mut full = 0;
    for itt in 0..8 {
        initiator.command(itt, WRITE, 250_000, 0x2a, &[]);
        let pdu = initiator.receive();
        match pdu.opcode() {
            0x31 => drop(rig.core.expect(RequestKind::Command)),
            0x21 => {
                assert_eq!((pdu.status(), pdu.word(44)), (0x28, 250_000));
                full += 1;
            }
            other => panic!("opcode {other:#x}"),
        }
    }
    assert!((1..8).contains(&full));
}
