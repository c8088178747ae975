//! REQUEST SENSE data, byte by byte.

use super::*;
use crate::asc::Asc;

#[test]
fn request_sense_in_both_formats_truncated() {
    let sense = Sense::unit_attention(Asc::IT_NEXUS_LOSS_OCCURRED);
    let fixed = respond(&sense, &RequestSense { descriptor: false, allocation_length: 252 });
    assert_eq!(fixed.as_slice(), [0x70, 0, 6, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x29, 0x07, 0, 0, 0, 0]);
    let descriptor = respond(&sense, &RequestSense { descriptor: true, allocation_length: 4 });
    assert_eq!(descriptor.as_slice(), [0x72, 6, 0x29, 0x07]);
}

#[test]
fn request_sense_without_anything_to_report() {
    let none = respond(&Sense::none(), &RequestSense { descriptor: false, allocation_length: 18 });
    assert_eq!(none.as_slice(), [0x70, 0, 0, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
}
