//! Text of login and text negotiations: `key=value NUL` (RFC 7143 6.1).
//!
//! The bytes come from an initiator, possibly in several PDUs (C bit); [`Text`] collects them up to a limit, [`pairs`]
//! takes them apart. Keys and values are not judged here beyond their characters and lengths.

/// Most bytes of one negotiation request over all its PDUs.
pub const MAX_TEXT: usize = 64 * 1024;
/// Longest key name (RFC 7143 6.1).
pub const MAX_KEY: usize = 63;
/// Longest value: what a name list or a later binary value of authentication needs (RFC 7143 6.1: 8192 for those).
pub const MAX_VALUE: usize = 8192;
/// Most pairs of one request; the standard knows about thirty keys.
pub const MAX_PAIRS: usize = 128;

/// Why text cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// More than [`MAX_TEXT`] bytes or [`MAX_PAIRS`] pairs.
    #[error("the text of a negotiation is too long")]
    TooLong,
    /// Not UTF-8.
    #[error("the text of a negotiation is not UTF-8")]
    Encoding,
    /// A pair without `=`, with an impossible key name, or with a value that is too long.
    #[error("a malformed key=value pair")]
    Pair,
}

/// The text of one request, as it grows.
#[derive(Clone, Debug, Default)]
pub struct Text(Vec<u8>);

impl Text {
    /// Adds the data segment of the next PDU.
    ///
    /// # Errors
    /// [`TextError::TooLong`] past [`MAX_TEXT`].
    pub fn extend(&mut self, segment: &[u8]) -> Result<(), TextError> {
        if self.0.len() + segment.len() > MAX_TEXT {
            return Err(TextError::TooLong);
        }
        self.0.extend_from_slice(segment);
        Ok(())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The bytes so far; the next request starts empty.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.0)
    }
}

/// Takes `bytes` apart. Empty pairs (a stray NUL) are skipped; the last pair may lack its NUL.
///
/// # Errors
/// [`TextError`] for the first thing that cannot be read.
pub fn pairs(bytes: &[u8]) -> Result<Vec<(&str, &str)>, TextError> {
    let text = std::str::from_utf8(bytes).map_err(|_| TextError::Encoding)?;
    let mut found = Vec::new();
    for pair in text.split('\0').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').ok_or(TextError::Pair)?;
        if !is_key(key) || value.len() > MAX_VALUE {
            return Err(TextError::Pair);
        }
        if found.len() == MAX_PAIRS {
            return Err(TextError::TooLong);
        }
        found.push((key, value));
    }
    Ok(found)
}

fn is_key(key: &str) -> bool {
    let first = key.bytes().next().is_some_and(|c| c.is_ascii_alphabetic());
    first && key.len() <= MAX_KEY && key.bytes().all(|c| c.is_ascii_alphanumeric() || b".-+@_#".contains(&c))
}

/// Appends one pair with its NUL.
pub fn push(out: &mut Vec<u8>, key: &str, value: &str) {
    out.extend_from_slice(key.as_bytes());
    out.push(b'=');
    out.extend_from_slice(value.as_bytes());
    out.push(0);
}

/// Reads a number: decimal, or hexadecimal after `0x` (RFC 7143 6.1); no sign, no blank.
pub fn number(value: &str) -> Option<u64> {
    let (digits, radix) = match value.strip_prefix("0x").or_else(|| value.strip_prefix("0X")) {
        Some(digits) => (digits, 16),
        None => (value, 10),
    };
    // from_str_radix takes a leading plus, which the standard does not have.
    digits.bytes().next()?.is_ascii_hexdigit().then_some(())?;
    u64::from_str_radix(digits, radix).ok()
}

#[cfg(test)]
mod tests;
