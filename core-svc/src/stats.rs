//! The core's counters on its statistics page.

ipc::counters! {
    /// Commands that arrived.
    Commands = "commands",
    /// Records sent to transports.
    Replies = "replies",
    /// Tasks aborted by a function or the end of a nexus.
    Aborted = "aborted",
    /// Commands refused with TASK SET FULL, because of a limit.
    TaskSetFull = "task_set_full",
    /// Commands refused with BUSY, because of a limit.
    Busy = "busy",
    /// Tasks that found their handler dead and waited.
    Held = "held",
    /// Tasks sent again to a new handler.
    SentAgain = "sent_again",
    /// Contracts broken by peers.
    PeerFaults = "peer_faults",
    /// Times the core went to sleep.
    Sleeps = "sleeps",
}
