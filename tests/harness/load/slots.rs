//! The parts of a unit that a load works on, and what each must hold: a pattern made of the seed, the slot and how often
//! it was written, so that bytes of another place or another time are recognized.

use crate::random::{Random, mix};

/// Bytes of a block of the units under load.
pub const BLOCK: usize = 512;

/// Sizes of the slots in blocks, over and over: 4, 512, 8, 64, 16 and 128 KiB, half a KiB, and one that is no power of two.
const SIZES: [u32; 8] = [8, 1, 16, 128, 32, 256, 1, 13];

/// One part of the unit.
#[derive(Debug, Clone)]
pub struct Slot {
    /// Its first block.
    pub lba: u64,
    /// Its length in blocks.
    pub blocks: u32,
    /// How often it was written; 0 means zeros.
    pub version: u32,
    /// A command works on it.
    pub busy: bool,
}

/// All parts of a unit.
#[derive(Debug, Clone)]
pub struct Slots {
    seed: u64,
    slots: Vec<Slot>,
    /// The slot before the next one, for those who go in order.
    last: usize,
}

impl Slots {
    /// Divides the first `mib` MiB into slots of `blocks` blocks, or of several sizes if that is 0.
    pub fn new(mib: u64, blocks: u32, seed: u64) -> Self {
        let (mut lba, mut slots) = (0, Vec::new());
        let sizes = if blocks == 0 { SIZES } else { [blocks; SIZES.len()] };
        for size in sizes.into_iter().cycle() {
            if lba + u64::from(size) > mib << 11 {
                break;
            }
            slots.push(Slot { lba, blocks: size, version: 0, busy: false });
            lba += u64::from(size);
        }
        Self { seed, slots, last: 0 }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.slots.len()
    }

    /// One of them, to be looked at.
    pub fn get(&self, index: usize) -> &Slot {
        &self.slots[index]
    }

    /// One of them.
    pub fn slot(&mut self, index: usize) -> &mut Slot {
        &mut self.slots[index]
    }

    /// One of those that are not busy; there must be more slots than commands.
    pub fn choose(&mut self, random: &mut Random) -> usize {
        loop {
            let index = random.between(0, self.slots.len() as u64) as usize;
            if !self.slots[index].busy {
                self.slots[index].busy = true;
                return index;
            }
        }
    }

    /// The next one in order that is not busy; there must be more slots than commands.
    pub fn next_free(&mut self) -> usize {
        loop {
            self.last = (self.last + 1) % self.slots.len();
            if !self.slots[self.last].busy {
                self.slots[self.last].busy = true;
                return self.last;
            }
        }
    }

    /// What a slot holds once it was written `version` times.
    pub fn pattern(&self, index: usize, version: u32) -> Vec<u8> {
        let length = self.slots[index].blocks as usize * BLOCK;
        if version == 0 {
            return vec![0; length];
        }
        let key = mix(self.seed ^ (index as u64) << 32 ^ u64::from(version));
        (0..length as u64 / 8).flat_map(|word| (key ^ mix(word)).to_le_bytes()).collect()
    }

    /// How many bytes of `data` are not what the slot must hold.
    pub fn wrong(&self, index: usize, data: &[u8]) -> u64 {
        let right = self.pattern(index, self.slots[index].version);
        let differ = right.iter().zip(data).filter(|(right, found)| right != found).count();
        (differ + right.len().abs_diff(data.len())) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::Slots;

    #[test]
    fn pattern_of_another_slot_or_version_is_wrong() {
        let mut slots = Slots::new(1, 0, 7);
        slots.slot(0).version = 2;
        assert_eq!(slots.wrong(0, &slots.pattern(0, 2)), 0);
        assert!(slots.wrong(0, &slots.pattern(0, 1)) > 4000);
        assert!(slots.wrong(0, &slots.pattern(2, 2)) > 4000);
        assert_eq!(slots.wrong(1, &[0; 512]), 0);
        assert_eq!(slots.wrong(1, &[0; 500]), 12);
    }
}
