//! Nexuses come and go: what a transport says when its link is new, when a session begins and when it ends.
//!
//! A transport names every nexus that it still has before anything else. What the core remembers beyond that is lost
//! and ends: its tasks are aborted, also in the handlers. Only then the transport is told that it may use its arena,
//! because until then a handler may still be reading or writing blocks of it.

use std::time::Instant;

use ipc::fault::PeerFault;
use ipc::message::record::{NexusNames, Reply, ReplyKind, Request, refusal, request_flags};
use scsi::asc::Asc;
use scsi::transport_id::TransportId;

use crate::core::Core;
use crate::nexus::{Closing, MOST, Nexus};
use crate::notebook::Part;
use crate::peers::Attach;
use crate::reservation::state::Port;
use crate::unit_attention::UNKNOWN;

impl Core {
    /// The transport at `place` has a new link, or none any more. What it asked over the old one it asks again, if it
    /// still wants to know.
    pub(crate) fn forget_questions(&mut self, place: usize) {
        self.late.retain(|answer| answer.transport != place);
        self.late_ends.retain(|(transport, _)| *transport != place);
        for (_, nexus) in self.nexuses.iter_mut().filter(|(_, nexus)| nexus.transport == place) {
            nexus.confirmed = false;
            nexus.closing = nexus.closing.map(|_| Closing::Lost);
        }
    }

    /// The transport at `place` begins.
    pub(crate) fn attach(&mut self, place: usize) {
        self.transports[place].attach = Attach::Naming;
        self.transports[place].silent_since = None;
    }

    /// The transport at `place` has named what it has.
    pub(crate) fn attach_end(&mut self, place: usize, serial: u64) {
        self.transports[place].attach = Attach::Ending(serial);
        for at in self.nexuses.of_transport(place) {
            if self.nexuses.get(at).is_some_and(|nexus| !nexus.confirmed) {
                self.end_nexus(at, Closing::Lost);
            }
        }
        self.endings = true;
    }

    /// Ends the nexuses of transports that stayed away for too long: others must not wait for their tasks for ever.
    pub(crate) fn expire_transports(&mut self) {
        for place in 0..self.transports.len() {
            let transport = &mut self.transports[place];
            if transport.silent_since.is_some_and(|since| since.elapsed() >= self.hold) {
                self.give_up_transport(place);
            }
        }
    }

    /// The transport at `place` is not waited for any more.
    pub(crate) fn give_up_transport(&mut self, place: usize) {
        self.transports[place].silent_since = None;
        let lost = self.nexuses.of_transport(place);
        if !lost.is_empty() {
            tracing::warn!(
                transport = self.transports[place].name,
                nexuses = lost.len(),
                "transport stays away; its nexuses end"
            );
        }
        for at in lost {
            self.end_nexus(at, Closing::Lost);
        }
    }

    /// Notes since when the transport at `place` has not been heard of.
    pub(crate) fn miss_transport(&mut self, place: usize) {
        self.transports[place].silent_since.get_or_insert_with(Instant::now);
    }

    /// A nexus is there, newly or still.
    pub(crate) fn open_nexus(&mut self, place: usize, request: &Request) -> Result<(), PeerFault> {
        let resumed = request.flags & request_flags::RESUMED != 0;
        let number = self.wide(place, request.nexus)?;
        let names = self.read_names(place, request)?;
        if let Some(known) = self.nexuses.find(number) {
            self.resume(known, resumed, request, names)?;
            self.nexus_opened(place, request, 0);
            return Ok(());
        }
        let service = self.transports[place].service;
        let refused = match self.targets.get(request.unit as usize) {
            Some(Some(target)) if target.transport == service => {
                let map = target.map_of(&names.initiator);
                let units: Vec<u32> = target.units(map).collect();
                self.admit(place, number, request, (names, map), &units)
            }
            _ => refusal::NO_TARGET,
        };
        self.nexus_opened(place, request, refused);
        Ok(())
    }

    /// A nexus that the core knows is named again after a change of link.
    fn resume(
        &mut self,
        at: usize,
        resumed: bool,
        request: &Request,
        names: NexusNames,
    ) -> Result<(), PeerFault> {
        let port = self.port_named(&names, request.unit);
        let Some(nexus) = self.nexuses.get_mut(at) else { return Ok(()) };
        if !resumed || nexus.confirmed || nexus.target != request.unit {
            return Err(PeerFault::Record { field: "nexus", value: request.nexus });
        }
        nexus.confirmed = true;
        nexus.names = names;
        nexus.told = false;
        nexus.farewells.clear();
        nexus.port = port;
        if nexus.latest == UNKNOWN && request.ref_serial != 0 {
            nexus.latest = request.ref_serial;
            self.date_attentions(at, request.ref_serial.saturating_add(1));
        }
        let Some(nexus) = self.nexuses.get_mut(at) else { return Ok(()) };
        if nexus.closing.take().is_some() {
            // It was about to end, because its transport stayed away or had asked, which it will do again.
            for (unit, waiting) in &mut nexus.attentions {
                if waiting.raise(Asc::IT_NEXUS_LOSS_OCCURRED, 0) {
                    self.touched.push((Part::Attentions, nexus.wide, u64::from(*unit)));
                }
            }
        }
        self.bind_nexus(at);
        Ok(())
    }

    /// Makes a nexus. A resumed one that is not known (its notebook was lost) is treated as new: the initiator must hear
    /// that state is gone, and POWER ON is how SCSI says so.
    fn admit(
        &mut self,
        place: usize,
        wide: u64,
        request: &Request,
        (names, map): (NexusNames, usize),
        units: &[u32],
    ) -> u8 {
        let port = self.port_named(&names, request.unit);
        let mut nexus = Nexus {
            number: request.nexus,
            wide,
            transport: place,
            target: request.unit,
            map,
            names,
            port,
            attentions: Default::default(),
            recorded: Default::default(),
            copies: Default::default(),
            latest: 0,
            by_unit: Default::default(),
            tasks: 0,
            farewells: Vec::new(),
            told: false,
            confirmed: true,
            closing: None,
        };
        for unit in units {
            nexus.attentions.entry(*unit).or_default().raise(Asc::POWER_ON_OR_RESET_OCCURRED, 0);
        }
        tracing::debug!(nexus = nexus.number, initiator = ?nexus.names.initiator, "nexus opened");
        let Some(at) = self.nexuses.insert(nexus) else { return refusal::NO_ROOM };
        self.bind_nexus(at);
        self.touch_nexus(wide, units.iter().copied());
        0
    }

    /// The nexus between an initiator port and the port of target `target`, as persistent reservations know it.
    fn port_named(&self, names: &NexusNames, target: u32) -> Option<Port> {
        let target = self.targets.get(target as usize)?.as_ref()?.port;
        Some(Port { initiator: TransportId::from_port_name(&names.initiator)?, target })
    }

    fn read_names(&self, place: usize, request: &Request) -> Result<NexusNames, PeerFault> {
        let (out, _) = request.extents()?;
        let extent = *out.first().ok_or(PeerFault::Record { field: "out_extents", value: 0 })?;
        if extent.arena != self.transports[place].service || extent.len as usize > NexusNames::MAX {
            return Err(PeerFault::Extent { arena: extent.arena, offset: extent.offset, len: extent.len });
        }
        let checked = self.arenas.check(extent)?;
        let mut bytes = vec![0; checked.len()];
        if let Some(arena) = self.arenas.get(extent.arena) {
            arena.read(checked, &mut bytes);
        }
        NexusNames::decode(&bytes)
    }

    fn nexus_opened(&mut self, place: usize, request: &Request, refused: u8) {
        let mut reply = Reply::new(ReplyKind::NexusOpened, request.nexus, request.serial);
        reply.status = refused;
        self.send_to_transport(place, &reply);
    }

    /// The transport has given a nexus up. It may ask again after a change of link, when it may be gone already.
    pub(crate) fn close_nexus(&mut self, place: usize, request: &Request) -> Result<(), PeerFault> {
        let number = self.wide(place, request.nexus)?;
        let unknown = PeerFault::Record { field: "nexus", value: request.nexus };
        let closing = Closing::Asked(request.serial);
        let Some(at) = self.nexuses.find(number) else {
            if request.flags & request_flags::AGAIN == 0 {
                return Err(unknown);
            }
            // Gone, refused, or forgotten by a core that lost its notebook: then its tasks may still run in a handler, and the
            // answer has to wait until all of them have said that nothing does.
            if self.late_ends.len() >= MOST {
                return Err(PeerFault::ReplyOverflow);
            }
            self.late_ends.push((place, Reply::new(ReplyKind::NexusClosed, request.nexus, request.serial)));
            self.endings = true;
            return Ok(());
        };
        if self.nexuses.get(at).is_some_and(|nexus| matches!(nexus.closing, Some(Closing::Asked(_)))) {
            return Err(unknown);
        }
        self.end_nexus(at, closing);
        Ok(())
    }

    /// Ends a nexus: its tasks are aborted, and it is forgotten when the last of them is over.
    pub(crate) fn end_nexus(&mut self, at: usize, closing: Closing) {
        let Some(nexus) = self.nexuses.get_mut(at) else { return };
        nexus.closing = Some(closing);
        let has_tasks = nexus.tasks > 0;
        self.end_spc2_of(at);
        self.clear_aca_of(at);
        self.functions.retain(|function| function.nexus != at);
        if has_tasks {
            for id in self.tasks.select(|task| task.nexus == at) {
                self.abort(id);
            }
        }
        self.endings = true;
    }

    /// Whether a handler still has to hear that the nexus at `at` is over. It is told once, when the last task has ended.
    fn takes_leave(&mut self, at: usize) -> bool {
        let Some(nexus) = self.nexuses.get_mut(at) else { return false };
        if !std::mem::replace(&mut nexus.told, true) {
            let farewells = self.tell_of_loss(at);
            if let Some(nexus) = self.nexuses.get_mut(at) {
                nexus.farewells = farewells;
            }
        }
        self.nexuses.get(at).is_some_and(|nexus| !nexus.farewells.is_empty())
    }

    /// Forgets nexuses whose tasks are over, and tells transports what they wait for.
    pub(crate) fn finish_endings(&mut self) {
        // A task of a former core may still run in a handler, for any nexus: nothing ends before all have said otherwise.
        if !self.handlers.iter().all(|handler| handler.is_quiet()) {
            return;
        }
        self.endings = false;
        for (place, reply) in std::mem::take(&mut self.late_ends) {
            self.send_to_transport(place, &reply);
        }
        let over = self.nexuses.iter().filter(|(_, nexus)| nexus.closing.is_some() && nexus.tasks == 0);
        let over: Vec<usize> = over.map(|(at, _)| at).collect();
        for at in over {
            if self.takes_leave(at) {
                continue;
            }
            let Some(nexus) = self.nexuses.remove(at) else { continue };
            self.unbind_nexus(nexus.wide);
            self.touch_nexus(nexus.wide, nexus.attentions.keys().copied());
            self.forget_copies(&nexus);
            self.drop_answers(nexus.transport, |number| number == nexus.number);
            if let Some(Closing::Asked(serial)) = nexus.closing {
                let reply = Reply::new(ReplyKind::NexusClosed, nexus.number, serial);
                self.send_to_transport(nexus.transport, &reply);
            }
        }
        for place in 0..self.transports.len() {
            let Attach::Ending(serial) = self.transports[place].attach else { continue };
            let lost = |(_, nexus): (usize, &Nexus)| {
                nexus.transport == place && nexus.closing == Some(Closing::Lost)
            };
            if !self.nexuses.iter().any(lost) {
                self.transports[place].attach = Attach::Done;
                self.send_to_transport(place, &Reply::new(ReplyKind::Attached, 0, serial));
            }
        }
    }
}
