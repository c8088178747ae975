//! Points at which this process can be told to die (`ipc::crash`). A unit test (`run/tests.rs`) lets it unwind there instead.

#[cfg(test)]
use std::cell::Cell;

pub use ipc::crash::Point;

#[cfg(test)]
thread_local! {
    /// Points that are passed before the one to die at.
    static LEFT: Cell<u64> = const { Cell::new(u64::MAX) };
}

/// What a death unwinds with.
#[cfg(test)]
pub struct Death;

/// Lets the process die at the `count`th point from here, from 1.
#[cfg(test)]
pub fn arm(count: u64) {
    LEFT.set(count);
}

/// A point to die at.
#[inline(always)]
pub fn point(point: Point) {
    ipc::crash::at(point);
    #[cfg(test)]
    {
        let left = LEFT.get().saturating_sub(1);
        LEFT.set(if left == 0 { u64::MAX } else { left });
        if left == 0 {
            std::panic::resume_unwind(Box::new(Death));
        }
    }
}
