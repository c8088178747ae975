//! What was read and written is what is counted, whatever is under way.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use super::*;

fn connected() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (listener.accept().unwrap().0, client)
}

#[test]
fn positions_count_what_was_read_and_written() {
    let (mut ours, mut theirs) = connected();
    let start = position(&ours).unwrap().unwrap();
    theirs.write_all(&[1; 3000]).unwrap();
    let mut taken = [0; 1000];
    ours.read_exact(&mut taken).unwrap();
    ours.write_all(&[2; 500]).unwrap();
    let now = position(&ours).unwrap().unwrap();
    assert_eq!((now.consumed - start.consumed, now.written - start.written), (1000, 500));
    theirs.read_exact(&mut taken[..500]).unwrap();
    ours.read_exact(&mut taken).unwrap();
    let now = position(&ours).unwrap().unwrap();
    assert_eq!((now.consumed - start.consumed, now.written - start.written), (2000, 500));
}

#[test]
fn what_the_socket_did_not_take_is_not_written() {
    let (mut ours, mut theirs) = connected();
    let start = position(&ours).unwrap().unwrap();
    ours.set_nonblocking(true).unwrap();
    let mut written = 0;
    while let Ok(n) = ours.write(&[3; 70_000]) {
        written += n as u64;
    }
    assert_eq!(position(&ours).unwrap().unwrap().written - start.written, written);
    let mut left = written;
    while left > 0 {
        left -= theirs.read(&mut vec![0; 65_536]).unwrap() as u64;
    }
    assert_eq!(position(&ours).unwrap().unwrap().written - start.written, written);
}

#[test]
fn connection_that_is_being_closed_has_no_position() {
    let (mut ours, theirs) = connected();
    drop(theirs);
    assert_eq!(ours.read(&mut [0; 1]).unwrap(), 0);
    assert_eq!(position(&ours).unwrap(), None);
    let (pipe, _other) = std::os::unix::net::UnixStream::pair().unwrap();
    assert!(position(&pipe).is_err());
}
