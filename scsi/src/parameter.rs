//! Parameter data on its way to an initiator: truncated to the allocation length while it is written (SPC-4 4.2.5.6).
//!
//! Bytes past the allocation length are counted, not kept, so an initiator decides neither how much memory is used nor
//! how long a length field says the whole would have been. What is left is what the command transfers, and no more:
//! [`ParameterData::wanted`]. Next: the builders, such as [`crate::inquiry`].

/// Parameter data under construction, or finished.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterData {
    bytes: Vec<u8>,
    allocation_length: usize,
    full: usize,
}

impl ParameterData {
    /// Empty, to be cut off at `allocation_length` bytes.
    pub fn new(allocation_length: impl Into<u32>) -> Self {
        Self { bytes: Vec::new(), allocation_length: allocation_length.into() as usize, full: 0 }
    }

    /// The bytes to transfer.
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes to transfer.
    pub fn into_vec(self) -> Vec<u8> {
        self.bytes
    }

    /// How many bytes the command transfers given room for them: the full length, or the allocation length if that is less.
    pub fn wanted(&self) -> usize {
        self.bytes.len()
    }

    /// How many bytes there would be without an allocation length.
    pub fn full_len(&self) -> usize {
        self.full
    }

    /// Appends bytes.
    pub fn put(&mut self, bytes: &[u8]) {
        let room = self.allocation_length.saturating_sub(self.bytes.len());
        self.bytes.extend_from_slice(&bytes[..bytes.len().min(room)]);
        self.full += bytes.len();
    }

    /// Appends one byte.
    pub fn put_u8(&mut self, value: u8) {
        self.put(&[value]);
    }

    /// Appends two bytes, big-endian.
    pub fn put_u16(&mut self, value: u16) {
        self.put(&value.to_be_bytes());
    }

    /// Appends four bytes, big-endian.
    pub fn put_u32(&mut self, value: u32) {
        self.put(&value.to_be_bytes());
    }

    /// Appends eight bytes, big-endian.
    pub fn put_u64(&mut self, value: u64) {
        self.put(&value.to_be_bytes());
    }

    /// Appends zeros until `len` bytes have been put in all; nothing if there are more already.
    pub fn pad_to(&mut self, len: usize) {
        while self.full < len {
            let count = (len - self.full).min(64);
            self.put(&[0; 64][..count]);
        }
    }

    /// Writes over bytes that have been put before, for lengths that are known only at the end.
    pub fn patch(&mut self, at: usize, bytes: &[u8]) {
        let places = self.bytes.get_mut(at..).unwrap_or_default();
        places.iter_mut().zip(bytes).for_each(|(place, &byte)| *place = byte);
    }
}

#[cfg(test)]
mod tests;
