//! How far both byte streams of a connected TCP socket have come. One of the files with unsafe code.
//!
//! A transport that takes a connection over from a dead one asks this once: the dead one moves nothing any more, so that
//! only the wire does, and what it moves cancels out. Bytes that were received are either in the socket's queue or were
//! consumed; bytes that were written are either acknowledged or still in the socket's queue.
//!
//! What must hold: every buffer that is handed to the kernel is private, borrowed for the call, and as long as it says.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

/// Bytes of `struct tcp_info` that are asked for, and where the fields that are used lie in it (linux/tcp.h; fields never
/// move, new ones are appended).
const INFO: usize = 136;
const STATE: usize = 0;
const BYTES_ACKED: usize = 120;
const BYTES_RECEIVED: usize = 128;
/// TCP_ESTABLISHED: neither side has said its last word.
const ESTABLISHED: u8 = 1;
/// How often a connection is looked at that does not stand still.
const LOOKS: usize = 10_000;

/// Positions in both streams, in bytes since a beginning that is the same each time a socket is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// What has been read from the socket.
    pub consumed: u64,
    /// What has been written to the socket.
    pub written: u64,
}

/// Where a connection stands that no process is using. None: it is being closed, or is no TCP connection of this kernel's.
///
/// # Errors
/// The socket cannot be asked.
pub fn position(socket: impl AsFd) -> io::Result<Option<Position>> {
    let socket = socket.as_fd();
    for _ in 0..LOOKS {
        let Some(before) = info(socket)? else { return Ok(None) };
        let (unread, unacknowledged) = (queued(socket, libc::FIONREAD)?, queued(socket, libc::TIOCOUTQ)?);
        if info(socket)? != Some(before) {
            // Something arrived in between: the numbers are of two moments.
            continue;
        }
        let (acknowledged, received) = before;
        let consumed = received.checked_sub(unread);
        let written = acknowledged.checked_add(unacknowledged);
        return Ok(consumed.zip(written).map(|(consumed, written)| Position { consumed, written }));
    }
    Ok(None)
}

/// Bytes that the other side acknowledged and bytes that came, if the connection is whole.
fn info(socket: BorrowedFd<'_>) -> io::Result<Option<(u64, u64)>> {
    let mut info = [0u8; INFO];
    let mut length = INFO as libc::socklen_t;
    // SAFETY: the buffer has `length` bytes and both outlive the call, which writes at most so many.
    let failed = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            info.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    if failed != 0 {
        return Err(io::Error::last_os_error());
    }
    let word = |at: usize| info[at..at + 8].try_into().map(u64::from_ne_bytes).unwrap_or_default();
    let whole = length as usize == INFO && info[STATE] == ESTABLISHED;
    Ok(whole.then(|| (word(BYTES_ACKED), word(BYTES_RECEIVED))))
}

/// Bytes in one of the socket's queues.
fn queued(socket: BorrowedFd<'_>, which: libc::Ioctl) -> io::Result<u64> {
    let mut bytes: libc::c_int = 0;
    // SAFETY: both requests write one int, which outlives the call.
    let failed = unsafe { libc::ioctl(socket.as_raw_fd(), which, &raw mut bytes) };
    if failed != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(u64::try_from(bytes).unwrap_or(0))
}

#[cfg(test)]
mod tests;
