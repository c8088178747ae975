//! The vocabulary of SCSI: commands, sense data, the pages that describe a unit. No I/O, no state, no unsafe code.
//!
//! Whatever bytes come in are an initiator's choice: decoding them ends in a value or in [`sense::Sense`], never in a panic.
//! Two things are facts from which everything else derives: the opcode table ([`opcode`]) and a unit's [`device_info::DeviceInfo`].
//! Modules stand in the order in which a command meets them.
#![forbid(unsafe_code)]

pub mod code;
pub mod units;

pub mod lun;

pub mod attribute;
pub mod task_management;

pub mod opcode;

pub mod cdb;

pub mod command;

pub mod device_info;

pub mod parameter;
pub mod parameter_list;
pub mod path;

pub mod inquiry;
pub mod vpd;

pub mod diagnostic;
pub mod extended_copy;
pub mod log_page;
pub mod medium_data;
pub mod mmc;
pub mod mode_page;
pub mod read_capacity;
pub mod report_luns;
pub mod request_sense;
pub mod rsoc;
pub mod target_port_groups;

pub mod persistent_reservation;
pub mod transport_id;

pub mod unit_report;

pub mod status;

pub mod sense;

pub mod asc;

pub use asc::Asc;
pub use attribute::TaskAttribute;
pub use cdb::Cdb;
pub use command::Command;
pub use device_info::DeviceInfo;
pub use lun::Lun;
pub use opcode::Opcode;
pub use parameter::ParameterData;
pub use sense::{Sense, SenseBytes, SenseKey};
pub use status::Status;
pub use units::{BlockSize, Blocks, Bytes, Lba};
