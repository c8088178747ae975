//! The Protocol Data Units of RFC 7143 chapter 11, as they lie on the wire.
//!
//! Everything here is a value: a header is copied out of the receive buffer as `[u8; 48]`, turned into one of the
//! structs below and judged afterwards. Nothing is trusted except that 48 bytes are there. [`bhs`] has what all headers
//! share; [`initiator`] what arrives, [`target`] what leaves, [`ahs`] the additional header segments.
//! Next: [`crate::digest`] for the two checksums, [`crate::session`] for what the numbers mean.

pub mod ahs;
pub mod bhs;
pub mod initiator;
pub mod target;

pub use bhs::{Bhs, Opcode};
pub use initiator::Pdu;

/// Length of the Basic Header Segment in bytes (RFC 7143 11.2).
pub const BHS_LEN: usize = 48;

/// A tag (Initiator Task Tag, Target Transfer Tag) that names nothing (RFC 7143 11.2.1.8).
pub const NO_TAG: u32 = 0xffff_ffff;

/// Reason codes of a Reject PDU (RFC 7143 11.17.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum RejectReason {
    /// The data segment does not match its digest.
    DataDigestError = 0x02,
    /// A SNACK that this target does not serve (ErrorRecoveryLevel 0).
    SnackReject = 0x03,
    /// The PDU breaks a rule that no other reason names.
    ProtocolError = 0x04,
    /// A well-formed request for something that this target does not do.
    CommandNotSupported = 0x05,
    /// More immediate commands at once than the target takes.
    ImmediateCommandReject = 0x06,
    /// The task that the PDU belongs to is under way already.
    TaskInProgress = 0x07,
    /// A data acknowledgement that cannot be right.
    InvalidDataAck = 0x08,
    /// A header field that has no meaning.
    InvalidPduField = 0x09,
    /// No room for a long operation.
    LongOperationReject = 0x0a,
    /// The text negotiation is to be started anew.
    NegotiationReset = 0x0b,
    /// The target is about to log the connection out.
    WaitingForLogout = 0x0c,
}

#[cfg(test)]
mod tests;
