//! Makes what the plan names, keeps what outlives a service, and puts together what each incarnation is granted. The
//! grants at boot are those of any restart.
//!
//! Descriptors are duplicated for a grant, except media: those are opened for one incarnation and only ever sent to it,
//! see `media.rs`. Links come and go with their ends and are in `relink.rs`. Everything in here is stored with the keeper, too,
//! from which the next supervisor takes it ([`Wiring::resume`]).

use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;

use ipc::message::Grant;
use ipc::message::config::DeviceConfig;
use ipc::shm;

use crate::kept::{Inheritance, Kept};
use crate::listen::{self, ListenError};
use crate::manifest::Kind;
use crate::media::{self, MediaError};
use crate::plan::{Medium, Plan};
use crate::record::name;
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
    /// A former supervisor had it, and it was not kept.
    #[error("{0} was not kept")]
    Lost(String),
}

/// What outlives the services.
pub struct Wiring {
    /// By service; transports only.
    arenas: Vec<Option<OwnedFd>>,
    /// By service.
    notebooks: Vec<OwnedFd>,
    /// By service: flight recorders, for its incarnations in turn.
    recorders: Vec<[OwnedFd; 2]>,
    /// By service; not for transports.
    states: Vec<Option<OwnedFd>>,
    sizes: Sizes,
    /// Held for its lock.
    _state_dir: StateDir,
    kept: Rc<Kept>,
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
    pub fn new(plan: &Plan, state_dir: StateDir, kept: Rc<Kept>) -> Result<Self, WiringError> {
        let host = |what, whom: &str| {
            let whom = whom.to_owned();
            move |error| WiringError::Host { what, whom, error }
        };
        let listeners: Result<Vec<_>, _> =
            plan.portals.iter().map(|portal| listen::open(portal.address)).collect();
        let listeners = listeners?;
        let (mut arenas, mut notebooks) = (Vec::new(), Vec::new());
        let (mut memory, mut witnesses) = (Vec::new(), Vec::new());
        let mut recorders = Vec::new();
        for service in &plan.services {
            let name = &service.config.name;
            let arena =
                service.arena.map(|bytes| shm::create(&format!("bulkhead:arena:{name}"), bytes)).transpose();
            arenas.push(arena.map_err(host("an arena", name))?);
            let notebook = shm::create(&format!("bulkhead:notebook:{name}"), service.notebook);
            notebooks.push(notebook.map_err(host("a notebook", name))?);
            recorders.push([recorder(name)?, recorder(name)?]);
        }
        let states = states(plan, &state_dir)?;
        for unit in &plan.units {
            media::open_first(unit)?;
            witnesses.push(Witness::of(unit));
            memory.push(media::memory(unit).map_err(host("memory", &unit.config.name))?);
        }
        let deposits = plan.services.iter().map(|_| BTreeMap::new()).collect();
        kept.store(name::STATE_LOCK, state_dir.lock());
        let sizes = Sizes::open(&state_dir)?;
        let made = Self {
            arenas,
            notebooks,
            recorders,
            states,
            sizes,
            _state_dir: state_dir,
            kept,
            listeners,
            memory,
            witnesses,
            deposits,
        };
        made.store();
        Ok(made)
    }

    /// Stores everything with the keeper.
    fn store(&self) {
        let several = |what: &str, fds: &mut dyn Iterator<Item = Option<&OwnedFd>>| {
            for (number, fd) in (0..).zip(fds) {
                if let Some(fd) = fd {
                    self.kept.store(&name::of(what, &[number]), fd);
                }
            }
        };
        several("arena", &mut self.arenas.iter().map(Option::as_ref));
        several("notebook", &mut self.notebooks.iter().map(Some));
        for (number, of_service) in (0..).zip(&self.recorders) {
            for (half, fd) in (0..).zip(of_service) {
                self.kept.store(&name::of("recorder", &[number, half]), fd);
            }
        }
        several("listener", &mut self.listeners.iter().map(Some));
        several("memory", &mut self.memory.iter().map(Option::as_ref));
        for (unit, witness) in self.witnesses.iter().enumerate() {
            keep_witness(&self.kept, unit, witness);
        }
    }

    /// Takes over what a former supervisor of the same plan has made.
    ///
    /// # Errors
    /// Something was not kept.
    pub fn resume(
        plan: &Plan,
        state_dir: StateDir,
        kept: Rc<Kept>,
        inheritance: &mut Inheritance,
    ) -> Result<Self, WiringError> {
        let mut take = |what: &str, number: usize| {
            let name = name::of(what, &[number as u64]);
            inheritance.remove(&name).ok_or(WiringError::Lost(name))
        };
        let (mut arenas, mut notebooks, mut listeners) = (Vec::new(), Vec::new(), Vec::new());
        let mut memory = Vec::new();
        for (number, service) in plan.services.iter().enumerate() {
            arenas.push(service.arena.map(|_| take("arena", number)).transpose()?);
            notebooks.push(take("notebook", number)?);
        }
        let recorders = recorders_of(plan, &kept, inheritance)?;
        let mut take = |what: &str, number: usize| {
            let name = name::of(what, &[number as u64]);
            inheritance.remove(&name).ok_or(WiringError::Lost(name))
        };
        for number in 0..plan.portals.len() {
            listeners.push(take("listener", number)?);
        }
        for (number, unit) in plan.units.iter().enumerate() {
            let wanted = matches!(unit.medium, Medium::Memory { .. });
            memory.push(wanted.then(|| take("memory", number)).transpose()?);
        }
        let states = states(plan, &state_dir)?;
        let mut deposits: Vec<BTreeMap<u64, OwnedFd>> =
            plan.services.iter().map(|_| BTreeMap::new()).collect();
        let names: Vec<String> =
            inheritance.keys().filter(|name| name.starts_with("deposit:")).cloned().collect();
        for name in names {
            let numbers = name.split(':').skip(1).filter_map(|number| number.parse().ok());
            let numbers: Vec<u64> = numbers.collect();
            if let [service, key] = numbers[..]
                && let Some(of_service) = deposits.get_mut(service as usize)
                && let Some(socket) = inheritance.remove(&name)
            {
                of_service.insert(key, socket);
            }
        }
        let witnesses = (0..plan.units.len()).map(|unit| {
            let [file, lost] = witness_names(unit).map(|name| inheritance.remove(&name));
            Witness::resume(file, lost.is_some())
        });
        let witnesses = witnesses.collect();
        let sizes = Sizes::open(&state_dir)?;
        let _state_dir = state_dir;
        Ok(Self {
            arenas,
            notebooks,
            recorders,
            states,
            sizes,
            _state_dir,
            kept,
            listeners,
            memory,
            witnesses,
            deposits,
        })
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
        let recorder = self.recorder(service, incarnation);
        grants.push((Grant::Recorder, copy(recorder.ok_or(WiringError::Lost("a recorder".to_owned()))?)?));
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
            let medium = memory.unwrap_or(media::open(unit, witness.file())?.into_iter().collect());
            // Whoever has the medium now has it alone: nothing of an earlier incarnation is under way.
            let knew = witness.lost();
            // What others lose that write to a medium of which we only read is not ours to tell.
            let lost = !unit.config.read_only && witness.has_seen_loss();
            let config = DeviceConfig { lost, ..unit.config.clone() };
            if config.lost && !knew {
                keep_witness(&self.kept, unit.config.unit as usize, witness);
            }
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

    /// The flight recorder of an incarnation of a service. It has what that one recorded until the next but one begins.
    pub fn recorder(&self, service: u32, incarnation: u64) -> Option<&OwnedFd> {
        self.recorders.get(service as usize)?.get(incarnation as usize % 2)
    }

    /// All flight recorders: what one service knows by name, another one may have recorded.
    pub fn recorders(&self) -> impl Iterator<Item = &OwnedFd> {
        self.recorders.iter().flatten()
    }

    /// A unit has another medium, or none.
    pub fn medium_changed(&mut self, plan: &Plan, unit: u32) {
        let planned = plan.units.get(unit as usize);
        if let Some((planned, witness)) = planned.zip(self.witnesses.get_mut(unit as usize)) {
            *witness = Witness::of(planned);
            keep_witness(&self.kept, unit as usize, witness);
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
            *witness = witness.anew(unit);
            keep_witness(&self.kept, unit.config.unit as usize, witness);
        }
    }

    /// Keeps a connected socket for the successor of `service`; false when it has too many.
    pub fn deposit(&mut self, plan: &Plan, service: u32, key: u64, socket: OwnedFd) -> bool {
        let most = plan.services[service as usize].config.max_connections as usize + SPARE_DEPOSITS;
        let deposits = &mut self.deposits[service as usize];
        if deposits.len() >= most && !deposits.contains_key(&key) {
            return false;
        }
        self.kept.store(&deposit_name(service, key), &socket);
        deposits.insert(key, socket);
        true
    }

    /// Closes a deposited socket.
    pub fn withdraw(&mut self, service: u32, key: u64) {
        if self.deposits[service as usize].remove(&key).is_some() {
            self.kept.forget(&deposit_name(service, key));
        }
    }

    /// Closes every socket that `service` deposited: nobody will take them up, and initiators shall know.
    pub fn withdraw_all(&mut self, service: u32) {
        for key in std::mem::take(&mut self.deposits[service as usize]).into_keys() {
            self.kept.forget(&deposit_name(service, key));
        }
    }
}

/// The names of a witness, and of the same when it has heard of a loss.
fn witness_names(unit: usize) -> [String; 2] {
    ["witness", "lost"].map(|what| name::of(what, &[unit as u64]))
}

/// Has the keeper have a witness as well, and know what it has heard.
fn keep_witness(kept: &Kept, unit: usize, witness: &Witness) {
    let [file, lost] = witness_names(unit);
    match witness.file() {
        Some(fd) => kept.store(&file, fd),
        None => kept.forget(&file),
    }
    match witness.file().filter(|_| witness.lost()) {
        Some(fd) => kept.store(&lost, fd),
        None => kept.forget(&lost),
    }
}

fn recorder(name: &str) -> Result<OwnedFd, WiringError> {
    let made = shm::create(&format!("bulkhead:recorder:{name}"), ipc::recorder::BYTES);
    made.map_err(|error| WiringError::Host { what: "a flight recorder", whom: name.to_owned(), error })
}

/// The flight recorders that a former supervisor kept. One that is missing costs nobody's commands anything: a new one then.
fn recorders_of(
    plan: &Plan,
    kept: &Kept,
    inheritance: &mut Inheritance,
) -> Result<Vec<[OwnedFd; 2]>, WiringError> {
    let mut take = |number: usize, half: u64| {
        let place = name::of("recorder", &[number as u64, half]);
        match inheritance.remove(&place) {
            Some(fd) => Ok(fd),
            None => recorder(&plan.services[number].config.name).inspect(|fd| kept.store(&place, fd)),
        }
    };
    (0..plan.services.len()).map(|number| Ok([take(number, 0)?, take(number, 1)?])).collect()
}

fn deposit_name(service: u32, key: u64) -> String {
    name::of("deposit", &[u64::from(service), key])
}

/// The folders for state, by service.
fn states(plan: &Plan, state_dir: &StateDir) -> Result<Vec<Option<OwnedFd>>, StateDirError> {
    let states = plan.services.iter().map(|service| match service.kind {
        Kind::Iscsi => Ok(None),
        Kind::Core | Kind::Vdisk => state_dir.of_service(&service.config.name).map(Some),
    });
    states.collect()
}

#[cfg(test)]
mod tests;
