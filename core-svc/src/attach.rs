//! Nexuses come and go: what a transport says when its link is new, when a session begins and when it ends.
//!
//! A transport names every nexus that it still has before anything else. What the core remembers beyond that is lost
//! and ends: its tasks are aborted, also in the handlers. Only then the transport is told that it may use its arena,
//! because until then a handler may still be reading or writing blocks of it.

use ipc::fault::PeerFault;
use ipc::message::record::{NexusNames, Reply, ReplyKind, Request, refusal, request_flags};
use scsi::asc::Asc;

use crate::core::Core;
use crate::nexus::{Closing, Nexus};
use crate::peers::Attach;

impl Core {
    /// The transport at `place` begins.
    pub(crate) fn attach(&mut self, place: usize) {
        let service = self.transports[place].service;
        self.transports[place].attach = Attach::Naming;
        for (_, nexus) in self.nexuses.iter_mut().filter(|(_, nexus)| nexus.transport == service) {
            nexus.confirmed = false;
        }
    }

    /// The transport at `place` has named what it has.
    pub(crate) fn attach_end(&mut self, place: usize, serial: u64) {
        let service = self.transports[place].service;
        self.transports[place].attach = Attach::Ending(serial);
        let lost = self
            .nexuses
            .iter()
            .filter(|(_, n)| n.transport == service && !n.confirmed && n.closing.is_none());
        let lost: Vec<usize> = lost.map(|(at, _)| at).collect();
        for at in lost {
            self.end_nexus(at, Closing::Lost);
        }
        self.endings = true;
    }

    /// A nexus is there, newly or still.
    pub(crate) fn open_nexus(&mut self, place: usize, request: &Request) -> Result<(), PeerFault> {
        let service = self.transports[place].service;
        let resumed = request.flags & request_flags::RESUMED != 0;
        if let Some(known) = self.nexuses.find(service, request.nexus) {
            let nexus = self.nexuses.get_mut(known).ok_or(PeerFault::Unexpected("nexus"))?;
            if !resumed || nexus.closing.is_some() {
                return Err(PeerFault::Record { field: "nexus", value: request.nexus });
            }
            nexus.confirmed = true;
            self.nexus_opened(place, request, 0);
            return Ok(());
        }
        let names = self.read_names(place, request)?;
        let refused = match self.targets.get(request.unit as usize) {
            Some(Some(target)) if target.transport == service => {
                let units: Vec<u32> = target.luns.iter().map(|(_, unit)| *unit).collect();
                self.admit(service, request, names, &units)
            }
            _ => refusal::NO_TARGET,
        };
        self.nexus_opened(place, request, refused);
        Ok(())
    }

    /// Makes a nexus. A resumed one that is not known (its notebook was lost) is treated as new: the initiator must hear
    /// that state is gone, and POWER ON is how SCSI says so.
    fn admit(&mut self, service: u32, request: &Request, names: NexusNames, units: &[u32]) -> u8 {
        let mut nexus = Nexus {
            number: request.nexus,
            transport: service,
            target: request.unit,
            names,
            attentions: Default::default(),
            tasks: 0,
            confirmed: true,
            closing: None,
        };
        for unit in units {
            nexus.attentions.entry(*unit).or_default().raise(Asc::POWER_ON_OR_RESET_OCCURRED);
        }
        tracing::debug!(nexus = nexus.number, initiator = ?nexus.names.initiator, "nexus opened");
        self.dirty = true;
        if self.nexuses.insert(nexus).is_some() { 0 } else { refusal::NO_ROOM }
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
        let service = self.transports[place].service;
        match self.nexuses.find(service, request.nexus) {
            Some(at) => self.end_nexus(at, Closing::Asked(request.serial)),
            None if request.flags & request_flags::AGAIN != 0 => {
                self.send_to_transport(
                    place,
                    &Reply::new(ReplyKind::NexusClosed, request.nexus, request.serial),
                );
            }
            None => return Err(PeerFault::Record { field: "nexus", value: request.nexus }),
        }
        Ok(())
    }

    /// Ends a nexus: its tasks are aborted, and it is forgotten when the last of them is over.
    pub(crate) fn end_nexus(&mut self, at: usize, closing: Closing) {
        let Some(nexus) = self.nexuses.get_mut(at) else { return };
        nexus.closing = Some(closing);
        let number = nexus.number;
        self.functions.retain(|function| function.nexus != number);
        for id in self.tasks.select(|task| task.nexus == at) {
            self.abort(id);
        }
        self.endings = true;
    }

    /// Forgets nexuses whose tasks are over, and tells transports what they wait for.
    pub(crate) fn finish_endings(&mut self) {
        // A task of a former core may still run in a handler, for any nexus: nothing ends before all have said otherwise.
        if !self.handlers.iter().all(|handler| handler.is_quiet()) {
            return;
        }
        let over = self.nexuses.iter().filter(|(_, nexus)| nexus.closing.is_some() && nexus.tasks == 0);
        let over: Vec<usize> = over.map(|(at, _)| at).collect();
        for at in over {
            let Some(nexus) = self.nexuses.remove(at) else { continue };
            self.dirty = true;
            if let (Some(Closing::Asked(serial)), Some(place)) =
                (nexus.closing, self.transport_of(nexus.transport))
            {
                self.send_to_transport(place, &Reply::new(ReplyKind::NexusClosed, nexus.number, serial));
            }
        }
        for place in 0..self.transports.len() {
            let service = self.transports[place].service;
            let ending =
                self.nexuses.iter().any(|(_, nexus)| nexus.transport == service && nexus.closing.is_some());
            if let (Attach::Ending(serial), false) = (self.transports[place].attach, ending) {
                self.transports[place].attach = Attach::Done;
                self.send_to_transport(place, &Reply::new(ReplyKind::Attached, 0, serial));
            }
        }
        self.endings = self.nexuses.iter().any(|(_, nexus)| nexus.closing.is_some())
            || self.transports.iter().any(|transport| matches!(transport.attach, Attach::Ending(_)));
    }
}
