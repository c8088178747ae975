//! The core's notebook: what must survive the core's own death, in parts that know nothing of one another.
//!
//! It is a journal of small entries ([`ipc::journal`]). Whoever changes state that has an entry calls `Core::touch`; before
//! anybody can see an effect of this turn, all touched entries are written as one commit, so that a successor finds all of
//! them or none. Nothing else has to be done while running: the entry is encoded from the state as it is then, and it is
//! taken out when there is none any more.
//!
//! A new part is a variant of [`Part`], an arm of `encode` and an arm of `take_up`, the latter two calling its owner's file.
//! Entries are read back with suspicion, part by part in the order of their numbers: what does not fit the configuration is
//! left out, and said so. The words of transports for their ports are not in it: they say them again.

use ipc::journal::{Found, Journal, Key};
use ipc::message::record::NexusNames;
use ipc::message::{Event, codec};
use rustc_hash::FxHashMap;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::copy::kept::Kept;
use crate::core::Core;
use crate::nexus::{Nexus, split, wide};
use crate::recorded::Recorded;
use crate::reservation::state::Port;
use crate::unit_attention::{UNKNOWN, UnitAttentions};

/// Number of the journal's layout. A part whose format changes gets another number of its own instead.
pub const SCHEMA: u64 = 4;

/// The parts, in the order in which they are taken up: nexuses come before what is said of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// A nexus, by its wide number: the indices of its target and of the LUN map that it sees, and its name for reservations.
    Nexus = 1,
    /// Unit attention conditions, by wide number and unit. No entry: no condition.
    Attentions = 2,
    /// Recorded outcomes of a nexus, by its wide number. No entry: none.
    Recorded = 3,
    /// Asymmetric access state, by device group and target port group. No entry: what the configuration says.
    AccessState = 4,
    /// What was seen of a unit, by its number.
    Unit = 5,
    /// Reservations of a unit, by its number. No entry: none.
    Reservations = 6,
    /// An ACA condition, by the wide number of its nexus and unit. No entry: none.
    Aca = 7,
    /// How far a copy has come, by wide number and serial. No entry: it has not begun, or is over.
    CopyProgress = 8,
    /// How copies of a nexus ended, by its wide number. No entry: none.
    CopyResults = 9,
    /// A preempted nexus, by its wide number, and the unit whose handler is to hear of it. No entry: it has.
    Allow = 10,
    /// An answer that its transport may not have seen, by wide number and serial. No entry: it has, or there is none.
    Answer = 11,
}

impl Part {
    const ALL: [Self; 11] = [
        Self::Nexus,
        Self::Attentions,
        Self::Recorded,
        Self::AccessState,
        Self::Unit,
        Self::Reservations,
        Self::Aca,
        Self::CopyProgress,
        Self::CopyResults,
        Self::Allow,
        Self::Answer,
    ];

    /// Number of the part's format. A change of what is encoded is a change here: entries of another format are left out.
    const fn format(self) -> u32 {
        match self {
            Self::Recorded | Self::Attentions => 3,
            Self::Nexus => 2,
            Self::AccessState | Self::Unit => 1,
            Self::CopyProgress => 2,
            Self::Reservations | Self::Aca | Self::CopyResults | Self::Allow | Self::Answer => 1,
        }
    }

    const fn number(self) -> u32 {
        (self as u32) << 16 | self.format()
    }

    fn find(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|part| part.number() == number)
    }
}

/// The name of an entry: which part, and which of its entries.
pub type Entry = (Part, u64, u64);

fn key((part, major, minor): Entry) -> Key {
    Key { part: part.number(), major, minor }
}

/// The bytes of an entry; one with a value that equals its default has none.
fn unless_default<T: Serialize + Default + PartialEq>(value: &T) -> Option<Vec<u8>> {
    if *value == T::default() { None } else { bytes(value) }
}

/// The bytes of an entry.
pub(crate) fn bytes<T: Serialize>(value: &T) -> Option<Vec<u8>> {
    codec::encode_page(value).ok()
}

/// The value of an entry. It may be anything that has these bytes.
pub(crate) fn value<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    codec::decode_page(bytes).ok()
}

impl Core {
    /// An entry of the notebook has changed, come to be or ceased to be.
    pub(crate) fn touch(&mut self, entry: Entry) {
        self.touched.push(entry);
    }

    /// Everything that is kept of a nexus has changed.
    pub(crate) fn touch_nexus(&mut self, nexus: u64, units: impl Iterator<Item = u32>) {
        self.touched.push((Part::Nexus, nexus, 0));
        self.touched.push((Part::Recorded, nexus, 0));
        self.touched.push((Part::CopyResults, nexus, 0));
        self.touched.extend(units.map(|unit| (Part::Attentions, nexus, u64::from(unit))));
    }

    /// What is to be written of an entry, none if there is no such entry any more.
    fn encode(&self, (part, major, minor): Entry) -> Option<Vec<u8>> {
        let nexus = |wide: u64| self.nexuses.get(self.nexuses.find(wide)?);
        match part {
            Part::Nexus => {
                let nexus = nexus(major)?;
                bytes(&(nexus.target, nexus.map as u64, &nexus.port))
            }
            Part::Attentions => {
                let unit = u32::try_from(minor).ok()?;
                unless_default(nexus(major)?.attentions.get(&unit)?)
            }
            Part::Aca => self.has_aca(major, minor).then(Vec::new),
            Part::Allow => self.owes_allowance(major, minor).then(Vec::new),
            Part::Answer => self.encode_answer(major, minor),
            Part::Recorded => unless_default(&nexus(major)?.recorded),
            Part::AccessState => self.encode_access_state(major, minor),
            Part::Unit => bytes(self.units.get(usize::try_from(major).ok()?)?.as_ref()?.seen.as_ref()?),
            Part::Reservations => {
                let unit = self.units.get(usize::try_from(major).ok()?)?.as_ref()?;
                unless_default(&unit.reservations.kept)
            }
            Part::CopyProgress => bytes(&nexus(major)?.copies.progress(minor)?),
            Part::CopyResults => unless_default(nexus(major)?.copies.results()),
        }
    }

    /// Takes up what a former incarnation wrote of an entry. None: it does not fit.
    pub(crate) fn take_up(&mut self, (part, major, minor): Entry, bytes: &[u8]) -> Option<()> {
        let nexus = self.nexuses.find(major);
        match part {
            Part::Nexus => self.take_up_nexus(major, value(bytes)?),
            Part::Attentions => {
                let attentions = &mut self.nexuses.get_mut(nexus?)?.attentions;
                *attentions.get_mut(&u32::try_from(minor).ok()?)? = value(bytes)?;
                Some(())
            }
            Part::Aca => self.take_up_aca(major, minor),
            Part::Allow => self.take_up_allowance(major, minor),
            Part::Answer => self.take_up_answer(nexus?, minor, value(bytes)?),
            Part::Recorded => {
                self.nexuses.get_mut(nexus?)?.recorded = value::<Recorded>(bytes)?.bounded();
                Some(())
            }
            Part::AccessState => self.alua.take_up(major, minor, value(bytes)?),
            Part::Unit => {
                self.unit_mut(u32::try_from(major).ok()?)?.seen = Some(value(bytes)?);
                Some(())
            }
            Part::Reservations => self.take_up_reservations(u32::try_from(major).ok()?, value(bytes)?),
            Part::CopyProgress => self.take_up_copy(nexus?, minor, value(bytes)?),
            Part::CopyResults => {
                self.nexuses.get_mut(nexus?)?.copies.take_up_results(value(bytes)?);
                Some(())
            }
        }
    }

    /// Writes what was touched. Entries that cannot be written are a problem for the next restart, not for the I/O of now; it
    /// is said once.
    pub(crate) fn save(&mut self) {
        let mut touched = std::mem::take(&mut self.touched);
        let Some(mut notebook) = self.notebook.take() else { return };
        touched.sort_unstable();
        touched.dedup();
        for entry in touched.drain(..) {
            match self.encode(entry) {
                Some(bytes) => notebook.put(key(entry), &bytes),
                None => notebook.remove(key(entry)),
            }
        }
        let saved = notebook.commit();
        if let (Err(error), false) = (&saved, self.overflowed) {
            let text = format!(
                "the core's notebook cannot be written ({error}): a restart of the core would lose what is shared between nexuses"
            );
            tracing::error!("{text}");
            self.events.push(Event::Problem { text });
        }
        self.overflowed = saved.is_err();
        (self.notebook, self.touched) = (Some(notebook), touched);
    }

    /// Takes up the notebook as it was found, and files by what it says.
    pub(crate) fn remember(&mut self, mut notebook: Journal, found: Found) {
        let fresh = !matches!(found, Found::Entries(_));
        let entries = match found {
            Found::Nothing => Vec::new(),
            Found::Damaged => {
                let text =
                    "the core's notebook is damaged: nexuses, reservations and unit attentions are lost";
                tracing::error!("{text}");
                self.events.push(Event::Problem { text: text.to_owned() });
                Vec::new()
            }
            Found::Entries(entries) => entries,
        };
        let count = entries.len();
        let mut left_out = 0;
        for (key, bytes) in entries {
            let entry = Part::find(key.part).map(|part| (part, key.major, key.minor));
            if entry.and_then(|entry| self.take_up(entry, &bytes)).is_none() {
                notebook.remove(key);
                left_out += 1;
            }
        }
        if left_out > 0 {
            tracing::warn!(left_out, "entries in the notebook do not fit the configuration");
        }
        tracing::info!(entries = count - left_out, "took up the notebook");
        self.notebook = Some(notebook);
        self.take_up_files(fresh);
        // What one transport asks first may concern nexuses that another has not named yet.
        let nexuses: Vec<usize> = self.nexuses.iter().map(|(at, _)| at).collect();
        nexuses.into_iter().for_each(|at| self.bind_nexus(at));
    }

    fn take_up_nexus(&mut self, number: u64, (target, map, port): (u32, u64, Option<Port>)) -> Option<()> {
        let (service, own) = split(number);
        let known = self.targets.get(target as usize)?.as_ref()?;
        let transport = self.transports.iter().position(|known| known.service == service)?;
        let map = usize::try_from(map).ok()?;
        if known.transport != service || !known.has_map(map) {
            return None;
        }
        let attentions: FxHashMap<u32, UnitAttentions> =
            known.units(map).map(|unit| (unit, UnitAttentions::default())).collect();
        self.nexuses.insert(Nexus {
            number: own,
            wide: wide(service, own)?,
            transport,
            target,
            map,
            names: NexusNames { initiator: String::new(), target: String::new() },
            port,
            attentions,
            recorded: Recorded::default(),
            copies: Kept::default(),
            latest: UNKNOWN,
            by_unit: FxHashMap::default(),
            tasks: 0,
            farewells: Vec::new(),
            told: false,
            confirmed: false,
            closing: None,
        })?;
        Some(())
    }
}

#[cfg(test)]
mod tests;
