//! Stage 2, nexus: which I_T nexus a record belongs to, and what is kept for each.
//!
//! The number of a nexus is assigned by its transport and never used again. What is here and in
//! [`crate::unit_attention`] survives the core's death through [`crate::notebook`].

use ipc::message::record::NexusNames;
use rustc_hash::FxHashMap;

use crate::unit_attention::UnitAttentions;

/// Most nexuses at a time, so that a transport cannot make the core grow without bound.
pub const MOST: usize = 4096;

/// Why a nexus is ending, and who wants to hear when it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closing {
    /// The transport asked with this serial and gets `NexusClosed`.
    Asked(u64),
    /// It was not named when its transport attached.
    Lost,
}

/// An I_T nexus.
#[derive(Debug)]
pub struct Nexus {
    /// Its number on the link.
    pub number: u64,
    /// Index of its transport's service.
    pub transport: u32,
    /// Index of its target.
    pub target: u32,
    /// Its ports.
    pub names: NexusNames,
    /// Conditions that wait, by logical unit; a unit without any has no entry.
    pub attentions: FxHashMap<u32, UnitAttentions>,
    /// Tasks of it that have not ended.
    pub tasks: usize,
    /// The transport has named it since the last attach.
    pub confirmed: bool,
    /// It is ending; no command is taken any more.
    pub closing: Option<Closing>,
}

/// All nexuses; places are stable while a nexus lives.
#[derive(Debug, Default)]
pub struct Nexuses {
    places: Vec<Option<Nexus>>,
    by_number: FxHashMap<(u32, u64), usize>,
}

impl Nexuses {
    /// Takes a nexus in. None: there are too many.
    pub fn insert(&mut self, nexus: Nexus) -> Option<usize> {
        if self.by_number.len() >= MOST {
            return None;
        }
        let key = (nexus.transport, nexus.number);
        let place = self.places.iter().position(Option::is_none).unwrap_or(self.places.len());
        if place == self.places.len() {
            self.places.push(None);
        }
        self.places[place] = Some(nexus);
        self.by_number.insert(key, place);
        Some(place)
    }

    /// The place of a transport's nexus.
    pub fn find(&self, transport: u32, number: u64) -> Option<usize> {
        self.by_number.get(&(transport, number)).copied()
    }

    /// The nexus at a place.
    pub fn get(&self, place: usize) -> Option<&Nexus> {
        self.places.get(place)?.as_ref()
    }

    /// The nexus at a place, to change.
    pub fn get_mut(&mut self, place: usize) -> Option<&mut Nexus> {
        self.places.get_mut(place)?.as_mut()
    }

    /// Takes a nexus out.
    pub fn remove(&mut self, place: usize) -> Option<Nexus> {
        let nexus = self.places.get_mut(place)?.take()?;
        self.by_number.remove(&(nexus.transport, nexus.number));
        Some(nexus)
    }

    /// All nexuses with their places.
    pub fn iter(&self) -> impl Iterator<Item = (usize, &Nexus)> {
        self.places.iter().enumerate().filter_map(|(place, nexus)| Some((place, nexus.as_ref()?)))
    }

    /// All nexuses with their places, to change.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (usize, &mut Nexus)> {
        self.places.iter_mut().enumerate().filter_map(|(place, nexus)| Some((place, nexus.as_mut()?)))
    }
}
