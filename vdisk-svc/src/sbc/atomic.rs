//! COMPARE AND WRITE (SBC-3 5.2) and WRITE ATOMIC(16) (SBC-4 5.48): all of the blocks are written, or none.
//!
//! Against other commands of the unit: while such a command runs, it has its blocks to itself
//! ([`crate::unit::claims`]). Against the death of any process: what is to be written stands in the notebook before the
//! first byte goes to the medium, and a successor writes it before it serves the unit ([`crate::notebook`]). Against the death of the
//! machine nothing is promised beyond what the host's file system and disk do for one write. Commands that are too long
//! for the notebook are refused by the limits of VPD page B0h.

use scsi::command::{ReadWrite, WriteAtomic};
use scsi::sense::Sense;

use super::read_write::place;
use super::verify::matches;
use super::{io, wrong_length};
use crate::execute::Step;
use crate::task::{Outcome, Task};
use crate::unit::Unit;
use crate::work::{Io, Whole, Work};

/// Offset and length of what is to be written, if it may be. `most` is the limit, and `field` where the CDB exceeds it.
fn check(unit: &mut Unit, range: &ReadWrite, most: u64, field: u16) -> Result<(u64, usize), Sense> {
    unit.medium()?;
    unit.check_writable()?;
    let place = place(unit, range)?;
    if range.blocks.0 > most {
        return Err(Sense::invalid_field_in_cdb(field, None));
    }
    Ok(place)
}

/// COMPARE AND WRITE.
pub fn compare_and_write(task: &Task, unit: &mut Unit, range: &ReadWrite) -> Step {
    let most = unit.info.max_compare_and_write().0;
    let (offset, len) = match check(unit, range, most, 13) {
        Ok(place) => place,
        Err(sense) => return Step::Done(Outcome::check(sense)),
    };
    // Data that does not come in two equal halves says nothing of what is to be compared with what.
    if task.data.bytes() != 2 * len {
        return Step::Done(Outcome::check(Sense::invalid_field_in_cdb(13, None)));
    }
    let outcome = Outcome::good(2 * len, 2 * len);
    if len == 0 {
        return Step::Done(outcome);
    }
    let (data, io, durable) = (task.data.clone(), io(unit), range.fua || unit.write_through());
    Step::Work(Work::new(io.clone(), async move {
        if let Err(stop) = matches(&io, offset, &data, len).await {
            return Outcome::check(stop.sense);
        }
        write_whole(&io, Whole { offset, data, skip: len, len, outcome }, durable).await
    }))
}

/// WRITE ATOMIC(16).
pub fn write(task: &Task, unit: &mut Unit, request: &WriteAtomic) -> Step {
    let most = unit.info.max_atomic().0;
    let (offset, len) = match check(unit, &request.range, most, 12) {
        Ok(place) => place,
        Err(sense) => return Step::Done(Outcome::check(sense)),
    };
    // MAXIMUM ATOMIC BOUNDARY SIZE is zero: there is no writing in several atomic parts.
    if request.boundary != 0 {
        return Step::Done(Outcome::check(Sense::invalid_field_in_cdb(10, None)));
    }
    let (data, io, durable) = (task.data.clone(), io(unit), request.range.fua || unit.write_through());
    if data.bytes() < len {
        return Step::Done(Outcome::check(wrong_length()));
    }
    let outcome = Outcome::good(len, len);
    if len == 0 {
        return Step::Done(outcome);
    }
    Step::Work(Work::new(io.clone(), async move {
        write_whole(&io, Whole { offset, data, skip: 0, len, outcome }, durable).await
    }))
}

async fn write_whole(io: &Io, whole: Whole, durable: bool) -> Outcome {
    let (offset, len, outcome) = (whole.offset, whole.len, whole.outcome);
    let copy = match io.begin(whole).await {
        Ok(copy) => copy,
        Err(sense) => return Outcome::check(sense),
    };
    if let Err(stop) = io.write(offset, &copy, 0, len).await {
        return Outcome::check_after(stop.sense, stop.done);
    }
    match durable {
        true => io.sync().await.map_or_else(Outcome::check, |()| outcome),
        false => outcome,
    }
}
