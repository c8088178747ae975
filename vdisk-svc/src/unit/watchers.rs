//! Who has been told what of a medium by GET EVENT STATUS NOTIFICATION.
//!
//! Each nexus hears of a change once. A nexus that asks for the first time hears of none: what was there before, it has
//! learnt from unit attentions. Nothing of this outlives the process, for the same reason.

use std::collections::BTreeMap;

use scsi::mmc::MediaEvent;

/// Nexuses that are remembered; the one of the lowest number, which is an old one, is forgotten for a new one.
const MOST: usize = 1024;

/// What a nexus knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    medium: Option<u32>,
    requests: u32,
}

/// The nexuses that ask.
#[derive(Debug, Default)]
pub struct Watchers {
    seen: BTreeMap<u64, Seen>,
    /// How often somebody has asked for the medium in vain.
    requests: u32,
}

impl Watchers {
    /// The administrator wants the medium out, and initiators prevent it: they are asked.
    pub fn ask_for_removal(&mut self) {
        self.requests = self.requests.wrapping_add(1);
    }

    /// What a nexus is told next; `medium` is the number of the one that is in.
    pub fn poll(&mut self, nexus: u64, medium: Option<u32>) -> MediaEvent {
        let now = Seen { medium, requests: self.requests };
        if self.seen.len() >= MOST && !self.seen.contains_key(&nexus) {
            self.seen.pop_first();
        }
        let Some(seen) = self.seen.insert(nexus, now) else { return MediaEvent::NoChange };
        match medium {
            None if seen.medium.is_some() => MediaEvent::MediaRemoval,
            Some(_) if seen.medium != medium => MediaEvent::NewMedia,
            Some(_) if seen.requests != self.requests => MediaEvent::EjectRequest,
            _ => MediaEvent::NoChange,
        }
    }
}

#[cfg(test)]
mod tests;
