//! A CDB whose operation code is known and whose length is right: the one way in for bytes that an initiator chose.
//!
//! The bytes are copied, because a CDB in a ring can change under the reader. Reading a field of a [`Cdb`] cannot fail:
//! bytes past the end are zero, and past the buffer too. Next: [`crate::command`] gives the fields their meaning.

use crate::opcode::{self, Opcode};
use crate::sense::Sense;

/// The longest CDB that is kept inline.
pub const CDB_CAPACITY: usize = 32;

/// LINK of the CONTROL byte, obsolete since SAM-4: more commands would follow as part of this one.
const LINK: u8 = 0x01;
const LINK_BIT: u8 = 0;

/// A command descriptor block with its row of the opcode table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cdb {
    bytes: [u8; CDB_CAPACITY],
    row: &'static Opcode,
}

impl Cdb {
    /// Checks and copies a CDB. Transports that pad CDBs (iSCSI: to 16 bytes) may pass the padding.
    ///
    /// Fails with the sense for an unknown operation code or service action, for bytes that are missing, and for LINK. NACA is core-svc's.
    pub fn new(cdb: &[u8]) -> Result<Self, Sense> {
        let row = opcode::find(cdb)?;
        let len = row.cdb_len();
        let missing = Sense::invalid_field_in_cdb(cdb.len().min(len) as u16, None);
        let given = cdb.get(..len).ok_or(missing)?;
        let mut bytes = [0; CDB_CAPACITY];
        bytes.get_mut(..len).ok_or(missing)?.copy_from_slice(given);
        let control = given.last().copied().unwrap_or(0);
        let at = (len - 1) as u16;
        if control & LINK != 0 {
            return Err(Sense::invalid_field_in_cdb(at, Some(LINK_BIT)));
        }
        Ok(Self { bytes, row })
    }

    /// The row of the opcode table.
    pub fn opcode(&self) -> &'static Opcode {
        self.row
    }

    /// The bytes, as many as the command has.
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.row.cdb_len()]
    }

    /// One byte.
    pub fn u8(&self, at: usize) -> u8 {
        self.field::<1>(at)[0]
    }

    /// One bit: 7 is the most significant.
    pub fn bit(&self, at: usize, bit: u8) -> bool {
        self.u8(at) >> (bit & 7) & 1 != 0
    }

    /// Two bytes, big-endian.
    pub fn u16(&self, at: usize) -> u16 {
        u16::from_be_bytes(self.field(at))
    }

    /// Four bytes, big-endian.
    pub fn u32(&self, at: usize) -> u32 {
        u32::from_be_bytes(self.field(at))
    }

    /// Eight bytes, big-endian.
    pub fn u64(&self, at: usize) -> u64 {
        u64::from_be_bytes(self.field(at))
    }

    fn field<const N: usize>(&self, at: usize) -> [u8; N] {
        self.bytes.get(at..).and_then(|rest| rest.first_chunk()).copied().unwrap_or([0; N])
    }
}

#[cfg(test)]
mod tests;
