//! Reads flight recorders for an administrator.

use std::collections::BTreeMap;
use std::time::SystemTime;

use ipc::recorder::read::{self, Recording};

use super::Reactor;
use crate::admin::Reply;
use crate::post_mortem::{PostMortem, Subject};

impl Reactor {
    /// What the last incarnation of `service` that died had been doing; if none did, what the one that lives does.
    pub(super) fn post_mortem(&self, service: u32, lines: usize) -> Reply {
        let (planned, child) = (&self.plan.services[service as usize], &self.children[service as usize]);
        let death = child.last_death.as_ref();
        let incarnation = death.map_or(child.starts.saturating_sub(1), |death| death.incarnation);
        let since = death.map(|death| SystemTime::now().duration_since(death.at).unwrap_or_default());
        let passed = since.map_or(0, |since| since.as_micros() as u64);
        let subject = Subject {
            name: &planned.config.name,
            incarnation,
            death,
            memory: planned.address_space,
            micros: ipc::recorder::micros().saturating_sub(passed),
            lines: lines.min(ipc::recorder::RECORDS),
        };
        let found = self.wiring.recorder(service, incarnation).and_then(recording);
        Reply::post_mortem(PostMortem::new(&subject, found, &self.legend()))
    }

    /// The names of commands, as any service has left them.
    pub(super) fn legend(&self) -> BTreeMap<(u8, Option<u16>), String> {
        let mut legend = BTreeMap::new();
        self.wiring.recorders().filter_map(recording).for_each(|other| legend.extend(other.legend));
        legend
    }
}

pub(super) fn recording(fd: &std::os::fd::OwnedFd) -> Option<Recording> {
    read::read(fd)
        .inspect_err(|error| tracing::warn!(%error, "a flight recorder cannot be read"))
        .ok()
        .flatten()
}
