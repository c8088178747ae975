//! Commands on a range of blocks: READ, WRITE and SYNCHRONIZE CACHE in all their lengths, one shape each.
//!
//! Whether the range exists depends on the unit: [`crate::device_info::DeviceInfo::check_transfer`].

use crate::cdb::Cdb;
use crate::sense::Sense;
use crate::units::{BlockSize, Blocks, Bytes, Lba};

/// The fields of a READ or WRITE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadWrite {
    /// LOGICAL BLOCK ADDRESS.
    pub lba: Lba,
    /// TRANSFER LENGTH. Zero is no error and moves nothing (READ(6) and WRITE(6) say 256 with a zero).
    pub blocks: Blocks,
    /// DPO: not worth keeping in a cache.
    pub dpo: bool,
    /// FUA: from, or onto, the medium before status. FUA_NV (obsolete) counts as FUA, the stronger of the two.
    pub fua: bool,
    /// GROUP NUMBER: a hint that groups commands for statistics.
    pub group: u8,
}

impl ReadWrite {
    /// The bytes that move; `None` past 2^64 - 1.
    pub fn bytes(&self, size: BlockSize) -> Option<Bytes> {
        self.blocks.checked_bytes(size)
    }

    pub(super) fn decode_6(cdb: &Cdb) -> Self {
        let blocks = match cdb.u8(4) {
            0 => 256,
            n => u64::from(n),
        };
        Self {
            lba: Lba(u64::from(cdb.u32(0) & 0x001F_FFFF)),
            blocks: Blocks(blocks),
            dpo: false,
            fua: false,
            group: 0,
        }
    }

    pub(super) fn decode_10(cdb: &Cdb) -> Result<Self, Sense> {
        Self::decode_long(cdb, u64::from(cdb.u32(2)), u32::from(cdb.u16(7)), cdb.u8(6))
    }

    pub(super) fn decode_12(cdb: &Cdb) -> Result<Self, Sense> {
        Self::decode_long(cdb, u64::from(cdb.u32(2)), cdb.u32(6), cdb.u8(10))
    }

    pub(super) fn decode_16(cdb: &Cdb) -> Result<Self, Sense> {
        Self::decode_long(cdb, cdb.u64(2), cdb.u32(10), cdb.u8(14))
    }

    /// Byte 1 is the same in all but the shortest. RDPROTECT and WRPROTECT must be zero, for no unit has protection
    /// information (SBC-3 5.11: otherwise the command ends with INVALID FIELD IN CDB).
    fn decode_long(cdb: &Cdb, lba: u64, blocks: u32, group: u8) -> Result<Self, Sense> {
        if cdb.u8(1) & 0xE0 != 0 {
            return Err(Sense::invalid_field_in_cdb(1, Some(7)));
        }
        Ok(Self {
            lba: Lba(lba),
            blocks: Blocks(u64::from(blocks)),
            dpo: cdb.bit(1, 4),
            fua: cdb.bit(1, 3) || cdb.bit(1, 1),
            group: group & 0x1F,
        })
    }
}

/// The fields of SYNCHRONIZE CACHE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SynchronizeCache {
    /// LOGICAL BLOCK ADDRESS.
    pub lba: Lba,
    /// NUMBER OF LOGICAL BLOCKS; zero means all from `lba` on.
    pub blocks: Blocks,
    /// IMMED: answer as soon as the CDB has been checked.
    pub immed: bool,
}

impl SynchronizeCache {
    pub(super) fn decode_10(cdb: &Cdb) -> Self {
        Self { lba: Lba(u64::from(cdb.u32(2))), blocks: Blocks(u64::from(cdb.u16(7))), immed: cdb.bit(1, 1) }
    }

    pub(super) fn decode_16(cdb: &Cdb) -> Self {
        Self { lba: Lba(cdb.u64(2)), blocks: Blocks(u64::from(cdb.u32(10))), immed: cdb.bit(1, 1) }
    }
}
