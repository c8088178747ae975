//! What the supervisor gives to the core, at boot and later: configuration, arenas, links.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use ipc::arena::Arena;
use ipc::doorbell::Doorbell;
use ipc::journal::Journal;
use ipc::link::{Requester, Responder};
use ipc::message::config::{AccessGroupConfig, TargetConfig, UnitConfig};
use ipc::message::grant::{Peer, Role};
use ipc::message::{Event, Grant};
use ipc::recorder::Recorder;
use ipc::shm::MapError;
use ipc::state::StateDir;
use ipc::stats::Stats;
use ipc::wait::{Waiter, Watch};

use crate::copy::memory::Memory;
use crate::core::Core;
use crate::lun_map::{Target, Unit};
use crate::nexus::MOST_TRANSPORTS;
use crate::notebook::SCHEMA;
use crate::peers::{Attach, Handler, Transport};
use crate::reservation::durable::Writer;
use crate::stats::Counter;

/// Highest index of a target or unit that is taken: the supervisor numbers from 0 without gaps.
const MOST_INDEX: u32 = 1 << 16;

/// Token of the bell of the thread that writes files; peers have their service's index.
const WRITER: u64 = u64::MAX - 1;

/// What the loop has to do after a grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Go on.
    Continue,
    /// Everything has been granted.
    Go,
    /// End in order.
    Stop,
}

fn place<T>(list: &mut Vec<Option<T>>, index: u32, value: T) -> anyhow::Result<()> {
    if index >= MOST_INDEX {
        bail!("index {index} is past {MOST_INDEX}");
    }
    if list.len() <= index as usize {
        list.resize_with(index as usize + 1, || None);
    }
    list[index as usize] = Some(value);
    Ok(())
}

impl Core {
    /// Takes a grant with its descriptors.
    pub fn adopt(&mut self, grant: Grant, fds: Vec<OwnedFd>, waiter: &mut Waiter) -> anyhow::Result<Next> {
        let mut fds = fds.into_iter();
        let mut fd = || fds.next().context("a descriptor is missing from a grant");
        match grant {
            Grant::Service(config) => {
                self.hold = Duration::from_millis(u64::from(config.hold_ms));
                waiter.set_budget(config.poll_us);
                (self.service, self.copies.incarnation) = (config.service, config.incarnation);
                ipc::service::start_log(&config.log);
            }
            Grant::Stats => self.stats.adopt(Stats::new(fd()?)?),
            Grant::Recorder => {
                let recorder = Recorder::begin(fd()?, self.copies.incarnation)?;
                recorder.legend(&scsi::opcode::legend());
                recorder.watch_panics();
                waiter.record(recorder.clone());
                self.recorder = Some(recorder);
            }
            Grant::Notebook => self.notebook_waits = Some(Journal::open(fd()?, SCHEMA)?),
            Grant::State => {
                let bell = Arc::new(Doorbell::new()?);
                waiter.add(&*bell, WRITER, Watch::Bell)?;
                self.durable = Some(Writer::new(Arc::new(StateDir::from_fd(fd()?)), bell)?);
            }
            Grant::Arena { arena } => self.adopt_arena(Arena::new(arena, fd()?)?),
            Grant::Target(config) => self.adopt_target(&config)?,
            Grant::Unit(config) => self.adopt_unit(&config)?,
            Grant::AccessGroup(config) => self.adopt_access_group(&config)?,
            Grant::PortGroup(config) => self.alua.adopt_port_group(config),
            Grant::DeviceGroup(config) => {
                self.alua
                    .adopt_device_group(&config, MOST_INDEX)
                    .context("a device group past the last index")?;
            }
            Grant::AccessState { device_group, port_group, state } => {
                self.set_access_state(device_group, port_group, state);
            }
            Grant::Link { peer, role, epoch } => {
                let (memory, mine, theirs) = (fd()?, Doorbell::from_fd(fd()?), Doorbell::from_fd(fd()?));
                match self.adopt_link(&peer, role, epoch, (memory, mine, theirs), waiter) {
                    // The peer had the pages first and has scribbled over them: its fault, and only its own link's.
                    Err(MapError::Peer(fault)) => {
                        let (peer, fault) = (peer.service, fault.to_string());
                        self.events.push(Event::PeerFault { peer, epoch, fault });
                        self.count(Counter::PeerFaults, 1);
                    }
                    other => other?,
                }
            }
            Grant::LinkDown { peer, epoch, held } => self.link_down(peer, epoch, held),
            Grant::Go => {
                // The configuration is complete only now, and the notebook is judged by it.
                match self.notebook_waits.take() {
                    Some((notebook, found)) => self.remember(notebook, found),
                    None => self.take_up_files(true),
                }
                self.tell_access_states();
                self.serving = true;
                return Ok(Next::Go);
            }
            Grant::Stop => return Ok(Next::Stop),
            Grant::Explain { request, units } => self.explain(request, &units),
            Grant::Device(_)
            | Grant::Change { .. }
            | Grant::Settle { .. }
            | Grant::Portal(_)
            | Grant::CrashPoint { .. }
            | Grant::Connection { .. } => {
                bail!("not a grant for the core")
            }
        }
        Ok(Next::Continue)
    }

    /// An arena of a transport, or the core's own.
    fn adopt_arena(&mut self, arena: Arena) {
        if arena.id() == self.service {
            self.copies.memory = Memory::new(arena.clone());
        }
        self.arenas.insert(arena);
    }

    /// A target with its LUN map, and a place for its transport: commands can be held for it from now on.
    fn adopt_target(&mut self, config: &TargetConfig) -> anyhow::Result<()> {
        self.transport_place(config.transport, "")?;
        let mut target = Target::new(config);
        let known = self.targets.get(config.target as usize).and_then(Option::as_ref);
        target.tasks = known.map_or(0, |known| known.tasks);
        place(&mut self.targets, config.target, target)
    }

    /// An access group of a target that came before.
    fn adopt_access_group(&mut self, config: &AccessGroupConfig) -> anyhow::Result<()> {
        let target = self.targets.get_mut(config.target as usize).and_then(Option::as_mut);
        target.context("an access group came before its target")?.add_group(config);
        Ok(())
    }

    /// A logical unit, and a place for its handler. The tasks of a unit that is known stay as they are.
    fn adopt_unit(&mut self, config: &UnitConfig) -> anyhow::Result<()> {
        let handler = self.handler_place(config.handler, "");
        let mut unit = Unit::new(config, handler);
        if let Some(known) = self.unit_mut(config.unit) {
            let busy = !known.set.is_empty();
            ensure!(
                known.handler == handler || !busy,
                "unit {} changes its handler while it works",
                config.name
            );
            unit.set = std::mem::take(&mut known.set);
            unit.aca = std::mem::take(&mut known.aca);
            unit.tasks = known.tasks;
            unit.report = known.report;
            unit.seen = known.seen;
            unit.reservations = std::mem::take(&mut known.reservations);
        }
        let new = self.unit_mut(config.unit).is_none();
        place(&mut self.units, config.unit, unit)?;
        if new && self.serving {
            self.take_up_file(config.unit, true);
        }
        Ok(())
    }

    fn handler_place(&mut self, service: u32, name: &str) -> usize {
        let known = self.handlers.iter().position(|handler| handler.service == service);
        let place = known.unwrap_or_else(|| {
            self.handlers.push(Handler::new(service, format!("service {service}"), Instant::now()));
            self.handlers.len() - 1
        });
        if !name.is_empty() {
            self.handlers[place].name = name.to_owned();
        }
        place
    }

    fn transport_place(&mut self, service: u32, name: &str) -> anyhow::Result<usize> {
        ensure!(
            service < MOST_TRANSPORTS,
            "transport {service}: transports are numbered below {MOST_TRANSPORTS}"
        );
        let known = self.transports.iter().position(|transport| transport.service == service);
        let place = known.unwrap_or_else(|| {
            self.transports.push(Transport::new(service, format!("service {service}"), Instant::now()));
            self.transports.len() - 1
        });
        if !name.is_empty() {
            self.transports[place].name = name.to_owned();
        }
        Ok(place)
    }

    fn adopt_link(
        &mut self,
        peer: &Peer,
        role: Role,
        epoch: u64,
        (memory, mine, theirs): (OwnedFd, Doorbell, Doorbell),
        waiter: &Waiter,
    ) -> Result<(), MapError> {
        match role {
            Role::Requester => {
                let mut link = Requester::new(memory, epoch, mine, theirs)?;
                link.record(self.recorder.clone());
                waiter.add(link.bell(), u64::from(peer.service), Watch::Bell)?;
                let place = self.handler_place(peer.service, &peer.name);
                self.relink_handler(place, link, epoch);
            }
            Role::Responder => {
                let mut link = Responder::new(memory, epoch, mine, theirs)?;
                link.record(self.recorder.clone());
                let place = self.transport_place(peer.service, &peer.name).map_err(std::io::Error::other)?;
                waiter.add(link.bell(), u64::from(peer.service), Watch::Bell)?;
                self.forget_questions(place);
                self.retire_transport_link(place, Some(link));
                let transport = &mut self.transports[place];
                transport.epoch = epoch;
                transport.attach = Attach::Silent;
            }
        }
        Ok(())
    }

    fn link_down(&mut self, peer: u32, epoch: u64, held: bool) {
        // A late word about a link that was replaced already says nothing about its successor.
        let late = |known: u64| epoch < known;
        let place = self.transports.iter().position(|transport| transport.service == peer);
        if let Some(place) = place.filter(|place| !late(self.transports[*place].epoch)) {
            self.forget_questions(place);
            self.miss_transport(place);
            self.retire_transport_link(place, None);
            self.transports[place].attach = Attach::Silent;
            if held {
                self.give_up_transport(place);
                self.run_ready();
            }
        }
        let place = self.handlers.iter().position(|handler| handler.service == peer);
        if let Some(place) = place.filter(|place| !late(self.handlers[*place].epoch)) {
            self.lose_handler(place, held);
        }
    }

    /// Stops watching the bells of links that are over.
    pub fn bury_links(&mut self, waiter: &Waiter) {
        for link in self.retired.drain(..) {
            let _ = waiter.remove(link.bell());
        }
    }
}
