//! Commands on a range of blocks that do more than move them: VERIFY, WRITE SAME, WRITE ATOMIC, UNMAP, PRE-FETCH, GET LBA
//! STATUS.
//!
//! Whether the range exists, and the limits of a unit, are checked by [`crate::device_info`] and the executor.

use super::ReadWrite;
use crate::cdb::Cdb;
use crate::sense::Sense;
use crate::units::{Blocks, Lba};

/// BYTCHK: what a VERIFY compares the medium with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ByteCheck {
    /// 00b: with nothing; it only has to be readable.
    None,
    /// 01b: each block with its own block of the data-out.
    Each,
    /// 11b: each block with the one block of the data-out.
    Same,
}

/// The fields of VERIFY and of WRITE AND VERIFY.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verify {
    /// The blocks.
    pub range: ReadWrite,
    /// BYTCHK.
    pub check: ByteCheck,
}

/// VRPROTECT and WRPROTECT must be zero: no unit has protection information.
fn refuse_protection(cdb: &Cdb) -> Result<(), Sense> {
    if cdb.u8(1) & 0xE0 == 0 { Ok(()) } else { Err(Sense::invalid_field_in_cdb(1, Some(7))) }
}

impl Verify {
    /// The lengths and places of VERIFY are those of READ with as many bytes; only byte 1 differs.
    fn decode(cdb: &Cdb, same: bool) -> Result<Self, Sense> {
        refuse_protection(cdb)?;
        let (lba, blocks, group) = match cdb.as_slice().len() {
            10 => (u64::from(cdb.u32(2)), u32::from(cdb.u16(7)), cdb.u8(6)),
            12 => (u64::from(cdb.u32(2)), cdb.u32(6), cdb.u8(10)),
            _ => (cdb.u64(2), cdb.u32(10), cdb.u8(14)),
        };
        let check = match cdb.u8(1) >> 1 & 0b11 {
            0b00 => ByteCheck::None,
            0b01 => ByteCheck::Each,
            0b11 if same => ByteCheck::Same,
            _ => return Err(Sense::invalid_field_in_cdb(1, Some(2))),
        };
        let (lba, blocks) = (Lba(lba), Blocks(u64::from(blocks)));
        let range = ReadWrite { lba, blocks, dpo: cdb.bit(1, 4), fua: false, group: group & 0x1F };
        Ok(Self { range, check })
    }

    pub(super) fn decode_verify(cdb: &Cdb) -> Result<Self, Sense> {
        Self::decode(cdb, true)
    }

    /// WRITE AND VERIFY has data for every block, so that BYTCHK 11b means nothing.
    pub(super) fn decode_write(cdb: &Cdb) -> Result<Self, Sense> {
        Self::decode(cdb, false)
    }
}

/// The fields of WRITE SAME.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriteSame {
    /// LOGICAL BLOCK ADDRESS.
    pub lba: Lba,
    /// NUMBER OF LOGICAL BLOCKS.
    pub blocks: Blocks,
    /// ANCHOR: unmapped blocks keep their place.
    pub anchor: bool,
    /// UNMAP: the blocks may be unmapped instead of being written.
    pub unmap: bool,
    /// NDOB: there is no data-out, the block is all zeros.
    pub no_data: bool,
}

impl WriteSame {
    /// PBDATA and LBDATA, obsolete since SBC-3, would change what is written, so they are refused.
    pub(super) fn decode_10(cdb: &Cdb) -> Result<Self, Sense> {
        if cdb.u8(1) & 0x06 != 0 {
            return Err(Sense::invalid_field_in_cdb(1, Some(2)));
        }
        Self::decode(cdb, u64::from(cdb.u32(2)), u32::from(cdb.u16(7)), false)
    }

    pub(super) fn decode_16(cdb: &Cdb) -> Result<Self, Sense> {
        if cdb.u8(1) & 0x06 != 0 {
            return Err(Sense::invalid_field_in_cdb(1, Some(2)));
        }
        Self::decode(cdb, cdb.u64(2), cdb.u32(10), cdb.bit(1, 0))
    }

    fn decode(cdb: &Cdb, lba: u64, blocks: u32, no_data: bool) -> Result<Self, Sense> {
        refuse_protection(cdb)?;
        let (anchor, unmap) = (cdb.bit(1, 4), cdb.bit(1, 3));
        Ok(Self { lba: Lba(lba), blocks: Blocks(u64::from(blocks)), anchor, unmap, no_data })
    }
}

/// The fields of COMPARE AND WRITE and of WRITE ATOMIC beyond those of WRITE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriteAtomic {
    /// The blocks.
    pub range: ReadWrite,
    /// ATOMIC BOUNDARY: zero means that all of it is one atomic write.
    pub boundary: u16,
}

impl WriteAtomic {
    pub(super) fn decode(cdb: &Cdb) -> Result<Self, Sense> {
        refuse_protection(cdb)?;
        let range = ReadWrite {
            lba: Lba(cdb.u64(2)),
            blocks: Blocks(u64::from(cdb.u16(12))),
            dpo: cdb.bit(1, 4),
            fua: cdb.bit(1, 3),
            group: cdb.u8(14) & 0x1F,
        };
        Ok(Self { range, boundary: cdb.u16(10) })
    }
}

/// COMPARE AND WRITE (SBC-3 5.2): the blocks, of which the data-out has two sets.
pub(super) fn compare_and_write(cdb: &Cdb) -> Result<ReadWrite, Sense> {
    refuse_protection(cdb)?;
    Ok(ReadWrite {
        lba: Lba(cdb.u64(2)),
        blocks: Blocks(u64::from(cdb.u8(13))),
        dpo: cdb.bit(1, 4),
        fua: cdb.bit(1, 3) || cdb.bit(1, 1),
        group: cdb.u8(14) & 0x1F,
    })
}

/// The fields of UNMAP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unmap {
    /// ANCHOR.
    pub anchor: bool,
    /// PARAMETER LIST LENGTH in bytes.
    pub list_length: u16,
}

/// The fields of PRE-FETCH.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PreFetch {
    /// LOGICAL BLOCK ADDRESS.
    pub lba: Lba,
    /// PREFETCH LENGTH; zero means all from `lba` on.
    pub blocks: Blocks,
    /// IMMED: answer as soon as the CDB has been checked.
    pub immed: bool,
}

impl PreFetch {
    pub(super) fn decode_10(cdb: &Cdb) -> Self {
        Self { lba: Lba(u64::from(cdb.u32(2))), blocks: Blocks(u64::from(cdb.u16(7))), immed: cdb.bit(1, 1) }
    }

    pub(super) fn decode_16(cdb: &Cdb) -> Self {
        Self { lba: Lba(cdb.u64(2)), blocks: Blocks(u64::from(cdb.u32(10))), immed: cdb.bit(1, 1) }
    }
}

/// The fields of GET LBA STATUS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GetLbaStatus {
    /// STARTING LOGICAL BLOCK ADDRESS.
    pub lba: Lba,
    /// ALLOCATION LENGTH in bytes.
    pub allocation_length: u32,
}
