//! The model, continued: a command arrives, and what may keep it out.

use crate::model::*;
use crate::rules::Op;

impl Model {
    /// A command is refused with a status. UA_INTLCK_CTRL 11b: that is told once more (SPC-4 7.5.8).
    pub fn refuse(&mut self, nexus: usize, serial: u64, unit: usize, status: u8) {
        self.done(nexus, serial, status);
        let code = match status {
            BUSY => (0x2C, 0x07),
            RESERVATION_CONFLICT => (0x2C, 0x09),
            _ => return,
        };
        if self.control(unit).ua_intlck == 3 {
            self.record(nexus, serial);
            self.raise(unit, code, |place| place == nexus);
        }
    }

    /// The answer that was given last stays as it is.
    pub fn record(&mut self, nexus: usize, serial: u64) {
        if let Some(sight) = self.sights.last().filter(|sight| matches!(sight, Sight::Done { .. })) {
            self.recorded.insert((nexus, serial), sight.clone());
        }
    }

    /// A transport sends a command.
    pub fn command(&mut self, nexus: usize, serial: u64, place: (u8, u8), op: Op, naca: bool) {
        let (let_in, aborted) = (false, None);
        self.asked.push(Asked::Command { nexus, serial, place, op, naca, let_in, aborted });
        self.latest = self.latest.max(serial);
        self.arrive(nexus, serial, place, (op, naca), false);
    }

    /// A command arrives (SAM-5 5.3.3 for the order of the checks).
    pub fn arrive(
        &mut self,
        nexus: usize,
        serial: u64,
        (lun, attribute): (u8, u8),
        (op, naca): (Op, bool),
        let_in: bool,
    ) {
        if matches!(op, Op::RequestSense | Op::ReadKeys | Op::ReadReservation)
            && Self::unit(nexus, lun).is_some()
        {
            self.known.insert((nexus, serial), op);
        }
        let Some(unit) = Self::unit(nexus, lun) else {
            match op {
                Op::Inquiry | Op::RequestSense => self.done(nexus, serial, GOOD),
                _ => self.check(nexus, serial, (ILLEGAL_REQUEST, 0x25, 0x00)),
            }
            return;
        };
        // SAM-5 5.9.4: an ACA task where its nexus has no condition.
        if attribute == ACA && self.aca_for(unit, nexus) != Some(nexus) {
            return self.fail((nexus, serial), unit, (naca, true), (ILLEGAL_REQUEST, 0x49, 0x00));
        }
        if let Some(status) = self.held_off(nexus, unit, attribute, op, naca).filter(|_| !self.again) {
            return self.refuse(nexus, serial, unit, status);
        }
        if let Some((asc, qualifier)) = self.attention_for(nexus, serial, unit, op, let_in) {
            return self.fail(
                (nexus, serial),
                unit,
                (naca, attribute == ACA),
                (UNIT_ATTENTION, asc, qualifier),
            );
        }
        let port = self.access[usize::from(nexus == 2)];
        if let Some(qualifier) = port.refuses(op).filter(|_| !self.again) {
            return self.fail((nexus, serial), unit, (naca, attribute == ACA), (NOT_READY, 0x04, qualifier));
        }
        for asked in &mut self.asked {
            if let Asked::Command { nexus: n, serial: s, let_in, .. } = asked {
                *let_in |= (*n, *s) == (nexus, serial);
            }
        }
        let at_once = matches!(op, Op::PrOut { action: 5, .. }) && self.aca_for(unit, nexus).is_some();
        let (state, condition, aborted) = (State::Dormant, self.units[unit].conditions, None);
        self.tasks.push(Task {
            nexus,
            serial,
            unit,
            attribute,
            op,
            naca,
            at_once,
            condition,
            state,
            aborted,
        });
        self.run(unit);
    }

    /// The condition that a new command reports (SAM-5 5.14). UA_INTLCK_CTRL 10b and 11b: it stays (SPC-4 7.5.8).
    fn attention_for(
        &mut self,
        nexus: usize,
        serial: u64,
        unit: usize,
        op: Op,
        let_in: bool,
    ) -> Option<(u8, u8)> {
        if !op.reports_attention() {
            return None;
        }
        if let Some(code) = self.reported.get(&(nexus, serial)) {
            return Some(*code);
        }
        let murky = self.murky.get(&(nexus, unit)).is_some_and(|latest| serial <= *latest);
        let let_in = let_in || self.again && murky;
        let stays = self.control(unit).ua_intlck >= 2;
        let waiting = self.attentions.entry((nexus, unit)).or_default();
        // What was let in before another medium came is not for that one.
        let lost = waiting.iter().any(|code| matches!(code, (0x28, 0x00) | (0x3F, 0x03)));
        if waiting.is_empty() || let_in && !lost {
            return None;
        }
        if stays {
            return waiting.first().copied();
        }
        let code = waiting.remove(0);
        self.reported.insert((nexus, serial), code);
        Some(code)
    }

    /// A command ends with CHECK CONDITION.
    fn fail(
        &mut self,
        (nexus, serial): (usize, u64),
        unit: usize,
        (naca, was_aca): (bool, bool),
        sense: (u8, u8, u8),
    ) {
        self.check(nexus, serial, sense);
        if matches!(sense, (UNIT_ATTENTION, 0x28, 0x00) | (UNIT_ATTENTION, 0x3F, 0x03)) {
            self.record(nexus, serial);
        }
        self.faulted((nexus, serial), unit, naca, was_aca);
    }

    /// The status with which an ACA condition holds a new command off (SAM-5 5.9.3).
    fn held_off(&self, nexus: usize, unit: usize, attribute: u8, op: Op, naca: bool) -> Option<u8> {
        let faulted = self.aca_for(unit, nexus)?;
        if faulted != nexus {
            if matches!(op, Op::PrOut { action: 5, .. }) {
                return None;
            }
            return Some(if naca { ACA_ACTIVE } else { BUSY });
        }
        let last = self.aca_since(unit, nexus);
        let of_nexus = |task: &Task| (task.unit, task.nexus) == (unit, nexus) && task.condition >= last;
        let another = self.tasks.iter().any(|task| of_nexus(task) && task.attribute == ACA);
        (attribute != ACA || another || self.control(unit).tmf_only).then_some(ACA_ACTIVE)
    }
}
