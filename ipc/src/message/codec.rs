//! Control messages and pages of notebooks to bytes and back: the only file that knows bincode.
//!
//! Both are one version byte, then bincode's standard encoding, together at most [`MAX_MESSAGE`] or [`MAX_PAGE`] bytes. A
//! hostile length inside cannot make us allocate more than eight times that.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Longest control message, in bytes.
pub const MAX_MESSAGE: usize = 64 * 1024;

/// Longest notebook page, in bytes.
pub const MAX_PAGE: usize = 1024 * 1024;

const VERSION: u8 = 1;

/// What bincode may count while it decodes. It counts an integer at its full width, up to eight bytes, even where one
/// byte encodes it; a limit of the same number would refuse long messages of small numbers that `encode` lets pass.
const COUNTED: usize = 8 * MAX_PAGE;

fn config() -> impl bincode::config::Config {
    bincode::config::standard().with_limit::<COUNTED>()
}

/// Why bytes are not a message.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// Another version of this format.
    #[error("control message of format {0:?}, this build speaks {VERSION}")]
    Version(Option<u8>),
    /// Not decodable, or trailing bytes.
    #[error("control message cannot be decoded: {0}")]
    Garbled(String),
    /// A message too large to send or to take.
    #[error("{len} bytes are longer than the {most} that fit")]
    TooLong {
        /// Bytes of the message.
        len: usize,
        /// Bytes that it may have.
        most: usize,
    },
}

/// Encodes a control message.
pub fn encode<T: Serialize>(message: &T) -> Result<Vec<u8>, CodecError> {
    encode_within(message, MAX_MESSAGE)
}

/// Decodes a control message; every byte must belong to it.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    decode_within(bytes, MAX_MESSAGE)
}

/// Encodes a page of a notebook.
pub fn encode_page<T: Serialize>(page: &T) -> Result<Vec<u8>, CodecError> {
    encode_within(page, MAX_PAGE)
}

/// Decodes a page of a notebook; every byte must belong to it.
pub fn decode_page<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    decode_within(bytes, MAX_PAGE)
}

fn encode_within<T: Serialize>(message: &T, most: usize) -> Result<Vec<u8>, CodecError> {
    let mut bytes = vec![VERSION];
    let body = bincode::serde::encode_to_vec(message, config())
        .map_err(|error| CodecError::Garbled(error.to_string()))?;
    bytes.extend_from_slice(&body);
    if bytes.len() > most { Err(CodecError::TooLong { len: bytes.len(), most }) } else { Ok(bytes) }
}

fn decode_within<T: DeserializeOwned>(bytes: &[u8], most: usize) -> Result<T, CodecError> {
    if bytes.len() > most {
        return Err(CodecError::TooLong { len: bytes.len(), most });
    }
    let Some((&VERSION, body)) = bytes.split_first() else {
        return Err(CodecError::Version(bytes.first().copied()));
    };
    let (message, used) = bincode::serde::decode_from_slice(body, config())
        .map_err(|error| CodecError::Garbled(error.to_string()))?;
    if used == body.len() { Ok(message) } else { Err(CodecError::Garbled("trailing bytes".to_owned())) }
}

#[cfg(test)]
mod tests;
