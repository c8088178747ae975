//! What handlers say of their units, unasked: the settings that the core acts on, and what has changed.
//!
//! A report is about how things are and may come any number of times. The core compares its generations with those that it
//! has seen, which its notebook keeps, and raises a unit attention condition for each that is another one. The first report
//! ever of a unit is no news. Next: [`scsi::unit_report`] for what is in it.

use ipc::fault::PeerFault;
use ipc::message::record::{Reply, Request, request_flags};
use scsi::asc::Asc;
use scsi::unit_report::{GONE, Generations, UnitReport};
use serde::{Deserialize, Serialize};

use crate::core::Core;
use crate::notebook::Part;

/// The generations that were seen, as the notebook keeps them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    mode: u32,
    capacity: u32,
    medium: u32,
    inquiry: u32,
    threshold: u32,
    log: u32,
}

impl From<Generations> for Seen {
    fn from(generations: Generations) -> Self {
        let Generations { mode, capacity, medium, inquiry, threshold, log } = generations;
        Self { mode, capacity, medium, inquiry, threshold, log }
    }
}

impl From<Seen> for Generations {
    fn from(seen: Seen) -> Self {
        let Seen { mode, capacity, medium, inquiry, threshold, log } = seen;
        Self { mode, capacity, medium, inquiry, threshold, log }
    }
}

/// Whether the nexus whose command made the latest change knows of `asc` already. Of two changes of parameters at once it
/// made only the latter for certain.
fn origin_knows(asc: Asc, seen: &Generations, now: &Generations) -> bool {
    match asc {
        Asc::MODE_PARAMETERS_CHANGED => now.mode == seen.mode.wrapping_add(1),
        Asc::LOG_PARAMETERS_CHANGED => now.log == seen.log.wrapping_add(1),
        _ => true,
    }
}

impl Core {
    /// Takes a report of the handler at `place`.
    pub(crate) fn hear_report(&mut self, place: usize, reply: &Reply) -> Result<(), PeerFault> {
        let unknown = PeerFault::Record { field: "unit of a report", value: reply.serial };
        let number = u32::try_from(reply.serial).map_err(|_| unknown)?;
        let report = UnitReport::decode(reply.sense()?).ok_or(PeerFault::Unexpected("unit report"))?;
        let unit = self.unit_mut(number).filter(|unit| unit.handler == place).ok_or(unknown)?;
        unit.report = report;
        let suits = unit.set.suits(&report.control);
        let now = report.generations;
        let before = unit.seen.map(Generations::from);
        let known = before.map_or(now, |seen| now.known_after(&seen));
        unit.seen = Some(known.into());
        if !suits {
            self.suit_sets(number);
        }
        if before == Some(known) {
            return Ok(());
        }
        self.touch((Part::Unit, u64::from(number), 0));
        let Some(before) = before else { return Ok(()) };
        if known.medium_number() != before.medium_number() {
            self.note_other_medium(number);
        }
        let origin = self.nexuses.find(report.origin);
        for asc in now.news_since(&before) {
            let knows = origin_knows(asc, &before, &now);
            self.raise_attention(number, asc, |nexus| !(knows && origin == Some(nexus)));
        }
        Ok(())
    }

    /// The medium of a unit is another one: commands that were let in before never reach it, also when they come again to the next
    /// core, which cannot tell what had been in.
    fn note_other_medium(&mut self, unit: u32) {
        for (_, nexus) in self.nexuses.iter_mut() {
            if let Some(attentions) = nexus.attentions.get_mut(&unit) {
                attentions.change_medium(nexus.latest);
                self.touched.push((Part::Attentions, nexus.wide, u64::from(unit)));
            }
        }
    }

    /// The medium of a unit, as its handler has told it, that a command of the nexus at `at` is let in for; 0 where it has told
    /// nothing.
    #[inline]
    pub(crate) fn medium_for(&self, at: usize, unit: u32, request: &Request) -> u64 {
        if request.flags & request_flags::AGAIN != 0 && self.was_for_other_medium(at, unit, request.serial) {
            return GONE;
        }
        let seen = self.units.get(unit as usize).and_then(|unit| unit.as_ref()?.seen);
        seen.map_or(0, |seen| Generations::from(seen).medium_number())
    }

    #[cold]
    fn was_for_other_medium(&self, at: usize, unit: u32, serial: u64) -> bool {
        let attentions = self.nexuses.get(at).and_then(|nexus| nexus.attentions.get(&unit));
        attentions.is_some_and(|attentions| attentions.was_for_other_medium(serial))
    }
}
