//! Persistent reservations of two initiators on one unit, written from SPC-4 5.13 and sharing nothing with core-svc.

use crate::random::Random;

/// Service actions of PERSISTENT RESERVE OUT.
const REGISTER: u8 = 0x00;
const RESERVE: u8 = 0x01;
const RELEASE: u8 = 0x02;
const CLEAR: u8 = 0x03;
const PREEMPT: u8 = 0x04;
const REGISTER_AND_IGNORE: u8 = 0x06;

const WRITE_EXCLUSIVE: u8 = 1;
const EXCLUSIVE_ACCESS: u8 = 3;
const WRITE_EXCLUSIVE_REGISTRANTS: u8 = 5;
const EXCLUSIVE_ACCESS_REGISTRANTS: u8 = 6;
const WRITE_EXCLUSIVE_ALL: u8 = 7;
const EXCLUSIVE_ACCESS_ALL: u8 = 8;
/// All types.
const TYPES: [u8; 6] = [
    WRITE_EXCLUSIVE,
    EXCLUSIVE_ACCESS,
    WRITE_EXCLUSIVE_REGISTRANTS,
    EXCLUSIVE_ACCESS_REGISTRANTS,
    WRITE_EXCLUSIVE_ALL,
    EXCLUSIVE_ACCESS_ALL,
];

/// RESERVATIONS PREEMPTED, RESERVATIONS RELEASED, REGISTRATIONS PREEMPTED.
const PREEMPTED: (u8, u8) = (0x2a, 0x03);
const RELEASED: (u8, u8) = (0x2a, 0x04);
const UNREGISTERED: (u8, u8) = (0x2a, 0x05);

/// How a command must end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// GOOD
    Good,
    /// RESERVATION CONFLICT
    Conflict,
    /// CHECK CONDITION, INVALID RELEASE OF PERSISTENT RESERVATION.
    WrongRelease,
}

/// A PERSISTENT RESERVE OUT.
#[derive(Debug, Clone)]
pub struct Action {
    /// Its service action.
    pub code: u8,
    /// The type, where one counts; the scope is the unit.
    pub kind: u8,
    /// RESERVATION KEY
    pub key: u64,
    /// SERVICE ACTION RESERVATION KEY
    pub action_key: u64,
}

/// What the unit has to remember.
#[derive(Debug, Clone, Default)]
pub struct Model {
    /// PRGENERATION
    pub generation: u32,
    /// Who is registered, with what.
    pub keys: [Option<u64>; 2],
    /// The type of the reservation, and who made it.
    held: Option<(u8, usize)>,
    /// Unit attentions that are due, each once.
    pub told: [Vec<(u8, u8)>; 2],
}

fn is_held_by_all(kind: u8) -> bool {
    matches!(kind, WRITE_EXCLUSIVE_ALL | EXCLUSIVE_ACCESS_ALL)
}

fn is_for_registrants(kind: u8) -> bool {
    kind >= WRITE_EXCLUSIVE_REGISTRANTS
}

impl Action {
    /// One that makes sense, most of the time.
    pub fn choose(model: &Model, who: usize, random: &mut Random) -> Self {
        // The keys of the two are never the same.
        let fresh = random.between(1, 1 << 40) << 1 | who as u64;
        let mine = model.keys[who].unwrap_or(0);
        let key = if random.between(0, 12) == 0 { fresh } else { mine };
        let kind = TYPES[random.between(0, 6) as usize];
        let held = model.held.filter(|_| random.between(0, 6) > 0).map_or(kind, |(held, _)| held);
        let (code, kind, action_key) = match (random.between(0, 12), model.keys[1 - who]) {
            (0..3, _) => (REGISTER, 0, fresh),
            (3, _) => (REGISTER, 0, 0),
            (4, _) => (REGISTER_AND_IGNORE, 0, fresh),
            (5..8, _) => (RESERVE, kind, 0),
            (8, _) => (RELEASE, held, 0),
            (9, _) => (CLEAR, 0, 0),
            (_, Some(other)) => (PREEMPT, kind, other),
            (_, None) => (RESERVE, kind, 0),
        };
        Self { code, kind, key, action_key }
    }
}

impl Model {
    fn is_holder(&self, who: usize) -> bool {
        self.held.is_some_and(
            |(kind, holder)| {
                if is_held_by_all(kind) { self.keys[who].is_some() } else { holder == who }
            },
        )
    }

    /// The key and the type that READ RESERVATION shows.
    pub fn reservation(&self) -> Option<(u64, u8)> {
        let (kind, holder) = self.held?;
        let key = if is_held_by_all(kind) { 0 } else { self.keys[holder].unwrap_or(0) };
        Some((key, kind))
    }

    /// Whether WRITE is let through (SPC-4 table 64).
    pub fn may_write(&self, who: usize) -> Expected {
        self.may(who, |_| true)
    }

    /// Whether READ is.
    pub fn may_read(&self, who: usize) -> Expected {
        let exclusive =
            |kind| matches!(kind, EXCLUSIVE_ACCESS | EXCLUSIVE_ACCESS_REGISTRANTS | EXCLUSIVE_ACCESS_ALL);
        self.may(who, exclusive)
    }

    fn may(&self, who: usize, excludes: impl Fn(u8) -> bool) -> Expected {
        match self.held {
            Some((kind, _)) if excludes(kind) && !self.is_holder(who) => {
                match is_for_registrants(kind) && self.keys[who].is_some() {
                    true => Expected::Good,
                    false => Expected::Conflict,
                }
            }
            _ => Expected::Good,
        }
    }

    fn tell(&mut self, whom: usize, what: (u8, u8)) {
        if !self.told[whom].contains(&what) {
            self.told[whom].push(what);
        }
    }

    fn tell_if_registered(&mut self, whom: usize, what: (u8, u8)) {
        if self.keys[whom].is_some() {
            self.tell(whom, what);
        }
    }

    /// Carries an action out. How it must end.
    pub fn perform(&mut self, who: usize, action: &Action) -> Expected {
        let other = 1 - who;
        let known = self.keys[who].is_some() && self.keys[who] == Some(action.key);
        match action.code {
            REGISTER if self.keys[who].unwrap_or(0) != action.key => return Expected::Conflict,
            REGISTER | REGISTER_AND_IGNORE => return self.register(who, action.action_key),
            _ if !known => return Expected::Conflict,
            RESERVE => return self.reserve(who, action.kind),
            RELEASE => return self.release(who, action.kind),
            CLEAR => {
                self.tell_if_registered(other, PREEMPTED);
                (self.keys, self.held) = ([None; 2], None);
            }
            _ => {
                // The other one is registered, and has this key.
                if self.held.is_some_and(|(kind, holder)| holder == other && !is_held_by_all(kind)) {
                    self.held = Some((action.kind, who));
                }
                self.tell(other, UNREGISTERED);
                self.keys[other] = None;
            }
        }
        self.generation += 1;
        Expected::Good
    }

    fn register(&mut self, who: usize, key: u64) -> Expected {
        if key == 0 && self.keys[who].is_none() {
            return Expected::Good;
        }
        self.generation += 1;
        self.keys[who] = (key != 0).then_some(key);
        if let Some((kind, holder)) = self.held.filter(|_| key == 0) {
            let over = if is_held_by_all(kind) { self.keys == [None; 2] } else { holder == who };
            if over {
                self.held = None;
                if is_for_registrants(kind) {
                    self.tell_if_registered(1 - who, RELEASED);
                }
            }
        }
        Expected::Good
    }

    fn reserve(&mut self, who: usize, kind: u8) -> Expected {
        match self.held {
            None => self.held = Some((kind, who)),
            Some((held, _)) if held == kind && self.is_holder(who) => {}
            Some(_) => return Expected::Conflict,
        }
        Expected::Good
    }

    fn release(&mut self, who: usize, kind: u8) -> Expected {
        if let Some((held, _)) = self.held.filter(|_| self.is_holder(who)) {
            if held != kind {
                return Expected::WrongRelease;
            }
            self.held = None;
            if is_for_registrants(held) {
                self.tell_if_registered(1 - who, RELEASED);
            }
        }
        Expected::Good
    }
}

#[cfg(test)]
mod tests {
    use super::{Action, CLEAR, Expected, Model, PREEMPT, REGISTER, RELEASED, RESERVE, UNREGISTERED};

    fn action(code: u8, kind: u8, key: u64, action_key: u64) -> Action {
        Action { code, kind, key, action_key }
    }

    #[test]
    fn one_reserves_and_the_other_preempts() {
        let mut model = Model::default();
        assert_eq!(model.perform(0, &action(RESERVE, 1, 0, 0)), Expected::Conflict, "not registered");
        assert_eq!(model.perform(0, &action(REGISTER, 0, 0, 10)), Expected::Good);
        assert_eq!(model.perform(1, &action(REGISTER, 0, 0, 11)), Expected::Good);
        assert_eq!(model.perform(0, &action(RESERVE, 3, 10, 0)), Expected::Good);
        assert_eq!((model.may_read(1), model.may_write(1)), (Expected::Conflict, Expected::Conflict));
        assert_eq!(model.perform(1, &action(PREEMPT, 1, 11, 10)), Expected::Good);
        assert_eq!(model.told, [vec![UNREGISTERED], vec![]]);
        assert_eq!((model.reservation(), model.generation), (Some((11, 1)), 3));
        assert_eq!((model.may_read(0), model.may_write(0)), (Expected::Good, Expected::Conflict));
        assert_eq!(model.perform(0, &action(CLEAR, 0, 10, 0)), Expected::Conflict);
    }

    #[test]
    fn registrants_hear_of_a_release() {
        let mut model = Model::default();
        for (who, key) in [(0, 10), (1, 11)] {
            model.perform(who, &action(REGISTER, 0, 0, key));
        }
        model.perform(0, &action(RESERVE, 5, 10, 0));
        assert_eq!(model.may_write(1), Expected::Good);
        model.perform(0, &action(REGISTER, 0, 10, 0));
        assert_eq!(model.told, [vec![], vec![RELEASED]]);
        assert_eq!(model.reservation(), None);
    }
}
