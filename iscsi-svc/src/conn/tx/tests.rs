//! What is queued is what arrives, in whatever portions the socket takes it.

use super::*;
use ipc::arena::Arena;
use std::io::Read;
use std::os::unix::net::UnixStream;

fn buffers() -> Buffers {
    let fd = ipc::shm::create("test-arena", 1 << 20).unwrap();
    Buffers::new(Arena::new(1, fd).unwrap())
}

/// What was released is named in no notebook any more.
fn noted(buffers: &mut Buffers) {
    buffers.set_aside();
    buffers.reuse();
}

#[test]
fn pdu_with_padding_and_digests() {
    let mut buffers = buffers();
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let mut tx = Tx { header_digest: true, data_digest: true, ..Tx::default() };
    tx.pdu(&[0; 48], Payload::Bytes(b"abcde"), &buffers);
    tx.pdu(&[1; 48], Payload::Nothing, &buffers);
    assert_eq!(tx.send(&ours, &mut buffers).unwrap(), (Sent::All, 1));
    let mut wire = vec![0; 48 + 4 + 8 + 4 + 48 + 4];
    theirs.read_exact(&mut wire).unwrap();
    assert_eq!(wire[52..60], *b"abcde\0\0\0");
    assert_eq!(wire[60..64], crc32c(b"abcde\0\0\0"));
    assert_eq!(wire[48..52], crc32c(&[0; 48]));
    assert_eq!(wire[112..116], crc32c(&[1; 48]));
}

#[test]
fn arena_payload_through_a_slow_socket() {
    let mut buffers = buffers();
    let free = buffers.free_bytes();
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let mut tx = Tx::default();
    let mut expected = Vec::new();
    for pdu in 0..40u8 {
        let id = buffers.take(16384).unwrap();
        let extent = buffers.extent(id, 0, 16384);
        buffers.arena().write(extent, &[pdu; 16384]);
        tx.pdu(&[pdu | 0x80; 48], Payload::Arena(&mut std::iter::once(extent)), &buffers);
        tx.release(id);
        expected.extend_from_slice(&[pdu | 0x80; 48]);
        expected.extend_from_slice(&[pdu; 16384]);
    }
    let reader = std::thread::spawn(move || {
        let mut wire = Vec::new();
        theirs.read_to_end(&mut wire).unwrap();
        wire
    });
    while tx.send(&ours, &mut buffers).unwrap().0 == Sent::Blocked {
        std::thread::yield_now();
    }
    assert!(tx.is_empty());
    drop(ours);
    assert_eq!(reader.join().unwrap(), expected);
    noted(&mut buffers);
    assert_eq!(buffers.free_bytes(), free);
}

#[test]
fn discard_releases_blocks() {
    let mut buffers = buffers();
    let id = buffers.take(4096).unwrap();
    let extent = buffers.extent(id, 0, 4096);
    let mut tx = Tx::default();
    tx.pdu(&[0; 48], Payload::Arena(&mut std::iter::once(extent)), &buffers);
    tx.release(id);
    tx.discard(&mut buffers);
    assert!(tx.is_empty());
    noted(&mut buffers);
    assert_eq!(buffers.free_bytes(), 1 << 20);
}
