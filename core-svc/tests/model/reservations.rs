//! Reservations of one logical unit as SPC-4 5.13 and SPC-2 5.5 describe them, over nexuses by number.

use std::collections::BTreeMap;

use crate::rules::{Op, Touch};

/// Additional sense codes of unit attention conditions.
pub const RESERVATIONS_PREEMPTED: (u8, u8) = (0x2A, 0x03);
pub const RESERVATIONS_RELEASED: (u8, u8) = (0x2A, 0x04);
pub const REGISTRATIONS_PREEMPTED: (u8, u8) = (0x2A, 0x05);

/// How a command that the device server executes ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Good,
    Conflict,
    /// ILLEGAL REQUEST with this additional sense code.
    Illegal(u8, u8),
}

/// What a PERSISTENT RESERVE OUT did besides.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Effects {
    /// Unit attention conditions: for whom, and which.
    pub attentions: Vec<(usize, (u8, u8))>,
    /// Nexuses whose tasks are aborted.
    pub aborts: Vec<usize>,
}

/// The state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reservations {
    /// PRGENERATION.
    pub generation: u32,
    /// Registered nexuses with their keys.
    pub keys: BTreeMap<usize, u64>,
    /// Type, and who made the reservation. For all-registrants types every registered nexus holds it.
    pub held: Option<(u8, usize)>,
    /// Who holds RESERVE of SPC-2.
    pub spc2: Option<usize>,
}

const fn all_registrants(kind: u8) -> bool {
    matches!(kind, 7 | 8)
}

const fn registrants(kind: u8) -> bool {
    matches!(kind, 5..=8)
}

const fn exclusive_access(kind: u8) -> bool {
    matches!(kind, 3 | 6 | 8)
}

impl Reservations {
    /// Whether the nexus holds the persistent reservation.
    pub fn holds(&self, nexus: usize) -> bool {
        self.held.is_some_and(|(kind, holder)| match all_registrants(kind) {
            true => self.keys.contains_key(&nexus),
            false => holder == nexus,
        })
    }

    /// Whether a reservation stops the command (SPC-4 5.13.3, SPC-2 5.5.1).
    pub fn stop(&self, nexus: usize, op: Op) -> bool {
        if self.spc2.is_some_and(|holder| holder != nexus) {
            return !matches!(op, Op::Inquiry | Op::RequestSense | Op::ReportLuns | Op::Release6);
        }
        // SPC-2 5.5.1: PERSISTENT RESERVE conflicts with RESERVE, whoever asks.
        if self.spc2.is_some()
            && matches!(op, Op::PrOut { .. } | Op::Move { .. } | Op::ReadKeys | Op::ReadReservation)
        {
            return true;
        }
        let Some((kind, _)) = self.held else { return false };
        if self.holds(nexus) || registrants(kind) && self.keys.contains_key(&nexus) {
            return false;
        }
        match op.touch() {
            Touch::Nothing | Touch::Own => false,
            Touch::Reads => exclusive_access(kind),
            Touch::Writes => true,
        }
    }

    /// RESERVE(6) (SPC-2 7.21; with CRH_C, SPC-4 5.13.3: who is let through by a persistent reservation gets GOOD and nothing
    /// happens, everybody else a conflict).
    pub fn reserve(&mut self, nexus: usize) -> End {
        if !self.keys.is_empty() {
            return self.compatible(nexus);
        }
        match self.spc2 {
            Some(holder) if holder != nexus => End::Conflict,
            _ => {
                self.spc2 = Some(nexus);
                End::Good
            }
        }
    }

    /// RELEASE(6) (SPC-2 7.18): somebody who holds nothing releases nothing, and that is no error.
    pub fn release(&mut self, nexus: usize) -> End {
        if !self.keys.is_empty() {
            return self.compatible(nexus);
        }
        self.spc2 = self.spc2.filter(|holder| *holder != nexus);
        End::Good
    }

    fn compatible(&self, nexus: usize) -> End {
        let registered = self.keys.contains_key(&nexus);
        let held = self.held.is_some_and(|(kind, _)| self.holds(nexus) || registered && registrants(kind));
        if held { End::Good } else { End::Conflict }
    }

    /// The nexus is lost: RESERVE ends, registrations and persistent reservations stay.
    pub fn lose(&mut self, nexus: usize) {
        self.spc2 = self.spc2.filter(|holder| *holder != nexus);
    }

    /// PERSISTENT RESERVE OUT (SPC-4 6.16) of a nexus.
    pub fn out(&mut self, nexus: usize, (action, kind): (u8, u8), key: u64, new: u64) -> (End, Effects) {
        let registered = self.keys.get(&nexus).copied();
        let mut effects = Effects::default();
        let end = match action {
            0 | 6 => self.register(nexus, action == 0, key, new, &mut effects),
            _ if registered != Some(key) => End::Conflict,
            1 => self.take(nexus, kind),
            2 => self.let_go(nexus, kind, &mut effects),
            3 => {
                let others = self.keys.keys().filter(|other| **other != nexus);
                effects.attentions.extend(others.map(|other| (*other, RESERVATIONS_PREEMPTED)));
                self.keys.clear();
                self.held = None;
                self.generation += 1;
                End::Good
            }
            _ => self.preempt(nexus, kind, new, action == 5, &mut effects),
        };
        (end, effects)
    }

    fn register(&mut self, nexus: usize, checks: bool, key: u64, new: u64, effects: &mut Effects) -> End {
        let registered = self.keys.get(&nexus).copied();
        if checks && registered.unwrap_or(0) != key {
            return End::Conflict;
        }
        match (registered, new) {
            // Nothing happens, and nothing is counted.
            (None, 0) => return End::Good,
            (Some(_), 0) => {
                self.unregister(nexus, effects);
            }
            _ => {
                self.keys.insert(nexus, new);
            }
        }
        self.generation += 1;
        End::Good
    }

    /// SPC-4 5.13.11.3: a reservation ends with its holder, or for all registrants with the last of them.
    fn unregister(&mut self, nexus: usize, effects: &mut Effects) {
        self.keys.remove(&nexus);
        let Some((kind, holder)) = self.held else { return };
        if all_registrants(kind) {
            if self.keys.is_empty() {
                self.held = None;
            }
            return;
        }
        if holder == nexus {
            self.held = None;
            if registrants(kind) {
                effects.attentions.extend(self.keys.keys().map(|other| (*other, RESERVATIONS_RELEASED)));
            }
        }
    }

    /// REGISTER AND MOVE (SPC-4 5.13.8). No heir: its target port does not show the unit.
    pub fn give(&mut self, nexus: usize, key: u64, new: u64, heir: Option<usize>, unregister: bool) -> End {
        if self.keys.get(&nexus) != Some(&key) {
            return End::Conflict;
        }
        // INVALID FIELD IN CDB.
        let Some((kind, holder)) = self.held else { return End::Illegal(0x24, 0x00) };
        if all_registrants(kind) || holder != nexus {
            return End::Conflict;
        }
        // INVALID FIELD IN PARAMETER LIST.
        let Some(heir) = heir.filter(|heir| *heir != nexus && new != 0) else {
            return End::Illegal(0x26, 0x00);
        };
        self.keys.insert(heir, new);
        self.held = Some((kind, heir));
        if unregister {
            self.keys.remove(&nexus);
        }
        self.generation += 1;
        End::Good
    }

    fn take(&mut self, nexus: usize, kind: u8) -> End {
        match self.held {
            None => {
                self.held = Some((kind, nexus));
                End::Good
            }
            Some((held, _)) if self.holds(nexus) && held == kind => End::Good,
            Some(_) => End::Conflict,
        }
    }

    fn let_go(&mut self, nexus: usize, kind: u8, effects: &mut Effects) -> End {
        let Some((held, _)) = self.held.filter(|_| self.holds(nexus)) else { return End::Good };
        if held != kind {
            // INVALID RELEASE OF PERSISTENT RESERVATION.
            return End::Illegal(0x26, 0x04);
        }
        self.held = None;
        if registrants(held) {
            let others = self.keys.keys().filter(|other| **other != nexus);
            effects.attentions.extend(others.map(|other| (*other, RESERVATIONS_RELEASED)));
        }
        End::Good
    }

    /// SPC-4 5.13.11.4 and 5.13.11.5.
    fn preempt(&mut self, nexus: usize, kind: u8, victim: u64, aborts: bool, effects: &mut Effects) -> End {
        let all = self.held.is_some_and(|(held, _)| all_registrants(held));
        if victim == 0 && !all {
            return End::Illegal(0x26, 0x00);
        }
        let everybody = all && victim == 0;
        let of_holder = self
            .held
            .is_some_and(|(held, holder)| !all_registrants(held) && self.keys.get(&holder) == Some(&victim));
        if !everybody && !of_holder && !self.keys.values().any(|key| *key == victim) {
            return End::Conflict;
        }
        // Who takes the reservation stays registered; who only removes registrations removes its own as well if it names its key.
        let takes = everybody || of_holder;
        let goes =
            |(other, key): (&usize, &u64)| (everybody || *key == victim) && (*other != nexus || !takes);
        let own = self.keys.get(&nexus) == Some(&victim);
        let mut removed: Vec<usize> =
            self.keys.iter().filter(|entry| goes(*entry)).map(|(other, _)| *other).collect();
        self.keys.retain(|other, _| !removed.contains(other));
        let told = removed.iter().filter(|other| **other != nexus);
        effects.attentions.extend(told.map(|other| (*other, REGISTRATIONS_PREEMPTED)));
        if takes {
            let before = self.held.replace((kind, nexus)).map(|(before, _)| before);
            if before != Some(kind) {
                let rest = self.keys.keys().filter(|other| **other != nexus);
                effects.attentions.extend(rest.map(|other| (*other, RESERVATIONS_RELEASED)));
            }
        } else if self.keys.is_empty() {
            self.held = None;
        }
        if aborts {
            if own && !removed.contains(&nexus) {
                removed.push(nexus);
            }
            effects.aborts = removed;
        }
        self.generation += 1;
        End::Good
    }
}
