//! Runs libiscsi's conformance suite and reads what it printed: which tests passed, failed, were skipped and why.

use anyhow::{bail, ensure};

use crate::clients;
use crate::suite::Skipped;

/// What came of a family of tests.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Tests without a failed assertion, skipped ones included.
    pub passed: Vec<String>,
    /// Tests with a failed assertion, and what was printed.
    pub failed: Vec<(String, String)>,
    /// Tests that skipped all or part of what they check, and why.
    pub skipped: Vec<(String, String)>,
}

/// Runs one family, such as `ALL.Read10`, on a logical unit that may be written.
///
/// # Errors
/// This libiscsi has no such family ([`Skipped`]), or its output is not understood.
pub fn run(family: &str, url: &str) -> anyhow::Result<Verdict> {
    let list = clients::run("iscsi-test-cu", &["--list"])?;
    if !String::from_utf8_lossy(&list.stdout).lines().any(|line| line.trim() == family) {
        bail!(Skipped(format!("this iscsi-test-cu has no family {family}")));
    }
    let output = clients::run("iscsi-test-cu", &["--dataloss", &format!("--test={family}"), url])?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (verdict, count) = (parse(&text), failed_count(&text));
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(
        !verdict.passed.is_empty() || !verdict.failed.is_empty(),
        "{family}: no test ran\n{text}{complaint}"
    );
    ensure!(count == Some(verdict.failed.len()), "{family}: {count:?} tests failed, not {verdict:?}\n{text}");
    Ok(verdict)
}

/// Failed tests by CUnit's own count: `tests  TOTAL  RAN  PASSED  FAILED`.
fn failed_count(text: &str) -> Option<usize> {
    let line = text.lines().find(|line| line.trim_start().starts_with("tests "))?;
    line.split_whitespace().nth(4)?.parse().ok()
}

/// Reads the output of CUnit in verbose mode: `Test: NAME ...`, what the test prints, then `passed` or `FAILED` with a
/// numbered list of assertions.
pub fn parse(text: &str) -> Verdict {
    let mut verdict = Verdict::default();
    let mut suite = String::new();
    for part in text.split("\n  Test: ") {
        let (test, rest) = part.split_once(" ...").unwrap_or(("", part));
        if !test.is_empty() {
            take(&mut verdict, format!("{suite}.{test}"), rest);
        }
        if let Some(next) = part.rsplit_once("Suite: ").and_then(|(_, after)| after.lines().next()) {
            next.trim().clone_into(&mut suite);
        }
    }
    verdict
}

fn take(verdict: &mut Verdict, name: String, rest: &str) {
    let failed = rest.find("FAILED\n    1. ");
    // What comes after the verdict is from the end of the suite, or of the program.
    let end = failed.or_else(|| rest.rfind("passed")).unwrap_or(rest.len());
    let reasons = rest[..end].lines().filter_map(|line| line.split_once("[SKIPPED]"));
    for (_, reason) in reasons {
        verdict.skipped.push((name.clone(), reason.trim().to_owned()));
    }
    match failed {
        Some(_) => verdict.failed.push((name, rest.trim().to_owned())),
        None => verdict.passed.push(name),
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn output_with_a_skip_and_a_failure_is_understood() {
        let text = "\nSuite: Inquiry\n  Test: Standard ...passed\n  Test: BlockLimits ...    [SKIPPED] No such page.\npassed    [SKIPPED] The end.\n\
                    \nSuite: Read10\n  Test: Simple ...    [FAILED] Read failed\nFAILED\n    1. test_read10.c:45  - ret == 0\n\
                    \nRun Summary:    Type  Total    Ran Passed Failed Inactive\n tests 3 3 2 1 0\n";
        let verdict = parse(text);
        assert_eq!(verdict.passed, ["Inquiry.Standard", "Inquiry.BlockLimits"]);
        assert_eq!(verdict.skipped, [("Inquiry.BlockLimits".to_owned(), "No such page.".to_owned())]);
        assert_eq!(verdict.failed.len(), 1);
        assert_eq!(verdict.failed[0].0, "Read10.Simple");
    }
}
