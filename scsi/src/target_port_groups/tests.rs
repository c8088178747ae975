//! Parameter data and parameter lists of target port groups, byte by byte.

use proptest::prelude::*;

use super::*;

fn groups() -> Vec<Group> {
    vec![
        Group {
            id: 1,
            state: AccessState::Active,
            preferred: true,
            status: StatusCode::None,
            ports: vec![1, 0x0203],
        },
        Group {
            id: 0xABCD,
            state: AccessState::Standby,
            preferred: false,
            status: StatusCode::Explicit,
            ports: vec![7],
        },
    ]
}

fn ask(extended: bool, allocation_length: u32) -> Vec<u8> {
    report(&groups(), &ReportTargetPortGroups { extended, allocation_length }).into_vec()
}

const DESCRIPTORS: [u8; 28] = [
    0x80, 0xCF, 0x00, 0x01, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x02, 0x03, //
    0x02, 0xCF, 0xAB, 0xCD, 0x00, 0x01, 0x00, 0x01, 0x00, 0x00, 0x00, 0x07,
];

#[test]
fn report_with_the_length_only_header_bytes() {
    assert_eq!(ask(false, 1000), [&[0, 0, 0, 28][..], &DESCRIPTORS].concat());
}

#[test]
fn report_with_the_extended_header_bytes() {
    assert_eq!(ask(true, 1000), [&[0, 0, 0, 32, 0x10, 0, 0, 0][..], &DESCRIPTORS].concat());
}

#[test]
fn report_truncated_keeps_the_length() {
    assert_eq!(ask(false, 4), [0, 0, 0, 28]);
    assert_eq!(ask(true, 6), [0, 0, 0, 32, 0x10, 0]);
    assert_eq!(ask(false, 0), [0; 0]);
}

#[test]
fn report_of_each_state_bytes() {
    let code = |state| {
        let group = Group { state, preferred: false, ..groups().swap_remove(0) };
        report(&[group], &ReportTargetPortGroups { extended: false, allocation_length: 5 }).into_vec()[4]
    };
    let codes: Vec<u8> = AccessState::ALL.iter().map(|state| code(*state)).collect();
    assert_eq!(codes, [0x00, 0x01, 0x02, 0x03, 0x0E, 0x0F]);
}

#[test]
fn report_counts_at_most_255_ports() {
    let group = Group { ports: (1..=300).collect(), ..groups().swap_remove(0) };
    let data = report(&[group], &ReportTargetPortGroups { extended: false, allocation_length: 5000 });
    assert_eq!(data.full_len(), 4 + 8 + 255 * 4);
    assert_eq!(data.as_slice()[11], 255);
}

fn set(list: &[u8]) -> Result<Vec<(u16, AccessState)>, Sense> {
    decode_set(list, |group| group == 1 || group == 0x0102)
}

#[test]
fn set_two_groups() {
    let list = [0, 0, 0, 0, 0x00, 0, 0x01, 0x02, 0x03, 0, 0x00, 0x01];
    assert_eq!(set(&list), Ok(vec![(0x0102, AccessState::Active), (1, AccessState::Unavailable)]));
    assert_eq!(set(&[]), Ok(vec![]));
    assert_eq!(set(&[0; 4]), Ok(vec![]));
}

#[test]
fn set_of_a_wrong_length() {
    for len in [1, 3, 5, 7, 10] {
        assert_eq!(set(&vec![0; len]), Err(Sense::illegal_request(Asc::PARAMETER_LIST_LENGTH_ERROR)));
    }
}

#[test]
fn set_points_at_what_is_wrong() {
    let first = [0, 0, 0, 0, 0x00, 0, 0x00, 0x01];
    for state in [0x04, 0x05, 0x0D, 0x0E, 0x0F] {
        let list = [&first[..], &[state, 0, 0x01, 0x02]].concat();
        assert_eq!(set(&list), Err(Sense::invalid_field_in_parameter_list(8, Some(3))), "{state:02x}");
    }
    let unknown = [&first[..], &[0, 0, 0x00, 0x05]].concat();
    assert_eq!(set(&unknown), Err(Sense::invalid_field_in_parameter_list(10, None)));
    let twice = [&first[..], &[0x02, 0, 0x00, 0x01]].concat();
    assert_eq!(set(&twice), Err(Sense::invalid_field_in_parameter_list(10, None)));
}

proptest! {
    #[test]
    fn set_takes_any_bytes(list in prop::collection::vec(any::<u8>(), 0..64)) {
        if let Ok(wanted) = decode_set(&list, |_| true) {
            prop_assert!(wanted.len() <= list.len() / 4);
        }
    }
}
