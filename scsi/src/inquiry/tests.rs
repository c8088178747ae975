//! Standard INQUIRY data, byte by byte.

use super::*;
use crate::device_info::Ascii;
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
    let data = standard(&disk(), 0xFFFF).into_vec();
    assert_eq!(data.len(), 96);
    assert_eq!(data[..8], [0x00, 0x00, 0x06, 0x12, 91, 0x00, 0x00, 0x02]);
    assert_eq!(&data[8..36], b"ACME    Rocket Disk     1.2 ");
    assert_eq!(data[36..58], [0; 22]);
    assert_eq!(data[58..64], [0x00, 0xA0, 0x04, 0x60, 0x04, 0xC0], "SAM-5, SPC-4, SBC-3");
    assert_eq!(data[64..], [0; 32]);
}

#[test]
fn standard_truncated_keeps_the_additional_length() {
    for allocation_length in 0..300_u16 {
        let data = standard(&disk(), allocation_length);
        assert_eq!(data.wanted(), usize::from(allocation_length).min(96));
        assert!(data.as_slice().get(4).is_none_or(|&length| length == 91));
    }
}

#[test]
fn standard_of_a_removable_medium_sets_rmb() {
    let info = DeviceInfo { removable: true, ..disk() };
    assert_eq!(standard(&info, 36).as_slice()[1], 0x80);
}

#[test]
fn respond_chooses_by_page() {
    let ask = |page| respond(&disk(), &Inquiry { page, allocation_length: 255 });
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
