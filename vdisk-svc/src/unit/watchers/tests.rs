//! Each nexus hears of each change once.

use super::*;

#[test]
fn each_nexus_hears_of_a_change_once() {
    let mut watchers = Watchers::default();
    for nexus in [1, 2] {
        assert_eq!(watchers.poll(nexus, Some(1)), MediaEvent::NoChange, "the first time");
    }
    assert_eq!(watchers.poll(1, None), MediaEvent::MediaRemoval);
    assert_eq!(watchers.poll(1, None), MediaEvent::NoChange);
    assert_eq!(watchers.poll(1, Some(2)), MediaEvent::NewMedia);
    assert_eq!(watchers.poll(2, Some(2)), MediaEvent::NewMedia, "has missed that it was out");
    assert_eq!(watchers.poll(2, Some(2)), MediaEvent::NoChange);
    watchers.ask_for_removal();
    for nexus in [1, 2] {
        assert_eq!(watchers.poll(nexus, Some(2)), MediaEvent::EjectRequest);
        assert_eq!(watchers.poll(nexus, Some(2)), MediaEvent::NoChange);
    }
}

#[test]
fn watchers_are_bounded() {
    let mut watchers = Watchers::default();
    for nexus in 0..3 * MOST as u64 {
        watchers.poll(nexus, Some(1));
    }
    assert_eq!(watchers.seen.len(), MOST);
    assert_eq!(watchers.poll(3 * MOST as u64 - 1, None), MediaEvent::MediaRemoval);
}
