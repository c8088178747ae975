//! The keeper: the parent of the supervisor, which holds descriptors by name and nothing else. While it lives, whatever
//! was stored outlives the supervisor, and the next one gets it back.
//!
//! `bulkhead run` is this process; the supervisor is its child, the same program once more. It is one thread over two
//! descriptors (the supervisor's socket, signals) and parses nothing but [`wire`], so that there is little in it that could
//! fail. It never looks at a descriptor that it keeps, nor waits for the supervisor. It is the subreaper of the services,
//! so that those of a dead supervisor become its children and their ends can be asked for.
//!
//! The supervisor's side of the socket is `kept.rs`.

mod parent;
pub mod wire;

pub use parent::keep;

/// The environment variable that tells a supervisor that its standard input is the keeper's socket; `terminal` when the
/// keeper was started from one.
pub const VARIABLE: &str = "BULKHEAD_KEEPER";
/// The value of [`VARIABLE`] of a keeper that was started from a terminal.
pub const TERMINAL: &str = "terminal";

/// The environment variable that tells a supervisor that it takes the place of a former program, which can be gone back to.
pub const TRIAL: &str = "BULKHEAD_TRIAL";

/// The exit status by which a supervisor asks to be replaced by the program that it stored under [`PROGRAM`].
pub const REPLACE: u8 = 86;
/// The name of the program that takes the supervisor's place.
pub const PROGRAM: &str = "program";
/// What the names of descriptors begin with that stand for processes: what is left when everything ends is killed.
pub const PIDFD: &str = "pidfd:";
