//! Task management functions there and back.

use super::*;

#[test]
fn function_octets_of_iscsi() {
    let octets: Vec<u8> = Function::ALL.iter().map(|function| function.code()).collect();
    assert_eq!(octets, [1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12]);
    assert!(Function::try_from(8).is_err(), "TASK REASSIGN is iSCSI's own and no SAM function");
    assert!(Function::try_from(0).is_err());
}

#[test]
fn response_octets_of_iscsi() {
    let octets: Vec<u8> = Response::ALL.iter().map(|response| response.code()).collect();
    assert_eq!(octets, [0, 1, 2, 5, 7, 255]);
    assert!(Response::try_from(3).is_err());
}

#[test]
fn function_names_what_it_is_about() {
    assert!(Function::AbortTask.names_a_task() && Function::QueryTask.names_a_task());
    assert!(!Function::AbortTaskSet.names_a_task());
    assert!(Function::LogicalUnitReset.names_a_lun());
    assert!(!Function::TargetWarmReset.names_a_lun() && !Function::ItNexusReset.names_a_lun());
}

#[test]
fn supported_functions_in_both_lengths() {
    let ask = |extended, allocation_length| {
        report_supported(&ReportSupportedFunctions { extended, allocation_length }).into_vec()
    };
    assert_eq!(ask(false, 64), [0xFE, 0x07, 0x00, 0x00]);
    assert_eq!(ask(true, 64), [0xFE, 0x07, 0x00, 0x0C, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(ask(true, 4), [0xFE, 0x07, 0x00, 0x0C]);
}

#[test]
fn asynchronous_event_information() {
    let reset = Asc { code: 0x29, qualifier: 0x03 };
    assert_eq!(
        asynchronous_event(SenseKey::UnitAttention, reset, 1),
        [0x16, 0x29, 0x03],
        "UADE DEPTH 01b: one"
    );
    assert_eq!(
        asynchronous_event(SenseKey::UnitAttention, reset, 2),
        [0x26, 0x29, 0x03],
        "10b: more than one"
    );
}
