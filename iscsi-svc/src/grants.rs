//! What the supervisor gives to this service, at boot and later.
//!
//! The supervisor is trusted; what it cannot know (whether a segment maps, whether an address parses) is checked and
//! reported as a problem instead of ending the service, where the service can go on without it.

use crate::buffers::Buffers;
use crate::core_link::{CoreLink, Down};
use crate::listener::Listener;
use crate::notebook::Book;
use crate::run::Service;
use crate::service::Shared;
use crate::stats::Counters;
use crate::targets::Targets;
use anyhow::{Context, bail};
use ipc::arena::Arena;
use ipc::doorbell::Doorbell;
use ipc::link::Requester;
use ipc::message::config::ServiceConfig;
use ipc::message::grant::{Peer, Role};
use ipc::message::{Event, Grant};
use ipc::recorder::Recorder;
use ipc::service::Control;
use ipc::stats::Stats;
use std::os::fd::OwnedFd;
use std::time::Instant;

/// What has been granted before `Go`.
#[derive(Default)]
pub struct Boot {
    config: Option<ServiceConfig>,
    stats: Counters,
    notebook: Option<OwnedFd>,
    buffers: Option<Buffers>,
    link: Option<(Requester, u32, u64)>,
    targets: Targets,
    listeners: Vec<Listener>,
    deposited: Vec<(u64, OwnedFd)>,
    recorder: Option<Recorder>,
}

/// How far a service is after a grant.
pub enum Next {
    /// More grants will come.
    Continue,
    /// All is granted.
    Go,
    /// End in order.
    Stop,
}

/// The links of a grant as this end of it.
fn link(peer: &Peer, role: Role, epoch: u64, fds: Vec<OwnedFd>) -> anyhow::Result<Requester> {
    let [memory, mine, theirs] =
        <[OwnedFd; 3]>::try_from(fds).ok().context("a link comes with three descriptors")?;
    if role != Role::Requester {
        bail!(
            "an iSCSI transport asks and does not answer; the link to {:?} is the other way round",
            peer.name
        );
    }
    Requester::new(memory, epoch, Doorbell::from_fd(mine), Doorbell::from_fd(theirs))
        .context("link to the core")
}

fn first(fds: Vec<OwnedFd>) -> anyhow::Result<OwnedFd> {
    fds.into_iter().next().context("a descriptor is missing from a grant")
}

impl Boot {
    /// Takes a grant.
    ///
    /// # Errors
    /// Without this grant the service cannot run.
    pub fn adopt(&mut self, grant: Grant, fds: Vec<OwnedFd>, control: &mut Control) -> anyhow::Result<Next> {
        match grant {
            Grant::Service(config) => {
                ipc::service::start_log(&config.log);
                self.config = Some(config);
            }
            Grant::Stats => self.stats.adopt(Stats::new(first(fds)?).context("statistics page")?),
            Grant::Notebook => self.notebook = Some(first(fds)?),
            Grant::Recorder => {
                let incarnation = self.config.as_ref().map_or(0, |config| config.incarnation);
                let recorder = Recorder::begin(first(fds)?, incarnation).context("flight recorder")?;
                recorder.watch_panics();
                self.recorder = Some(recorder);
            }
            Grant::Arena { arena } => {
                self.buffers = Some(Buffers::new(Arena::new(arena, first(fds)?).context("arena")?));
            }
            Grant::Link { peer, role, epoch } => {
                self.link = Some((link(&peer, role, epoch, fds)?, peer.service, epoch));
            }
            Grant::LinkDown { .. } => self.link = None,
            Grant::Target(target) => problem(self.targets.insert(target), control)?,
            Grant::Portal(portal) => {
                problem(self.targets.insert_portal(&portal), control)?;
                self.listeners.push(Listener::new(&portal, first(fds)?).context("listening socket")?);
            }
            Grant::Connection { key } => self.deposited.push((key, first(fds)?)),
            Grant::Unit(_) | Grant::Device(_) | Grant::State => {}
            Grant::AccessGroup(_) | Grant::PortGroup(_) | Grant::DeviceGroup(_) => {}
            Grant::Change { .. } | Grant::Settle { .. } => {}
            Grant::AccessState { .. } | Grant::CrashPoint { .. } | Grant::Explain { .. } => {}
            Grant::Go => return Ok(Next::Go),
            Grant::Stop => return Ok(Next::Stop),
        }
        Ok(Next::Continue)
    }

    /// Makes the service.
    ///
    /// # Errors
    /// A grant that it needs is missing, or the host refuses something.
    pub fn build(self, control: Control) -> anyhow::Result<Service> {
        let config = self.config.context("no configuration was granted")?;
        let buffers = self.buffers.context("no arena was granted")?;
        let link = CoreLink::new(Instant::now());
        let mut shared = Shared::new(config, self.targets, buffers, link, self.stats);
        let found = match self.notebook {
            Some(fd) => {
                let (book, found) = Book::open(fd, shared.config.max_connections).context("notebook")?;
                shared.book = book;
                found
            }
            None => Vec::new(),
        };
        let mut service = Service::new(control, shared)?;
        if let Some(recorder) = self.recorder {
            service.record(recorder);
        }
        service.take_over(&found, self.deposited)?;
        for listener in self.listeners {
            service.listen(listener);
        }
        if let Some((link, peer, epoch)) = self.link {
            service.replace_link(link, peer, epoch)?;
        }
        Ok(service)
    }
}

fn problem(result: Result<(), String>, control: &mut Control) -> anyhow::Result<()> {
    if let Err(text) = result {
        control.report(Event::Problem { text }, Vec::new())?;
    }
    Ok(())
}

impl Service {
    /// Takes a grant that comes while the service runs.
    ///
    /// # Errors
    /// The service cannot go on.
    pub fn adopt(&mut self, grant: Grant, fds: Vec<OwnedFd>) -> anyhow::Result<Next> {
        match grant {
            Grant::Link { peer, role, epoch } => {
                let link = link(&peer, role, epoch, fds)?;
                self.replace_link(link, peer.service, epoch)?;
            }
            Grant::LinkDown { peer, epoch, held }
                if peer == self.shared.link.peer && epoch >= self.shared.link.epoch =>
            {
                let down = if held { Down::Held } else { Down::Restarting(Instant::now()) };
                tracing::info!(epoch, held, "the core is away");
                self.drop_link(down);
            }
            Grant::Target(target) => problem(self.shared.targets.insert(target), &mut self.control)?,
            Grant::Portal(portal) => {
                problem(self.shared.targets.insert_portal(&portal), &mut self.control)?;
                self.listen(Listener::new(&portal, first(fds)?).context("listening socket")?);
            }
            // Connections of a predecessor come before `Go`; one that lives may be named again.
            Grant::Connection { key } if !self.has_connection(key) => {
                let _ = rustix::net::shutdown(&first(fds)?, rustix::net::Shutdown::Both);
                self.control.report(Event::Withdraw { key }, Vec::new())?;
            }
            Grant::Stop => return Ok(Next::Stop),
            _ => {}
        }
        Ok(Next::Continue)
    }
}
