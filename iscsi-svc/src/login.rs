//! Login (RFC 7143 chapter 6 and 13): from the first byte of a connection to its full feature phase.
//!
//! [`text`] reads key=value pairs, [`name`] judges iSCSI names, [`negotiate`] has the table of keys, [`stage`] the
//! machine that takes Login Requests and gives Login Responses. Nothing here does I/O; everything that comes in is an
//! initiator's that has not proved anything yet. Next: `conn`, which feeds it, and [`crate::discovery`].

pub mod name;
pub mod negotiate;
pub mod stage;
pub mod text;

pub use negotiate::Parameters;
pub use stage::{Login, Step};
