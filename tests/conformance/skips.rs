//! What libiscsi's suite may leave out, and why that is right: a row says on which units which tests print which reason,
//! and the sentence that makes it right. What stands in no row fails the suite; so does a row that nothing needs.

use super::devices::Device::{self, Block, Large, ReadOnly, Removable, Thin};

/// One reason.
pub struct Row {
    /// The units.
    pub devices: &'static [Device],
    /// The tests, as `Suite.Test`.
    pub tests: &'static [&'static str],
    /// What they print.
    pub reason: &'static str,
    /// Why no more can be asked.
    pub right: &'static str,
}

/// Disks whose medium stays in the drive.
const FIXED: &[Device] = &[Thin, Large, ReadOnly, Block];

/// What may be skipped.
pub const SKIPS: &[Row] = &[
    Row {
        devices: FIXED,
        tests: &[
            "PreventAllow.Simple",
            "PreventAllow.Eject",
            "PreventAllow.ITNexusLoss",
            "PreventAllow.Logout",
            "PreventAllow.WarmReset",
            "PreventAllow.ColdReset",
            "PreventAllow.LUNReset",
            "PreventAllow.2ITNexuses",
        ],
        reason: "Logical unit is not removable. Skipping test.",
        right: "RMB is zero (SPC-4, Standard INQUIRY data): there is no removal that could be prevented (SBC-3, PREVENT \
                ALLOW MEDIUM REMOVAL command). The unit `removable` has these tests.",
    },
    Row {
        devices: FIXED,
        tests: &["StartStopUnit.Simple"],
        reason: "Media is not removable.",
        right: "LOEJ loads and ejects removable media (SBC-3, START STOP UNIT command). The unit `removable` has this test.",
    },
    Row {
        devices: &[Thin, Large, Removable, Block],
        tests: &["ReadOnly.ReadOnlySBC"],
        reason: "Logical unit is not write-protected. Skipping test.",
        right: "WP is zero (SBC-3, Mode parameter header): writes are accepted. The unit `read-only` has this test.",
    },
    Row {
        devices: &[Thin, Large, Removable, Block],
        tests: &["WriteSame10.ZeroBlocks"],
        reason: "WRITESAME10 does not support 0-blocks.",
        right: "WSNZ is one: WRITE SAME with NUMBER OF LOGICAL BLOCKS zero is refused with INVALID FIELD IN CDB (SBC-3, \
                Block Limits VPD page).",
    },
    Row {
        devices: &[Thin, Large, Removable, Block],
        tests: &["WriteSame16.ZeroBlocks"],
        reason: "WRITESAME16 does not support 0-blocks.",
        right: "WSNZ is one: WRITE SAME with NUMBER OF LOGICAL BLOCKS zero is refused with INVALID FIELD IN CDB (SBC-3, \
                Block Limits VPD page).",
    },
    Row {
        devices: &[Thin, Large, Removable, Block],
        tests: &["Sanitize.CryptoErase", "Sanitize.Readonly", "Sanitize.Reservations"],
        reason: "SANITIZE CRYPTO_ERASE is not implemented according to REPORT_SUPPORTED_OPCODES.",
        right: "The service action is optional (SBC-3, SANITIZE command), and it changes the key by which the device encrypts \
                its medium: files and block devices have none.",
    },
];

/// Tests that demand of every unit that it can be written, whatever it says of itself. On a protected medium they cannot
/// pass: "the device server shall terminate with CHECK CONDITION status, DATA PROTECT, WRITE PROTECTED any command
/// that requests a write" (SBC-3, Write protection). Each must be refused with that sense data, and the medium stay as it was.
pub const WRITERS: &[&str] = &[
    "CompareAndWrite.Simple",
    "CompareAndWrite.Miscompare",
    "ExtendedCopy.Simple",
    "ExtendedCopy.ValidTgtDescr",
    "OrWrite.Verify",
    "ReceiveCopyResults.CopyStatus",
    "Write10.Simple",
    "Write10.BeyondEol",
    "Write10.ZeroBlocks",
    "Write10.DpoFua",
    "Write10.Async",
    "Write12.Simple",
    "Write12.BeyondEol",
    "Write12.ZeroBlocks",
    "Write12.DpoFua",
    "Write16.Simple",
    "Write16.BeyondEol",
    "Write16.ZeroBlocks",
    "Write16.DpoFua",
    "iSCSIResiduals.Write10Residuals",
    "iSCSIResiduals.Write12Residuals",
    "iSCSIResiduals.Write16Residuals",
    "MultipathIO.Simple",
];
