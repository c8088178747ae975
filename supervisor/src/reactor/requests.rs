//! Answers administrators. A request that takes time is answered when its end is reached; meanwhile it is pending.

use std::path::Path;
use std::time::Duration;

use ipc::wait::Ready;

use super::Reactor;
use crate::admin::{Reply, Request, parse_signal};
use crate::child::{Child, State};
use crate::status::{DeathStatus, DeviceStatus, LinkStatus, ServiceStatus, Status};

/// How long a request may take.
const PATIENCE: Duration = Duration::from_secs(90);

/// A request whose end is not reached yet.
pub struct Pending {
    client: u64,
    service: u32,
    goal: Goal,
    /// When it is given up.
    pub deadline: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Goal {
    /// Ready, after it had been started this often.
    Running {
        starts: u64,
    },
    Stopped,
    /// Ready, with the installed program or the former one, after it had been started this often.
    Upgraded {
        starts: u64,
    },
}

impl Reactor {
    pub(super) fn on_admin(&mut self, event: Ready) {
        for (client, request) in self.admin.on_ready(event, &self.waiter) {
            match request {
                Ok(request) => self.on_request(client, request),
                Err(error) => self.answer(client, &Reply::error(error)),
            }
        }
    }

    pub(super) fn answer(&mut self, client: u64, reply: &Reply) {
        // What is said to be done stays done, and everybody has been told.
        self.say();
        self.admin.reply(client, reply, &self.waiter);
    }

    fn on_request(&mut self, client: u64, request: Request) {
        let name = match &request {
            Request::Status => {
                let status = self.status();
                return self.answer(client, &Reply::status(status));
            }
            Request::Restart { name } | Request::Stop { name } | Request::Start { name } => name,
            Request::Kill { name, .. } | Request::Upgrade { name } | Request::PostMortem { name, .. } => name,
            Request::CrashPoint { name, point, count, next_start } => {
                let reply = self.arm(name, point, *count, *next_start);
                return self.answer(client, &reply);
            }
            Request::Replace => {
                let reply = self.replace();
                return self.answer(client, &reply);
            }
            Request::Why { target, lun } => return self.on_why_request(client, target, *lun),
            Request::Device { .. } => {
                let Request::Device { name, action } = request else { return };
                return self.on_device_request(client, &name, action);
            }
            Request::Alua { port_group, state, device_group } => {
                return self.on_alua_request(client, port_group, state, device_group.as_deref());
            }
        };
        let Some(service) = self.plan.find(name) else {
            let names = self.plan.services.iter().map(|service| service.config.name.as_str());
            let hint = crate::manifest::report::nearest(name, names);
            return self.answer(client, &Reply::error(format!("there is no service {name:?}; {hint}")));
        };
        if let Request::PostMortem { lines, .. } = request {
            let told = self.post_mortem(service, lines);
            return self.answer(client, &told);
        }
        if self.stopping.is_some() {
            return self.answer(client, &Reply::error("bulkhead is stopping".to_owned()));
        }
        let starts = self.child(service).starts;
        let goal = match request {
            Request::Status | Request::Device { .. } | Request::Alua { .. } | Request::Replace => return,
            Request::PostMortem { .. } => return,
            Request::CrashPoint { .. } => return,
            Request::Why { .. } => return,
            Request::Upgrade { .. } => match self.upgrade(client, service) {
                Some(goal) => goal,
                None => return,
            },
            Request::Kill { signal, .. } => return self.on_kill(client, service, &signal),
            Request::Restart { .. } => {
                self.forgive(service);
                self.stop(service, true);
                Goal::Running { starts: starts + 1 }
            }
            Request::Stop { .. } => {
                self.stop(service, false);
                Goal::Stopped
            }
            Request::Start { .. } => {
                self.forgive(service);
                match self.child(service).state {
                    State::Stopping { .. } => self.child(service).state = State::Stopping { again: true },
                    State::Stopped | State::Held { .. } | State::Backoff { .. } => self.start(service),
                    State::Starting | State::Running => {}
                }
                Goal::Running { starts }
            }
        };
        self.pending.push(Pending { client, service, goal, deadline: self.now() + PATIENCE });
    }

    /// An administrator asks: what was before does not count any more.
    pub(super) fn forgive(&mut self, service: u32) {
        self.child(service).deaths.clear();
    }

    fn on_kill(&mut self, client: u64, service: u32, signal: &str) {
        let sent = parse_signal(signal).and_then(|signal| match &self.child(service).process {
            None => Err("it has no process".to_owned()),
            Some(process) => {
                let pid = process.pid();
                process.signal(signal).map(|()| pid).map_err(|error| error.to_string())
            }
        });
        let reply = match sent {
            Ok(pid) => Reply::done(format!("process {pid} was sent {signal}")),
            Err(error) => Reply::error(format!("{}: {error}", self.name(service))),
        };
        self.answer(client, &reply);
    }

    /// Answers every pending request whose end is reached.
    pub(super) fn settle_requests(&mut self) {
        if self.pending.is_empty() {
            return;
        }
        let now = self.now();
        for pending in std::mem::take(&mut self.pending) {
            match self.outcome(&pending, now) {
                Some(reply) => self.answer(pending.client, &reply),
                None => self.pending.push(pending),
            }
        }
    }

    fn outcome(&self, pending: &Pending, now: Duration) -> Option<Reply> {
        let (name, child) = (self.name(pending.service), &self.children[pending.service as usize]);
        let pid = child.process.as_ref().map_or(0, |process| process.pid());
        match (pending.goal, &child.state) {
            (Goal::Running { starts }, State::Running) if child.starts >= starts => {
                Some(Reply::done(format!("{name} is running, process {pid}")))
            }
            (Goal::Upgraded { starts }, State::Running)
                if child.starts >= starts && child.former.is_none() =>
            {
                let cause = child.last_death.as_ref().map_or("", |death| &death.cause);
                Some(match child.pinned {
                    None => Reply::done(format!("{name} is upgraded, process {pid}")),
                    Some(_) => Reply::error(format!(
                        "{name}: the installed program did not come up ({cause}); the former one runs again, process {pid}"
                    )),
                })
            }
            (Goal::Running { .. } | Goal::Upgraded { .. }, State::Held { reason }) => {
                Some(Reply::error(format!("{name} is held: {reason}")))
            }
            (Goal::Running { .. } | Goal::Upgraded { .. }, State::Stopped) => {
                Some(Reply::error(format!("{name} has been stopped")))
            }
            (Goal::Stopped, State::Stopped | State::Held { .. }) => {
                Some(Reply::done(format!("{name} is stopped")))
            }
            (Goal::Stopped, State::Starting | State::Running) => {
                Some(Reply::error(format!("{name} has been started again")))
            }
            _ if now >= pending.deadline => {
                let state = child.state.word();
                Some(Reply::error(format!(
                    "{name} is still {state} after {}s; see `bulkhead logs {name}`",
                    PATIENCE.as_secs()
                )))
            }
            _ => None,
        }
    }

    /// What `status` tells.
    pub(super) fn status(&self) -> Status {
        let now = self.now();
        let services = self.plan.services.iter().zip(&self.children);
        let services = services.map(|(planned, child)| ServiceStatus {
            kind: planned.kind.word().to_owned(),
            ..service_status(&planned.config.name, child, now)
        });
        let name = |service: u32| self.name(service).to_owned();
        let shown = |path: &Path| path.display().to_string();
        let devices = self.plan.units.iter().map(|unit| DeviceStatus {
            name: unit.config.name.clone(),
            service: name(unit.service),
            path: unit.medium.path().map(shown),
            changed: unit.changed,
        });
        let links = self.links.show().map(|(ends, epoch, up)| LinkStatus {
            requester: name(ends.requester),
            responder: name(ends.responder),
            epoch,
            up,
        });
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            abi: ipc::ABI_VERSION,
            state_format: crate::record::FORMAT,
            program: shown(&crate::spawn::own_program()),
            programs: shown(&crate::spawn::directory()),
            pid: std::process::id(),
            uptime_s: now.as_secs_f64(),
            manifest: shown(&self.manifest),
            run_dir: shown(self.run_dir.path()),
            board: self.board.as_ref().map(|board| board.name().to_owned()).unwrap_or_default(),
            services: services.collect(),
            devices: devices.collect(),
            access: self.access.status(&self.plan),
            links: links.collect(),
        }
    }
}

fn service_status(name: &str, child: &Child, now: Duration) -> ServiceStatus {
    let process = child.process.as_ref();
    let counters = process.map(|process| {
        let names = process.counters.iter().enumerate();
        names.map(|(index, name)| (name.clone(), process.stats.get(index))).collect()
    });
    ServiceStatus {
        name: name.to_owned(),
        kind: String::new(),
        state: child.state.word().to_owned(),
        reason: match &child.state {
            State::Held { reason } => Some(reason.clone()),
            _ => None,
        },
        pid: process.map(|process| process.pid()),
        uptime_s: process.map(|process| now.saturating_sub(process.started).as_secs_f64()),
        restarts: child.starts.saturating_sub(1),
        last_death: child.last_death.as_ref().map(DeathStatus::from),
        problems: process.map(|process| process.problems.clone()).unwrap_or_default(),
        counters: counters.unwrap_or_default(),
    }
}
