//! Windows at the edges of 32 bits, and the rules of RFC 7143 4.2.2.1.

use super::*;
use proptest::prelude::*;

#[test]
fn serial_wraps() {
    assert!(Serial(0xffff_ffff).before(Serial(0)));
    assert!(!Serial(0).before(Serial(0xffff_ffff)));
    assert!(!Serial(7).before(Serial(7)));
    assert!(!Serial(0).before(Serial(1 << 31)));
    assert!(!Serial(1 << 31).before(Serial(0)));
}

#[test]
fn command_in_order() {
    let mut window = Window::new(Serial(0xffff_fffe), 4);
    for number in [0xffff_fffe, 0xffff_ffff, 0, 1] {
        assert_eq!(window.arrive(Serial(number), false), Arrival::Deliver);
    }
    assert_eq!(window.expected(), Serial(2));
    // The window was for four and nothing has finished.
    assert_eq!(window.open(4), Serial(1));
    assert_eq!(window.arrive(Serial(2), false), Arrival::Ignore);
    assert_eq!(window.open(3), Serial(2));
    assert_eq!(window.arrive(Serial(2), false), Arrival::Deliver);
}

#[test]
fn command_too_low() {
    let mut window = Window::new(Serial(100), 32);
    assert_eq!(window.arrive(Serial(99), false), Arrival::Ignore);
    assert_eq!(window.expected(), Serial(100));
}

#[test]
fn command_too_high() {
    let mut window = Window::new(Serial(100), 32);
    let max = window.open(0);
    assert_eq!(max, Serial(131));
    assert_eq!(window.arrive(max.plus(1), false), Arrival::Ignore);
    assert_eq!(window.arrive(Serial(100), false), Arrival::Deliver);
}

#[test]
fn command_after_a_hole() {
    let mut window = Window::new(Serial(5), 32);
    assert_eq!(window.arrive(Serial(7), false), Arrival::Hole);
    assert_eq!(window.expected(), Serial(5));
}

#[test]
fn command_immediate() {
    let mut window = Window::new(Serial(5), 1);
    assert_eq!(window.arrive(Serial(5), true), Arrival::Immediate);
    assert_eq!(window.arrive(Serial(5), false), Arrival::Deliver);
    // A closed window (MaxCmdSN = ExpCmdSN - 1) still takes immediate commands: that is what they are for.
    assert_eq!(window.open(1), Serial(5));
    assert_eq!(window.arrive(Serial(6), true), Arrival::Immediate);
    assert_eq!(window.arrive(Serial(4), true), Arrival::Ignore);
    assert_eq!(window.arrive(Serial(9), true), Arrival::Ignore);
}

#[test]
fn response_numbers() {
    let mut responses = Responses::new(Serial(0xffff_ffff));
    assert_eq!(responses.take(), Serial(0xffff_ffff));
    assert_eq!(responses.peek(), Serial(0));
    responses.acknowledge(Serial(5));
    assert_eq!(responses.unacknowledged(), 1);
    responses.acknowledge(Serial(0));
    assert_eq!(responses.unacknowledged(), 0);
}

proptest! {
    /// MaxCmdSN never goes back, and ExpCmdSN advances by at most one for each command.
    #[test]
    fn window_is_monotonic(first: u32, depth in 1u32..300, steps in prop::collection::vec((any::<u32>(), any::<bool>(), 0u32..400), 0..200)) {
        let mut window = Window::new(Serial(first), depth);
        for (number, near, in_flight) in steps {
            let (expected, max) = (window.expected(), window.open(u32::MAX));
            let number = if near { expected.plus(number % 5).plus(u32::MAX) } else { Serial(number) };
            let arrival = window.arrive(number, false);
            prop_assert_eq!(arrival == Arrival::Deliver, window.expected() != expected);
            prop_assert!(expected.distance_to(window.expected()) <= 1);
            prop_assert!(!window.open(in_flight).before(max));
        }
    }
}
