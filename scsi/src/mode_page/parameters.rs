//! What MODE SELECT has changed of a unit's mode pages.
//!
//! Kept bit by bit: a bit that was never set to anything but its default stays what [`DeviceInfo`] says, also when a manifest
//! says otherwise later. Crosses a death or a reboot as bytes, and those are an allegation: what cannot be is left out.

pub use super::exceptions::Exceptions;
use super::{COUNT, LONGEST, PAGES, PageBytes, caching, control, exceptions, position};
use crate::device_info::DeviceInfo;
use crate::unit_report::Control;

/// The bits of one page that are not left to the defaults, and what they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Set {
    mask: PageBytes,
    value: PageBytes,
}

/// Settings of a unit: one value, from which everything that heeds a mode page derives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModeParameters {
    sets: [Set; COUNT],
}

impl Default for ModeParameters {
    fn default() -> Self {
        Self { sets: [Set { mask: [0; LONGEST], value: [0; LONGEST] }; COUNT] }
    }
}

impl ModeParameters {
    /// The values of the page at `place` of the list.
    pub(super) fn page(&self, info: &DeviceInfo, place: usize) -> PageBytes {
        let (page, set) = (&PAGES[place], &self.sets[place]);
        let mut bytes = page.defaults(info);
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = *byte & !set.mask[at] | set.value[at] & set.mask[at];
        }
        bytes
    }

    /// Replaces the values of a page. Bits that cannot be changed must be what they are already.
    pub(super) fn replace(&mut self, info: &DeviceInfo, place: usize, bytes: &PageBytes) {
        let (defaults, mask) = (PAGES[place].defaults(info), PAGES[place].mask());
        let set = &mut self.sets[place];
        for at in 0..LONGEST {
            // What was set to something else once is the initiator's, also when it is the default's again.
            set.mask[at] = (set.mask[at] | (defaults[at] ^ bytes[at])) & mask[at];
            set.value[at] = bytes[at] & set.mask[at];
        }
    }

    fn of(&self, info: &DeviceInfo, code: u8) -> Option<PageBytes> {
        position(info, code, 0).map(|place| self.page(info, place))
    }

    /// What the core acts on.
    pub fn control(&self, info: &DeviceInfo) -> Control {
        self.of(info, 0x0A).map(|page| control::control(&page)).unwrap_or_default()
    }

    /// SWP: writes are refused.
    pub fn software_write_protect(&self, info: &DeviceInfo) -> bool {
        self.of(info, 0x0A).is_some_and(|page| control::software_write_protect(&page))
    }

    /// WCE: GOOD for a write does not mean that it is on the medium.
    pub fn write_cache(&self, info: &DeviceInfo) -> bool {
        self.of(info, 0x08).is_some_and(|page| caching::write_cache(&page))
    }

    /// How informational exceptions are treated. A unit without the page reports none.
    pub fn exceptions(&self, info: &DeviceInfo) -> Exceptions {
        let none = Exceptions { on_request: false, warnings: false, test: false };
        self.of(info, 0x1C).map_or(none, |page| exceptions::exceptions(&page))
    }

    /// The bytes that outlive a process: for each page of which something is set its code, subpage and length, then mask
    /// and values.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (page, set) in PAGES.iter().zip(&self.sets).filter(|(_, set)| set.mask != [0; LONGEST]) {
            bytes.extend([page.code, page.subpage, page.len as u8]);
            bytes.extend(&set.mask[..page.len]);
            bytes.extend(&set.value[..page.len]);
        }
        bytes
    }

    /// Reads settings back for a unit. None if the bytes are no such list; what this unit does not have or cannot change,
    /// and values that it cannot have, are left to the defaults.
    pub fn decode(info: &DeviceInfo, bytes: &[u8]) -> Option<Self> {
        let mut parameters = Self::default();
        let mut rest = bytes;
        while let Some(([code, subpage, len], tail)) = rest.split_first_chunk() {
            let (mask, tail) = tail.split_at_checked(usize::from(*len))?;
            let (value, tail) = tail.split_at_checked(usize::from(*len))?;
            rest = tail;
            if let Some(place) = position(info, *code, *subpage) {
                parameters.restore(info, place, mask, value);
            }
        }
        rest.is_empty().then_some(parameters)
    }

    fn restore(&mut self, info: &DeviceInfo, place: usize, mask: &[u8], value: &[u8]) {
        let changeable = PAGES[place].mask();
        let mut set = Set { mask: [0; LONGEST], value: [0; LONGEST] };
        for (at, (mask, value)) in mask.iter().zip(value).enumerate().take(PAGES[place].len) {
            set.mask[at] = mask & changeable[at];
            set.value[at] = value & set.mask[at];
        }
        let former = std::mem::replace(&mut self.sets[place], set);
        if (PAGES[place].check)(&self.page(info, place)).is_err() {
            self.sets[place] = former;
        }
    }
}
