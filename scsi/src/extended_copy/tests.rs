//! Parameter lists typed from SPC-4 (and as sg_xcopy of sg3_utils lays them out), whole and broken.

use proptest::prelude::*;

use super::*;

/// An identification descriptor: NAA 3123456789abcdef, 512-byte blocks.
const TARGET: [u8; 32] = [
    0xE4, 0x00, 0, 0, 0x01, 0x03, 0, 8, 0x31, 0x23, 0x45, 0x67, 0x89, 0xAB, 0xCD, 0xEF, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0x00, 0x00, 0x02, 0x00,
];
/// A segment: 2048 blocks of target 0 from LBA 1 to LBA 0x102030405060708 of target 1, counted at the destination.
const SEGMENT: [u8; 28] =
    [0x02, 0x02, 0, 0x18, 0, 0, 0, 1, 0, 0, 0x08, 0x00, 0, 0, 0, 0, 0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8];

fn list(header: [u8; 2], targets: &[[u8; 32]], segments: &[[u8; 28]]) -> Vec<u8> {
    let mut bytes = vec![header[0], header[1]];
    bytes.extend(((targets.len() * 32) as u16).to_be_bytes());
    bytes.extend([0; 4]);
    bytes.extend(((segments.len() * 28) as u32).to_be_bytes());
    bytes.extend([0; 4]);
    bytes.extend(targets.concat());
    bytes.extend(segments.concat());
    bytes
}

fn with<const N: usize>(mut bytes: [u8; N], at: usize, value: u8) -> [u8; N] {
    bytes[at] = value;
    bytes
}

/// Key, codes and field pointer of the sense that the list is refused with.
fn refused(bytes: &[u8]) -> (u8, u8, Option<u16>) {
    let sense = ParameterList::parse(bytes).unwrap_err();
    assert_eq!(sense.key.code(), 0x05);
    let at = match sense.specific {
        Specific::Field(FieldPointer { in_cdb: false, byte, .. }) => Some(byte),
        other => {
            assert_eq!(other, Specific::None);
            None
        }
    };
    (sense.asc.code, sense.asc.qualifier, at)
}

#[test]
fn list_of_two_targets_and_a_segment() {
    let parsed =
        ParameterList::parse(&list([7, 0x10], &[TARGET, with(TARGET, 28, 0x04)], &[SEGMENT])).unwrap();
    assert_eq!((parsed.list_id, parsed.usage), (7, ListIdUsage::Discard));
    let [first, second] = parsed.targets[..] else { panic!("two targets") };
    assert_eq!((first.device_type, first.null, first.pad, first.block_length), (0, false, false, 512));
    assert_eq!(second, Target { pad: true, ..first });
    let expected = Segment {
        destination_count: true,
        concatenate: false,
        source: 0,
        destination: 1,
        blocks: 2048,
        source_lba: 1,
        destination_lba: 0x0102_0304_0506_0708,
    };
    assert_eq!(parsed.segments, [expected]);
}

#[test]
fn list_id_usage_is_read_and_checked() {
    let usage = |header| ParameterList::parse(&list(header, &[TARGET], &[])).map(|list| list.usage);
    assert_eq!(usage([1, 0x00]), Ok(ListIdUsage::Hold));
    // STR and PRIORITY are hints.
    assert_eq!(usage([1, 0x27]), Ok(ListIdUsage::Hold));
    assert_eq!(usage([1, 0x10]), Ok(ListIdUsage::Discard));
    assert_eq!(usage([0, 0x18]), Ok(ListIdUsage::Disable));
    assert_eq!(usage([1, 0x18]), Err(Sense::invalid_field_in_parameter_list(0, None)));
    assert_eq!(usage([1, 0x08]), Err(Sense::invalid_field_in_parameter_list(1, Some(4))));
}

#[test]
fn list_that_is_cut_off_is_a_length_error() {
    let whole = list([1, 0], &[TARGET], &[SEGMENT]);
    assert!(ParameterList::parse(&whole).is_ok());
    for len in 0..whole.len() {
        assert_eq!(refused(&whole[..len]), (0x1A, 0x00, None), "{len} bytes");
    }
}

#[test]
fn limits_are_those_that_are_reported() {
    assert!(ParameterList::parse(&list([1, 0], &[TARGET; 16], &[SEGMENT; 256])).is_ok());
    assert_eq!(refused(&list([1, 0], &[TARGET; 17], &[SEGMENT])), (0x26, 0x06, Some(2)));
    assert_eq!(refused(&list([1, 0], &[TARGET], &[SEGMENT; 257])), (0x26, 0x08, Some(8)));
    assert_eq!(refused(&list([1, 0], &[TARGET; 17], &[SEGMENT; 257])), (0x1A, 0x00, None));
    let mut inline = list([1, 0], &[TARGET], &[SEGMENT]);
    inline[15] = 1;
    assert_eq!(refused(&inline), (0x26, 0x0B, Some(12)));
}

#[test]
fn descriptors_of_other_types_are_refused() {
    assert_eq!(refused(&list([1, 0], &[TARGET, with(TARGET, 0, 0xE0)], &[])), (0x26, 0x07, Some(48)));
    assert_eq!(refused(&list([1, 0], &[TARGET], &[SEGMENT, with(SEGMENT, 0, 0x03)])), (0x26, 0x09, Some(76)));
    // A segment of type 03h (stream to stream) that is just a header of 8 bytes.
    let mut short = list([1, 0], &[TARGET], &[]);
    short[11] = 8;
    short.extend([0x03, 0, 0, 4, 0, 0, 0, 0]);
    assert_eq!(refused(&short), (0x26, 0x09, Some(48)));
}

#[test]
fn fields_of_descriptors_are_checked() {
    assert_eq!(refused(&list([1, 0], &[with(TARGET, 7, 21)], &[])), (0x26, 0x00, Some(23)));
    assert_eq!(refused(&list([1, 0], &[TARGET], &[with(SEGMENT, 3, 0x14)])), (0x26, 0x00, Some(50)));
    assert!(ParameterList::parse(&list([1, 0], &[with(TARGET, 1, 0x20)], &[])).unwrap().targets[0].null);
    let typed = ParameterList::parse(&list([1, 0], &[with(TARGET, 1, 0xC0)], &[])).unwrap();
    assert_eq!(typed.targets[0].device_type, 0, "LU ID TYPE is nothing to this descriptor");
}

#[test]
fn lengths_that_end_within_a_descriptor_are_refused() {
    let mut bytes = list([1, 0], &[TARGET], &[SEGMENT]);
    bytes.extend([0; 64]);
    bytes[3] = 33;
    assert_eq!(refused(&bytes), (0x26, 0x00, Some(2)));
    bytes[3] = 32;
    bytes[11] = 27;
    assert_eq!(refused(&bytes), (0x26, 0x00, Some(8)));
}

proptest! {
    #[test]
    fn parse_takes_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = ParameterList::parse(&bytes);
    }

    #[test]
    fn parse_takes_lists_that_are_nearly_right(at in 0..300_usize, value: u8, len in 0..400_usize) {
        let mut bytes = list([1, 0], &[TARGET; 3], &[SEGMENT; 6]);
        if let Some(place) = bytes.get_mut(at) {
            *place = value;
        }
        bytes.truncate(len);
        if let Ok(parsed) = ParameterList::parse(&bytes) {
            prop_assert!(parsed.targets.len() <= MOST_TARGETS && parsed.segments.len() <= MOST_SEGMENTS);
        }
    }
}
