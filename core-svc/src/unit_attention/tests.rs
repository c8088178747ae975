//! The queue of unit attention conditions: precedence, merging, bounds, and what a repeated command reports.

use proptest::prelude::*;

use super::*;

const fn asc(code: u8, qualifier: u8) -> Asc {
    Asc { code, qualifier }
}

/// POWER ON, RESET, OR BUS DEVICE RESET OCCURRED; BUS DEVICE RESET FUNCTION OCCURRED; I_T NEXUS LOSS OCCURRED.
const POWER_ON: Asc = asc(0x29, 0x00);
const LUN_RESET: Asc = asc(0x29, 0x03);
const NEXUS_LOSS: Asc = asc(0x29, 0x07);
/// COMMANDS CLEARED BY ANOTHER INITIATOR; MODE PARAMETERS CHANGED.
const CLEARED: Asc = asc(0x2F, 0x00);
const MODE: Asc = asc(0x2A, 0x01);

fn all(queue: &mut UnitAttentions) -> Vec<Asc> {
    std::iter::from_fn(|| queue.take(0)).collect()
}

fn queue(raised: &[Asc]) -> UnitAttentions {
    let mut queue = UnitAttentions::default();
    for asc in raised {
        queue.raise(*asc, 0);
    }
    queue
}

#[test]
fn conditions_are_reported_oldest_first_and_each_once() {
    let mut queue = queue(&[CLEARED, MODE, CLEARED]);
    assert!(queue.is_pending());
    assert_eq!(all(&mut queue), [CLEARED, MODE]);
    assert!(!queue.is_pending());
}

#[test]
fn higher_precedence_clears_what_is_lower() {
    assert_eq!(all(&mut queue(&[CLEARED, NEXUS_LOSS, LUN_RESET])), [LUN_RESET]);
    assert_eq!(all(&mut queue(&[MODE, CLEARED, POWER_ON])), [POWER_ON]);
}

#[test]
fn lower_precedence_adds_nothing_to_a_higher_one() {
    assert_eq!(all(&mut queue(&[POWER_ON, LUN_RESET, NEXUS_LOSS])), [POWER_ON]);
    assert_eq!(all(&mut queue(&[LUN_RESET, NEXUS_LOSS])), [LUN_RESET]);
    assert_eq!(all(&mut queue(&[asc(0x29, 0x04), asc(0x29, 0x01)])), [asc(0x29, 0x04)]);
    assert_eq!(all(&mut queue(&[LUN_RESET, asc(0x29, 0x02)])), [asc(0x29, 0x02)]);
}

#[test]
fn other_conditions_stand_behind_a_reset() {
    assert_eq!(all(&mut queue(&[POWER_ON, CLEARED, MODE])), [POWER_ON, CLEARED, MODE]);
}

#[test]
fn too_many_conditions_become_one_that_covers_them() {
    let mut queue = UnitAttentions::default();
    for qualifier in 0..16 {
        assert!(queue.raise(asc(0x3F, qualifier), 0));
    }
    queue.raise(MODE, 0);
    assert_eq!(all(&mut queue), [POWER_ON]);
}

#[test]
fn clear_ends_one_condition() {
    let mut queue = queue(&[CLEARED, MODE]);
    assert!(queue.clear(CLEARED));
    assert!(!queue.clear(CLEARED));
    assert_eq!(all(&mut queue), [MODE]);
}

#[test]
fn repeated_command_reports_the_same_again() {
    let mut queue = queue(&[CLEARED, MODE]);
    assert_eq!(queue.take(10), Some(CLEARED));
    assert_eq!(queue.take(11), Some(MODE));
    assert_eq!(queue.take(12), None);
    assert_eq!(
        (queue.reported_by(10), queue.reported_by(11), queue.reported_by(12)),
        (Some(CLEARED), Some(MODE), None)
    );
}

#[test]
fn command_that_was_let_in_before_the_condition_need_not_report_it() {
    let mut queue = queue(&[]);
    queue.raise(MODE, 7);
    assert!(queue.let_in_before(7) && !queue.let_in_before(8));
    // What says nothing new is no later condition.
    queue.raise(MODE, 9);
    assert!(!queue.let_in_before(8));
    queue.raise(CLEARED, 9);
    assert!(queue.let_in_before(9));
    // Whatever came before another medium was about the former one.
    queue.raise(asc(0x28, 0x00), 9);
    assert!(!queue.let_in_before(1));
}

#[test]
fn what_was_reported_is_kept_for_the_latest_commands() {
    let mut queue = UnitAttentions::default();
    for serial in 0..20 {
        queue.raise(CLEARED, 0);
        queue.take(serial);
    }
    assert_eq!(queue.reported_by(19), Some(CLEARED));
    assert_eq!(queue.reported_by(12), Some(CLEARED));
    assert_eq!(queue.reported_by(11), None);
}

proptest! {
    #[test]
    fn queue_is_bounded_and_without_duplicates(raised in prop::collection::vec((0u8..64, 0u8..16), 0..300)) {
        let mut queue = UnitAttentions::default();
        for (code, qualifier) in raised {
            queue.raise(asc(code, qualifier), 0);
            prop_assert!(queue.is_pending());
            prop_assert!(queue.waiting.as_slice().len() <= 16);
            let resets = queue.waiting.as_slice().iter().filter(|code| code.0 == 0x29).count();
            prop_assert!(resets <= 1);
            let mut sorted = queue.waiting.as_slice().to_vec();
            sorted.sort_unstable();
            sorted.dedup();
            prop_assert_eq!(sorted.len(), queue.waiting.as_slice().len());
        }
    }
}

#[test]
fn page_with_longer_lists_is_cut_off() {
    let long = (vec![(0x2A_u8, 0x01_u8); 1000], vec![(7_u64, (0x29_u8, 0x00_u8)); 1000], 5_u64, 0_u64);
    let bytes = ipc::message::codec::encode_page(&long).unwrap();
    let queue: UnitAttentions = ipc::message::codec::decode_page(&bytes).unwrap();
    assert_eq!((queue.waiting.as_slice().len(), queue.reported.as_slice().len()), (16, 8));
}

#[test]
fn what_was_let_in_before_a_change_of_the_medium_is_known_by_its_serial() {
    let mut attentions = UnitAttentions::default();
    assert!(!attentions.was_for_other_medium(0));
    attentions.change_medium(7);
    assert!(attentions.was_for_other_medium(7) && !attentions.was_for_other_medium(8));
    attentions.change_medium(UNKNOWN);
    assert!(attentions.was_for_other_medium(9), "all that came again were let in before");
    assert!(attentions.date(10), "and what is new was not");
    assert!(attentions.was_for_other_medium(9) && !attentions.was_for_other_medium(10));
    assert!(!attentions.date(11));
}
