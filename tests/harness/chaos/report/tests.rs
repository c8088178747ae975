//! What is said of a run: cells have their faults, and one thing that is wrong is enough.

use std::time::Duration;

use super::{Report, Spread};
use crate::chaos::fault::Fault;
use crate::chaos::workload::Workload;
use crate::gauge::Stretch;

#[test]
fn spread_of_a_hundred_and_of_none() {
    let hundred: Vec<Duration> = (1..=100).rev().map(Duration::from_millis).collect();
    assert_eq!(Spread::of(&hundred), Spread { median: 50.0, p99: 99.0, worst: 100.0 });
    assert_eq!(Spread::of(&[]), Spread::default());
}

#[test]
fn stretches_are_counted_with_their_faults() {
    let mut report = Report::default();
    let good =
        Stretch { commands: 3, verified: 4096, pause: Some(Duration::from_millis(7)), ..Stretch::default() };
    report.add(Workload::Read, None, &good);
    report.add(Workload::Read, Some(("core", Fault::Kill)), &good);
    report.add(Workload::Read, Some(("core", Fault::Kill)), &good);
    assert!(report.is_flawless());
    let cell = &report.cells[0];
    assert_eq!((cell.faults, cell.seen.commands, cell.pause_ms.median), (2, 6, 7.0));
    assert_eq!(report.seen[0].1.bytes_verified, 3 * 4096);
    let bad = Stretch { lost: 1, ..good };
    report.add(Workload::Read, Some(("iscsi", Fault::Stop)), &bad);
    assert!(!report.is_flawless());
    assert!(report.text().contains("NOT flawless"));
}
