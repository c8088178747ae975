//! What a session knows beside its sockets: sequence numbers, the data of a write on its way in, residuals.
//!
//! All of it is arithmetic on numbers that an initiator sent; nothing here does I/O. [`window`] decides whether a
//! command is delivered, [`burst`] which data is asked for and whether what arrives is what was asked for,
//! [`residual`] what the answer says about lengths. Next: [`crate::pdu`] for the headers, `task` for the commands.

pub mod burst;
pub mod residual;
pub mod window;
