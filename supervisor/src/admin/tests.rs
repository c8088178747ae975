//! The admin socket, without services behind it.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use ipc::wait::Waiter;
use rustix::process::Signal;

use super::server::AdminServer;
use super::{Reply, Request, parse_signal};

const TOKEN: u64 = 7 << 32;

/// Turns the server until it has been asked, or (after some turns) has not.
fn turn(server: &mut AdminServer, waiter: &mut Waiter) -> Vec<super::server::Asked> {
    let mut ready = Vec::new();
    for _ in 0..20 {
        waiter.wait(Duration::from_millis(50), &mut ready).expect("wait");
        let asked: Vec<_> = ready.iter().flat_map(|event| server.on_ready(*event, waiter)).collect();
        if !asked.is_empty() {
            return asked;
        }
    }
    Vec::new()
}

#[test]
fn request_is_asked_and_answered() {
    let dir = tempfile::tempdir().expect("tempdir");
    let path = dir.path().join("admin.sock");
    let mut waiter = Waiter::new(0).expect("waiter");
    let mut server = AdminServer::new(&path, TOKEN, &waiter).expect("server");
    let mut client = UnixStream::connect(&path).expect("connect");
    client
        .write_all(b"{\"command\":\"stop\",\"name\":\"a\"}\nnonsense\n{\"command\":\"status\"}\n")
        .expect("write");
    let asked = turn(&mut server, &mut waiter);
    assert_eq!(asked.len(), 3);
    assert_eq!(asked[0].1, Ok(Request::Stop { name: "a".to_owned() }));
    assert!(asked[1].1.is_err());
    assert_eq!(asked[2].1, Ok(Request::Status));
    server.reply(asked[0].0, &Reply::done("good".to_owned()), &waiter);
    let mut line = String::new();
    BufReader::new(&client).read_line(&mut line).expect("read");
    assert_eq!(line, "{\"ok\":true,\"text\":\"good\"}\n");
}

#[test]
fn request_without_end_is_cut_off() {
    let dir = tempfile::tempdir().expect("tempdir");
    let path = dir.path().join("admin.sock");
    let mut waiter = Waiter::new(0).expect("waiter");
    let mut server = AdminServer::new(&path, TOKEN, &waiter).expect("server");
    let mut client = UnixStream::connect(&path).expect("connect");
    client.write_all(&[b'x'; 20_000]).expect("write");
    assert_eq!(turn(&mut server, &mut waiter).len(), 0);
    let mut line = String::new();
    // A reset or an end, as the kernel likes; but no wait.
    let _ = BufReader::new(&client).read_line(&mut line);
    assert_eq!(line, "");
}

#[test]
fn signals_are_read_in_every_spelling() {
    for text in ["KILL", "SIGKILL", "sigkill", "9"] {
        assert_eq!(parse_signal(text), Ok(Signal::KILL), "{text}");
    }
    assert!(parse_signal("NOSUCH").is_err());
    assert!(parse_signal("0").is_err());
}
