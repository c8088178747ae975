//! The virtual-disk handler: executes CDBs on files, block devices, null and fault devices.
//!
//! It knows media, and neither nexuses nor transports: core-svc asks it, over a link, to execute one command on one unit
//! with data in some transport's arena, and it answers with exactly one outcome. The modules stand in the order in which
//! a request meets them; [`run`] has the only loop.
#![deny(unsafe_code)]

pub mod grants;
pub mod run;

pub mod links;

pub mod intake;
pub mod span;
pub mod task;

pub mod dispatch;
pub mod slots;
pub mod timers;

pub mod buffers;
pub mod work;

pub mod execute;
pub mod mmc;
pub mod sbc;
pub mod spc;

pub mod unit;
pub mod units;

pub mod notebook;

pub mod backend;
pub mod bounce;
pub mod chore;
pub mod clerk;
pub mod engine;
pub mod failure;

pub mod stats;
