//! The service as a library: a real socket on one side, a core that the test plays on the other.
//!
//! Each test is the initiator and the core in one thread, so that it decides what happens in which order. Whatever is
//! waited for has a deadline.

#[path = "shared/config.rs"]
mod config;
#[path = "service/initiator.rs"]
mod initiator;
#[path = "service/rig.rs"]
mod rig;

#[path = "service/commands.rs"]
mod commands;
#[path = "service/faults.rs"]
mod faults;
#[path = "service/relink.rs"]
mod relink;
#[path = "service/sessions.rs"]
mod sessions;
