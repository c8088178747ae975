//! Header and data digests: CRC32C (RFC 7143 13.1).
//!
//! A digest covers the BHS with its additional header segments, or a data segment with its padding. On the wire the
//! 32-bit value lies in the order in which the CRC's bits leave the register: least significant byte first
//! (RFC 3720 appendix B.4 shows it). The receiver compares; what differs was damaged on the way or by the sender.

use crc_fast::{CrcAlgorithm, Digest};

/// Length of a digest on the wire in bytes.
pub const DIGEST_LEN: usize = 4;

/// A digest that grows with the pieces of a segment.
#[derive(Clone, Debug)]
pub struct Crc32c(Digest);

impl Default for Crc32c {
    fn default() -> Crc32c {
        Crc32c::new()
    }
}

impl Crc32c {
    /// Of nothing so far.
    pub fn new() -> Crc32c {
        Crc32c(Digest::new(CrcAlgorithm::Crc32Iscsi))
    }

    /// Adds the next piece.
    pub fn update(&mut self, piece: &[u8]) {
        self.0.update(piece);
    }

    /// The four bytes as they are sent.
    pub fn wire(&self) -> [u8; DIGEST_LEN] {
        (self.0.finalize() as u32).to_le_bytes()
    }
}

/// The four bytes that follow `segment` on the wire.
pub fn crc32c(segment: &[u8]) -> [u8; DIGEST_LEN] {
    (crc_fast::checksum(CrcAlgorithm::Crc32Iscsi, segment) as u32).to_le_bytes()
}

#[cfg(test)]
mod tests;
