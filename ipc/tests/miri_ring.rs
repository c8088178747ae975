//! The ring between two threads over plain heap words: no system call, so that Miri can run it
//! (`cargo +nightly miri test -p ipc --test miri_ring`). An ordinary test otherwise.

use std::thread;

use ipc::ring::{Consumer, Producer, PushError, words};
use ipc::sync::HeapWords;

/// Miri is about a thousand times slower.
const RECORDS: u64 = if cfg!(miri) { 200 } else { 200_000 };

fn produce(mut producer: Producer<HeapWords, 4>, batch: u64) {
    for n in 0..RECORDS {
        while let Err(error) = producer.push(&[n, !n, n, !n]) {
            assert_eq!(error, PushError::Full);
            let _ = producer.publish();
            thread::yield_now();
        }
        if n % batch == 0 {
            let _ = producer.publish();
        }
    }
    let _ = producer.publish();
}

fn consume(mut consumer: Consumer<HeapWords, 4>, batch: u64) {
    let mut next = 0;
    while next < RECORDS {
        match consumer.pop().expect("an honest producer") {
            Some(record) => {
                assert_eq!(record, [next, !next, next, !next]);
                next += 1;
            }
            None => {
                consumer.release();
                if !consumer.arm() {
                    continue;
                }
                consumer.disarm();
                thread::yield_now();
            }
        }
        if next % batch == 0 {
            consumer.release();
        }
    }
    assert_eq!(consumer.pop(), Ok(None));
}

#[test]
fn records_arrive_whole_and_in_order() {
    for (capacity, batch) in [(1, 1), (2, 1), (8, 3), (64, 16)] {
        let shared = HeapWords::new(words(capacity, 4));
        let producer = Producer::new(shared.clone(), 0, capacity);
        let consumer = Consumer::new(shared, 0, capacity);
        let producing = thread::spawn(move || produce(producer, batch));
        consume(consumer, batch);
        producing.join().expect("the producer found no fault");
    }
}
