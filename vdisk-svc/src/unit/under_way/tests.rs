//! Who stands in whose way.

use super::*;

#[test]
fn write_meets_those_under_way_until_they_are_over() {
    let mut under_way = UnderWay::default();
    let slot = SlotId::from_index;
    under_way.begin(slot(0), 10..20, Use::Writes);
    under_way.begin(slot(1), 30..31, Use::Writes);
    under_way.begin(slot(1), 40..50, Use::Writes);
    let meets = |under_way: &UnderWay, range| under_way.excludes(&range, Use::Writes);
    assert!(meets(&under_way, 19..20) && meets(&under_way, 0..11) && meets(&under_way, 0..100));
    assert!(!meets(&under_way, 20..30) && !meets(&under_way, 0..10) && !meets(&under_way, 31..40));
    under_way.end(slot(1));
    assert!(!meets(&under_way, 30..50), "all runs of an UNMAP end with it");
    assert!(meets(&under_way, 15..16));
    under_way.end(slot(2));
    under_way.end(slot(0));
    assert!(under_way.is_empty());
}

#[test]
fn reads_wait_for_writes_and_writes_for_reads() {
    let mut under_way = UnderWay::default();
    let slot = SlotId::from_index;
    under_way.begin(slot(0), 0..8, Use::Reads);
    assert!(!under_way.excludes(&(0..8), Use::Reads));
    assert!(under_way.excludes(&(7..9), Use::Writes) && !under_way.excludes(&(8..9), Use::Writes));
    under_way.begin(slot(1), 8..16, Use::Writes);
    assert!(under_way.excludes(&(8..9), Use::Reads) && !under_way.excludes(&(0..8), Use::Reads));
    under_way.end(slot(1));
    assert!(!under_way.excludes(&(8..9), Use::Reads));
}
