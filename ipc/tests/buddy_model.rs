//! The buddy allocator against a map of units: blocks never overlap, what is free can be had, what is given back merges,
//! and pieces come all or not at all.

use ipc::arena::buddy::{Block, Buddy, UNIT};
use proptest::prelude::*;

#[derive(Debug, Clone, Copy)]
enum Step {
    Take(u64),
    Pieces(u64, usize),
    Give(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let bytes = || prop_oneof![0..=UNIT * 3, 0..=UNIT * 200, any::<u64>()];
    prop_oneof![
        4 => bytes().prop_map(Step::Take),
        2 => (bytes(), 0..6usize).prop_map(|(bytes, most)| Step::Pieces(bytes, most)),
        6 => any::<usize>().prop_map(Step::Give),
    ]
}

struct Model {
    used: Vec<bool>,
    taken: Vec<Block>,
}

impl Model {
    /// Sizes in units of the largest aligned free blocks, largest first.
    fn free_blocks(&self) -> Vec<u64> {
        let (mut blocks, mut unit) = (Vec::new(), 0);
        while unit < self.used.len() {
            let fits = |order: &u32| {
                let size = 1usize << order;
                unit.is_multiple_of(size)
                    && self.used.get(unit..unit + size).is_some_and(|run| run.iter().all(|used| !used))
            };
            match (0..=20).rev().find(fits) {
                Some(order) => {
                    blocks.push(1 << order);
                    unit += 1 << order;
                }
                None => unit += 1,
            }
        }
        blocks.sort_unstable_by(|a, b| b.cmp(a));
        blocks
    }

    fn mark(&mut self, block: &Block, used: bool) {
        let first = (block.offset() / UNIT) as usize;
        for unit in first..first + (block.bytes() / UNIT) as usize {
            assert_ne!(self.used[unit], used, "unit {unit}");
            self.used[unit] = used;
        }
    }

    fn apply(&mut self, step: Step, buddy: &mut Buddy) {
        let free = self.free_blocks();
        match step {
            Step::Take(bytes) => {
                let can = free.first().is_some_and(|largest| largest * UNIT >= bytes);
                let block = buddy.take(bytes);
                assert_eq!(block.is_some(), can, "{bytes} of {free:?}");
                if let Some(block) = block {
                    assert!(block.bytes() >= bytes && block.bytes() < (2 * bytes).max(UNIT + 1));
                    self.mark(&block, true);
                    self.taken.push(block);
                }
            }
            Step::Pieces(bytes, most) => {
                let can = free.iter().take(most).sum::<u64>() * UNIT >= bytes;
                let before = self.taken.len();
                assert_eq!(buddy.take_pieces(bytes, most, &mut self.taken), can, "{bytes} of {free:?}");
                let new = self.taken.split_off(before);
                assert!(new.len() <= most && (can || new.is_empty()));
                assert!(!can || new.iter().map(Block::bytes).sum::<u64>() >= bytes);
                for block in &new {
                    self.mark(block, true);
                }
                self.taken.extend(new);
            }
            Step::Give(which) if !self.taken.is_empty() => {
                let block = self.taken.swap_remove(which % self.taken.len());
                self.mark(&block, false);
                buddy.give(block);
            }
            Step::Give(_) => {}
        }
        let free = self.used.iter().filter(|used| !**used).count() as u64;
        assert_eq!(buddy.free_bytes(), free * UNIT);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn buddy_does_what_a_map_of_units_does(
        units in 0..300usize,
        steps in proptest::collection::vec(step(), 0..200),
    ) {
        let mut buddy = Buddy::new(units as u64 * UNIT + 17);
        let mut model = Model { used: vec![false; units], taken: Vec::new() };
        let fresh = model.free_blocks();
        for step in steps {
            model.apply(step, &mut buddy);
        }
        for block in std::mem::take(&mut model.taken) {
            model.mark(&block, false);
            buddy.give(block);
        }
        // Everything has merged: exactly the blocks of a fresh arena can be had again.
        for units in fresh {
            let block = buddy.take(units * UNIT);
            prop_assert!(block.is_some_and(|block| block.bytes() == units * UNIT));
        }
        prop_assert_eq!(buddy.free_bytes(), 0);
    }
}
