//! A peer that breaks the contract loses its link, and nothing else happens.

use ipc::extent::Extent;
use ipc::message::Event;
use ipc::message::config::{BackendConfig, DeviceConfig};
use ipc::message::record::{CDB_BYTES, EXTENTS, ReplyKind, Request, RequestKind};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use vdisk_svc::engine::Choice;

use crate::fixture::*;

fn faulty_request(spoil: impl Fn(&mut Request)) {
    let file = medium(8, false);
    let mut rig = Rig::on(Choice::Best, disk(0), &file);
    let mut request = Request::new(RequestKind::Execute, NEXUS, 77);
    request.cdb_len = 10;
    request.cdb[..10].copy_from_slice(&read_10(1, 1));
    request.in_extents = 1;
    request.extents[0] = Extent { arena: ARENA, len: 512, offset: 0 };
    spoil(&mut request);
    rig.send_raw(&request);
    let event = rig.event();
    assert!(matches!(event, Event::PeerFault { peer: 1, epoch: 1, .. }), "{event:?}");
    rig.relink();
    assert_eq!(rig.run(0, &read_10(3, 1), &[], &[512]).data, [3; 512], "the next link serves");
}

#[test]
fn execute_with_an_extent_outside_its_arena() {
    faulty_request(|request| request.extents[0].offset = 8 << 20);
    faulty_request(|request| request.extents[0].offset = u64::MAX);
    faulty_request(|request| request.extents[0].len = 0);
    faulty_request(|request| request.extents[0].arena = ARENA + 1);
}

#[test]
fn execute_with_impossible_counts() {
    faulty_request(|request| request.cdb_len = 33);
    faulty_request(|request| request.in_extents = 5);
    faulty_request(|request| (request.out_extents, request.in_extents) = (255, 255));
}

#[test]
fn request_of_a_kind_that_is_not_for_a_handler() {
    faulty_request(|request| request.kind = RequestKind::Command as u8);
    faulty_request(|request| request.kind = 0);
    faulty_request(|request| request.kind = 200);
}

#[test]
fn ring_index_that_is_impossible() {
    // More requests than may be outstanding: the requester never takes an answer.
    let file = medium(8, false);
    let slow = ipc::message::config::FaultConfig { delay_us: 200_000, ..Default::default() };
    let mut rig = Rig::on(Choice::Best, faulty(0, slow), &file);
    let mut request = Request::new(RequestKind::Execute, NEXUS, 77);
    request.cdb_len = 10;
    request.cdb[..10].copy_from_slice(&read_10(1, 1));
    request.in_extents = 1;
    request.extents[0] = Extent { arena: ARENA, len: 512, offset: 0 };
    let mut sent = 0;
    while sent <= ipc::link::CAPACITY {
        match rig.requester.send(&request) {
            Ok(()) => sent += 1,
            Err(_) => std::thread::yield_now(),
        }
        rig.requester.flush();
    }
    assert!(matches!(rig.event(), Event::PeerFault { .. }));
    rig.relink();
    rig.fence();
    assert_eq!(rig.reply().kind, ReplyKind::Fenced as u8);
}

fn extent() -> impl Strategy<Value = Extent> {
    let arena = prop_oneof![9 => Just(ARENA), 1 => any::<u32>()];
    let len = prop_oneof![9 => 1..5000u32, 1 => any::<u32>()];
    let offset = prop_oneof![9 => 0..4u64 << 20, 1 => any::<u64>()];
    (arena, len, offset).prop_map(|(arena, len, offset)| Extent { arena, len, offset })
}

fn cdb() -> impl Strategy<Value = [u8; CDB_BYTES]> {
    let codes = scsi::opcode::TABLE.iter().map(|row| row.code).collect::<Vec<u8>>();
    let code = prop_oneof![9 => proptest::sample::select(codes), 1 => any::<u8>()];
    let small = prop_oneof![3 => Just(0u8), 1 => 0..8u8, 1 => any::<u8>()];
    (code, proptest::array::uniform31(small)).prop_map(|(code, rest)| {
        let mut cdb = [0; CDB_BYTES];
        cdb[0] = code;
        cdb[1..].copy_from_slice(&rest);
        cdb
    })
}

fn request() -> impl Strategy<Value = Request> {
    let kind = prop_oneof![30 => Just(9u8), 3 => Just(8u8), 3 => Just(10u8), 1 => any::<u8>()];
    let count = || prop_oneof![20 => 0..3u8, 1 => any::<u8>()];
    let len = prop_oneof![20 => 6..=16u8, 1 => any::<u8>()];
    let numbers = (any::<u8>(), any::<u8>(), 0..4u32, 0..16u64, 0..16u64);
    let extents = proptest::array::uniform4(extent());
    (kind, count(), count(), len, numbers, extents, cdb()).prop_map(
        |(kind, out, ins, cdb_len, (flags, attribute, unit, serial, reference), extents, cdb)| {
            let mut request = Request::new(RequestKind::Execute, NEXUS, serial);
            (request.kind, request.flags, request.attribute) = (kind, flags, attribute);
            (request.out_extents, request.in_extents, request.cdb_len) = (out, ins, cdb_len);
            (request.unit, request.ref_serial) = (unit, reference);
            request.extents = extents;
            const { assert!(EXTENTS == 4) }
            request.cdb = cdb;
            request
        },
    )
}

/// After any requests whatever the service either goes on or closes the link and says why; then the next link works.
#[test]
fn any_requests_end_in_answers_or_in_a_peer_fault() {
    for choice in engines() {
        let file = medium(64, false);
        let null = DeviceConfig { backend: BackendConfig::Null { bytes: 1 << 30 }, ..disk(1) };
        let short = faulty(
            2,
            ipc::message::config::FaultConfig { short_every: 2, fail_every: 7, ..Default::default() },
        );
        let other = medium(64, true);
        let devices = vec![(disk(0), Some(open(&file))), (null, None), (short, Some(open(&other)))];
        let rig = std::cell::RefCell::new(Rig::start(choice, devices));
        let mut runner =
            TestRunner::new(ProptestConfig { cases: 300, failure_persistence: None, ..Default::default() });
        let requests = proptest::collection::vec(request(), 1..40);
        runner
            .run(&requests, |requests| {
                let rig = &mut *rig.borrow_mut();
                rig.relink();
                let mut expected = 0usize;
                for request in &requests {
                    rig.requester.send(request).unwrap();
                    expected += usize::from(request.kind == 9);
                }
                rig.requester.flush();
                loop {
                    if let Some(event) = rig.event_within(std::time::Duration::ZERO) {
                        prop_assert!(matches!(event, Event::PeerFault { .. }), "{event:?}");
                        break;
                    }
                    if expected == 0 {
                        break;
                    }
                    if let Some(reply) = rig.reply_within(std::time::Duration::from_millis(1)) {
                        expected -= usize::from(reply.kind == ReplyKind::Done as u8);
                    }
                }
                Ok(())
            })
            .unwrap();
    }
}
