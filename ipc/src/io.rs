//! System calls that move bytes between an arena and a socket or file without a copy in user space. One of the files
//! with unsafe code.
//!
//! What must hold: every address in a list is that of private bytes borrowed for the list's life, or of an extent that
//! was checked against the arena that the list borrows. The kernel may find the arena's bytes changing under its hands,
//! which harms only the data that a peer chose to spoil.

use std::io;
use std::marker::PhantomData;
use std::os::fd::{AsFd, AsRawFd};

use crate::arena::Arena;
use crate::extent::CheckedExtent;

/// Pieces that one call can gather or scatter.
pub const PIECES: usize = 64;

/// Addresses to gather from (`send`, `pwrite`) or scatter to (`recv`, `pread`).
///
/// `'a` is the life of the arenas and private buffers that it points into.
pub struct Pieces<'a> {
    list: [libc::iovec; PIECES],
    used: usize,
    bytes: usize,
    /// Whether a piece of borrowed, read-only bytes is among them: then it cannot be scattered to.
    read_only: bool,
    borrows: PhantomData<&'a mut [u8]>,
}

impl Default for Pieces<'_> {
    fn default() -> Self {
        Self::new()
    }
}

impl<'a> Pieces<'a> {
    /// An empty list.
    pub fn new() -> Self {
        let empty = libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 };
        Self { list: [empty; PIECES], used: 0, bytes: 0, read_only: false, borrows: PhantomData }
    }

    fn push(&mut self, base: *mut u8, len: usize) -> bool {
        if len == 0 {
            return true;
        }
        let Some(place) = self.list.get_mut(self.used) else { return false };
        *place = libc::iovec { iov_base: base.cast(), iov_len: len };
        self.used += 1;
        self.bytes += len;
        true
    }

    /// Adds a run of an arena; false if the list is full.
    #[must_use = "a full list takes nothing"]
    pub fn extent(&mut self, arena: &'a Arena, extent: CheckedExtent) -> bool {
        self.push(arena.pointer(extent), extent.len())
    }

    /// Adds private bytes to gather from; false if the list is full.
    #[must_use = "a full list takes nothing"]
    pub fn bytes(&mut self, bytes: &'a [u8]) -> bool {
        self.read_only = true;
        self.push(bytes.as_ptr().cast_mut(), bytes.len())
    }

    /// Adds private bytes to scatter to (or gather from); false if the list is full.
    #[must_use = "a full list takes nothing"]
    pub fn bytes_mut(&mut self, bytes: &'a mut [u8]) -> bool {
        self.push(bytes.as_mut_ptr(), bytes.len())
    }

    /// Pieces in the list.
    pub fn count(&self) -> usize {
        self.used
    }

    /// Bytes that all pieces have together.
    pub fn len(&self) -> usize {
        self.bytes
    }

    /// Whether there is nothing to move.
    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Drops the first `n` bytes from the list, after a call that moved only so many.
    pub fn advance(&mut self, mut n: usize) {
        n = n.min(self.bytes);
        self.bytes -= n;
        let mut first = 0;
        while first < self.used && n >= self.list[first].iov_len {
            n -= self.list[first].iov_len;
            first += 1;
        }
        self.list.copy_within(first..self.used, 0);
        self.used -= first;
        if n > 0 {
            let piece = &mut self.list[0];
            piece.iov_base = piece.iov_base.cast::<u8>().wrapping_add(n).cast();
            piece.iov_len -= n;
        }
    }

    /// The addresses for a submission queue. Whoever uses them keeps the arenas mapped until the kernel is done.
    pub fn as_raw(&self) -> &[libc::iovec] {
        &self.list[..self.used]
    }

    fn scatter(&mut self) -> *mut libc::iovec {
        assert!(!self.read_only, "read-only bytes cannot be scattered to");
        self.list.as_mut_ptr()
    }
}

fn result(moved: isize) -> io::Result<usize> {
    usize::try_from(moved).map_err(|_| io::Error::last_os_error())
}

fn message(list: *mut libc::iovec, count: usize) -> libc::msghdr {
    // SAFETY: all-zero bytes are a valid msghdr: null pointers and zero lengths.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = list;
    message.msg_iovlen = count;
    message
}

/// Sends what the list gathers, without SIGPIPE and without blocking. `more` says that more follows at once.
pub fn send(socket: impl AsFd, pieces: &mut Pieces<'_>, more: bool) -> io::Result<usize> {
    let message = message(pieces.list.as_mut_ptr(), pieces.used);
    let flags = libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT | if more { libc::MSG_MORE } else { 0 };
    // SAFETY: the header is valid and its pieces are alive and readable, as the head of this file says.
    result(unsafe { libc::sendmsg(socket.as_fd().as_raw_fd(), &raw const message, flags) })
}

/// Receives into the pieces of the list, in order, without blocking; 0 is the end of the stream.
pub fn receive(socket: impl AsFd, pieces: &mut Pieces<'_>) -> io::Result<usize> {
    let mut message = message(pieces.scatter(), pieces.used);
    // SAFETY: the header is valid and its pieces are alive and writable, as the head of this file says.
    result(unsafe { libc::recvmsg(socket.as_fd().as_raw_fd(), &raw mut message, libc::MSG_DONTWAIT) })
}

/// Reads from `offset` (bytes) of a file into the pieces. `flags` are RWF_ flags. Short at the end of the file.
pub fn read_at(file: impl AsFd, pieces: &mut Pieces<'_>, offset: u64, flags: i32) -> io::Result<usize> {
    let offset = libc::off_t::try_from(offset).map_err(|_| io::ErrorKind::InvalidInput)?;
    let (list, count) = (pieces.scatter(), pieces.used as i32);
    // SAFETY: the pieces are alive and writable, as the head of this file says.
    result(unsafe { libc::preadv2(file.as_fd().as_raw_fd(), list, count, offset, flags) })
}

/// Writes the pieces at `offset` (bytes) of a file. `flags` are RWF_ flags.
pub fn write_at(file: impl AsFd, pieces: &mut Pieces<'_>, offset: u64, flags: i32) -> io::Result<usize> {
    let offset = libc::off_t::try_from(offset).map_err(|_| io::ErrorKind::InvalidInput)?;
    let (list, count) = (pieces.list.as_ptr(), pieces.used as i32);
    // SAFETY: the pieces are alive and readable, as the head of this file says.
    result(unsafe { libc::pwritev2(file.as_fd().as_raw_fd(), list, count, offset, flags) })
}

/// Whether the kernel has failed to bring to its device what was written into the page cache. It tells this to each open
/// file description once, by whatever asks first: this function, which waits for nothing, or a sync.
pub fn written_back(file: impl AsFd) -> io::Result<()> {
    // No page of any file is there, so that there is nothing to wait for.
    let (nowhere, flags) = (libc::off_t::MAX - 1, libc::SYNC_FILE_RANGE_WAIT_BEFORE);
    // SAFETY: no memory is passed.
    let result = unsafe { libc::sync_file_range(file.as_fd().as_raw_fd(), nowhere, 1, flags) };
    let error = if result == 0 { return Ok(()) } else { io::Error::last_os_error() };
    match error.raw_os_error() {
        // Something that cannot be asked has not failed.
        Some(libc::EINVAL | libc::ESPIPE | libc::ENOSYS | libc::EOPNOTSUPP | libc::EPERM | libc::EBADF) => {
            Ok(())
        }
        _ => Err(error),
    }
}

#[cfg(test)]
mod tests;
