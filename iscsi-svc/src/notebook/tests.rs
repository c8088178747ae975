//! A picture is whole or it is not there, and what an enemy wrote is at worst no picture.

use super::*;
use layout::{Moment, Progress, state};
use proptest::prelude::*;
use zerocopy::FromZeros;

fn segment() -> std::os::fd::OwnedFd {
    ipc::shm::create("test-notebook", 1 << 18).unwrap()
}

fn moment(key: u64, exp_cmd_sn: u32) -> Moment {
    Moment { key, exp_cmd_sn, ..Moment::new_zeroed() }
}

fn progress(owner: u64, state: u8) -> Progress {
    Progress { owner, state, ..Progress::new_zeroed() }
}

#[test]
fn task_counts_with_the_tag_of_its_connection() {
    let fd = segment();
    let (mut book, found) = Book::open(&fd, 3).unwrap();
    assert!(found.is_empty());
    let slot = book.take().unwrap();
    let first = book.next_tag();
    book.put_progress(9, first, progress(7, state::PRIVATE).as_bytes(), &[]);
    book.put_moment(slot, 1, moment(7, 1).as_bytes(), &[]);
    // The writer dies before the commit point: there is no connection yet.
    assert!(Book::open(&fd, 3).unwrap().1.is_empty());
    book.put_progress(9, first, progress(7, state::PRIVATE).as_bytes(), &[]);
    book.commit(slot, 1, first);
    let second = book.next_tag();
    book.put_progress(9, second, progress(7, state::IN_CORE).as_bytes(), &[]);
    book.put_moment(slot, 0, moment(7, 2).as_bytes(), &[]);
    let found = Book::open(&fd, 3).unwrap().1;
    assert_eq!((found.len(), found[0].moment.exp_cmd_sn, found[0].tag), (1, 1, first));
    assert_eq!((found[0].tasks.len(), found[0].tasks[0].progress.state), (1, state::PRIVATE));
}

#[test]
fn place_of_a_task_goes_from_one_connection_to_another() {
    let fd = segment();
    let mut book = Book::open(&fd, 3).unwrap().0;
    let slots = [book.take().unwrap(), book.take().unwrap()];
    for (slot, key) in slots.into_iter().zip([7, 8]) {
        let tag = book.next_tag();
        book.put_progress(0, tag, progress(key, state::IN_CORE).as_bytes(), &[]);
        book.put_moment(slot, 1, moment(key, 0).as_bytes(), &[]);
        book.commit(slot, 1, tag);
        if key == 7 {
            let tag = book.next_tag();
            book.put_progress(0, tag, progress(key, state::FREE).as_bytes(), &[]);
            book.put_moment(slot, 0, moment(key, 1).as_bytes(), &[]);
            book.commit(slot, 0, tag);
        }
    }
    let found = Book::open(&fd, 3).unwrap().1;
    let tasks: Vec<(u64, usize)> = found.iter().map(|found| (found.moment.key, found.tasks.len())).collect();
    assert!(tasks.contains(&(7, 0)) && tasks.contains(&(8, 1)), "{tasks:?}");
    book.give(slots[1]);
    let (mut book, found) = Book::open(&fd, 3).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!((book.take().is_some(), book.take().is_some(), book.take()), (true, true, None));
}

#[test]
fn too_small_a_notebook_has_no_places() {
    let mut book = Book::open(ipc::shm::create("test-notebook", 4096).unwrap(), 100).unwrap().0;
    assert!(book.take().is_none() && !book.has_task(0));
}

proptest! {
    #[test]
    fn open_arbitrary(bytes in prop::collection::vec(any::<u8>(), 1000), at in prop::collection::vec(0usize..(1 << 18) - 1000, 30)) {
        let fd = segment();
        let book = Book::open(&fd, 3).unwrap().0;
        for at in at {
            book.memory().write(at, &bytes);
        }
        book.commit(0, 0, 1);
        drop(Book::open(&fd, 3));
    }
}
