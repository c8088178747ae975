//! COPY ABORTED: how EXTENDED COPY says that it failed while it processed a segment (SPC-4 6.4.4).
//!
//! It names the segment, how much of it was not written, and carries along what a unit has answered; so its sense data
//! has more than a [`crate::sense::Sense`] holds.

use crate::asc::Asc;
use crate::sense::{SENSE_CAPACITY, SenseBytes, SenseKey};

/// Which of the two units of a segment is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The copy source.
    Source,
    /// The copy destination.
    Destination,
}

/// What a unit answered to the copy manager.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThirdParty {
    /// Which unit.
    pub side: Side,
    /// Its SAM status.
    pub status: u8,
    /// Its sense data, if any.
    pub sense: Vec<u8>,
}

/// Why a segment could not be processed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyAborted {
    /// The additional sense code.
    pub asc: Asc,
    /// The number of the segment descriptor, from 0.
    pub segment: u16,
    /// Blocks of the destination that were not written, if any of the segment were.
    pub residue: Option<u32>,
    /// Offset of the field in the segment descriptor that is wrong, and its most significant bit where it is smaller than a
    /// byte.
    pub field: Option<(u16, Option<u8>)>,
    /// What a unit answered.
    pub third_party: Option<ThirdParty>,
}

/// Bytes of fixed format sense data before the area for what a unit answered.
const FIXED_BYTES: usize = 18;

impl CopyAborted {
    /// Nothing but a code and a segment.
    pub fn new(asc: Asc, segment: u16) -> Self {
        Self { asc, segment, residue: None, field: None, third_party: None }
    }

    /// Encodes in the format that D_SENSE asks for.
    pub fn encode(&self, descriptor: bool) -> SenseBytes {
        let bytes = if descriptor { self.to_descriptor() } else { self.to_fixed() };
        // Both are cut to the capacity before.
        SenseBytes::copy(&bytes).unwrap_or_else(|| crate::sense::Sense::internal_target_failure().to_fixed())
    }

    /// Segment pointer sense key specific data (SPC-4 4.5.2.4.5): SKSV, and SD because the pointer counts from the segment
    /// descriptor.
    fn specific(&self) -> [u8; 3] {
        let Some((byte, bit)) = self.field else { return [0; 3] };
        let [high, low] = byte.to_be_bytes();
        [0x80 | 0x20 | bit.map_or(0, |bit| 0x08 | (bit & 0x07)), high, low]
    }

    /// What the unit answered: status byte and sense data, at most `room` bytes.
    fn answer(&self, room: usize) -> Option<(Side, Vec<u8>)> {
        let third_party = self.third_party.as_ref()?;
        let mut bytes = vec![third_party.status];
        bytes.extend_from_slice(&third_party.sense);
        bytes.truncate(room);
        Some((third_party.side, bytes))
    }

    fn to_fixed(&self) -> Vec<u8> {
        let valid = if self.residue.is_some() { 0x80 } else { 0 };
        let mut bytes = vec![0x70 | valid, 0, SenseKey::CopyAborted.code()];
        bytes.extend(self.residue.unwrap_or(0).to_be_bytes());
        let answer = self.answer(SENSE_CAPACITY - FIXED_BYTES);
        let length = FIXED_BYTES + answer.as_ref().map_or(0, |(_, bytes)| bytes.len());
        bytes.push((length - 8) as u8);
        // COMMAND-SPECIFIC INFORMATION: where in these bytes the answers of source and destination are, and the segment.
        let place =
            |side| if answer.as_ref().is_some_and(|(of, _)| *of == side) { FIXED_BYTES as u8 } else { 0 };
        bytes.extend([place(Side::Source), place(Side::Destination)]);
        bytes.extend(self.segment.to_be_bytes());
        bytes.extend([self.asc.code, self.asc.qualifier, 0]);
        bytes.extend(self.specific());
        bytes.extend(answer.map(|(_, bytes)| bytes).unwrap_or_default());
        bytes
    }

    fn to_descriptor(&self) -> Vec<u8> {
        let mut bytes =
            vec![0x72, SenseKey::CopyAborted.code(), self.asc.code, self.asc.qualifier, 0, 0, 0, 0];
        if let Some(residue) = self.residue {
            bytes.extend([0x00, 0x0A, 0x80, 0x00]);
            bytes.extend(u64::from(residue).to_be_bytes());
        }
        bytes.extend([0x01, 0x0A, 0x00, 0x00]);
        bytes.extend(u64::from(self.segment).to_be_bytes());
        if self.field.is_some() {
            bytes.extend([0x02, 0x06, 0x00, 0x00]);
            bytes.extend(self.specific());
            bytes.push(0);
        }
        if let Some((side, answer)) = self.answer(SENSE_CAPACITY - bytes.len() - 3) {
            // Forwarded sense data descriptor (SPC-4 4.5.2.8).
            let side = if side == Side::Source { 0x01 } else { 0x02 };
            bytes.extend([0x0C, (answer.len() + 1) as u8, side]);
            bytes.extend(answer);
        }
        bytes[7] = (bytes.len() - 8) as u8;
        bytes
    }
}

#[cfg(test)]
mod tests;
