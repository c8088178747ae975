//! What is kept is what may not have been seen, within its bound.

use super::*;

fn done(serial: u64) -> Reply {
    Reply::new(ReplyKind::Done, 7, serial)
}

#[test]
fn what_was_noted_is_not_kept() {
    let mut answers = Answers::default();
    (1..=5).for_each(|serial| answers.sent(&done(serial)));
    answers.link_is_over(3);
    assert_eq!(answers.take(7, 3), None);
    assert_eq!(answers.take(7, 4), Some(done(4)));
    assert_eq!(answers.take(7, 4), None, "it is in the ring of another link now");
    assert_eq!(answers.take(7, 5), Some(done(5)));
}

#[test]
fn answers_of_two_links_are_kept_until_something_new_is_begun() {
    let mut answers = Answers::default();
    answers.sent(&done(1));
    answers.link_is_over(0);
    answers.sent(&done(2));
    answers.keep(&done(3));
    answers.link_is_over(0);
    assert_eq!(answers.take(7, 1), Some(done(1)));
    answers.nothing_comes_again();
    assert_eq!((answers.take(7, 2), answers.take(7, 3)), (None, None));
}

#[test]
fn no_more_is_kept_of_a_link_than_its_ring_holds() {
    let mut answers = Answers::default();
    let last = CAPACITY as u64 * 2 + 10;
    (1..=last).for_each(|serial| answers.sent(&done(serial)));
    // A peer that says that it has taken nothing.
    answers.link_is_over(0);
    assert_eq!(answers.kept.len(), CAPACITY);
    assert_eq!(answers.take(7, last), Some(done(last)));
    answers.sent(&done(1));
    // And one that says that it has taken more than there was.
    answers.link_is_over(u64::MAX);
    assert_eq!(answers.take(7, 1), None);
}

#[test]
fn aborts_and_answers_of_other_kinds_are_not_kept() {
    let mut answers = Answers::default();
    let mut aborted = done(1);
    aborted.flags = reply_flags::ABORTED;
    answers.sent(&aborted);
    answers.sent(&Reply::new(ReplyKind::NexusOpened, 7, 2));
    answers.sent(&Reply::new(ReplyKind::TaskManagementDone, 7, 3));
    answers.sent(&done(4));
    answers.sent(&Reply::new(ReplyKind::Done, 8, 4));
    answers.link_is_over(0);
    answers.forget(8);
    assert_eq!(answers.kept.len(), 1);
    assert!(answers.take(7, 4).is_some());
}

#[test]
fn there_is_a_bound_to_what_is_kept() {
    let mut answers = Answers::default();
    (0..MOST as u64 + 5).for_each(|serial| answers.keep(&done(serial)));
    assert_eq!(answers.kept.len(), MOST);
}
