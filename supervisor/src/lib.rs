//! The supervisor of Bulkhead: reads a manifest, starts the services, hands them memory, sockets and devices, and starts
//! them again when they die. It never sees a byte of anybody's data.
//!
//! The way through: `manifest` (what a person wrote) -> `plan` (what shall exist) -> `wiring` (it exists) -> `spawn` (a
//! process) -> `child` (its life) -> `obituary` and `policy` (its death, and what then). The `reactor` is the loop over all
//! of it, `admin` the way in from outside, `cli` the command line. `keeper` is the parent process that holds descriptors for
//! the time after the supervisor's own death, `record` what its successor has to know.
#![forbid(unsafe_code)]

pub mod graph;
pub mod manifest;
pub mod plan;

pub mod clock;
pub mod keeper;
pub mod kept;
pub mod record;

pub mod listen;
pub mod media;
pub mod relink;
pub mod run_dir;
pub mod sizes;
pub mod state_dir;
pub mod wiring;
pub mod witness;

pub mod child;
pub mod obituary;
pub mod policy;
pub mod spawn;

pub mod admin;
pub mod board;
pub mod post_mortem;
pub mod reactor;
pub mod status;
pub mod why;

pub mod cli;
