//! What initiators see, cut into stretches: from one fault to the next. Kept as it happens, because a long run does more
//! commands than anybody wants to remember.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Errors that are kept of a stretch; more are only counted.
const MOST_TEXTS: usize = 5;

/// What was seen between two faults.
#[derive(Debug, Clone, Default)]
pub struct Stretch {
    /// From the fault to the next command that was done.
    pub pause: Option<Duration>,
    /// The longest time between two commands that were done, one after the other, of which the later came after the fault.
    /// Right after a fault answers still come that were on their way.
    pub silence: Duration,
    /// Commands that ended as they should.
    pub commands: u64,
    /// Bytes that were compared.
    pub verified: u64,
    /// Of these, how many were wrong.
    pub wrong: u64,
    /// What ended otherwise.
    pub errors: u64,
    /// Connections that were lost.
    pub lost: u64,
    /// Unit attentions that nobody had caused.
    pub unit_attentions: u64,
    /// Logins that were dropped before they were complete, which is allowed.
    pub dropped: u64,
    /// What was wrong, in words.
    pub texts: Vec<String>,
}

impl Stretch {
    /// Nothing that an initiator would mind.
    pub fn is_flawless(&self) -> bool {
        self.errors == 0 && self.lost == 0 && self.wrong == 0 && self.unit_attentions == 0
    }
}

#[derive(Debug)]
struct State {
    /// When the stretch began.
    fault: Instant,
    /// When the last command was done.
    last: Instant,
    stretch: Stretch,
}

/// Where initiators report, and faults are noted.
#[derive(Debug)]
pub struct Gauge(Mutex<State>);

impl Default for Gauge {
    fn default() -> Self {
        let now = Instant::now();
        Self(Mutex::new(State { fault: now, last: now, stretch: Stretch::default() }))
    }
}

impl Gauge {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A command ended as it should at `at`; so many bytes of it were compared, and so many of them were wrong.
    pub fn done(&self, at: Instant, verified: u64, wrong: u64) {
        let mut state = self.state();
        let State { fault, last, stretch } = &mut *state;
        stretch.commands += 1;
        stretch.verified += verified;
        stretch.wrong += wrong;
        // One that was done before the fault and is heard of only now says nothing of it.
        if at > *fault {
            stretch.pause.get_or_insert(at - *fault);
            stretch.silence = stretch.silence.max(at.saturating_duration_since(*last));
        }
        *last = at.max(*last);
    }

    /// Something went wrong. What the connection is to blame for counts as its loss.
    pub fn failed(&self, error: &anyhow::Error) {
        let of_socket = error.chain().any(|cause| cause.is::<io::Error>());
        let mut state = self.state();
        match of_socket {
            true => state.stretch.lost += 1,
            false => state.stretch.errors += 1,
        }
        if state.stretch.texts.len() < MOST_TEXTS {
            state.stretch.texts.push(format!("{error:#}"));
        }
    }

    /// A unit attention that nobody had caused.
    pub fn unit_attention(&self) {
        self.state().stretch.unit_attentions += 1;
    }

    /// A login was dropped before it was complete.
    pub fn dropped(&self) {
        self.state().stretch.dropped += 1;
    }

    /// Begins the next stretch, with a fault that happens now. What was seen since the last one.
    pub fn cut(&self) -> Stretch {
        let mut state = self.state();
        state.fault = Instant::now();
        std::mem::take(&mut state.stretch)
    }

    /// Whether nothing was wrong since the last fault.
    pub fn is_flawless(&self) -> bool {
        self.state().stretch.is_flawless()
    }

    /// Whether a command was done after `moment`, or something was wrong, after which none may be.
    pub fn is_heard_since(&self, moment: Instant) -> bool {
        let state = self.state();
        state.last > moment || !state.stretch.is_flawless()
    }
}

#[cfg(test)]
mod tests;
