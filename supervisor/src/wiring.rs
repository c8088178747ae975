//! Makes what the plan names, keeps what outlives a service, and puts together what each incarnation is granted. The
//! grants at boot are those of any restart.
//!
//! Descriptors are duplicated for a grant, except media: those are opened for one incarnation and only ever sent to it,
//! see `media.rs`. Links come and go with their ends and are in `relink.rs`.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;

use ipc::message::Grant;
use ipc::message::config::DeviceConfig;
use ipc::shm;

use crate::listen::{self, ListenError};
use crate::manifest::Kind;
use crate::media::{self, MediaError};
use crate::plan::Plan;
use crate::sizes::Sizes;
use crate::state_dir::{StateDir, StateDirError};
use crate::witness::Witness;

/// A grant with its descriptors.
pub type Message = (Grant, Vec<OwnedFd>);

/// Connected sockets that one transport may have deposited, beyond its connections: those it is about to withdraw.
const SPARE_DEPOSITS: usize = 64;

/// Why something that the plan names cannot be made or granted.
#[derive(Debug, thiserror::Error)]
pub enum WiringError {
    /// A listening socket.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// A medium.
    #[error(transparent)]
    Media(#[from] MediaError),
    /// A folder for state.
    #[error(transparent)]
    State(#[from] StateDirError),
    /// Memory or descriptors.
    #[error("{what} for {whom:?}: {error}")]
    Host {
        /// What was to be made.
        what: &'static str,
        /// For which service or device.
        whom: String,
        /// Why it failed.
        error: io::Error,
    },
}

/// What outlives the services.
pub struct Wiring {
    /// By service; transports only.
    arenas: Vec<Option<OwnedFd>>,
    /// By service.
    notebooks: Vec<OwnedFd>,
    /// By service; not for transports.
    states: Vec<Option<OwnedFd>>,
    sizes: Sizes,
    /// Held for its lock.
    _state_dir: StateDir,
    /// By portal.
    listeners: Vec<OwnedFd>,
    /// By unit; media in memory only.
    memory: Vec<Option<OwnedFd>>,
    /// By unit.
    witnesses: Vec<Witness>,
    /// By service: connected sockets kept for its successor.
    deposits: Vec<BTreeMap<u64, OwnedFd>>,
}

impl Wiring {
    /// Makes everything that outlives the services, and tries every medium once.
    ///
    /// # Errors
    /// The first thing that cannot be had; nothing has been started then.
    pub fn new(plan: &Plan, state_dir: StateDir) -> Result<Self, WiringError> {
        let host = |what, whom: &str| {
            let whom = whom.to_owned();
            move |error| WiringError::Host { what, whom, error }
        };
        let listeners: Result<Vec<_>, _> =
            plan.portals.iter().map(|portal| listen::open(portal.address)).collect();
        let listeners = listeners?;
        let (mut arenas, mut notebooks) = (Vec::new(), Vec::new());
        let (mut memory, mut witnesses) = (Vec::new(), Vec::new());
        for service in &plan.services {
            let name = &service.config.name;
            let arena =
                service.arena.map(|bytes| shm::create(&format!("bulkhead:arena:{name}"), bytes)).transpose();
            arenas.push(arena.map_err(host("an arena", name))?);
            let notebook = shm::create(&format!("bulkhead:notebook:{name}"), service.notebook);
            notebooks.push(notebook.map_err(host("a notebook", name))?);
        }
        let states = plan.services.iter().map(|service| match service.kind {
            Kind::Iscsi => Ok(None),
            Kind::Core | Kind::Vdisk => state_dir.of_service(&service.config.name).map(Some),
        });
        let states = states.collect::<Result<_, _>>()?;
        for unit in &plan.units {
            media::open(unit)?;
            witnesses.push(Witness::of(unit));
            memory.push(media::memory(unit).map_err(host("memory", &unit.config.name))?);
        }
        let deposits = plan.services.iter().map(|_| BTreeMap::new()).collect();
        let (sizes, _state_dir) = (Sizes::open(&state_dir)?, state_dir);
        Ok(Self { arenas, notebooks, states, sizes, _state_dir, listeners, memory, witnesses, deposits })
    }

    /// Everything that an incarnation is granted, links and `Go` excepted, in the order in which it is sent.
    /// `incarnation` counts from 0; `stats` is the incarnation's statistics page.
    ///
    /// # Errors
    /// Something cannot be opened; [`MediaError::Busy`] is to be tried again.
    pub fn grants(
        &mut self,
        plan: &Plan,
        service: u32,
        incarnation: u64,
        stats: &OwnedFd,
    ) -> Result<Vec<Message>, WiringError> {
        let number = service as usize;
        let planned = &plan.services[number];
        let name = &planned.config.name;
        let copy = |fd: &OwnedFd| {
            let error = |error| WiringError::Host { what: "a descriptor", whom: name.clone(), error };
            fd.try_clone().map(|fd| vec![fd]).map_err(error)
        };
        let mut config = planned.config.clone();
        config.incarnation = incarnation;
        let mut grants = vec![(Grant::Service(config), Vec::new())];
        grants.push((Grant::Stats, copy(stats)?));
        grants.push((Grant::Notebook, copy(&self.notebooks[number])?));
        if let Some(state) = &self.states[number] {
            grants.push((Grant::State, copy(state)?));
        }
        for arena in plan.arenas_of(service) {
            if let Some(fd) = &self.arenas[arena as usize] {
                grants.push((Grant::Arena { arena }, copy(fd)?));
            }
        }
        if planned.kind == Kind::Core {
            let groups = plan.port_groups.iter();
            grants.extend(groups.map(|group| (Grant::PortGroup(group.clone()), Vec::new())));
            let groups = plan.device_groups.iter();
            grants.extend(groups.map(|group| (Grant::DeviceGroup(group.clone()), Vec::new())));
            grants.extend(plan.units.iter().map(|unit| (Grant::Unit(unit.for_core()), Vec::new())));
        }
        let units = plan.units.iter().zip(&self.memory).zip(&mut self.witnesses);
        for ((unit, memory), witness) in units.filter(|((unit, _), _)| unit.service == service) {
            let memory = memory.as_ref().map(copy).transpose()?;
            let medium = memory.unwrap_or(media::open(unit)?.into_iter().collect());
            // Whoever has the medium now has it alone: nothing of an earlier incarnation is under way.
            let config = DeviceConfig { lost: witness.has_seen_loss(), ..unit.config.clone() };
            grants.push((Grant::Device(Box::new(config)), medium));
        }
        for (portal, listener) in
            plan.portals.iter().zip(&self.listeners).filter(|(portal, _)| portal.service == service)
        {
            grants.push((Grant::Portal(portal.config.clone()), copy(listener)?));
        }
        let serves = |transport: u32| planned.kind == Kind::Core || transport == service;
        let targets = plan.targets.iter().filter(|target| serves(target.transport));
        grants.extend(targets.map(|target| (Grant::Target(target.clone()), Vec::new())));
        if planned.kind == Kind::Core {
            let groups = plan.access_groups.iter();
            grants.extend(groups.map(|group| (Grant::AccessGroup(group.clone()), Vec::new())));
        }
        for (key, socket) in &self.deposits[number] {
            grants.push((Grant::Connection { key: *key }, copy(socket)?));
        }
        Ok(grants)
    }

    /// A unit has another medium, or none.
    pub fn medium_changed(&mut self, plan: &Plan, unit: u32) {
        let planned = plan.units.get(unit as usize);
        if let Some((unit, witness)) = planned.zip(self.witnesses.get_mut(unit as usize)) {
            *witness = Witness::of(unit);
        }
    }

    /// Sizes that outlive this supervisor.
    pub fn sizes(&self) -> &Sizes {
        &self.sizes
    }

    /// The administrator has had a service stopped: what was lost before is no news to its successor.
    pub fn forget_losses(&mut self, plan: &Plan, service: u32) {
        let units = plan.units.iter().zip(&mut self.witnesses);
        for (unit, witness) in units.filter(|(unit, _)| unit.service == service) {
            *witness = Witness::of(unit);
        }
    }

    /// Keeps a connected socket for the successor of `service`; false when it has too many.
    pub fn deposit(&mut self, plan: &Plan, service: u32, key: u64, socket: OwnedFd) -> bool {
        let most = plan.services[service as usize].config.max_connections as usize + SPARE_DEPOSITS;
        let deposits = &mut self.deposits[service as usize];
        if deposits.len() >= most && !deposits.contains_key(&key) {
            return false;
        }
        deposits.insert(key, socket);
        true
    }

    /// Closes a deposited socket.
    pub fn withdraw(&mut self, service: u32, key: u64) {
        self.deposits[service as usize].remove(&key);
    }

    /// Closes every socket that `service` deposited: nobody will take them up, and initiators shall know.
    pub fn withdraw_all(&mut self, service: u32) {
        self.deposits[service as usize].clear();
    }
}

#[cfg(test)]
mod tests;
