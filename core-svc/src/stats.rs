//! The core's counters on its statistics page.

/// A counter; the discriminant is its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counter {
    /// Commands that arrived.
    Commands = 0,
    /// Records sent to transports.
    Replies,
    /// Tasks aborted by a function or the end of a nexus.
    Aborted,
    /// Tasks that found their handler dead and waited.
    Held,
    /// Tasks sent again to a new handler.
    SentAgain,
    /// Contracts broken by peers.
    PeerFaults,
    /// Times the core went to sleep.
    Sleeps,
}

/// Names of the counters, by place.
pub const NAMES: [&str; 7] =
    ["commands", "replies", "aborted", "held", "sent_again", "peer_faults", "sleeps"];
