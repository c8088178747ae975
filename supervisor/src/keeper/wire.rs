//! What keeper and supervisor say to one another over their socket (SOCK_SEQPACKET, so that a message comes whole or not
//! at all): one byte that says what it is, at most [`MOST_BYTES`] bytes with it, and at most one descriptor.
//!
//! Neither end trusts the other with more than that: a message that does not fit is an error of the socket.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};

/// To the keeper: keep this descriptor under this name, in place of one that has it.
pub const STORE: u8 = b'S';
/// To the keeper: let go of the descriptor of this name.
pub const FORGET: u8 = b'F';
/// To the keeper: how did the process of this number (four bytes, little-endian) end? Answered with [`ENDED`].
pub const ASK: u8 = b'R';
/// To the keeper: the supervisor has taken everything up.
pub const UP: u8 = b'U';
/// To the keeper: the supervisor's loop turns, and if it is silent for so many milliseconds (four bytes, little-endian) it hangs.
pub const ALIVE: u8 = b'L';
/// To the supervisor: a descriptor that was kept, with its name.
pub const KEPT: u8 = b'K';
/// To the supervisor: those were all.
pub const ALL: u8 = b'A';
/// To the supervisor: the number of the process, and its wait status (four bytes each, little-endian) if it is known.
pub const ENDED: u8 = b'E';

/// Bytes that can come with a message.
pub const MOST_BYTES: usize = 64;

/// A message.
#[derive(Debug)]
pub struct Packet {
    /// What it is.
    pub kind: u8,
    /// A name or a number.
    pub bytes: Vec<u8>,
    /// The descriptor that came with it.
    pub fd: Option<OwnedFd>,
}

impl Packet {
    /// The bytes as a name.
    pub fn name(&self) -> Option<&str> {
        std::str::from_utf8(&self.bytes).ok().filter(|name| !name.is_empty())
    }

    /// The bytes as numbers.
    pub fn numbers(&self) -> impl Iterator<Item = u32> {
        self.bytes.as_chunks::<4>().0.iter().map(|number| u32::from_le_bytes(*number))
    }
}

/// Sends a message.
///
/// # Errors
/// The other end is gone, or (with `DONTWAIT`) has no room now.
pub fn send(
    socket: impl AsFd,
    (kind, bytes): (u8, &[u8]),
    fd: Option<BorrowedFd<'_>>,
    flags: SendFlags,
) -> io::Result<()> {
    if bytes.len() > MOST_BYTES {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "a name is too long to be kept"));
    }
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    let fds: Vec<BorrowedFd<'_>> = fd.into_iter().collect();
    if !fds.is_empty() && !ancillary.push(SendAncillaryMessage::ScmRights(&fds)) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let parts = [io::IoSlice::new(std::slice::from_ref(&kind)), io::IoSlice::new(bytes)];
    loop {
        match sendmsg(&socket, &parts, &mut ancillary, flags | SendFlags::NOSIGNAL) {
            Err(Errno::INTR) => {}
            other => return Ok(other.map(|_| ())?),
        }
    }
}

/// Takes the next message; `None` when the other end is gone and has said nothing more.
///
/// # Errors
/// The socket fails, there is no message (`WouldBlock`), or it is too long.
pub fn receive(socket: impl AsFd, flags: RecvFlags) -> io::Result<Option<Packet>> {
    let mut buffer = [0; MOST_BYTES + 1];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let received = loop {
        let mut parts = [io::IoSliceMut::new(&mut buffer)];
        match recvmsg(&socket, &mut parts, &mut ancillary, flags | RecvFlags::CMSG_CLOEXEC) {
            // The other end was closed with messages of ours unread: it says so once, before what it sent last.
            Err(Errno::INTR | Errno::CONNRESET) => {}
            other => break other?,
        }
    };
    let mut fd = None;
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = message {
            fd = rights.last();
        }
    }
    if received.flags.intersects(ReturnFlags::TRUNC | ReturnFlags::CTRUNC) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a message came in part"));
    }
    let Some((kind, bytes)) = buffer[..received.bytes].split_first() else { return Ok(None) };
    Ok(Some(Packet { kind: *kind, bytes: bytes.to_vec(), fd }))
}

#[cfg(test)]
mod tests;
