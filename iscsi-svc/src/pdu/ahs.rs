//! Additional Header Segments (RFC 7143 11.2.2): the rest of a CDB above 16 bytes, and the read length of
//! bidirectional commands.
//!
//! The segments come from an initiator. Their total length is bounded by the header's one byte of words (1020 bytes);
//! what they say about their own length is checked against what is there.

/// The longest CDB that is taken: what the opcode table of SPC-4 needs for variable length commands fits.
pub const MAX_CDB: usize = 260;

/// What the segments of a SCSI Command said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Segments<'a> {
    /// Bytes of the CDB from byte 16 on (type 1, 11.2.2.3).
    pub extended_cdb: &'a [u8],
    /// Expected Bidirectional Read Data Transfer Length (type 2, 11.2.2.4).
    pub read_length: Option<u32>,
}

/// Why a chain of segments cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AhsError {
    /// A segment says that it is longer than what is left.
    #[error("an additional header segment is longer than the PDU's header")]
    Truncated,
    /// A segment of a type that RFC 7143 does not define.
    #[error("additional header segment of unknown type {0}")]
    UnknownType(u8),
    /// A segment whose length does not fit its type, or that came twice.
    #[error("additional header segment of type {0} is malformed")]
    Malformed(u8),
}

/// Reads the segments in `bytes` (a multiple of four, as the header counts words).
///
/// # Errors
/// [`AhsError`] for the first segment that cannot be right.
pub fn parse(mut bytes: &[u8]) -> Result<Segments<'_>, AhsError> {
    let mut found = Segments::default();
    while let Some((head, rest)) = bytes.split_at_checked(3) {
        // AHSLength counts the bytes after the type, without padding; 11.2.2.1.
        let length = usize::from(u16::from_be_bytes([head[0], head[1]]));
        let kind = head[2] & 0x3f;
        let (body, after) = rest.split_at_checked(length).ok_or(AhsError::Truncated)?;
        match kind {
            1 => {
                // One reserved byte, then the bytes of the CDB.
                let cdb = body.get(1..).filter(|cdb| !cdb.is_empty()).ok_or(AhsError::Malformed(kind))?;
                if !found.extended_cdb.is_empty() || cdb.len() > MAX_CDB - 16 {
                    return Err(AhsError::Malformed(kind));
                }
                found.extended_cdb = cdb;
            }
            2 => {
                let length: [u8; 4] =
                    body.get(1..).and_then(|v| v.try_into().ok()).ok_or(AhsError::Malformed(kind))?;
                if found.read_length.replace(u32::from_be_bytes(length)).is_some() {
                    return Err(AhsError::Malformed(kind));
                }
            }
            other => return Err(AhsError::UnknownType(other)),
        }
        let padding = super::bhs::padding(3 + length);
        bytes = after.get(padding..).ok_or(AhsError::Truncated)?;
    }
    if bytes.is_empty() { Ok(found) } else { Err(AhsError::Truncated) }
}
