//! libiscsi's conformance suite as a whole: every family of tests on every kind of unit, nothing failed and nothing
//! skipped but what `skips.rs` accounts for.

use std::time::Duration;

use anyhow::{Context, ensure};
use harness::clients::Need;
use harness::suite::Case;
use harness::test_cu::{self, Test};

use super::devices::{Device, SLOW_SANITIZE, Units};
use super::protected;
use super::skips::{ORDER, Order, PHYSICAL, Row, SKIPS};

/// The families. `ALL` has the tests of the others too; they are run as their authors group them, because what a test
/// finds depends on those before it.
const FAMILIES: [&str; 4] = ["ALL", "SCSI", "iSCSI", "LINUX"];

/// The tests that change SWP themselves: on the unit that an initiator has protected they come last.
const CHANGES_PROTECTION: &str = "ALL.ModeSense6";

/// A case for each family on each unit, and for each test that needs a run or a unit of its own.
pub fn cases() -> Vec<Case> {
    let units = Device::ALL.into_iter().filter(|device| *device != Device::Protected);
    let pairs = units.flat_map(|device| FAMILIES.map(|family| (device, family)));
    let families = pairs.map(|(device, family)| {
        let name = format!("test_cu_{}_on_{}", family.to_lowercase(), device.name());
        case(name, move || check(device, family))
    });
    let after_others = ORDER.iter().flat_map(|row| row.devices.iter().map(|device| (*device, row.test)));
    let alone = after_others.chain(PHYSICAL.iter().map(|test| (Device::Physical, *test)));
    let alone = alone.map(|(device, test)| {
        let name = format!("test_cu_{}_on_{}", test.to_lowercase(), device.name());
        case(name, move || passes_alone(device, test))
    });
    let protected = case("test_cu_all_on_protected".to_owned(), check_protected);
    alone.chain([protected]).chain(families).collect()
}

fn case(name: String, run: impl FnOnce() -> anyhow::Result<()> + Send + 'static) -> Case {
    Case::new(name, run).needs(&[Need::Libiscsi]).limit(Duration::from_secs(360))
}

fn check(device: Device, family: &str) -> anyhow::Result<()> {
    let units = Units::start(device, "")?;
    let before = units.fingerprint()?;
    let tests = run(&units, family)?;
    judge(&units, device, family, &tests)?;
    if device.protected().is_some() {
        ensure!(units.fingerprint()? == before, "a protected medium was written");
    }
    units.target.stop()
}

/// Everything on the unit that an initiator has protected, suite by suite.
fn check_protected() -> anyhow::Result<()> {
    let device = Device::Protected;
    let units = Units::start(device, "")?;
    units.protect()?;
    let before = units.fingerprint()?;
    let suites = test_cu::suites("ALL")?;
    ensure!(suites.iter().any(|suite| suite == CHANGES_PROTECTION), "no {CHANGES_PROTECTION}: {suites:?}");
    let mut tests = Vec::new();
    for suite in suites.iter().filter(|suite| *suite != CHANGES_PROTECTION) {
        tests.extend(run(&units, suite)?);
    }
    ensure!(units.fingerprint()? == before, "a protected medium was written");
    tests.extend(run(&units, CHANGES_PROTECTION)?);
    judge(&units, device, "ALL", &tests)?;
    units.target.stop()
}

/// Neither fails nor skips anything.
fn passes_alone(device: Device, name: &str) -> anyhow::Result<()> {
    let units = Units::start(device, SLOW_SANITIZE)?;
    let tests = run(&units, &format!("ALL.{name}"))?;
    let test = tests.iter().find(|test| test.name == name).context("it did not run")?;
    ensure!(test.failed.is_none() && test.skips.is_empty(), "{test:?}\n{}", units.target.logs());
    units.target.stop()
}

fn run(units: &Units, tests: &str) -> anyhow::Result<Vec<Test>> {
    let [one, two] = units.paths();
    test_cu::run(tests, [&one, &two])
}

fn judge(units: &Units, device: Device, family: &str, tests: &[Test]) -> anyhow::Result<()> {
    let problems = problems(device, family, tests);
    let count = |which: fn(&Test) -> bool| tests.iter().filter(|test| which(test)).count();
    println!(
        "{family} on {}: {} tests, {} failed, {} asserts skipped",
        device.name(),
        count(|test| test.name.contains('.')),
        count(|test| test.failed.is_some()),
        tests.iter().map(|test| test.skips.len()).sum::<usize>(),
    );
    ensure!(problems.is_empty(), "{}\n{}", problems.join("\n"), units.target.logs());
    Ok(())
}

/// Everything that must not be, a paragraph each.
fn problems(device: Device, family: &str, tests: &[Test]) -> Vec<String> {
    let mut problems = Vec::new();
    for test in tests {
        if let Some(failed) = &test.failed
            && let Some(why) = objection(device, test)
        {
            let said = [begin(&test.said), begin(failed)].join("\n");
            problems.push(format!("{} failed, {why}:\n{said}", test.name));
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

/// Why a failure of a test is a fault of the unit, unless it is none.
fn objection(device: Device, test: &Test) -> Option<String> {
    if let Some(row) = ORDER.iter().find(|row| row.accounts_for(device, test)) {
        println!("{} on {} fails: {}", test.name, device.name(), row.right);
        return None;
    }
    match device.protected() {
        Some(code) => protected::objection(test, code),
        None => Some("and nothing makes that right".to_owned()),
    }
}

impl Order {
    /// It found amiss what the row says and nothing else, one assertion for each.
    fn accounts_for(&self, device: Device, test: &Test) -> bool {
        let amiss = test.said.lines().map(str::trim).filter(|line| line.contains("[FAILED]"));
        let assertions = test.failed.as_deref().unwrap_or_default().lines().filter(|line| is_assertion(line));
        self.devices.contains(&device)
            && self.test == test.name
            && amiss.eq(self.said.iter().copied())
            && assertions.count() == self.said.len()
    }
}

/// Whether a line is one of CUnit's numbered list of failed assertions.
fn is_assertion(line: &str) -> bool {
    line.trim_start().split_once(". ").is_some_and(|(number, _)| number.parse::<u32>().is_ok())
}
