//! What a medium may hold: of each slot, which version was promised, which was acknowledged, and which was sent last.

use super::slots::{BLOCK, Slots};
use crate::random::Random;

/// The versions of one slot; each is as old as the next one at most.
#[derive(Debug, Clone, Copy, Default)]
struct Versions {
    promised: u32,
    acknowledged: u32,
    sent: u32,
}

/// A medium's.
#[derive(Debug)]
pub struct Ledger {
    slots: Slots,
    versions: Vec<Versions>,
}

impl Ledger {
    /// Of a medium of `mib` MiB that is all zeros.
    pub fn new(mib: u64, seed: u64) -> Self {
        let slots = Slots::new(mib, 0, seed);
        let versions = vec![Versions::default(); slots.count()];
        Self { slots, versions }
    }

    /// How many slots there are.
    pub fn count(&self) -> usize {
        self.versions.len()
    }

    /// The first block of one.
    pub fn lba(&self, slot: usize) -> u64 {
        self.slots.get(slot).lba
    }

    /// The length of one.
    pub fn bytes(&self, slot: usize) -> usize {
        self.slots.get(slot).blocks as usize * BLOCK
    }

    /// One, for people.
    pub fn name(&self, slot: usize) -> String {
        format!("{} bytes at block {}, {:?}", self.bytes(slot), self.lba(slot), self.versions[slot])
    }

    /// Chooses a slot that nobody is writing, and what is written next there.
    pub fn write_somewhere(&mut self, random: &mut Random) -> (usize, Vec<u8>) {
        let slot = self.slots.choose(random);
        self.versions[slot].sent += 1;
        (slot, self.slots.pattern(slot, self.versions[slot].sent))
    }

    /// A write was acknowledged, and `promised` is that it lasts.
    pub fn written(&mut self, slot: usize, promised: bool) {
        self.slots.slot(slot).busy = false;
        let versions = &mut self.versions[slot];
        versions.acknowledged = versions.sent;
        if promised {
            versions.promised = versions.sent;
        }
    }

    /// What is acknowledged by now: what a flush promises that is sent now.
    pub fn acknowledged(&self) -> Vec<u32> {
        self.versions.iter().map(|versions| versions.acknowledged).collect()
    }

    /// A flush was acknowledged.
    pub fn flushed(&mut self, acknowledged: &[u32]) {
        for (versions, flushed) in self.versions.iter_mut().zip(acknowledged) {
            versions.promised = versions.promised.max(*flushed);
        }
    }

    /// Everybody who wrote is dead.
    pub fn nobody_writes(&mut self) {
        for slot in 0..self.count() {
            self.slots.slot(slot).busy = false;
        }
    }

    /// The blocks of a slot that are older than what was promised, or something else altogether.
    pub fn not_since_promise(&self, slot: usize, found: &[u8]) -> Vec<usize> {
        self.not_of(slot, self.versions[slot].promised, found)
    }

    /// The same for what was acknowledged.
    pub fn not_since_answer(&self, slot: usize, found: &[u8]) -> Vec<usize> {
        self.not_of(slot, self.versions[slot].acknowledged, found)
    }

    /// A write that nobody acknowledged may have come as far as it likes, so each block is looked at by itself.
    fn not_of(&self, slot: usize, oldest: u32, found: &[u8]) -> Vec<usize> {
        let mut wrong: Vec<usize> = (0..self.bytes(slot) / BLOCK).collect();
        // From the newest on: it is nearly always that.
        for version in (oldest..=self.versions[slot].sent).rev() {
            if wrong.is_empty() {
                break;
            }
            let right = self.slots.pattern(slot, version);
            wrong.retain(|block| {
                let range = block * BLOCK..(block + 1) * BLOCK;
                found.get(range.clone()) != Some(&right[range])
            });
        }
        wrong
    }
}

#[cfg(test)]
mod tests {
    use super::{BLOCK, Ledger};
    use crate::random::Random;

    #[test]
    fn older_than_promised_is_wrong_and_newer_is_not() {
        let (mut ledger, mut random) = (Ledger::new(1, 7), Random::new(7));
        let (slot, first) = ledger.write_somewhere(&mut random);
        ledger.written(slot, true);
        let zeros = vec![0; first.len()];
        let blocks: Vec<usize> = (0..first.len() / BLOCK).collect();
        assert_eq!(ledger.not_since_promise(slot, &zeros), blocks);
        assert!(ledger.not_since_promise(slot, &first).is_empty());
        // The next version is acknowledged and not promised: the medium may have either.
        let second = loop {
            let (other, data) = ledger.write_somewhere(&mut random);
            ledger.written(other, false);
            if other == slot {
                break data;
            }
        };
        assert!(ledger.not_since_promise(slot, &first).is_empty());
        assert!(ledger.not_since_promise(slot, &second).is_empty());
        assert_eq!(ledger.not_since_answer(slot, &first), blocks);
        ledger.flushed(&ledger.acknowledged());
        assert_eq!(ledger.not_since_promise(slot, &first), blocks);
    }
}
