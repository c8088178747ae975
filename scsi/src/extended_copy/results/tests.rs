//! Answers of RECEIVE COPY RESULTS, byte by byte.

use super::*;

#[test]
fn operating_parameters_bytes() {
    let expected = [
        &[0, 0, 0, 42, 0x01, 0, 0, 0][..],
        // 16 targets, 256 segments, 16 * 32 + 256 * 28 bytes of descriptors, 256 MiB a segment.
        &[0, 16, 1, 0, 0, 0, 0x1E, 0x00, 0x10, 0, 0, 0],
        &[0; 12],
        &[0, 0, 0, 32, 32, 0, 0, 0],
        &[0, 0, 0, 2, 0x02, 0xE4],
    ];
    assert_eq!(operating_parameters(0xFFFF).as_slice(), expected.concat());
    assert_eq!(operating_parameters(4).as_slice(), [0, 0, 0, 42]);
}

#[test]
fn copy_status_bytes() {
    let data = copy_status(CopyStatus::InProgress, 3, 0x0102_0304, 12);
    assert_eq!(data.as_slice(), [0, 0, 0, 8, 0x00, 0, 3, 0x00, 1, 2, 3, 4]);
    let data = copy_status(CopyStatus::Completed, 256, 1 << 32, 12);
    assert_eq!(data.as_slice(), [0, 0, 0, 8, 0x01, 1, 0, 0x01, 0, 0x40, 0, 0]);
    let data = copy_status(CopyStatus::Failed, 0, 0, 8);
    assert_eq!(data.as_slice(), [0, 0, 0, 8, 0x02, 0, 0, 0]);
}

#[test]
fn held_data_is_none() {
    assert_eq!(held_data(100).as_slice(), [0, 0, 0, 0]);
}

#[test]
fn failed_segment_details_bytes() {
    let data = failed_segment_details(Some((0x02, &[0x70, 0, 0x0A])), 100).into_vec();
    assert_eq!(data[..4], [0, 0, 0, 59]);
    assert_eq!(data[4..56], [0; 52]);
    assert_eq!(data[56..], [0x02, 0, 0, 3, 0x70, 0, 0x0A]);
    assert_eq!(failed_segment_details(None, 100).as_slice(), [0, 0, 0, 0]);
}
