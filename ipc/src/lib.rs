//! Everything that crosses a process boundary in Bulkhead.
//!
//! Two rules hold in every file here. Memory that a peer can write is only ever reached through atomics or raw
//! pointers handed to the kernel, never as a slice of plain bytes; what was read is copied out and the copy is
//! checked and used. And what a peer wrote is an allegation: breaking the contract is a [`fault::PeerFault`] that
//! closes the link, never a panic, a hang, or an access out of bounds.
//!
//! The modules stand in the order in which a record travels: atomics, rings, wake-ups; memory; messages; services.
//! The whole crate takes its atomics from [`sync`], so that the rings can be model-checked (`--cfg loom`).

pub mod fault;
pub mod ring;
pub mod sync;

#[cfg(not(loom))]
pub mod answers;
#[cfg(not(loom))]
pub mod doorbell;
#[cfg(not(loom))]
pub mod link;
#[cfg(not(loom))]
pub mod shm;
#[cfg(not(loom))]
pub mod wait;

#[cfg(not(loom))]
pub mod arena;
#[cfg(not(loom))]
pub mod crash;
#[cfg(not(loom))]
pub mod extent;
#[cfg(not(loom))]
pub mod io;
#[cfg(not(loom))]
pub mod journal;
#[cfg(not(loom))]
pub mod notebook;
#[cfg(not(loom))]
pub mod recorder;
#[cfg(not(loom))]
pub mod state;
#[cfg(not(loom))]
pub mod stats;
#[cfg(not(loom))]
pub mod tcp;

#[cfg(not(loom))]
pub mod channel;
#[cfg(not(loom))]
pub mod message;
#[cfg(not(loom))]
pub mod service;

/// Version of everything that two processes of one Bulkhead must agree upon: ring and segment layouts, records and
/// control messages. A service says it in [`message::Event::Hello`]; the supervisor refuses any other. It is raised whenever one
/// of these changes: `tests/shape.rs` fails otherwise for messages.
pub const ABI_VERSION: u32 = 4;
