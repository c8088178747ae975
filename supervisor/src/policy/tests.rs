//! The restart policy at its edges.

use std::time::Duration;

use proptest::prelude::*;

use super::{Death, Decision, Policy};

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn death(at: u64, ran: Option<u64>) -> Death {
    Death { at: ms(at), ran: ran.map(ms) }
}

#[test]
fn service_that_ran_is_restarted_at_once() {
    let decision = Policy::default().decide(&[death(5000, Some(4000))], ms(5000));
    assert_eq!(decision, Decision::RestartAt(ms(5000)));
    assert_eq!(Policy::default().decide(&[], ms(7)), Decision::RestartAt(ms(7)));
}

#[test]
fn short_runs_in_a_row_are_delayed_more_and_more() {
    let policy = Policy::default();
    let mut deaths = Vec::new();
    let mut delays = Vec::new();
    for _ in 0..7 {
        deaths.push(death(1000, Some(10)));
        let Decision::RestartAt(at) = policy.decide(&deaths, ms(1000)) else { panic!("held") };
        delays.push((at - ms(1000)).as_millis());
    }
    assert_eq!(delays, [10, 20, 40, 80, 160, 250, 250]);
    deaths.push(death(9000, Some(5000)));
    assert_eq!(policy.decide(&deaths, ms(9000)), Decision::RestartAt(ms(9000)));
}

/// Lives the life of a service that is dead again `run` after each start, until it is held; how long that took.
fn loop_until_held(ran: Option<u64>, run: u64) -> (usize, Duration) {
    let policy = Policy::default();
    let mut deaths = Vec::new();
    let mut now = ms(0);
    loop {
        now += ms(run);
        deaths.push(Death { at: now, ran: ran.map(ms) });
        match policy.decide(&deaths, now) {
            Decision::RestartAt(at) => now = at,
            Decision::Held(_) => return (deaths.len(), now),
        }
        assert!(deaths.len() < 1000, "never held");
    }
}

#[test]
fn service_that_cannot_start_is_held_within_seconds() {
    let (deaths, after) = loop_until_held(None, 20);
    assert_eq!(deaths, 11);
    assert!(after < Duration::from_secs(3), "{after:?}");
    let (_, after) = loop_until_held(Some(1), 20);
    assert!(after < Duration::from_secs(12), "{after:?}");
}

#[test]
fn service_that_is_held_says_why() {
    let deaths = vec![death(1000, None); 11];
    let expected = "11 deaths within 60s, 11 of them before it was ready: 110 points, the budget is 100";
    assert_eq!(Policy::default().decide(&deaths, ms(1000)), Decision::Held(expected.to_owned()));
    // A minute later nothing of it counts any more.
    assert_eq!(Policy::default().decide(&deaths, ms(62_000)), Decision::RestartAt(ms(1250)));
}

proptest! {
    /// Thirty kills at random times within a minute, as a test or a nervous administrator does it, are forgiven.
    #[test]
    fn service_that_is_killed_often_is_not_held(mut times in prop::collection::vec(200u64..60_000, 30)) {
        times.sort_unstable();
        let policy = Policy::default();
        let mut deaths: Vec<Death> = Vec::new();
        let mut started = 0;
        for at in times {
            deaths.push(death(at, Some(at.saturating_sub(started))));
            match policy.decide(&deaths, ms(at)) {
                Decision::RestartAt(again) => {
                    prop_assert!(again >= ms(at) && again <= ms(at) + policy.max_delay);
                    started = again.as_millis() as u64;
                }
                Decision::Held(reason) => prop_assert!(false, "{}", reason),
            }
        }
    }

    /// No history makes it panic, and a restart is never further off than the longest delay.
    #[test]
    fn any_history_is_decided(
        history in prop::collection::vec((any::<u32>(), prop::option::of(any::<u32>())), 0..50),
        now in any::<u32>(),
        budget in any::<u32>(),
    ) {
        let policy = Policy { budget, ..Policy::default() };
        let deaths: Vec<Death> = history.iter().map(|(at, ran)| death(u64::from(*at), ran.map(u64::from))).collect();
        if let Decision::RestartAt(at) = policy.decide(&deaths, ms(u64::from(now))) {
            let from = deaths.last().map_or(ms(u64::from(now)), |death| death.at);
            prop_assert!(at <= from + policy.max_delay);
        }
    }
}
