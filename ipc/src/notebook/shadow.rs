//! Pages that are changed in two places at once: what changes with every command is written beside what holds, and
//! becomes valid by one word.
//!
//! The owner divides the segment itself. Of everything that changes it keeps two versions, each with a *tag*, a number
//! that rises; which tag counts is the owner's to say, so that many records can become valid with one. [`Shadow::begin`]
//! takes the older version back, [`Shadow::write`] fills it in, and [`Shadow::commit`] stores the tag last. A process
//! that dies at any instant leaves either version, never a mixture. No system call, lock or allocation is in any of it.
//!
//! There is no checksum: it would cost more than the record. That a version is whole follows from the order of the stores,
//! which the death of a process does not change; that it makes sense is the reader's to validate, as if an enemy had written
//! it. [`Shadow::arena`] names places of the segment to the kernel, which receives into them.

use std::os::fd::AsFd;
use std::sync::Arc;

use crate::arena::Arena;
use crate::shm::{MapError, Mapping};
use crate::sync::{Ordering, fence};

/// The number under which the segment is an arena of its owner: no service has it.
const OWN: u32 = u32::MAX;

/// A segment with two versions of what changes. Offsets are in bytes, those of tags multiples of 8; all panic past its end.
#[derive(Debug)]
pub struct Shadow {
    map: Arc<Mapping>,
    arena: Arena,
}

impl Shadow {
    /// Maps the segment.
    ///
    /// # Errors
    /// It is not one that can be mapped.
    pub fn new(fd: impl AsFd) -> Result<Self, MapError> {
        let map = Mapping::new(fd)?;
        Ok(Self { arena: Arena::over(OWN, map.clone()), map })
    }

    /// Bytes of the segment.
    pub fn size(&self) -> usize {
        self.map.size()
    }

    /// The segment, for system calls.
    pub fn arena(&self) -> &Arena {
        &self.arena
    }

    /// The tag at `at`; what it vouches for can be read after this.
    pub fn tag(&self, at: usize) -> u64 {
        self.map.word(at / 8).load(Ordering::Acquire)
    }

    /// Takes the version with the tag at `at` back: from here on it is none, whatever is written to it.
    #[inline]
    pub fn begin(&self, at: usize) {
        self.map.word(at / 8).store(0, Ordering::Relaxed);
        // Stores that follow do not go before that one.
        fence(Ordering::Release);
    }

    /// Writes bytes.
    #[inline]
    pub fn write(&self, at: usize, bytes: &[u8]) {
        self.map.write(at, bytes);
    }

    /// Reads bytes.
    pub fn read(&self, at: usize, out: &mut [u8]) {
        self.map.read(at, out);
    }

    /// Stores a tag, after everything that was written before.
    #[inline]
    pub fn commit(&self, at: usize, tag: u64) {
        self.map.word(at / 8).store(tag, Ordering::Release);
    }
}
