//! Single lies, each with the fault that it must end in.

use std::sync::atomic::Ordering;

use ipc::arena::{Arena, Arenas};
use ipc::extent::Extent;
use ipc::fault::PeerFault;
use ipc::link::{self, LinkParts, Requester, Responder};
use ipc::message::record::{Reply, ReplyKind, Request, RequestKind};
use ipc::ring::PushError;
use ipc::shm::{self, Mapping};

const REQUESTS: usize = 16;
const REPLIES: usize = 16 + 48 + 32768;
const CONSUMED: usize = 16;
const ASLEEP: usize = 32;
const SLOTS: usize = 48;

struct Rig {
    requester: Requester,
    responder: Responder,
    pages: std::sync::Arc<Mapping>,
    _parts: LinkParts,
}

impl Rig {
    fn new() -> Self {
        let parts = link::create("directed", 1).unwrap();
        let bell = |bell: &ipc::doorbell::Doorbell| bell.duplicate().unwrap();
        let (a, b) = (&parts.requester_bell, &parts.responder_bell);
        let requester = Requester::new(&parts.memory, 1, bell(a), bell(b)).unwrap();
        let responder = Responder::new(&parts.memory, 1, bell(b), bell(a)).unwrap();
        Self { requester, responder, pages: Mapping::new(&parts.memory).unwrap(), _parts: parts }
    }

    fn scribble(&self, word: usize, value: u64) {
        self.pages.word(word).store(value, Ordering::Relaxed);
    }

    fn send(&mut self, serial: u64) {
        self.requester.send(&Request::new(RequestKind::Command, 1, serial)).unwrap();
        self.requester.flush();
    }
}

fn is_index_fault<T>(result: Result<T, PeerFault>) -> bool {
    matches!(result, Err(PeerFault::RingIndex { .. }))
}

#[test]
fn produced_far_ahead_is_a_fault() {
    for claimed in [1025, 1 << 20, 1 << 63, u64::MAX] {
        let mut rig = Rig::new();
        rig.scribble(REQUESTS, claimed);
        assert!(is_index_fault(rig.responder.receive()), "{claimed}");
        rig.scribble(REPLIES, claimed);
        assert!(is_index_fault(rig.requester.receive()), "{claimed}");
    }
}

#[test]
fn produced_without_records_yields_only_zeros() {
    let mut rig = Rig::new();
    rig.scribble(REQUESTS, 1024);
    for _ in 0..1024 {
        let request = rig.responder.receive().unwrap().unwrap();
        assert!(RequestKind::try_from(request.kind).is_err());
    }
    assert_eq!(rig.responder.receive(), Ok(None));
}

#[test]
fn produced_backwards_is_a_fault() {
    let mut rig = Rig::new();
    rig.send(1);
    rig.send(2);
    assert!(rig.responder.receive().unwrap().is_some());
    rig.scribble(REQUESTS, 1);
    assert!(rig.responder.receive().unwrap().is_some(), "both were seen already");
    assert!(is_index_fault(rig.responder.receive()));
}

#[test]
fn consumed_beyond_produced_is_a_fault() {
    for claimed in [1025, u64::MAX, 1 << 63] {
        let mut rig = Rig::new();
        (0..1024).for_each(|serial| rig.send(serial));
        rig.scribble(REQUESTS + CONSUMED, claimed);
        let result = rig.requester.send(&Request::new(RequestKind::Command, 1, 1024));
        assert!(matches!(result, Err(PushError::Peer(PeerFault::RingIndex { .. }))), "{claimed}");
    }
}

#[test]
fn consumed_backwards_is_a_fault() {
    let mut rig = Rig::new();
    let reply = Reply::new(ReplyKind::Done, 1, 1);
    (0..1024).for_each(|_| rig.responder.send(&reply).unwrap());
    rig.responder.flush();
    rig.scribble(REPLIES + CONSUMED, 1);
    rig.responder.send(&reply).unwrap();
    rig.responder.flush();
    rig.scribble(REPLIES + CONSUMED, 0);
    assert!(is_index_fault(rig.responder.send(&reply)));
}

#[test]
fn replies_never_taken_are_the_requesters_fault() {
    let mut rig = Rig::new();
    let reply = Reply::new(ReplyKind::Done, 1, 1);
    let result = (0..=1024).try_for_each(|_| rig.responder.send(&reply));
    assert_eq!(result, Err(PeerFault::ReplyOverflow));
}

#[test]
fn asleep_garbage_changes_no_record() {
    let mut rig = Rig::new();
    for (serial, garbage) in [1, u64::MAX, 5, 5, 0, 1 << 63].into_iter().enumerate() {
        rig.scribble(REQUESTS + ASLEEP, garbage);
        rig.send(serial as u64);
        assert_eq!(rig.responder.receive().unwrap().unwrap().serial, serial as u64);
        rig.responder.flush();
    }
}

#[test]
fn header_changed_after_opening_changes_nothing() {
    let mut rig = Rig::new();
    (0..REQUESTS).for_each(|word| rig.scribble(word, u64::MAX));
    rig.send(1);
    assert_eq!(rig.responder.receive().unwrap().unwrap().serial, 1);
    assert!(rig.responder.arm());
}

#[test]
fn a_flapping_index_keeps_nobody_from_its_loop() {
    // A producer that shows a record to `arm` and hides it from `receive`: no sleep, but no hang either.
    let mut rig = Rig::new();
    for _ in 0..100 {
        rig.scribble(REQUESTS, 1);
        assert!(!rig.responder.arm());
        rig.scribble(REQUESTS, 0);
        assert_eq!(rig.responder.receive(), Ok(None));
    }
}

#[test]
fn impossible_request_fields_are_faults() {
    // Kind 0 and 255, a CDB of 33 bytes, three and two extents, and 255 of them twice.
    let lies: [(u64, &str); 5] = [
        (0x0000_0000_0000_0000, "request kind"),
        (0x0000_0000_0000_00ff, "request kind"),
        (0x0000_0000_2100_0005, "cdb_len"),
        (0x0000_0203_0000_0005, "extent count"),
        (0x0000_ffff_0000_0005, "extent count"),
    ];
    for (lie, name) in lies {
        let mut rig = Rig::new();
        rig.send(1);
        rig.scribble(REQUESTS + SLOTS, lie.to_le());
        let request = rig.responder.receive().unwrap().unwrap();
        let fault = RequestKind::try_from(request.kind)
            .and_then(|_| request.cdb().map(drop))
            .and_then(|()| request.extents().map(drop))
            .unwrap_err();
        assert!(matches!(fault, PeerFault::Record { field, .. } if field == name), "{fault} for {name}");
    }
}

#[test]
fn a_record_changed_after_it_was_taken_is_not_seen() {
    let mut rig = Rig::new();
    rig.send(7);
    let request = rig.responder.receive().unwrap().unwrap();
    (0..32).for_each(|word| rig.scribble(REQUESTS + SLOTS + word, u64::MAX));
    assert_eq!((request.serial, request.cdb_len), (7, 0), "the copy is what is checked and used");
}

#[test]
fn extents_out_of_their_arena_are_faults() {
    let mut arenas = Arenas::default();
    arenas.insert(Arena::new(2, shm::create("arena", 8192).unwrap()).unwrap());
    let lies = [
        (2, 8192, 1),
        (2, 0, 8193),
        (2, u64::MAX, u32::MAX),
        (2, 1 << 63, 1),
        (2, 0, 0),
        (0, 0, 1),
        (3, 0, 1),
    ];
    for (arena, offset, len) in lies {
        let fault = PeerFault::Extent { arena, offset, len };
        assert_eq!(arenas.check(Extent { arena, len, offset }), Err(fault));
    }
}
