//! The moments at which the supervisor may die, and what must hold at each.
//!
//! Everything that it decides is written down ([`Reactor::commit`]) before a word of it is said: messages to services wait in
//! their queues until the end of a turn ([`Reactor::say`]), an administrator is answered after a commit, and what a
//! service has said is taken off its socket only after one. So a successor finds every decision that anybody can know of.
//! What it cannot find is whether a message that was about to be sent was sent; that one was owed is written down, too,
//! and all that is ever owed can be said twice (`adopt.rs`).
//!
//! Descriptors: those of a process are stored with the keeper before the record names them, and are forgotten after it
//! does not name them any more. Those that no record names belong to nobody, and a successor closes them; a service whose
//! control socket is closed ends.

use std::rc::Rc;

use ipc::crash::{self, Point};
use ipc::notebook::Notebook;
use ipc::shm;

use super::Reactor;
use crate::child::{Child, Process};
use crate::keeper::PIDFD;
use crate::kept::Kept;
use crate::record::{ChildRecord, NOTEBOOK_BYTES, Record, SCHEMA, name};

/// Where what must not be forgotten goes.
pub struct Memory {
    /// The keeper.
    pub kept: Rc<Kept>,
    notebook: Option<Notebook>,
    /// The last page.
    saved: Vec<u8>,
    /// Names of descriptors that the last page still needs and the next one will not.
    over: Vec<String>,
}

impl Memory {
    /// An empty notebook, which the keeper has as well.
    pub fn new(kept: Rc<Kept>) -> Self {
        let made = shm::create("bulkhead:record", NOTEBOOK_BYTES).map_err(|error| error.to_string());
        let notebook = made.and_then(|fd| {
            let (notebook, _) = Notebook::open(&fd, SCHEMA).map_err(|error| error.to_string())?;
            kept.store(name::RECORD, &fd);
            Ok(notebook)
        });
        let notebook = notebook
            .inspect_err(|error| tracing::error!(%error, "there is no memory for the supervisor's notebook: its services end with it"))
            .ok();
        Self { kept, notebook, saved: Vec::new(), over: Vec::new() }
    }

    /// The notebook of a former supervisor, to be written on.
    pub fn resume(kept: Rc<Kept>, notebook: Notebook) -> Self {
        Self { kept, notebook: Some(notebook), saved: Vec::new(), over: Vec::new() }
    }

    /// Stores the descriptors of a process with the keeper.
    pub fn store_process(&self, service: u32, starts: u64, process: &Process) {
        let [pidfd, socket, stats] = process_names(service, starts);
        self.kept.store(&pidfd, process.pidfd());
        self.kept.store(&socket, process.socket());
        self.kept.store(&stats, &process.stats_fd);
    }

    /// A process is over: its descriptors are of no use after the next page.
    pub fn forget_process(&mut self, service: u32, starts: u64) {
        self.over.extend(process_names(service, starts));
    }

    /// The descriptor of this name is of no use after the next page.
    pub fn forget(&mut self, name: String) {
        self.over.push(name);
    }

    /// Writes a page if it says anything new.
    fn save(&mut self, record: &Record) {
        let Some(notebook) = &mut self.notebook else { return };
        let saved = record.encode().map_err(|error| error.to_string()).and_then(|page| {
            if page != self.saved {
                notebook.save(&page).map_err(|error| error.to_string())?;
                self.saved = page;
            }
            Ok(())
        });
        match saved {
            Ok(()) => self.over.drain(..).for_each(|name| self.kept.forget(&name)),
            Err(error) => {
                tracing::error!(%error, "the supervisor's notebook cannot be written: its services end with it");
                // Better none than one that is not true.
                self.kept.forget(name::RECORD);
                self.notebook = None;
            }
        }
    }
}

/// The names of a process's pidfd, control socket and statistics page.
pub fn process_names(service: u32, starts: u64) -> [String; 3] {
    let numbers = [u64::from(service), starts];
    [
        name::of(PIDFD.trim_end_matches(':'), &numbers),
        name::of("socket", &numbers),
        name::of("stats", &numbers),
    ]
}

fn child_record(child: &Child) -> ChildRecord {
    ChildRecord {
        state: child.state.clone(),
        starts: child.starts,
        deaths: child.deaths.clone(),
        last_death: child.last_death.clone(),
        former: child.former.is_some(),
        pinned: child.pinned.is_some(),
        process: child.process.as_ref().map(Process::record),
    }
}

impl Reactor {
    fn record(&self) -> Record {
        let changed = self.plan.units.iter().zip(&self.first_units).filter(|(unit, first)| unit != first);
        Record {
            origin: self.clock.origin(),
            announced: self.announced,
            stopping: self.stopping.map(|stage| stage as u32),
            unfit: self.unfit.clone(),
            children: self.children.iter().map(child_record).collect(),
            links: self.links.record(),
            units: changed.map(|(unit, _)| unit.clone()).collect(),
            last_change: self.changes.last(),
            changes: self.changes.record(),
            states: self.access.states(),
            wanted: self.access.wanted(),
        }
    }

    /// Writes down what is so now.
    pub(super) fn commit(&mut self) {
        let record = self.record();
        self.memory.save(&record);
    }

    /// Says what is to be said, after it has been written down that it will be.
    pub(super) fn say(&mut self) {
        self.commit();
        crash::at(Point::SayNoted);
        let mut said = false;
        for service in 0..self.children.len() as u32 {
            let Some(process) = &mut self.child(service).process else { continue };
            let owed = process.owed || process.has_waiting();
            process.flush();
            process.owed = false;
            if owed {
                crash::at(Point::SaySome);
            }
            said |= owed;
            self.watch_room(service);
        }
        if said {
            crash::at(Point::SaidAll);
            self.commit();
        }
    }
}
