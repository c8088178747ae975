//! Reservations of one logical unit: those of SPC-2 (RESERVE and RELEASE) and persistent ones (SPC-4 5.13), and whom they shut
//! out. Which commands that means stands in the column `reservation` of the opcode table and nowhere else.
//!
//! [`state`] is what persistent reservations are, [`action`] what PERSISTENT RESERVE OUT makes of it; both know names of nexuses,
//! not nexuses. [`execute`] carries the commands out, [`durable`] keeps what has to survive a loss of power, [`abort`] waits
//! for the commands of a preempted nexus. A change is in the notebook before anybody can see it.

pub mod abort;
pub mod action;
pub mod durable;
pub mod execute;
pub mod judge;
pub mod state;

use std::collections::VecDeque;

use rustc_hash::FxHashMap;
use scsi::asc::Asc;
use scsi::opcode::{Admission, Opcode};
use scsi::persistent_reservation::Type;
use scsi::sense::{Sense, SenseKey};
use serde::{Deserialize, Serialize};

use crate::task::TaskId;
use state::{Port, State};

/// What is remembered across the core's death.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// The nexus that holds the unit by RESERVE, under its number for handlers.
    pub spc2: Option<u64>,
    /// Persistent reservations.
    pub state: State,
}

/// Reservations of a unit.
#[derive(Debug, Default)]
pub struct Reservations {
    /// What is remembered.
    pub kept: Kept,
    /// Living nexuses that are registered, under their numbers for handlers, and whether they hold the reservation.
    pub bound: FxHashMap<u64, bool>,
    /// The number of the last writing of its file.
    pub sequence: u64,
    /// A change is being made durable.
    pub busy: bool,
    /// Commands that wait until it is.
    pub queue: VecDeque<TaskId>,
}

/// Why a command is not let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shut {
    /// RESERVATION CONFLICT.
    Conflict,
    /// The reservations have been lost.
    Lost,
}

/// The sense of everything that a lost reservation may have been meant to stop (SPC-4 5.13.5).
pub const LOST: Sense = Sense::new(SenseKey::HardwareError, Asc::PERSISTENT_RESERVATION_INFORMATION_LOST);

impl Reservations {
    /// Nobody is shut out.
    #[inline]
    pub fn is_open(&self) -> bool {
        self.kept.spc2.is_none() && self.kept.state.held.is_none() && !self.kept.state.lost
    }

    /// Whether a command of `nexus` is let through.
    pub fn judge(&self, nexus: u64, row: &Opcode, cdb: &[u8]) -> Result<(), Shut> {
        let Kept { spc2, state } = &self.kept;
        let passes = |admission: Admission| admission.lets_through(cdb);
        if state.lost && !passes(row.reservation.exclusive_access) {
            return Err(Shut::Lost);
        }
        if spc2.is_some_and(|holder| holder != nexus) && !passes(row.reservation.spc2) {
            return Err(Shut::Conflict);
        }
        let Some(held) = &state.held else { return Ok(()) };
        let admission = if held.kind.is_write_exclusive() {
            row.reservation.write_exclusive
        } else {
            row.reservation.exclusive_access
        };
        if self.is_inside(nexus, held.kind) || passes(admission) { Ok(()) } else { Err(Shut::Conflict) }
    }

    /// Whether a reservation of this type does not shut the nexus out, whatever it asks.
    pub fn is_inside(&self, nexus: u64, kind: Type) -> bool {
        self.bound.get(&nexus).is_some_and(|holder| *holder || kind.is_for_registrants())
    }

    /// Finds the living nexuses among the registered ones anew; `living` are their numbers and names.
    pub fn bind<'a>(&mut self, living: impl Iterator<Item = (u64, &'a Port)>) {
        let state = &self.kept.state;
        let registered: FxHashMap<&Port, bool> =
            state.registrations.iter().map(|known| (&known.port, state.is_holder(&known.port))).collect();
        self.bound = living.filter_map(|(nexus, port)| Some((nexus, *registered.get(port)?))).collect();
    }
}

#[cfg(test)]
mod tests;
