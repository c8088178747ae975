//! Vital product data pages, byte by byte.

use super::*;
use crate::device_info::{Ascii, Naa, Names};
use crate::units::{BlockSize, Blocks};

fn disk() -> DeviceInfo {
    DeviceInfo {
        vendor: Ascii::new("ACME").unwrap(),
        product: Ascii::new("Rocket Disk").unwrap(),
        serial: Ascii::new("SN42").unwrap(),
        names: Names {
            naa: Naa::locally_assigned(0x0123_4567_89AB_CDEF),
            t10: Ascii::new("ACME    Rocket Disk     SN42").unwrap(),
            ..Names::from_name("disk0")
        },
        ..DeviceInfo::disk("disk0", BlockSize::DEFAULT, Blocks(1000))
    }
}

fn bytes(info: &DeviceInfo, code: u8) -> Vec<u8> {
    page(info, code, 0xFFFF).unwrap().into_vec()
}

#[test]
fn supported_pages_bytes() {
    assert_eq!(bytes(&disk(), 0x00), [0x00, 0x00, 0, 7, 0x00, 0x80, 0x83, 0x86, 0xB0, 0xB1, 0xB2]);
}

#[test]
fn supported_pages_can_all_be_read() {
    let mut before = None;
    for &code in &bytes(&disk(), 0x00)[4..] {
        let data = bytes(&disk(), code);
        assert_eq!(data[..2], [0x00, code]);
        assert_eq!(usize::from(u16::from_be_bytes([data[2], data[3]])), data.len() - 4);
        assert!(before < Some(code), "in ascending order");
        before = Some(code);
    }
}

#[test]
fn unit_serial_number_bytes() {
    assert_eq!(bytes(&disk(), 0x80), b"\x00\x80\x00\x04SN42");
}

#[test]
fn device_identification_bytes() {
    let expected = [
        &[0x00, 0x83, 0, 44][..],
        &[0x01, 0x03, 0x00, 0x08, 0x31, 0x23, 0x45, 0x67, 0x89, 0xAB, 0xCD, 0xEF],
        &[0x02, 0x01, 0x00, 28],
        b"ACME    Rocket Disk     SN42",
    ];
    assert_eq!(bytes(&disk(), 0x83), expected.concat());
}

#[test]
fn extended_inquiry_data_bytes() {
    let cached = bytes(&disk(), 0x86);
    assert_eq!(cached[..8], [0x00, 0x86, 0, 0x3C, 0x00, 0x07, 0x01, 0x00]);
    assert_eq!(cached.len(), 64);
    let through = DeviceInfo { write_cache: false, ..disk() };
    assert_eq!(bytes(&through, 0x86)[6], 0x00);
}

#[test]
fn block_limits_bytes() {
    let info = DeviceInfo {
        max_transfer: Blocks(0x0001_0000),
        optimal_transfer: Blocks(0x800),
        optimal_granularity: 8,
        ..disk()
    };
    let data = bytes(&info, 0xB0);
    assert_eq!(data[..16], [0x00, 0xB0, 0, 0x3C, 0x00, 0x00, 0, 8, 0, 1, 0, 0, 0, 0, 8, 0]);
    assert_eq!(data[16..], [0; 48], "neither UNMAP nor WRITE SAME nor atomic writes");
}

#[test]
fn block_limits_too_large_for_the_field_means_no_limit() {
    let info = DeviceInfo { max_transfer: Blocks(1 << 32), ..disk() };
    assert_eq!(bytes(&info, 0xB0)[8..12], [0; 4]);
}

#[test]
fn block_device_characteristics_bytes() {
    let solid = bytes(&disk(), 0xB1);
    assert_eq!(solid[..6], [0x00, 0xB1, 0, 0x3C, 0x00, 0x01]);
    assert_eq!(solid[6..], [0; 58]);
    let turning = DeviceInfo { rotational: true, ..disk() };
    assert_eq!(bytes(&turning, 0xB1)[4..6], [0x1C, 0x20]);
}

#[test]
fn logical_block_provisioning_bytes() {
    assert_eq!(bytes(&disk(), 0xB2), [0x00, 0xB2, 0, 4, 0, 0, 0, 0]);
}

#[test]
fn page_truncated_keeps_the_page_length() {
    let data = page(&disk(), 0xB0, 4).unwrap();
    assert_eq!(data.as_slice(), [0x00, 0xB0, 0x00, 0x3C]);
}

#[test]
fn page_unknown_is_an_invalid_field() {
    assert_eq!(page(&disk(), 0x84, 255), Err(Sense::invalid_field_in_cdb(2, None)));
}
