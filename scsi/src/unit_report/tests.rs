//! Reports survive the way through a ring, and impossible ones do not.

use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn what_is_encoded_is_decoded(
        (tst, qerr, queue_algorithm, ua_intlck) in (0u8..=1, prop_oneof![Just(0u8), Just(1), Just(3)], 0u8..=1, prop_oneof![Just(0u8), Just(2), Just(3)]),
        (tas, tmf_only, d_sense) in any::<(bool, bool, bool)>(),
        (mode, capacity, medium, inquiry, threshold, log) in any::<(u32, u32, u32, u32, u32, u32)>(),
        origin in any::<u64>(),
    ) {
        let report = UnitReport {
            control: Control { tst, qerr, queue_algorithm, ua_intlck, tas, tmf_only, d_sense },
            generations: Generations { mode, capacity, medium, inquiry, threshold, log },
            origin,
        };
        prop_assert_eq!(UnitReport::decode(&report.encode()), Some(report));
    }

    #[test]
    fn any_bytes_are_a_report_that_encodes_to_them_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        if let Some(report) = UnitReport::decode(&bytes) {
            prop_assert_eq!(&report.encode()[..], &bytes[..]);
        }
    }
}

#[test]
fn settings_that_no_control_page_has_are_refused() {
    let good = UnitReport::default().encode();
    for (at, value) in [(0, 2), (1, 2), (2, 2), (3, 1), (4, 8), (5, 1)] {
        let mut bytes = good;
        bytes[at] = value;
        assert_eq!(UnitReport::decode(&bytes), None, "byte {at}");
    }
    assert_eq!(UnitReport::decode(&good[..39]), None);
}
