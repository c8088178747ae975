//! A service's side of the control socket against a supervisor that is slow, silent or gone.

use super::*;
use crate::channel::{self, Channel, SupervisorChannel};

fn control() -> (SupervisorChannel, Control) {
    let (supervisor, childs) = channel::pair().unwrap();
    (supervisor, Control::over(Channel::from_fd(childs), ServiceKind::Core, &["a", "b"]).unwrap())
}

fn hear(supervisor: &mut SupervisorChannel) -> Vec<Event> {
    std::iter::from_fn(|| supervisor.receive().unwrap().map(|(event, _)| event)).collect()
}

#[test]
fn hello_is_the_first_message() {
    let (mut supervisor, _control) = control();
    let Some((Event::Hello { abi, kind, counters, .. }, fds)) = supervisor.receive().unwrap() else {
        panic!("no hello")
    };
    assert_eq!((abi, kind, fds.len()), (ABI_VERSION, ServiceKind::Core, 0));
    assert_eq!(counters, ["a", "b"]);
}

#[test]
fn events_wait_for_a_slow_supervisor_in_order() {
    let (mut supervisor, mut control) = control();
    for key in 0..3000 {
        control.report(Event::Withdraw { key }, Vec::new()).unwrap();
    }
    assert!(!control.waiting.is_empty(), "the socket is full by now");
    let mut heard = Vec::new();
    while heard.len() < 3001 {
        let before = heard.len();
        heard.extend(hear(&mut supervisor));
        assert!(heard.len() > before);
        control.flush().unwrap();
    }
    let keys = heard[1..].iter().map(|event| match event {
        Event::Withdraw { key } => *key,
        other => panic!("{other:?}"),
    });
    assert!(keys.eq(0..3000));
}

#[test]
fn supervisor_that_never_reads_is_given_up() {
    let (_supervisor, mut control) = control();
    let mut sent = 0;
    let error = loop {
        match control.report(Event::Ready, Vec::new()) {
            Ok(()) => sent += 1,
            Err(error) => break error,
        }
        assert!(sent < 100_000);
    };
    assert!(matches!(error, ChannelError::Io(error) if error.kind() == io::ErrorKind::TimedOut));
    assert_eq!(control.waiting.len(), MOST_WAITING);
}

#[test]
fn descriptors_wait_with_their_event() {
    let (mut supervisor, mut control) = control();
    while control.waiting.is_empty() {
        control.report(Event::Ready, Vec::new()).unwrap();
    }
    let (reader, writer) = std::io::pipe().unwrap();
    control.report(Event::Deposit { key: 9 }, vec![reader.into()]).unwrap();
    let deposit = loop {
        match supervisor.receive().unwrap() {
            Some((Event::Deposit { key: 9 }, fds)) => break fds,
            Some(_) => {}
            None => control.flush().unwrap(),
        }
    };
    rustix::io::write(&writer, b"x").unwrap();
    let mut byte = [0];
    rustix::io::read(&deposit[0], &mut byte).unwrap();
    assert_eq!(&byte, b"x");
}

#[test]
fn wait_returns_grants_and_the_end() {
    let (supervisor, mut control) = control();
    assert!(control.poll().unwrap().is_none());
    let granting = std::thread::spawn(move || supervisor.send(&Grant::Go, &[]));
    assert_eq!(control.wait().unwrap().0, Grant::Go);
    granting.join().unwrap().unwrap();
    assert!(matches!(control.wait(), Err(ChannelError::Closed)), "the supervisor is gone");
}
