//! The framing between keeper and supervisor.

use std::io::ErrorKind;
use std::os::fd::{AsFd, OwnedFd};

use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, socketpair};

use super::{ASK, MOST_BYTES, STORE, receive, send};

fn pair() -> (OwnedFd, OwnedFd) {
    socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).expect("pair")
}

#[test]
fn message_comes_with_its_descriptor() {
    let (one, other) = pair();
    let file = tempfile::tempfile().expect("file");
    send(&one, (STORE, b"notebook:3"), Some(file.as_fd()), SendFlags::empty()).expect("sent");
    send(&one, (ASK, &[1, 2, 0, 0, 255, 255, 255, 255, 9]), None, SendFlags::empty()).expect("sent");
    let packet = receive(&other, RecvFlags::empty()).expect("received").expect("a message");
    assert_eq!((packet.kind, packet.name()), (STORE, Some("notebook:3")));
    let kept = packet.fd.expect("a descriptor");
    let inode = |fd: &dyn AsFd| rustix::fs::fstat(fd.as_fd()).expect("stat").st_ino;
    assert_eq!(inode(&kept), inode(&file));
    let packet = receive(&other, RecvFlags::empty()).expect("received").expect("a message");
    assert_eq!(packet.numbers().collect::<Vec<u32>>(), [513, u32::MAX], "what is left over is no number");
    assert!(packet.fd.is_none());
}

#[test]
fn what_was_sent_before_the_end_is_heard() {
    let (one, other) = pair();
    let empty = receive(&other, RecvFlags::DONTWAIT).expect_err("nothing there");
    assert_eq!(empty.kind(), ErrorKind::WouldBlock);
    send(&one, (STORE, b"a"), None, SendFlags::empty()).expect("sent");
    send(&other, (ASK, b"never read"), None, SendFlags::empty()).expect("sent");
    drop(one);
    let packet = receive(&other, RecvFlags::empty()).expect("received").expect("a message");
    assert_eq!(packet.name(), Some("a"));
    assert!(receive(&other, RecvFlags::empty()).expect("the end").is_none());
    send(&other, (STORE, b"b"), None, SendFlags::empty()).expect_err("nobody there");
}

#[test]
fn message_that_is_too_long_is_no_message() {
    let (one, other) = pair();
    send(&one, (STORE, &[b'x'; MOST_BYTES + 1]), None, SendFlags::empty()).expect_err("too long");
    rustix::net::send(&one, &[b'S'; MOST_BYTES + 2], SendFlags::empty()).expect("sent");
    assert_eq!(receive(&other, RecvFlags::empty()).expect_err("too long").kind(), ErrorKind::InvalidData);
}
