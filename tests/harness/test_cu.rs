//! Runs libiscsi's conformance suite and reads what it printed: which tests passed, failed, were skipped and why.

use std::time::Duration;

use anyhow::{Context, bail, ensure};

use crate::clients;
use crate::suite::Skipped;

/// How long one run of the program may take: its slowest tests wait seconds for answers that must not come, and one looks
/// every minute whether a SANITIZE is over.
const LIMIT: Duration = Duration::from_secs(300);

/// The names by which the program logs in over its two paths.
const INITIATORS: [&str; 2] = ["iqn.2026-11.test.bulkhead:one", "iqn.2026-11.test.bulkhead:two"];

/// One test and what came of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Test {
    /// Suite and name, such as `Read10.Simple`; what a suite says before and after its tests goes by `Read10`.
    pub name: String,
    /// The failed assertions.
    pub failed: Option<String>,
    /// Why all or part of what it checks was skipped.
    pub skips: Vec<String>,
    /// Everything that it printed.
    pub said: String,
}

/// Runs the tests of one expression, such as `ALL` or `ALL.Read10`, on a logical unit that may be overwritten: with
/// two paths to it, and with sanitize operations.
///
/// # Errors
/// This libiscsi has no such tests ([`Skipped`]), the run hangs, or its output is not understood.
pub fn run(tests: &str, paths: [&str; 2]) -> anyhow::Result<Vec<Test>> {
    let list = clients::run("iscsi-test-cu", &["--list"])?;
    if !String::from_utf8_lossy(&list.stdout).lines().any(|line| line.trim() == tests) {
        bail!(Skipped(format!("this iscsi-test-cu has no tests {tests}")));
    }
    let names =
        [format!("--initiator-name={}", INITIATORS[0]), format!("--initiator-name-2={}", INITIATORS[1])];
    let expression = format!("--test={tests}");
    // By line, so that a run that hangs shows where.
    let mut arguments = vec!["-oL", "iscsi-test-cu", "--dataloss", "--allow-sanitize", "--verbose"];
    arguments.extend([names[0].as_str(), &names[1], &expression, paths[0], paths[1]]);
    let output = clients::run_within("stdbuf", &arguments, LIMIT)?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let outcome = parse(&text);
    complete(&text, &outcome)
        .with_context(|| format!("{tests}: {text}{}", String::from_utf8_lossy(&output.stderr)))?;
    Ok(outcome)
}

/// The suites of a family, such as `ALL.Read10`, each an expression for [`run`].
///
/// # Errors
/// The program does not run.
pub fn suites(family: &str) -> anyhow::Result<Vec<String>> {
    let list = clients::run("iscsi-test-cu", &["--list"])?;
    let text = String::from_utf8_lossy(&list.stdout).into_owned();
    let of_family = |line: &&str| line.split('.').count() == 2 && line.split('.').next() == Some(family);
    Ok(text.lines().map(str::trim).filter(of_family).map(str::to_owned).collect())
}

/// Holds what was understood against CUnit's own counts.
fn complete(text: &str, outcome: &[Test]) -> anyhow::Result<()> {
    let tests = counts(text, "tests").context("no count of tests: it did not come to its end")?;
    let suites = counts(text, "suites").context("no count of suites")?;
    let named = outcome.iter().filter(|test| test.name.contains('.')).count();
    let failed = outcome.iter().filter(|test| test.failed.is_some()).count();
    ensure!(tests.ran > 0 && tests.ran == tests.total, "{} of {} tests ran", tests.ran, tests.total);
    ensure!(suites.failed == 0, "{} suites could not begin", suites.failed);
    ensure!((named, failed) == (tests.ran, tests.failed), "{named} tests were read, {failed} of them failed");
    Ok(())
}

/// A line of CUnit's summary.
struct Counts {
    total: usize,
    ran: usize,
    failed: usize,
}

/// `tests  TOTAL  RAN  PASSED  FAILED  INACTIVE`
fn counts(text: &str, what: &str) -> Option<Counts> {
    let summary = text.rsplit_once("Run Summary:")?.1;
    let mut words =
        summary.lines().map(str::split_whitespace).find(|line| line.clone().next() == Some(what))?;
    let mut number = |skipped| words.nth(skipped)?.parse().ok();
    Some(Counts { total: number(1)?, ran: number(0)?, failed: number(1)? })
}

/// Reads the output of CUnit in verbose mode: `Test: NAME ...`, what the test prints, then `passed` or `FAILED` with a
/// numbered list of assertions.
pub fn parse(text: &str) -> Vec<Test> {
    let mut tests = Vec::new();
    let mut suite = String::from("start");
    for part in text.split("\n  Test: ") {
        let outside = match part.split_once(" ...") {
            Some((name, rest)) if !tests.is_empty() => {
                let (test, outside) = read(format!("{suite}.{name}"), rest);
                tests.push(test);
                outside
            }
            _ => part,
        };
        tests.push(Test {
            name: suite.clone(),
            skips: skips(outside),
            said: outside.to_owned(),
            failed: None,
        });
        if let Some(next) = outside.rsplit_once("Suite: ").and_then(|(_, after)| after.lines().next()) {
            next.trim().clone_into(&mut suite);
        }
    }
    tests
}

/// One test, and what was printed after it: by its suite, or by the program.
fn read(name: String, rest: &str) -> (Test, &str) {
    if let Some(failed) = rest.find("FAILED\n    1. ") {
        let (said, assertions) = rest.split_at(failed);
        let ends = ["[SKIPPED]", "\nSuite: ", "\n\n"].map(|end| assertions.find(end));
        let end = ends.into_iter().flatten().min().unwrap_or(assertions.len());
        let (assertions, outside) = assertions.split_at(end);
        let failed = Some(assertions.trim().to_owned());
        return (Test { name, failed, skips: skips(said), said: said.to_owned() }, outside);
    }
    let (said, outside) = rest.rsplit_once("passed").unwrap_or((rest, ""));
    (Test { name, failed: None, skips: skips(said), said: said.to_owned() }, outside)
}

fn skips(said: &str) -> Vec<String> {
    said.split("[SKIPPED]")
        .skip(1)
        .filter_map(|after| Some(after.lines().next()?.trim().to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{complete, parse};

    const OUTPUT: &str = "same unit on 2 paths\n\nSuite: Inquiry\n  Test: Standard ...passed\n  Test: BlockLimits ...    [SKIPPED] No such page.\npassed    [SKIPPED] The end.\n\
        \nSuite: Read10\n  Test: Simple ...    [FAILED] Read failed\nFAILED\n    1. test_read10.c:45  - ret == 0\
        \nSuite: Read12\n  Test: Simple ...passed\n\nRun Summary:    Type  Total    Ran Passed Failed Inactive\n suites 3 3 n/a 0 0\n tests 4 4 3 1 0\n";

    #[test]
    fn output_with_a_skip_and_a_failure_is_understood() {
        let tests = parse(OUTPUT);
        let named: Vec<_> = tests.iter().map(|test| (test.name.as_str(), test.skips.join(";"))).collect();
        let skipped = |text: &str| text.to_owned();
        assert_eq!(
            named,
            [
                ("start", String::new()),
                ("Inquiry.Standard", String::new()),
                ("Inquiry", String::new()),
                ("Inquiry.BlockLimits", skipped("No such page.")),
                ("Inquiry", skipped("The end.")),
                ("Read10.Simple", String::new()),
                ("Read10", String::new()),
                ("Read12.Simple", String::new()),
                ("Read12", String::new()),
            ]
        );
        assert_eq!(tests[5].failed.as_deref(), Some("FAILED\n    1. test_read10.c:45  - ret == 0"));
        assert_eq!(tests[5].said.trim(), "[FAILED] Read failed");
        complete(OUTPUT, &tests).unwrap();
    }

    #[test]
    fn a_run_that_broke_off_is_not_complete() {
        let (cut, _) = OUTPUT.split_once("Run Summary").unwrap();
        assert!(complete(cut, &parse(cut)).is_err());
        let fewer = OUTPUT.replace("tests 4 4 3 1 0", "tests 5 4 3 1 0");
        assert!(complete(&fewer, &parse(&fewer)).is_err());
        let other = OUTPUT.replace("tests 4 4 3 1 0", "tests 4 4 4 0 0");
        assert!(complete(&other, &parse(&other)).is_err());
    }
}
