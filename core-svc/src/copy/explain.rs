//! Says what a copy is doing, for [`crate::explain`].

use crate::core::Core;
use crate::task::TaskId;

use super::steps::Step;
use super::{Copy, Phase};

impl Core {
    /// What the copy of this task is doing or waits for; none if it is no copy that waits or runs.
    pub(crate) fn explain_copy(&self, id: TaskId) -> Option<String> {
        if let Some(place) = self.copies.waiting.iter().position(|waiting| *waiting == id) {
            let why = match self.copies_may_run_elsewhere() {
                true => "it waits until handlers have said that nothing of a former core runs".to_owned(),
                false => format!(
                    "it waits for its turn, behind {place} more and {} that run",
                    self.copies.running.len()
                ),
            };
            return Some(why);
        }
        let copy = self.copies.running.iter().find(|copy| copy.task == id)?;
        let doing = match copy.phase {
            Phase::Resolving => "looks for its units".to_owned(),
            Phase::Measuring => "asks how large its units are".to_owned(),
            Phase::Copying => {
                let segments = copy.list.segments.len();
                let written = copy.written + copy.run.as_ref().map_or(0, |run| run.done());
                format!("at segment {} of {segments}, {written} bytes copied", copy.segment + 1)
            }
        };
        let ending = if copy.failed.is_some() { ", and ends with an error" } else { "" };
        Some(format!("{doing}{ending}{}", self.asked_by(copy)))
    }

    /// Whose answers a copy waits for.
    fn asked_by(&self, copy: &Copy) -> String {
        let mut asked: Vec<(&str, usize)> = Vec::new();
        for (id, step) in &self.copies.steps {
            let of_it = match step {
                Step::Measure { key, .. } | Step::Move { key, .. } => *key == copy.key,
                // Names are asked for by whoever needs them.
                Step::Identify { .. } => copy.phase == Phase::Resolving,
            };
            let unit = self.tasks.get(*id).map(|task| task.unit).filter(|_| of_it);
            let handler = unit.and_then(|unit| self.handlers.get(self.handler_of(unit)?));
            let Some(name) = handler.map(|handler| handler.name.as_str()) else { continue };
            match asked.iter_mut().find(|(known, _)| *known == name) {
                Some((_, count)) => *count += 1,
                None => asked.push((name, 1)),
            }
        }
        asked.sort_unstable();
        let each: Vec<String> = asked.iter().map(|(name, count)| format!("{count} of {name}")).collect();
        if each.is_empty() { String::new() } else { format!("; waits for answers: {}", each.join(", ")) }
    }
}
