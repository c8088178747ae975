//! Persistent reservations as they stand on the wire (SPC-4 6.15 and 6.16): types, the parameter list of PERSISTENT RESERVE
//! OUT, the parameter data of PERSISTENT RESERVE IN.
//!
//! What they do is core-svc's affair; nothing here has a state.

mod list;
mod report;

use crate::code::coded_enum;

pub use list::{List, MAX_LIST};
pub use report::{Capabilities, FullStatus, full_status, keys, report_capabilities, reservation};

coded_enum! {
    /// TYPE of a persistent reservation (SPC-4 table 216).
    Type, "persistent reservation type" {
        /// Write Exclusive.
        WriteExclusive = 0x1,
        /// Exclusive Access.
        ExclusiveAccess = 0x3,
        /// Write Exclusive, Registrants Only.
        WriteExclusiveRegistrantsOnly = 0x5,
        /// Exclusive Access, Registrants Only.
        ExclusiveAccessRegistrantsOnly = 0x6,
        /// Write Exclusive, All Registrants.
        WriteExclusiveAllRegistrants = 0x7,
        /// Exclusive Access, All Registrants.
        ExclusiveAccessAllRegistrants = 0x8,
    }
}

impl Type {
    /// Whether everybody may still read.
    pub fn is_write_exclusive(self) -> bool {
        use Type::{WriteExclusive, WriteExclusiveAllRegistrants, WriteExclusiveRegistrantsOnly};
        matches!(self, WriteExclusive | WriteExclusiveRegistrantsOnly | WriteExclusiveAllRegistrants)
    }

    /// Whether it shuts out only those that are not registered.
    pub fn is_for_registrants(self) -> bool {
        !matches!(self, Self::WriteExclusive | Self::ExclusiveAccess)
    }

    /// Whether every registered I_T nexus holds it.
    pub fn is_held_by_all(self) -> bool {
        matches!(self, Self::WriteExclusiveAllRegistrants | Self::ExclusiveAccessAllRegistrants)
    }
}

coded_enum! {
    /// Service actions of PERSISTENT RESERVE IN (SPC-4 table 213).
    InAction, "service action of PERSISTENT RESERVE IN" {
        /// READ KEYS.
        ReadKeys = 0x00,
        /// READ RESERVATION.
        ReadReservation = 0x01,
        /// REPORT CAPABILITIES.
        ReportCapabilities = 0x02,
        /// READ FULL STATUS.
        ReadFullStatus = 0x03,
    }
}

coded_enum! {
    /// Service actions of PERSISTENT RESERVE OUT (SPC-4 table 226).
    OutAction, "service action of PERSISTENT RESERVE OUT" {
        /// REGISTER.
        Register = 0x00,
        /// RESERVE.
        Reserve = 0x01,
        /// RELEASE.
        Release = 0x02,
        /// CLEAR.
        Clear = 0x03,
        /// PREEMPT.
        Preempt = 0x04,
        /// PREEMPT AND ABORT.
        PreemptAndAbort = 0x05,
        /// REGISTER AND IGNORE EXISTING KEY.
        RegisterAndIgnore = 0x06,
        /// REGISTER AND MOVE.
        RegisterAndMove = 0x07,
        /// REPLACE LOST RESERVATION.
        ReplaceLost = 0x08,
    }
}

impl OutAction {
    /// Whether SCOPE and TYPE mean something; the others ignore them.
    pub fn has_type(self) -> bool {
        use OutAction::{Preempt, PreemptAndAbort, Release, ReplaceLost, Reserve};
        matches!(self, Reserve | Release | Preempt | PreemptAndAbort | ReplaceLost)
    }
}

#[cfg(test)]
mod tests;
