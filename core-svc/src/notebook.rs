//! The core's notebook: nexuses, their unit attentions and recorded outcomes, as they must survive the core's own death.
//!
//! One page holds all of it and is replaced when something in it changed, before anybody can see the effect. It is read
//! back with suspicion: an entry that does not fit the configuration is left out, and said so. Names are not in it:
//! transports say them again. [`crate::nexus::MOST_PATHS`] bounds what one page costs.

use ipc::message::record::NexusNames;
use ipc::message::{Event, codec};
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use crate::core::Core;
use crate::nexus::{Nexus, wide};
use crate::recorded::Recorded;
use crate::unit_attention::UnitAttentions;

/// Number of this page's format.
pub const SCHEMA: u64 = 3;

/// What is written.
#[derive(Serialize)]
struct Written<'a> {
    number: u64,
    transport: u32,
    target: u32,
    attentions: &'a FxHashMap<u32, UnitAttentions>,
    recorded: &'a Recorded,
}

/// The same as it is read back: a map is a sequence of pairs.
#[derive(Deserialize)]
struct Entry {
    number: u64,
    transport: u32,
    target: u32,
    attentions: Vec<(u32, UnitAttentions)>,
    recorded: Recorded,
}

impl Core {
    /// Writes the page. A page that cannot be written is a problem for the next restart, not for the I/O of now; it is said
    /// once.
    pub(crate) fn save(&mut self) {
        self.dirty = false;
        let Some(notebook) = &mut self.notebook else { return };
        let page: Vec<Written<'_>> = self
            .nexuses
            .iter()
            .map(|(_, nexus)| Written {
                number: nexus.number,
                transport: self.transports[nexus.transport].service,
                target: nexus.target,
                attentions: &nexus.attentions,
                recorded: &nexus.recorded,
            })
            .collect();
        let saved = codec::encode_page(&page).map_err(|error| error.to_string());
        let saved = saved.and_then(|bytes| notebook.save(&bytes).map_err(|error| error.to_string()));
        if let (Err(error), false) = (&saved, self.overflowed) {
            let text = format!(
                "the core's notebook cannot be written ({error}): a restart of the core would lose unit attentions"
            );
            tracing::error!("{text}");
            self.events.push(Event::Problem { text });
        }
        self.overflowed = saved.is_err();
    }

    /// Takes up what a former incarnation wrote.
    pub(crate) fn remember(&mut self, page: &[u8]) {
        let page: Vec<Entry> = match codec::decode_page(page) {
            Ok(page) => page,
            Err(error) => {
                tracing::error!(%error, "the notebook cannot be read: starting empty");
                return;
            }
        };
        let count = page.len();
        let kept = page.into_iter().filter_map(|entry| self.remember_nexus(entry)).count();
        if kept < count {
            tracing::warn!(left_out = count - kept, "nexuses in the notebook do not fit the configuration");
        }
        tracing::info!(nexuses = kept, "took up the notebook");
    }

    fn remember_nexus(&mut self, entry: Entry) -> Option<usize> {
        let target = self.targets.get(entry.target as usize)?.as_ref()?;
        let transport = self.transports.iter().position(|known| known.service == entry.transport)?;
        if target.transport != entry.transport {
            return None;
        }
        let mut attentions: FxHashMap<u32, UnitAttentions> =
            target.luns.iter().map(|entry| (entry.unit, UnitAttentions::default())).collect();
        for (unit, waiting) in entry.attentions {
            if let Some(place) = attentions.get_mut(&unit) {
                *place = waiting;
            }
        }
        self.nexuses.insert(Nexus {
            number: entry.number,
            wide: wide(entry.transport, entry.number)?,
            transport,
            target: entry.target,
            names: NexusNames { initiator: String::new(), target: String::new() },
            attentions,
            recorded: entry.recorded.bounded(),
            tasks: 0,
            confirmed: false,
            closing: None,
        })
    }
}

#[cfg(test)]
mod tests;
