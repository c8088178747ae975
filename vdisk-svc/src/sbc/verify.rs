//! VERIFY and WRITE AND VERIFY in all their lengths (SBC-3 5.33 to 5.35, 5.42 to 5.44).
//!
//! Blocks are read into a buffer of this process and compared there, a piece at a time. WRITE AND VERIFY brings what it
//! wrote to the medium before it looks at it.

use scsi::command::{ByteCheck, Verify};
use scsi::sense::Sense;

use super::read_write::place;
use super::{io, writable, wrong_length};
use crate::buffers::{BYTES, Buffer};
use crate::execute::Step;
use crate::span::Spans;
use crate::task::{Outcome, Task};
use crate::unit::Unit;
use crate::work::{Io, Stop, Work};

/// What blocks are compared with.
enum Against {
    Nothing,
    Each(Spans),
    Same(Vec<u8>),
}

/// VERIFY.
pub fn verify(task: &Task, unit: &mut Unit, request: &Verify) -> Step {
    let (offset, wanted) = match place(unit, &request.range) {
        Ok(place) => place,
        Err(sense) => return Step::Done(Outcome::check(sense)),
    };
    let block = unit.info.block_size.get() as usize;
    let given = task.data.bytes();
    let (against, len, outcome) = match request.check {
        ByteCheck::None => (Against::Nothing, wanted, Outcome::GOOD),
        ByteCheck::Each => {
            let len = wanted.min(given);
            (Against::Each(task.data.clone()), len, Outcome::good(len, wanted))
        }
        ByteCheck::Same if wanted == 0 => (Against::Nothing, 0, Outcome::GOOD),
        ByteCheck::Same if given < block => return Step::Done(Outcome::check(wrong_length())),
        ByteCheck::Same => {
            let mut pattern = vec![0; block];
            task.data.read_at(0, &mut pattern);
            (Against::Same(pattern), wanted, Outcome::good(block, block))
        }
    };
    if len == 0 {
        return Step::Done(outcome);
    }
    let io = io(unit);
    Step::Work(Work::new(io.clone(), async move {
        match compare(&io, offset, len, &against).await {
            Ok(()) => outcome,
            Err(stop) => Outcome::check(stop.sense),
        }
    }))
}

/// WRITE AND VERIFY.
pub fn write_and_verify(task: &Task, unit: &mut Unit, request: &Verify) -> Step {
    let place = unit
        .medium()
        .map(|_| ())
        .and_then(|()| unit.check_writable())
        .and_then(|()| place(unit, &request.range));
    let (offset, wanted) = match place {
        Ok(place) => place,
        Err(sense) => return Step::Done(Outcome::check(sense)),
    };
    let data = task.data.clone();
    let len = writable(unit, wanted.min(data.bytes()));
    if len == 0 {
        return Step::Done(Outcome::good(0, wanted));
    }
    let io = io(unit);
    let check = request.check;
    Step::Work(Work::new(io.clone(), async move {
        if let Err(stop) = io.write(offset, &data, 0, len).await {
            return Outcome::check_after(stop.sense, stop.done);
        }
        if let Err(sense) = io.sync().await {
            return Outcome::check_after(sense, len);
        }
        let against = if check == ByteCheck::None { Against::Nothing } else { Against::Each(data) };
        match compare(&io, offset, len, &against).await {
            Ok(()) => Outcome::good(len, wanted),
            Err(stop) => Outcome::check_after(stop.sense, len),
        }
    }))
}

/// Reads `len` bytes and compares them; the difference is told as an offset into them.
async fn compare(io: &Io, offset: u64, len: usize, against: &Against) -> Result<(), Stop> {
    let buffer = io.buffer().await?;
    let mut done = 0;
    while done < len {
        let piece = BYTES.min(len - done);
        io.read(offset + done as u64, &buffer.spans, 0, piece).await?;
        let at = match against {
            Against::Nothing => None,
            Against::Each(data) => data.difference(done, &buffer.spans, piece),
            Against::Same(pattern) => difference_from(&buffer, pattern, piece),
        };
        if let Some(at) = at {
            let at = match against {
                // It is one block that the offset counts in.
                Against::Same(pattern) => at % pattern.len().max(1),
                _ => done + at,
            };
            return Err(Sense::miscompare(at as u64).into());
        }
        done += piece;
    }
    Ok(())
}

/// Compares the first `len` bytes of a buffer with copies of a block.
fn difference_from(buffer: &Buffer, pattern: &[u8], len: usize) -> Option<usize> {
    let mut block = vec![0; pattern.len()];
    (0..len).step_by(pattern.len().max(1)).find_map(|start| {
        let count = buffer.spans.read_at(start, &mut block).min(len - start);
        let at = block[..count].iter().zip(pattern).position(|(a, b)| a != b)?;
        Some(start + at)
    })
}

/// Compares for COMPARE AND WRITE: `len` bytes on the medium with the start of the data-out.
pub(super) async fn matches(io: &Io, offset: u64, data: &Spans, len: usize) -> Result<(), Stop> {
    compare(io, offset, len, &Against::Each(data.clone())).await
}
