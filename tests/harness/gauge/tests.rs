//! Stretches have the pauses, the errors and the bytes of their faults.

use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};

use super::Gauge;

#[test]
fn pause_and_silence_are_those_after_the_fault() {
    let gauge = Gauge::default();
    let before = Instant::now();
    gauge.done(before, 10, 0);
    let first = gauge.cut();
    assert_eq!((first.commands, first.verified), (1, 10));
    // Heard of late, and done before the fault.
    gauge.done(before, 10, 0);
    let fault = Instant::now();
    assert!(!gauge.is_heard_since(fault));
    for ms in [5, 45, 46] {
        gauge.done(fault + Duration::from_millis(ms), 0, 0);
    }
    assert!(gauge.is_heard_since(fault));
    let second = gauge.cut();
    assert_eq!(second.commands, 4);
    let pause = second.pause.unwrap_or_default().as_millis();
    assert!((5..25).contains(&pause), "{pause}");
    assert_eq!(second.silence, Duration::from_millis(40));
    assert!(second.is_flawless());
}

#[test]
fn loss_of_a_connection_is_told_from_an_error() {
    let gauge = Gauge::default();
    gauge.failed(&anyhow!("status 02"));
    let gone = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
    gauge.failed(&Err::<(), _>(gone).context("receiving").unwrap_err());
    assert!(gauge.is_heard_since(Instant::now()), "whatever was done");
    let seen = gauge.cut();
    assert_eq!((seen.errors, seen.lost, seen.texts.len()), (1, 1, 2));
    assert!(!seen.is_flawless());
}
