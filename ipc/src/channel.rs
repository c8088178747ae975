//! The control socket between the supervisor and a service: typed messages with descriptors, in order, never blocking.
//!
//! It is a SOCK_SEQPACKET pair; a message is one packet with at most [`MAX_FDS`] descriptors (SCM_RIGHTS).

use std::io;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::message::codec::{self, CodecError, MAX_MESSAGE};
use crate::message::{Event, Grant};

/// Most descriptors in one message.
pub const MAX_FDS: usize = 4;

/// Why a message did not arrive.
#[derive(Debug, thiserror::Error)]
pub enum ChannelError {
    /// The other end is gone.
    #[error("the control socket was closed by the other end")]
    Closed,
    /// The socket failed.
    #[error("control socket: {0}")]
    Io(#[from] io::Error),
    /// The bytes are not a message.
    #[error(transparent)]
    Codec(#[from] CodecError),
}

/// One end of a control socket that sends `S` and receives `R`.
pub struct Channel<S, R> {
    socket: OwnedFd,
    buffer: Box<[u8]>,
    types: PhantomData<fn(S) -> R>,
}

/// A service's end.
pub type ServiceChannel = Channel<Event, Grant>;
/// The supervisor's end.
pub type SupervisorChannel = Channel<Grant, Event>;

/// A fresh pair: the supervisor's end, and the descriptor that the child inherits.
pub fn pair() -> io::Result<(SupervisorChannel, OwnedFd)> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let (ours, childs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
    Ok((Channel::from_fd(ours), childs))
}

impl<S: Serialize, R: DeserializeOwned> Channel<S, R> {
    /// Takes a connected, non-blocking SOCK_SEQPACKET socket into service.
    pub fn from_fd(socket: OwnedFd) -> Self {
        Self { socket, buffer: vec![0; MAX_MESSAGE].into_boxed_slice(), types: PhantomData }
    }

    /// Sends a message. `WouldBlock` when the other end does not read: keep the message and try again when the socket
    /// is writable.
    pub fn send(&self, message: &S, fds: &[BorrowedFd<'_>]) -> Result<(), ChannelError> {
        let bytes = codec::encode(message)?;
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        // The space is rounded up, so that the buffer alone does not keep the bound.
        let fit =
            fds.len() <= MAX_FDS && (fds.is_empty() || ancillary.push(SendAncillaryMessage::ScmRights(fds)));
        if !fit {
            return Err(
                io::Error::new(io::ErrorKind::InvalidInput, "too many descriptors for one message").into()
            );
        }
        match sendmsg(&self.socket, &[io::IoSlice::new(&bytes)], &mut ancillary, SendFlags::NOSIGNAL) {
            Ok(_) => Ok(()),
            Err(rustix::io::Errno::PIPE | rustix::io::Errno::CONNRESET) => Err(ChannelError::Closed),
            Err(error) => Err(io::Error::from(error).into()),
        }
    }

    /// Takes the next message, if there is one.
    pub fn receive(&mut self) -> Result<Option<(R, Vec<OwnedFd>)>, ChannelError> {
        self.take(RecvFlags::empty())
    }

    /// The next message, if there is one, with duplicates of its descriptors. It stays where it is until
    /// [`discard`](Self::discard): should this process die before that, whoever holds this end next finds it again.
    pub fn peek(&mut self) -> Result<Option<(R, Vec<OwnedFd>)>, ChannelError> {
        self.take(RecvFlags::PEEK)
    }

    /// Drops the message that was looked at.
    pub fn discard(&mut self) {
        // One byte does: the rest of the packet goes with it, and so do descriptors for which there is no room.
        let _ = rustix::net::recv(&self.socket, &mut self.buffer[..1], RecvFlags::DONTWAIT);
    }

    fn take(&mut self, how: RecvFlags) -> Result<Option<(R, Vec<OwnedFd>)>, ChannelError> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let mut iov = [io::IoSliceMut::new(&mut self.buffer)];
        let mut take = || recvmsg(&self.socket, &mut iov, &mut ancillary, how | RecvFlags::CMSG_CLOEXEC);
        let received = match take() {
            // The other end was closed with messages of ours unread. Linux says so once, before what it sent last.
            Err(rustix::io::Errno::CONNRESET) => take(),
            other => other,
        };
        let received = match received {
            Ok(received) => received,
            Err(rustix::io::Errno::AGAIN) => return Ok(None),
            Err(rustix::io::Errno::CONNRESET) => return Err(ChannelError::Closed),
            Err(error) => return Err(io::Error::from(error).into()),
        };
        let mut fds = Vec::new();
        for message in ancillary.drain() {
            if let RecvAncillaryMessage::ScmRights(rights) = message {
                fds.extend(rights);
            }
        }
        if received.bytes == 0 {
            return Err(ChannelError::Closed);
        }
        if received.flags.intersects(ReturnFlags::TRUNC | ReturnFlags::CTRUNC) || fds.len() > MAX_FDS {
            return Err(CodecError::TooLong { len: received.bytes, most: MAX_MESSAGE }.into());
        }
        Ok(Some((codec::decode(&self.buffer[..received.bytes])?, fds)))
    }
}

impl<S, R> AsFd for Channel<S, R> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

#[cfg(test)]
mod tests;
