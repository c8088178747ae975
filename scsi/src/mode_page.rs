//! Mode pages (SPC-4 7.5, SBC-3 6.4, MMC-6 7): one list, from which MODE SENSE, MODE SELECT and everything that heeds a
//! setting are made.
//!
//! What a page says by default derives from [`DeviceInfo`]; what MODE SELECT has changed stands in [`ModeParameters`]. Both
//! together are the values in force. Byte numbers in a page are those of the standard's tables, PAGE CODE being byte 0. To
//! add a page: a line in `PAGES`.

mod caching;
mod cd;
mod control;
mod exceptions;
mod parameters;
mod power;
mod provisioning;
mod reconnect;
mod recovery;
mod select;
mod sense;

pub use parameters::{Exceptions, ModeParameters};
pub use select::parse;
pub use sense::respond;

use crate::device_info::{DeviceInfo, DeviceType};

/// The longest page, header included.
const LONGEST: usize = 40;
/// How many pages there are.
const COUNT: usize = 13;
/// PAGE CODE for all pages.
const ALL_PAGES: u8 = 0x3F;
/// SUBPAGE CODE for all subpages.
const ALL_SUBPAGES: u8 = 0xFF;
/// SPF: the page has a SUBPAGE CODE, and two bytes of PAGE LENGTH.
const SPF: u8 = 0x40;
/// PS in MODE SENSE data: the page can be saved. Reserved in MODE SELECT.
const PS: u8 = 0x80;

/// The bytes of a page, header included; those past its end are zero.
type PageBytes = [u8; LONGEST];

/// A byte, and perhaps the most significant bit of a field in it, that cannot be what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Wrong {
    byte: usize,
    bit: Option<u8>,
}

/// A mode page.
struct Page {
    code: u8,
    /// SUBPAGE CODE; 00h is a page in the page_0 format.
    subpage: u8,
    /// Bytes, header included.
    len: usize,
    /// The types of device that have it.
    types: &'static [DeviceType],
    /// Which units of these types have it.
    of: fn(&DeviceInfo) -> bool,
    /// Fills in what the unit begins with. The header is there already.
    default: fn(&DeviceInfo, &mut PageBytes),
    /// A mask of the bits that MODE SELECT can change.
    changeable: &'static [(usize, u8)],
    /// Looks at values whose other bits are right: are these possible?
    check: fn(&PageBytes) -> Result<(), Wrong>,
}

const DISK: &[DeviceType] = &[DeviceType::Disk];
const CD: &[DeviceType] = &[DeviceType::CdDvd];
const ALL: &[DeviceType] = &[DeviceType::Disk, DeviceType::CdDvd];

/// The pages, in order of code and subpage, which is the order in which all of them are returned.
static PAGES: [Page; COUNT] = [
    recovery::DISK_PAGE,
    recovery::CD_PAGE,
    reconnect::DISCONNECT_RECONNECT,
    caching::PAGE,
    control::PAGE,
    control::EXTENSION,
    cd::DEVICE_PARAMETERS,
    cd::AUDIO_CONTROL,
    power::DISK_PAGE,
    power::CD_PAGE,
    exceptions::PAGE,
    provisioning::PAGE,
    cd::CAPABILITIES,
];

impl Page {
    /// What most pages are: nothing in them can be changed.
    const FIXED: Self = Self {
        code: 0,
        subpage: 0,
        len: 0,
        types: ALL,
        of: |_| true,
        default: |_, _| {},
        changeable: &[],
        check: |_| Ok(()),
    };

    /// Bytes before the values.
    fn header_len(&self) -> usize {
        if self.subpage == 0 { 2 } else { 4 }
    }

    /// PAGE CODE and PAGE LENGTH, and the subpage's if it is one.
    fn header(&self) -> PageBytes {
        let mut bytes = [0; LONGEST];
        let length = (self.len - self.header_len()) as u8;
        if self.subpage == 0 {
            bytes[..2].copy_from_slice(&[self.code, length]);
        } else {
            bytes[..4].copy_from_slice(&[self.code | SPF, self.subpage, 0, length]);
        }
        bytes
    }

    /// The values that the unit begins with.
    fn defaults(&self, info: &DeviceInfo) -> PageBytes {
        let mut bytes = self.header();
        (self.default)(info, &mut bytes);
        bytes
    }

    /// The mask of what can be changed, header included.
    fn mask(&self) -> PageBytes {
        let mut bytes = [0; LONGEST];
        self.changeable.iter().for_each(|&(at, mask)| bytes[at] = mask);
        bytes
    }

    /// Whether a unit has this page.
    fn is_of(&self, info: &DeviceInfo) -> bool {
        self.types.contains(&info.device_type) && (self.of)(info)
    }
}

/// The place of a page of a unit.
fn position(info: &DeviceInfo, code: u8, subpage: u8) -> Option<usize> {
    PAGES.iter().position(|page| (page.code, page.subpage) == (code, subpage) && page.is_of(info))
}

#[cfg(test)]
mod tests;
