//! REPORT LUNS data, byte by byte.

use super::*;

fn ask(select: SelectReport, allocation_length: u32) -> Vec<u8> {
    let luns = [0, 1, 256].map(|number| Lun::from_number(number).unwrap());
    respond(luns, &ReportLuns { select, allocation_length }).into_vec()
}

#[test]
fn report_luns_bytes() {
    let expected = [
        [0, 0, 0, 24, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0, 0, 0],
        [0, 1, 0, 0, 0, 0, 0, 0],
        [0x41, 0, 0, 0, 0, 0, 0, 0],
    ];
    assert_eq!(ask(SelectReport::Addressable, 512), expected.concat());
    let mut all = [expected.concat(), vec![0xC1, 0x01, 0, 0, 0, 0, 0, 0]].concat();
    all[3] = 32;
    assert_eq!(ask(SelectReport::All, 512), all);
}

#[test]
fn report_luns_truncated_keeps_the_list_length() {
    assert_eq!(ask(SelectReport::Addressable, 16), [0, 0, 0, 24, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn report_luns_well_known_is_report_luns_itself() {
    let expected = [0, 0, 0, 8, 0, 0, 0, 0, 0xC1, 0x01, 0, 0, 0, 0, 0, 0];
    assert_eq!(ask(SelectReport::WellKnown, 512), expected);
}
