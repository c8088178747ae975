//! The pages of a CD, as MMC-2 and MMC-3 draw them.

use super::*;

fn drive() -> DeviceInfo {
    DeviceInfo { device_type: DeviceType::CdDvd, read_only: true, removable: true, ..disk() }
}

#[test]
fn mode_sense_of_a_cd_has_no_block_descriptor() {
    let data = bytes(&drive(), ModeSense { ten: true, ..six(0x2A) });
    let head = [0, 32, 0, 0, 0, 0, 0, 0];
    let capabilities = [
        0x2A, 0x18, 0x0B, 0x00, 0x70, 0x00, 0x29, 0x00, 0x21, 0x13, 0, 0, 0, 0, 0x21, 0x13, 0, 0, 0, 0, 0, 0,
        0, 0, 0, 0,
    ];
    assert_eq!(data, [&head[..], &capabilities].concat());
}

#[test]
fn mode_sense_of_a_cd_all_pages() {
    let data = bytes(&drive(), six(0x3F));
    let recovery = [0x01, 0x0A, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let parameters = [0x0D, 0x06, 0, 0, 0, 60, 0, 75];
    let audio = [0x0E, 0x0E, 0x04, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let power = [0x1A, 0x0A, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let pages = [&recovery[..], &CONTROL, &parameters, &audio, &power].concat();
    assert_eq!(data[4..4 + pages.len()], pages);
    assert_eq!(data.len(), 4 + pages.len() + 26);
}

#[test]
fn mode_select_of_a_cd_takes_no_block_descriptor() {
    let none = ModeParameters::default();
    let list = [&[0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 8, 0][..], &CONTROL].concat();
    assert_eq!(parse(&drive(), &none, false, &list), Err(Sense::invalid_field_in_parameter_list(3, None)));
    assert_eq!(parse(&drive(), &none, false, &[&[0; 4][..], &CONTROL].concat()), Ok(none));
}
