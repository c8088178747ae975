//! The supervisor's clock: the time since the first supervisor of a run directory started, so that a deadline means the same
//! to its successors.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// A clock that goes on when its process dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    /// Its zero, on the clock of the machine.
    origin: Duration,
}

fn machine() -> Duration {
    let time = clock_gettime(ClockId::Monotonic);
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or_default(),
        u32::try_from(time.tv_nsec).unwrap_or_default(),
    )
}

impl Clock {
    /// A clock at zero.
    pub fn start() -> Self {
        Self { origin: machine() }
    }

    /// The clock whose zero was at `origin`. One that would be in the future is not believed.
    pub fn resume(origin: Duration) -> Self {
        Self { origin: origin.min(machine()) }
    }

    /// What [`Clock::resume`] needs.
    pub fn origin(self) -> Duration {
        self.origin
    }

    /// The time.
    pub fn now(self) -> Duration {
        machine().saturating_sub(self.origin)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Clock;

    #[test]
    fn clock_goes_on_where_it_was() {
        let clock = Clock::start();
        let resumed = Clock::resume(clock.origin());
        let before = clock.now();
        assert!(resumed.now() >= before);
        assert_eq!(resumed.origin(), clock.origin());
        assert!(Clock::resume(Duration::MAX).now() < Duration::from_secs(60), "no time before zero");
    }
}
