//! Runs libiscsi's conformance suite and reads what it printed: which tests passed, failed, were skipped and why.

use anyhow::ensure;

use crate::clients;

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
/// The program ran no test, or its output is not understood.
pub fn run(family: &str, url: &str) -> anyhow::Result<Verdict> {
    let output = clients::run("iscsi-test-cu", &["--dataloss", &format!("--test={family}"), url])?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let verdict = parse(&text);
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(
        !verdict.passed.is_empty() || !verdict.failed.is_empty(),
        "{family}: no test ran\n{text}{complaint}"
    );
    Ok(verdict)
}

/// Reads the output of CUnit in verbose mode: `Test: NAME ...` with what the test prints, then `passed` or `FAILED`.
pub fn parse(text: &str) -> Verdict {
    let mut verdict = Verdict::default();
    let mut suite = String::new();
    for part in text.split("\n  Test: ") {
        let (test, rest) = part.split_once(" ...").unwrap_or(("", part));
        let next_suite = part.rsplit_once("Suite: ").and_then(|(_, after)| after.lines().next());
        if !test.is_empty() {
            take(&mut verdict, format!("{suite}.{test}"), rest);
        }
        if let Some(next) = next_suite {
            next.trim().clone_into(&mut suite);
        }
    }
    verdict
}

fn take(verdict: &mut Verdict, name: String, rest: &str) {
    let own = rest.split("\nSuite: ").next().unwrap_or(rest);
    let own = own.split("\nRun Summary").next().unwrap_or(own);
    let reasons = own.lines().filter_map(|line| line.split_once("[SKIPPED]"));
    for (_, reason) in reasons {
        verdict.skipped.push((name.clone(), reason.trim().to_owned()));
    }
    if own.contains("FAILED") {
        verdict.failed.push((name, own.trim().to_owned()));
    } else {
        verdict.passed.push(name);
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn output_with_a_skip_and_a_failure_is_understood() {
        let text = "\nSuite: Inquiry\n  Test: Standard ...passed\n  Test: BlockLimits ...    [SKIPPED] No such page.\npassed\n\
                    \nSuite: Read10\n  Test: Simple ...    [FAILED] Read failed\nFAILED\n    1. test_read10.c:45  - ret == 0\n\
                    \nRun Summary:    Type  Total    Ran Passed Failed Inactive\n tests 3 3 2 1 0\n";
        let verdict = parse(text);
        assert_eq!(verdict.passed, ["Inquiry.Standard", "Inquiry.BlockLimits"]);
        assert_eq!(verdict.skipped, [("Inquiry.BlockLimits".to_owned(), "No such page.".to_owned())]);
        assert_eq!(verdict.failed.len(), 1);
        assert_eq!(verdict.failed[0].0, "Read10.Simple");
    }
}
