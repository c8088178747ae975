//! Lists of pieces, and what the kernel moves by them.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::*;
use crate::extent::Extent;
use crate::shm;

fn arena() -> Arena {
    Arena::new(1, shm::create("arena", 4 * 4096).unwrap()).unwrap()
}

fn at(arena: &Arena, offset: u64, len: u32) -> CheckedExtent {
    arena.check(Extent { arena: 1, len, offset }).unwrap()
}

fn lengths(pieces: &Pieces<'_>) -> Vec<usize> {
    pieces.as_raw().iter().map(|piece| piece.iov_len).collect()
}

fn sockets() -> (UnixStream, UnixStream) {
    UnixStream::pair().unwrap()
}

#[test]
fn advance_by_every_number_drops_the_same_bytes() {
    let text = b"abcdefghijklmnop";
    for n in 0..=20 {
        let mut pieces = Pieces::new();
        for part in [&text[..3], &text[3..4], &text[4..11], &text[11..]] {
            assert!(pieces.bytes(part));
        }
        pieces.advance(n);
        let rest = text.len().saturating_sub(n);
        assert_eq!(pieces.len(), rest);
        assert_eq!(pieces.is_empty(), rest == 0);
        assert_eq!(lengths(&pieces).iter().sum::<usize>(), rest);
        assert!(lengths(&pieces).iter().all(|len| *len > 0));
        let (a, b) = sockets();
        if rest > 0 {
            assert_eq!(send(&a, &mut pieces, false).unwrap(), rest);
            let mut out = vec![0; 16];
            let mut into = Pieces::new();
            assert!(into.bytes_mut(&mut out));
            assert_eq!(receive(&b, &mut into).unwrap(), rest);
            assert_eq!(out[..rest], text[n..]);
        }
    }
}

#[test]
fn advance_in_steps_ends_empty() {
    let arena = arena();
    let mut pieces = Pieces::new();
    for n in 0..64 {
        assert!(pieces.extent(&arena, at(&arena, n * 100, 37)));
    }
    let mut left = 64 * 37;
    while left > 0 {
        let step = left.min(29);
        pieces.advance(step);
        left -= step;
        assert_eq!((pieces.len(), pieces.count()), (left, left.div_ceil(37)));
    }
    assert!(pieces.extent(&arena, at(&arena, 0, 1)), "there is room again");
}

#[test]
fn full_list_takes_nothing_more() {
    let mut pieces = Pieces::new();
    for _ in 0..64 {
        assert!(pieces.bytes(b"x"));
    }
    assert!(!pieces.bytes(b"y"));
    assert!(pieces.bytes(b""), "nothing needs no place");
    assert_eq!((pieces.count(), pieces.len()), (64, 64));
}

#[test]
fn receive_scatters_and_send_gathers() {
    let arena = arena();
    let (a, b) = sockets();
    let mut header = *b"head";
    let mut out = Pieces::new();
    arena.write(at(&arena, 4090, 12), b"across pages");
    assert!(out.bytes(&header) && out.extent(&arena, at(&arena, 4090, 12)) && out.bytes(b"!"));
    assert_eq!(send(&a, &mut out, false).unwrap(), 17);
    header = *b"....";
    let mut into = Pieces::new();
    assert!(into.bytes_mut(&mut header) && into.extent(&arena, at(&arena, 3, 5)));
    assert!(into.extent(&arena, at(&arena, 8191, 100)));
    assert_eq!(receive(&b, &mut into).unwrap(), 17);
    assert_eq!(&header, b"head");
    let mut got = [0; 8];
    arena.read(at(&arena, 3, 5), &mut got[..5]);
    assert_eq!(&got[..5], b"acros");
    arena.read(at(&arena, 8191, 8), &mut got);
    assert_eq!(&got, b"s pages!");
}

#[test]
fn receive_does_not_block_and_ends_with_zero() {
    let (a, b) = sockets();
    let mut byte = [0];
    let mut into = Pieces::new();
    assert!(into.bytes_mut(&mut byte));
    assert_eq!(receive(&b, &mut into).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    drop(a);
    assert_eq!(receive(&b, &mut into).unwrap(), 0);
}

#[test]
fn send_to_a_closed_peer_is_an_error_and_no_signal() {
    let (a, b) = sockets();
    drop(b);
    let mut out = Pieces::new();
    assert!(out.bytes(b"x"));
    assert_eq!(send(&a, &mut out, false).unwrap_err().kind(), io::ErrorKind::BrokenPipe);
}

#[test]
fn receive_into_read_only_bytes_panics() {
    let (_a, b) = sockets();
    let mut into = Pieces::new();
    assert!(into.bytes(b"constant"));
    assert!(catch_unwind(AssertUnwindSafe(|| receive(&b, &mut into))).is_err());
    assert!(catch_unwind(AssertUnwindSafe(|| read_at(&b, &mut into, 0, 0))).is_err());
}

#[test]
fn read_at_and_write_at_unaligned_offsets() {
    let arena = arena();
    let file: OwnedFd = rustix::fs::memfd_create("file", rustix::fs::MemfdFlags::CLOEXEC).unwrap();
    arena.write(at(&arena, 7, 10), b"0123456789");
    let mut out = Pieces::new();
    assert!(out.extent(&arena, at(&arena, 8, 4)) && out.extent(&arena, at(&arena, 12, 5)));
    assert_eq!(write_at(&file, &mut out, 5001, 0).unwrap(), 9);
    let mut back = [b'.'; 12];
    let mut into = Pieces::new();
    assert!(into.bytes_mut(&mut back));
    assert_eq!(read_at(&file, &mut into, 5000, 0).unwrap(), 10, "short at the end of the file");
    assert_eq!(&back, b"\x00123456789..");
}

#[test]
fn read_at_an_impossible_offset_is_an_error() {
    let file: OwnedFd = rustix::fs::memfd_create("file", rustix::fs::MemfdFlags::CLOEXEC).unwrap();
    let mut byte = [0];
    let mut into = Pieces::new();
    assert!(into.bytes_mut(&mut byte));
    for offset in [u64::MAX, 1 << 63] {
        let refused = |result: io::Result<usize>| result.unwrap_err().kind() == io::ErrorKind::InvalidInput;
        assert!(refused(read_at(&file, &mut into, offset, 0)));
        assert!(refused(write_at(&file, &mut into, offset, 0)));
    }
}
