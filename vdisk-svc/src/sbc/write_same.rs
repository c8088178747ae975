//! WRITE SAME(10) and (16) (SBC-3 5.46, 5.47): one block, written many times, or blocks unmapped.
//!
//! Zeros are the file system's to make, without writing them, where it can; everything else is written from one buffer,
//! again and again. Either way in pieces, so that others have their turn and a buffer is all the memory it takes.

use std::fs::File;
use std::sync::Arc;

use scsi::command::WriteSame;
use scsi::sense::Sense;

use super::read_write::out_of_range;
use super::{io, wrong_length};
use crate::backend::allocation;
use crate::buffers::BYTES;
use crate::engine::Op;
use crate::execute::Step;
use crate::failure;
use crate::task::{Outcome, Task};
use crate::unit::Unit;
use crate::work::{Io, Stop, Work};

/// Bytes that the file system is asked to make zero or give back at a time.
pub(super) const PIECE: u64 = 256 << 20;

/// How zeros are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Zeros {
    /// By giving the blocks back.
    Unmap,
    /// With the blocks in place.
    Keep,
    /// With the blocks in place, and their space reserved first, so that nothing has become of the data if there is none.
    Anchor,
}

/// WRITE SAME.
pub fn begin(task: &Task, unit: &mut Unit, request: &WriteSame) -> Step {
    let (offset, len) = match check(unit, request) {
        Ok(place) => place,
        Err(sense) => return Step::Done(Outcome::check(sense)),
    };
    let block = unit.info.block_size.get() as usize;
    let mut pattern = vec![0; block];
    let outcome = if request.no_data {
        Outcome::GOOD
    } else {
        if task.data.bytes() != block {
            return Step::Done(Outcome::check(wrong_length()));
        }
        task.data.read_at(0, &mut pattern);
        Outcome::good(block, block)
    };
    let zeros = pattern.iter().all(|byte| *byte == 0);
    // LBPRZ is one: unmapped blocks read as zeros, so only zeros can be had by unmapping (SBC-3 5.46.1).
    let how = match (request.unmap, request.anchor) {
        (true, true) => Zeros::Anchor,
        (true, false) => Zeros::Unmap,
        (false, _) => Zeros::Keep,
    };
    let file = allocation::file_of(unit);
    let (io, durable) = (io(unit), unit.write_through());
    Step::Work(Work::new(io.clone(), async move {
        let done = match (zeros, file) {
            (true, Some(file)) => release(&io, &file, &[(offset, len)], how).await,
            _ => repeat(&io, &pattern, offset, len).await,
        };
        let done = match (done, durable) {
            (Ok(()), true) => io.sync().await.map_err(Stop::from),
            (done, _) => done,
        };
        done.map_or_else(|stop| Outcome::check(stop.sense), |()| outcome)
    }))
}

fn check(unit: &mut Unit, request: &WriteSame) -> Result<(u64, u64), Sense> {
    unit.medium()?;
    unit.check_writable()?;
    let info = &unit.info;
    if request.unmap && !info.thin_provisioned {
        return Err(Sense::invalid_field_in_cdb(1, Some(3)));
    }
    // What is not unmapped is not anchored either (SBC-3 5.46.1).
    if request.anchor && !(request.unmap && info.anchors) {
        return Err(Sense::invalid_field_in_cdb(1, Some(4)));
    }
    info.check_range(request.lba, request.blocks)
        .map_err(|sense| out_of_range(sense, request.lba, info.blocks))?;
    // WSNZ is one, and there is a MAXIMUM WRITE SAME LENGTH. The field is at another place in each CDB.
    if request.blocks.0 == 0 || request.blocks > info.max_write_same() {
        return Err(Sense::illegal_request(scsi::asc::Asc::INVALID_FIELD_IN_CDB));
    }
    let offset = request.lba.checked_offset(info.block_size);
    let len = request.blocks.checked_bytes(info.block_size);
    offset.zip(len).map(|(offset, len)| (offset.0, len.0)).ok_or(Sense::lba_out_of_range())
}

/// Makes runs of the medium (offset and length) zero, after their space has been reserved if that is wanted.
pub(super) async fn release(io: &Io, file: &Arc<File>, runs: &[(u64, u64)], how: Zeros) -> Result<(), Stop> {
    if how == Zeros::Anchor {
        reserve(io, file, runs).await?;
    }
    for (offset, len) in runs {
        zero(io, file, *offset, *len, how).await?;
    }
    Ok(())
}

/// Has space reserved for all of these runs, or says why not before anything of them is zero.
async fn reserve(io: &Io, file: &Arc<File>, runs: &[(u64, u64)]) -> Result<(), Stop> {
    let first = runs.first().map_or(0, |run| run.0);
    let refused = |error: std::io::Error, at| {
        let sense = failure::of_io(Op::Write, &error, Some(io.lba(at)));
        Stop { sense, done: 0 }
    };
    let (asked, all) = (file.clone(), runs.to_vec());
    io.errand(move || allocation::check_room(&asked, &all)).await.map_err(|error| refused(error, first))?;
    for (offset, len) in runs {
        let mut done = 0;
        while done < *len {
            let (file, at, piece) = (file.clone(), offset + done, PIECE.min(len - done));
            match io.errand(move || allocation::reserve(&file, at, piece)).await {
                // Then it is had by writing ([`zero`]): blocks may be mapped instead of anchored.
                Err(error) if allocation::is_unsupported(&error) => return Ok(()),
                Err(error) => return Err(refused(error, at)),
                Ok(()) => {}
            }
            done += piece;
        }
    }
    Ok(())
}

/// Makes a run of the medium zero; where the file system cannot do that itself, by writing. False: it had to be written.
pub(super) async fn zero(io: &Io, file: &Arc<File>, offset: u64, len: u64, how: Zeros) -> Result<bool, Stop> {
    let (mut done, mut unwritten) = (0, true);
    while done < len {
        let (file, at, piece) = (file.clone(), offset + done, PIECE.min(len - done));
        let result = io
            .errand(move || match how {
                Zeros::Unmap => allocation::punch(&file, at, piece),
                Zeros::Keep | Zeros::Anchor => allocation::zero(&file, at, piece),
            })
            .await;
        match result {
            Ok(()) => {}
            Err(error) if allocation::is_unsupported(&error) => {
                repeat(io, &[0; 512], at, piece).await?;
                unwritten = false;
            }
            Err(error) => {
                return Err(Stop { sense: failure::of_io(Op::Write, &error, Some(io.lba(at))), done: 0 });
            }
        }
        done += piece;
    }
    Ok(unwritten)
}

/// Writes a pattern over a run of the medium, which is a multiple of the pattern.
pub(super) async fn repeat(io: &Io, pattern: &[u8], offset: u64, len: u64) -> Result<(), Stop> {
    let buffer = io.buffer().await?;
    buffer.spans.fill(pattern, BYTES.min(usize::try_from(len).unwrap_or(BYTES)));
    let mut done = 0;
    while done < len {
        let piece = (BYTES as u64).min(len - done);
        io.write(offset + done, &buffer.spans, 0, piece as usize).await?;
        done += piece;
    }
    Ok(())
}
