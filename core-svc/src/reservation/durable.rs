//! What has to survive a loss of power (APTPL): a file for each unit in the state directory, and the thread that writes it.
//!
//! A unit has two files that are written in turn, each whole or not at all ([`ipc::state`]), so that the one before the last
//! is still there if the last cannot be read. The one with the higher number counts. Writing blocks, so it is done by one
//! thread: the core hands over what to write and hears by its bell when that is on the medium, and only then the
//! PERSISTENT RESERVE OUT is answered. A medium that hangs delays the units that write and nobody else.
//!
//! At boot files are read and, where the notebook knows better, written, before anybody is served.

mod file;
mod writer;

use std::time::Duration;

use ipc::message::Event;
use scsi::asc::Asc;
use scsi::sense::Sense;

pub use file::{Disk, Found, Slot};
pub use writer::Writer;

use super::action::Change;
use super::state::State;
use crate::core::Core;
use crate::settle::Outcome;
use crate::task::{Stage, TaskId};

/// A change that waits for the medium.
pub struct Writing {
    unit: u32,
    id: TaskId,
    change: Change,
}

impl Core {
    /// The identity of a unit that outlives manifests and reboots: its NAA identifier, or its name if it has none.
    fn identity(&self, unit: u32) -> Option<String> {
        let unit = self.units.get(unit as usize)?.as_ref()?;
        let naa: String = unit.naa.iter().map(|byte| format!("{byte:02x}")).collect();
        Some(if naa.is_empty() { unit.name.clone() } else { format!("naa.{naa}") })
    }

    /// Begins to make a change durable. Gives it back if there are too many.
    pub(super) fn make_durable(&mut self, id: TaskId, unit: u32, change: Change) -> Result<(), Change> {
        let (Some(identity), Some(writer)) = (self.identity(unit), &mut self.durable) else {
            return Err(change);
        };
        let Some(Some(known)) = self.units.get_mut(unit as usize) else { return Err(change) };
        let slot = Slot { identity, sequence: known.reservations.sequence + 1 };
        if !writer.submit(unit, slot, change.state.durable()) {
            return Err(change);
        }
        known.reservations.busy = true;
        self.writing.push(Writing { unit, id, change });
        Ok(())
    }

    /// Takes what the writer has finished. True if there was anything.
    pub(crate) fn drain_writer(&mut self) -> bool {
        let mut any = false;
        while let Some((unit, result)) = self.durable.as_mut().and_then(Writer::poll) {
            any = true;
            let Some(at) = self.writing.iter().position(|writing| writing.unit == unit) else { continue };
            let Writing { id, change, .. } = self.writing.swap_remove(at);
            if let Some(task) = self.tasks.get_mut(id) {
                task.stage = Stage::Enabled;
            }
            let now = match result {
                Ok(()) => {
                    if let Some(known) = self.unit_mut(unit) {
                        known.reservations.sequence += 1;
                    }
                    self.commit(id, unit, change)
                }
                Err(error) => Some(self.cannot_write(unit, &error)),
            };
            let aborted = self.tasks.get(id).is_some_and(|task| task.aborted);
            match now {
                _ if aborted => self.end(id, &Outcome::aborted()),
                Some(outcome) => self.end(id, &outcome),
                None => {}
            }
            self.wake_queue(unit);
            self.run_ready();
        }
        any
    }

    /// The host did not take the file: nothing has changed. One that is full is short of resources; anything else is broken.
    fn cannot_write(&mut self, unit: u32, error: &std::io::Error) -> Outcome {
        let name = self.units.get(unit as usize).and_then(|unit| Some(unit.as_ref()?.name.as_str()));
        let text = format!(
            "reservations of {} cannot be written ({error}): PERSISTENT RESERVE OUT with APTPL fails until the state \
             directory can be written",
            name.unwrap_or("?")
        );
        tracing::error!("{text}");
        if !std::mem::replace(&mut self.disk_failed, true) {
            self.events.push(Event::Problem { text });
        }
        use std::io::ErrorKind::{QuotaExceeded, StorageFull};
        Outcome::check(if matches!(error.kind(), StorageFull | QuotaExceeded) {
            Sense::illegal_request(Asc::INSUFFICIENT_REGISTRATION_RESOURCES)
        } else {
            Sense::internal_target_failure()
        })
    }

    /// Takes up the files of all units, before the core serves. `fresh`: no former core has left anything, so that they
    /// say how things are; else they are made to say what the notebook does, because a former core may have died between
    /// file and notebook.
    pub(crate) fn take_up_files(&mut self, fresh: bool) {
        for unit in 0..self.units.len() as u32 {
            self.take_up_file(unit, fresh);
        }
    }

    /// The same of one unit.
    pub(crate) fn take_up_file(&mut self, unit: u32, fresh: bool) {
        let (Some(identity), Some(writer)) = (self.identity(unit), &self.durable) else { return };
        let Found { sequence, state, problems, lost } = writer.load(&identity);
        let Some(Some(known)) = self.units.get_mut(unit as usize) else { return };
        known.reservations.sequence = sequence;
        let mut texts: Vec<String> =
            problems.into_iter().map(|why| format!("{}: {why}", known.name)).collect();
        if fresh {
            let found = state.unwrap_or_else(|| State { lost, ..State::default() });
            if lost {
                let what = "its persistent reservations are lost, and what they may have stopped is refused until an \
                            initiator sends REPLACE LOST RESERVATION or the files are removed and bulkhead is restarted";
                texts.push(format!("{}: {what}", known.name));
            }
            if found != State::default() {
                known.reservations.kept.state = found;
                self.note_reservations(unit);
            }
        } else if known.reservations.kept.state.durable() != state && !known.reservations.kept.state.lost {
            let slot = Slot { identity, sequence: sequence + 1 };
            match writer.save_now(&slot, known.reservations.kept.state.durable()) {
                Ok(()) => known.reservations.sequence += 1,
                Err(error) => {
                    texts.push(format!("{}: the file of its reservations is behind: {error}", known.name))
                }
            }
        }
        for text in texts {
            tracing::error!("{text}");
            self.events.push(Event::Problem { text });
        }
    }
}

/// How long the core may sleep while a write is under way. Its bell wakes it; this is for a bell that was not heard.
pub const LOOK: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests;
