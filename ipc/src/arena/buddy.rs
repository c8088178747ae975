//! Hands out blocks of an arena. Private to the transport that owns it; no peer can see or change this state.
//!
//! A buddy system: blocks of 4 KiB times a power of two, split and merged in at most 20 steps. Lists are kept in arrays
//! that are allocated once, so that taking and returning a block allocates nothing.

use crate::extent::Extent;

/// Smallest block, in bytes.
pub const UNIT: u64 = 4096;
const ORDERS: usize = 21;
const NONE: u32 = u32::MAX;

/// A block that is in use; give it back with [`Buddy::give`].
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a block that is not given back is lost"]
pub struct Block {
    unit: u32,
    order: u8,
}

impl Block {
    /// Where it begins, in units of [`UNIT`], and the power of two of its length in those.
    pub fn place(&self) -> (u32, u8) {
        (self.unit, self.order)
    }

    /// Offset in the arena, in bytes.
    pub fn offset(&self) -> u64 {
        u64::from(self.unit) * UNIT
    }

    /// Length in bytes.
    pub fn bytes(&self) -> u64 {
        UNIT << self.order
    }

    /// The part of `len` bytes that starts `skip` bytes in, as an extent of arena `arena`. Panics past the block.
    pub fn extent(&self, arena: u32, skip: u64, len: u32) -> Extent {
        assert!(skip + u64::from(len) <= self.bytes(), "{len} bytes at {skip} leave the block");
        Extent { arena, len, offset: self.offset() + skip }
    }
}

#[derive(Clone, Copy)]
struct Node {
    prev: u32,
    next: u32,
    /// Order of the free block that starts here; `FREE_NOT` if none does.
    free: u8,
}

const FREE_NOT: u8 = u8::MAX;

/// The free blocks of an arena.
pub struct Buddy {
    nodes: Vec<Node>,
    heads: [u32; ORDERS],
    free_bytes: u64,
}

impl Buddy {
    /// An arena of `bytes` bytes, all free; a rest smaller than 4 KiB is not used.
    pub fn new(bytes: u64) -> Self {
        let units = u32::try_from(bytes / UNIT).unwrap_or(NONE - 1);
        let nodes = vec![Node { prev: NONE, next: NONE, free: FREE_NOT }; units as usize];
        let mut buddy = Self { nodes, heads: [NONE; ORDERS], free_bytes: 0 };
        let mut unit = 0;
        while unit < units {
            let largest = (ORDERS as u32 - 1).min((units - unit).ilog2());
            let aligned = if unit == 0 { largest } else { largest.min(unit.trailing_zeros()) };
            buddy.insert(unit, aligned as u8);
            unit += 1 << aligned;
        }
        buddy
    }

    /// Bytes that are free, in pieces of whatever size.
    pub fn free_bytes(&self) -> u64 {
        self.free_bytes
    }

    /// Takes a block of at least `bytes` bytes, or none if there is none in one piece.
    pub fn take(&mut self, bytes: u64) -> Option<Block> {
        let units = bytes.div_ceil(UNIT).max(1).checked_next_power_of_two()?;
        let order = units.ilog2() as usize;
        let found = (order..ORDERS).find(|order| self.heads[*order] != NONE)?;
        let unit = self.heads[found];
        self.remove(unit);
        for half in (order..found).rev() {
            self.insert(unit + (1 << half), half as u8);
        }
        Some(Block { unit, order: order as u8 })
    }

    /// Takes the block at a [`Block::place`], if all of it is free and such a block can be: one that a former incarnation
    /// had.
    pub fn take_at(&mut self, unit: u32, order: u8) -> Option<Block> {
        let length = 1u32.checked_shl(order.into()).filter(|_| usize::from(order) < ORDERS)?;
        if !unit.is_multiple_of(length) || unit.checked_add(length)? as usize > self.nodes.len() {
            return None;
        }
        // The free block that it lies in is the only one that begins at a multiple of its own length there.
        let found = (order..ORDERS as u8).find(|wider| {
            let start = unit & !((1 << wider) - 1);
            self.nodes.get(start as usize).is_some_and(|node| node.free == *wider)
        })?;
        let mut start = unit & !((1 << found) - 1);
        self.remove(start);
        for half in (order..found).rev() {
            // The half that is not wanted stays free.
            let upper = start + (1 << half);
            if unit >= upper {
                self.insert(start, half);
                start = upper;
            } else {
                self.insert(upper, half);
            }
        }
        Some(Block { unit, order })
    }

    /// Takes at most `most` blocks that together have at least `bytes` bytes, largest first, pushed onto `into`.
    /// Takes nothing and returns false if that cannot be had.
    pub fn take_pieces(&mut self, bytes: u64, most: usize, into: &mut Vec<Block>) -> bool {
        let start = into.len();
        let mut rest = bytes;
        while rest > 0 && into.len() - start < most {
            let block = self.take(rest).or_else(|| {
                let below = rest.div_ceil(UNIT).next_power_of_two() / 2;
                (0..=below.max(1).ilog2()).rev().find_map(|order| self.take(UNIT << order))
            });
            let Some(block) = block else { break };
            rest = rest.saturating_sub(block.bytes());
            into.push(block);
        }
        if rest > 0 {
            for block in into.drain(start..) {
                self.give(block);
            }
        }
        rest == 0
    }

    /// Takes a block back. Panics if it is free already: then our own bookkeeping is broken.
    pub fn give(&mut self, block: Block) {
        let Block { mut unit, mut order } = block;
        assert_eq!(self.nodes[unit as usize].free, FREE_NOT, "block {unit} was given back twice");
        while usize::from(order) + 1 < ORDERS {
            let buddy = unit ^ (1 << order);
            if self.nodes.get(buddy as usize).is_none_or(|node| node.free != order) {
                break;
            }
            self.remove(buddy);
            unit &= !(1 << order);
            order += 1;
        }
        self.insert(unit, order);
    }

    fn insert(&mut self, unit: u32, order: u8) {
        let head = self.heads[usize::from(order)];
        self.nodes[unit as usize] = Node { prev: NONE, next: head, free: order };
        if head != NONE {
            self.nodes[head as usize].prev = unit;
        }
        self.heads[usize::from(order)] = unit;
        self.free_bytes += UNIT << order;
    }

    fn remove(&mut self, unit: u32) {
        let Node { prev, next, free } = self.nodes[unit as usize];
        if prev == NONE {
            self.heads[usize::from(free)] = next;
        } else {
            self.nodes[prev as usize].next = next;
        }
        if next != NONE {
            self.nodes[next as usize].prev = prev;
        }
        self.nodes[unit as usize].free = FREE_NOT;
        self.free_bytes -= UNIT << free;
    }
}

#[cfg(test)]
mod tests;
