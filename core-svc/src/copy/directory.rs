//! Which unit has which names: what handlers say in VPD page 83h, kept until they say that INQUIRY data has changed.
//!
//! Only units that the nexus of a copy reaches are looked at, and asked if they are not known.

use rustc_hash::FxHashMap;
use scsi::extended_copy::designator::{Designator, Identity};

use crate::core::Core;
use crate::peers::Presence;

use super::Place;

/// What is known of the names of one unit.
#[derive(Debug)]
enum Entry {
    /// It has been asked.
    Asked,
    /// Its names, and the generation of INQUIRY data that they are of.
    Known(Identity, u32),
    /// It does not say.
    Silent,
}

/// Names of units.
#[derive(Debug, Default)]
pub struct Directory(FxHashMap<u32, Entry>);

impl Directory {
    /// A unit has answered; none if with something else than its names.
    pub fn learn(&mut self, unit: u32, identity: Option<Identity>, generation: u32) {
        let entry = identity.map_or(Entry::Silent, |identity| Entry::Known(identity, generation));
        self.0.insert(unit, entry);
    }

    /// Units that did not say are asked once more.
    pub fn retry_silent(&mut self) {
        self.0.retain(|_, entry| !matches!(entry, Entry::Silent));
    }
}

/// What a search has come to.
enum Search {
    Found(Place),
    /// Not among the names that are known; some units have not answered.
    Waits,
}

impl Core {
    /// Looks for the unit called `name` among `units`. Asks those that are not known, first those whose handlers serve.
    fn search(&mut self, name: &Designator, units: &[u32]) -> Search {
        let (mut unknown, mut waits) = (Vec::new(), false);
        for unit in units {
            let Some(known) = self.units.get(*unit as usize).and_then(Option::as_ref) else { continue };
            match self.copies.directory.0.get(unit) {
                Some(Entry::Known(identity, generation))
                    if *generation == known.report.generations.inquiry =>
                {
                    if identity.has(name) {
                        let device_type = identity.device_type;
                        return Search::Found(Place::Found { unit: *unit, device_type });
                    }
                }
                Some(Entry::Asked) => waits = true,
                Some(Entry::Silent) => {}
                Some(Entry::Known(..)) | None => unknown.push(*unit),
            }
        }
        let serves = |core: &Self, unit: &u32| {
            core.handler_of(*unit).is_some_and(|place| core.handlers[place].presence == Presence::Up)
        };
        let up: Vec<u32> = unknown.iter().copied().filter(|unit| serves(self, unit)).collect();
        // A unit whose handler is being started is asked only if no other has the name: it need not be in the way.
        let ask = if !up.is_empty() || waits { up } else { unknown };
        let some_left = waits || !ask.is_empty();
        for unit in ask {
            if !self.ask_names(unit) {
                break;
            }
            // It may have ended already, with what is looked at in the next round.
            self.copies.directory.0.insert(unit, Entry::Asked);
        }
        if some_left { Search::Waits } else { Search::Found(Place::Missing) }
    }

    /// Finds the units of a copy that its segments refer to. True: none is left to be looked for.
    pub(super) fn resolve(&mut self, at: usize) -> bool {
        let Some(copy) = self.copies.running.get(at) else { return true };
        let units = self.nexus_units(copy.nexus);
        let mut whole = true;
        for target in 0..copy.list.targets.len() {
            let Some(copy) = self.copies.running.get(at) else { return true };
            let (known, descriptor) = (&copy.places[target], copy.list.targets[target]);
            let named = |index: u16| usize::from(index) == target;
            let used = copy.list.segments.iter().any(|s| named(s.source) || named(s.destination));
            if !used || !matches!(known, Place::Unknown) {
                continue;
            }
            let found = if descriptor.null {
                Search::Found(Place::Missing)
            } else {
                self.search(&descriptor.designator, &units)
            };
            match found {
                Search::Found(place) => self.copies.running[at].places[target] = place,
                Search::Waits => whole = false,
            }
        }
        whole
    }
}
