//! Changes of units that an administrator asks for, and sizes that change by themselves: see [`crate::unit`].

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use ipc::message::Event;
use ipc::message::config::DeviceChange;
use ipc::message::event::DeviceAnswer;

use scsi::asc::Asc;
use scsi::sense::Sense;

use super::Dispatch;
use crate::units::UnitId;

/// How often a change is looked at that is under way.
pub(super) const LOOK: Duration = Duration::from_millis(2);
/// How often sizes are looked at.
const SIZES: Duration = Duration::from_secs(1);

impl Dispatch {
    /// The supervisor wants a unit to change.
    pub fn change(&mut self, unit: u32, request: u64, change: DeviceChange, fd: Option<OwnedFd>) {
        let Some(id) = self.units.find(unit) else {
            let text = "the service does not have this device".to_owned();
            return self.answer_change(unit, request, DeviceAnswer::Refused { text });
        };
        match self.units.get(id).begin_change(request, change, fd) {
            Ok(Some(answer)) => self.answer_change(unit, request, answer),
            Ok(None) => self.changing += 1,
            Err(text) => self.answer_change(unit, request, DeviceAnswer::Refused { text }),
        }
        self.tell_soon();
    }

    /// The supervisor settles the change of a medium.
    pub fn settle(&mut self, unit: u32, request: u64, go: bool) {
        let Some(id) = self.units.find(unit) else { return };
        if self.units.get(id).settle_change(request, go) {
            self.changing += 1;
        }
    }

    fn answer_change(&mut self, unit: u32, request: u64, answer: DeviceAnswer) {
        self.events.push(Event::Device { unit, request, answer });
    }

    /// Goes on with changes. True if there was anything to do.
    pub(super) fn go_on_changing(&mut self) -> bool {
        let mut ended = Vec::new();
        for (id, unit) in self.units.iter_mut() {
            if let Some((request, answer, note)) = unit.go_on_changing() {
                ended.push((id, unit.number(), request, answer));
                self.notes.extend(note);
            }
        }
        let worked = !ended.is_empty();
        for (id, unit, request, answer) in ended {
            self.changing -= 1;
            self.answer_change(unit, request, answer);
            // Before the first command on the new medium is answered, initiators are told of it.
            self.send_reports();
            self.open_gate(id);
        }
        worked
    }

    /// Looks at the size of every unit, and for data that was lost, if it is time for that. Not on the way of a command, whoever calls it.
    pub fn look_at_sizes(&mut self, now: Instant) {
        if self.sizes_due.is_some_and(|due| now < due) {
            return;
        }
        self.sizes_due = Some(now + SIZES);
        for (_, unit) in self.units.iter_mut() {
            unit.look_at_space(now);
            self.notes.extend(unit.look_for_loss());
            // A size that cannot be used, or not be read, is left to the commands to find.
            if !unit.is_changing() {
                let _ = unit.look_at_size();
            }
            self.reports_due |= unit.is_untold();
        }
    }

    /// Looks at the size of one unit if a command may have failed because it is another one than thought.
    #[cold]
    pub(super) fn look_after(&mut self, id: UnitId, sense: &Sense) {
        let end = [Asc::LBA_OUT_OF_RANGE, Asc::UNRECOVERED_READ_ERROR, Asc::WRITE_ERROR];
        if end.contains(&sense.asc) && !self.units.get(id).is_changing() {
            // What cannot be read or used is no news: the command has failed already.
            let _ = self.units.get(id).look_at_size();
        }
    }
}
