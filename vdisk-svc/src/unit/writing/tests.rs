//! Which writes meet.

use super::*;

#[test]
fn write_meets_those_under_way_until_they_are_over() {
    let mut writing = Writing::default();
    let slot = SlotId::from_index;
    writing.begin(slot(0), 10..20);
    writing.begin(slot(1), 30..31);
    writing.begin(slot(1), 40..50);
    assert!(writing.meets(&(19..20)) && writing.meets(&(0..11)) && writing.meets(&(0..100)));
    assert!(!writing.meets(&(20..30)) && !writing.meets(&(0..10)) && !writing.meets(&(31..40)));
    writing.end(slot(1));
    assert!(!writing.meets(&(30..50)), "all runs of an UNMAP end with it");
    assert!(writing.meets(&(15..16)));
    writing.end(slot(2));
    writing.end(slot(0));
    assert!(writing.is_empty());
}
