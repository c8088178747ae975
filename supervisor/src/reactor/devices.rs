//! Devices that change while they are served: a new size, another medium, none.
//!
//! A change of a medium takes two steps, so that it is always known which one a handler that died is granted next. First
//! the handler says whether anything stands against it; then the supervisor writes the new medium into its plan, and only
//! after that it lets the handler use it. So until the second step everybody has the old medium, and from it on the new
//! one, whoever dies when. The manifest is not touched: what it says counts again when bulkhead is started anew.

use std::path::Path;
use std::time::Duration;

use ipc::message::Grant;
use ipc::message::config::{BackendConfig, DeviceChange};
use ipc::message::event::DeviceAnswer;

use super::events::shortened;
use super::{NOBODY, Reactor};
use crate::admin::{DeviceAction, Reply};
use crate::manifest::block_device;
use crate::manifest::units::show_size;
use crate::media::{self, MediaError};
use crate::plan::{Medium, UnitPlan};
use crate::record::{ChangeRecord, StageRecord};

/// How long a handler may take over a change.
const PATIENCE: Duration = Duration::from_secs(60);

/// A change that a handler has not answered in full.
struct Change {
    client: u64,
    unit: u32,
    request: u64,
    deadline: Duration,
    stage: Stage,
    /// What is to be said when it is done.
    done: String,
}

/// How far a change has come.
enum Stage {
    /// The handler is asked for a new size.
    Resizing(Option<u64>),
    /// The handler is asked whether anything stands against this.
    Asked(Box<UnitPlan>),
    /// The plan has it, and the handler was told.
    Settled,
}

/// Changes under way, at most one a unit.
#[derive(Default)]
pub struct Changes {
    list: Vec<Change>,
    last: u64,
}

impl Changes {
    /// When patience with one of them ends.
    pub fn deadline(&self) -> Option<Duration> {
        self.list.iter().map(|change| change.deadline).min()
    }

    /// The number of the last one.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// What a successor has to know of them.
    pub fn record(&self) -> Vec<ChangeRecord> {
        let record = |change: &Change| ChangeRecord {
            unit: change.unit,
            request: change.request,
            deadline: change.deadline,
            stage: match change.stage {
                Stage::Resizing(size) => StageRecord::Resizing(size),
                Stage::Asked(_) => StageRecord::Asked,
                Stage::Settled => StageRecord::Settled,
            },
        };
        self.list.iter().map(record).collect()
    }

    /// Goes on for a former supervisor, whose clients are gone. Changes that no handler had agreed to are given up:
    /// their units and numbers, for their handlers to be told.
    pub fn resume(&mut self, last: u64, record: Vec<ChangeRecord>) -> Vec<(u32, u64)> {
        self.last = last;
        let mut given_up = Vec::new();
        for ChangeRecord { unit, request, deadline, stage } in record {
            let stage = match stage {
                StageRecord::Asked => {
                    given_up.push((unit, request));
                    continue;
                }
                StageRecord::Resizing(size) => Stage::Resizing(size),
                StageRecord::Settled => Stage::Settled,
            };
            self.list.push(Change { client: NOBODY, unit, request, deadline, stage, done: String::new() });
        }
        given_up
    }

    /// Units and numbers of those that are in the plan and have not been confirmed.
    pub fn settled(&self) -> Vec<(u32, u64)> {
        let settled = self.list.iter().filter(|change| matches!(change.stage, Stage::Settled));
        settled.map(|change| (change.unit, change.request)).collect()
    }

    fn take(&mut self, found: impl Fn(&Change) -> bool) -> Option<Change> {
        let at = self.list.iter().position(found)?;
        Some(self.list.swap_remove(at))
    }
}

impl Reactor {
    pub(super) fn on_device_request(&mut self, client: u64, name: &str, action: DeviceAction) {
        if let Err(text) = self.begin_change(client, name, action) {
            self.answer(client, &Reply::error(text));
        }
    }

    fn begin_change(&mut self, client: u64, name: &str, action: DeviceAction) -> Result<(), String> {
        let Some(unit) = self.plan.units.iter().position(|unit| unit.config.name == name) else {
            let names = self.plan.units.iter().map(|unit| unit.config.name.as_str());
            let hint = crate::manifest::report::nearest(name, names);
            return Err(format!("there is no device {name:?}; {hint}"));
        };
        if self.stopping.is_some() {
            return Err("bulkhead is stopping".to_owned());
        }
        if self.changes.list.iter().any(|change| change.unit == unit as u32) {
            return Err(format!("device {name} is being changed; wait until that is done"));
        }
        let plan = &self.plan.units[unit];
        let size = if let DeviceAction::Resize { size } = action { size } else { None };
        let (then, change, fds) = match prepare(plan, &action)? {
            Prepared::Resize(bytes) => (None, DeviceChange::Resize { bytes }, Vec::new()),
            Prepared::Medium(then, force) => match then.medium {
                Medium::None => (Some(then), DeviceChange::Eject { force }, Vec::new()),
                _ => {
                    let (generation, cacheless) = (then.config.medium_generation, then.config.cacheless);
                    let medium = media::open(&then, None).map_err(|error| refusal(plan, &then, error))?;
                    (
                        Some(then),
                        DeviceChange::Insert { generation, cacheless, force },
                        medium.into_iter().collect(),
                    )
                }
            },
        };
        let done = match then.as_ref().and_then(|then| then.medium.path()) {
            Some(path) => format!("device {name} has the medium {}", path.display()),
            None if then.is_some() => format!("device {name} has no medium"),
            None => format!("device {name}"),
        };
        let service = plan.service;
        let process = self.children[service as usize].process.as_ref();
        let serving = process.is_some_and(|process| process.granted && process.reason.is_none());
        if !serving {
            let Some(then) = then else {
                return Err(format!(
                    "service {} does not run; it reads sizes when it starts",
                    self.name(service)
                ));
            };
            self.plan.units[unit] = *then;
            self.wiring.medium_changed(&self.plan, unit as u32);
            self.answer(client, &Reply::done(format!("{done}, as soon as its service runs")));
            return Ok(());
        }
        self.changes.last += 1;
        let (unit, request, deadline) = (unit as u32, self.changes.last, self.now() + PATIENCE);
        let stage = then.map_or(Stage::Resizing(size), Stage::Asked);
        self.changes.list.push(Change { client, unit, request, deadline, stage, done });
        self.send(service, (Grant::Change { unit, request, change }, fds));
        Ok(())
    }

    /// A handler answers. An answer that nobody waits for any more is not heard.
    pub(super) fn on_device_answer(&mut self, service: u32, unit: u32, request: u64, answer: DeviceAnswer) {
        let Some(planned) = self.plan.units.get_mut(unit as usize) else { return };
        let of_it = |change: &Change| change.unit == unit && change.request == request;
        if planned.service != service {
            return;
        }
        let Some(mut change) = self.changes.take(of_it) else { return };
        match answer {
            DeviceAnswer::Prepared => {
                if let Stage::Asked(then) = std::mem::replace(&mut change.stage, Stage::Settled) {
                    *planned = *then;
                    self.wiring.medium_changed(&self.plan, unit);
                    self.send(service, (Grant::Settle { unit, request, go: true }, Vec::new()));
                }
                self.changes.list.push(change);
            }
            DeviceAnswer::Done { bytes } => {
                if let Stage::Resizing(Some(wanted)) = change.stage
                    && planned.remember_size(wanted)
                    && !planned.changed
                    && let Err(error) = self.wiring.sizes().keep(planned, wanted)
                {
                    change.done = format!(
                        "{}, until bulkhead is started anew, as that cannot be kept in the state directory: {error}",
                        change.done
                    );
                }
                let size = if bytes == 0 { String::new() } else { format!(", {}", show_size(bytes)) };
                self.answer(change.client, &Reply::done(format!("{}{size}", change.done)));
            }
            DeviceAnswer::Refused { text } => {
                self.answer(change.client, &Reply::error(shortened(text)));
            }
        }
    }

    /// A handler is gone: what it had not agreed to is off, what was settled is what its successor gets.
    pub(super) fn changes_of_dead(&mut self, service: u32) {
        let units = &self.plan.units;
        let of_it =
            |change: &Change| units.get(change.unit as usize).is_some_and(|unit| unit.service == service);
        let (gone, rest) = std::mem::take(&mut self.changes.list).into_iter().partition(of_it);
        self.changes.list = rest;
        for change in Vec::from_iter::<Vec<Change>>(gone) {
            let name = &self.plan.units[change.unit as usize].config.name;
            let reply = match change.stage {
                Stage::Asked(_) => {
                    Reply::error(format!("device {name} is as it was: its service died; try again"))
                }
                Stage::Resizing(_) => Reply::error(format!(
                    "the service of device {name} died; it has its size read again when the service is back"
                )),
                Stage::Settled => Reply::done(format!(
                    "{}; its service died meanwhile, and serves it when it is back",
                    change.done
                )),
            };
            self.answer(change.client, &reply);
        }
    }

    /// Gives up changes that take too long.
    pub(super) fn expire_changes(&mut self, now: Duration) {
        while let Some(change) = self.changes.take(|change| change.deadline <= now) {
            let planned = &self.plan.units[change.unit as usize];
            let (service, name) = (planned.service, planned.config.name.clone());
            let asked = matches!(change.stage, Stage::Asked(_));
            let text = match asked {
                true => format!("device {name} is as it was: its service did not answer in {PATIENCE:?}"),
                false => {
                    format!("device {name}: commands that run do not end; it will be done when they have")
                }
            };
            if asked {
                let grant = Grant::Settle { unit: change.unit, request: change.request, go: false };
                self.send(service, (grant, Vec::new()));
            }
            self.answer(change.client, &Reply::error(text));
        }
    }
}

impl UnitPlan {
    /// The unit was given a size. A file keeps it; of a block device, what is served of it has to be granted again. True then.
    fn remember_size(&mut self, bytes: u64) -> bool {
        let block = self.medium.path().is_some_and(|path| block_device::facts(path).is_some());
        let limited = block || self.config.limit.is_some();
        if limited {
            self.config.limit = Some(bytes);
        }
        limited
    }
}

enum Prepared {
    Resize(Option<u64>),
    /// The unit with its new medium, and whether it is forced upon it.
    Medium(Box<UnitPlan>, bool),
}

/// What the plan would be, or what stands against it as far as the supervisor knows.
fn prepare(plan: &UnitPlan, action: &DeviceAction) -> Result<Prepared, String> {
    let name = &plan.config.name;
    let (path, force): (Option<&Path>, bool) = match action {
        DeviceAction::Resize { size } => {
            let block = u64::from(plan.config.block_size);
            if let Some(size) = size.filter(|size| *size == 0 || !size.is_multiple_of(block)) {
                let below = size / block * block;
                let right =
                    format!("make it {} or {}", below.max(block), below.saturating_add(block).max(2 * block));
                return Err(format!("{size} bytes are not whole blocks of {block}; {right}"));
            }
            return Ok(Prepared::Resize(*size));
        }
        DeviceAction::Change { path, force } => (Some(path), *force),
        DeviceAction::Insert { path } if plan.medium == Medium::None => (Some(path), false),
        DeviceAction::Insert { .. } => {
            return Err(format!(
                "device {name} has a medium; `bulkhead device change` puts another in its place"
            ));
        }
        DeviceAction::Eject { force } => (None, *force),
    };
    if matches!(plan.config.backend, BackendConfig::Null { .. }) {
        return Err(format!("device {name} is a null device, which has no medium"));
    }
    match plan.medium {
        Medium::Memory { .. } => {
            return Err(format!("device {name} is in memory and has no medium to change"));
        }
        Medium::None if !plan.config.removable => {
            return Err(format!("device {name} has no medium and never will: it is no removable device"));
        }
        _ => {}
    }
    let mut then = plan.clone();
    then.changed = true;
    then.medium = match path {
        Some(path) => {
            then.config.medium_generation = plan.config.medium_generation.wrapping_add(1);
            // Of the one that is served now it may be true, and of the next one not.
            then.config.cacheless =
                plan.config.direct && block_device::facts(path).is_some_and(|facts| !facts.cached);
            Medium::File { path: path.to_owned(), create: None }
        }
        None if plan.config.removable => Medium::None,
        None => return Err(format!("device {name} is not removable; `removable = true` makes it so")),
    };
    Ok(Prepared::Medium(Box::new(then), force))
}

/// Why a new medium cannot be had.
fn refusal(plan: &UnitPlan, then: &UnitPlan, error: MediaError) -> String {
    let real = |plan: &UnitPlan| std::fs::canonicalize(plan.medium.path()?).ok();
    let name = &plan.config.name;
    match error {
        MediaError::Busy(path) if real(plan).is_some() && real(plan) == real(then) => {
            let path = path.display();
            format!("device {name} has {path} already; `bulkhead device resize {name}` reads its size again")
        }
        other => other.to_string(),
    }
}
