//! REPORT SUPPORTED OPERATION CODES data against the table and typed bytes.

mod golden;

use super::*;
use crate::device_info::Tpgs;
use crate::opcode::TABLE;
use crate::units::{BlockSize, Blocks};

/// A disk that can do everything.
fn able() -> DeviceInfo {
    DeviceInfo {
        thin_provisioned: true,
        tpgs: Tpgs::Both,
        ..DeviceInfo::disk("rsoc", BlockSize::DEFAULT, Blocks(1))
    }
}

/// How many commands it has.
fn count() -> usize {
    let info = able();
    TABLE.iter().filter(|row| info.supports(row)).count()
}

fn ask(options: ReportingOptions, timeouts: bool) -> Result<Vec<u8>, Sense> {
    ask_of(&able(), options, timeouts)
}

fn ask_of(info: &DeviceInfo, options: ReportingOptions, timeouts: bool) -> Result<Vec<u8>, Sense> {
    let request = ReportSupportedOperationCodes { timeouts, options, allocation_length: 0xFFFF };
    respond(info, &request).map(ParameterData::into_vec)
}

const BAD_OPTIONS: Result<Vec<u8>, Sense> = Err(Sense::invalid_field_in_cdb(2, Some(2)));

#[test]
fn all_commands_begins_with_test_unit_ready() {
    let data = ask(ReportingOptions::All, false).unwrap();
    assert_eq!(data[..4], (count() as u32 * 8).to_be_bytes());
    assert_eq!(data[4..12], [0x00, 0, 0, 0, 0, 0x00, 0, 6]);
    assert_eq!(data.len(), 4 + count() * 8);
    let read_capacity_16 = [0x9E, 0, 0x00, 0x10, 0, 0x01, 0, 16];
    assert!(data[4..].chunks(8).any(|descriptor| descriptor == read_capacity_16));
}

#[test]
fn all_commands_with_timeouts() {
    let data = ask(ReportingOptions::All, true).unwrap();
    assert_eq!(data[..4], (count() as u32 * 20).to_be_bytes());
    let test_unit_ready = [0x00, 0, 0, 0, 0, 0x02, 0, 6, 0x00, 0x0A, 0, 0, 0, 0, 0, 0, 0, 0, 0, 60];
    assert_eq!(data[4..24], test_unit_ready);
}

#[test]
fn one_command_read_10() {
    let expected = [0, 0x03, 0, 10, 0x28, 0x1A, 0xFF, 0xFF, 0xFF, 0xFF, 0x1F, 0xFF, 0xFF, 0x04];
    assert_eq!(ask(ReportingOptions::Code(0x28), false).unwrap(), expected);
    assert_eq!(ask(ReportingOptions::Either(0x28, 5), false).unwrap(), expected);
    assert_eq!(ask(ReportingOptions::CodeAndServiceAction(0x28, 0), false), BAD_OPTIONS);
}

#[test]
fn one_command_with_timeouts() {
    let data = ask(ReportingOptions::Code(0x00), true).unwrap();
    assert_eq!(data, [0, 0x83, 0, 6, 0, 0, 0, 0, 0, 4, 0x00, 0x0A, 0, 0, 0, 0, 0, 0, 0, 0, 0, 60]);
}

#[test]
fn one_command_with_service_actions() {
    assert_eq!(ask(ReportingOptions::Code(0x9E), false), BAD_OPTIONS);
    let data = ask(ReportingOptions::CodeAndServiceAction(0x9E, 0x10), false).unwrap();
    assert_eq!(data[..6], [0, 0x03, 0, 16, 0x9E, 0x10]);
    assert_eq!(ask(ReportingOptions::Either(0x9E, 0x10), false).unwrap(), data);
    assert_eq!(ask(ReportingOptions::CodeAndServiceAction(0x9E, 0x13), false).unwrap(), [0, 0x01, 0, 0]);
}

#[test]
fn one_command_that_there_is_not() {
    for options in [
        ReportingOptions::Code(0xFF),
        ReportingOptions::CodeAndServiceAction(0xFF, 1),
        ReportingOptions::Either(0xFF, 1),
    ] {
        assert_eq!(ask(options, true).unwrap(), [0, 0x01, 0, 0]);
    }
}

#[test]
fn every_row_is_reported_as_it_stands_in_the_table() {
    let able = DeviceInfo {
        thin_provisioned: true,
        removable: true,
        tpgs: Tpgs::Both,
        ..DeviceInfo::disk("rsoc", BlockSize::DEFAULT, Blocks(1))
    };
    for row in TABLE {
        let info = DeviceInfo { device_type: row.types[0], ..able.clone() };
        let options = match row.service_action {
            None => ReportingOptions::Code(row.code),
            Some(action) => ReportingOptions::CodeAndServiceAction(row.code, action),
        };
        let data = ask_of(&info, options, false).unwrap();
        assert_eq!(usize::from(u16::from_be_bytes([data[2], data[3]])), row.cdb_len());
        let (control, rest) = data[4..].split_last().unwrap();
        assert_eq!(rest, &row.usage[..row.usage.len() - 1], "{}", row.name);
        assert_eq!(*control, 0x04, "NACA of {}", row.name);
    }
}

#[test]
fn commands_for_access_states_are_there_if_the_unit_has_them() {
    let supported = |tpgs, code| {
        let request = ReportSupportedOperationCodes {
            timeouts: false,
            options: ReportingOptions::CodeAndServiceAction(code, 0x0A),
            allocation_length: 100,
        };
        respond(&DeviceInfo { tpgs, ..able() }, &request).unwrap().as_slice()[1] & 0x07 == 0b011
    };
    for (tpgs, report, set) in [
        (Tpgs::None, false, false),
        (Tpgs::Implicit, true, false),
        (Tpgs::Explicit, true, true),
        (Tpgs::Both, true, true),
    ] {
        assert_eq!((supported(tpgs, 0xA3), supported(tpgs, 0xA4)), (report, set), "{tpgs:?}");
    }
}

#[test]
fn all_commands_truncated_keeps_the_length() {
    let request = ReportSupportedOperationCodes {
        timeouts: true,
        options: ReportingOptions::All,
        allocation_length: 4,
    };
    let info = able();
    let data = respond(&info, &request).unwrap();
    assert_eq!(data.as_slice(), (count() as u32 * 20).to_be_bytes());
}
