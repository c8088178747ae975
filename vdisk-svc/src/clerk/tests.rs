//! Errands: done in order, each once, and told.

use std::time::{Duration, Instant};

use super::*;

fn await_one(clerk: &mut Clerk) -> (SlotId, io::Result<()>) {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(done) = clerk.reap() {
            return done;
        }
        assert!(Instant::now() < deadline, "the errand is not done");
        std::thread::yield_now();
    }
}

#[test]
fn errands_are_done_in_order_and_their_results_told() {
    let mut clerk = Clerk::new().unwrap();
    assert!(clerk.reap().is_none());
    let (said, heard) = channel();
    for index in 0..3 {
        let said = said.clone();
        let errand = Errand::new(move || {
            said.send(index).unwrap();
            if index == 1 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
        });
        clerk.submit(SlotId::from_index(index), errand).unwrap();
    }
    let done: Vec<_> = (0..3).map(|_| await_one(&mut clerk)).collect();
    let slots: Vec<_> = done.iter().map(|(slot, result)| (slot.index(), result.is_ok())).collect();
    assert_eq!(slots, [(0, true), (1, false), (2, true)]);
    assert_eq!(heard.try_iter().collect::<Vec<_>>(), [0, 1, 2]);
    assert!(clerk.reap().is_none());
}

#[test]
fn clerk_that_is_dropped_finishes_its_errands() {
    let (said, heard) = channel();
    let mut clerk = Clerk::new().unwrap();
    let errand = Errand::new(move || {
        said.send("done").unwrap();
        Ok(())
    });
    clerk.submit(SlotId::from_index(0), errand).unwrap();
    drop(clerk);
    assert_eq!(heard.recv(), Ok("done"));
}
