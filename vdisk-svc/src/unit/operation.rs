//! A FORMAT UNIT or SANITIZE of a unit: what it is, how far it is, and whether it has failed. It stands in the notebook, so
//! that a successor goes on with it.
//!
//! As bytes, little-endian: version 1, kind, state, flags (1 invert, 2 unrestricted exit), count, two of zero; then
//! nexus, serial, bytes done, length of the pattern, the pattern. Read back as if an enemy had written it.

use scsi::asc::Asc;
use scsi::sense::{Sense, SenseKey};

use crate::notebook::Name;

/// What is done to every block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// FORMAT UNIT: zeros.
    Format,
    /// SANITIZE, OVERWRITE: the pattern, so many times, every other time inverted.
    Overwrite {
        /// How many times.
        count: u8,
        /// INVERT.
        invert: bool,
        /// From one byte to a block.
        pattern: Vec<u8>,
    },
    /// SANITIZE, BLOCK ERASE.
    BlockErase,
}

/// A long operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// What it is.
    pub kind: Kind,
    /// The command that asked for it.
    pub owner: Name,
    /// AUSE: a failure can be left by EXIT FAILURE MODE.
    pub unrestricted_exit: bool,
    /// It has failed, and the unit is of no use until that is dealt with.
    pub failed: bool,
    /// Bytes that are done, over all passes.
    pub done: u64,
}

const VERSION: u8 = 1;
const HEAD: usize = 36;

impl Operation {
    /// An operation that begins.
    pub fn new(kind: Kind, owner: Name, unrestricted_exit: bool) -> Self {
        Self { kind, owner, unrestricted_exit, failed: false, done: 0 }
    }

    /// Whether it is a SANITIZE.
    pub fn is_sanitize(&self) -> bool {
        self.kind != Kind::Format
    }

    /// How often every block is written.
    pub fn passes(&self) -> u64 {
        match self.kind {
            Kind::Overwrite { count, .. } => u64::from(count),
            Kind::Format | Kind::BlockErase => 1,
        }
    }

    /// What others are told meanwhile, on a unit of so many bytes (SBC-3 5.3.1, 5.21.1): how far it is, or that it failed.
    pub fn sense(&self, bytes: u64) -> Sense {
        if self.failed {
            let asc =
                if self.is_sanitize() { Asc::SANITIZE_COMMAND_FAILED } else { Asc::MEDIUM_FORMAT_CORRUPTED };
            return Sense::new(SenseKey::MediumError, asc);
        }
        let total = u128::from(bytes) * u128::from(self.passes());
        let progress = (u128::from(self.done) << 16).checked_div(total).unwrap_or(0).min(0xFFFF);
        let asc =
            if self.is_sanitize() { Asc::NOT_READY_SANITIZE_IN_PROGRESS } else { Asc::FORMAT_IN_PROGRESS };
        Sense::not_ready_progress(asc, progress as u16)
    }

    /// As it stands in the notebook.
    pub fn encode(&self) -> Vec<u8> {
        let none = Vec::new();
        let (kind, count, invert, pattern) = match &self.kind {
            Kind::Format => (1, 1, false, &none),
            Kind::Overwrite { count, invert, pattern } => (2, *count, *invert, pattern),
            Kind::BlockErase => (3, 1, false, &none),
        };
        let flags = u8::from(invert) | u8::from(self.unrestricted_exit) << 1;
        let mut bytes = vec![VERSION, kind, u8::from(self.failed), flags, count, 0, 0, 0];
        for word in [self.owner.0, self.owner.1, self.done] {
            bytes.extend_from_slice(&word.to_le_bytes());
        }
        bytes.extend_from_slice(&(pattern.len() as u32).to_le_bytes());
        bytes.extend_from_slice(pattern);
        bytes
    }

    /// Reads it back, for a unit with blocks of so many bytes. None: it was never written so.
    pub fn decode(bytes: &[u8], block: u32) -> Option<Self> {
        let (head, pattern) = bytes.split_at_checked(HEAD)?;
        let word = |at: usize| head.get(at..)?.first_chunk().map(|bytes| u64::from_le_bytes(*bytes));
        let len = u32::from_le_bytes(*head.last_chunk()?);
        let &[VERSION, kind, failed, flags, count, 0, 0, 0] = head.first_chunk()? else { return None };
        if len as usize != pattern.len() || failed > 1 || flags > 3 {
            return None;
        }
        let kind = match kind {
            1 if len == 0 => Kind::Format,
            2 if (1..=block).contains(&len) && (1..=31).contains(&count) => {
                Kind::Overwrite { count, invert: flags & 1 != 0, pattern: pattern.to_vec() }
            }
            3 if len == 0 => Kind::BlockErase,
            _ => return None,
        };
        Some(Self {
            kind,
            owner: (word(8)?, word(16)?),
            unrestricted_exit: flags & 2 != 0,
            failed: failed != 0,
            done: word(24)?,
        })
    }
}

#[cfg(test)]
mod tests;
