//! The table against lists typed from the standards.

use proptest::prelude::*;

use super::*;
use crate::asc::Asc;

/// What SPC-4 and SBC-3 say of each command here: code, service action, CDB length.
const STANDARD: &[(&str, u8, Option<u16>, usize)] = &[
    ("TEST UNIT READY", 0x00, None, 6),
    ("REQUEST SENSE", 0x03, None, 6),
    ("FORMAT UNIT", 0x04, None, 6),
    ("READ(6)", 0x08, None, 6),
    ("WRITE(6)", 0x0A, None, 6),
    ("INQUIRY", 0x12, None, 6),
    ("MODE SELECT(6)", 0x15, None, 6),
    ("RESERVE(6)", 0x16, None, 6),
    ("RELEASE(6)", 0x17, None, 6),
    ("MODE SENSE(6)", 0x1A, None, 6),
    ("START STOP UNIT", 0x1B, None, 6),
    ("RECEIVE DIAGNOSTIC RESULTS", 0x1C, None, 6),
    ("SEND DIAGNOSTIC", 0x1D, None, 6),
    ("PREVENT ALLOW MEDIUM REMOVAL", 0x1E, None, 6),
    ("READ FORMAT CAPACITIES", 0x23, None, 10),
    ("READ CAPACITY(10)", 0x25, None, 10),
    ("READ(10)", 0x28, None, 10),
    ("WRITE(10)", 0x2A, None, 10),
    ("WRITE AND VERIFY(10)", 0x2E, None, 10),
    ("VERIFY(10)", 0x2F, None, 10),
    ("PRE-FETCH(10)", 0x34, None, 10),
    ("SYNCHRONIZE CACHE(10)", 0x35, None, 10),
    ("READ DEFECT DATA(10)", 0x37, None, 10),
    ("WRITE BUFFER", 0x3B, None, 10),
    ("READ BUFFER", 0x3C, None, 10),
    ("WRITE SAME(10)", 0x41, None, 10),
    ("UNMAP", 0x42, None, 10),
    ("READ TOC/PMA/ATIP", 0x43, None, 10),
    ("GET CONFIGURATION", 0x46, None, 10),
    ("SANITIZE, OVERWRITE", 0x48, Some(0x01), 10),
    ("SANITIZE, BLOCK ERASE", 0x48, Some(0x02), 10),
    ("SANITIZE, EXIT FAILURE MODE", 0x48, Some(0x1F), 10),
    ("GET EVENT STATUS NOTIFICATION", 0x4A, None, 10),
    ("LOG SELECT", 0x4C, None, 10),
    ("LOG SENSE", 0x4D, None, 10),
    ("READ DISC INFORMATION", 0x51, None, 10),
    ("READ TRACK INFORMATION", 0x52, None, 10),
    ("MODE SELECT(10)", 0x55, None, 10),
    ("RESERVE(10)", 0x56, None, 10),
    ("RELEASE(10)", 0x57, None, 10),
    ("MODE SENSE(10)", 0x5A, None, 10),
    ("PERSISTENT RESERVE IN, READ KEYS", 0x5E, Some(0x00), 10),
    ("PERSISTENT RESERVE IN, READ RESERVATION", 0x5E, Some(0x01), 10),
    ("PERSISTENT RESERVE IN, REPORT CAPABILITIES", 0x5E, Some(0x02), 10),
    ("PERSISTENT RESERVE IN, READ FULL STATUS", 0x5E, Some(0x03), 10),
    ("PERSISTENT RESERVE OUT, REGISTER", 0x5F, Some(0x00), 10),
    ("PERSISTENT RESERVE OUT, RESERVE", 0x5F, Some(0x01), 10),
    ("PERSISTENT RESERVE OUT, RELEASE", 0x5F, Some(0x02), 10),
    ("PERSISTENT RESERVE OUT, CLEAR", 0x5F, Some(0x03), 10),
    ("PERSISTENT RESERVE OUT, PREEMPT", 0x5F, Some(0x04), 10),
    ("PERSISTENT RESERVE OUT, PREEMPT AND ABORT", 0x5F, Some(0x05), 10),
    ("PERSISTENT RESERVE OUT, REGISTER AND IGNORE EXISTING KEY", 0x5F, Some(0x06), 10),
    ("PERSISTENT RESERVE OUT, REGISTER AND MOVE", 0x5F, Some(0x07), 10),
    ("PERSISTENT RESERVE OUT, REPLACE LOST RESERVATION", 0x5F, Some(0x08), 10),
    ("EXTENDED COPY(LID1)", 0x83, Some(0x00), 16),
    ("RECEIVE COPY RESULTS(COPY STATUS)", 0x84, Some(0x00), 16),
    ("RECEIVE COPY RESULTS(RECEIVE DATA)", 0x84, Some(0x01), 16),
    ("RECEIVE COPY RESULTS(OPERATING PARAMETERS)", 0x84, Some(0x03), 16),
    ("RECEIVE COPY RESULTS(FAILED SEGMENT DETAILS)", 0x84, Some(0x04), 16),
    ("READ(16)", 0x88, None, 16),
    ("COMPARE AND WRITE", 0x89, None, 16),
    ("WRITE(16)", 0x8A, None, 16),
    ("ORWRITE(16)", 0x8B, None, 16),
    ("WRITE AND VERIFY(16)", 0x8E, None, 16),
    ("VERIFY(16)", 0x8F, None, 16),
    ("PRE-FETCH(16)", 0x90, None, 16),
    ("SYNCHRONIZE CACHE(16)", 0x91, None, 16),
    ("WRITE SAME(16)", 0x93, None, 16),
    ("WRITE ATOMIC(16)", 0x9C, None, 16),
    ("READ CAPACITY(16)", 0x9E, Some(0x10), 16),
    ("GET LBA STATUS", 0x9E, Some(0x12), 16),
    ("REPORT LUNS", 0xA0, None, 12),
    ("REPORT TARGET PORT GROUPS", 0xA3, Some(0x0A), 12),
    ("REPORT SUPPORTED OPERATION CODES", 0xA3, Some(0x0C), 12),
    ("REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS", 0xA3, Some(0x0D), 12),
    ("SET TARGET PORT GROUPS", 0xA4, Some(0x0A), 12),
    ("READ(12)", 0xA8, None, 12),
    ("WRITE(12)", 0xAA, None, 12),
    ("WRITE AND VERIFY(12)", 0xAE, None, 12),
    ("VERIFY(12)", 0xAF, None, 12),
    ("READ DEFECT DATA(12)", 0xB7, None, 12),
    ("READ CD MSF", 0xB9, None, 12),
    ("MECHANISM STATUS", 0xBD, None, 12),
    ("READ CD", 0xBE, None, 12),
];

#[test]
fn table_agrees_with_the_standards() {
    let rows: Vec<_> =
        TABLE.iter().map(|row| (row.name, row.code, row.service_action, row.cdb_len())).collect();
    assert_eq!(rows, STANDARD);
}

#[test]
fn cdb_length_follows_the_group_of_the_code() {
    for row in TABLE {
        let length = match row.code >> 5 {
            0 => 6,
            1 | 2 => 10,
            4 => 16,
            5 => 12,
            group => panic!("group {group} has no length of its own"),
        };
        assert_eq!(row.cdb_len(), length, "{}", row.name);
    }
}

#[test]
fn lookup_finds_every_row() {
    for row in TABLE {
        let cdb = [row.code, row.service_action.unwrap_or(0) as u8];
        assert_eq!(lookup(&cdb), Some(row));
        assert!(rows(row.code).contains(row));
        if let Some(action) = row.service_action {
            assert_eq!(u16::from(row.usage[1] & 0x1F), action, "{}", row.name);
        }
    }
}

#[test]
fn lookup_looks_at_five_bits_of_service_action() {
    assert_eq!(lookup(&[0x9E, 0xF0]).map(|row| row.name), Some("READ CAPACITY(16)"));
}

#[test]
fn find_says_what_is_wrong() {
    assert_eq!(find(&[]), Err(Sense::invalid_opcode()));
    assert_eq!(find(&[0xFF]), Err(Sense::invalid_opcode()));
    assert_eq!(find(&[0x9E, 0x13]), Err(Sense::invalid_field_in_cdb(1, Some(4))));
    assert_eq!(find(&[0xA3]), Err(Sense::invalid_field_in_cdb(1, Some(4))));
    assert_eq!(Sense::invalid_opcode().asc, Asc::INVALID_COMMAND_OPERATION_CODE);
}

#[test]
fn what_writes_the_medium_needs_a_reservation() {
    for row in TABLE {
        assert!(!row.medium_write || row.direction != Direction::In, "{}", row.name);
        if row.medium_write {
            let Reservation { write_exclusive, exclusive_access, spc2 } = row.reservation;
            assert_eq!([write_exclusive, exclusive_access, spc2], [Admission::Conflict; 3], "{}", row.name);
        }
    }
}

#[test]
fn unit_attention_is_skipped_by_inquiry_and_report_luns_only() {
    let with = |wanted| -> Vec<_> {
        TABLE.iter().filter(|row| row.unit_attention == wanted).map(|row| row.name).collect()
    };
    assert_eq!(
        with(UnitAttention::Skip),
        ["INQUIRY", "GET CONFIGURATION", "GET EVENT STATUS NOTIFICATION", "REPORT LUNS"]
    );
    assert_eq!(with(UnitAttention::Take), ["REQUEST SENSE"]);
}

/// What SPC-4 5.15.2.4 lists for the states, of the commands here; INQUIRY, REPORT LUNS and REQUEST SENSE are answered in
/// all of them.
const STANDBY: &[&str] = &[
    "REQUEST SENSE",
    "INQUIRY",
    "REPORT LUNS",
    "REPORT TARGET PORT GROUPS",
    "SET TARGET PORT GROUPS",
    "MODE SELECT(6)",
    "MODE SENSE(6)",
    "MODE SELECT(10)",
    "MODE SENSE(10)",
    "LOG SELECT",
    "LOG SENSE",
    "SEND DIAGNOSTIC",
    "RECEIVE DIAGNOSTIC RESULTS",
];
/// What the standard leaves to us, and initiators want when they look at a path that they may need later.
const STANDBY_TOO: &[&str] = &[
    "READ CAPACITY(10)",
    "READ CAPACITY(16)",
    "REPORT SUPPORTED OPERATION CODES",
    "REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS",
    "READ TOC/PMA/ATIP",
];

#[test]
fn alua_states_let_through_what_spc_4_lists() {
    let with = |wanted: fn(&Alua) -> bool| -> Vec<_> {
        TABLE.iter().filter(|row| wanted(&row.alua)).map(|row| row.name).collect()
    };
    let identify = ["REQUEST SENSE", "INQUIRY", "REPORT LUNS", "REPORT TARGET PORT GROUPS"];
    assert_eq!(with(|alua| alua.transitioning), identify);
    assert_eq!(with(|alua| alua.unavailable), [&identify[..], &["SET TARGET PORT GROUPS"]].concat());
    for name in with(|alua| alua.standby) {
        let listed =
            STANDBY.contains(&name) || STANDBY_TOO.contains(&name) || name.starts_with("PERSISTENT RESERVE");
        assert!(listed, "{name} in standby");
    }
    for row in TABLE.iter().filter(|row| STANDBY.contains(&row.name)) {
        assert!(row.alua.standby, "{} is refused in standby", row.name);
    }
    assert_eq!(with(|alua| alua.echo), ["WRITE BUFFER", "READ BUFFER"]);
    for row in TABLE.iter().filter(|row| row.medium_write) {
        assert!(!row.alua.standby, "{} in standby", row.name);
    }
}

/// Commands in the presence of reservations: SPC-4 table 64, SBC-3 table 13, MMC-6 and, for RESERVE, SPC-2 table 9. For a nexus
/// that has no part in it: allowed always, but for RESERVE; allowed under Write Exclusive types only; never.
const NEVER_STOPPED: &[&str] = &[
    "INQUIRY",
    "REQUEST SENSE",
    "REPORT LUNS",
    "READ CAPACITY(10)",
    "READ CAPACITY(16)",
    "REPORT TARGET PORT GROUPS",
    "LOG SENSE",
    "GET CONFIGURATION",
    "GET EVENT STATUS NOTIFICATION",
];
const READING: &[&str] = &[
    "READ(6)",
    "READ(10)",
    "READ(12)",
    "READ(16)",
    "VERIFY(10)",
    "VERIFY(12)",
    "VERIFY(16)",
    "PRE-FETCH(10)",
    "PRE-FETCH(16)",
    "READ DEFECT DATA(10)",
    "READ DEFECT DATA(12)",
    "GET LBA STATUS",
    "MODE SENSE(6)",
    "MODE SENSE(10)",
    "READ BUFFER(10)",
    "RECEIVE DIAGNOSTIC RESULTS",
    "REPORT SUPPORTED OPERATION CODES",
    "REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS",
    "READ TOC/PMA/ATIP",
    "READ FORMAT CAPACITIES",
    "READ CD MSF",
    "READ CD",
];
const CHANGING: &[&str] = &[
    "WRITE(6)",
    "WRITE(10)",
    "WRITE(12)",
    "WRITE(16)",
    "WRITE AND VERIFY(10)",
    "WRITE AND VERIFY(12)",
    "WRITE AND VERIFY(16)",
    "WRITE SAME(10)",
    "WRITE SAME(16)",
    "WRITE ATOMIC(16)",
    "COMPARE AND WRITE",
    "ORWRITE(16)",
    "UNMAP",
    "FORMAT UNIT",
    "SANITIZE, OVERWRITE",
    "SANITIZE, BLOCK ERASE",
    "SYNCHRONIZE CACHE(10)",
    "SYNCHRONIZE CACHE(16)",
    "MODE SELECT(6)",
    "MODE SELECT(10)",
    "LOG SELECT",
    "SEND DIAGNOSTIC",
    "WRITE BUFFER",
    "EXTENDED COPY(LID1)",
    "SET TARGET PORT GROUPS",
];

#[test]
fn reservations_stop_what_the_standards_list() {
    use Admission::{Allowed, Conflict};
    for row in TABLE {
        let Reservation { write_exclusive, exclusive_access, spc2 } = row.reservation;
        let here = (write_exclusive, exclusive_access);
        if NEVER_STOPPED.contains(&row.name) || row.name == "TEST UNIT READY" {
            assert_eq!(here, (Allowed, Allowed), "{}", row.name);
        } else if READING.contains(&row.name) {
            assert_eq!((here, spc2), ((Allowed, Conflict), Conflict), "{}", row.name);
        } else if CHANGING.contains(&row.name) {
            assert_eq!((here, spc2), ((Conflict, Conflict), Conflict), "{}", row.name);
        }
    }
}

#[test]
fn reservations_let_start_and_allow_through() {
    let lets = |admission: Admission, bytes: [u8; 5]| {
        bytes.map(|byte| admission.lets_through(&[0, 0, 0, 0, byte, 0]))
    };
    let start = lets(Admission::AllowedToStart, [0x21, 0x00, 0x02, 0x01, 0x05]);
    assert_eq!(start, [false, false, false, true, true]);
    let allow = lets(Admission::AllowedToAllow, [0x00, 0x01, 0x02, 0x03, 0xFC]);
    assert_eq!(allow, [true, false, false, false, true]);
    assert!(!Admission::AllowedToStart.lets_through(&[]) && !Admission::AllowedToAllow.lets_through(&[]));
}

#[test]
fn reservations_let_through_what_spc_4_and_spc_2_say() {
    let passing = |column: fn(&Reservation) -> Admission, wanted| -> Vec<_> {
        TABLE.iter().filter(|row| column(&row.reservation) == wanted).map(|row| row.name).collect()
    };
    let itself = passing(|row| row.spc2, Admission::JudgesItself);
    assert!(itself.iter().all(|name| name.contains("RESERVE") || name.contains("RELEASE")));
    assert_eq!(itself.len(), 4 + 4 + 9);
    for row in TABLE.iter().filter(|row| row.reservation.write_exclusive == Admission::Conflict) {
        assert_eq!(row.reservation.exclusive_access, Admission::Conflict, "{}", row.name);
        assert_eq!(row.reservation.spc2, Admission::Conflict, "{}", row.name);
    }
}

proptest! {
    #[test]
    fn find_takes_any_bytes(cdb in prop::collection::vec(any::<u8>(), 0..40)) {
        if let Ok(row) = find(&cdb) {
            prop_assert_eq!(row.code, cdb[0]);
        }
    }
}

#[test]
fn legend_names_every_command() {
    let legend = legend();
    assert_eq!(legend.lines().count(), TABLE.len());
    for line in ["28 READ(10)", "9e/10 READ CAPACITY(16)", "89 COMPARE AND WRITE"] {
        assert!(legend.lines().any(|found| found == line), "{line} is not in {legend}");
    }
    // The room that a flight recorder has for it.
    assert!(legend.len() <= 8192, "{}", legend.len());
}
