//! What this service counts. One enum names every counter; its order is the order on the statistics page.
//!
//! Whatever an initiator does wrong ends here and not in the log: a stranger must not be able to fill a disk.

ipc::counters! {
    /// Connections that are open now (a level).
    Connections = "connections",
    /// Sessions that are open now (a level).
    Sessions = "sessions",
    /// Bytes of the arena that are free (a level).
    ArenaFree = "arena_free",
    /// Connections accepted.
    Accepted = "accepted",
    /// Connections taken over from a predecessor that died.
    Resumed = "resumed",
    /// Connections refused because there are too many.
    Refused = "refused",
    /// Logins that came to their end well.
    Logins = "logins",
    /// Logins that were refused.
    LoginsFailed = "logins_failed",
    /// Logouts.
    Logouts = "logouts",
    /// SCSI commands handed to the core.
    Commands = "commands",
    /// Task management functions.
    Functions = "functions",
    /// Bytes sent as Data-In.
    BytesIn = "bytes_in",
    /// Bytes received as immediate data and Data-Out.
    BytesOut = "bytes_out",
    /// Payload bytes that had to be copied in user space.
    BytesCopied = "bytes_copied",
    /// R2Ts sent.
    R2ts = "r2ts",
    /// Requests outside the command window, ignored.
    WindowIgnored = "window_ignored",
    /// Reject PDUs sent.
    Rejects = "rejects",
    /// Header digests that did not match.
    HeaderDigestErrors = "header_digest_errors",
    /// Data digests that did not match.
    DataDigestErrors = "data_digest_errors",
    /// Commands whose data was not what was agreed upon.
    DataFaults = "data_faults",
    /// Connections closed for breaking the protocol.
    ProtocolErrors = "protocol_errors",
    /// Connections closed because the initiator was silent, or too slow to log in.
    TimedOut = "timed_out",
    /// Connections closed by the initiator or by a failure of the network.
    Disconnected = "disconnected",
    /// Sessions that the same initiator replaced.
    Reinstated = "reinstated",
    /// Times that a connection had to wait for memory.
    ArenaWaits = "arena_waits",
    /// Commands answered TASK SET FULL for lack of memory.
    TaskSetFull = "task_set_full",
    /// Commands answered BUSY because the core was away for too long.
    HeldTooLong = "held_too_long",
    /// Times that everything outstanding was sent to the core again.
    Replays = "replays",
    /// Calls of recvmsg.
    Receives = "receives",
    /// Calls of sendmsg.
    Sends = "sends",
}
