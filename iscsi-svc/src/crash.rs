//! Points at which a unit test lets this process die (`run/tests.rs`). Outside of unit tests they are nothing.

#[cfg(test)]
use std::cell::Cell;

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
pub fn point() {
    #[cfg(test)]
    {
        let left = LEFT.get().saturating_sub(1);
        LEFT.set(if left == 0 { u64::MAX } else { left });
        if left == 0 {
            std::panic::resume_unwind(Box::new(Death));
        }
    }
}
