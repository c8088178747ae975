//! Sealed shared memory. One of the files with unsafe code.
//!
//! What must hold: a [`Mapping`] covers exactly the file's length, the file carries the seals SHRINK, GROW and SEAL,
//! and its pages were allocated when it was made; so no access in bounds can fault, whatever a peer does. The memory
//! is handed out only as atomics ([`Mapping::word`]) or as raw pointers for the kernel ([`Mapping::pointer`], bounds
//! checked), never as plain references. A mapping lives until its last `Arc` is dropped.

use std::os::fd::{AsFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::Arc;

use memfd::{FileSeal, MemfdOptions};
use rustix::fs::{FallocateFlags, SealFlags, fallocate, fcntl_get_seals, fstat};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

use crate::fault::PeerFault;
use crate::sync::{AtomicU64, Ordering, Words};

/// Size that a segment is rounded up to, in bytes.
pub const PAGE: usize = 4096;

/// Makes a sealed segment of at least `bytes` bytes, all zero, every page allocated. `name` shows in /proc/PID/maps.
pub fn create(name: &str, bytes: usize) -> std::io::Result<OwnedFd> {
    let size = bytes.next_multiple_of(PAGE);
    let options = MemfdOptions::default().allow_sealing(true).close_on_exec(true);
    let memfd = options.create(name).map_err(std::io::Error::other)?;
    // Allocating now turns lack of memory into an error here instead of a SIGBUS in whoever touches the page first.
    memfd.as_file().set_len(size as u64)?;
    fallocate(memfd.as_file(), FallocateFlags::empty(), 0, size as u64)?;
    memfd
        .add_seals(&[FileSeal::SealShrink, FileSeal::SealGrow, FileSeal::SealSeal])
        .map_err(std::io::Error::other)?;
    Ok(memfd.into_file().into())
}

/// Why a segment could not be mapped.
#[derive(Debug, thiserror::Error)]
pub enum MapError {
    /// The segment is not one that is safe to map.
    #[error(transparent)]
    Peer(#[from] PeerFault),
    /// The host refused.
    #[error("cannot map shared memory: {0}")]
    Host(#[from] std::io::Error),
}

/// A sealed segment in this process's memory.
#[derive(Debug)]
pub struct Mapping {
    base: NonNull<u8>,
    size: usize,
}

// SAFETY: the mapping is plain memory that belongs to no thread; all access through it is atomic or by the kernel.
unsafe impl Send for Mapping {}
// SAFETY: as for Send; shared access goes through atomics only.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps all of the segment `fd` for reading and writing, after checking its seals.
    pub fn new(fd: impl AsFd) -> Result<Arc<Self>, MapError> {
        let seals = fcntl_get_seals(&fd).map_err(|_| PeerFault::Segment("not a memfd"))?;
        if !seals.contains(SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL) {
            return Err(PeerFault::Segment("not sealed").into());
        }
        let size = fstat(&fd).map_err(std::io::Error::from)?.st_size;
        let size = usize::try_from(size).ok().filter(|s| *s > 0 && s % PAGE == 0);
        let size = size.ok_or(PeerFault::Segment("size is not a number of pages"))?;
        // SAFETY: a new mapping at an address that the kernel chooses overlaps nothing.
        let base = unsafe {
            mmap(std::ptr::null_mut(), size, ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED, &fd, 0)
        };
        let base = base.map_err(std::io::Error::from)?;
        let base = NonNull::new(base.cast()).ok_or(PeerFault::Segment("mapped at address 0"))?;
        Ok(Arc::new(Self { base, size }))
    }

    /// Length in bytes.
    pub fn size(&self) -> usize {
        self.size
    }

    /// The 64-bit word number `index`. Panics past the end: indices are computed by us, from checked sizes.
    #[inline]
    pub fn word(&self, index: usize) -> &AtomicU64 {
        assert!(index < self.size / 8, "word {index} is past the end of a segment of {} bytes", self.size);
        // SAFETY: `index * 8 + 8 <= size`, so the address is inside the mapping.
        let address = unsafe { self.base.as_ptr().add(index * 8) };
        // SAFETY: the address is in bounds, aligned to 8 as mappings start on a page, alive as long as `self`, and all
        // access by this process is atomic; what other processes do to it is a matter of values, not of validity.
        unsafe { AtomicU64::from_ptr(address.cast()) }
    }

    /// `count` words from word `index` on. Panics when they do not lie in the mapping.
    #[inline]
    pub fn run(&self, index: usize, count: usize) -> &[AtomicU64] {
        let end = index.checked_add(count);
        assert!(end.is_some_and(|end| end <= self.size / 8), "{count} words at {index} leave the segment");
        // SAFETY: the first of them is in bounds, as the last one is, or there are none.
        let first = unsafe { self.base.as_ptr().add(index * 8) };
        // SAFETY: as for a single word: in bounds, aligned, alive as long as `self`. A slice of atomics promises nothing about
        // their values, which others may change at any time.
        unsafe { std::slice::from_raw_parts(first.cast(), count) }
    }

    /// The address of `len` bytes at `offset`, for system calls. Panics when they do not lie in the mapping.
    #[inline]
    pub fn pointer(&self, offset: usize, len: usize) -> *mut u8 {
        let end = offset.checked_add(len);
        assert!(end.is_some_and(|end| end <= self.size), "{len} bytes at {offset} leave the segment");
        // SAFETY: checked on the line before.
        unsafe { self.base.as_ptr().add(offset) }
    }

    /// Copies bytes out of shared memory, a word at a time. Panics when they do not lie in the mapping.
    pub fn read(&self, offset: usize, out: &mut [u8]) {
        let mut done = 0;
        if offset.is_multiple_of(8) {
            let (chunks, _) = out.as_chunks_mut::<8>();
            let words = self.run(offset / 8, chunks.len());
            for (chunk, word) in chunks.iter_mut().zip(words) {
                *chunk = word.load(Ordering::Relaxed).to_ne_bytes();
                done += 8;
            }
        }
        while done < out.len() {
            let at = offset + done;
            let (word, skip) = (at / 8, at % 8);
            let bytes = self.word(word).load(Ordering::Relaxed).to_ne_bytes();
            let n = (8 - skip).min(out.len() - done);
            out[done..done + n].copy_from_slice(&bytes[skip..skip + n]);
            done += n;
        }
    }

    /// Copies bytes into shared memory, a word at a time; a word that is only partly covered is read and written back,
    /// so its other bytes must not be in use by anybody else. Panics when the bytes do not lie in the mapping.
    pub fn write(&self, offset: usize, bytes: &[u8]) {
        let mut done = 0;
        if offset.is_multiple_of(8) {
            // Records are made of whole words, and are written with every command.
            let (chunks, _) = bytes.as_chunks::<8>();
            for (word, chunk) in self.run(offset / 8, chunks.len()).iter().zip(chunks) {
                word.store(u64::from_ne_bytes(*chunk), Ordering::Relaxed);
                done += 8;
            }
        }
        while done < bytes.len() {
            let at = offset + done;
            let (index, skip) = (at / 8, at % 8);
            let n = (8 - skip).min(bytes.len() - done);
            let word = self.word(index);
            let mut value = if n == 8 { [0; 8] } else { word.load(Ordering::Relaxed).to_ne_bytes() };
            value[skip..skip + n].copy_from_slice(&bytes[done..done + n]);
            word.store(u64::from_ne_bytes(value), Ordering::Relaxed);
            done += n;
        }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: `base` and `size` are those of the mapping made in `new`, and no reference into it outlives `self`.
        let _ = unsafe { munmap(self.base.as_ptr().cast(), self.size) };
    }
}

/// A mapping seen as the words of a ring.
#[derive(Debug, Clone)]
pub struct SharedWords(pub Arc<Mapping>);

impl Words for SharedWords {
    #[inline]
    fn word(&self, index: usize) -> &AtomicU64 {
        self.0.word(index)
    }

    #[inline]
    fn run(&self, index: usize, count: usize) -> &[AtomicU64] {
        self.0.run(index, count)
    }
}

#[cfg(test)]
mod tests;
