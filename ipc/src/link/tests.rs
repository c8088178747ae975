//! A link end to end in one process, its header as numbers, and what is refused.

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use rustix::fs::fstat;

use super::*;
use crate::message::record::{ReplyKind, RequestKind};

fn ends(epoch: u64) -> (LinkParts, Requester, Responder) {
    let parts = create("t", epoch).unwrap();
    let bell = |bell: &Doorbell| bell.duplicate().unwrap();
    let (mine, theirs) = (&parts.requester_bell, &parts.responder_bell);
    let requester = Requester::new(&parts.memory, epoch, bell(mine), bell(theirs)).unwrap();
    let responder = Responder::new(&parts.memory, epoch, bell(theirs), bell(mine)).unwrap();
    (parts, requester, responder)
}

fn rung(bell: &Doorbell) -> bool {
    poll(&mut [PollFd::new(bell.as_fd(), PollFlags::POLLIN)], PollTimeout::ZERO).unwrap() == 1
}

fn request(serial: u64) -> Request {
    Request::new(RequestKind::Command, 1, serial)
}

#[test]
fn header_and_size_are_the_documented_ones() {
    let parts = create("t", 7).unwrap();
    // 16 + (48 + 1024 * 32) + (48 + 1024 * 16) words, in whole pages.
    assert_eq!(fstat(&parts.memory).unwrap().st_size, 397_312);
    let map = Mapping::new(&parts.memory).unwrap();
    let mut line = [0; 32];
    map.read(0, &mut line);
    let golden: Vec<u8> =
        [*b"BLKHDLNK", u64::from(ABI_VERSION).to_le_bytes(), 7u64.to_le_bytes(), 1024u64.to_le_bytes()]
            .concat();
    assert_eq!(line[..], golden);
    assert_eq!((REQUEST_RING, REPLY_RING), (16, 16 + 48 + 32768));
}

#[test]
fn request_and_reply_travel() {
    let (_parts, mut requester, mut responder) = ends(1);
    let mut asked = request(2);
    asked.cdb[..3].copy_from_slice(&[0x28, 0, 1]);
    asked.cdb_len = 10;
    requester.send(&asked).unwrap();
    assert_eq!(responder.receive(), Ok(None), "not flushed yet");
    requester.flush();
    assert_eq!(responder.receive(), Ok(Some(asked)));
    let mut answered = Reply::new(ReplyKind::Done, 1, 2);
    answered.sense[95] = 9;
    responder.send(&answered).unwrap();
    responder.flush();
    assert_eq!(requester.receive(), Ok(Some(answered)));
    assert_eq!(requester.receive(), Ok(None));
}

#[test]
fn flush_rings_only_a_sleeper() {
    let (parts, mut requester, mut responder) = ends(1);
    requester.send(&request(1)).unwrap();
    requester.flush();
    assert!(!rung(&parts.responder_bell), "awake");
    assert!(responder.receive().unwrap().is_some());
    assert!(responder.arm());
    requester.send(&request(2)).unwrap();
    requester.flush();
    assert!(rung(&parts.responder_bell) && !rung(&parts.requester_bell));
    responder.disarm();
    assert!(requester.arm());
    responder.send(&Reply::new(ReplyKind::Done, 1, 1)).unwrap();
    responder.flush();
    assert!(rung(&parts.requester_bell));
}

#[test]
fn requests_past_the_capacity_are_full() {
    let (_parts, mut requester, mut responder) = ends(1);
    for serial in 0..1024 {
        requester.send(&request(serial)).unwrap();
    }
    assert_eq!(requester.send(&request(1024)), Err(PushError::Full));
    requester.flush();
    assert!(responder.receive().unwrap().is_some());
    assert_eq!(requester.send(&request(1024)), Err(PushError::Full), "not given back yet");
    responder.flush();
    requester.send(&request(1024)).unwrap();
}

#[test]
fn replies_past_the_capacity_are_the_requesters_fault() {
    let (_parts, mut requester, mut responder) = ends(1);
    let reply = Reply::new(ReplyKind::Done, 1, 1);
    for _ in 0..1024 {
        responder.send(&reply).unwrap();
    }
    assert_eq!(responder.send(&reply), Err(PeerFault::ReplyOverflow));
    responder.flush();
    assert!(requester.receive().unwrap().is_some());
    requester.flush();
    responder.send(&reply).unwrap();
}

#[test]
fn a_requester_that_keeps_its_bound_never_overflows_the_replies() {
    let (_parts, mut requester, mut responder) = ends(1);
    for serial in 0..1024 {
        requester.send(&request(serial)).unwrap();
    }
    requester.flush();
    // Each turn takes one reply and at once asks again, with both rings full throughout.
    for serial in 1024..5000 {
        let asked = responder.receive().unwrap().unwrap();
        responder.send(&Reply::new(ReplyKind::Done, 1, asked.serial)).unwrap();
        responder.flush();
        assert_eq!(requester.receive().unwrap().unwrap().serial, serial - 1024);
        requester.send(&request(serial)).unwrap();
        requester.flush();
    }
}

#[test]
fn another_epoch_is_refused() {
    let parts = create("t", 3).unwrap();
    let (mine, theirs) = (Doorbell::new().unwrap(), Doorbell::new().unwrap());
    let refused = Requester::new(&parts.memory, 4, mine, theirs).err().unwrap();
    assert!(matches!(refused, MapError::Peer(PeerFault::Segment("link header"))));
}

#[test]
fn every_spoilt_header_word_is_refused() {
    for index in 0..4 {
        let parts = create("t", 3).unwrap();
        let map = Mapping::new(&parts.memory).unwrap();
        map.word(index).fetch_xor(1 << 40, Ordering::Relaxed);
        assert!(open(&parts.memory, 3).is_err(), "word {index}");
    }
}

#[test]
fn a_segment_too_small_is_refused() {
    let memory = shm::create("t", 397_312 - 4096).unwrap();
    assert!(matches!(open(&memory, 0), Err(MapError::Peer(PeerFault::Segment("too small for a link")))));
}
