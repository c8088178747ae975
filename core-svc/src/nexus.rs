//! Stage 2, nexus: which I_T nexus a record belongs to, and what is kept for each.
//!
//! The number of a nexus is assigned by its transport and never used again. What is here and in
//! [`crate::unit_attention`] survives the core's death through [`crate::notebook`].

use ipc::message::record::NexusNames;
use rustc_hash::FxHashMap;

use crate::copy::kept::Kept;
use crate::recorded::Recorded;
use crate::reservation::state::Port;
use crate::unit_attention::UnitAttentions;

/// Most nexuses at a time, so that a transport cannot make the core grow without bound.
pub const MOST: usize = 4096;

/// Most I_T_L nexuses (nexuses times the logical units that each reaches): they are what the core keeps unit attentions
/// for and what its notebook has to hold.
pub const MOST_PATHS: usize = 1 << 16;

/// Bits of a nexus number that are its transport's to use.
const NUMBER_BITS: u32 = 56;

/// Transports have service indices below this. The highest that fits is left for the core's own.
pub const MOST_TRANSPORTS: u32 = (1 << (64 - NUMBER_BITS)) - 1;

/// The place that commands of the core's own name as their nexus: no nexus is there.
pub const OWN: usize = usize::MAX;

/// The number under which handlers know the nexus of the core's own commands, by the core's incarnation: its serials begin
/// anew with each.
pub fn own_number(incarnation: u64) -> u64 {
    u64::from(MOST_TRANSPORTS) << NUMBER_BITS | incarnation & ((1 << NUMBER_BITS) - 1)
}

/// The number under which handlers know a nexus: transports number theirs each for itself, and a handler must not take
/// two for one. It is a function of both, so that it is the same after the core's death. None: the number is too high.
pub fn wide(transport: u32, number: u64) -> Option<u64> {
    let fits = transport < MOST_TRANSPORTS && number >> NUMBER_BITS == 0;
    fits.then_some(u64::from(transport) << NUMBER_BITS | number)
}

/// The transport and its own number of a nexus that handlers know as `wide`.
pub fn split(wide: u64) -> (u32, u64) {
    ((wide >> NUMBER_BITS) as u32, wide & ((1 << NUMBER_BITS) - 1))
}

/// Why a nexus is ending, and who wants to hear when it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closing {
    /// The transport asked with this serial and gets `NexusClosed`.
    Asked(u64),
    /// It was not named when its transport attached, or its transport stayed away.
    Lost,
}

/// An I_T nexus.
#[derive(Debug)]
pub struct Nexus {
    /// Its number on its transport's link.
    pub number: u64,
    /// Its number for handlers, see [`wide`].
    pub wide: u64,
    /// Place of its transport.
    pub transport: usize,
    /// Index of its target.
    pub target: u32,
    /// Which LUN map of the target it sees.
    pub map: usize,
    /// Its ports; empty after the core's death until the transport has named them again.
    pub names: NexusNames,
    /// The same as persistent reservations know it; none for a name that no TransportID can hold.
    pub port: Option<Port>,
    /// Conditions that wait, by logical unit.
    pub attentions: FxHashMap<u32, UnitAttentions>,
    /// Outcomes of its commands that must not be executed twice.
    pub recorded: Recorded,
    /// Its copies: how far those have come that run, and how others ended.
    pub copies: Kept,
    /// Serial of its latest command; [`UNKNOWN`](crate::unit_attention::UNKNOWN) from the core's death on until its transport says
    /// it, or a command comes that had not been there before.
    pub latest: u64,
    /// Tasks at each unit, where its target limits them.
    pub by_unit: FxHashMap<u32, u32>,
    /// Tasks of it that have not ended.
    pub tasks: usize,
    /// The transport has named it since the last attach.
    pub confirmed: bool,
    /// Errands that tell handlers of its end, when it has no tasks left; none before that.
    pub farewells: Vec<u64>,
    /// Handlers have been told of its end.
    pub told: bool,
    /// It is ending; no command is taken any more.
    pub closing: Option<Closing>,
}

/// All nexuses; places are stable while a nexus lives.
#[derive(Debug, Default)]
pub struct Nexuses {
    places: Vec<Option<Nexus>>,
    free: Vec<usize>,
    by_wide: FxHashMap<u64, usize>,
    paths: usize,
}

impl Nexuses {
    /// Takes a nexus in. None: there are too many, or it is known.
    pub fn insert(&mut self, nexus: Nexus) -> Option<usize> {
        let paths = self.paths + nexus.attentions.len();
        if self.by_wide.len() >= MOST || paths > MOST_PATHS || self.by_wide.contains_key(&nexus.wide) {
            return None;
        }
        self.paths = paths;
        let place = self.free.pop().unwrap_or(self.places.len());
        if place == self.places.len() {
            self.places.push(None);
        }
        self.by_wide.insert(nexus.wide, place);
        self.places[place] = Some(nexus);
        Some(place)
    }

    /// The place of the nexus that handlers know as `wide`.
    #[inline]
    pub fn find(&self, wide: u64) -> Option<usize> {
        self.by_wide.get(&wide).copied()
    }

    /// The nexus at a place.
    #[inline]
    pub fn get(&self, place: usize) -> Option<&Nexus> {
        self.places.get(place)?.as_ref()
    }

    /// The nexus at a place, to change. The set of logical units that it has conditions for must not change.
    #[inline]
    pub fn get_mut(&mut self, place: usize) -> Option<&mut Nexus> {
        self.places.get_mut(place)?.as_mut()
    }

    /// Takes a nexus out.
    pub fn remove(&mut self, place: usize) -> Option<Nexus> {
        let nexus = self.places.get_mut(place)?.take()?;
        self.by_wide.remove(&nexus.wide);
        self.free.push(place);
        self.paths -= nexus.attentions.len();
        Some(nexus)
    }

    /// All nexuses with their places.
    pub fn iter(&self) -> impl Iterator<Item = (usize, &Nexus)> {
        self.places.iter().enumerate().filter_map(|(place, nexus)| Some((place, nexus.as_ref()?)))
    }

    /// All nexuses with their places, to change; as for [`get_mut`](Self::get_mut).
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (usize, &mut Nexus)> {
        self.places.iter_mut().enumerate().filter_map(|(place, nexus)| Some((place, nexus.as_mut()?)))
    }

    /// Places of the nexuses of the transport at `transport`. Allocates: for rare events only.
    pub fn of_transport(&self, transport: usize) -> Vec<usize> {
        self.iter().filter(|(_, nexus)| nexus.transport == transport).map(|(place, _)| place).collect()
    }
}
