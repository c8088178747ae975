//! libiscsi's conformance suite as a whole: every family of tests on every kind of unit, nothing failed and nothing
//! skipped but what `skips.rs` accounts for.

use std::time::Duration;

use anyhow::ensure;
use harness::clients::Need;
use harness::suite::Case;
use harness::test_cu::{self, Test};

use super::devices::{Device, Units};
use super::skips::{Row, SKIPS, WRITERS};

/// The families. `ALL` has the tests of the others too; they are run as their authors group them, because what a test
/// finds depends on those before it.
const FAMILIES: [&str; 4] = ["ALL", "SCSI", "iSCSI", "LINUX"];

/// A case for each family on each unit.
pub fn cases() -> Vec<Case> {
    let pairs = Device::ALL.into_iter().flat_map(|device| FAMILIES.map(|family| (device, family)));
    let case = |(device, family): (Device, &'static str)| {
        let name = format!("test_cu_{}_on_{}", family.to_lowercase(), device.name());
        Case::new(name, move || check(device, family))
            .needs(&[Need::Libiscsi])
            .limit(Duration::from_secs(180))
    };
    pairs.map(case).collect()
}

fn check(device: Device, family: &str) -> anyhow::Result<()> {
    let units = Units::start(device)?;
    let before = units.fingerprint(device)?;
    let [one, two] = units.paths(device)?;
    let tests = test_cu::run(family, [&one, &two])?;
    let problems = problems(device, family, &tests);
    let count = |which: fn(&Test) -> bool| tests.iter().filter(|test| which(test)).count();
    println!(
        "{family} on {}: {} tests, {} failed, {} asserts skipped",
        device.name(),
        count(|test| test.name.contains('.')),
        count(|test| test.failed.is_some()),
        tests.iter().map(|test| test.skips.len()).sum::<usize>(),
    );
    ensure!(problems.is_empty(), "{}\n{}", problems.join("\n"), units.target.logs());
    if device.protected() {
        ensure!(units.fingerprint(device)? == before, "a protected medium was written");
    }
    units.target.stop()
}

/// Everything that must not be, a paragraph each.
fn problems(device: Device, family: &str, tests: &[Test]) -> Vec<String> {
    let mut problems = Vec::new();
    for test in tests {
        if let Some(failed) = &test.failed
            && !failure_is_right(device, test)
        {
            problems.push(format!("{} failed:\n{}\n{}", test.name, begin(&test.said), begin(failed)));
        }
        for reason in &test.skips {
            let known = SKIPS.iter().any(|row| row.accounts_for(device, &test.name, reason));
            if !known {
                problems.push(format!(
                    "{} skipped, and no row of skips.rs says why that is right: {reason}",
                    test.name
                ));
            }
        }
    }
    if family == "ALL" {
        problems.extend(unneeded(device, tests));
    }
    problems
}

/// The first lines: a test in a loop prints thousands.
fn begin(text: &str) -> String {
    text.lines().take(20).collect::<Vec<_>>().join("\n")
}

/// Rows for this unit that nothing needed.
fn unneeded(device: Device, tests: &[Test]) -> Vec<String> {
    let skipped = |name: &str, row: &Row| {
        let mut named = tests.iter().filter(|test| test.name == name);
        named.any(|test| test.skips.iter().any(|reason| row.accounts_for(device, name, reason)))
    };
    let rows = SKIPS.iter().filter(|row| row.devices.contains(&device));
    let names = rows.flat_map(|row| row.tests.iter().map(move |name| (row, *name)));
    names
        .filter(|(row, name)| !skipped(name, row))
        .map(|(row, name)| {
            format!("{name} did not skip with {:?}: remove it from skips.rs ({})", row.reason, row.right)
        })
        .collect()
}

impl Row {
    fn accounts_for(&self, device: Device, test: &str, reason: &str) -> bool {
        self.devices.contains(&device) && self.tests.contains(&test) && self.reason == reason
    }
}

/// A protected unit refuses what demands to be written; that is all that may fail.
fn failure_is_right(device: Device, test: &Test) -> bool {
    // What completes asynchronously shows its status only.
    // EXTENDED COPY passes what the destination answered on behind a code of its own.
    let copy = test.said.contains("COPY ABORTED(0x0a) / ASCQ (null)(0x0d01)");
    let refused = test.said.contains("(0x2700)") || copy || test.name.ends_with("Async");
    device.protected() && refused && WRITERS.contains(&test.name.as_str())
}
