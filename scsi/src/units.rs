//! Units of a medium as types: logical block addresses, counts of blocks, counts of bytes, and the size of a block.
//!
//! A CDB can carry any 64-bit LBA, so every sum and product here is checked: there is no operator that can wrap.
//! Next: [`crate::device_info`] says how many blocks a unit has, [`crate::command`] decodes into these types.

use std::fmt;

/// A logical block address (SBC-3 4.5). The first block of a unit is `Lba(0)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Lba(pub u64);

/// A number of logical blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Blocks(pub u64);

/// A number of bytes, or a position in a medium counted in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Bytes(pub u64);

/// The length of a logical block in bytes: a power of two from 512 to 65536.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlockSize(u32);

/// A block size that is not offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a block size of {0} bytes is not possible: it must be a power of two from 512 to 65536")]
pub struct BlockSizeError(pub u32);

impl Lba {
    /// The address `count` blocks further on; `None` past 2^64 - 1.
    pub fn checked_add(self, count: Blocks) -> Option<Self> {
        self.0.checked_add(count.0).map(Self)
    }

    /// Where this block starts, in bytes from the start of the medium; `None` past 2^64 - 1.
    pub fn checked_offset(self, size: BlockSize) -> Option<Bytes> {
        self.0.checked_mul(u64::from(size.0)).map(Bytes)
    }
}

impl Blocks {
    /// The sum; `None` past 2^64 - 1.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// The difference; `None` if it would be negative.
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// The bytes that so many blocks hold; `None` past 2^64 - 1.
    pub fn checked_bytes(self, size: BlockSize) -> Option<Bytes> {
        self.0.checked_mul(u64::from(size.0)).map(Bytes)
    }
}

impl Bytes {
    /// The sum; `None` past 2^64 - 1.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// The difference; `None` if it would be negative.
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// How many whole blocks fit. A rest smaller than a block does not count.
    pub fn whole_blocks(self, size: BlockSize) -> Blocks {
        Blocks(self.0 / u64::from(size.0))
    }
}

impl BlockSize {
    /// 512 bytes, which every initiator understands.
    pub const DEFAULT: Self = Self(512);

    /// Checks that `bytes` is a power of two from 512 to 65536.
    pub fn new(bytes: u32) -> Result<Self, BlockSizeError> {
        if bytes.is_power_of_two() && (512..=65536).contains(&bytes) {
            Ok(Self(bytes))
        } else {
            Err(BlockSizeError(bytes))
        }
    }

    /// The size in bytes.
    pub fn get(self) -> u32 {
        self.0
    }
}

impl fmt::Display for Lba {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LBA {}", self.0)
    }
}

impl fmt::Display for Blocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} blocks", self.0)
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0)
    }
}

#[cfg(test)]
mod tests;
