//! READ CAPACITY data, byte by byte.

use super::*;
use crate::units::{BlockSize, Blocks};

fn disk(blocks: u64) -> DeviceInfo {
    DeviceInfo::disk("disk0", BlockSize::DEFAULT, Blocks(blocks))
}

#[test]
fn read_capacity_10_bytes() {
    assert_eq!(read_capacity_10(&disk(0x0020_0000)).as_slice(), [0x00, 0x1F, 0xFF, 0xFF, 0, 0, 0x02, 0x00]);
}

#[test]
fn read_capacity_10_of_a_unit_too_large_for_it() {
    let last = |blocks| read_capacity_10(&disk(blocks)).as_slice()[..4].to_vec();
    assert_eq!(last(0xFFFF_FFFF), [0xFF, 0xFF, 0xFF, 0xFE]);
    assert_eq!(last(0x1_0000_0000), [0xFF; 4]);
    assert_eq!(last(0x1_0000_0001), [0xFF; 4]);
}

#[test]
fn read_capacity_16_bytes() {
    let data = read_capacity_16(&disk(0x1_0000_0001), 255).into_vec();
    assert_eq!(data[..16], [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0x02, 0x00, 0x00, 0x03, 0x00, 0x00]);
    assert_eq!(data[16..], [0; 16]);
}

#[test]
fn read_capacity_16_of_a_thin_unit() {
    let data = read_capacity_16(&DeviceInfo { thin_provisioned: true, ..disk(8) }, 255).into_vec();
    assert_eq!(data[12..16], [0x00, 0x03, 0xC0, 0x00]);
}

#[test]
fn read_capacity_16_truncated() {
    for allocation_length in 0..40 {
        let data = read_capacity_16(&disk(8), allocation_length);
        assert_eq!(data.wanted(), allocation_length.min(32) as usize);
    }
}
