//! READ and WRITE in all their lengths (SBC-3 5.10 to 5.13 and 5.30 to 5.33), straight between medium and arena.
//!
//! The first try must not block; what it leaves over goes to the engine, again and again until everything has moved. A
//! file that ends too early is a medium error, never GOOD with whatever stood in the buffer. FUA, and every write of a
//! unit without a write cache, ends with a sync before it is answered.

use std::io;

use scsi::command::ReadWrite;
use scsi::sense::Sense;
use scsi::units::{Blocks, Lba};

use super::writable;
use crate::backend::{Attempt, Backend, Way};
use crate::execute::Step;
use crate::failure;
use crate::task::{Outcome, Task, Transfer};
use crate::unit::Unit;

/// READ. With FUA, what a volatile cache holds is brought to the medium first, so that what is read is what is there.
#[inline]
pub fn read(task: &mut Task, unit: &mut Unit, range: &ReadWrite) -> Step {
    begin(task, unit, range, Way::In)
}

/// WRITE.
#[inline]
pub fn write(task: &mut Task, unit: &mut Unit, range: &ReadWrite) -> Step {
    if let Err(sense) = unit.medium() {
        return Step::Done(Outcome::check(sense));
    }
    if let Err(sense) = unit.check_writable() {
        return Step::Done(Outcome::check(sense));
    }
    begin(task, unit, range, Way::Out)
}

fn begin(task: &mut Task, unit: &mut Unit, range: &ReadWrite, way: Way) -> Step {
    let (offset, wanted) = match place(unit, range) {
        Ok(place) => place,
        Err(sense) => return Step::Done(Outcome::check(sense)),
    };
    let mut len = wanted.min(task.data.bytes());
    if way == Way::Out {
        len = writable(unit, len);
    }
    let durable = unit.needs_sync() && (range.fua || way == Way::Out && unit.write_through());
    if len == 0 {
        return Step::Done(Outcome::good(0, wanted));
    }
    let plan = match unit.medium() {
        Ok(backend) => backend.plan(),
        Err(sense) => return Step::Done(Outcome::check(sense)),
    };
    task.transfer = Some(Transfer { way, offset, wanted, len, done: 0, durable, plan });
    match plan.delay {
        _ if durable && way == Way::In && unit.syncs.lost => lost(0),
        _ if durable && way == Way::In => Step::Sync,
        Some(delay) => Step::Later(delay),
        None => start(task, unit),
    }
}

/// Where the range lies on the medium and how long it is, in bytes.
pub(super) fn place(unit: &mut Unit, range: &ReadWrite) -> Result<(u64, usize), Sense> {
    unit.medium()?;
    let info = &unit.info;
    info.check_transfer(range).map_err(|sense| out_of_range(sense, range.lba, info.blocks))?;
    let offset = range.lba.checked_offset(info.block_size);
    let bytes = range.bytes(info.block_size).and_then(|bytes| usize::try_from(bytes.0).ok());
    offset.map(|offset| offset.0).zip(bytes).ok_or(Sense::lba_out_of_range())
}

/// Adds to LBA OUT OF RANGE which block it was (SBC-3 4.18.1): the first that does not exist.
pub fn out_of_range(sense: Sense, lba: Lba, blocks: Blocks) -> Sense {
    if sense == Sense::lba_out_of_range() {
        Sense { information: Some(lba.0.max(blocks.0)), ..sense }
    } else {
        sense
    }
}

/// Moves what can be moved at once.
pub fn start(task: &mut Task, unit: &mut Unit) -> Step {
    let Task { transfer: Some(transfer), data, .. } = task else {
        unreachable!("a READ or WRITE has a transfer before it starts")
    };
    let Some(backend) = unit.backend() else {
        return Step::Done(Outcome::check(Sense::internal_target_failure()));
    };
    if transfer.plan.die
        && let Backend::Fault(fault) = backend
    {
        let error = fault.die(transfer.way, data, transfer.len, transfer.offset);
        return failed(transfer, unit, &error);
    }
    if transfer.plan.fail {
        return failed(transfer, unit, &io::Error::from_raw_os_error(libc::EIO));
    }
    match backend.attempt(transfer.way, data, 0, transfer.next_try(), transfer.offset) {
        Attempt::Moved(moved) => {
            transfer.moved(moved);
            if transfer.done < transfer.len { Step::Engine } else { finish(transfer, unit) }
        }
        Attempt::WouldBlock => Step::Engine,
        Attempt::Failed(error) => failed(transfer, unit, &error),
    }
}

/// The engine has moved bytes, or failed.
pub fn moved(task: &mut Task, unit: &mut Unit, result: io::Result<usize>) -> Step {
    let Some(transfer) = &mut task.transfer else { unreachable!("the engine was given a transfer") };
    match result {
        Ok(moved) if moved > 0 => {
            transfer.moved(moved);
            if transfer.done < transfer.len { Step::Engine } else { finish(transfer, unit) }
        }
        Ok(_) => {
            let sense = failure::of_end(transfer.op(), Some(first_missing(transfer, unit)));
            Step::Done(Outcome::check_after(sense, transfer.done))
        }
        Err(error) if matches!(error.raw_os_error(), Some(libc::EINTR | libc::EAGAIN)) => Step::Engine,
        Err(error) => failed(transfer, unit, &error),
    }
}

/// The sync after a write, or before a read, is over; `kept` says whether everything is on the medium.
pub fn synced(task: &mut Task, unit: &mut Unit, kept: bool) -> Step {
    match &task.transfer {
        Some(transfer) if kept && transfer.way == Way::Out => {
            Step::Done(Outcome::good(transfer.done, transfer.wanted))
        }
        Some(_) if kept => start(task, unit),
        transfer => lost(transfer.as_ref().map_or(0, |transfer| transfer.done)),
    }
}

fn lost(done: usize) -> Step {
    Step::Done(Outcome::check_after(failure::of_lost_data(), done))
}

fn finish(transfer: &Transfer, unit: &Unit) -> Step {
    match transfer.durable && transfer.way == Way::Out {
        false => Step::Done(Outcome::good(transfer.done, transfer.wanted)),
        true if unit.syncs.lost => lost(transfer.done),
        true => Step::Sync,
    }
}

fn failed(transfer: &Transfer, unit: &Unit, error: &io::Error) -> Step {
    let sense = failure::of_io(transfer.op(), error, Some(first_missing(transfer, unit)));
    Step::Done(Outcome::check_after(sense, transfer.done))
}

/// The block that the first byte which was not moved belongs to.
fn first_missing(transfer: &Transfer, unit: &Unit) -> u64 {
    (transfer.offset + transfer.done as u64) / u64::from(unit.info.block_size.get())
}
