//! What a CD or DVD says of itself (MMC-6): tables of contents, features, events, information about disc and track.
//!
//! A medium is an image of one session with one data track, whatever it holds. Everything derives from [`DeviceInfo`] and
//! the state of the drive, [`Disc`]; parameter data is truncated as everywhere ([`crate::parameter`]).

mod disc;
mod event;
mod feature;
mod toc;

pub use disc::{disc_information, format_capacities, mechanism_status, track_information};
pub use event::{MediaEvent, event_status};
pub use feature::configuration;
pub use toc::table_of_contents;

use crate::device_info::DeviceInfo;

/// The blocks that a CD can have: 99 minutes. What is larger is a DVD.
const MOST_OF_A_CD: u64 = 99 * 60 * 75;

/// The state of a drive.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Disc {
    /// A medium is in it.
    pub present: bool,
    /// The tray is open.
    pub open: bool,
    /// The medium cannot be removed.
    pub held: bool,
}

/// What kind of medium it passes for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Profile {
    None,
    CdRom,
    DvdRom,
}

impl Profile {
    fn of(info: &DeviceInfo, disc: Disc) -> Self {
        match disc.present {
            false => Self::None,
            true if info.blocks.0 > MOST_OF_A_CD => Self::DvdRom,
            true => Self::CdRom,
        }
    }

    /// PROFILE NUMBER (MMC-6 table 96).
    fn number(self) -> u16 {
        match self {
            Self::None => 0x0000,
            Self::CdRom => 0x0008,
            Self::DvdRom => 0x0010,
        }
    }
}

#[cfg(test)]
mod tests;
