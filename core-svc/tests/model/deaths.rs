//! The model, continued: deaths. Nobody outside may see them, but for the pause: what had an effect keeps its answer, what was
//! aborted stays so, what was let in stays in, and all the rest begins anew.

use crate::UNITS;
use crate::model::*;

impl Model {
    /// The core dies: transports ask again for what they have no answer to.
    pub fn core_dies(&mut self) {
        self.functions.clear();
        let owed = self.preempting.drain(..).flat_map(|waiting| waiting.then);
        self.sights.extend(owed);
        self.tasks.clear();
        self.closing.fill(false);
        let mut all = std::mem::take(&mut self.asked);
        let serials = all.iter().map(|asked| match asked {
            Asked::Command { serial, .. } => *serial,
            Asked::Function { .. } | Asked::Close { .. } => 0,
        });
        self.latest = serials.fold(self.latest, u64::max);
        // Each transport asks in its own order; the core listens to one after the other.
        all.sort_by_key(|asked| match asked {
            Asked::Command { nexus, .. } | Asked::Function { nexus, .. } | Asked::Close { nexus } => {
                *nexus == 2
            }
        });
        self.again = true;
        for asked in all {
            match asked {
                Asked::Command { .. } => self.command_again(asked),
                Asked::Function { nexus, serial, place, task } => {
                    self.function_again(nexus, serial, place, task)
                }
                Asked::Close { nexus } => self.close(nexus),
            }
        }
        self.again = false;
    }

    fn command_again(&mut self, asked: Asked) {
        let Asked::Command { nexus, serial, place, op, naca, let_in, aborted } = asked else { return };
        self.asked.push(asked);
        if let Some(answer) = self.recorded.get(&(nexus, serial)) {
            self.sights.push(answer.clone());
            return;
        }
        match aborted {
            Some(Abort::Silent) => self.sights.push(Sight::Aborted { nexus, serial }),
            Some(Abort::Status) => self.done(nexus, serial, TASK_ABORTED),
            None => self.arrive(nexus, serial, place, (op, naca), let_in),
        }
    }

    /// A function is not performed again: it aborts what comes again of its own nexus and is older, and that is all.
    fn function_again(&mut self, nexus: usize, serial: u64, (lun, function): (u8, u8), task: u64) {
        if !self.performed.contains(&(nexus, serial)) {
            return self.function(nexus, serial, (lun, function), task);
        }
        self.asked.push(Asked::Function { nexus, serial, place: (lun, function), task });
        let unit = Self::unit(nexus, lun);
        let victims = self.select(|victim| {
            let there = match function {
                1 => Some(victim.unit) == unit && victim.serial == task,
                2 | 4 | 5 => Some(victim.unit) == unit,
                6 | 7 | 11 => true,
                _ => false,
            };
            victim.nexus == nexus && victim.serial < serial && there
        });
        self.functions.push(Function { nexus, serial, response: COMPLETE, waits: victims.clone() });
        self.abort(&victims, None);
        self.answer_functions();
        (0..UNITS).for_each(|unit| self.run(unit));
    }

    /// The core dies before anybody has seen what it did: all of it comes again.
    pub fn core_dies_unread(&mut self) {
        self.sights.clear();
        self.core_dies();
    }
}
