//! What is recorded comes back as it was, within the bound, and nothing that is read back can do harm.

use ipc::message::codec;
use proptest::prelude::*;

use super::*;

fn refused() -> Outcome {
    Outcome::check(Sense::invalid_field_in_parameter_list(20, Some(3)))
}

#[test]
fn outcome_comes_back_as_it_was() {
    let mut recorded = Recorded::default();
    recorded.push(5, &Outcome::good(24, 24));
    recorded.push(9, &refused());
    let recorded: Recorded = codec::decode_page(&codec::encode_page(&recorded).unwrap()).unwrap();
    let good = recorded.find(5).unwrap();
    assert_eq!((good.status, good.transferred, good.wanted, good.aborted), (Status::Good, 24, 24, false));
    assert!(good.sense.is_none());
    let check = recorded.find(9).unwrap();
    assert_eq!((check.status, check.sense), (Status::CheckCondition, refused().sense));
    assert!(recorded.find(6).is_none() && !recorded.may_have_dropped(5));
}

#[test]
fn oldest_is_dropped_and_known_to_be() {
    let mut recorded = Recorded::default();
    for serial in 1..=MOST as u64 + 2 {
        recorded.push(serial, &Outcome::good(0, 0));
    }
    assert!(recorded.find(2).is_none() && recorded.may_have_dropped(2) && recorded.may_have_dropped(1));
    assert!(recorded.find(3).is_some() && !recorded.may_have_dropped(3));
}

#[test]
fn more_than_fits_is_cut_off_when_it_is_read_back() {
    let entry = Entry { serial: 1, status: 0, transferred: 0, wanted: 0, sense: Vec::new() };
    let mut outcomes = VecDeque::from(vec![entry; MOST + 5]);
    outcomes[4].serial = 7;
    outcomes[5].serial = 8;
    let recorded = Recorded { outcomes, ..Recorded::default() }.bounded();
    assert!(recorded.find(7).is_none() && recorded.find(8).is_some());
}

#[test]
fn outcome_that_cannot_be_is_none() {
    let entry = |status, sense| Entry { serial: 1, status, transferred: 0, wanted: 0, sense };
    for entry in [entry(0x03, Vec::new()), entry(0x02, vec![0; 97])] {
        let recorded = Recorded { outcomes: VecDeque::from(vec![entry]), ..Recorded::default() };
        assert!(recorded.find(1).is_none());
    }
}

#[test]
fn aborted_command_ends_as_it_would_have() {
    let mut recorded = Recorded::default();
    recorded.abort(0, 5, true);
    recorded.abort(0, 9, false);
    recorded.abort(1, 3, false);
    let recorded: Recorded = codec::decode_page(&codec::encode_page(&recorded).unwrap()).unwrap();
    let ends = |unit, serial| recorded.aborted(unit, serial).map(|outcome| (outcome.status, outcome.aborted));
    assert_eq!(ends(0, 4), Some((Status::TaskAborted, false)));
    assert_eq!(ends(0, 8), Some((Status::TaskAborted, true)));
    assert_eq!((ends(0, 10), ends(1, 4), ends(2, 1)), (None, None, None));
    assert_eq!(ends(1, 3), Some((Status::TaskAborted, true)));
}

proptest! {
    #[test]
    fn arbitrary_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..500)) {
        let mut page = vec![1];
        page.extend(bytes);
        if let Ok(recorded) = codec::decode_page::<Recorded>(&page) {
            let recorded = recorded.bounded();
            let _ = (recorded.find(0), recorded.may_have_dropped(1));
        }
    }
}

#[test]
fn functions_are_begun_and_over_and_within_their_bound() {
    let mut recorded = Recorded::default();
    recorded.perform(1, Performed::Begun);
    recorded.perform(2, Performed::Begun);
    recorded.perform(1, Performed::Over);
    recorded.perform(1, Performed::Begun);
    let recorded: Recorded = codec::decode_page(&codec::encode_page(&recorded).unwrap()).unwrap();
    let mut recorded = recorded.bounded();
    assert_eq!(recorded.function(1), Some(Performed::Over));
    assert_eq!(recorded.function(2), Some(Performed::Begun));
    assert_eq!(recorded.function(3), None);
    (10..1000).for_each(|serial| recorded.perform(serial, Performed::Over));
    assert_eq!(recorded.functions.len(), MOST_FUNCTIONS);
    assert_eq!(recorded.function(999), Some(Performed::Over));
}
