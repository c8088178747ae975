//! Reports survive the way through a ring, and impossible ones do not.

use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn what_is_encoded_is_decoded(
        (tst, qerr, queue_algorithm, ua_intlck) in (0u8..=1, prop_oneof![Just(0u8), Just(1), Just(3)], 0u8..=1, prop_oneof![Just(0u8), Just(2), Just(3)]),
        (tas, tmf_only, d_sense, keeps_nexus_state, deferred_error) in any::<(bool, bool, bool, bool, bool)>(),
        (mode, capacity, medium, inquiry, threshold, log) in any::<(u32, u32, u32, u32, u32, u32)>(),
        origin in any::<u64>(),
    ) {
        let report = UnitReport {
            control: Control { tst, qerr, queue_algorithm, ua_intlck, tas, tmf_only, d_sense },
            generations: Generations { mode, capacity, medium, inquiry, threshold, log },
            origin,
            keeps_nexus_state,
            deferred_error,
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
    for (at, value) in [(0, 2), (1, 2), (2, 2), (3, 1), (4, 32), (5, 1)] {
        let mut bytes = good;
        bytes[at] = value;
        assert_eq!(UnitReport::decode(&bytes), None, "byte {at}");
    }
    assert_eq!(UnitReport::decode(&good[..39]), None);
}

#[test]
fn news_are_the_generations_that_differ() {
    let seen = Generations { mode: 1, capacity: 2, medium: 3, inquiry: 4, threshold: 5, log: 6 };
    let news = |now: &Generations, seen: &Generations| {
        now.news_since(seen).map(|asc| (asc.code, asc.qualifier)).collect::<Vec<_>>()
    };
    assert_eq!(news(&seen, &seen), []);
    let all = Generations { mode: 0, capacity: 1, medium: 1, inquiry: 1, threshold: 1, log: 1 };
    assert_eq!(
        news(&all, &seen),
        [(0x2A, 0x01), (0x2A, 0x09), (0x28, 0x00), (0x3F, 0x03), (0x38, 0x07), (0x2A, 0x02)]
    );
}

#[test]
fn capacity_that_is_not_known_is_no_news_and_forgets_nothing() {
    let known = Generations { capacity: 7, ..Default::default() };
    let unknown = Generations::default();
    assert_eq!(unknown.news_since(&known).count(), 0);
    assert_eq!(known.news_since(&unknown).count(), 0, "a medium that has come is no change of capacity");
    assert_eq!(unknown.known_after(&known), known);
    let other = Generations { capacity: 8, ..unknown };
    let seen = unknown.known_after(&known);
    assert_eq!(other.news_since(&seen).collect::<Vec<_>>(), [Asc::CAPACITY_DATA_HAS_CHANGED]);
}
