//! Standard INQUIRY data, byte by byte.

use super::*;
use crate::device_info::{Ascii, Port, ScsiName, Tpgs};
use crate::units::{BlockSize, Blocks};

fn disk() -> DeviceInfo {
    DeviceInfo {
        vendor: Ascii::new("ACME").unwrap(),
        product: Ascii::new("Rocket Disk").unwrap(),
        revision: Ascii::new("1.2").unwrap(),
        ..DeviceInfo::disk("disk0", BlockSize::DEFAULT, Blocks(1000))
    }
}

#[test]
fn standard_bytes_of_the_standard() {
    let data = standard(&disk(), &Path::default(), 0xFFFF).into_vec();
    let expected = [
        // VERSION 06h: SPC-4. NORMACA, HISUP, RESPONSE DATA FORMAT 2. 91 more bytes. 3PC. CMDQUE.
        &[0x00, 0x00, 0x06, 0x32, 0x5B, 0x08, 0x00, 0x02][..],
        b"ACME    Rocket Disk     1.2 ",
        &[0; 22],
        // SAM-5, SPC-4, SBC-3.
        &[0x00, 0xA0, 0x04, 0x60, 0x04, 0xC0],
        &[0; 32],
    ];
    assert_eq!(data, expected.concat());
}

#[test]
fn standard_truncated_keeps_the_additional_length() {
    for allocation_length in 0..300_u16 {
        let data = standard(&disk(), &Path::default(), allocation_length);
        assert_eq!(data.wanted(), usize::from(allocation_length).min(96));
        assert!(data.as_slice().get(4).is_none_or(|&length| length == 91));
    }
}

#[test]
fn standard_of_a_removable_medium_sets_rmb() {
    let info = DeviceInfo { removable: true, ..disk() };
    assert_eq!(standard(&info, &Path::default(), 36).as_slice()[1], 0x80);
}

#[test]
fn respond_chooses_by_page() {
    let ask = |page| respond(&disk(), &Path::default(), &Inquiry { page, allocation_length: 255 });
    assert_eq!(ask(None).unwrap().as_slice()[1], 0x00);
    assert_eq!(ask(Some(0x83)).unwrap().as_slice()[1], 0x83);
    assert_eq!(ask(Some(0xC0)), Err(Sense::invalid_field_in_cdb(2, None)));
}

#[test]
fn unsupported_lun_has_qualifier_3_and_type_1f() {
    let data = unsupported_lun(&Inquiry { page: None, allocation_length: 255 }).unwrap().into_vec();
    assert_eq!(data.len(), 36);
    assert_eq!(data[..8], [0x7F, 0x00, 0x06, 0x12, 31, 0x00, 0x00, 0x02]);
    let page = unsupported_lun(&Inquiry { page: Some(0), allocation_length: 255 });
    assert_eq!(page, Err(Sense::lun_not_supported()));
}

fn port(relative: u16) -> Port {
    let name = ScsiName::new("iqn.2026-11.org.example:t").unwrap();
    Port { relative, group: 1, protocol: 5, device: name.clone(), name }
}

#[test]
fn standard_of_a_unit_with_two_iscsi_ports() {
    let info = DeviceInfo { ports: vec![port(1)], ..disk() };
    let data = standard(&info, &Path::default(), 96).into_vec();
    assert_eq!(data[6], 0x00, "MULTIP");
    assert_eq!(
        data[58..68],
        [0x00, 0xA0, 0x04, 0x60, 0x04, 0xC0, 0x09, 0x60, 0x00, 0x00],
        "iSCSI comes last"
    );
    let negotiated = Path { protocol_level: 2, ..Path::default() };
    assert_eq!(standard(&info, &negotiated, 96).as_slice()[64..66], [0x09, 0x62], "RFC 7144");
    let info = DeviceInfo { ports: vec![port(1), port(2)], ..disk() };
    let data = standard(&info, &Path::default(), 96).into_vec();
    assert_eq!(data[6], 0x10, "MULTIP");
    assert_eq!(data[64..68], [0x09, 0x60, 0x00, 0x00], "each transport once");
}

#[test]
fn standard_tells_how_access_states_change() {
    let tpgs = |tpgs| standard(&DeviceInfo { tpgs, ..disk() }, &Path::default(), 96).into_vec()[5];
    let modes = [Tpgs::None, Tpgs::Implicit, Tpgs::Explicit, Tpgs::Both];
    // TPGS, with 3PC beside it.
    assert_eq!(modes.map(tpgs), [0x08, 0x18, 0x28, 0x38]);
}

#[test]
fn standard_through_an_unavailable_port_has_qualifier_1() {
    let path = Path { unavailable: true, ..Path::default() };
    assert_eq!(standard(&disk(), &path, 96).as_slice()[0], 0x20);
    let page = respond(&disk(), &path, &Inquiry { page: Some(0x80), allocation_length: 96 }).unwrap();
    assert_eq!(page.as_slice()[..2], [0x20, 0x80]);
}

#[test]
fn standard_of_a_cd_drive_names_mmc() {
    let info = DeviceInfo { device_type: DeviceType::CdDvd, ..disk() };
    let data = standard(&info, &Path::default(), 96).into_vec();
    assert_eq!((data[0], &data[58..64]), (0x05, &[0x00, 0xA0, 0x04, 0x60, 0x04, 0xE0][..]));
}

#[test]
fn well_known_unit_has_type_1e_and_a_list_of_pages() {
    let ask = |page| well_known(&Inquiry { page, allocation_length: 255 });
    let data = ask(None).unwrap().into_vec();
    assert_eq!(data[..8], [0x1E, 0x00, 0x06, 0x12, 31, 0x00, 0x00, 0x02]);
    assert_eq!(data.len(), 36);
    assert_eq!(ask(Some(0x00)).unwrap().into_vec(), [0x1E, 0x00, 0x00, 0x01, 0x00]);
    assert_eq!(ask(Some(0x83)), Err(Sense::invalid_field_in_cdb(2, None)));
}
