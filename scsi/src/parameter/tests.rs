//! Parameter data cut to the allocation length.

use super::*;

#[test]
fn put_keeps_the_allocation_length_and_counts_the_rest() {
    let mut data = ParameterData::new(5_u16);
    data.put_u8(1);
    data.put_u16(0x0203);
    data.put_u32(0x0405_0607);
    data.put_u64(8);
    assert_eq!(data.as_slice(), [1, 2, 3, 4, 5]);
    assert_eq!((data.wanted(), data.full_len()), (5, 15));
    assert_eq!(data.into_vec(), [1, 2, 3, 4, 5]);
}

#[test]
fn patch_past_the_allocation_length_is_left_out() {
    let mut data = ParameterData::new(3_u8);
    data.put(&[0; 6]);
    data.patch(2, &[7, 8]);
    assert_eq!(data.as_slice(), [0, 0, 7]);
    data.patch(usize::MAX, &[9, 10]);
}

#[test]
fn pad_to_counts_from_the_start() {
    let mut data = ParameterData::new(1000_u32);
    data.put_u8(1);
    data.pad_to(200);
    assert_eq!(data.full_len(), 200);
    data.pad_to(100);
    assert_eq!((data.full_len(), data.wanted()), (200, 200));
}

#[test]
fn allocation_length_zero_is_no_error() {
    let mut data = ParameterData::new(0_u32);
    data.put(b"anything");
    assert_eq!((data.wanted(), data.full_len()), (0, 8));
}
