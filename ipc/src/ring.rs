//! A ring of fixed-size records between one producer and one consumer that do not trust each other.
//!
//! Each side keeps its own cursor in private memory; the word in shared memory is only the published copy. What the
//! other side published is a hint: it is checked against the private cursor and can at worst end the link
//! ([`PeerFault`]). Indices count records since the ring was made and never wrap in practice (64 bits).
//!
//! ```text
//! word  0   produced   written by the producer: records published
//! word 16   consumed   written by the consumer: records whose slots are free again
//! word 32   asleep     written by the consumer: 0 awake, else the number of this sleep
//! word 48   slots      capacity x N words
//! ```
//! Every index has a 128-byte line of its own, because CPUs prefetch lines in pairs.
//!
//! SYNC POINT pairs, named at both ends:
//! - A: the producer's Release of `produced` with the consumer's Acquire: slot contents.
//! - B: the consumer's Release of `consumed` with the producer's Acquire: the slot may be overwritten.
//! - C: store, fence, load on both sides, over `asleep` and `produced`: either the consumer sees the record and stays
//!   awake, or the producer sees the sleep and rings. A sleep is numbered, so that one sleep is rung for once.
//!
//! Ringing itself is the caller's ([`crate::doorbell`]); this file has no system calls and is model-checked with loom.

use crate::fault::PeerFault;
use crate::sync::{AtomicU64, Ordering, Words, fence};

const LINE: usize = 16;
const PRODUCED: usize = 0;
const CONSUMED: usize = LINE;
const ASLEEP: usize = 2 * LINE;
const SLOTS: usize = 3 * LINE;

/// Words that a ring of `capacity` records of `record` words takes.
pub const fn words(capacity: usize, record: usize) -> usize {
    SLOTS + capacity * record
}

/// A window of [`Words`] that holds one ring of records of `N` words.
struct Frame<W, const N: usize> {
    words: W,
    base: usize,
    capacity: u64,
}

impl<W: Words, const N: usize> Frame<W, N> {
    fn new(words: W, base: usize, capacity: usize) -> Self {
        assert!(capacity.is_power_of_two(), "ring capacity is a power of two");
        Self { words, base, capacity: capacity as u64 }
    }
    fn word(&self, offset: usize) -> &AtomicU64 {
        self.words.word(self.base + offset)
    }
    fn record(&self, slot: usize) -> &[AtomicU64] {
        self.words.run(self.base + slot, N)
    }
    fn slot(&self, index: u64) -> usize {
        SLOTS + (index & (self.capacity - 1)) as usize * N
    }
}

/// The writing end. Only a producer can push.
pub struct Producer<W, const N: usize> {
    frame: Frame<W, N>,
    tail: u64,
    published: u64,
    head: u64,
    rung: u64,
}

/// Why a record was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PushError {
    /// Every slot is in use; nothing was written.
    Full,
    /// The consumer published an impossible index.
    Peer(PeerFault),
}

impl<W: Words, const N: usize> Producer<W, N> {
    /// The producer of a fresh (all zero) ring of `capacity` records, a power of two, at word `base` of `words`.
    pub fn new(words: W, base: usize, capacity: usize) -> Self {
        Self { frame: Frame::new(words, base, capacity), tail: 0, published: 0, head: 0, rung: 0 }
    }

    /// Writes one record; the consumer sees it after [`publish`](Self::publish).
    #[inline]
    pub fn push(&mut self, record: &[u64; N]) -> Result<(), PushError> {
        if self.tail - self.head == self.frame.capacity {
            self.refresh().map_err(PushError::Peer)?;
            if self.tail - self.head == self.frame.capacity {
                return Err(PushError::Full);
            }
        }
        let slot = self.frame.slot(self.tail);
        for (word, value) in self.frame.record(slot).iter().zip(record) {
            word.store(*value, Ordering::Relaxed);
        }
        self.tail += 1;
        Ok(())
    }

    /// Looks how far the consumer has come. SYNC POINT B.
    fn refresh(&mut self) -> Result<(), PeerFault> {
        let claimed = self.frame.word(CONSUMED).load(Ordering::Acquire);
        let limit = self.published - self.head;
        if claimed.wrapping_sub(self.head) > limit {
            return Err(PeerFault::RingIndex { claimed, base: self.head, limit });
        }
        self.head = claimed;
        Ok(())
    }

    /// Makes all pushed records visible at once. Returns whether the consumer sleeps and its bell has to be rung.
    #[inline]
    #[must_use = "a sleeping consumer has to be woken"]
    pub fn publish(&mut self) -> bool {
        if self.published == self.tail {
            return false;
        }
        self.published = self.tail;
        // SYNC POINT A, then C: the store of `produced` and the load of `asleep` must not change places.
        self.frame.word(PRODUCED).store(self.tail, Ordering::Release);
        fence(Ordering::SeqCst);
        let asleep = self.frame.word(ASLEEP).load(Ordering::Relaxed);
        let ring = asleep != 0 && asleep != self.rung;
        self.rung = asleep;
        ring
    }

    /// Records that are pushed and not yet consumed, as far as this end has looked.
    pub fn in_use(&self) -> u64 {
        self.tail - self.head
    }

    /// Records whose slots the consumer has given back since the ring was made. Looks how far it has come.
    pub fn taken(&mut self) -> Result<u64, PeerFault> {
        self.refresh()?;
        Ok(self.head)
    }

    /// Records that can be pushed now. Looks how far the consumer has come.
    pub fn room(&mut self) -> Result<u64, PeerFault> {
        self.refresh()?;
        Ok(self.frame.capacity - self.in_use())
    }
}

/// The reading end. Only a consumer can pop.
pub struct Consumer<W, const N: usize> {
    frame: Frame<W, N>,
    head: u64,
    released: u64,
    tail: u64,
    sleeps: u64,
}

impl<W: Words, const N: usize> Consumer<W, N> {
    /// The consumer of a fresh (all zero) ring of `capacity` records, a power of two, at word `base` of `words`.
    pub fn new(words: W, base: usize, capacity: usize) -> Self {
        Self { frame: Frame::new(words, base, capacity), head: 0, released: 0, tail: 0, sleeps: 0 }
    }

    /// Takes the oldest record, copied out by value. Its slot is given back at the next [`release`](Self::release).
    #[inline]
    pub fn pop(&mut self) -> Result<Option<[u64; N]>, PeerFault> {
        if self.head == self.tail && !self.refresh()? {
            return Ok(None);
        }
        let slot = self.frame.slot(self.head);
        let mut record = [0; N];
        for (value, word) in record.iter_mut().zip(self.frame.record(slot)) {
            *value = word.load(Ordering::Relaxed);
        }
        self.head += 1;
        Ok(Some(record))
    }

    /// Looks what the producer has published; true if there is something. SYNC POINT A.
    fn refresh(&mut self) -> Result<bool, PeerFault> {
        let claimed = self.frame.word(PRODUCED).load(Ordering::Acquire);
        if claimed == self.tail {
            return Ok(false);
        }
        // The slots that are not given back yet are still the consumer's, so the producer cannot be past them.
        let limit = self.frame.capacity - (self.head - self.released);
        if claimed.wrapping_sub(self.head) > limit {
            return Err(PeerFault::RingIndex { claimed, base: self.head, limit });
        }
        self.tail = claimed;
        Ok(true)
    }

    /// Gives the slots of all popped records back to the producer. SYNC POINT B.
    #[inline]
    pub fn release(&mut self) {
        if self.released != self.head {
            self.released = self.head;
            self.frame.word(CONSUMED).store(self.head, Ordering::Release);
        }
    }

    /// Announces that this end is going to sleep. Returns false, and takes the word back, if there is work after all.
    /// Gives popped slots back: a producer that waits for room has nobody else to wake it.
    #[must_use = "sleeping without asking loses wake-ups"]
    pub fn arm(&mut self) -> bool {
        self.release();
        self.sleeps += 1;
        // SYNC POINT C: the store of `asleep` and the load of `produced` must not change places.
        self.frame.word(ASLEEP).store(self.sleeps, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        if self.frame.word(PRODUCED).load(Ordering::Acquire) == self.head {
            return true;
        }
        self.disarm();
        false
    }

    /// Says that this end is awake again: no bell is needed until the next [`arm`](Self::arm).
    pub fn disarm(&mut self) {
        self.frame.word(ASLEEP).store(0, Ordering::Relaxed);
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
