//! libiscsi's conformance suite as a whole: every family of tests on every kind of unit, nothing failed and nothing
//! skipped but what `skips.rs` accounts for.

use std::time::Duration;

use anyhow::{Context, ensure};
use harness::clients::Need;
use harness::suite::Case;
use harness::test_cu::{self, Test};

use super::devices::{Device, Units};
use super::protected;
use super::skips::{KNOWN, Known, ORDER, Order, Row, SKIPS};

/// The families. `ALL` has the tests of the others too; they are run as their authors group them, because what a test
/// finds depends on those before it.
const FAMILIES: [&str; 4] = ["ALL", "SCSI", "iSCSI", "LINUX"];

/// The tests that change SWP themselves: on the unit that an initiator has protected they come last.
const CHANGES_PROTECTION: &str = "ALL.ModeSense6";

/// A case for each family on each unit, and for each test that fails after others.
pub fn cases() -> Vec<Case> {
    let units = Device::ALL.into_iter().filter(|device| *device != Device::Protected);
    let pairs = units.flat_map(|device| FAMILIES.map(|family| (device, family)));
    let families = pairs.map(|(device, family)| {
        let name = format!("test_cu_{}_on_{}", family.to_lowercase(), device.name());
        case(name, move || check(device, family))
    });
    let alone = ORDER.iter().map(|row| {
        let name = format!("test_cu_{}_on_{}", row.test.to_lowercase(), row.device.name());
        case(name, move || passes_alone(row))
    });
    let protected = case("test_cu_all_on_protected".to_owned(), check_protected);
    families.chain([protected]).chain(alone).collect()
}

fn case(name: String, run: impl FnOnce() -> anyhow::Result<()> + Send + 'static) -> Case {
    Case::new(name, run).needs(&[Need::Libiscsi]).limit(Duration::from_secs(180))
}

fn check(device: Device, family: &str) -> anyhow::Result<()> {
    let units = Units::start(device)?;
    let before = units.fingerprint(device)?;
    let tests = run(&units, device, family)?;
    judge(&units, device, family, &tests)?;
    if device.protected().is_some() {
        ensure!(units.fingerprint(device)? == before, "a protected medium was written");
    }
    units.target.stop()
}

/// Everything on the unit that an initiator has protected, suite by suite.
fn check_protected() -> anyhow::Result<()> {
    let device = Device::Protected;
    let units = Units::start(device)?;
    units.protect(device)?;
    let before = units.fingerprint(device)?;
    let suites = test_cu::suites("ALL")?;
    ensure!(suites.iter().any(|suite| suite == CHANGES_PROTECTION), "no {CHANGES_PROTECTION}: {suites:?}");
    let mut tests = Vec::new();
    for suite in suites.iter().filter(|suite| *suite != CHANGES_PROTECTION) {
        tests.extend(run(&units, device, suite)?);
    }
    ensure!(units.fingerprint(device)? == before, "a protected medium was written");
    tests.extend(run(&units, device, CHANGES_PROTECTION)?);
    judge(&units, device, "ALL", &tests)?;
    units.target.stop()
}

fn passes_alone(row: &Order) -> anyhow::Result<()> {
    let units = Units::start(row.device)?;
    let tests = run(&units, row.device, &format!("ALL.{}", row.test))?;
    let test = tests.iter().find(|test| test.name == row.test).context("it did not run")?;
    ensure!(test.failed.is_none() && test.skips.is_empty(), "{test:?}: it is not the order: {}", row.right);
    units.target.stop()
}

fn run(units: &Units, device: Device, tests: &str) -> anyhow::Result<Vec<Test>> {
    let [one, two] = units.paths(device)?;
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
    if ORDER.iter().any(|row| row.accounts_for(device, test)) {
        return None;
    }
    let failed = test.failed.as_deref().unwrap_or_default();
    let known = |line: &&str| KNOWN.iter().any(|row| row.accounts_for(device, &test.name, line));
    let rest: Vec<&str> = failed.lines().filter(|line| !known(line)).collect();
    for row in
        KNOWN.iter().filter(|row| failed.lines().any(|line| row.accounts_for(device, &test.name, line)))
    {
        println!("{} on {} fails: {}", test.name, device.name(), row.why);
    }
    if rest.len() < failed.lines().count() && !rest.iter().any(|line| is_assertion(line)) {
        return None;
    }
    match device.protected() {
        Some(code) => protected::objection(&Test { failed: Some(rest.join("\n")), ..test.clone() }, code),
        None => Some("and nothing makes that right".to_owned()),
    }
}

/// Whether a line is one of CUnit's numbered list of failed assertions.
fn is_assertion(line: &str) -> bool {
    line.trim_start().split_once(". ").is_some_and(|(number, _)| number.parse::<u32>().is_ok())
}

impl Known {
    fn accounts_for(&self, device: Device, test: &str, line: &str) -> bool {
        let at = |place: &&str| line.contains(&format!(". {place} "));
        self.devices.contains(&device) && self.test == test && is_assertion(line) && self.at.iter().any(at)
    }
}

impl Order {
    fn accounts_for(&self, device: Device, test: &Test) -> bool {
        let mut amiss = test.said.lines().map(str::trim).filter(|line| line.contains("[FAILED]"));
        let once = amiss.next() == Some(self.said) && amiss.next().is_none();
        let failed = test.failed.as_deref().unwrap_or_default();
        self.device == device && self.test == test.name && once && !failed.contains("\n    2. ")
    }
}
