//! What is kept is what may not have been seen, within its bound.

use super::*;

fn done(serial: u64) -> Reply {
    Reply::new(ReplyKind::Done, 7, serial)
}

fn sent(replies: impl IntoIterator<Item = Reply>) -> Sent {
    let mut sent = Sent::default();
    replies.into_iter().for_each(|reply| sent.push(&reply));
    sent
}

#[test]
fn what_was_taken_is_not_kept() {
    let mut kept = Kept::new(100);
    sent((1..=5).map(done)).link_is_over(3, &mut kept);
    assert_eq!(kept.take(7, 3), None);
    assert_eq!(kept.take(7, 4), Some(done(4)));
    assert_eq!(kept.take(7, 4), None, "it is in the ring of another link now");
    assert_eq!(kept.take(7, 5), Some(done(5)));
}

#[test]
fn outcomes_of_two_links_are_kept_until_nothing_comes_again() {
    let mut kept = Kept::new(100);
    let mut link = sent([done(1)]);
    link.link_is_over(0, &mut kept);
    link.push(&done(2));
    kept.keep(&done(3));
    link.link_is_over(0, &mut kept);
    assert_eq!(kept.take(7, 1), Some(done(1)));
    assert_eq!(kept.len(), 2);
    kept.retain(|_| false);
    assert_eq!((kept.take(7, 2), kept.take(7, 3)), (None, None));
}

#[test]
fn no_more_is_kept_of_a_link_than_its_ring_holds() {
    let mut kept = Kept::new(4 * CAPACITY);
    let last = CAPACITY as u64 * 2 + 10;
    // A peer that says that it has taken nothing.
    sent((1..=last).map(done)).link_is_over(0, &mut kept);
    assert_eq!(kept.len(), CAPACITY);
    assert_eq!(kept.take(7, last), Some(done(last)));
    // And one that says that it has taken more than there was.
    sent([done(1)]).link_is_over(u64::MAX, &mut kept);
    assert_eq!(kept.take(7, 1), None);
}

#[test]
fn aborts_and_answers_of_other_kinds_are_not_kept() {
    let mut aborted = done(1);
    aborted.flags = reply_flags::ABORTED;
    let other = |kind| Reply::new(kind, 7, 2);
    let replies = [
        aborted,
        other(ReplyKind::NexusOpened),
        other(ReplyKind::TaskManagementDone),
        done(4),
        Reply::new(ReplyKind::Done, 8, 4),
    ];
    let mut kept = Kept::new(100);
    sent(replies).link_is_over(0, &mut kept);
    kept.retain(|nexus| nexus != 8);
    assert_eq!(kept.len(), 1);
    assert!(kept.take(7, 4).is_some());
}

#[test]
fn the_oldest_are_given_up_at_the_bound() {
    let mut kept = Kept::new(100);
    (0..1000).for_each(|serial| kept.keep(&done(serial)));
    assert!(kept.len() <= 100);
    assert!((950..1000).all(|serial| kept.take(7, serial).is_some()), "at least half of it");
    assert!(kept.take(7, 800).is_none());
}
