//! What a handler tells the core of a logical unit, unasked: the settings that the core acts on, and how often what
//! initiators may have remembered of the unit has changed.
//!
//! A report says how things are, never that something happens, so that it can be sent any number of times: after a death
//! of either side it comes again. The core raises a unit attention for each generation that is another one than it
//! has seen before. It crosses a ring as [`UnitReport::LEN`] bytes and is an allegation there.

use crate::asc::Asc;

/// The settings of the control mode page (SPC-4 7.5.8) that the core acts on, already decoded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Control {
    /// TST: 000b one task set for all I_T nexuses, 001b one for each.
    pub tst: u8,
    /// QERR: 00b, 01b or 11b.
    pub qerr: u8,
    /// QUEUE ALGORITHM MODIFIER: 0h restricted, 1h unrestricted reordering.
    pub queue_algorithm: u8,
    /// UA_INTLCK_CTRL: 00b, 10b or 11b.
    pub ua_intlck: u8,
    /// TAS: commands aborted by another I_T nexus end with TASK ABORTED status.
    pub tas: bool,
    /// TMF_ONLY: ACA tasks are refused while an ACA condition stands; only task management ends it.
    pub tmf_only: bool,
    /// D_SENSE: sense data in descriptor format.
    pub d_sense: bool,
}

/// How often something has changed that initiators may have remembered. Only compared for being equal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Generations {
    /// Mode parameters: 2A/01 MODE PARAMETERS CHANGED.
    pub mode: u32,
    /// Capacity: 2A/09 CAPACITY DATA HAS CHANGED. 0 says that it is not known, for there is no medium (yet): what was known
    /// before still holds.
    pub capacity: u32,
    /// The medium itself: 28/00 NOT READY TO READY CHANGE, MEDIUM MAY HAVE CHANGED.
    pub medium: u32,
    /// INQUIRY data: 3F/03 INQUIRY DATA HAS CHANGED.
    pub inquiry: u32,
    /// Soft threshold of thin provisioning: 38/07.
    pub threshold: u32,
    /// Log parameters: 2A/02 LOG PARAMETERS CHANGED.
    pub log: u32,
}

/// Stands for a medium that is not in any more: no [`Generations::medium_number`] that a unit can reach.
pub const GONE: u64 = u64::MAX;

impl Generations {
    /// What is news to initiators that know of `seen`: the unit attentions to raise.
    pub fn news_since(&self, seen: &Self) -> impl Iterator<Item = Asc> + use<> {
        let now = self.known_after(seen);
        let changes = [
            (now.mode != seen.mode, Asc::MODE_PARAMETERS_CHANGED),
            (now.capacity != seen.capacity && seen.capacity != 0, Asc::CAPACITY_DATA_HAS_CHANGED),
            (now.medium != seen.medium, Asc::MEDIUM_MAY_HAVE_CHANGED),
            (now.inquiry != seen.inquiry, Asc::INQUIRY_DATA_HAS_CHANGED),
            (now.threshold != seen.threshold, Asc::THIN_PROVISIONING_SOFT_THRESHOLD_REACHED),
            (now.log != seen.log, Asc::LOG_PARAMETERS_CHANGED),
        ];
        changes.into_iter().filter(|(changed, _)| *changed).map(|(_, asc)| asc)
    }

    /// A number for the medium that is in: never 0, and another one for another medium.
    pub fn medium_number(&self) -> u64 {
        (u64::from(self.medium) << 32 | u64::from(self.inquiry)).wrapping_add(1).max(1)
    }

    /// What is to be remembered as seen when this came after `seen`.
    pub fn known_after(&self, seen: &Self) -> Self {
        let capacity = if self.capacity == 0 { seen.capacity } else { self.capacity };
        Self { capacity, ..*self }
    }
}

/// The report.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UnitReport {
    /// Settings in force.
    pub control: Control,
    /// Counters of changes.
    pub generations: Generations,
    /// The I_T nexus, under its number for handlers, whose command made the latest change of mode or log parameters, and
    /// which therefore need not be told of it. 0 for none.
    pub origin: u64,
    /// The handler keeps something for single nexuses (PREVENT ALLOW MEDIUM REMOVAL) and has to hear when one ends.
    pub keeps_nexus_state: bool,
    /// Written data was lost, and there may be a nexus that has not been told.
    pub deferred_error: bool,
}

/// Bits of the flag byte.
const TAS: u8 = 0x01;
const TMF_ONLY: u8 = 0x02;
const D_SENSE: u8 = 0x04;
const NEXUS_STATE: u8 = 0x08;
const DEFERRED_ERROR: u8 = 0x10;

impl UnitReport {
    /// Bytes of an encoded report.
    pub const LEN: usize = 40;

    /// The bytes that cross the ring, little-endian.
    pub fn encode(&self) -> [u8; Self::LEN] {
        let Self { control, generations, origin, keeps_nexus_state, deferred_error } = self;
        let flag = |set: bool, bit: u8| if set { bit } else { 0 };
        let flags = flag(control.tas, TAS)
            | flag(control.tmf_only, TMF_ONLY)
            | flag(control.d_sense, D_SENSE)
            | flag(*keeps_nexus_state, NEXUS_STATE)
            | flag(*deferred_error, DEFERRED_ERROR);
        let mut bytes = [0; Self::LEN];
        bytes[..5].copy_from_slice(&[
            control.tst,
            control.qerr,
            control.queue_algorithm,
            control.ua_intlck,
            flags,
        ]);
        let Generations { mode, capacity, medium, inquiry, threshold, log } = *generations;
        for (at, generation) in [mode, capacity, medium, inquiry, threshold, log].into_iter().enumerate() {
            bytes[8 + at * 4..12 + at * 4].copy_from_slice(&generation.to_le_bytes());
        }
        bytes[32..].copy_from_slice(&origin.to_le_bytes());
        bytes
    }

    /// Reads a report back. None if it has another length or holds a value that a control mode page cannot have.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; Self::LEN] = bytes.try_into().ok()?;
        let [tst, qerr, queue_algorithm, ua_intlck, flags, 0, 0, 0] = *bytes.first_chunk()? else {
            return None;
        };
        let possible = tst <= 1 && matches!(qerr, 0 | 1 | 3) && queue_algorithm <= 1;
        if !possible
            || !matches!(ua_intlck, 0 | 2 | 3)
            || flags & !(TAS | TMF_ONLY | D_SENSE | NEXUS_STATE | DEFERRED_ERROR) != 0
        {
            return None;
        }
        let word = |at: usize| bytes.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes));
        Some(Self {
            control: Control {
                tst,
                qerr,
                queue_algorithm,
                ua_intlck,
                tas: flags & TAS != 0,
                tmf_only: flags & TMF_ONLY != 0,
                d_sense: flags & D_SENSE != 0,
            },
            generations: Generations {
                mode: word(8)?,
                capacity: word(12)?,
                medium: word(16)?,
                inquiry: word(20)?,
                threshold: word(24)?,
                log: word(28)?,
            },
            origin: u64::from_le_bytes(*bytes.last_chunk()?),
            keeps_nexus_state: flags & NEXUS_STATE != 0,
            deferred_error: flags & DEFERRED_ERROR != 0,
        })
    }
}

#[cfg(test)]
mod tests;
