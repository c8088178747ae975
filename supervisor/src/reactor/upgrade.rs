//! Replaces what runs by what is installed, one process at a time: a planned death, with a way back.
//!
//! The program of the service that is replaced stays open (its file may be gone from its directory). Should the new one not
//! become ready, the former runs again, and goes on being used until the next upgrade. For handlers and the core
//! the planned death is an orderly stop. A transport is killed: an orderly stop would end its sessions, and a death is
//! what its successor can take over from, as far as it takes connections over at all.
//!
//! The supervisor's own program is the keeper's to replace (`keeper.rs`): this process only stores the new one and ends; the
//! new one takes everything up as after a death. If it does not come up, the keeper goes back to the former one.

use std::fs::File;

use super::Reactor;
use super::requests::Goal;
use crate::admin::Reply;
use crate::child::State;
use crate::keeper::PROGRAM;
use crate::manifest::Kind;
use crate::record::name;
use crate::spawn;

/// The name of the program that a service goes back to if the new one does not come up.
pub fn former_name(service: u32) -> String {
    name::of("former", &[u64::from(service)])
}

/// The name of the program that a service has gone back to.
pub fn pinned_name(service: u32) -> String {
    name::of("pinned", &[u64::from(service)])
}

impl Reactor {
    /// Replaces a service; `None` when the client has been told that it cannot be.
    pub(super) fn upgrade(&mut self, client: u64, service: u32) -> Option<Goal> {
        let child = &self.children[service as usize];
        let pid =
            child.process.as_ref().map(crate::child::Process::pid).filter(|_| child.state == State::Running);
        let opened = pid
            .ok_or_else(|| format!("it is {}; start it first", child.state.word()))
            .and_then(|pid| File::open(format!("/proc/{pid}/exe")).map_err(|error| error.to_string()));
        let former = match opened {
            Ok(former) => former,
            Err(error) => {
                let text = format!("{} cannot be upgraded: {error}", self.name(service));
                self.answer(client, &Reply::error(text));
                return None;
            }
        };
        tracing::info!(service = %self.name(service), "upgrading");
        self.forgive(service);
        self.memory.kept.store(&former_name(service), &former);
        let child = self.child(service);
        let starts = child.starts + 1;
        child.former = Some(former.into());
        if child.pinned.take().is_some() {
            self.memory.forget(pinned_name(service));
        }
        if self.plan.services[service as usize].kind == Kind::Iscsi {
            self.child(service).state = State::Stopping { again: true };
            self.kill(service, "makes room for its successor");
        } else {
            self.stop(service, true);
        }
        Some(Goal::Upgraded { starts })
    }

    /// A service is ready: there is no way back any more.
    pub(super) fn upgraded(&mut self, service: u32) {
        if self.child(service).former.take().is_some() {
            tracing::info!(service = %self.name(service), "upgraded");
            self.memory.forget(former_name(service));
        }
    }

    /// A service died before it was ready. If it was to be upgraded, it goes back to its former program.
    pub(super) fn go_back(&mut self, service: u32) {
        let Some(former) = self.child(service).former.take() else { return };
        tracing::error!(service = %self.name(service), "the installed program did not come up: going back to the former one");
        self.memory.kept.store(&pinned_name(service), &former);
        self.child(service).pinned = Some(former);
        self.memory.forget(former_name(service));
    }

    /// Has the keeper replace this process by the program that is installed.
    pub(super) fn replace(&mut self) -> Reply {
        if self.memory.kept.socket().is_none() {
            return Reply::error("the supervisor has no keeper that could replace it".to_owned());
        }
        let program = spawn::own_program();
        match File::open(&program) {
            Ok(file) => {
                self.memory.kept.store(PROGRAM, file);
                self.replaced = true;
                Reply::done(format!("the supervisor is being replaced by {}", program.display()))
            }
            Err(error) => Reply::error(format!("{}: {error}", program.display())),
        }
    }
}
