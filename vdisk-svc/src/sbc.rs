//! Commands of SBC-3: those that move blocks, those that look at them or change them in other ways, and those about the
//! medium that holds them.

pub mod read_write;

pub mod atomic;
pub mod or_write;
pub mod provisioning;
pub mod verify;
pub mod write_same;

pub mod pre_fetch;
pub mod synchronize;

pub mod capacity;
pub mod long_operation;
pub mod start_stop;

use scsi::asc::Asc;
use scsi::sense::Sense;

use crate::unit::Unit;
use crate::work::Io;

/// The data-out is of another length than the CDB asks for, and half a command must not be executed.
fn wrong_length() -> Sense {
    Sense::illegal_request(Asc::INVALID_FIELD_IN_COMMAND_INFORMATION_UNIT)
}

/// How much of so many bytes can be written: a device that is written directly takes whole blocks only.
#[inline]
fn writable(unit: &Unit, len: usize) -> usize {
    if unit.is_direct() { len - len % unit.info.block_size.get() as usize } else { len }
}

/// What a command asks by.
fn io(unit: &Unit) -> Io {
    Io::new(unit.info.block_size.get())
}
