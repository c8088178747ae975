//! What a write-protected medium makes fail in libiscsi's suite, and nothing else.
//!
//! Many tests demand of every unit that it can be written, whatever it says of itself. A protected medium refuses each
//! command that requests a write with CHECK CONDITION, DATA PROTECT, WRITE PROTECTED (SBC-3, Write protection). So such a test is
//! right to fail, but only by that: the commands that failed are writes, each was refused with that very sense data, and
//! whatever else the test found amiss is the want of what it could not write.

use anyhow::ensure;
use harness::test_cu::Test;

/// The commands that request a write, as the suite calls them.
const WRITES: [&str; 13] = [
    "COMPAREANDWRITE",
    "ORWRITE",
    "SANITIZE",
    "UNMAP",
    "WRITE10",
    "WRITE12",
    "WRITE16",
    "WRITEATOMIC16",
    "WRITESAME10",
    "WRITESAME16",
    "WRITEVERIFY10",
    "WRITEVERIFY12",
    "WRITEVERIFY16",
];

/// EXTENDED COPY passes what the destination answered on behind a code of its own: THIRD PARTY DEVICE FAILURE.
const COPY: &str =
    "EXTENDEDCOPY command failed with status 2 / sense key COPY ABORTED(0x0a) / ASCQ (null)(0x0d01)";

/// What a test says when it looks for what it could not write or unmap. The suite takes every refusal of UNMAP to mean that
/// there is no such command.
const MISSED: [&str; 5] = [
    "Blocks did not read back as zero",
    "Blocks did not read back as 0xaa",
    "UNMAP is not implemented but LBPU is set",
    "WRITESAME10 UNMAP is not implemented but LBPWS10 is set",
    "WRITESAME16 UNMAP is not implemented but LBPWS is set",
];

/// The assertions on the outcome of one command. Each that failed stands for a command that the test has reported.
const OUTCOMES: [&str; 3] = ["CU_ASSERT_EQUAL(_r,0)", "CU_ASSERT_EQUAL(ret,0)", "CU_ASSERT_EQUAL(0,ret)"];

/// The assertions on what can only be there after a write: data, mappings, the residual of a transfer that was refused.
const ABSENT: [&str; 17] = [
    r#"CU_FAIL("Block was not written correctly")"#,
    r#"CU_FAIL("Block was written to")"#,
    r#"CU_FAIL("Blocks were not copied correctly")"#,
    r#"CU_FAIL("Second block was incorrectly overwritten")"#,
    r#"CU_FAIL("[FAILED] Blocks did not read back " "as zero")"#,
    r#"CU_FAIL("[FAILED] Blocks did not read back as expected")"#,
    r#"CU_FAIL("[FAILED] LBA should be mapped but isn't")"#,
    r#"CU_FAIL("[FAILED] LBA status descriptor is MAPPED.")"#,
    r#"CU_FAIL("[FAILED] UNMAP is unavailable but LBPU==1")"#,
    r#"CU_FAIL("[FAILED] WRITESAME10 UNMAP is unavailable but " "LBPWS10==1")"#,
    r#"CU_FAIL("[FAILED] WRITESAME16 UNMAP is unavailable but " "LBPWS==1")"#,
    "CU_ASSERT_EQUAL(0,memcmp(read_buf, scratch, i))",
    "CU_ASSERT_EQUAL(memcmp(read_buf, scratch + block_size, block_size),0)",
    "CU_ASSERT_EQUAL(task->residual,10000 - block_size)",
    "CU_ASSERT_EQUAL(task->residual,block_size - 200)",
    "CU_ASSERT_EQUAL(task->residual,block_size)",
    "CU_ASSERT_EQUAL(task->residual_status,SCSI_RESIDUAL_OVERFLOW)",
];

/// The assertions of the tests of residuals on the status itself; `ok` is what the suite calls one of them.
const STATUS: [&str; 2] = ["CU_ASSERT_EQUAL(task->status,SCSI_STATUS_GOOD)", "ok"];

/// Tests that do not print how their writes ended, or compare data in a variable of the usual name; and how they fail.
const UNSEEN: [(&str, &[&str]); 5] = [
    ("OrWrite.Verify", &["CU_ASSERT_EQUAL(ret,0)"]),
    // The write was refused before ABORT TASK came; when it comes in time, the test passes.
    (
        "iSCSITMF.AbortTaskSimpleAsync",
        &["CU_ASSERT_NOT_EQUAL(status,SCSI_STATUS_CHECK_CONDITION)", "CU_ASSERT_EQUAL(state.wr_good,1)"],
    ),
    ("Write10.Async", &["CU_ASSERT_NOT_EQUAL(status,SCSI_STATUS_CHECK_CONDITION)"]),
    (
        "MultipathIO.CompareAndWriteAsync",
        &[
            "CU_ASSERT_EQUAL(atask->sense.key,SCSI_SENSE_MISCOMPARE)",
            "CU_ASSERT_EQUAL(atask->sense.ascq,SCSI_SENSE_ASCQ_MISCOMPARE_DURING_VERIFY)",
        ],
    ),
    // It asks three commands to fail, and to fail again after a reset, because a SANITIZE is under way that was refused.
    ("Sanitize.Reset", &["CU_ASSERT_EQUAL(_r,0)"]),
];

/// What Sanitize.Reset says of each of those commands.
const NOT_SANITIZING: &str = "with NOT READY(0x02)/SANITIZE_IN_PROGRESS(0x041b)";

/// Why a failure is more than the protection of the medium, if it is. `code` is the additional sense code of a refusal, as
/// the suite prints it.
pub fn objection(test: &Test, code: &str) -> Option<String> {
    let unseen = UNSEEN.iter().find(|(name, _)| *name == test.name).map(|(_, failures)| *failures);
    let mut refused = 0;
    for line in test.said.lines().filter_map(|line| Some(line.split_once("[FAILED] ")?.1.trim_end())) {
        let sanitizing = test.name == "Sanitize.Reset"
            && line.contains(NOT_SANITIZING)
            && (line.contains("successful") || line.ends_with("(0x00)/(0x0000)"));
        if is_refusal(line, code) {
            refused += 1;
            continue;
        }
        let missed = MISSED.contains(&line) && refused > 0;
        if !missed && !sanitizing {
            return Some(format!("not by the refusal of a write with {code}: {line}"));
        }
    }
    let mut outcomes = 0;
    for assertion in assertions(test) {
        let known = ABSENT.contains(&assertion) || STATUS.contains(&assertion);
        if unseen.is_some_and(|failures| failures.contains(&assertion)) || (known && refused > 0) {
            continue;
        }
        outcomes += usize::from(OUTCOMES.contains(&assertion));
        if !OUTCOMES.contains(&assertion) {
            return Some(format!("which does not follow from the refusal of a write: {assertion}"));
        }
    }
    if outcomes > refused {
        return Some(format!("{outcomes} commands failed, only {refused} were refused"));
    }
    None
}

/// A write ended as it must.
fn is_refusal(line: &str, code: &str) -> bool {
    let command = line.split([' ', ':']).next().unwrap_or_default();
    let data_protect = ["DATA PROTECTION(0x07) / ASCQ", "DATA PROTECTION(7) ASCQ:", "(0x07)/"];
    let refused = line.ends_with(code) && data_protect.iter().any(|key| line.contains(key));
    let refused = refused && !line.contains(" successful but ");
    (WRITES.contains(&command) && refused) || line == COPY
}

/// The failed assertions, without number and place. What the suite prints after its end follows the last on its line.
fn assertions(test: &Test) -> impl Iterator<Item = &str> {
    let lines = test.failed.as_deref().unwrap_or_default().lines();
    lines.filter_map(|line| Some(line.split_once("  - ")?.1.split("    ").next()?.trim()))
}

/// Holds [`objection`] against what it must object to: a write that was accepted, one that was refused in another way, a
/// command that reads and fails, data that is wrong without a refused write.
pub fn objects() -> anyhow::Result<()> {
    let refused = "    [FAILED] UNMAP command failed with status 2 / sense key DATA PROTECTION(0x07) / ASCQ WRITE_PROTECTED(0x2700)\n";
    let command = "FAILED\n    1. test_x.c:9  - CU_ASSERT_EQUAL(_r,0)";
    let data = "FAILED\n    1. test_x.c:9  - CU_FAIL(\"Block was not written correctly\")";
    let judge = |said: &str, failed: &str, code: &str| {
        let failed = Some(failed.to_owned());
        let test = Test { name: "X.Simple".to_owned(), failed, said: said.to_owned(), ..Test::default() };
        objection(&test, code)
    };
    ensure!(judge(refused, command, "(0x2700)").is_none(), "{:?}", judge(refused, command, "(0x2700)"));
    ensure!(judge(refused, data, "(0x2700)").is_none());
    ensure!(judge(refused, command, "(0x2702)").is_some(), "the other code");
    ensure!(judge(&refused.replace("UNMAP", "READ10"), command, "(0x2700)").is_some(), "a read");
    let accepted = "    [FAILED] UNMAP successful but should have failed with DATA PROTECTION(0x07)/WRITE_PROTECTED(0x2700)\n";
    ensure!(judge(accepted, command, "(0x2700)").is_some(), "an accepted write");
    let other = refused.replace("DATA PROTECTION(0x07)", "HARDWARE_ERROR(0x04)");
    ensure!(judge(&other, command, "(0x2700)").is_some(), "another sense key");
    ensure!(judge("", data, "(0x2700)").is_some(), "wrong data without a refusal");
    ensure!(
        judge(refused, &format!("{command}\n    2. test_x.c:9  - CU_ASSERT_EQUAL(_r,0)"), "(0x2700)")
            .is_some()
    );
    Ok(())
}
