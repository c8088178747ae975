//! What is kept of copies: found again, replaced, bounded.

use super::*;

fn progress(serial: u64, done: u64) -> Progress {
    Progress { serial, segment: 1, done, written: 7, full: None, pocket: None }
}

fn held(unit: u32, list_id: u8, written: u64) -> Held {
    Held { unit, list_id, segments: 1, written, sense: Vec::new() }
}

#[test]
fn progress_is_replaced_and_forgotten() {
    let mut kept = Kept::default();
    kept.note(progress(5, 0));
    kept.note(progress(6, 1));
    kept.note(progress(5, 2));
    assert_eq!(kept.progress(5), Some(progress(5, 2)));
    assert_eq!(kept.running().len(), 2);
    assert_eq!(kept.forget(5), Some(progress(5, 2)));
    assert_eq!((kept.progress(5), kept.forget(5)), (None, None));
}

#[test]
fn results_are_found_by_unit_and_list_and_the_oldest_gives_way() {
    let mut kept = Kept::default();
    kept.hold(held(0, 1, 10));
    kept.hold(held(1, 1, 11));
    kept.hold(held(0, 1, 12));
    assert_eq!(kept.result(0, 1), Some(&held(0, 1, 12)));
    assert_eq!(kept.result(1, 1), Some(&held(1, 1, 11)));
    assert_eq!(kept.result(1, 2), None);
    for list_id in 2..5 {
        kept.hold(held(0, list_id, 0));
    }
    assert_eq!(kept.result(1, 1), None, "five are one too many");
    assert!(kept.reset(0) && !kept.reset(0));
    assert!(kept.results().is_empty());
}

#[test]
fn results_read_back_are_bounded() {
    let mut kept = Kept::default();
    let long = Held { sense: vec![0; 1000], ..held(0, 0, 0) };
    kept.take_up_results((0..100).map(|_| long.clone()).collect());
    assert!(kept.results().len() <= MOST_RESULTS);
    assert!(kept.results().iter().all(|held| held.sense.len() <= 96));
}
