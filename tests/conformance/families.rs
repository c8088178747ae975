//! The families of libiscsi's `iscsi-test-cu` that the target claims, each without a failure. What a test skipped, and
//! why, is printed.

use std::time::Duration;

use anyhow::ensure;
use harness::clients::Need;
use harness::manifest::Manifest;
use harness::suite::Case;
use harness::target::Target;
use harness::test_cu;

/// A case for one family.
macro_rules! family {
    ($case:literal, $family:literal) => {
        Case::new($case, || check($family)).needs(&[Need::Libiscsi]).limit(Duration::from_secs(180))
    };
}

/// All of them.
pub fn cases() -> Vec<Case> {
    vec![
        family!("test_cu_inquiry", "ALL.Inquiry"),
        family!("test_cu_mode_sense_6", "ALL.ModeSense6"),
        family!("test_cu_read_10", "ALL.Read10"),
        family!("test_cu_read_12", "ALL.Read12"),
        family!("test_cu_read_16", "ALL.Read16"),
        family!("test_cu_read_capacity_10", "ALL.ReadCapacity10"),
        family!("test_cu_read_capacity_16", "ALL.ReadCapacity16"),
        family!("test_cu_mandatory", "ALL.Mandatory"),
        family!("test_cu_report_supported_opcodes", "ALL.ReportSupportedOpcodes"),
        family!("test_cu_report_luns", "ALL.ReportLUNs"),
        family!("test_cu_start_stop_unit", "ALL.StartStopUnit"),
        family!("test_cu_test_unit_ready", "ALL.TestUnitReady"),
        family!("test_cu_write_10", "ALL.Write10"),
        family!("test_cu_write_12", "ALL.Write12"),
        family!("test_cu_write_16", "ALL.Write16"),
        family!("test_cu_iscsi_cmdsn", "iSCSI.iSCSIcmdsn"),
        family!("test_cu_iscsi_datasn", "iSCSI.iSCSIdatasn"),
        family!("test_cu_iscsi_residuals", "iSCSI.iSCSIResiduals"),
    ]
}

fn check(family: &str) -> anyhow::Result<()> {
    let target = Target::start(&Manifest::usual(256))?;
    let verdict = test_cu::run(family, &target.url(0))?;
    println!("{family}: {} passed, {} failed", verdict.passed.len(), verdict.failed.len());
    for (test, reason) in &verdict.skipped {
        println!("{family}: {test} skipped: {reason}");
    }
    ensure!(verdict.failed.is_empty(), "{:#?}\n{}", verdict.failed, target.logs());
    target.stop()
}
