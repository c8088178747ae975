//! A PDU as bytes with names for the fields that all or most have (RFC 7143 11.2). Nothing is refused here: tests build
//! wrong ones on purpose.

/// Opcodes that initiators send (RFC 7143 11.2.1.2).
pub mod request {
    /// NOP-Out
    pub const NOP_OUT: u8 = 0x00;
    /// SCSI Command
    pub const COMMAND: u8 = 0x01;
    /// SCSI Task Management function request
    pub const TASK_MANAGEMENT: u8 = 0x02;
    /// Login Request
    pub const LOGIN: u8 = 0x03;
    /// Text Request
    pub const TEXT: u8 = 0x04;
    /// SCSI Data-Out
    pub const DATA_OUT: u8 = 0x05;
    /// Logout Request
    pub const LOGOUT: u8 = 0x06;
}

/// Opcodes that targets send.
pub mod response {
    /// NOP-In
    pub const NOP_IN: u8 = 0x20;
    /// SCSI Response
    pub const COMMAND: u8 = 0x21;
    /// SCSI Task Management function response
    pub const TASK_MANAGEMENT: u8 = 0x22;
    /// Login Response
    pub const LOGIN: u8 = 0x23;
    /// Text Response
    pub const TEXT: u8 = 0x24;
    /// SCSI Data-In
    pub const DATA_IN: u8 = 0x25;
    /// Logout Response
    pub const LOGOUT: u8 = 0x26;
    /// Ready To Transfer
    pub const R2T: u8 = 0x31;
    /// Asynchronous Message
    pub const ASYNC: u8 = 0x32;
    /// Reject
    pub const REJECT: u8 = 0x3f;
}

/// The tag that stands for none.
pub const NO_TAG: u32 = u32::MAX;
/// The immediate-delivery bit of byte 0.
pub const IMMEDIATE: u8 = 0x40;
/// The final bit of byte 1.
pub const FINAL: u8 = 0x80;

/// A PDU without its digests and padding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pdu {
    /// The basic header segment; its length fields are filled in when it is sent.
    pub bhs: [u8; 48],
    /// The additional header segments, whole words.
    pub ahs: Vec<u8>,
    /// The data segment.
    pub data: Vec<u8>,
}

impl Pdu {
    /// A PDU with the first two bytes given and all else zero.
    pub fn new(opcode: u8, flags: u8) -> Self {
        let mut bhs = [0; 48];
        (bhs[0], bhs[1]) = (opcode, flags);
        Self { bhs, ahs: Vec::new(), data: Vec::new() }
    }

    /// The opcode, without the immediate bit.
    pub fn opcode(&self) -> u8 {
        self.bhs[0] & 0x3f
    }

    /// A big-endian word of the header.
    pub fn word(&self, at: usize) -> u32 {
        u32::from_be_bytes([self.bhs[at], self.bhs[at + 1], self.bhs[at + 2], self.bhs[at + 3]])
    }

    /// Sets a big-endian word of the header.
    pub fn set_word(&mut self, at: usize, value: u32) {
        self.bhs[at..at + 4].copy_from_slice(&value.to_be_bytes());
    }

    /// The same, for building a PDU in one expression.
    #[must_use]
    pub fn with_word(mut self, at: usize, value: u32) -> Self {
        self.set_word(at, value);
        self
    }

    /// Puts a single-level LUN into bytes 8 to 15.
    #[must_use]
    pub fn with_lun(mut self, lun: u16) -> Self {
        let address = if lun < 256 { lun } else { 0x4000 | lun };
        self.bhs[8..10].copy_from_slice(&address.to_be_bytes());
        self
    }

    /// Adds a data segment.
    #[must_use]
    pub fn with_data(mut self, data: impl Into<Vec<u8>>) -> Self {
        self.data = data.into();
        self
    }

    /// The Initiator Task Tag.
    pub fn tag(&self) -> u32 {
        self.word(16)
    }

    /// The final bit.
    pub fn is_final(&self) -> bool {
        self.bhs[1] & FINAL != 0
    }

    /// Writes the length fields from what is there.
    pub fn set_lengths(&mut self) {
        self.bhs[4] = (self.ahs.len() / 4) as u8;
        let length = (self.data.len() as u32).to_be_bytes();
        self.bhs[5..8].copy_from_slice(&length[1..]);
    }

    /// The data segment's length as the header has it.
    pub fn data_length(&self) -> usize {
        u32::from_be_bytes([0, self.bhs[5], self.bhs[6], self.bhs[7]]) as usize
    }
}

/// Text keys as they stand in a data segment.
pub fn keys_to_bytes(keys: &[(&str, &str)]) -> Vec<u8> {
    keys.iter().flat_map(|(key, value)| format!("{key}={value}\0").into_bytes()).collect()
}

/// The keys of a data segment.
pub fn keys_from_bytes(bytes: &[u8]) -> Vec<(String, String)> {
    let text = String::from_utf8_lossy(bytes);
    let pairs = text.split('\0').filter_map(|pair| pair.split_once('='));
    pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}
