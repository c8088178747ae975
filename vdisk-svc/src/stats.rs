//! The counters that this service shows on its statistics page.

ipc::counters! {
    /// Commands that have been answered.
    Commands = "commands",
    /// Bytes read from media.
    ReadBytes = "read_bytes",
    /// Bytes written to media.
    WrittenBytes = "written_bytes",
    /// Commands that needed a slot: not answered at once.
    Deferred = "deferred",
    /// Jobs given to the engine.
    Jobs = "jobs",
    /// Syncs of a medium.
    Syncs = "syncs",
    /// Commands that ended in CHECK CONDITION.
    Checks = "check_conditions",
    /// Tasks aborted before they began.
    Aborted = "aborted",
    /// Transfers that waited for memory.
    Waited = "waited_for_memory",
    /// Level: tasks in slots.
    InSlots = "in_slots",
}
