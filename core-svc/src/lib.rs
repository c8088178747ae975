//! The SCSI core: what is shared between I_T nexuses. It knows task sets, LUN maps, unit attentions and task management;
//! it has no device, no socket and no medium.
//!
//! A command visits the stages in this order, and comes back through [`settle`]; [`core`] holds the state, [`run`] turns
//! the loop.
#![forbid(unsafe_code)]

pub mod run;

pub mod copy;
pub mod core;
pub mod grants;
pub mod notebook;
pub mod peers;
pub mod stats;

pub mod intake;

pub mod attach;
pub mod nexus;

pub mod lun_map;

pub mod alua;
pub mod gate;
pub mod limits;
pub mod unit_attention;

pub mod task;
pub mod task_set;

pub mod aca;
pub mod consequence;

pub mod dispatch;
pub mod errand;
pub mod report;

pub mod recorded;

pub mod reservation;

mod explain;

pub mod answers;
pub mod settle;
pub mod task_mgmt;
pub mod unit_report;
