//! The iSCSI transport: RFC 7143 frames on one side, SCSI tasks for core-svc on the other.
//!
//! It knows a CDB only as bytes, a direction and lengths. Everything that comes from a socket is an initiator's and is
//! checked where it is read; everything that comes from a ring is a peer's and is checked by `ipc`. The modules stand
//! in the order in which a command travels: bytes, headers, login, session.
#![forbid(unsafe_code)]

pub mod digest;
pub mod pdu;

pub mod discovery;
pub mod login;

pub mod session;
