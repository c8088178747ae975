//! What `bulkhead why` hears from the core: where each command of some logical units is, and what it waits for.

use serde::{Deserialize, Serialize};

/// Commands that one answer names, the oldest ones: with their longest texts they fit a control message.
pub const MOST_COMMANDS: usize = 64;
/// Longest text in it, in bytes.
pub const MOST_TEXT: usize = 256;

/// The commands in flight, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explained {
    /// The oldest [`MOST_COMMANDS`] of them.
    pub commands: Vec<InFlight>,
    /// Younger ones, which are not named.
    pub left_out: u32,
}

/// Who has a command in its hands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Holder {
    /// The transport that it came from.
    Transport,
    /// The core.
    Core,
    /// The core's copy manager.
    CopyManager,
    /// The handler of this index.
    Handler(u32),
}

/// A command in flight.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InFlight {
    /// Index of the service that it came from.
    pub transport: u32,
    /// Index of the target that it was sent to.
    pub target: u32,
    /// Name of the initiator's port.
    pub initiator: String,
    /// The number of the nexus on its transport's link.
    pub nexus: u64,
    /// The number of the nexus on links to handlers.
    pub handler_nexus: u64,
    /// The task within the nexus.
    pub serial: u64,
    /// The unit.
    pub unit: u32,
    /// The name of the command.
    pub command: String,
    /// Its CDB.
    pub cdb: Vec<u8>,
    /// Its task attribute.
    pub attribute: String,
    /// Since when it has been there, in microseconds of the clock of [`crate::recorder::micros`]; 0 if nobody knows.
    pub since: u64,
    /// Who has it.
    pub holder: Holder,
    /// What is done with it, or what it waits for.
    pub why: String,
}
