//! Messages with descriptors over a real socket pair, and peers that close, overfill or misuse it.

use std::io::{PipeReader, Read, Write, pipe};

use super::*;
use crate::message::config::ServiceKind;

fn channels() -> (SupervisorChannel, ServiceChannel) {
    let (ours, childs) = pair().unwrap();
    (ours, Channel::from_fd(childs))
}

fn raw() -> (SupervisorChannel, OwnedFd) {
    pair().unwrap()
}

fn send_raw(socket: &OwnedFd, bytes: &[u8], fds: &[BorrowedFd<'_>]) {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(16))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    assert!(fds.is_empty() || ancillary.push(SendAncillaryMessage::ScmRights(fds)));
    sendmsg(socket, &[io::IoSlice::new(bytes)], &mut ancillary, SendFlags::NOSIGNAL).unwrap();
}

/// The reading end of a pipe sees its end only when every copy of the writing end is closed.
fn all_closed(mut reader: PipeReader) -> bool {
    rustix::io::ioctl_fionbio(&reader, true).unwrap();
    matches!(reader.read(&mut [0]), Ok(0))
}

#[test]
fn message_travels_both_ways() {
    let (mut supervisor, mut service) = channels();
    assert!(supervisor.receive().unwrap().is_none());
    let event = Event::Hello { abi: 1, kind: ServiceKind::Vdisk, version: "0".into(), counters: vec![] };
    service.send(&event, &[]).unwrap();
    let (got, fds) = supervisor.receive().unwrap().unwrap();
    assert_eq!((got, fds.len()), (event, 0));
    supervisor.send(&Grant::Go, &[]).unwrap();
    supervisor.send(&Grant::Stop, &[]).unwrap();
    assert_eq!(service.receive().unwrap().unwrap().0, Grant::Go);
    assert_eq!(service.receive().unwrap().unwrap().0, Grant::Stop);
}

#[test]
fn descriptors_arrive_in_order_and_closed_on_exec() {
    let (supervisor, mut service) = channels();
    let pipes: Vec<_> = (0..4).map(|_| pipe().unwrap()).collect();
    for count in 1..=4 {
        let fds: Vec<_> = pipes[..count].iter().map(|(_, writer)| writer.as_fd()).collect();
        supervisor.send(&Grant::Arena { arena: count as u32 }, &fds).unwrap();
        let (grant, got) = service.receive().unwrap().unwrap();
        assert_eq!((grant, got.len()), (Grant::Arena { arena: count as u32 }, count));
        for ((reader, _), (n, fd)) in pipes.iter().zip(got.into_iter().enumerate()) {
            assert!(rustix::io::fcntl_getfd(&fd).unwrap().contains(rustix::io::FdFlags::CLOEXEC));
            std::fs::File::from(fd).write_all(&[n as u8]).unwrap();
            let mut byte = [0xff];
            rustix::io::read(reader, &mut byte).unwrap();
            assert_eq!(byte, [n as u8]);
        }
    }
}

#[test]
fn send_of_too_many_descriptors_is_refused() {
    let (supervisor, mut service) = channels();
    let (reader, _writer) = pipe().unwrap();
    let error = supervisor.send(&Grant::Go, &[reader.as_fd(); 5]).unwrap_err();
    assert!(matches!(error, ChannelError::Io(error) if error.kind() == io::ErrorKind::InvalidInput));
    assert!(service.receive().unwrap().is_none());
}

#[test]
fn receive_of_too_many_descriptors_is_refused_and_closes_them() {
    let (mut supervisor, childs) = raw();
    let (reader, writer) = pipe().unwrap();
    let ready = codec::encode(&Event::Ready).unwrap();
    send_raw(&childs, &ready, &[writer.as_fd(); 5]);
    drop(writer);
    assert!(matches!(supervisor.receive(), Err(ChannelError::Codec(CodecError::TooLong { .. }))));
    assert!(all_closed(reader));
}

#[test]
fn receive_of_garbage_is_refused_and_closes_its_descriptors() {
    let (mut supervisor, childs) = raw();
    let (reader, writer) = pipe().unwrap();
    send_raw(&childs, b"\x01\xff\xff\xff", &[writer.as_fd(); 2]);
    drop(writer);
    assert!(matches!(supervisor.receive(), Err(ChannelError::Codec(CodecError::Garbled(_)))));
    assert!(all_closed(reader));
}

#[test]
fn receive_of_an_oversized_packet_is_refused() {
    let (mut supervisor, childs) = raw();
    send_raw(&childs, &vec![1; 65537], &[]);
    assert!(matches!(supervisor.receive(), Err(ChannelError::Codec(CodecError::TooLong { .. }))));
    let mut longest = vec![0; 65536];
    longest[0] = 9;
    send_raw(&childs, &longest, &[]);
    assert!(matches!(supervisor.receive(), Err(ChannelError::Codec(CodecError::Version(Some(9))))));
}

#[test]
fn receive_of_an_empty_packet_counts_as_closed() {
    let (mut supervisor, childs) = raw();
    let (reader, writer) = pipe().unwrap();
    send_raw(&childs, b"", &[writer.as_fd()]);
    drop(writer);
    assert!(matches!(supervisor.receive(), Err(ChannelError::Closed)));
    assert!(all_closed(reader));
}

#[test]
fn peer_closed_is_said_after_what_it_sent() {
    let (mut supervisor, service) = channels();
    service.send(&Event::Stopped, &[]).unwrap();
    drop(service);
    assert_eq!(supervisor.receive().unwrap().unwrap().0, Event::Stopped);
    assert!(matches!(supervisor.receive(), Err(ChannelError::Closed)));
    assert!(matches!(supervisor.send(&Grant::Go, &[]), Err(ChannelError::Closed)));
}

#[test]
fn peer_closed_with_unread_messages_is_heard_out() {
    // Linux answers the next receive with ECONNRESET then, ahead of the last words.
    let (mut supervisor, service) = channels();
    supervisor.send(&Grant::Go, &[]).unwrap();
    service.send(&Event::Stopped, &[]).unwrap();
    drop(service);
    assert_eq!(supervisor.receive().unwrap().unwrap().0, Event::Stopped);
    assert!(matches!(supervisor.receive(), Err(ChannelError::Closed)));
}

#[test]
fn send_to_a_peer_that_does_not_read_would_block() {
    let (supervisor, mut service) = channels();
    let mut sent = 0;
    let error = loop {
        match supervisor.send(&Grant::Arena { arena: sent }, &[]) {
            Ok(()) => sent += 1,
            Err(error) => break error,
        }
        assert!(sent < 1_000_000);
    };
    assert!(matches!(error, ChannelError::Io(error) if error.kind() == io::ErrorKind::WouldBlock));
    for n in 0..sent {
        assert_eq!(service.receive().unwrap().unwrap().0, Grant::Arena { arena: n });
    }
}

#[test]
fn message_that_was_looked_at_stays_for_the_next_holder_of_the_socket() {
    let (mut supervisor, childs) = pair().expect("pair");
    let service = ServiceChannel::from_fd(childs);
    let file: OwnedFd = tempfile::tempfile().expect("file").into();
    service.send(&Event::Deposit { key: 1 }, &[file.as_fd()]).expect("sent");
    service.send(&Event::Ready, &[]).expect("sent");
    for _ in 0..2 {
        let (event, fds) = supervisor.peek().expect("no error").expect("a message");
        assert_eq!((event, fds.len()), (Event::Deposit { key: 1 }, 1));
    }
    let mut successor =
        SupervisorChannel::from_fd(supervisor.as_fd().try_clone_to_owned().expect("duplicate"));
    drop(supervisor);
    let (event, fds) = successor.peek().expect("no error").expect("a message");
    assert_eq!((event, fds.len()), (Event::Deposit { key: 1 }, 1));
    successor.discard();
    assert_eq!(successor.peek().expect("no error").map(|(event, _)| event), Some(Event::Ready));
    successor.discard();
    assert!(successor.peek().expect("no error").is_none());
    successor.discard();
    drop(service);
    assert!(matches!(successor.peek(), Err(ChannelError::Closed)));
}
