//! The supervisor's side of the keeper, with the test as the keeper.

use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, socketpair};

use super::Kept;
use crate::keeper::wire;

fn pair() -> (OwnedFd, OwnedFd) {
    socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).expect("pair")
}

fn say(keeper: &OwnedFd, kind: u8, bytes: &[u8], fd: Option<&OwnedFd>) {
    wire::send(keeper, (kind, bytes), fd.map(AsFd::as_fd), SendFlags::empty()).expect("sent");
}

fn hear(keeper: &OwnedFd) -> (u8, Vec<u8>, bool) {
    let packet = wire::receive(keeper, RecvFlags::empty()).expect("received").expect("a message");
    (packet.kind, packet.bytes, packet.fd.is_some())
}

#[test]
fn what_was_kept_comes_back_and_what_is_stored_goes_there() {
    let (keeper, ours) = pair();
    let file: OwnedFd = tempfile::tempfile().expect("file").into();
    say(&keeper, wire::KEPT, b"arena:1", Some(&file));
    say(&keeper, wire::KEPT, b"plan", Some(&file));
    say(&keeper, wire::ALL, b"", None);
    let (kept, inheritance) = Kept::over(ours, true).expect("a keeper");
    assert_eq!(inheritance.keys().collect::<Vec<_>>(), ["arena:1", "plan"]);
    assert!(kept.on_terminal());
    kept.store("stats:3", &file);
    kept.forget("plan");
    kept.up();
    kept.alive(Duration::from_millis(0x0102_0304));
    assert_eq!(hear(&keeper), (wire::STORE, b"stats:3".to_vec(), true));
    assert_eq!(hear(&keeper), (wire::FORGET, b"plan".to_vec(), false));
    assert_eq!(hear(&keeper), (wire::UP, Vec::new(), false));
    assert_eq!(hear(&keeper), (wire::ALIVE, vec![4, 3, 2, 1], false));
}

#[test]
fn end_of_a_process_is_asked_for() {
    let (keeper, ours) = pair();
    say(&keeper, wire::ALL, b"", None);
    let (kept, _) = Kept::over(ours, false).expect("a keeper");
    // An answer to an earlier question is not taken for one to this.
    say(&keeper, wire::ENDED, &[[7, 0, 0, 0], [9, 0, 0, 0]].concat(), None);
    say(&keeper, wire::ENDED, &[[8, 0, 0, 0], [0, 3, 0, 0]].concat(), None);
    assert_eq!(kept.end_of(8).and_then(|status| status.code()), Some(3));
    say(&keeper, wire::ENDED, &[9, 0, 0, 0], None);
    assert_eq!(kept.end_of(9), None);
}

#[test]
fn keeper_that_does_not_look_holds_nobody_up() {
    let (keeper, ours) = pair();
    say(&keeper, wire::ALL, b"", None);
    let (kept, _) = Kept::over(ours, false).expect("a keeper");
    for _ in 0..10_000 {
        kept.alive(Duration::from_secs(3));
    }
    assert!(kept.socket().is_some(), "it is there, and busy");
}

#[test]
fn keeper_that_is_gone_stops_nobody() {
    let (keeper, ours) = pair();
    say(&keeper, wire::ALL, b"", None);
    let (kept, _) = Kept::over(ours, false).expect("a keeper");
    drop(keeper);
    assert_eq!(kept.end_of(8), None);
    assert!(kept.socket().is_none());
    kept.store("plan", &pair().0);
    let (gone, ours) = pair();
    drop(gone);
    assert!(Kept::over(ours, false).is_err(), "nobody at the other end");
}
