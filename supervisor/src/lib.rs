//! The supervisor of Bulkhead: reads a manifest, starts the services, hands them memory, sockets and devices, and starts
//! them again when they die. It never sees a byte of anybody's data.
//!
//! The way through: `manifest` (what a person wrote) -> `plan` (what shall exist).
#![forbid(unsafe_code)]

pub mod graph;
pub mod manifest;
pub mod plan;
pub mod policy;
