//! One side runs real operations while a hostile peer scribbles over everything that the two share. Whatever it writes,
//! the honest side ends in a `PeerFault` or goes on plausibly: no panic, no hang, no access out of bounds.
//!
//! The peer is a thread with mappings of its own of the same segments, which is all that a process would have. Every
//! loop of the honest side is bounded, and a run that ends in a fault starts again on a fresh link, as after a restart.

mod hostile {
    pub mod directed;
    pub mod scribble;
}
