//! A small iSCSI initiator, written from RFC 7143 for tests: it checks what the target sends as strictly as it can, and
//! can be made to send anything.
//!
//! [`pdu`] has the bytes, [`wire`] a connection of them, [`login`] the way to a session, [`session`] commands on it.

pub mod crc32c;
pub mod pdu;
pub mod wire;

pub mod login;
pub mod session;
pub mod task;

pub mod cdb;
