//! Sense data of a copy that failed, byte by byte.

use super::*;

/// MEDIUM ERROR, UNRECOVERED READ ERROR, as a unit reports it.
const READ_ERROR: [u8; 18] = [0x70, 0, 3, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x11, 0, 0, 0, 0, 0];

#[test]
fn fixed_format_of_a_code_and_a_segment() {
    let sense = CopyAborted::new(Asc::UNREACHABLE_COPY_TARGET, 0x0102).encode(false);
    let expected = [0x70, 0, 0x0A, 0, 0, 0, 0, 10, 0, 0, 1, 2, 0x08, 0x04, 0, 0, 0, 0];
    assert_eq!(sense.as_slice(), expected);
}

#[test]
fn fixed_format_points_into_the_segment_descriptor() {
    let failure = CopyAborted { field: Some((20, None)), ..CopyAborted::new(Asc::NO_ADDITIONAL_SENSE, 1) };
    let sense = failure.encode(false);
    assert_eq!(sense.as_slice()[10..], [0, 1, 0, 0, 0, 0xA0, 0, 20]);
    let failure = CopyAborted { field: Some((1, Some(0))), ..failure };
    assert_eq!(failure.encode(false).as_slice()[15..], [0xA8, 0, 1]);
}

#[test]
fn fixed_format_carries_what_a_unit_answered() {
    let third_party = |side| ThirdParty { side, status: 0x02, sense: READ_ERROR.to_vec() };
    let failure = CopyAborted {
        residue: Some(0x0001_0203),
        third_party: Some(third_party(Side::Source)),
        ..CopyAborted::new(Asc::THIRD_PARTY_DEVICE_FAILURE, 3)
    };
    let sense = failure.encode(false);
    let head = [0xF0, 0, 0x0A, 0, 1, 2, 3, 29, 18, 0, 0, 3, 0x0D, 0x01, 0, 0, 0, 0, 0x02];
    assert_eq!(sense.as_slice(), [&head[..], &READ_ERROR].concat());
    let failure = CopyAborted { third_party: Some(third_party(Side::Destination)), ..failure };
    assert_eq!(failure.encode(false).as_slice()[8..12], [0, 18, 0, 3]);
}

#[test]
fn descriptor_format_bytes() {
    let failure = CopyAborted {
        residue: Some(5),
        field: Some((12, None)),
        third_party: Some(ThirdParty { side: Side::Destination, status: 0x18, sense: Vec::new() }),
        ..CopyAborted::new(Asc::THIRD_PARTY_DEVICE_FAILURE, 2)
    };
    let expected = [
        &[0x72, 0x0A, 0x0D, 0x01, 0, 0, 0, 36][..],
        &[0x00, 0x0A, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 5],
        &[0x01, 0x0A, 0x00, 0, 0, 0, 0, 0, 0, 0, 0, 2],
        &[0x02, 0x06, 0, 0, 0xA0, 0, 12, 0],
        &[0x0C, 0x02, 0x02, 0x18],
    ];
    assert_eq!(failure.encode(true).as_slice(), expected.concat());
}

#[test]
fn what_a_unit_answered_is_cut_to_what_fits() {
    let third_party = Some(ThirdParty { side: Side::Source, status: 0x02, sense: vec![7; 300] });
    let failure = CopyAborted { third_party, ..CopyAborted::new(Asc::THIRD_PARTY_DEVICE_FAILURE, 0) };
    for descriptor in [false, true] {
        let sense = failure.encode(descriptor);
        assert_eq!((sense.as_slice().len(), sense.as_slice()[7]), (96, 88));
    }
}
