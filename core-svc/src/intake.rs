//! Stage 1, intake: ring slot to typed request. The only file that reads raw records of transports.
//!
//! Everything in a record is alleged by another process. What cannot be true is a [`PeerFault`]; what an initiator may
//! have got wrong (its CDB, its LUN) is left for the stages that answer with sense data.

use ipc::fault::PeerFault;
use ipc::message::record::{Request, RequestKind, request_flags};
use scsi::attribute::TaskAttribute;
use scsi::lun::Lun;

use crate::aca;
use crate::core::Core;
use crate::gate::Verdict;
use crate::nexus::wide;
use crate::peers::{Attach, MOST_TASKS};
use crate::stats::Counter;
use crate::task::{Stage, Task, TaskId};
use crate::task_set::{Order, Seat};
use crate::unit_attention::UNKNOWN;

/// Records that one link may have handled before the next link's turn.
const BATCH: usize = 64;

impl Core {
    /// Takes what the transports have sent. True if there was anything.
    pub fn drain_transports(&mut self) -> bool {
        let mut any = false;
        for place in 0..self.transports.len() {
            for _ in 0..BATCH {
                let Some(link) = &mut self.transports[place].link else { break };
                let taken = match link.receive() {
                    Ok(None) => break,
                    Ok(Some(request)) => self.take(place, &request),
                    Err(fault) => Err(fault),
                };
                any = true;
                if let Err(fault) = taken {
                    self.fault_transport(place, fault);
                    break;
                }
                self.run_ready();
            }
        }
        any
    }

    /// Handles one record of the transport at `place`.
    fn take(&mut self, place: usize, request: &Request) -> Result<(), PeerFault> {
        let kind = RequestKind::try_from(request.kind)?;
        match (kind, self.transports[place].attach) {
            (RequestKind::Attach, Attach::Silent) => self.attach(place),
            (RequestKind::NexusOpen, Attach::Naming | Attach::Ending(_) | Attach::Done) => {
                return self.open_nexus(place, request);
            }
            (RequestKind::AttachEnd, Attach::Naming) => self.attach_end(place, request.serial),
            (_, Attach::Silent | Attach::Naming) => {
                return Err(PeerFault::Unexpected("record before attach"));
            }
            (RequestKind::NexusClose, _) => return self.close_nexus(place, request),
            (RequestKind::Command, _) => return self.command(place, request),
            (RequestKind::DataComplete, _) => return self.data_complete(place, request),
            (RequestKind::TaskManagement, _) => return self.function(place, request),
            _ => return Err(PeerFault::Unexpected("record that no transport sends")),
        }
        Ok(())
    }

    /// The place of the living nexus that a record of transport `place` names.
    pub fn nexus_of(&self, place: usize, request: &Request) -> Result<usize, PeerFault> {
        let unknown = PeerFault::Record { field: "nexus", value: request.nexus };
        let number = self.wide(place, request.nexus)?;
        let nexus = self.nexuses.find(number).ok_or(unknown)?;
        match self.nexuses.get(nexus) {
            Some(known) if known.closing.is_none() && known.confirmed => Ok(nexus),
            _ => Err(PeerFault::Unexpected("record of a nexus that was closed or not named")),
        }
    }

    /// The number under which handlers and the task table know nexus `number` of the transport at `place`.
    #[inline]
    pub(crate) fn wide(&self, place: usize, number: u64) -> Result<u64, PeerFault> {
        wide(self.transports[place].service, number)
            .ok_or(PeerFault::Record { field: "nexus", value: number })
    }

    /// Relative identifier and group of the target port of the nexus at `nexus`; zeros if its target is gone.
    #[inline]
    pub(crate) fn port_of(&self, nexus: usize) -> (u16, u16) {
        let target =
            self.nexuses.get(nexus).and_then(|nexus| self.targets.get(nexus.target as usize)?.as_ref());
        target.map_or((0, 0), |target| (target.port, target.port_group))
    }

    /// A transport can name extents of its own arena only.
    fn check_extents(&self, place: usize, request: &Request) -> Result<(), PeerFault> {
        let (out, into) = request.extents()?;
        for extent in out.iter().chain(into) {
            self.arenas.check(*extent)?;
            if extent.arena != self.transports[place].service {
                return Err(PeerFault::Extent {
                    arena: extent.arena,
                    offset: extent.offset,
                    len: extent.len,
                });
            }
        }
        Ok(())
    }

    /// A command: through the gate and into its task set, or back at once.
    fn command(&mut self, place: usize, request: &Request) -> Result<(), PeerFault> {
        let nexus = self.nexus_of(place, request)?;
        self.check_extents(place, request)?;
        request.cdb()?;
        let attribute = TaskAttribute::try_from(request.attribute)
            .map_err(|_| PeerFault::Record { field: "attribute", value: u64::from(request.attribute) })?;
        let number = self.wide(place, request.nexus)?;
        if let Some(id) = self.tasks.find(number, request.serial) {
            if request.flags & request_flags::AGAIN == 0 {
                return Err(PeerFault::Record { field: "serial", value: request.serial });
            }
            self.adopt_again(place, id, request);
            return Ok(());
        }
        if self.answered_before(place, request) {
            return Ok(());
        }
        if self.transports[place].tasks >= MOST_TASKS {
            return Err(PeerFault::ReplyOverflow);
        }
        self.count(Counter::Commands, 1);
        if request.flags & request_flags::AGAIN == 0
            && let Some(known) = self.nexuses.get_mut(nexus)
            && std::mem::replace(&mut known.latest, request.serial) == UNKNOWN
        {
            self.date_attentions(nexus, request.serial);
        }
        if let Some(outcome) = self.recall(nexus, request).or_else(|| self.recall_abort(nexus, request)) {
            let unit = self.lun_to_unit(nexus, Lun::from_u64(request.lun));
            return self.answer(place, unit, request, &outcome);
        }
        match self.gate(nexus, Lun::from_u64(request.lun), attribute, request) {
            Verdict::End(outcome) => {
                let unit = self.lun_to_unit(nexus, Lun::from_u64(request.lun));
                if let Some(unit) = unit {
                    self.follow(unit, nexus, request, &outcome);
                }
                self.answer(place, unit, request, &outcome)?;
            }
            Verdict::Run { opcode, unit, way } => {
                let mut seat = Seat::new(attribute, opcode, nexus);
                // It could end the condition that everything older waits for.
                if self.any_aca && aca::is_preempt_and_abort(opcode) && self.stands_still(unit, nexus) {
                    seat.order = Order::Aside;
                }
                self.arrivals += 1;
                let mut task = Task {
                    request: *request,
                    opcode,
                    nexus,
                    epoch: self.transports[place].epoch,
                    unit,
                    attribute,
                    seat,
                    arrival: self.arrivals,
                    since: self.turn_time(),
                    stage: Stage::Dormant,
                    data_ready: request.flags & request_flags::DATA_PENDING == 0,
                    judged: false,
                    aborted: false,
                    told: false,
                };
                task.request.nexus = number;
                task.request.flags =
                    request.flags & (request_flags::DATA_PENDING | request_flags::AGAIN) | way;
                (task.request.port, task.request.port_group) = self.port_of(nexus);
                task.request.medium = self.medium_for(nexus, unit, request);
                self.enter(place, task);
            }
        }
        Ok(())
    }

    /// A command that the core still has comes again over a new link: from here on its answer goes there.
    fn adopt_again(&mut self, place: usize, id: TaskId, request: &Request) {
        let epoch = self.transports[place].epoch;
        let Some(task) = self.tasks.get_mut(id) else { return };
        task.epoch = epoch;
        if request.flags & request_flags::DATA_PENDING == 0 {
            self.data_is_there(id, request);
        }
    }

    /// Puts a task into its unit's task set.
    fn enter(&mut self, place: usize, task: Task) {
        let (nexus, unit, seat, attribute) = (task.nexus, task.unit, task.seat, task.attribute);
        let Some(id) = self.tasks.insert(task) else { return };
        self.transports[place].tasks += 1;
        self.count_in(nexus, unit);
        if let Some(nexus) = self.nexuses.get_mut(nexus) {
            nexus.tasks += 1;
        }
        let blocked = self.any_aca && seat.order != Order::Aside && self.stands_still(unit, nexus);
        if attribute == TaskAttribute::Aca {
            self.note_aca_task(unit, nexus, Some(id));
        }
        let Some(known) = self.unit_mut(unit) else { return };
        if blocked {
            known.set.enter_dormant(id, seat);
        } else if known.set.enter(id, seat) {
            if let Some(task) = self.tasks.get_mut(id) {
                task.stage = Stage::Enabled;
            }
            self.ready.push_back(id);
        }
    }

    /// The data of a command is there.
    fn data_complete(&mut self, place: usize, request: &Request) -> Result<(), PeerFault> {
        self.check_extents(place, request)?;
        let number = self.wide(place, request.nexus)?;
        // A command that has ended in the meantime (refused, aborted) is no fault: the records crossed on the way.
        let Some(id) = self.tasks.find(number, request.serial) else { return Ok(()) };
        let Some(task) = self.tasks.get(id) else { return Ok(()) };
        if task.data_ready && request.flags & request_flags::AGAIN == 0 {
            return Err(PeerFault::Unexpected("data of a command that awaits none"));
        }
        self.data_is_there(id, request);
        Ok(())
    }

    /// Takes the extents of a command's data, if it awaits them.
    fn data_is_there(&mut self, id: TaskId, request: &Request) {
        let Some(task) = self.tasks.get_mut(id) else { return };
        if task.data_ready {
            return;
        }
        task.data_ready = true;
        task.request.extents = request.extents;
        task.request.out_extents = request.out_extents;
        task.request.in_extents = request.in_extents;
        task.request.flags &= !request_flags::DATA_PENDING;
        if task.stage == Stage::AwaitingData {
            task.stage = Stage::Enabled;
            self.ready.push_back(id);
        }
    }
}
