//! The iSCSI transport: RFC 7143 frames on one side, SCSI tasks for core-svc on the other.
//!
//! It knows a CDB only as bytes, a direction and lengths. Everything that comes from a socket is an initiator's and is
//! checked where it is read; everything that comes from a ring is a peer's and is checked by `ipc`. The modules stand
//! in the order in which a command travels: the process, sockets and connections, headers, login, session, task, core.
#![forbid(unsafe_code)]

pub mod grants;
pub mod run;
pub mod stats;

pub mod conn;
pub mod listener;

pub mod digest;
pub mod pdu;

pub mod discovery;
pub mod login;
pub mod targets;

pub mod session;

pub mod buffers;
pub mod task;
pub mod task_mgmt;

mod crash;

pub mod core_link;
pub mod nexus;
pub mod notebook;
pub mod service;
