//! Identities are found, and never come again.

use super::*;
use ipc::message::record::RequestKind;

fn task(serial: u64) -> Task {
    Task {
        serial,
        conn: None,
        itt: 1,
        lun: [0; 8],
        edtl: 0,
        read: false,
        request: Request::new(RequestKind::Command, 5, serial),
        layout: Layout::default(),
        write: None,
        stage: Stage::Private,
        receiving: false,
        aborting: false,
        outcome: None,
        noted: false,
    }
}

#[test]
fn serial_finds_its_task_and_no_other() {
    let mut tasks = Tasks::default();
    let (first, place) = tasks.reserve().unwrap();
    tasks.insert(place, task(first));
    assert_eq!(tasks.find(5, first), Some(place));
    assert_eq!(tasks.find(6, first), None);
    tasks.remove(place);
    // Until that has been noted, its place is another's for nobody.
    let (_, other) = tasks.reserve().unwrap();
    assert_ne!(other, place);
    tasks.set_aside();
    tasks.reuse();
    let (second, again) = tasks.reserve().unwrap();
    assert_eq!(again, place);
    tasks.insert(again, task(second));
    assert_ne!(first, second);
    assert_eq!(tasks.find(5, first), None);
}

#[test]
fn oldest_first_orders_by_age() {
    let mut tasks = Tasks::default();
    let (a, place_a) = tasks.reserve().unwrap();
    let (b, place_b) = tasks.reserve().unwrap();
    tasks.insert(place_a, task(a));
    tasks.insert(place_b, task(b));
    tasks.remove(place_a);
    let (c, place_c) = tasks.reserve().unwrap();
    tasks.insert(place_c, task(c));
    assert_eq!(tasks.oldest_first(|_| true), [place_b, place_c]);
}

#[test]
fn tasks_are_bounded() {
    let mut tasks = Tasks::default();
    for _ in 0..MOST {
        assert!(tasks.reserve().is_some());
    }
    assert_eq!(tasks.reserve(), None);
}

#[test]
fn tasks_of_a_former_incarnation_keep_their_places_and_serials() {
    let mut tasks = Tasks::default();
    let serial = 7 << PLACE_BITS | 3;
    assert!(tasks.restore(3, task(serial)));
    assert!(!tasks.restore(3, task(serial)));
    assert!(tasks.restore(1, task(6 << PLACE_BITS | 1)));
    tasks.begin_after(9);
    assert_eq!(tasks.find(5, serial), Some(3));
    let mut places = Vec::new();
    for _ in 0..4 {
        let (serial, place) = tasks.reserve().unwrap();
        assert!(serial >> PLACE_BITS > 9);
        places.push(place);
    }
    places.sort_unstable();
    assert_eq!(places, [0, 2, 4, 5]);
}
