//! Asymmetric access states while the target runs: what administrators ask for, and what the core says that holds.
//!
//! The core keeps the states. What an administrator has asked for is remembered here until the core has said that it holds,
//! and is asked for again when the core dies before that. Pure but for [`Reactor`]'s few lines.

use std::collections::BTreeMap;
use std::time::Duration;

use ipc::message::Grant;
use ipc::message::config::{AccessManagement, AccessState, DeviceGroupConfig};

use super::{NOBODY, Reactor};
use crate::admin::Reply;
use crate::child::State;
use crate::manifest::Kind;
use crate::manifest::access::{STATES, state_word};
use crate::manifest::report::nearest;
use crate::plan::Plan;
use crate::status::AccessStatus;

/// How long the core may take, a restart of it included.
const PATIENCE: Duration = Duration::from_secs(60);

/// Device group and target port group.
type Key = (u32, u16);

/// An administrator who waits.
struct Asked {
    client: u64,
    keys: Vec<Key>,
    deadline: Duration,
    done: String,
}

/// States, and who waits for some.
pub struct Access {
    states: BTreeMap<Key, AccessState>,
    wanted: BTreeMap<Key, AccessState>,
    asked: Vec<Asked>,
}

impl Access {
    /// The states of the manifest.
    pub fn new(plan: &Plan) -> Self {
        let of_group = |group: &DeviceGroupConfig| -> Vec<(Key, AccessState)> {
            group.states.iter().map(|(id, state, _)| ((group.group, *id), *state)).collect()
        };
        let states = plan.device_groups.iter().flat_map(of_group).collect();
        Self { states, wanted: BTreeMap::new(), asked: Vec::new() }
    }

    /// An administrator asks for a state of a port group, for one device group or for all whose states may be changed so.
    ///
    /// # Errors
    /// What would have been right.
    fn ask(
        &mut self,
        plan: &Plan,
        (client, deadline): (u64, Duration),
        (port_group, state, device_group): (&str, &str, Option<&str>),
    ) -> Result<Vec<Grant>, String> {
        let Some(group) = plan.port_groups.iter().find(|group| group.name == port_group) else {
            let names = plan.port_groups.iter().map(|group| group.name.as_str());
            return Err(format!("there is no port group {port_group:?}; {}", nearest(port_group, names)));
        };
        let Some(wanted) = STATES.into_iter().find(|known| state_word(*known) == state) else {
            return Err(format!("there is no state {state:?}; {}", nearest(state, STATES.map(state_word))));
        };
        let keys = device_groups(plan, device_group)?.into_iter().map(|number| (number, group.id));
        let keys: Vec<Key> = keys.collect();
        let of_whom = device_group.map(|name| format!(" for device group {name}")).unwrap_or_default();
        let done = format!("port group {port_group} is {state}{of_whom}");
        self.wanted.extend(keys.iter().map(|key| (*key, wanted)));
        self.asked.push(Asked { client, keys, deadline, done });
        Ok(self.grants())
    }

    /// What the core has said that holds.
    pub fn states(&self) -> Vec<(Key, AccessState)> {
        self.states.iter().map(|(key, state)| (*key, *state)).collect()
    }

    /// What administrators want, whether they still wait for it or not.
    pub fn wanted(&self) -> Vec<(Key, AccessState)> {
        self.wanted.iter().map(|(key, state)| (*key, *state)).collect()
    }

    /// Goes on for a former supervisor: nobody waits any more, but what was wanted is, for as long as always.
    pub fn resume(
        &mut self,
        states: Vec<(Key, AccessState)>,
        wanted: Vec<(Key, AccessState)>,
        now: Duration,
    ) {
        for (key, state) in states {
            self.states.entry(key).and_modify(|known| *known = state);
        }
        self.wanted = wanted.into_iter().filter(|(key, _)| self.states.contains_key(key)).collect();
        if !self.wanted.is_empty() {
            let keys = self.wanted.keys().copied().collect();
            self.asked.push(Asked { client: NOBODY, keys, deadline: now + PATIENCE, done: String::new() });
        }
    }

    /// Everything that is wanted and not known to hold.
    pub fn grants(&self) -> Vec<Grant> {
        let grant = |(&(device_group, port_group), &state): (&Key, &AccessState)| Grant::AccessState {
            device_group,
            port_group,
            state,
        };
        self.wanted.iter().map(grant).collect()
    }

    /// The core says that a state holds. Returns who need not wait any longer.
    fn hear(&mut self, key: Key, state: AccessState) -> Vec<(u64, Reply)> {
        let Some(known) = self.states.get_mut(&key) else { return Vec::new() };
        *known = state;
        if self.wanted.get(&key) == Some(&state) {
            self.wanted.remove(&key);
        }
        let waits = |asked: &Asked| asked.keys.iter().any(|key| self.wanted.contains_key(key));
        let (waiting, over) = std::mem::take(&mut self.asked).into_iter().partition(waits);
        self.asked = waiting;
        let over: Vec<Asked> = over;
        over.into_iter().map(|asked| (asked.client, Reply::done(asked.done))).collect()
    }

    /// When patience with the core ends.
    pub fn deadline(&self) -> Option<Duration> {
        self.asked.iter().map(|asked| asked.deadline).min()
    }

    /// Gives up what takes too long: it is not wanted any more.
    fn expire(&mut self, now: Duration) -> Vec<u64> {
        let (over, waiting) =
            std::mem::take(&mut self.asked).into_iter().partition(|asked| asked.deadline <= now);
        self.asked = waiting;
        let over: Vec<Asked> = over;
        for key in over.iter().flat_map(|asked| &asked.keys) {
            self.wanted.remove(key);
        }
        over.into_iter().map(|asked| asked.client).collect()
    }

    /// What `status` tells.
    pub fn status(&self, plan: &Plan) -> Vec<AccessStatus> {
        let managed = plan.device_groups.iter().filter(|group| group.management != AccessManagement::None);
        let rows = managed.flat_map(|group| {
            group.states.iter().map(move |(id, begun, preferred)| AccessStatus {
                port_group: port_group_name(plan, *id),
                id: *id,
                device_group: group.name.clone(),
                state: state_word(*self.states.get(&(group.group, *id)).unwrap_or(begun)).to_owned(),
                preferred: *preferred,
            })
        });
        rows.collect()
    }
}

fn port_group_name(plan: &Plan, id: u16) -> String {
    let group = plan.port_groups.iter().find(|group| group.id == id);
    group.map(|group| group.name.clone()).unwrap_or_default()
}

/// The device groups that an administrator means: the one that is named, or all whose states administrators may change.
fn device_groups(plan: &Plan, name: Option<&str>) -> Result<Vec<u32>, String> {
    let open = |group: &&DeviceGroupConfig| {
        matches!(group.management, AccessManagement::Implicit | AccessManagement::Both)
    };
    let hint = "mode = \"implicit\" or \"both\" in the manifest lets you change them";
    let Some(name) = name else {
        let numbers: Vec<u32> = plan.device_groups.iter().filter(open).map(|group| group.group).collect();
        return match numbers.is_empty() {
            true => Err(format!("only initiators may change the states of these devices; {hint}")),
            false => Ok(numbers),
        };
    };
    match plan.device_groups.iter().find(|group| group.name == name) {
        None => {
            let names = plan.device_groups.iter().map(|group| group.name.as_str());
            Err(format!("there is no device group {name:?}; {}", nearest(name, names)))
        }
        Some(group) if open(&group) => Ok(vec![group.group]),
        Some(group) if group.management == AccessManagement::None => {
            Err(format!("device group {name:?} has no asymmetric access states; {hint}"))
        }
        Some(_) => Err(format!("only initiators may change the states of device group {name:?}; {hint}")),
    }
}

impl Reactor {
    pub(super) fn on_alua_request(
        &mut self,
        client: u64,
        port_group: &str,
        state: &str,
        device_group: Option<&str>,
    ) {
        let core = self.plan.of_kind(Kind::Core).next();
        let (core, now) = (core.unwrap_or_default(), self.now());
        let away = matches!(self.children[core as usize].state, State::Stopped | State::Held { .. });
        if away || self.stopping.is_some() {
            let text = format!("service {} does not run; start it first", self.name(core));
            return self.answer(client, &Reply::error(text));
        }
        let asked = self.access.ask(&self.plan, (client, now + PATIENCE), (port_group, state, device_group));
        match asked {
            Ok(grants) => grants.into_iter().for_each(|grant| self.send(core, (grant, Vec::new()))),
            Err(text) => self.answer(client, &Reply::error(text)),
        }
    }

    /// A service says that a state holds. Only the core can know.
    pub(super) fn on_access_state(&mut self, service: u32, key: (u32, u16), state: AccessState) {
        if self.plan.services[service as usize].kind == Kind::Core {
            for (client, reply) in self.access.hear(key, state) {
                self.answer(client, &reply);
            }
        }
    }

    pub(super) fn expire_access(&mut self, now: Duration) {
        for client in self.access.expire(now) {
            let text =
                format!("the core did not answer in {PATIENCE:?}; the state is as `bulkhead status` says");
            self.answer(client, &Reply::error(text));
        }
    }
}

#[cfg(test)]
mod tests;
