//! Errands: what a handler has to do besides executing commands. Whatever waits for one goes on when the handler says that
//! it is done.
//!
//! * **Reset**: a logical unit was reset, and none of its older tasks runs any more: the handler puts the unit's settings back
//!   to their saved or default values and lets go of what initiators held.
//! * **NexusLost**: a nexus is over, and whatever the handler keeps for it (PREVENT ALLOW MEDIUM REMOVAL) with it.
//!
//! * **Allow**: a nexus was preempted by PREEMPT AND ABORT: it does not prevent the removal of the medium any more. It is in the
//!   notebook as long as it is owed, because the preemption, once noted, is not executed again.
//!
//! * **DeferredError**: QUERY ASYNCHRONOUS EVENT wants to know whether a nexus has still to be told of lost data.
//!
//! All can be done twice. What was not answered over one link is asked again over the next; a handler that stays away is
//! not waited for: its units begin anew when it is back, and it is told that every nexus is another one then.

use ipc::fault::PeerFault;
use ipc::message::record::{Reply, ReplyKind, Request, RequestKind};
use scsi::asc::Asc;
use scsi::sense::SenseKey;

use crate::core::Core;
use crate::notebook::Part;
use crate::peers::{MOST_OUTSTANDING, Presence};

/// What has to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duty {
    /// A unit was reset.
    Reset,
    /// A nexus, by its wide number, is over; 0 for every nexus.
    NexusLost(u64),
    /// A nexus, by its wide number, was preempted.
    Allow(u64),
    /// Has a nexus, by its wide number, still to be told of lost data?
    DeferredError(u64),
}

impl Duty {
    /// Whether it has to be made up for if the handler is not there.
    fn is_missed(self) -> bool {
        matches!(self, Self::NexusLost(_) | Self::Allow(_))
    }
}

/// An errand that is not done.
#[derive(Debug)]
pub struct Errand {
    serial: u64,
    handler: usize,
    unit: u32,
    duty: Duty,
    /// It is with the handler, over the link that lives.
    sent: bool,
}

impl Errand {
    /// Whether the handler at `place` has it and owes an answer.
    pub fn is_with(&self, place: usize) -> bool {
        self.sent && self.handler == place
    }
}

impl Core {
    /// Has the handler of `unit` do something. None: it is not there to do it. The number names the errand until
    /// [`errand_over`](Self::errand_over).
    pub(crate) fn run_errand(&mut self, unit: u32, duty: Duty) -> Option<u64> {
        let place = self.handler_of(unit)?;
        let handler = &mut self.handlers[place];
        if handler.presence == Presence::Held || handler.expired {
            handler.missed |= duty.is_missed();
            return None;
        }
        let same = |known: &&Errand| !known.sent && known.unit == unit && known.duty == duty;
        if let Some(waiting) = self.errands.iter().find(same) {
            return Some(waiting.serial);
        }
        self.next_errand += 1;
        let serial = self.next_errand;
        self.errands.push(Errand { serial, handler: place, unit, duty, sent: false });
        self.send_errands();
        Some(serial)
    }

    /// Sends errands for which there is a link with room.
    pub(crate) fn send_errands(&mut self) {
        for errand in self.errands.iter_mut().filter(|errand| !errand.sent) {
            let handler = &mut self.handlers[errand.handler];
            let Some(link) = handler.link.as_mut().filter(|_| handler.outstanding < MOST_OUTSTANDING) else {
                continue;
            };
            let (kind, nexus) = match errand.duty {
                Duty::Reset => (RequestKind::Reset, 0),
                Duty::NexusLost(nexus) => (RequestKind::NexusLost, nexus),
                Duty::Allow(nexus) => (RequestKind::Allow, nexus),
                Duty::DeferredError(nexus) => (RequestKind::DeferredError, nexus),
            };
            let mut request = Request::new(kind, nexus, errand.serial);
            request.unit = errand.unit;
            // A fault of the peer shows when its answers are looked at.
            if link.send(&request).is_ok() {
                handler.outstanding += 1;
                errand.sent = true;
            }
        }
    }

    /// The link to the handler at `place` is another one: what it has not answered is to be asked again.
    pub(crate) fn take_back_errands(&mut self, place: usize) {
        for errand in self.errands.iter_mut().filter(|errand| errand.handler == place) {
            errand.sent = false;
        }
        let missed = std::mem::take(&mut self.handlers[place].missed);
        if let Some(unit) = self.any_unit_of(place).filter(|_| missed) {
            self.run_errand(unit, Duty::NexusLost(0));
        }
    }

    /// Nobody waits for the handler at `place` any more.
    pub(crate) fn drop_errands(&mut self, place: usize) {
        let (dropped, kept) =
            std::mem::take(&mut self.errands).into_iter().partition(|errand| errand.handler == place);
        self.errands = kept;
        let dropped: Vec<Errand> = dropped;
        for errand in dropped {
            self.handlers[place].missed |= errand.duty.is_missed();
            self.errand_over(&errand);
        }
    }

    /// The handler at `place` says that an errand is done.
    pub(crate) fn errand_done(&mut self, place: usize, reply: &Reply) -> Result<(), PeerFault> {
        let done = |errand: &Errand| {
            let kind = match errand.duty {
                Duty::Reset => ReplyKind::ResetDone,
                Duty::NexusLost(_) | Duty::Allow(_) => ReplyKind::NexusForgotten,
                Duty::DeferredError(_) => ReplyKind::DeferredErrorIs,
            };
            let same = errand.serial == reply.serial && errand.handler == place;
            errand.sent && same && reply.kind == kind as u8
        };
        let at = self.errands.iter().position(done);
        let at = at.ok_or(PeerFault::Record { field: "serial of an errand", value: reply.serial })?;
        let event = match (ReplyKind::try_from(reply.kind)?, reply.sense()?) {
            (ReplyKind::DeferredErrorIs, [key, code, qualifier]) => {
                let wrong = PeerFault::Record { field: "sense key", value: u64::from(*key) };
                let key = SenseKey::try_from(*key).map_err(|_| wrong)?;
                Some((key, Asc { code: *code, qualifier: *qualifier }))
            }
            _ => None,
        };
        let errand = self.errands.swap_remove(at);
        self.handlers[place].outstanding -= 1;
        if let Some((key, asc)) = event {
            self.functions_learn(errand.serial, key, asc);
        }
        self.errand_over(&errand);
        Ok(())
    }

    /// An errand is done, or will not be: whoever waits goes on.
    fn errand_over(&mut self, errand: &Errand) {
        if let Duty::NexusLost(wide) = errand.duty
            && let Some(at) = self.nexuses.find(wide)
            && let Some(nexus) = self.nexuses.get_mut(at)
        {
            nexus.farewells.retain(|serial| *serial != errand.serial);
            self.endings |= nexus.closing.is_some();
        }
        if let Duty::Allow(wide) = errand.duty {
            self.touch((Part::Allow, wide, u64::from(errand.unit)));
            self.preempting_after_errand(errand.serial);
        }
        self.functions_after_errand(errand.serial);
    }

    /// Whether the handler of `unit` is still to hear that the nexus known as `wide` was preempted.
    pub(crate) fn owes_allowance(&self, wide: u64, unit: u64) -> bool {
        let same = |known: u32, duty: Duty| (u64::from(known), duty) == (unit, Duty::Allow(wide));
        let mut later = self.preempting.iter().flat_map(|waiting| &waiting.then);
        self.errands.iter().any(|errand| same(errand.unit, errand.duty))
            || later.any(|(unit, duty)| same(*unit, *duty))
    }

    /// Takes up what a former core owed.
    pub(crate) fn take_up_allowance(&mut self, wide: u64, unit: u64) -> Option<()> {
        let unit = u32::try_from(unit).ok()?;
        let handler = self.handler_of(unit)?;
        self.next_errand += 1;
        let (serial, duty) = (self.next_errand, Duty::Allow(wide));
        self.errands.push(Errand { serial, handler, unit, duty, sent: false });
        Some(())
    }

    /// Tells handlers that keep something for the nexus at `at` that it is over. Numbers of the errands.
    pub(crate) fn tell_of_loss(&mut self, at: usize) -> Vec<u64> {
        let Some(nexus) = self.nexuses.get(at) else { return Vec::new() };
        let wide = nexus.wide;
        let keeps = |unit: &u32| {
            let unit = self.units.get(*unit as usize).and_then(Option::as_ref);
            unit.is_some_and(|unit| unit.report.keeps_nexus_state)
        };
        let mut units: Vec<u32> = nexus.attentions.keys().copied().filter(keeps).collect();
        units.sort_unstable();
        units.into_iter().filter_map(|unit| self.run_errand(unit, Duty::NexusLost(wide))).collect()
    }

    fn any_unit_of(&self, place: usize) -> Option<u32> {
        let of =
            |unit: &Option<crate::lun_map::Unit>| unit.as_ref().is_some_and(|unit| unit.handler == place);
        self.units.iter().position(of).map(|unit| unit as u32)
    }
}
