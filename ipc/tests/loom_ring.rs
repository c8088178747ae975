//! Every interleaving of a few steps of ring and doorbell, with the weak memory that loom models:
//! `RUSTFLAGS="--cfg loom" cargo test -p ipc --release --test loom_ring`. Empty without that flag.
//!
//! A bell is a counter under a lock, as an eventfd is. A lost wake-up is a deadlock, which loom reports.
#![cfg(loom)]

use ipc::ring::{Consumer, Producer, PushError, words};
use ipc::sync::HeapWords;
use loom::cell::UnsafeCell;
use loom::sync::{Arc, Condvar, Mutex};
use loom::thread;

/// An eventfd in an edge-triggered epoll set: a ring since the last wait ends the wait.
#[derive(Clone)]
struct Bell(Arc<(Mutex<bool>, Condvar)>);

impl Bell {
    fn new() -> Self {
        Self(Arc::new((Mutex::new(false), Condvar::new())))
    }

    fn ring(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_one();
    }

    fn wait(&self) {
        let mut rung = self.0.0.lock().unwrap();
        while !*rung {
            rung = self.0.1.wait(rung).unwrap();
        }
        *rung = false;
    }
}

fn ring<const N: usize>(capacity: usize) -> (Producer<HeapWords, N>, Consumer<HeapWords, N>) {
    let shared = HeapWords::new(words(capacity, N));
    (Producer::new(shared.clone(), 0, capacity), Consumer::new(shared, 0, capacity))
}

fn model(preemptions: usize, run: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(run);
}

/// The next record, asleep while there is none: what every service does with a budget of 0.
fn next<const N: usize>(consumer: &mut Consumer<HeapWords, N>, bell: &Bell) -> [u64; N] {
    loop {
        if let Some(record) = consumer.pop().expect("an honest producer") {
            return record;
        }
        if consumer.arm() {
            bell.wait();
            consumer.disarm();
        }
    }
}

fn publish<const N: usize>(producer: &mut Producer<HeapWords, N>, bell: &Bell) {
    if producer.publish() {
        bell.ring();
    }
}

fn push_spinning<const N: usize>(producer: &mut Producer<HeapWords, N>, record: [u64; N]) {
    while let Err(error) = producer.push(&record) {
        assert_eq!(error, PushError::Full);
        thread::yield_now();
    }
}

/// SYNC POINTs A and B: two words a record, a ring of one slot, so that every slot is written again.
#[test]
fn records_are_whole_and_slots_are_not_overwritten_early() {
    model(4, || {
        let (mut producer, mut consumer) = ring::<2>(1);
        let producing = thread::spawn(move || {
            for n in 1..=3 {
                push_spinning(&mut producer, [n, n + 10]);
                let _ = producer.publish();
            }
        });
        for n in 1..=3 {
            let record = loop {
                match consumer.pop().expect("an honest producer") {
                    Some(record) => break record,
                    None => thread::yield_now(),
                }
            };
            assert_eq!(record, [n, n + 10]);
            consumer.release();
        }
        producing.join().unwrap();
    });
}

/// Stands for a slot's contents: loom reports two accesses of which neither is ordered before the other.
struct Contents(UnsafeCell<()>);

// SAFETY: the pointer to the contents is never used; loom only keeps account of who held it when.
unsafe impl Sync for Contents {}
// SAFETY: as for Sync.
unsafe impl Send for Contents {}

/// SYNC POINT B once more: loom never lets a load be overtaken by a later store, so an early overwrite cannot show in
/// the values of a slot; that reading and overwriting are ordered can.
#[test]
fn reading_a_slot_is_ordered_before_overwriting_it() {
    model(4, || {
        let (mut producer, mut consumer) = ring::<1>(1);
        let contents = Arc::new(Contents(UnsafeCell::new(())));
        let producing = thread::spawn({
            let contents = contents.clone();
            move || {
                for n in 1..=2 {
                    push_spinning(&mut producer, [n]);
                    contents.0.with_mut(|_| ());
                    let _ = producer.publish();
                }
            }
        });
        for n in 1..=2 {
            let record = loop {
                match consumer.pop().expect("an honest producer") {
                    Some(record) => break record,
                    None => thread::yield_now(),
                }
            };
            contents.0.with(|_| ());
            assert_eq!(record, [n]);
            consumer.release();
        }
        producing.join().unwrap();
    });
}

/// A batch becomes visible at once and in order, also when both ends are in the middle of one.
#[test]
fn batches_are_published_and_released_at_once() {
    model(4, || {
        let (mut producer, mut consumer) = ring::<1>(2);
        let producing = thread::spawn(move || {
            for n in [1, 3] {
                push_spinning(&mut producer, [n]);
                push_spinning(&mut producer, [n + 1]);
                let _ = producer.publish();
            }
        });
        let mut expected = 1;
        while expected <= 4 {
            match consumer.pop().expect("an honest producer") {
                Some(record) => {
                    assert_eq!(record, [expected]);
                    if expected % 2 == 1 {
                        let second = consumer.pop().expect("an honest producer");
                        assert_eq!(second, Some([expected + 1]), "published with the first");
                        expected += 2;
                        consumer.release();
                    }
                }
                None => thread::yield_now(),
            }
        }
        producing.join().unwrap();
    });
}

/// SYNC POINT C: a consumer that sleeps whenever it finds nothing gets every record, though a sleep is rung for once.
#[test]
fn sleeper_is_always_woken() {
    model(5, || {
        let (mut producer, mut consumer) = ring::<1>(4);
        let bell = Bell::new();
        let producing = thread::spawn({
            let bell = bell.clone();
            move || {
                for n in 1..=3 {
                    producer.push(&[n]).expect("a ring with room");
                    publish(&mut producer, &bell);
                }
            }
        });
        for n in 1..=3 {
            assert_eq!(next(&mut consumer, &bell), [n]);
        }
        producing.join().unwrap();
    });
}

/// A consumer with other work wakes up by itself (heartbeat, socket) and sleeps anew while the producer publishes: the
/// new sleep must be rung for although the old one was.
#[test]
fn sleeper_that_was_woken_otherwise_sleeps_anew() {
    model(5, || {
        let (mut producer, mut consumer) = ring::<1>(4);
        let bell = Bell::new();
        let producing = thread::spawn({
            let bell = bell.clone();
            move || {
                for n in 1..=2 {
                    producer.push(&[n]).expect("a ring with room");
                    publish(&mut producer, &bell);
                }
            }
        });
        // Two sleeps that end at once, without a bell.
        for _ in 0..2 {
            let _ = consumer.arm();
            consumer.disarm();
        }
        for n in 1..=2 {
            assert_eq!(next(&mut consumer, &bell), [n]);
        }
        producing.join().unwrap();
    });
}

/// A link: requests one way, replies the other, both ends asleep whenever they find nothing.
#[test]
fn both_ends_of_a_link_sleep_and_wake() {
    model(4, || {
        let (mut requests_in, mut requests_out) = ring::<1>(2);
        let (mut replies_in, mut replies_out) = ring::<1>(2);
        let (requester_bell, responder_bell) = (Bell::new(), Bell::new());
        let responding = thread::spawn({
            let (mine, theirs) = (responder_bell.clone(), requester_bell.clone());
            move || {
                for _ in 0..2 {
                    let [asked] = next(&mut requests_out, &mine);
                    replies_in.push(&[asked + 10]).expect("the requester keeps its bound");
                    requests_out.release();
                    publish(&mut replies_in, &theirs);
                }
            }
        });
        for n in 1..=2 {
            requests_in.push(&[n]).expect("one outstanding");
            replies_out.release();
            publish(&mut requests_in, &responder_bell);
            assert_eq!(next(&mut replies_out, &requester_bell), [n + 10]);
        }
        responding.join().unwrap();
    });
}

/// The requester's bound is enough: with every slot asked for and the release published before the next request, the
/// responder never finds its replies full.
#[test]
fn replies_never_overflow_a_bounded_requester() {
    model(4, || {
        let (mut requests_in, mut requests_out) = ring::<1>(1);
        let (mut replies_in, mut replies_out) = ring::<1>(1);
        let responding = thread::spawn(move || {
            let mut answered = 0;
            while answered < 3 {
                match requests_out.pop().expect("an honest producer") {
                    Some(asked) => {
                        replies_in.push(&asked).expect("the requester keeps its bound");
                        requests_out.release();
                        let _ = replies_in.publish();
                        answered += 1;
                    }
                    None => thread::yield_now(),
                }
            }
        });
        for n in 1..=3 {
            push_spinning(&mut requests_in, [n]);
            replies_out.release();
            let _ = requests_in.publish();
            loop {
                match replies_out.pop().expect("an honest producer") {
                    Some(reply) => break assert_eq!(reply, [n]),
                    None => thread::yield_now(),
                }
            }
        }
        responding.join().unwrap();
    });
}
