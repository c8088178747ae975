//! Names of logical units, as a CSCD descriptor gives one and as VPD page 83h lists them (SPC-4 7.8.5).
//!
//! A unit's names have one home, its Device Identification page: whoever looks for a unit by name reads that page.

/// Bytes that an identification descriptor has for a designator.
const CAPACITY: usize = 20;

/// A name of a logical unit that fits an identification descriptor.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Designator {
    code_set: u8,
    /// ASSOCIATION and DESIGNATOR TYPE, as they stand in their byte.
    kind: u8,
    bytes: [u8; CAPACITY],
    len: u8,
}

impl std::fmt::Debug for Designator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Designator({:x}/{:02x} {:02x?})", self.code_set, self.kind, self.bytes())
    }
}

impl Designator {
    /// The first `len` of `bytes`, of this code set; `kind` is the byte with ASSOCIATION and DESIGNATOR TYPE. None if it is
    /// longer than what there is or what fits.
    pub(super) fn new(code_set: u8, kind: u8, bytes: Option<&[u8]>, len: u8) -> Option<Self> {
        let given = bytes?.get(..usize::from(len))?;
        let mut bytes = [0; CAPACITY];
        bytes.get_mut(..given.len())?.copy_from_slice(given);
        Some(Self { code_set, kind: kind & 0x3F, bytes, len })
    }

    fn bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }

    /// ASSOCIATION 00b: it names a logical unit, not a port or a target device.
    fn is_of_unit(&self) -> bool {
        self.kind >> 4 == 0
    }
}

/// What a Device Identification page says, as far as a CSCD descriptor can ask for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// PERIPHERAL DEVICE TYPE.
    pub device_type: u8,
    names: Vec<Designator>,
}

impl Identity {
    /// Reads the bytes of a page 83h that may be cut off. None if they are not one.
    pub fn parse(page: &[u8]) -> Option<Self> {
        let [first, 0x83, high, low, rest @ ..] = page else { return None };
        let length = usize::from(u16::from_be_bytes([*high, *low])).min(rest.len());
        let mut rest = rest.get(..length)?;
        let mut names = Vec::new();
        while let [code_set, kind, _, len, more @ ..] = rest {
            let Some(after) = more.get(usize::from(*len)..) else { break };
            let name = Designator::new(code_set & 0x0F, *kind, Some(more), *len);
            names.extend(name.filter(Designator::is_of_unit));
            rest = after;
        }
        Some(Self { device_type: first & 0x1F, names })
    }

    /// Whether the unit has this name.
    pub fn has(&self, name: &Designator) -> bool {
        self.names.contains(name)
    }
}

#[cfg(test)]
mod tests;
