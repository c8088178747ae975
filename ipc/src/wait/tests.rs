//! The turns of an idle service, and bells as edges in a real epoll set.

use std::os::unix::net::UnixStream;

use super::*;
use crate::doorbell::Doorbell;

fn tokens(ready: &[Ready]) -> Vec<u64> {
    let mut tokens: Vec<_> = ready.iter().map(|ready| ready.token).collect();
    tokens.sort_unstable();
    tokens
}

/// A waiter that has a processor to itself, or shares the only one, whatever this machine has.
fn waiter_on(crowded: bool, poll_us: u32) -> Waiter {
    let mut waiter = Waiter::new(poll_us).unwrap();
    waiter.crowded = crowded;
    waiter.census = Instant::now() + Duration::from_secs(1000);
    waiter
}

/// Idle turns until the budget is spent; at most a few million.
fn turns_until_sleep(waiter: &mut Waiter) -> (u32, u32) {
    let (mut looks, mut arounds) = (0, 0);
    loop {
        match waiter.idle(Awaited::Work) {
            Turn::Look => looks += 1,
            Turn::LookAround => arounds += 1,
            Turn::Sleep => return (looks, arounds),
        }
    }
}

#[test]
fn idle_without_budget_sleeps_at_once() {
    let mut waiter = Waiter::new(0).unwrap();
    for _ in 0..10 {
        assert_eq!(waiter.idle(Awaited::Work), Turn::Sleep);
    }
}

#[test]
fn idle_looks_around_and_sleeps_when_the_budget_is_spent() {
    let mut waiter = waiter_on(false, 2000);
    let start = Instant::now();
    let (looks, arounds) = turns_until_sleep(&mut waiter);
    assert!(start.elapsed() >= Duration::from_micros(2000));
    assert!(looks > arounds && arounds > 0, "{looks} looks, {arounds} with a yield");
    // Still nothing: it does not poll for another budget.
    assert_eq!(turns_until_sleep(&mut waiter).1, 0);
    waiter.worked();
    let start = Instant::now();
    turns_until_sleep(&mut waiter);
    assert!(start.elapsed() >= Duration::from_micros(2000), "work gives the whole budget anew");
}

/// Lets a waiter have gaps that are longer than anybody would poll for.
fn long_gaps(waiter: &mut Waiter, awaited: Awaited, count: usize) {
    let mut ready = Vec::new();
    for _ in 0..count {
        while waiter.idle(awaited) != Turn::Sleep {}
        waiter.wait(waiter.budget * (LONG + 1), &mut ready).unwrap();
        waiter.worked();
    }
}

#[test]
fn after_long_gaps_it_does_not_poll_and_after_short_ones_it_does_again() {
    let mut waiter = waiter_on(false, 20_000);
    long_gaps(&mut waiter, Awaited::Work, 8);
    assert_eq!(waiter.idle(Awaited::Work), Turn::Sleep);
    // Slept through, but short: others had to wake up first, too.
    for _ in 0..WARM {
        waiter.wait(Duration::from_millis(1), &mut Vec::new()).unwrap();
        waiter.worked();
        waiter.idle(Awaited::Work);
    }
    waiter.worked();
    assert_eq!(waiter.idle(Awaited::Work), Turn::LookAround);
}

#[test]
fn answers_and_work_have_histories_of_their_own() {
    let mut waiter = waiter_on(false, 1000);
    long_gaps(&mut waiter, Awaited::Work, 8);
    assert_eq!(waiter.idle(Awaited::Work), Turn::Sleep);
    waiter.worked();
    assert_eq!(waiter.idle(Awaited::Answer), Turn::LookAround);
}

#[test]
fn one_long_gap_among_short_ones_does_not_put_it_to_sleep_at_once() {
    let mut waiter = waiter_on(false, 1000);
    long_gaps(&mut waiter, Awaited::Work, 1);
    let start = Instant::now();
    turns_until_sleep(&mut waiter);
    assert!(start.elapsed() >= Duration::from_micros(1000) * LONG);
}

#[test]
fn on_a_processor_that_all_share_only_answers_are_polled_for() {
    let mut waiter = waiter_on(true, 1000);
    assert_eq!(waiter.idle(Awaited::Work), Turn::Sleep);
    waiter.worked();
    assert_eq!(waiter.idle(Awaited::Answer), Turn::LookAround);
}

#[test]
fn budget_can_be_changed() {
    let mut waiter = Waiter::new(1_000_000).unwrap();
    waiter.set_budget(0);
    assert_eq!(waiter.idle(Awaited::Work), Turn::Sleep);
}

#[test]
fn bell_is_an_edge_that_is_never_read() {
    let (mut waiter, mut ready) = (Waiter::new(0).unwrap(), Vec::new());
    let bell = Doorbell::new().unwrap();
    let theirs = bell.duplicate().unwrap();
    waiter.add(&bell, 7, Watch::Bell).unwrap();
    waiter.peek(&mut ready).unwrap();
    assert!(ready.is_empty());
    for _ in 0..3 {
        theirs.ring();
        waiter.wait(HEARTBEAT, &mut ready).unwrap();
        assert_eq!(ready, [Ready { token: 7, readable: true, writable: false }]);
        waiter.peek(&mut ready).unwrap();
        assert!(ready.is_empty(), "one ring, one edge");
    }
}

#[test]
fn bell_rung_before_the_wait_is_not_lost() {
    let (mut waiter, mut ready) = (Waiter::new(0).unwrap(), Vec::new());
    let bell = Doorbell::new().unwrap();
    bell.ring();
    waiter.add(&bell, 1, Watch::Bell).unwrap();
    waiter.wait(HEARTBEAT, &mut ready).unwrap();
    assert_eq!(tokens(&ready), [1], "rung before it was watched");
    bell.ring();
    bell.ring();
    waiter.wait(HEARTBEAT, &mut ready).unwrap();
    assert_eq!(tokens(&ready), [1], "two rings may be one edge");
}

#[test]
fn bell_that_a_peer_filled_neither_blocks_nor_fails() {
    let bell = Doorbell::new().unwrap();
    rustix::io::write(&bell, &(u64::MAX - 1).to_ne_bytes()).unwrap();
    bell.ring();
}

#[test]
fn wait_ends_after_its_time() {
    let (mut waiter, mut ready) =
        (Waiter::new(0).unwrap(), vec![Ready { token: 1, readable: true, writable: true }]);
    let start = Instant::now();
    waiter.wait(Duration::from_micros(100), &mut ready).unwrap();
    assert!(start.elapsed() >= Duration::from_micros(900), "rounded up to a millisecond");
    assert!(ready.is_empty(), "what was there is replaced");
    waiter.wait(Duration::ZERO, &mut ready).unwrap();
    let start = Instant::now();
    waiter.wait(Duration::MAX, &mut ready).unwrap();
    assert!(start.elapsed() < HEARTBEAT * 4, "never longer than a heartbeat");
}

#[test]
fn sockets_are_reported_as_watched() {
    let (mut waiter, mut ready) = (Waiter::new(0).unwrap(), Vec::new());
    let (a, b) = UnixStream::pair().unwrap();
    waiter.add(&a, 1, Watch::Readable).unwrap();
    waiter.peek(&mut ready).unwrap();
    assert!(ready.is_empty());
    waiter.change(&a, 1, Watch::ReadWrite).unwrap();
    waiter.peek(&mut ready).unwrap();
    assert_eq!(ready, [Ready { token: 1, readable: false, writable: true }]);
    waiter.change(&a, 1, Watch::Writable).unwrap();
    std::io::Write::write_all(&mut &b, b"x").unwrap();
    waiter.peek(&mut ready).unwrap();
    assert_eq!(ready, [Ready { token: 1, readable: false, writable: true }]);
    waiter.change(&a, 1, Watch::Nothing).unwrap();
    waiter.peek(&mut ready).unwrap();
    assert!(ready.is_empty());
    drop(b);
    waiter.peek(&mut ready).unwrap();
    assert_eq!(
        ready,
        [Ready { token: 1, readable: true, writable: true }],
        "an end is told to every watcher"
    );
    waiter.remove(&a).unwrap();
    waiter.peek(&mut ready).unwrap();
    assert!(ready.is_empty());
}

#[test]
fn more_events_than_one_call_takes_all_arrive() {
    let (mut waiter, mut ready) = (Waiter::new(0).unwrap(), Vec::new());
    let bells: Vec<_> = (0..150).map(|_| Doorbell::new().unwrap()).collect();
    for (token, bell) in bells.iter().enumerate() {
        waiter.add(bell, token as u64, Watch::Bell).unwrap();
        bell.ring();
    }
    let mut seen = Vec::new();
    while seen.len() < 150 {
        waiter.peek(&mut ready).unwrap();
        assert!(!ready.is_empty());
        seen.extend(tokens(&ready));
    }
    seen.sort_unstable();
    assert_eq!(seen, (0..150).collect::<Vec<_>>());
}
