//! What a peer process can do wrong, as a value.
//!
//! Whoever meets one stops using the link at once and tells the supervisor ([`crate::message::Event::PeerFault`]);
//! the supervisor retires the epoch and restarts the guilty end. Nothing is answered to the peer.

/// The peer broke the contract of shared memory or of the messages in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PeerFault {
    /// The peer's ring index moved backwards or past what can have been written or read.
    #[error("ring index {claimed} is impossible: expected at most {limit} past {base}")]
    RingIndex {
        /// What stood in shared memory.
        claimed: u64,
        /// The private cursor that it was checked against.
        base: u64,
        /// The largest distance that would have been possible.
        limit: u64,
    },
    /// A responder was sent more requests than the reply ring has room for.
    #[error("more requests outstanding than the reply ring holds")]
    ReplyOverflow,
    /// A segment lacks its seals, has the wrong size, or its header does not say what it should.
    #[error("segment is not what was promised: {0}")]
    Segment(&'static str),
    /// An extent names an unknown arena or leaves its arena.
    #[error("extent of {len} bytes at {offset} does not lie in arena {arena}")]
    Extent {
        /// The arena that was named.
        arena: u32,
        /// Offset in bytes.
        offset: u64,
        /// Length in bytes.
        len: u32,
    },
    /// A field of a record has a value that its kind does not allow.
    #[error("record field {field} has impossible value {value}")]
    Record {
        /// Name of the field.
        field: &'static str,
        /// The value found.
        value: u64,
    },
    /// A record that the protocol does not allow at this point, such as an answer to a question never asked.
    #[error("unexpected record: {0}")]
    Unexpected(&'static str),
}
