//! Where every field of a record stands, as numbers: a record crosses between separately built binaries.

use std::mem::offset_of;

use zerocopy::{FromBytes, IntoBytes, transmute};

use super::*;

#[test]
fn request_layout_is_fixed() {
    assert_eq!((size_of::<Request>(), REQUEST_WORDS), (256, 32));
    let offsets = [
        offset_of!(Request, kind),
        offset_of!(Request, flags),
        offset_of!(Request, attribute),
        offset_of!(Request, cdb_len),
        offset_of!(Request, out_extents),
        offset_of!(Request, in_extents),
        offset_of!(Request, function),
        offset_of!(Request, priority),
        offset_of!(Request, unit),
        offset_of!(Request, out_len),
        offset_of!(Request, in_len),
        offset_of!(Request, port),
        offset_of!(Request, port_group),
        offset_of!(Request, nexus),
        offset_of!(Request, serial),
        offset_of!(Request, ref_serial),
        offset_of!(Request, lun),
        offset_of!(Request, extents),
        offset_of!(Request, cdb),
        offset_of!(Request, medium),
        offset_of!(Request, protocol_level),
        offset_of!(Request, spare),
    ];
    let expected = [0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 20, 22, 24, 32, 40, 48, 56, 120, 152, 160, 168];
    assert_eq!(offsets, expected);
}

#[test]
fn reply_layout_is_fixed() {
    assert_eq!((size_of::<Reply>(), REPLY_WORDS), (128, 16));
    let offsets = [
        offset_of!(Reply, kind),
        offset_of!(Reply, status),
        offset_of!(Reply, flags),
        offset_of!(Reply, sense_len),
        offset_of!(Reply, response),
        offset_of!(Reply, reserved),
        offset_of!(Reply, nexus),
        offset_of!(Reply, serial),
        offset_of!(Reply, transferred),
        offset_of!(Reply, wanted),
        offset_of!(Reply, sense),
    ];
    assert_eq!(offsets, [0, 1, 2, 3, 4, 5, 8, 16, 24, 28, 32]);
}

#[test]
fn extent_layout_is_fixed() {
    assert_eq!(size_of::<Extent>(), 16);
    assert_eq!([offset_of!(Extent, arena), offset_of!(Extent, len), offset_of!(Extent, offset)], [0, 4, 8]);
}

#[test]
fn kinds_have_their_numbers() {
    let kinds: Vec<_> = (0..=u8::MAX).filter_map(|n| RequestKind::try_from(n).ok()).collect();
    let first =
        [RequestKind::Attach, RequestKind::NexusOpen, RequestKind::AttachEnd, RequestKind::NexusClose];
    assert_eq!(kinds[..4], first);
    assert_eq!(
        [RequestKind::Command as u8, RequestKind::DataComplete as u8, RequestKind::TaskManagement as u8],
        [5, 6, 7]
    );
    assert_eq!([RequestKind::Fence as u8, RequestKind::Execute as u8, RequestKind::Abort as u8], [8, 9, 10]);
    assert_eq!(
        [RequestKind::Reset as u8, RequestKind::NexusLost as u8, RequestKind::Allow as u8],
        [11, 12, 13]
    );
    assert_eq!(RequestKind::DeferredError as u8, 14);
    assert_eq!(kinds.len(), 14);
    assert_eq!(RequestKind::try_from(0), Err(PeerFault::Record { field: "request kind", value: 0 }));
    assert_eq!(RequestKind::try_from(15), Err(PeerFault::Record { field: "request kind", value: 15 }));
    assert_eq!((0..=u8::MAX).filter_map(|n| ReplyKind::try_from(n).ok()).count(), 10);
    assert_eq!(ReplyKind::try_from(11), Err(PeerFault::Record { field: "reply kind", value: 11 }));
}

#[test]
fn new_is_zero_but_for_its_identity() {
    let request = Request::new(RequestKind::Execute, 0x0102, 0x0304);
    let mut golden = [0u8; 256];
    golden[0] = 9;
    golden[24..32].copy_from_slice(&0x0102u64.to_ne_bytes());
    golden[32..40].copy_from_slice(&0x0304u64.to_ne_bytes());
    assert_eq!(request.as_bytes(), golden);
    let reply = Reply::new(ReplyKind::Done, 5, 6);
    let mut golden = [0u8; 128];
    golden[0] = 4;
    golden[8..16].copy_from_slice(&5u64.to_ne_bytes());
    golden[16..24].copy_from_slice(&6u64.to_ne_bytes());
    assert_eq!(reply.as_bytes(), golden);
}

#[test]
fn words_and_back_is_the_same_request() {
    let bytes: [u8; 256] = std::array::from_fn(|n| n as u8);
    let request = Request::read_from_bytes(&bytes).unwrap();
    let words: [u64; 32] = transmute!(request);
    assert_eq!(words[1].to_ne_bytes(), [8, 9, 10, 11, 12, 13, 14, 15]);
    let back: Request = transmute!(words);
    assert_eq!(back, request);
}

#[test]
fn cdb_len_past_the_record_is_a_fault() {
    let mut request = Request::new(RequestKind::Command, 1, 1);
    request.cdb_len = 32;
    assert_eq!(request.cdb().unwrap().len(), 32);
    for len in 33..=u8::MAX {
        request.cdb_len = len;
        assert_eq!(request.cdb(), Err(PeerFault::Record { field: "cdb_len", value: u64::from(len) }));
    }
}

#[test]
fn extent_counts_past_the_record_are_a_fault() {
    let mut request = Request::new(RequestKind::Command, 1, 1);
    for (out, into) in (0..=u8::MAX).flat_map(|out| (0..=u8::MAX).map(move |into| (out, into))) {
        (request.out_extents, request.in_extents) = (out, into);
        let both = usize::from(out) + usize::from(into);
        match request.extents() {
            Ok((first, second)) => {
                assert!(both <= 4);
                assert_eq!((first.len(), second.len()), (usize::from(out), usize::from(into)));
            }
            Err(fault) => {
                assert!(both > 4);
                assert_eq!(fault, PeerFault::Record { field: "extent count", value: both as u64 });
            }
        }
    }
}

#[test]
fn sense_len_past_the_record_is_a_fault() {
    let mut reply = Reply::new(ReplyKind::Done, 1, 1);
    reply.sense_len = 96;
    assert_eq!(reply.sense().unwrap().len(), 96);
    reply.sense_len = 97;
    assert_eq!(reply.sense(), Err(PeerFault::Record { field: "sense_len", value: 97 }));
}

#[test]
fn nexus_names_come_back() {
    let names = NexusNames { initiator: "iqn.2026-11.test:a,i,0x1".into(), target: "iqn.b,t,0x1".into() };
    assert_eq!(names.encode(), b"iqn.2026-11.test:a,i,0x1\0iqn.b,t,0x1");
    assert_eq!(NexusNames::decode(&names.encode()), Ok(names));
}

#[test]
fn nexus_names_without_form_are_a_fault() {
    for bytes in [&b"no separator"[..], b"", b"\xff\0x"] {
        let value = bytes.len() as u64;
        assert_eq!(NexusNames::decode(bytes), Err(PeerFault::Record { field: "nexus names", value }));
    }
    let longest = [vec![b'a'; 1023], vec![0]].concat();
    assert!(NexusNames::decode(&longest).is_ok());
    assert!(NexusNames::decode(&[&longest[..], b"b"].concat()).is_err());
}
