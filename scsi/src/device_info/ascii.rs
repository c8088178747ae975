//! Text fields of SCSI data: left-aligned, padded with spaces, 20h to 7Eh only (SPC-4 4.4.1).

use std::fmt;

/// At most `N` characters of ASCII that can be printed.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ascii<const N: usize> {
    padded: [u8; N],
    len: usize,
}

/// Why a text does not fit its field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AsciiError {
    /// Too long.
    #[error("{len} characters are too many: the field holds {room}")]
    TooLong {
        /// How long the text is.
        len: usize,
        /// How long it may be.
        room: usize,
    },
    /// Something else than printable ASCII.
    #[error("{0:?} cannot stand in a SCSI text field: only printable ASCII can")]
    NotPrintable(char),
}

impl<const N: usize> Ascii<N> {
    /// Checks length and characters.
    pub fn new(text: &str) -> Result<Self, AsciiError> {
        if let Some(odd) = text.chars().find(|c| !matches!(c, ' '..='~')) {
            return Err(AsciiError::NotPrintable(odd));
        }
        if text.len() > N {
            return Err(AsciiError::TooLong { len: text.len(), room: N });
        }
        Ok(Self::filtered(text))
    }

    /// What can be kept of `text`: characters that do not fit the field's set become `?`, the rest is cut off.
    pub fn filtered(text: &str) -> Self {
        let mut padded = [b' '; N];
        let mut len = 0;
        for (place, c) in padded.iter_mut().zip(text.chars()) {
            *place = if matches!(c, ' '..='~') { c as u8 } else { b'?' };
            len += 1;
        }
        Self { padded, len }
    }

    /// All `N` bytes, with the spaces.
    pub fn padded(&self) -> &[u8; N] {
        &self.padded
    }

    /// The text without the padding.
    pub fn trimmed(&self) -> &[u8] {
        &self.padded[..self.len]
    }
}

impl<const N: usize> fmt::Display for Ascii<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.trimmed().iter().try_for_each(|&byte| write!(f, "{}", char::from(byte)))
    }
}

impl<const N: usize> fmt::Debug for Ascii<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_string())
    }
}
