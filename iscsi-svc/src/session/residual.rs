//! Residual counts (RFC 7143 11.4.5): how the initiator's expected length and the command's own length differ.
//!
//! `edtl` comes from the initiator and is any 32-bit value; `wanted` and `transferred` come from core-svc and are clamped
//! rather than trusted: a wrong answer of ours must not become a wrong flag combination on the wire.

/// What a SCSI Response or the last Data-In says about lengths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Residual {
    /// All the expected bytes were moved, and the command wanted no others.
    #[default]
    None,
    /// The O bit: so many bytes could not be moved because the Expected Data Transfer Length was too small.
    Overflow(u32),
    /// The U bit: so many bytes of the Expected Data Transfer Length were not moved.
    Underflow(u32),
}

impl Residual {
    /// Compares what was expected (`edtl`) with what the command `wanted` and what it `transferred`, all in bytes.
    ///
    /// Overflow goes first: when the buffer was too small the initiator has to learn that, whatever else went wrong.
    pub fn of(edtl: u32, wanted: u64, transferred: u64) -> Residual {
        let expected = u64::from(edtl);
        if wanted > expected {
            return Residual::Overflow(u32::try_from(wanted - expected).unwrap_or(u32::MAX));
        }
        match expected.saturating_sub(transferred) {
            0 => Residual::None,
            // It is at most `edtl`, so it fits.
            short => Residual::Underflow(short as u32),
        }
    }

    /// The O and U bits as SCSI Response and Data-In have them (bits 2 and 1 of byte 1).
    pub fn flags(self) -> u8 {
        match self {
            Residual::None => 0,
            Residual::Overflow(_) => 0x04,
            Residual::Underflow(_) => 0x02,
        }
    }

    /// The count for the residual field.
    pub fn count(self) -> u32 {
        match self {
            Residual::None => 0,
            Residual::Overflow(count) | Residual::Underflow(count) => count,
        }
    }
}

#[cfg(test)]
mod tests;
