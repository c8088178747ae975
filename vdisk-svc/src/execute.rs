//! What each command does: one match. The standards' chapters are the files: [`crate::spc`], [`crate::sbc`].
//!
//! Nothing here waits. A command either is over or says by a [`Step`] what it needs next; [`crate::dispatch`] arranges
//! that and comes back by [`resume`].

use std::io;
use std::time::Duration;

use scsi::command::Command;
use scsi::diagnostic;
use scsi::sense::Sense;

use crate::buffers::Buffer;
use crate::clerk::Errand;
use crate::mmc;
use crate::notebook::Notebook;
use crate::sbc::{atomic, long_operation, or_write, pre_fetch, provisioning, verify, write_same};
use crate::sbc::{capacity, read_write, start_stop, synchronize};
use crate::span::Spans;
use crate::spc;
use crate::task::{Outcome, Task};
use crate::unit::Unit;
use crate::work::Work;

/// What a command needs next.
#[derive(Debug)]
pub enum Step {
    /// Nothing: it is over.
    Done(Outcome),
    /// To be resumed after this time.
    Later(Duration),
    /// The engine, to move what [`Task::transfer`] has left.
    Engine,
    /// That everything written so far is on the medium.
    Sync,
    /// The same, and this is its answer already.
    SyncAnswered(Outcome),
    /// The clerk, to do something that blocks.
    Errand(Errand),
    /// To be driven on from here: it is written as one piece.
    Work(Work),
    /// Its turn: a command before it, of a kind that goes one at a time, is not over.
    Turn,
}

/// What a command has been waiting for.
#[derive(Debug)]
pub enum Event {
    /// The time is over.
    Time,
    /// The engine has moved bytes, or failed.
    Moved(io::Result<usize>),
    /// Everything is on the medium, or (false) some acknowledged data never will be.
    Synced(bool),
    /// The errand is done, or has failed.
    Errand(io::Result<()>),
    /// The command before it is over.
    Turn,
    /// Here is a buffer.
    Buffer(Buffer),
    /// The write stands in the notebook; this is what to write.
    Begun(Spans),
    /// What was asked for has been done.
    Done,
}

/// Begins a command. What it must remember across a death of this process, it keeps in the notebook.
#[inline]
pub fn begin(task: &mut Task, unit: &mut Unit, _notebook: &mut Notebook) -> Step {
    let command = match task.command {
        Ok(command) => command,
        Err(sense) => return Step::Done(Outcome::check(sense)),
    };
    if unit.deferred.is_due()
        && let Some(outcome) = spc::deferred_error(task, unit, &command)
    {
        return Step::Done(outcome);
    }
    Step::Done(match command {
        Command::Read(range) => return read_write::read(task, unit, &range),
        Command::Write(range) => return read_write::write(task, unit, &range),
        Command::SynchronizeCache(range) => return synchronize::begin(unit, &range),
        Command::Verify(request) => return verify::verify(task, unit, &request),
        Command::WriteAndVerify(request) => return verify::write_and_verify(task, unit, &request),
        Command::WriteSame(request) => return write_same::begin(task, unit, &request),
        Command::WriteAtomic(request) => return atomic::write(task, unit, &request),
        Command::CompareAndWrite(range) => return atomic::compare_and_write(task, unit, &range),
        Command::OrWrite(range) => return or_write::begin(task, unit, &range),
        Command::Unmap(request) => return provisioning::unmap(task, unit, &request),
        Command::GetLbaStatus(request) => return provisioning::lba_status(task, unit, &request),
        Command::PreFetch(request) => return pre_fetch::begin(unit, &request),
        Command::ReadDefectData(request) => pre_fetch::defect_data(task, unit, &request),
        Command::FormatUnit(request) => return long_operation::format(task, unit, &request),
        Command::Sanitize(request) => return long_operation::sanitize(task, unit, &request),
        Command::TestUnitReady => spc::test_unit_ready(unit),
        Command::Inquiry(request) => spc::inquiry(task, unit, &request),
        Command::ModeSense(request) => spc::mode::sense(task, unit, &request),
        Command::ModeSelect(request) => return spc::mode::select(task, unit, &request),
        Command::RequestSense(request) => spc::log::request_sense(task, unit, &request),
        Command::LogSense(request) => spc::log::sense(task, unit, &request),
        Command::LogSelect(request) => spc::log::select(task, unit, &request),
        Command::SendDiagnostic(request) => spc::log::send_diagnostic(task, unit, &request),
        Command::ReceiveDiagnosticResults(request) => spc::answer(task, diagnostic::respond(&request)),
        Command::ReadBuffer(request) => spc::buffer::read(task, unit, &request),
        Command::WriteBuffer(request) => spc::buffer::write(task, unit, &request),
        Command::ReportSupportedOperationCodes(request) => {
            spc::report_supported_operation_codes(task, unit, &request)
        }
        Command::ReadCapacity10 => capacity::read_capacity_10(task, unit),
        Command::ReadCapacity16 { allocation_length } => {
            capacity::read_capacity_16(task, unit, allocation_length)
        }
        Command::StartStopUnit(request) => return start_stop::begin(task, unit, &request),
        Command::PreventAllowMediumRemoval { prevent } => start_stop::prevent_allow(task, unit, prevent),
        Command::ReadToc(request) => mmc::read_toc(task, unit, &request),
        Command::GetConfiguration(request) => mmc::get_configuration(task, unit, &request),
        Command::GetEventStatus(request) => mmc::get_event_status(task, unit, &request),
        Command::ReadDiscInformation { allocation_length } => {
            mmc::read_disc_information(task, unit, allocation_length)
        }
        Command::ReadTrackInformation(request) => mmc::read_track_information(task, unit, &request),
        Command::ReadFormatCapacities { allocation_length } => {
            mmc::read_format_capacities(task, unit, allocation_length)
        }
        Command::MechanismStatus { allocation_length } => {
            mmc::mechanism_status(task, unit, allocation_length)
        }
        // core-svc executes these and has no reason to send them here.
        Command::ReportLuns(_)
        | Command::ReportSupportedFunctions(_)
        | Command::ReportTargetPortGroups(_)
        | Command::SetTargetPortGroups { .. }
        | Command::Reserve
        | Command::Release
        | Command::PersistentReserveIn { .. }
        | Command::PersistentReserveOut { .. }
        | Command::ExtendedCopy { .. }
        | Command::ReceiveCopyResults(_) => Outcome::check(Sense::invalid_opcode()),
    })
}

/// Goes on with a command.
pub fn resume(task: &mut Task, unit: &mut Unit, _notebook: &mut Notebook, event: Event) -> Step {
    if let Ok(Command::ModeSelect(request)) = task.command {
        return spc::mode::resume(task, unit, &request, event);
    }
    if let (Ok(Command::StartStopUnit(request)), Event::Synced(kept)) = (task.command, &event) {
        return start_stop::synced(task, unit, &request, *kept);
    }
    match event {
        Event::Time => read_write::start(task, unit),
        Event::Moved(result) => read_write::moved(task, unit, result),
        Event::Synced(kept) if task.transfer.is_some() => read_write::synced(task, unit, kept),
        Event::Synced(kept) => Step::Done(synchronize::synced(kept)),
        // Nothing else has errands or waits for its turn.
        Event::Errand(_) | Event::Turn | Event::Buffer(_) | Event::Begun(_) | Event::Done => {
            Step::Done(Outcome::check(Sense::internal_target_failure()))
        }
    }
}
