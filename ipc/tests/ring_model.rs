//! The ring against two references: a queue that knows about publishing and releasing, and `rtrb`, which does both at
//! once. Whatever the order of operations, no record may be lost, doubled, torn or overtaken.
//!
//! Threads are in `loom_ring.rs` (all interleavings of few steps) and `miri_ring.rs`.

use std::collections::VecDeque;

use ipc::ring::{Consumer, Producer, PushError, words};
use ipc::sync::HeapWords;
use proptest::prelude::*;

#[derive(Debug, Clone, Copy)]
enum Step {
    Push,
    Publish,
    Pop,
    Release,
    Arm,
    Disarm,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => Just(Step::Push),
        2 => Just(Step::Publish),
        6 => Just(Step::Pop),
        2 => Just(Step::Release),
        1 => Just(Step::Arm),
        1 => Just(Step::Disarm),
    ]
}

fn steps() -> impl Strategy<Value = (u32, Vec<Step>)> {
    (0..=6u32, proptest::collection::vec(step(), 0..600))
}

fn record(n: u64) -> [u64; 3] {
    [n, !n, n.wrapping_mul(0x9e37_79b9_7f4a_7c15)]
}

type Ends = (Producer<HeapWords, 3>, Consumer<HeapWords, 3>);

fn ring(capacity: usize) -> Ends {
    let shared = HeapWords::new(words(capacity, 3) + 5);
    (Producer::new(shared.clone(), 5, capacity), Consumer::new(shared, 5, capacity))
}

/// What a ring is, said with one queue.
#[derive(Default)]
struct Model {
    /// Pushed and not yet popped; the first `visible` are published.
    queue: VecDeque<u64>,
    visible: usize,
    /// Popped and not yet released.
    held: usize,
    next: u64,
    asleep: bool,
    rung: bool,
}

impl Model {
    fn apply(&mut self, step: Step, capacity: usize, (producer, consumer): &mut Ends) {
        match step {
            Step::Push => {
                let full = self.queue.len() + self.held == capacity;
                let expected = if full { Err(PushError::Full) } else { Ok(()) };
                assert_eq!(producer.push(&record(self.next)), expected);
                if !full {
                    self.queue.push_back(self.next);
                    self.next += 1;
                }
            }
            Step::Publish => {
                let news = self.visible != self.queue.len();
                self.visible = self.queue.len();
                let ring = news && self.asleep && !self.rung;
                assert_eq!(producer.publish(), ring);
                self.rung |= ring;
            }
            Step::Pop if self.visible == 0 => assert_eq!(consumer.pop(), Ok(None)),
            Step::Pop => {
                let oldest = self.queue.pop_front().expect("visible records are in the queue");
                assert_eq!(consumer.pop(), Ok(Some(record(oldest))));
                (self.visible, self.held) = (self.visible - 1, self.held + 1);
            }
            Step::Release => {
                consumer.release();
                self.held = 0;
            }
            Step::Arm => {
                self.asleep = consumer.arm();
                assert_eq!(self.asleep, self.visible == 0);
                (self.rung, self.held) = (false, 0);
            }
            Step::Disarm => {
                consumer.disarm();
                self.asleep = false;
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn ring_does_what_a_queue_does((exponent, steps) in steps()) {
        let capacity = 1 << exponent;
        let (mut model, mut ends) = (Model::default(), ring(capacity));
        for step in steps {
            model.apply(step, capacity, &mut ends);
        }
    }

    #[test]
    fn ring_does_what_rtrb_does((exponent, steps) in steps()) {
        let capacity = 1 << exponent;
        let (mut producer, mut consumer) = ring(capacity);
        let (mut reference_in, mut reference_out) = rtrb::RingBuffer::new(capacity);
        for (n, step) in steps.into_iter().enumerate() {
            match step {
                Step::Push | Step::Publish | Step::Arm => {
                    let expected = reference_in.push(record(n as u64)).map_err(|_| PushError::Full);
                    prop_assert_eq!(producer.push(&record(n as u64)), expected);
                    prop_assert!(!producer.publish());
                }
                Step::Pop | Step::Release | Step::Disarm => {
                    prop_assert_eq!(consumer.pop(), Ok(reference_out.pop().ok()));
                    consumer.release();
                }
            }
            prop_assert!(producer.in_use() >= (capacity - reference_in.slots()) as u64);
        }
    }
}
