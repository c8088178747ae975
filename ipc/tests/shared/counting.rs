//! A global allocator that counts, for tests that a hot path asks for no memory.
//!
//! Unsafe, as every global allocator is: it forwards to the system's.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};

thread_local! {
    static MINE: Cell<u64> = const { Cell::new(0) };
}

static ALL: AtomicU64 = AtomicU64::new(0);

struct Counting;

impl Counting {
    fn count() {
        ALL.fetch_add(1, Ordering::Relaxed);
        // A thread that ends has no count any more, and may still allocate.
        let _ = MINE.try_with(|mine| mine.set(mine.get() + 1));
    }
}

// SAFETY: every call is passed on unchanged to the system allocator, which keeps the contract.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Self::count();
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the pointer came from `alloc` above, that is from the system allocator, with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Allocations of this thread so far.
pub fn mine() -> u64 {
    MINE.with(Cell::get)
}

/// Allocations of all other threads so far.
pub fn others() -> u64 {
    ALL.load(Ordering::Relaxed) - mine()
}
