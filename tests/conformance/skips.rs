//! What libiscsi's suite may leave out, and why that is right: a row says on which units which tests print which reason,
//! and the sentence that makes it right. What stands in no row fails the suite; so does a row that nothing needs.

use super::devices::Device::{self, Block, Large, Protected, ReadOnly, Removable, Thin};

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
const FIXED: &[Device] = &[Thin, Large, ReadOnly, Protected, Block];

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
        devices: &Device::ALL,
        tests: PHYSICAL,
        reason: "LBPPB < 2. Skipping test",
        right: "LOGICAL BLOCKS PER PHYSICAL BLOCK EXPONENT is zero (SBC-3, READ CAPACITY(16) parameter data): there is no part \
                of a physical block. The unit `physical` has these tests.",
    },
    Row {
        devices: &Device::ALL,
        tests: &["WriteSame10.ZeroBlocks"],
        reason: "WRITESAME10 does not support 0-blocks.",
        right: "WSNZ is one: WRITE SAME with NUMBER OF LOGICAL BLOCKS zero is refused with INVALID FIELD IN CDB (SBC-3, \
                Block Limits VPD page).",
    },
    Row {
        devices: &Device::ALL,
        tests: &["WriteSame16.ZeroBlocks"],
        reason: "WRITESAME16 does not support 0-blocks.",
        right: "WSNZ is one: WRITE SAME with NUMBER OF LOGICAL BLOCKS zero is refused with INVALID FIELD IN CDB (SBC-3, \
                Block Limits VPD page).",
    },
    Row {
        devices: &Device::ALL,
        tests: &["Sanitize.CryptoErase", "Sanitize.Readonly", "Sanitize.Reservations"],
        reason: "SANITIZE CRYPTO_ERASE is not implemented according to REPORT_SUPPORTED_OPCODES.",
        right: "The service action is optional (SBC-3, SANITIZE command), and it changes the key by which the device encrypts \
                its medium: files and block devices have none.",
    },
];

/// Tests that need several logical blocks in a physical one, for the unit that has that. Of the others one logical block
/// is one physical block, because GetLBAStatus.UnmapSingle counts right only there.
pub const PHYSICAL: &[&str] = &[
    "CompareAndWrite.InvalidDataOutSize",
    "WriteSame10.InvalidDataOutSize",
    "WriteSame10.UnmapUnaligned",
    "WriteSame16.InvalidDataOutSize",
    "WriteSame16.UnmapUnaligned",
];

/// Tests that fail because of what the tests before them have left behind, and what they find amiss then. Each passes when
/// it runs alone, which has a case of its own.
pub struct Order {
    /// The units.
    pub devices: &'static [Device],
    /// The test, as `Suite.Test`.
    pub test: &'static str,
    /// All that it finds amiss.
    pub said: &'static [&'static str],
    /// Why that comes from the tests before it.
    pub right: &'static str,
}

/// What depends on the tests before it.
pub const ORDER: &[Order] = &[
    Order {
        devices: &[Removable],
        test: "PreventAllow.2ITNexuses",
        said: &["[FAILED] STARTSTOPUNIT failed with wrong sense. Should have failed with \
               ILLEGAL_REQUEST(0x05)/SCSI_SENSE_ASCQ_MEDIUM_REMOVAL_PREVENTED(0x5302) but failed with Sense: (null)(0x06)/(0x2903)"],
        right: "With two paths it takes the session of the second path, open since the beginning, and sends its command \
            without a look at the unit attention that PreventAllow.LUNReset has established there: LOGICAL UNIT RESET \
            does so for every I_T nexus (SAM-5, Logical unit reset).",
    },
    Order {
        devices: &[Thin, Large, Removable, Block],
        test: "Sanitize.Reset",
        said: &[
            "[FAILED] TESTUNITREADY failed with wrong sense. Should have failed with NOT \
             READY(0x02)/SANITIZE_IN_PROGRESS(0x041b) but failed with Sense: (null)(0x00)/(0x0000)",
            "[FAILED] STARTSTOPUNIT failed with wrong sense. Should have failed with NOT \
             READY(0x02)/SANITIZE_IN_PROGRESS(0x041b) but failed with Sense: (null)(0x00)/(0x0000)",
            "[FAILED] READ16 failed with wrong sense. Should have failed with NOT \
             READY(0x02)/SANITIZE_IN_PROGRESS(0x041b) but failed with Sense: (null)(0x00)/(0x0000)",
            "[FAILED] TESTUNITREADY successful but should have failed with NOT READY(0x02)/SANITIZE_IN_PROGRESS(0x041b)",
        ],
        right: "With two paths Sanitize.Reservations takes a RESERVE(6) in the session of the second path, and neither \
                releases it nor logs out, as it does with one. So SANITIZE and what comes after it end with RESERVATION \
                CONFLICT, which has no sense data (SPC-2, RESERVE(6) command), until the resets release it.",
    },
];
