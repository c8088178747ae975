//! FORMAT UNIT (SBC-3 5.3) and SANITIZE (SBC-3 5.21): everything is written anew, and meanwhile nobody else gets at it.
//!
//! The operation belongs to the unit, not to the command: it stands in the notebook before it begins
//! ([`crate::unit::operation`]), no abort and no reset ends it, and a successor of this process goes on with it. A command
//! that waits for its end (IMMED zero) and comes again after a death waits for the one that is under way; one that is aborted
//! ends, and the operation goes on.

use std::fs::File;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::{Duration, Instant};

use scsi::asc::Asc;
use scsi::command::{FormatUnit, Sanitize, SanitizeAction};
use scsi::parameter_list;
use scsi::sense::{Sense, SenseKey};

use super::io;
use super::write_same::{PIECE, Zeros, repeat, zero};
use crate::backend::allocation;
use crate::engine::Op;
use crate::execute::Step;
use crate::failure;
use crate::notebook::{Name, Notebook, Topic};
use crate::task::{Outcome, Task};
use crate::unit::Unit;
use crate::unit::operation::{Kind, Operation};
use crate::work::{Io, Stop, Work};

/// Bytes that are overwritten between two looks at how far it is.
const STEP: u64 = 8 << 20;
/// How often a command that waits looks whether it is over.
const LOOK: Duration = Duration::from_millis(20);

/// FORMAT UNIT.
pub fn format(task: &Task, unit: &mut Unit, request: &FormatUnit) -> Step {
    if let Some(mine) = attend_mine(task, unit) {
        return mine;
    }
    let immed = match request.data {
        false => Ok(false),
        true => {
            let mut list = vec![0; parameter_list::FORMAT_HEADER.min(task.data.bytes())];
            task.data.read_at(0, &mut list);
            parameter_list::format(request.long_list, &list)
        }
    };
    let given = if request.data { task.data.bytes() } else { 0 };
    match immed {
        Ok(immed) => begin(task, unit, Kind::Format, (immed, false), Outcome::good(given, given)),
        Err(sense) => Step::Done(Outcome::check(sense)),
    }
}

/// SANITIZE.
pub fn sanitize(task: &Task, unit: &mut Unit, request: &Sanitize) -> Step {
    if let Some(mine) = attend_mine(task, unit) {
        return mine;
    }
    let given = usize::from(request.list_length).min(task.data.bytes());
    let kind = match request.action {
        SanitizeAction::ExitFailureMode => return exit_failure_mode(unit),
        SanitizeAction::BlockErase => Ok(Kind::BlockErase),
        SanitizeAction::Overwrite => {
            let mut list = vec![0; given];
            task.data.read_at(0, &mut list);
            parameter_list::overwrite(unit.info.block_size, &list, request.list_length).map(|asked| {
                Kind::Overwrite { count: asked.count, invert: asked.invert, pattern: asked.pattern }
            })
        }
    };
    let how = (request.immed, request.unrestricted_exit);
    match kind {
        Ok(kind) => begin(task, unit, kind, how, Outcome::good(given, given)),
        Err(sense) => Step::Done(Outcome::check(sense)),
    }
}

/// A failure that may be left is left; the medium is as it is then. Without a failure there is nothing to leave.
fn exit_failure_mode(unit: &mut Unit) -> Step {
    match &unit.operation {
        Some(failed) if failed.failed && failed.is_sanitize() && !failed.unrestricted_exit => {
            return Step::Done(Outcome::check(Sense::invalid_field_in_cdb(1, Some(4))));
        }
        Some(running) if !running.failed => return Step::Done(Outcome::check(running.sense(unit.bytes()))),
        _ => {}
    }
    let io = io(unit);
    Step::Work(Work::new(io.clone(), async move {
        let left = io.on_unit(|unit, notebook| {
            if unit.operation.as_ref().is_some_and(|operation| operation.failed && operation.is_sanitize()) {
                unit.operation = None;
                notebook.forget(unit.number(), Topic::LongOperation);
            }
        });
        left.await.map_or_else(Outcome::check, |()| Outcome::GOOD)
    }))
}

fn begin(task: &Task, unit: &mut Unit, kind: Kind, (immed, exit): (bool, bool), outcome: Outcome) -> Step {
    let owner = task.identity.name();
    if let Some(running) = unit.operation.as_ref().filter(|operation| !operation.failed) {
        return Step::Done(Outcome::check(running.sense(unit.bytes())));
    }
    // A failed SANITIZE is ended by another one only, a failed FORMAT UNIT by either.
    let sanitizes = kind != Kind::Format;
    if let Some(failed) = unit.operation.as_ref().filter(|failed| failed.is_sanitize() && !sanitizes) {
        return Step::Done(Outcome::check(failed.sense(unit.bytes())));
    }
    let before = unit.operation.take();
    let possible = unit.medium().map(|_| ()).and_then(|()| unit.check_writable());
    if let Err(sense) = possible {
        unit.operation = before;
        return Step::Done(Outcome::check(sense));
    }
    // From here on other commands are refused.
    unit.operation = Some(Operation::new(kind, owner, exit));
    let io = io(unit);
    Step::Work(Work::new(io.clone(), async move {
        match io.on_unit(keep).await {
            Ok(true) => {}
            _ => {
                let _ = io.on_unit(|unit, _| unit.operation = before).await;
                return Outcome::check(Sense::aborted_command(Asc::INSUFFICIENT_RESOURCES));
            }
        }
        if immed {
            io.answer_early(outcome).await;
        }
        run(&io).await.map_or_else(Outcome::check, |()| outcome)
    }))
}

fn keep(unit: &mut Unit, notebook: &mut Notebook) -> bool {
    let Some(operation) = &unit.operation else { return false };
    notebook.keep(unit.number(), Topic::LongOperation, operation.encode()).is_ok()
}

/// Waits for the end of the operation that is under way, if this command began it before. Its list was good then.
fn attend_mine(task: &Task, unit: &mut Unit) -> Option<Step> {
    let owner = task.identity.name();
    let mine = unit.operation.as_ref().is_some_and(|operation| operation.owner == owner);
    (mine && task.again).then(|| attend(unit, owner, Outcome::good(task.data.bytes(), task.data.bytes())))
}

fn attend(unit: &mut Unit, owner: Name, outcome: Outcome) -> Step {
    let io = io(unit);
    unit.attending += 1;
    Step::Work(Work::new(io.clone(), async move {
        loop {
            let look = io.on_unit(move |unit, _| {
                let ended = match &unit.operation {
                    Some(mine) if mine.owner == owner && !mine.failed => return None,
                    Some(mine) if mine.owner == owner => Outcome::check(command_failed(mine)),
                    _ => outcome,
                };
                unit.attending -= 1;
                Some(ended)
            });
            match look.await {
                Ok(Some(outcome)) => return outcome,
                Ok(None) => io.pause(LOOK).await,
                Err(sense) => return Outcome::check(sense),
            }
        }
    }))
}

/// The work that goes on with an operation that was found in the notebook.
pub fn resume(unit: &mut Unit) -> Work {
    let io = io(unit);
    Work::new(io.clone(), async move { run(&io).await.map_or_else(Outcome::check, |()| Outcome::GOOD) })
}

/// What the command ends with whose operation has failed.
fn command_failed(operation: &Operation) -> Sense {
    let asc = if operation.is_sanitize() { Asc::SANITIZE_COMMAND_FAILED } else { Asc::FORMAT_COMMAND_FAILED };
    Sense::new(SenseKey::MediumError, asc)
}

/// Carries the operation of the unit out, from where it is, and notes its end.
async fn run(io: &Io) -> Result<(), Sense> {
    // What had begun before ends first, over whichever link it came; nothing else begins any more but to wait for this.
    while io.on_unit(|unit, _| unit.running - unit.attending > 1).await? {
        io.pause(Duration::from_millis(1)).await;
    }
    let facts = io.on_unit(|unit, _| {
        let operation = unit.operation.clone()?;
        let pace = Pace { rate: unit.sanitize_rate(), block: unit.info.block_size.get().into() };
        let thin = (unit.info.thin_provisioned, unit.info.anchors);
        Some((operation, allocation::file_of(unit), unit.bytes(), thin, pace))
    });
    let (operation, file, bytes, (thin, anchors), pace) =
        facts.await?.ok_or(Sense::internal_target_failure())?;
    let Some(file) = file else { return end(io, Ok(false)).await };
    let block = io.block();
    let result = match &operation.kind {
        Kind::Format => {
            let how = if thin { Zeros::Unmap } else { Zeros::Keep };
            format_all(io, &file, operation.done, bytes, how).await.map(|()| false)
        }
        Kind::Overwrite { count, invert, pattern } => {
            let pattern = (u64::from(*count), *invert, fill(pattern, block as usize));
            overwrite(io, operation.done, bytes, &pattern, pace).await.map(|()| false)
        }
        Kind::BlockErase => erase(io, (&file, anchors), operation.done, bytes, pace).await,
    };
    let result = match result {
        Ok(blank) => io.sync().await.map(|()| blank).map_err(Stop::from),
        failed => failed,
    };
    end(io, result).await
}

/// The operation is over, well or not; well, it says whether every block was given back.
async fn end(io: &Io, result: Result<bool, Stop>) -> Result<(), Sense> {
    let sense = io.on_unit(move |unit, notebook| {
        let mut operation = unit.operation.take()?;
        if let Ok(blank) = result {
            unit.blank = blank;
            notebook.forget(unit.number(), Topic::LongOperation);
            return None;
        }
        operation.failed = true;
        let sense = command_failed(&operation);
        unit.operation = Some(operation);
        keep(unit, notebook);
        Some(sense)
    });
    sense.await?.map_or(Ok(()), Err)
}

/// Keeps a SANITIZE from writing more in a second than the manifest allows.
#[derive(Debug, Clone, Copy)]
struct Pace {
    rate: Option<NonZeroU64>,
    block: u64,
}

impl Pace {
    /// Bytes to write in one go: with a limit no more than in a quarter of a second, whole blocks.
    fn step(self) -> u64 {
        let most = self.rate.map_or(STEP, |rate| STEP.min(rate.get() / 4));
        (most / self.block).max(1) * self.block
    }

    /// Waits until what was begun then and wrote so many bytes may have its next.
    async fn rest(self, io: &Io, began: Instant, written: u64) {
        let Some(rate) = self.rate else { return };
        let due = Duration::from_secs_f64(written as f64 / rate.get() as f64);
        if let Some(early) = due.checked_sub(began.elapsed()) {
            io.pause(early).await;
        }
    }
}

/// Notes that so many bytes are done.
async fn progress(io: &Io, done: u64) -> Result<(), Stop> {
    let note = io.on_unit(move |unit, notebook| {
        if let Some(operation) = &mut unit.operation {
            operation.done = done;
        }
        keep(unit, notebook);
    });
    Ok(note.await?)
}

async fn format_all(io: &Io, file: &Arc<File>, from: u64, bytes: u64, how: Zeros) -> Result<(), Stop> {
    let mut done = from;
    while done < bytes {
        let piece = PIECE.min(bytes - done);
        zero(io, file, done, piece, how).await?;
        done += piece;
        progress(io, done).await?;
    }
    Ok(())
}

/// Copies of a pattern in one block.
fn fill(pattern: &[u8], block: usize) -> Vec<u8> {
    pattern.iter().copied().cycle().take(block).collect()
}

/// Each pass is on the medium before the next one begins.
async fn overwrite(
    io: &Io,
    from: u64,
    bytes: u64,
    (count, invert, pattern): &(u64, bool, Vec<u8>),
    pace: Pace,
) -> Result<(), Stop> {
    let mut done = from;
    while bytes > 0 && done < bytes.saturating_mul(*count) {
        let (pass, at) = (done / bytes, done % bytes);
        let (began, piece) = (Instant::now(), pace.step().min(bytes - at));
        if *invert && pass % 2 == 1 {
            let inverted: Vec<u8> = pattern.iter().map(|byte| !byte).collect();
            repeat(io, &inverted, at, piece).await?;
        } else {
            repeat(io, pattern, at, piece).await?;
        }
        done += piece;
        if at + piece == bytes {
            io.sync().await?;
        }
        progress(io, done).await?;
        pace.rest(io, began, piece).await;
    }
    Ok(())
}

/// What is there is written over with zeros, so that it is not left to whoever gets the blocks next; then all is given back,
/// unless the result is false: that cannot be done there. Anchored blocks are there: what they were before they were anchored may be too.
async fn erase(
    io: &Io,
    (file, anchors): (&Arc<File>, bool),
    from: u64,
    bytes: u64,
    pace: Pace,
) -> Result<bool, Stop> {
    let mut at = from;
    while at < bytes {
        let (file, start) = (file.clone(), at);
        let found = io.errand(move || allocation::taken(&file, anchors, start, bytes)).await;
        let (mapped, until) = found.map_err(|error| Stop {
            sense: failure::of_io(Op::Read, &error, Some(io.lba(start))),
            done: 0,
        })?;
        let began = Instant::now();
        let until = if mapped { until.min(at + pace.step()) } else { until };
        if mapped {
            // Extents begin and end on blocks of the file system; the medium has whole blocks of its own.
            let block = io.block();
            let (first, last) = (at / block * block, until.div_ceil(block) * block);
            repeat(io, &[0; 512], first, last - first).await?;
        }
        let written = if mapped { until - at } else { 0 };
        at = until.max(at + 1);
        progress(io, at.min(bytes)).await?;
        pace.rest(io, began, written).await;
    }
    io.sync().await?;
    zero(io, file, 0, bytes, Zeros::Unmap).await
}
