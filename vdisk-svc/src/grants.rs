//! Grants of the supervisor, carried out: at boot, at the hundredth restart and in between, always here.
//!
//! A grant that cannot be served is reported and left out; the service goes on with the rest.

use std::os::fd::OwnedFd;
use std::time::Instant;

use ipc::arena::Arena;
use ipc::message::Grant;
use ipc::message::grant::Role;
use ipc::recorder::Recorder;
use ipc::state::StateDir;
use ipc::stats::Stats;

use crate::notebook::Notebook;
use crate::run::{LINKS, Service};
use crate::unit::Unit;

impl Service {
    /// Carries a grant out. An error is for the administrator: what was granted, and why it cannot be served.
    pub(crate) fn grant(&mut self, grant: Grant, fds: Vec<OwnedFd>) -> Result<(), String> {
        match grant {
            Grant::Service(config) => self.waiter.set_budget(config.poll_us),
            Grant::Stats => self.dispatch.counters.adopt(mapped("statistics page", fds, Stats::new)?),
            Grant::Arena { arena } => {
                self.arenas.insert(mapped(&format!("arena {arena}"), fds, |fd| Arena::new(arena, fd))?);
            }
            Grant::Device(config) => {
                let mut unit = Unit::new(*config, fds.into_iter().next(), Instant::now())?;
                if let Some(dir) = &self.state {
                    self.dispatch.notes.extend(unit.shelve(dir));
                }
                self.dispatch.add_unit(unit);
                self.dispatch.tell_soon();
            }
            Grant::Change { unit, request, change } => {
                self.dispatch.change(unit, request, change, fds.into_iter().next());
            }
            Grant::Settle { unit, request, go } => self.dispatch.settle(unit, request, go),
            Grant::Link { peer, role: Role::Responder, epoch } => {
                self.retire_links(peer.service, None);
                let name = format!("link {epoch} to {}", peer.name);
                let fds = <[OwnedFd; 3]>::try_from(fds)
                    .map_err(|fds| format!("{name}: {} descriptors came instead of 3", fds.len()))?;
                let added = self.dispatch.links.add(peer.service, epoch, fds, (&self.waiter, LINKS));
                added.map_err(|error| format!("{name}: {error}"))?;
                self.dispatch.tell_soon();
            }
            Grant::Link { peer, role: Role::Requester, .. } => {
                return Err(format!("link to {}: this service only answers", peer.name));
            }
            Grant::LinkDown { peer, epoch, .. } => self.retire_links(peer, Some(epoch)),
            Grant::Stop => self.stop(true),
            Grant::Recorder => {
                let begin = |fd| Recorder::begin(fd, self.incarnation);
                let recorder = mapped("flight recorder", fds, begin)?;
                recorder.legend(&scsi::opcode::legend());
                recorder.watch_panics();
                self.waiter.record(recorder.clone());
                self.dispatch.links.record(recorder);
            }
            Grant::Notebook => {
                let fd = fds.into_iter().next().ok_or("notebook: no descriptor came with it")?;
                self.dispatch.notebook = Notebook::open(fd)?;
            }
            Grant::State => {
                let fd = fds.into_iter().next().ok_or("state directory: no descriptor came with it")?;
                self.state = Some(StateDir::from_fd(fd));
            }
            Grant::Go => {}
            Grant::Target(_) | Grant::Unit(_) | Grant::Portal(_) | Grant::Connection { .. } => {
                return Err("a grant for another kind of service came".to_owned());
            }
            Grant::AccessGroup(_)
            | Grant::PortGroup(_)
            | Grant::DeviceGroup(_)
            | Grant::CrashPoint { .. }
            | Grant::Explain { .. }
            | Grant::AccessState { .. } => {
                return Err("a grant for another kind of service came".to_owned());
            }
        }
        Ok(())
    }

    fn retire_links(&mut self, peer: u32, epoch: Option<u64>) {
        for link in self.dispatch.links.to_peer(peer, epoch) {
            self.dispatch.retire(link, &self.waiter);
        }
    }
}

fn mapped<T, E: std::fmt::Display>(
    what: &str,
    fds: Vec<OwnedFd>,
    map: impl FnOnce(OwnedFd) -> Result<T, E>,
) -> Result<T, String> {
    let fd = fds.into_iter().next().ok_or_else(|| format!("{what}: no descriptor came with it"))?;
    map(fd).map_err(|error| format!("{what}: {error}"))
}
