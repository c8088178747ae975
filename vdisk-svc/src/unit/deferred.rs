//! Deferred errors (SPC-4 4.5.7): written data that was acknowledged did not reach the medium, and nobody knows whose.
//!
//! Then each I_T nexus is told once, by the first of its commands that can be: that command is not executed. A nexus whose own
//! command has just failed for it knows already. One that comes later is told as well, for what it would read may be what was
//! there before. What remains is remembered by [`super::Syncs::lost`], and every later sync fails.
//!
//! All of it stands in the notebook, for the kernel says it once: who opens the file after that hears nothing of it. What the
//! kernel said to a process that died before it could note it, the supervisor knows (`DeviceConfig::lost`).

use std::collections::BTreeMap;
use std::io;

use super::Unit;
use crate::notebook::Name;

/// Nexuses of which it is remembered that they know.
const MOST_TOLD: usize = 4096;
/// Number of the format in the notebook.
const FORMAT: u8 = 1;
const LOST: u8 = 1;
const DUE: u8 = 2;

/// Who has been told of a loss.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Deferred {
    /// Data has been lost.
    due: bool,
    /// Who knows, and by which command: should that come again, nobody has heard of its end. Numbers of nexuses are never
    /// used again.
    told: BTreeMap<u64, u64>,
}

impl Deferred {
    /// Data has been lost.
    pub fn raise(&mut self) {
        self.due = true;
        self.told.clear();
    }

    /// Whether there is anything to tell anybody.
    #[inline]
    pub fn is_due(&self) -> bool {
        self.due
    }

    /// Tells a nexus by a command, unless it knows by another one. True if it did not.
    pub fn tell(&mut self, (nexus, serial): Name) -> bool {
        if !self.due {
            return false;
        }
        let by = *self.told.entry(nexus).or_insert(serial);
        if self.told.len() > MOST_TOLD {
            // At the worst a nexus that lives very long is told twice.
            self.told.pop_first();
        }
        by == serial
    }

    /// Whether a nexus has still to be told.
    pub fn owes(&self, nexus: u64) -> bool {
        self.due && !self.told.contains_key(&nexus)
    }

    /// A nexus is over.
    pub fn forget(&mut self, nexus: u64) {
        self.told.remove(&nexus);
    }

    /// The bytes for the notebook: whether data of this medium is lost, and who knows.
    pub fn encode(&self, lost: bool, medium: u32) -> Vec<u8> {
        let flags = if lost { LOST } else { 0 } | if self.due { DUE } else { 0 };
        let mut bytes = vec![FORMAT, flags, 0, 0];
        bytes.extend(medium.to_le_bytes());
        for (nexus, serial) in &self.told {
            bytes.extend(nexus.to_le_bytes());
            bytes.extend(serial.to_le_bytes());
        }
        bytes
    }

    /// Reads them back. None if they are no such bytes, or are about another medium.
    pub fn decode(bytes: &[u8], medium: u32) -> Option<(bool, Self)> {
        let ([FORMAT, flags @ 0..=3, 0, 0], rest) = bytes.split_first_chunk()? else { return None };
        let (of, rest) = rest.split_first_chunk()?;
        let (pairs, []) = rest.as_chunks::<16>() else { return None };
        let word =
            |pair: &[u8; 16], at: usize| pair.get(at..)?.first_chunk().map(|word| u64::from_le_bytes(*word));
        let told = pairs.iter().map(|pair| Some((word(pair, 0)?, word(pair, 8)?)));
        let told: BTreeMap<u64, u64> = told.collect::<Option<_>>()?;
        let fits = told.len() <= MOST_TOLD && u32::from_le_bytes(*of) == medium;
        fits.then_some((flags & LOST != 0, Self { due: flags & DUE != 0, told }))
    }
}

impl Unit {
    /// Written data did not reach the medium. What is returned is for the administrator.
    pub fn lose_data(&mut self, why: &dyn std::fmt::Display) -> Option<String> {
        if std::mem::replace(&mut self.syncs.lost, true) {
            return None;
        }
        self.deferred.raise();
        self.touch_loss();
        let name = self.name();
        Some(format!(
            "device {name}: written data did not reach the medium ({why}); every sync fails from now on, until its \
             service is restarted by hand or another medium is put in"
        ))
    }

    /// A command is about to tell its nexus of lost data. True if it has to.
    pub fn tell_loss(&mut self, name: Name) -> bool {
        let news = self.deferred.tell(name);
        if news {
            self.touch_loss();
        }
        news
    }

    /// Whether a nexus has still to be told of lost data.
    pub fn owes_loss(&self, nexus: u64) -> bool {
        self.deferred.owes(nexus)
    }

    /// Asks the kernel whether data was lost that nobody waits for. What is returned is for the administrator.
    pub fn look_for_loss(&mut self) -> Option<String> {
        if self.syncs.lost || !self.needs_sync() {
            return None;
        }
        let file = self.backend()?.file()?;
        let error = ipc::io::written_back(file.as_ref()).err()?;
        self.lose_data(&error)
    }

    /// The administrator has this service stopped: what was lost does not make later syncs fail. Who has not heard of it is told
    /// all the same.
    pub fn forgive_loss(&mut self) {
        if std::mem::take(&mut self.syncs.lost) {
            self.touch_loss();
        }
    }

    /// Another medium has been put in.
    pub(super) fn forget_loss(&mut self) {
        (self.syncs.lost, self.deferred) = (false, Deferred::default());
        self.touch_loss();
    }

    /// Takes up what a former incarnation has left of it. What is returned is for the administrator.
    pub(super) fn remember_loss(&mut self, kept: Option<&[u8]>) -> Option<String> {
        if let Some((lost, deferred)) =
            kept.and_then(|bytes| Deferred::decode(bytes, self.medium_generation()))
        {
            (self.syncs.lost, self.deferred) = (lost, deferred);
            self.report_loss();
        }
        let before = io::Error::other("found out when this service had died");
        if self.config.lost { self.lose_data(&before) } else { None }
    }

    /// QUERY ASYNCHRONOUS EVENT is the core's to answer, and it asks only where there is something to tell.
    fn report_loss(&mut self) {
        let due = self.deferred.is_due();
        self.change_report(|report| report.deferred_error = due);
    }

    fn touch_loss(&mut self) {
        self.loss_unkept = true;
        self.report_loss();
        self.untold = true;
    }
}

#[cfg(test)]
mod tests;
