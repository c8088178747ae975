//! Tasks: what an initiator's tag stands for between its command and its response.
//!
//! A task lives from its SCSI Command PDU until its outcome is queued for sending, or, when nobody waits for it any more,
//! until the core has said that it is over: until then its data may still be read or written by a handler. Its
//! serial is the identity that the core knows it by; the low bits are its place here, the rest counts and never
//! comes again. Next: [`crate::core_link`], which sends the requests that are kept here.

use crate::buffers::Layout;
use crate::conn::ConnId;
use crate::session::burst::WriteData;
use ipc::message::record::{Reply, Request};

const PLACE_BITS: u32 = 16;
/// Most tasks at a time.
pub const MOST: usize = 1 << PLACE_BITS;

/// A place in the table.
pub type Place = u16;

/// How far a task has come towards the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The core does not know it.
    Private,
    /// The core has been told; data may be missing.
    InCore,
    /// Its outcome is here, or the core will never be told: nobody else uses its data.
    Ended,
}

/// A SCSI command on its way.
#[derive(Debug)]
pub struct Task {
    /// Its identity within the nexus.
    pub serial: u64,
    /// The connection that waits for it; none if that is gone.
    pub conn: Option<ConnId>,
    /// Initiator Task Tag.
    pub itt: u32,
    /// Logical unit number as the initiator wrote it.
    pub lun: [u8; 8],
    /// Expected Data Transfer Length in bytes.
    pub edtl: u32,
    /// It wants data from the target.
    pub read: bool,
    /// What the core is asked, kept so that it can be asked again.
    pub request: Request,
    /// Where its data lies.
    pub layout: Layout,
    /// Progress of its data-out, for writes.
    pub write: Option<WriteData>,
    /// How far it is known.
    pub stage: Stage,
    /// A Data-Out's payload is being received into it right now.
    pub receiving: bool,
    /// The core was told to abort it because its data is spoiled.
    pub aborting: bool,
    /// The core's outcome, when it came before the initiator had finished sending, or the answer has no room yet.
    pub outcome: Option<Reply>,
    /// The notebook says what it is.
    pub noted: bool,
}

/// What is left of a task that is over: what its answer needs. A task is a large thing, and it is not moved when it ends.
#[derive(Debug)]
pub struct Ended {
    /// Initiator Task Tag.
    pub itt: u32,
    /// Expected Data Transfer Length in bytes.
    pub edtl: u32,
    /// It wanted data from the target.
    pub read: bool,
    /// R2Ts that were sent for it.
    pub r2ts: u32,
    /// Where its data lies: the owner's to release.
    pub layout: Layout,
}

/// All tasks of this service.
#[derive(Debug, Default)]
pub struct Tasks {
    places: Vec<Option<Task>>,
    free: Vec<Place>,
    /// Places that became free and that a picture in the notebook may still name, in two steps like
    /// [`crate::buffers::Buffers::set_aside`].
    leaving: Vec<Place>,
    left: Vec<Place>,
    count: u64,
}

impl Tasks {
    /// The serial that the next task will have, and its place; none if there are too many.
    pub fn reserve(&mut self) -> Option<(u64, Place)> {
        let place = match self.free.pop() {
            Some(place) => place,
            None if self.places.len() < MOST => {
                self.places.push(None);
                (self.places.len() - 1) as Place
            }
            None => return None,
        };
        Some((self.serial_at(place), place))
    }

    fn serial_at(&mut self, place: Place) -> u64 {
        self.count += 1;
        self.count << PLACE_BITS | u64::from(place)
    }

    /// A serial for something that is no task.
    pub fn serial(&mut self) -> u64 {
        self.serial_at(0)
    }

    /// Gives a reserved place back unused.
    pub fn unreserve(&mut self, place: Place) {
        self.free.push(place);
    }

    /// Puts a task into its reserved place.
    pub fn insert(&mut self, place: Place, task: Task) {
        self.places[usize::from(place)] = Some(task);
    }

    /// The task at a place.
    pub fn get(&self, place: Place) -> Option<&Task> {
        self.places.get(usize::from(place))?.as_ref()
    }

    /// The task at a place, to change.
    pub fn get_mut(&mut self, place: Place) -> Option<&mut Task> {
        self.places.get_mut(usize::from(place))?.as_mut()
    }

    /// The place of the task with this identity. Both numbers come from a peer.
    pub fn find(&self, nexus: u64, serial: u64) -> Option<Place> {
        let place = (serial & (MOST as u64 - 1)) as Place;
        let task = self.get(place)?;
        (task.serial == serial && task.request.nexus == nexus).then_some(place)
    }

    /// Takes a task out; its layout is the caller's to release.
    pub fn remove(&mut self, place: Place) -> Option<Task> {
        let task = self.places.get_mut(usize::from(place))?.take()?;
        self.leaving.push(place);
        Some(task)
    }

    /// Ends a task where it is.
    pub fn end(&mut self, place: Place) -> Option<Ended> {
        let slot = self.places.get_mut(usize::from(place))?;
        let task = slot.as_mut()?;
        let ended = Ended {
            itt: task.itt,
            edtl: task.edtl,
            read: task.read,
            r2ts: task.write.as_ref().map_or(0, WriteData::r2ts),
            layout: std::mem::take(&mut task.layout),
        };
        *slot = None;
        self.leaving.push(place);
        Some(ended)
    }

    /// Connections note from here on which tasks they have; places that are free now can be used again afterwards.
    pub fn set_aside(&mut self) {
        std::mem::swap(&mut self.leaving, &mut self.left);
    }

    /// No picture names what was set aside.
    pub fn reuse(&mut self) {
        self.free.append(&mut self.left);
    }

    /// A serial that is no earlier than any so far, and earlier than all to come.
    pub fn latest(&self) -> u64 {
        self.count << PLACE_BITS | (MOST as u64 - 1)
    }

    /// How many serials have been given out.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Serials begin after the first `count`.
    pub fn begin_after(&mut self, count: u64) {
        self.count = self.count.max(count);
    }

    /// Puts a task of a former incarnation back into its place. Before any other task; false if the place is taken.
    pub fn restore(&mut self, place: Place, task: Task) -> bool {
        while self.places.len() <= usize::from(place) {
            self.free.push(self.places.len() as Place);
            self.places.push(None);
        }
        let Some(at) = self.free.iter().position(|free| *free == place) else { return false };
        self.free.swap_remove(at);
        self.insert(place, task);
        true
    }

    /// All tasks with their places, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (Place, &Task)> {
        self.places.iter().enumerate().filter_map(|(at, task)| Some((at as Place, task.as_ref()?)))
    }

    /// Places of the tasks for which `wanted` holds, oldest first.
    pub fn oldest_first(&self, wanted: impl Fn(&Task) -> bool) -> Vec<Place> {
        let mut found: Vec<(u64, Place)> =
            self.iter().filter(|(_, task)| wanted(task)).map(|(place, task)| (task.serial, place)).collect();
        found.sort_unstable();
        found.into_iter().map(|(_, place)| place).collect()
    }
}

#[cfg(test)]
mod tests;
