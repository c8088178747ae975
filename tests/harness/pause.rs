//! How long an initiator waited because a service was killed.

use std::time::{Duration, Instant};

use crate::load::Completion;

/// Pauses, one a kill.
#[derive(Debug, Clone, Default)]
pub struct Pauses {
    /// From the kill to the next command that was done.
    pub to_next: Vec<Duration>,
    /// The longest time between two commands that were done, one after the other, of which the later came after the kill.
    /// This is what counts: right after a kill answers still come in that were on their way.
    pub silence: Vec<Duration>,
}

impl Pauses {
    /// Looks at what was done between each kill and the next. `completions` is in the order of time.
    pub fn new(kills: &[Instant], completions: &[Completion]) -> Self {
        let mut pauses = Self::default();
        for (number, kill) in kills.iter().enumerate() {
            let until = kills.get(number + 1).copied();
            let first = completions.partition_point(|one| one.at <= *kill);
            let later = &completions[first..];
            let later =
                &later[..until.map_or(later.len(), |until| later.partition_point(|one| one.at <= until))];
            let Some(next) = later.first() else { continue };
            let before = first.checked_sub(1).map_or(*kill, |last| completions[last].at);
            let times = [before].into_iter().chain(later.iter().map(|one| one.at));
            let gaps =
                times.clone().zip(times.skip(1)).map(|(one, other)| other.saturating_duration_since(one));
            pauses.to_next.push(next.at - *kill);
            pauses.silence.push(gaps.max().unwrap_or_default());
        }
        pauses
    }

    /// Adds those of another load.
    pub fn add(&mut self, other: Self) {
        self.to_next.extend(other.to_next);
        self.silence.extend(other.silence);
    }

    /// A line for people.
    pub fn summary(&self) -> String {
        let show = |all: &[Duration]| {
            let mut all = all.to_vec();
            all.sort_unstable();
            let milliseconds = |at: usize| all.get(at).map_or(0.0, |one| one.as_secs_f64() * 1e3);
            format!(
                "median {:.1} ms, p99 {:.1} ms, worst {:.1} ms",
                milliseconds(all.len() / 2),
                milliseconds(all.len() * 99 / 100),
                milliseconds(all.len().max(1) - 1)
            )
        };
        format!(
            "{} kills; longest silence: {}; kill to next completion: {}",
            self.to_next.len(),
            show(&self.silence),
            show(&self.to_next)
        )
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::Pauses;
    use crate::load::Completion;

    #[test]
    fn pauses_are_found_after_each_kill() {
        let zero = Instant::now();
        let at = |ms| zero + Duration::from_millis(ms);
        let completions = [1, 2, 4, 54, 55, 60, 61].map(|ms| Completion { sent: zero, at: at(ms) });
        let pauses = Pauses::new(&[at(3), at(57)], &completions);
        assert_eq!(pauses.to_next, [Duration::from_millis(1), Duration::from_millis(3)]);
        assert_eq!(pauses.silence, [Duration::from_millis(50), Duration::from_millis(5)]);
    }
}
