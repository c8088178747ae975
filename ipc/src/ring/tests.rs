//! What a ring promises to both ends, and where its words stand.

use super::*;
use crate::sync::HeapWords;

type Ends = (HeapWords, Producer<HeapWords, 2>, Consumer<HeapWords, 2>);

fn ring(capacity: usize) -> Ends {
    let words = HeapWords::new(48 + capacity * 2);
    let (producer, consumer) =
        (Producer::new(words.clone(), 0, capacity), Consumer::new(words.clone(), 0, capacity));
    (words, producer, consumer)
}

fn word(words: &HeapWords, index: usize) -> u64 {
    words.word(index).load(Ordering::Relaxed)
}

fn set(words: &HeapWords, index: usize, value: u64) {
    words.word(index).store(value, Ordering::Relaxed);
}

#[test]
fn layout_is_the_documented_one() {
    assert_eq!(words(1024, 32), 48 + 32768);
    let words = HeapWords::new(1000 + 48 + 4 * 2);
    let mut producer = Producer::<_, 2>::new(words.clone(), 1000, 4);
    let mut consumer = Consumer::<_, 2>::new(words.clone(), 1000, 4);
    for n in 0..4 {
        producer.push(&[n, n + 100]).unwrap();
    }
    assert!(!producer.publish());
    for _ in 0..3 {
        consumer.pop().unwrap();
    }
    consumer.release();
    assert_eq!((word(&words, 1000), word(&words, 1016)), (4, 3), "produced and consumed");
    assert!(!consumer.arm());
    consumer.pop().unwrap();
    assert!(consumer.arm());
    assert_eq!(word(&words, 1032), 2, "asleep: the second sleep");
    assert_eq!((word(&words, 1048), word(&words, 1049), word(&words, 1055)), (0, 100, 103), "slots");
}

#[test]
fn push_is_not_seen_before_publish() {
    let (_, mut producer, mut consumer) = ring(2);
    producer.push(&[1, 2]).unwrap();
    assert_eq!(consumer.pop(), Ok(None));
    assert!(!producer.publish());
    assert_eq!(consumer.pop(), Ok(Some([1, 2])));
    assert_eq!(consumer.pop(), Ok(None));
}

#[test]
fn push_into_a_full_ring_writes_nothing() {
    let (words, mut producer, mut consumer) = ring(1);
    producer.push(&[1, 2]).unwrap();
    assert!(!producer.publish());
    assert_eq!(producer.push(&[3, 4]), Err(PushError::Full));
    assert_eq!(word(&words, 48), 1);
    assert_eq!(consumer.pop(), Ok(Some([1, 2])));
    assert_eq!(
        producer.push(&[3, 4]),
        Err(PushError::Full),
        "the slot is the consumer's until it is released"
    );
    consumer.release();
    producer.push(&[3, 4]).unwrap();
    assert_eq!(producer.in_use(), 1);
}

#[test]
fn publish_of_nothing_does_not_ring() {
    let (_, mut producer, mut consumer) = ring(2);
    assert!(consumer.arm());
    assert!(!producer.publish());
}

#[test]
fn publish_rings_once_for_each_sleep() {
    let (_, mut producer, mut consumer) = ring(4);
    assert!(consumer.arm());
    producer.push(&[0; 2]).unwrap();
    assert!(producer.publish());
    producer.push(&[0; 2]).unwrap();
    assert!(!producer.publish(), "this sleep was rung for");
    consumer.disarm();
    while consumer.pop().unwrap().is_some() {}
    assert!(consumer.arm());
    producer.push(&[0; 2]).unwrap();
    assert!(producer.publish(), "the next sleep is another one");
}

#[test]
fn arm_with_work_waiting_stays_awake() {
    let (words, mut producer, mut consumer) = ring(4);
    producer.push(&[0; 2]).unwrap();
    producer.push(&[0; 2]).unwrap();
    assert!(!producer.publish());
    assert!(!consumer.arm(), "not looked yet");
    assert!(consumer.pop().unwrap().is_some());
    assert!(!consumer.arm(), "one seen, not taken");
    assert_eq!(word(&words, 32), 0, "awake again");
    assert!(consumer.pop().unwrap().is_some());
    assert!(consumer.arm());
}

#[test]
fn capacity_that_is_no_power_of_two_is_refused() {
    assert!(std::panic::catch_unwind(|| Producer::<_, 2>::new(HeapWords::new(100), 0, 3)).is_err());
}

#[test]
fn pop_of_a_producer_too_far_ahead_is_a_fault() {
    let (words, _, mut consumer) = ring(4);
    set(&words, 0, 5);
    assert_eq!(consumer.pop(), Err(PeerFault::RingIndex { claimed: 5, base: 0, limit: 4 }));
    set(&words, 0, u64::MAX);
    assert!(consumer.pop().is_err());
    set(&words, 0, 4);
    assert!(consumer.pop().unwrap().is_some());
}

#[test]
fn pop_of_a_producer_past_unreleased_slots_is_a_fault() {
    let (words, mut producer, mut consumer) = ring(4);
    for _ in 0..4 {
        producer.push(&[7; 2]).unwrap();
    }
    assert!(!producer.publish());
    for _ in 0..4 {
        assert!(consumer.pop().unwrap().is_some());
    }
    set(&words, 0, 5);
    assert_eq!(consumer.pop(), Err(PeerFault::RingIndex { claimed: 5, base: 4, limit: 0 }));
    consumer.release();
    assert!(consumer.pop().unwrap().is_some());
}

#[test]
fn pop_of_a_producer_that_went_backwards_is_a_fault() {
    let (words, mut producer, mut consumer) = ring(4);
    producer.push(&[7; 2]).unwrap();
    assert!(!producer.publish());
    assert!(consumer.pop().unwrap().is_some());
    set(&words, 0, 0);
    assert!(matches!(consumer.pop(), Err(PeerFault::RingIndex { claimed: 0, base: 1, .. })));
}

#[test]
fn push_after_a_consumer_past_the_end_is_a_fault() {
    let (words, mut producer, _) = ring(2);
    producer.push(&[0; 2]).unwrap();
    assert!(!producer.publish());
    producer.push(&[0; 2]).unwrap();
    set(&words, 16, 2);
    let fault = PeerFault::RingIndex { claimed: 2, base: 0, limit: 1 };
    assert_eq!(producer.push(&[0; 2]), Err(PushError::Peer(fault)), "the second was never published");
    set(&words, 16, 1);
    producer.push(&[0; 2]).unwrap();
    assert!(!producer.publish());
    set(&words, 16, 0);
    assert!(matches!(producer.push(&[0; 2]), Err(PushError::Peer(_))), "backwards");
}

#[test]
fn asleep_garbage_costs_bells_and_nothing_else() {
    let (words, mut producer, mut consumer) = ring(4);
    for garbage in [1, u64::MAX, 7, 7, 0] {
        set(&words, 32, garbage);
        producer.push(&[garbage, 0]).unwrap();
        let _ = producer.publish();
        assert_eq!(consumer.pop(), Ok(Some([garbage, 0])));
        consumer.release();
    }
}

#[test]
fn arm_gives_popped_slots_back() {
    let (_, mut producer, mut consumer) = ring(1);
    producer.push(&[1, 2]).unwrap();
    assert!(!producer.publish());
    assert!(consumer.pop().unwrap().is_some());
    assert!(consumer.arm());
    producer.push(&[3, 4]).unwrap();
    assert!(producer.publish());
}
