//! Starting, granting, stopping and burying services.

use std::time::{Duration, SystemTime};

use ipc::crash::{self, Point};
use ipc::message::Grant;
use ipc::wait::Watch;

use super::{CONTROL, PIDFD, Reactor, STOP_ORDER};
use crate::child::{Process, State};
use crate::manifest::Kind;
use crate::media::MediaError;
use crate::obituary::{self, Obituary};
use crate::policy::{Death, Decision};
use crate::relink::{Addressed, PeerState};
use crate::spawn;
use crate::wiring::WiringError;

/// How soon a medium that is still in use is tried again.
const MEDIUM_RETRY: Duration = Duration::from_millis(5);
/// How long a medium may be in use before the service is given up.
const MEDIUM_PATIENCE: Duration = Duration::from_secs(10);

impl Reactor {
    /// Starts a service that has no process. That it cannot be started counts as a death.
    pub(super) fn start(&mut self, service: u32) {
        let now = self.now();
        let planned = &self.plan.services[service as usize];
        let name = planned.config.name.clone();
        let log = self.run_dir.log_file(&name);
        let process = spawn::spawn(planned, &log, self.children[service as usize].pinned.as_ref())
            .map_err(|error| error.to_string())
            .and_then(|spawned| Process::new(spawned, &name, now).map_err(|error| error.to_string()))
            .and_then(|process| {
                let watch = self.waiter.add(process.pidfd(), PIDFD | u64::from(service), Watch::Readable);
                let watch = watch.and_then(|()| {
                    self.waiter.add(process.socket(), CONTROL | u64::from(service), Watch::Readable)
                });
                watch.map(|()| process).map_err(|error| error.to_string())
            });
        let child = &mut self.children[service as usize];
        child.starts += 1;
        match process {
            Ok(process) => {
                crash::at(Point::ChildSpawned);
                self.memory.store_process(service, child.starts, &process);
                crash::at(Point::ChildKept);
                tracing::info!(service = %name, pid = process.pid(), "started");
                child.state = State::Starting;
                child.process = Some(process);
            }
            Err(cause) => self.bury(service, cause, Vec::new(), None),
        }
        self.record_processes();
    }

    pub(super) fn record_processes(&self) {
        let pids = self.children.iter().filter_map(|child| Some(child.process.as_ref()?.pid()));
        if let Err(error) = self.run_dir.record_processes(pids) {
            tracing::warn!(%error, "the processes cannot be recorded: after a kill of bulkhead, end its services by hand");
        }
    }

    /// Sends a service everything it needs, after its hello.
    pub(super) fn grant(&mut self, service: u32) {
        let now = self.now();
        let child = &self.children[service as usize];
        let Some(process) = child.process.as_ref().filter(|_| child.state == State::Starting) else { return };
        let (started, incarnation) = (process.started, child.starts.saturating_sub(1));
        let grants = self.wiring.grants(&self.plan, service, incarnation, &process.stats_fd);
        let grants = match grants {
            Err(WiringError::Media(MediaError::Busy(_))) if now < started + MEDIUM_PATIENCE => {
                if let Some(process) = &mut self.child(service).process {
                    process.grants_due = Some(now + MEDIUM_RETRY);
                }
                return;
            }
            Err(error) => return self.kill(service, &error.to_string()),
            Ok(grants) => grants,
        };
        let links = self.links.up(&self.plan, service, |peer| peer_state(&self.children[peer as usize]));
        let links = match links {
            Ok(links) => links,
            Err(error) => return self.kill(service, &error.to_string()),
        };
        if let Some(process) = &mut self.child(service).process {
            process.granted = true;
            process.beat = (process.stats.beats(), now);
        }
        let armed = self.child(service).crash_next.take();
        self.send_all(armed.map(|grant| (service, (grant, Vec::new()))).into_iter().collect());
        for grant in grants {
            self.send(service, grant);
        }
        self.send_all(links);
        self.send(service, (Grant::Go, Vec::new()));
        if self.plan.services[service as usize].kind == Kind::Core {
            // What the dead one may not have heard.
            for grant in self.access.grants() {
                self.send(service, (grant, Vec::new()));
            }
        }
    }

    /// Sends a grant at the end of this turn (`commit.rs`); one for a service that is not there, or that will be granted it anew, is dropped.
    pub(super) fn send(&mut self, service: u32, message: crate::wiring::Message) {
        let child = &mut self.children[service as usize];
        let Some(process) = child.process.as_mut() else { return };
        if process.granted || matches!(message.0, Grant::Stop) {
            process.send(message);
        }
    }

    pub(super) fn send_all(&mut self, messages: Vec<Addressed>) {
        for (service, message) in messages {
            self.send(service, message);
        }
    }

    /// Has the socket watched for room exactly while grants wait for it.
    pub(super) fn watch_room(&mut self, service: u32) {
        let Some(process) = self.children[service as usize].process.as_mut() else { return };
        let wants = process.has_waiting();
        if wants != process.wants_room {
            process.wants_room = wants;
            let watch = if wants { Watch::ReadWrite } else { Watch::Readable };
            // Fails only when the process is about to be buried.
            let _ = self.waiter.change(process.socket(), CONTROL | u64::from(service), watch);
        }
    }

    /// Kills a service; its death is noticed like any other.
    pub(super) fn kill(&mut self, service: u32, reason: &str) {
        tracing::warn!(service = %self.name(service), reason, "killing");
        if let Some(process) = &mut self.child(service).process {
            process.kill(reason);
        }
    }

    /// Tells a service to stop; `again` has it started anew afterwards.
    pub(super) fn stop(&mut self, service: u32, again: bool) {
        let limit = self.now() + self.plan.settings.stop_limit;
        let child = self.child(service);
        match &mut child.process {
            Some(process) => {
                process.kill_at.get_or_insert_with(|| (limit, "did not stop in time".to_owned()));
                child.state = State::Stopping { again };
                self.send(service, (Grant::Stop, Vec::new()));
            }
            None if again => self.start(service),
            None => {
                child.state = State::Stopped;
                self.wiring.withdraw_all(service);
                let down = self.links.down(service, true);
                self.send_all(down);
            }
        }
    }

    /// A process is over, or its pidfd woke us for nothing.
    pub(super) fn on_pidfd(&mut self, service: u32) {
        let Some(process) = &mut self.children[service as usize].process else { return };
        let status = match process.try_wait(&self.memory.kept) {
            Ok(None) => return,
            Ok(Some(status)) => status,
            Err(error) => {
                tracing::error!(service = %self.plan.services[service as usize].config.name, %error, "cannot be waited for");
                None
            }
        };
        crash::at(Point::ChildReaped);
        // All that it said is heard before its socket goes: initiators rely on what it deposited. It says nothing new.
        while self.hear(service) {}
        let Some(process) = self.child(service).process.take() else { return };
        let starts = self.children[service as usize].starts;
        self.memory.forget_process(service, starts);
        self.changes_of_dead(service);
        let _ = self.waiter.remove(process.pidfd());
        let _ = self.waiter.remove(process.socket());
        let cause = obituary::cause(status, process.reason.as_deref());
        let log = self.run_dir.log_file(self.name(service));
        let in_order = status.is_some_and(|status| status.success());
        let stopping = matches!(self.children[service as usize].state, State::Stopping { .. });
        if stopping && in_order {
            self.wiring.forget_losses(&self.plan, service);
            self.end_of_stop(service);
        } else {
            let now = self.now();
            let ran = process.ready.map(|ready| now.saturating_sub(ready));
            self.bury(service, cause, obituary::last_lines(&log, process.log_start()), ran);
        }
        crash::at(Point::ChildBuried);
        self.record_processes();
    }

    /// A service that was told to stop is over.
    fn end_of_stop(&mut self, service: u32) {
        let again = matches!(self.children[service as usize].state, State::Stopping { again: true });
        let again = again && self.stopping.is_none();
        tracing::info!(service = %self.name(service), "stopped");
        self.child(service).state = State::Stopped;
        let down = self.links.down(service, !again);
        self.send_all(down);
        if again {
            self.start(service);
        } else {
            self.wiring.withdraw_all(service);
        }
    }

    /// A service died (or could not be started): writes the obituary, tells the peers, and decides what next.
    pub(super) fn bury(
        &mut self,
        service: u32,
        cause: String,
        last_lines: Vec<String>,
        ran: Option<Duration>,
    ) {
        let now = self.now();
        tracing::warn!(service = %self.name(service), %cause, log = ?last_lines, "died");
        let policy = self.plan.services[service as usize].policy;
        let child = self.child(service);
        let incarnation = child.starts.saturating_sub(1);
        let at = SystemTime::now();
        child.last_death = Some(Obituary { incarnation, at, cause: cause.clone(), last_lines });
        if matches!(child.state, State::Stopping { .. }) {
            return self.end_of_stop(service);
        }
        child.remember(Death { at: now, ran }, policy.horizon(now));
        let decision = policy.decide(&child.deaths, now);
        self.go_back(service);
        let (state, held) = match decision {
            _ if self.stopping.is_some() => (State::Stopped, true),
            _ if self.unfit.is_some() => (State::Held { reason: cause }, true),
            Decision::RestartAt(until) => (State::Backoff { until }, false),
            Decision::Held(reason) => (State::Held { reason: format!("{reason}; the last: {cause}") }, true),
        };
        if let State::Held { reason } = &state {
            let name = self.name(service);
            tracing::error!(service = %name, %reason, "held: mend it, then `bulkhead start {name}`");
        }
        self.child(service).state = state;
        let down = self.links.down(service, held);
        self.send_all(down);
        if held {
            self.wiring.withdraw_all(service);
        }
    }

    /// Begins to stop everything; the second time without patience.
    pub(super) fn stop_all(&mut self) {
        if self.stopping.is_none() {
            self.stopping = Some(0);
            return self.stop_stage();
        }
        for process in self.children.iter_mut().filter_map(|child| child.process.as_mut()) {
            process.kill("was not waited for");
        }
    }

    fn stop_stage(&mut self) {
        let Some(kind) = self.stopping.and_then(|stage| STOP_ORDER.get(stage)) else { return };
        for service in self.plan.of_kind(*kind).collect::<Vec<u32>>() {
            self.stop(service, false);
        }
    }

    /// Goes on to the next stage of stopping when this one is over.
    pub(super) fn advance_stop(&mut self) {
        while let Some(kind) = self.stopping.and_then(|stage| STOP_ORDER.get(stage)) {
            let alive = |service: u32| self.children[service as usize].process.is_some();
            if self.plan.of_kind(*kind).any(alive) {
                return;
            }
            self.stopping = self.stopping.map(|stage| stage + 1);
            self.stop_stage();
        }
    }

    /// Everything has been stopped.
    pub(super) fn is_over(&self) -> bool {
        self.stopping.is_some_and(|stage| stage >= STOP_ORDER.len())
    }
}

/// How a new incarnation finds the service at the other end of a link.
pub(super) fn peer_state(child: &crate::child::Child) -> PeerState {
    let granted = child.process.as_ref().is_some_and(|process| process.granted && process.reason.is_none());
    match granted {
        true => PeerState::Granted,
        false if child.is_coming() => PeerState::Coming,
        false => PeerState::Held,
    }
}
