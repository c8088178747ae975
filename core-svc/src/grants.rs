//! What the supervisor gives to the core, at boot and later: configuration, arenas, links.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use ipc::arena::Arena;
use ipc::doorbell::Doorbell;
use ipc::link::{Requester, Responder};
use ipc::message::Grant;
use ipc::message::grant::{Peer, Role};
use ipc::notebook::Notebook;
use ipc::stats::Stats;
use ipc::wait::{Waiter, Watch};

use crate::core::Core;
use crate::lun_map::{Target, Unit};
use crate::notebook::SCHEMA;
use crate::peers::{Attach, Handler, Transport};

/// Highest index of a target or unit that is taken: the supervisor numbers from 0 without gaps.
const MOST_INDEX: u32 = 1 << 16;

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
                ipc::service::start_log(&config.log);
            }
            Grant::Stats => self.stats = Some(Stats::new(fd()?)?),
            Grant::Notebook => self.page_waits = Some(Notebook::open(fd()?, SCHEMA)?),
            Grant::Arena { arena } => self.arenas.insert(Arena::new(arena, fd()?)?),
            Grant::Target(config) => place(&mut self.targets, config.target, Target::new(&config))?,
            Grant::Unit(config) => place(&mut self.units, config.unit, Unit::new(&config))?,
            Grant::Link { peer, role, epoch } => {
                let (memory, mine, theirs) = (fd()?, Doorbell::from_fd(fd()?), Doorbell::from_fd(fd()?));
                // Bells of links that are gone close with them; a token only has to be some number.
                waiter.add(&mine, u64::from(peer.service), Watch::Bell)?;
                match role {
                    Role::Requester => {
                        let link = Requester::new(memory, epoch, mine, theirs)?;
                        self.handler_link(&peer, link, epoch);
                    }
                    Role::Responder => {
                        let link = Responder::new(memory, epoch, mine, theirs)?;
                        self.transport_link(&peer, link, epoch);
                    }
                }
            }
            Grant::LinkDown { peer, epoch, held } => self.link_down(peer, epoch, held),
            Grant::Go => {
                // The configuration is complete only now, and the notebook is judged by it.
                if let Some((notebook, page)) = self.page_waits.take() {
                    if let Some(page) = page {
                        self.remember(&page);
                    }
                    self.notebook = Some(notebook);
                }
                return Ok(Next::Go);
            }
            Grant::Stop => return Ok(Next::Stop),
            Grant::Device(_) | Grant::Portal(_) | Grant::Connection { .. } => {
                bail!("not a grant for the core")
            }
        }
        Ok(Next::Continue)
    }

    fn handler_link(&mut self, peer: &Peer, link: Requester, epoch: u64) {
        let known = self.handlers.iter().position(|handler| handler.service == peer.service);
        let place = known.unwrap_or_else(|| {
            self.handlers.push(Handler::new(peer.service, peer.name.clone(), Instant::now()));
            self.handlers.len() - 1
        });
        self.relink_handler(place, link, epoch);
    }

    fn transport_link(&mut self, peer: &Peer, link: Responder, epoch: u64) {
        let known = self.transport_of(peer.service);
        let place = known.unwrap_or_else(|| {
            let (service, name) = (peer.service, peer.name.clone());
            self.transports.push(Transport { service, name, link: None, epoch: 0, attach: Attach::Silent });
            self.transports.len() - 1
        });
        let transport = &mut self.transports[place];
        transport.link = Some(link);
        transport.epoch = epoch;
        transport.attach = Attach::Silent;
    }

    fn link_down(&mut self, peer: u32, epoch: u64, held: bool) {
        if let Some(place) = self.transport_of(peer) {
            let transport = &mut self.transports[place];
            // A late word about a link that was replaced already says nothing about its successor.
            if epoch >= transport.epoch {
                transport.link = None;
                transport.attach = Attach::Silent;
            }
        }
        let place =
            self.handlers.iter().position(|handler| handler.service == peer && epoch >= handler.epoch);
        if let Some(place) = place {
            self.lose_handler(place, held);
            self.endings = true;
            self.run_ready();
        }
    }
}
