//! The core's notebook: nexuses and their unit attentions, as they must survive the core's own death.
//!
//! One page holds all of it and is replaced when something in it changed, before anybody can see the effect. It is read
//! back with suspicion: an entry that does not fit the configuration is left out, and said so.

use ipc::message::codec;
use ipc::message::record::NexusNames;
use serde::{Deserialize, Serialize};

use crate::core::Core;
use crate::nexus::Nexus;
use crate::unit_attention::UnitAttentions;

/// Number of this page's format.
pub const SCHEMA: u64 = 1;

#[derive(Serialize, Deserialize)]
struct Page {
    nexuses: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    number: u64,
    transport: u32,
    target: u32,
    initiator_port: String,
    target_port: String,
    attentions: Vec<(u32, UnitAttentions)>,
}

impl Core {
    /// Writes the page. A page that cannot be written is a problem for the next restart, not for the I/O of now.
    pub(crate) fn save(&mut self) {
        self.dirty = false;
        let Some(notebook) = &mut self.notebook else { return };
        let nexuses = self.nexuses.iter().map(|(_, nexus)| Entry {
            number: nexus.number,
            transport: nexus.transport,
            target: nexus.target,
            initiator_port: nexus.names.initiator.clone(),
            target_port: nexus.names.target.clone(),
            attentions: nexus.attentions.iter().map(|(unit, waiting)| (*unit, waiting.clone())).collect(),
        });
        let page = Page { nexuses: nexuses.collect() };
        let saved = codec::encode_page(&page).map_err(|error| error.to_string());
        if let Err(error) = saved.and_then(|bytes| notebook.save(&bytes).map_err(|error| error.to_string())) {
            tracing::error!(%error, "the notebook cannot be written: a restart would lose unit attentions");
        }
    }

    /// Takes up what a former incarnation wrote.
    pub(crate) fn remember(&mut self, page: &[u8]) {
        let page: Page = match codec::decode_page(page) {
            Ok(page) => page,
            Err(error) => {
                tracing::error!(%error, "the notebook cannot be read: starting empty");
                return;
            }
        };
        let count = page.nexuses.len();
        for entry in page.nexuses {
            let target = self.targets.get(entry.target as usize).and_then(Option::as_ref);
            let Some(target) = target.filter(|target| target.transport == entry.transport) else {
                tracing::warn!(
                    nexus = entry.number,
                    "a nexus in the notebook is of no configured target: left out"
                );
                continue;
            };
            let reaches = |unit: &u32| target.luns.iter().any(|(_, known)| known == unit);
            let nexus = Nexus {
                number: entry.number,
                transport: entry.transport,
                target: entry.target,
                names: NexusNames { initiator: entry.initiator_port, target: entry.target_port },
                attentions: entry.attentions.into_iter().filter(|(unit, _)| reaches(unit)).collect(),
                tasks: 0,
                confirmed: false,
                closing: None,
            };
            let fresh = self.nexuses.find(nexus.transport, nexus.number).is_none();
            if !fresh || self.nexuses.insert(nexus).is_none() {
                tracing::warn!(nexus = entry.number, "a nexus in the notebook does not fit: left out");
            }
        }
        tracing::info!(nexuses = count, "took up the notebook");
    }
}

#[cfg(test)]
mod tests;
