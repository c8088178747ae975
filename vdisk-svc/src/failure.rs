//! Failures of the host become sense data here and nowhere else.
//!
//! No error may end in GOOD, and none may say more than is known: what the medium refused is a MEDIUM ERROR with the
//! block, what the file system has no room for is a failed allocation, and everything that this host got wrong itself
//! is an INTERNAL TARGET FAILURE.

use std::io;

use scsi::asc::Asc;
use scsi::sense::{Sense, SenseKey};

use crate::engine::Op;

/// What an I/O failed with, as sense data; `lba` is the first block that was not moved.
pub fn of_io(op: Op, error: &io::Error, lba: Option<u64>) -> Sense {
    match error.raw_os_error() {
        // ENODATA is what the kernel makes of a medium error of a block device, EILSEQ of a failed check.
        Some(libc::EIO | libc::EREMOTEIO | libc::EBADMSG | libc::EUCLEAN | libc::ENODATA | libc::EILSEQ) => {
            of_medium(op, lba)
        }
        Some(libc::ENOMEDIUM) => Sense::not_ready(Asc::MEDIUM_NOT_PRESENT),
        // The device is gone, or whoever serves it does not answer.
        Some(
            libc::ENODEV | libc::ENXIO | libc::ENOLINK | libc::ETIMEDOUT | libc::ESTALE | libc::ESHUTDOWN,
        ) => Sense::new(SenseKey::HardwareError, Asc::LOGICAL_UNIT_COMMUNICATION_FAILURE),
        // SBC-3 4.7.3.6: the resource is the file system's free space.
        Some(libc::ENOSPC | libc::EDQUOT | libc::EFBIG) if op != Op::Read => Sense::space_allocation_failed(),
        Some(libc::EROFS | libc::EPERM | libc::EACCES) if op == Op::Write => Sense::write_protected(),
        // The host may have more later, and the initiator sends the command again.
        Some(libc::ENOMEM | libc::ENOBUFS) if op != Op::Sync => {
            Sense::aborted_command(Asc::INSUFFICIENT_RESOURCES)
        }
        _ => Sense::internal_target_failure(),
    }
}

/// A file that ended before the unit does: it has been truncated behind our back. The blocks are gone.
pub fn of_end(op: Op, lba: Option<u64>) -> Sense {
    of_medium(op, lba)
}

/// Data that had been acknowledged did not reach the medium. Whatever the cause, it is the medium that lacks it.
pub fn of_lost_data() -> Sense {
    Sense::medium_error_write(None)
}

/// A file in the state directory that could not be written: nothing of it counts, and no medium is at fault. Without room
/// for the file the command cannot be done as it was asked for; without having it saved (SP zero) it could.
pub fn of_state(error: &io::Error) -> Sense {
    match error.raw_os_error() {
        Some(libc::ENOSPC | libc::EDQUOT) => Sense::illegal_request(Asc::INSUFFICIENT_RESOURCES),
        _ => Sense::internal_target_failure(),
    }
}

/// The same for those who did not ask: with the next command of each nexus.
pub fn of_lost_data_before() -> Sense {
    of_lost_data().deferred()
}

fn of_medium(op: Op, lba: Option<u64>) -> Sense {
    match op {
        Op::Read => Sense::medium_error_read(lba),
        Op::Write | Op::Sync => Sense::medium_error_write(lba),
    }
}

#[cfg(test)]
mod tests;
