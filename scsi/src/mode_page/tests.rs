//! Mode pages and parameter headers, byte by byte.

use super::*;
use crate::units::{BlockSize, Blocks};

const CACHING: [u8; 20] = [0x08, 0x12, 0x04, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
const CONTROL: [u8; 12] = [0x0A, 0x0A, 0x02, 0x10, 0, 0, 0, 0, 0, 0, 0, 0];

fn disk() -> DeviceInfo {
    DeviceInfo::disk("disk0", BlockSize::DEFAULT, Blocks(0x0001_0000))
}

fn six(page: u8) -> ModeSense {
    ModeSense {
        ten: false,
        long_lba: false,
        disable_block_descriptors: false,
        page_control: PageControl::Current,
        page,
        subpage: 0,
        allocation_length: 255,
    }
}

fn bytes(info: &DeviceInfo, request: ModeSense) -> Vec<u8> {
    respond(info, &Path::default(), &request).unwrap().into_vec()
}

#[test]
fn mode_sense_6_all_pages() {
    let head = [43, 0x00, 0x10, 8, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x02, 0x00];
    assert_eq!(bytes(&disk(), six(0x3F)), [&head[..], &CACHING, &CONTROL].concat());
    assert_eq!(bytes(&disk(), ModeSense { subpage: 0xFF, ..six(0x3F) }), bytes(&disk(), six(0x3F)));
}

#[test]
fn mode_sense_6_one_page_without_block_descriptor() {
    let request = ModeSense { disable_block_descriptors: true, ..six(0x08) };
    assert_eq!(bytes(&disk(), request), [&[23, 0x00, 0x10, 0][..], &CACHING].concat());
    let request = ModeSense { subpage: 0xFF, page: 0x0A, ..request };
    assert_eq!(bytes(&disk(), request), [&[15, 0x00, 0x10, 0][..], &CONTROL].concat());
}

#[test]
fn mode_sense_10_short_block_descriptor() {
    let request = ModeSense { ten: true, ..six(0x0A) };
    let head = [0, 26, 0x00, 0x10, 0x00, 0, 0, 8, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x02, 0x00];
    assert_eq!(bytes(&disk(), request), [&head[..], &CONTROL].concat());
}

#[test]
fn mode_sense_10_long_block_descriptor() {
    let request = ModeSense { ten: true, long_lba: true, ..six(0x0A) };
    let head = [0, 34, 0x00, 0x10, 0x01, 0, 0, 16];
    let descriptor = [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0x00, 0x00, 0x10, 0x00];
    let info = DeviceInfo::disk("d", BlockSize::new(4096).unwrap(), Blocks(1 << 32));
    assert_eq!(bytes(&info, request), [&head[..], &descriptor, &CONTROL].concat());
}

#[test]
fn mode_sense_short_block_descriptor_of_too_many_blocks() {
    let info = DeviceInfo { blocks: Blocks(1 << 32), ..disk() };
    assert_eq!(bytes(&info, six(0x08))[4..8], [0xFF; 4]);
}

#[test]
fn mode_sense_shows_write_protection_and_cache() {
    let info = DeviceInfo { read_only: true, write_cache: false, ..disk() };
    let data = bytes(&info, six(0x08));
    assert_eq!(data[2], 0x90);
    assert_eq!(data[14], 0x00);
}

#[test]
fn mode_sense_changeable_is_nothing() {
    let request = ModeSense { page_control: PageControl::Changeable, ..six(0x3F) };
    let data = bytes(&disk(), request);
    assert_eq!(data[12..14], [0x08, 0x12]);
    assert_eq!(data[14..32], [0; 18]);
    assert_eq!(data[32..34], [0x0A, 0x0A]);
    assert_eq!(data[34..], [0; 10]);
}

#[test]
fn mode_sense_default_is_current() {
    let request = ModeSense { page_control: PageControl::Default, ..six(0x3F) };
    assert_eq!(bytes(&disk(), request), bytes(&disk(), six(0x3F)));
}

#[test]
fn mode_sense_truncated_keeps_the_mode_data_length() {
    let cut = ModeSense { allocation_length: 4, ..six(0x3F) };
    assert_eq!(bytes(&disk(), cut), [43, 0x00, 0x10, 8]);
    let cut = ModeSense { ten: true, allocation_length: 2, ..six(0x3F) };
    assert_eq!(bytes(&disk(), cut), [0, 46]);
    let nothing = ModeSense { allocation_length: 0, ..six(0x3F) };
    assert_eq!(bytes(&disk(), nothing), []);
}

#[test]
fn mode_sense_unknown_page_or_subpage_is_an_invalid_field() {
    assert_eq!(respond(&disk(), &Path::default(), &six(0x1C)), Err(Sense::invalid_field_in_cdb(2, Some(5))));
    let subpage = ModeSense { subpage: 1, ..six(0x0A) };
    assert_eq!(respond(&disk(), &Path::default(), &subpage), Err(Sense::invalid_field_in_cdb(3, None)));
}

#[test]
fn header_of_a_path_that_may_not_write_is_write_protected() {
    let request = ModeSense {
        ten: false,
        disable_block_descriptors: true,
        long_lba: false,
        page_control: PageControl::Current,
        page: 0x08,
        subpage: 0,
        allocation_length: 255,
    };
    let path = Path { write_protected: true, ..Path::default() };
    assert_eq!(respond(&disk(), &path, &request).unwrap().as_slice()[2], 0x90);
    assert_eq!(respond(&disk(), &Path::default(), &request).unwrap().as_slice()[2], 0x10);
}
