//! When a dead service is started again: a pure function of its deaths and the time. Nothing here looks at a clock.
//!
//! Each death costs points, and the budget is for a sliding window: a kill from outside of a service that had been
//! working costs little, a death before the service was ready costs much. So an administrator (or a test) who kills a
//! service again and again finds it back each time, and a service that cannot start is held within seconds.

#[cfg(test)]
mod tests;

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What a death costs when the service had worked for at least `min_run`.
const COST_OF_A_RUN: u32 = 1;
/// What a death costs when the service was ready, but not for `min_run`.
const COST_OF_A_SHORT_RUN: u32 = 3;
/// What a death costs when the service was never ready.
const COST_OF_NO_RUN: u32 = 10;

/// The numbers of `[service.restart]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// A service that ran this long and dies is restarted at once.
    pub min_run: Duration,
    /// The delay after a first short run; it doubles with each further one.
    pub min_delay: Duration,
    /// The longest delay.
    pub max_delay: Duration,
    /// The points that deaths within `window` may cost before the service is held.
    pub budget: u32,
    /// How long a death counts.
    pub window: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            min_run: Duration::from_millis(250),
            min_delay: Duration::from_millis(10),
            max_delay: Duration::from_millis(250),
            budget: 100,
            window: Duration::from_secs(60),
        }
    }
}

/// One death, as the policy sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Death {
    /// When, on any clock that only goes forward.
    pub at: Duration,
    /// How long the service had been ready; `None` when it never was.
    pub ran: Option<Duration>,
}

/// What to do about a death.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Start it again at this time (which may have passed), on the clock of the deaths.
    RestartAt(Duration),
    /// Leave it dead until an administrator starts it; the text says why.
    Held(String),
}

impl Policy {
    /// Decides after the last of `deaths` (oldest first). No death means: start at once.
    pub fn decide(&self, deaths: &[Death], now: Duration) -> Decision {
        let counted = deaths.iter().filter(|death| now.saturating_sub(death.at) <= self.window);
        let cost = counted.clone().fold(0u32, |sum, death| sum.saturating_add(self.cost(death)));
        if cost > self.budget {
            let never = counted.clone().filter(|death| death.ran.is_none()).count();
            let reason = format!(
                "{} deaths within {}s, {never} of them before it was ready: {cost} points, the budget is {}",
                counted.count(),
                self.window.as_secs(),
                self.budget
            );
            return Decision::Held(reason);
        }
        let at = deaths.last().map_or(now, |death| death.at);
        Decision::RestartAt(at.saturating_add(self.delay(deaths)))
    }

    /// The oldest death that can still count; older ones need not be kept.
    pub fn horizon(&self, now: Duration) -> Duration {
        now.saturating_sub(self.window)
    }

    fn is_short(&self, death: &Death) -> bool {
        death.ran.is_none_or(|ran| ran < self.min_run)
    }

    fn cost(&self, death: &Death) -> u32 {
        match death.ran {
            None => COST_OF_NO_RUN,
            Some(_) if self.is_short(death) => COST_OF_A_SHORT_RUN,
            Some(_) => COST_OF_A_RUN,
        }
    }

    /// Nothing after a run of `min_run`; else a delay that doubles with each short run in a row.
    fn delay(&self, deaths: &[Death]) -> Duration {
        let in_a_row = deaths.iter().rev().take_while(|death| self.is_short(death)).count();
        let Some(doublings) = in_a_row.checked_sub(1) else { return Duration::ZERO };
        let factor = 1u32 << doublings.min(20);
        self.min_delay.saturating_mul(factor).min(self.max_delay)
    }
}
