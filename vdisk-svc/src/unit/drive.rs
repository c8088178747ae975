//! What START STOP UNIT and PREVENT ALLOW MEDIUM REMOVAL have made of a unit: its power condition, its tray, who holds the
//! medium in.
//!
//! It outlives this process in the notebook, where it is an allegation when it is read back. A medium that an initiator has
//! ejected stays ours: the tray is open, and loading brings it back.

use std::collections::BTreeSet;

use scsi::asc::Asc;
use scsi::sense::{Sense, SenseKey};

/// Nexuses that can hold a medium in.
const MOST_HOLDERS: usize = 4096;
/// Number of the format in the notebook.
const FORMAT: u8 = 1;

/// Power conditions (SBC-3 4.20).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u8)]
pub enum Power {
    /// Ready for everything.
    #[default]
    Active = 0,
    /// Idle, as somebody asked; the next command that needs the medium ends it.
    Idle = 1,
    /// Standby, likewise.
    Standby = 2,
    /// Stopped: until it is started, nothing that needs the medium is executed.
    Stopped = 3,
}

/// Power, tray and holders.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Drive {
    power: Power,
    open: bool,
    /// How often an initiator has put the medium back.
    loads: u32,
    /// The nexuses that prevent removal.
    holders: BTreeSet<u64>,
    /// There is something to think of before the medium is used.
    special: bool,
}

impl Drive {
    /// Whether the medium can be used without a second look.
    #[inline]
    pub fn is_plain(&self) -> bool {
        !self.special
    }

    /// The power condition.
    pub fn power(&self) -> Power {
        self.power
    }

    /// Sets the power condition. True if it was another one.
    pub fn set_power(&mut self, power: Power) -> bool {
        let before = std::mem::replace(&mut self.power, power);
        self.look();
        before != power
    }

    /// Whether the tray is open.
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// Opens the tray. True if it was closed.
    pub fn open(&mut self) -> bool {
        let opened = !std::mem::replace(&mut self.open, true);
        self.look();
        opened
    }

    /// Closes the tray. True if it was open.
    pub fn close(&mut self) -> bool {
        let closed = std::mem::take(&mut self.open);
        self.loads = self.loads.wrapping_add(u32::from(closed));
        self.look();
        closed
    }

    /// How often the tray has been closed.
    pub fn loads(&self) -> u32 {
        self.loads
    }

    /// Another medium was put in, or none is left: whatever was said of the former one is over.
    pub fn medium_changed(&mut self) {
        (self.power, self.open) = (Power::Active, false);
        self.look();
    }

    /// Whether somebody prevents the removal of the medium.
    pub fn is_held(&self) -> bool {
        !self.holders.is_empty()
    }

    /// A nexus prevents removal, or does so no longer. True if that is news; an error if there is no room for it.
    pub fn hold(&mut self, nexus: u64, prevent: bool) -> Result<bool, Sense> {
        if !prevent {
            return Ok(self.holders.remove(&nexus));
        }
        if self.holders.len() >= MOST_HOLDERS && !self.holders.contains(&nexus) {
            return Err(Sense::new(SenseKey::IllegalRequest, Asc::SYSTEM_RESOURCE_FAILURE));
        }
        Ok(self.holders.insert(nexus))
    }

    /// A nexus is over, or every one (0): it prevents nothing any more. True if it did.
    pub fn forget(&mut self, nexus: u64) -> bool {
        if nexus == 0 { self.reset() } else { self.holders.remove(&nexus) }
    }

    /// A reset: nobody prevents removal any more (SBC-3 5.8). True if somebody did.
    pub fn reset(&mut self) -> bool {
        let held = self.is_held();
        self.holders.clear();
        held
    }

    /// Before the medium is used: whether it can be. Idle and standby end here.
    pub fn wake(&mut self) -> Result<(), Sense> {
        self.check()?;
        self.power = Power::Active;
        self.look();
        Ok(())
    }

    /// Whether the medium can be used.
    pub fn check(&self) -> Result<(), Sense> {
        if self.open {
            return Err(Sense::not_ready(Asc::MEDIUM_NOT_PRESENT_TRAY_OPEN));
        }
        if self.power == Power::Stopped {
            return Err(Sense::not_ready(Asc::INITIALIZING_COMMAND_REQUIRED));
        }
        Ok(())
    }

    fn look(&mut self) {
        self.special = self.open || self.power != Power::Active;
    }

    /// The bytes for the notebook; `medium` is the number of the medium that they are about.
    pub fn encode(&self, medium: u32) -> Vec<u8> {
        let mut bytes = vec![FORMAT, self.power as u8, u8::from(self.open), 0];
        bytes.extend(self.loads.to_le_bytes());
        bytes.extend(medium.to_le_bytes());
        self.holders.iter().for_each(|nexus| bytes.extend(nexus.to_le_bytes()));
        bytes
    }

    /// Reads them back. None if they are no such bytes. Of another medium, only the holders and the count are left.
    pub fn decode(bytes: &[u8], medium: u32) -> Option<Self> {
        let ([FORMAT, power, open, 0], rest) = bytes.split_first_chunk()? else { return None };
        let (loads, rest) = rest.split_first_chunk()?;
        let (of, rest) = rest.split_first_chunk()?;
        let power = match power {
            0 => Power::Active,
            1 => Power::Idle,
            2 => Power::Standby,
            3 => Power::Stopped,
            _ => return None,
        };
        let (holders, []) = rest.as_chunks() else { return None };
        let mut drive = Self {
            power,
            open: match open {
                0 => false,
                1 => true,
                _ => return None,
            },
            loads: u32::from_le_bytes(*loads),
            holders: holders.iter().map(|nexus| u64::from_le_bytes(*nexus)).collect(),
            special: false,
        };
        if u32::from_le_bytes(*of) != medium {
            drive.medium_changed();
        }
        drive.look();
        (drive.holders.len() <= MOST_HOLDERS).then_some(drive)
    }
}

#[cfg(test)]
mod tests;
