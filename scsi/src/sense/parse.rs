//! Sense data back from bytes: for whoever passes on or inspects the sense of somebody else.
//!
//! The bytes are untrusted: every length in them is checked against what is there, and what is unknown is left out.

use super::{FieldPointer, Sense, SenseKey, Specific};
use crate::asc::Asc;

impl Sense {
    /// Reads current (70h, 72h) or deferred (71h, 73h) sense data. `None` if it is neither, or too short to hold a sense key.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let code = bytes.first()? & 0x7F;
        let sense = match code {
            0x70 | 0x71 => Self::parse_fixed(bytes),
            0x72 | 0x73 => Self::parse_descriptor(bytes),
            _ => None,
        };
        sense.map(|sense| Self { deferred: code & 1 != 0, ..sense })
    }

    fn parse_fixed(bytes: &[u8]) -> Option<Self> {
        let key = SenseKey::try_from(bytes.get(2)? & 0x0F).ok()?;
        let byte = |at: usize| bytes.get(at).copied().unwrap_or(0);
        let information = (byte(0) & 0x80 != 0)
            .then(|| bytes.get(3..7)?.try_into().ok().map(u32::from_be_bytes).map(u64::from))
            .flatten();
        let specific = Specific::from_bytes(key, [byte(15), byte(16), byte(17)]);
        let asc = Asc { code: byte(12), qualifier: byte(13) };
        Some(Self { information, specific, ..Self::new(key, asc) })
    }

    fn parse_descriptor(bytes: &[u8]) -> Option<Self> {
        let key = SenseKey::try_from(bytes.get(1)? & 0x0F).ok()?;
        let byte = |at: usize| bytes.get(at).copied().unwrap_or(0);
        let mut sense = Self::new(key, Asc { code: byte(2), qualifier: byte(3) });
        let end = bytes.len().min(8 + usize::from(byte(7)));
        let mut rest = bytes.get(8..end).unwrap_or(&[]);
        while let [kind, length, ..] = *rest {
            let Some((descriptor, after)) = rest.split_at_checked(2 + usize::from(length)) else { break };
            match (kind, descriptor) {
                (0x00, [_, _, flags, _, value @ ..]) if flags & 0x80 != 0 => {
                    sense.information = value.try_into().ok().map(u64::from_be_bytes);
                }
                (0x02, [_, _, _, _, a, b, c, ..]) => sense.specific = Specific::from_bytes(key, [*a, *b, *c]),
                _ => {}
            }
            rest = after;
        }
        Some(sense)
    }
}

impl Specific {
    fn from_bytes(key: SenseKey, [flags, high, low]: [u8; 3]) -> Self {
        let value = u16::from_be_bytes([high, low]);
        match key {
            _ if flags & 0x80 == 0 => Self::None,
            SenseKey::IllegalRequest => Self::Field(FieldPointer {
                in_cdb: flags & 0x40 != 0,
                byte: value,
                bit: (flags & 0x08 != 0).then_some(flags & 0x07),
            }),
            SenseKey::NotReady | SenseKey::NoSense => Self::Progress(value),
            _ => Self::None,
        }
    }
}
