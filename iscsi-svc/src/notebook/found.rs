//! What a predecessor left: the valid picture of every connection, copied out of the notebook.
//!
//! Looking for it also takes back every version that never became valid, so that a later tag cannot make it so. Nothing
//! in here has been judged but for its place: that is done by whoever goes on with it (`conn/resume.rs`).

use super::layout::{
    BYTES, CONN, FUNCTIONS, FunctionNote, HEAD_ROOM, LANDING, MOST_FUNCTIONS, Moment, Progress, QUEUE,
    REQUEST, SEGMENT, SEGMENTS, START, Still, TAIL_ROOM, TASK_SIDE, TASK_SIDES, Who, state,
};
use super::{Book, MOST_TAG, SCHEMA, Slot};
use crate::task::Place;
use ipc::message::record::{Reply, Request};
use rustc_hash::FxHashMap;
use zerocopy::{FromBytes, FromZeros, IntoBytes};

/// A task as it was noted.
#[derive(Clone, Debug)]
pub struct FoundTask {
    /// Its place.
    pub place: Place,
    /// What it is.
    pub still: Still,
    /// What the core is asked.
    pub request: Request,
    /// How far it is.
    pub progress: Progress,
    /// Its outcome.
    pub outcome: Option<Reply>,
}

/// A connection as it was noted.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its place.
    pub slot: Slot,
    /// Which version holds, and its tag.
    pub side: usize,
    /// The tag.
    pub tag: u64,
    /// Whose it is.
    pub who: Who,
    /// Where it stands.
    pub moment: Moment,
    /// Functions under way.
    pub functions: Vec<FunctionNote>,
    /// What was here of a tail when the picture was made, and what came after it.
    pub tail: [u8; TAIL_ROOM],
    /// The same of a header.
    pub head: Box<[u8; HEAD_ROOM]>,
    /// The private bytes of its queue; empty if there are more than the notebook holds.
    pub bytes: Vec<u8>,
    /// The segments of its queue; empty if there are too many.
    pub segments: Vec<[u8; SEGMENT]>,
    /// Its tasks.
    pub tasks: Vec<FoundTask>,
}

impl Book {
    /// Reads everything that is valid, and takes back what is not.
    pub(super) fn look(&mut self) -> Vec<Found> {
        let head = [SCHEMA, self.conns as u64, self.tasks as u64];
        let known = (0..).zip(head).all(|(word, value)| self.memory().tag(word * 8) == value);
        if !known {
            // Another format, or none: nothing of it is valid.
            self.memory().begin(0);
            (0..self.conns as Slot).for_each(|slot| self.erase(slot));
            for place in 0..self.tasks {
                self.task_sides(place as Place).into_iter().for_each(|at| self.memory().begin(at));
            }
            (0..).zip(head).skip(1).for_each(|(word, value)| self.memory().commit(word * 8, value));
            self.memory().commit(0, SCHEMA);
        }
        let mut found: Vec<Found> = (0..self.conns as Slot).filter_map(|slot| self.found(slot)).collect();
        self.tags = found.iter().map(|found| found.tag).max().unwrap_or(0);
        self.look_for_tasks(&mut found);
        self.free = (0..self.conns as Slot).rev().collect();
        self.free.retain(|slot| !found.iter().any(|found| found.slot == *slot));
        found
    }

    /// The place of a connection that cannot be gone on with.
    pub fn forget(&mut self, found: &Found) {
        self.give(found.slot);
    }

    fn found(&self, slot: Slot) -> Option<Found> {
        let memory = self.memory();
        let tags = [0, 1].map(|side| memory.tag(self.side_at(slot, side)));
        let valid = |side: usize| tags[side] != 0 && tags[side] < MOST_TAG;
        let side = match (valid(0), valid(1)) {
            (true, true) => usize::from(tags[1] > tags[0]),
            (true, false) => 0,
            (false, true) => 1,
            (false, false) => return None,
        };
        let (at, conn) = (self.side_at(slot, side), self.conn_at(slot));
        let mut who = Who::new_zeroed();
        memory.read(conn, who.as_mut_bytes());
        let mut moment = Moment::new_zeroed();
        memory.read(at + 8, moment.as_mut_bytes());
        let mut functions = Vec::new();
        for index in 0..usize::from(moment.functions).min(MOST_FUNCTIONS) {
            let mut note = FunctionNote::new_zeroed();
            memory.read(at + FUNCTIONS + index * size_of::<FunctionNote>(), note.as_mut_bytes());
            functions.push(note);
        }
        let (mut tail, mut head) = ([0; TAIL_ROOM], Box::new([0; HEAD_ROOM]));
        memory.read(at + LANDING, &mut tail);
        memory.read(at + LANDING + TAIL_ROOM, &mut head[..]);
        let (bytes, segments) = self.queue(conn + BYTES, &moment);
        let tasks = Vec::new();
        let tag = tags[side];
        Some(Found { slot, side, tag, who, moment, functions, tail, head, bytes, segments, tasks })
    }

    /// The queue of a connection.
    fn queue(&self, ring: usize, moment: &Moment) -> (Vec<u8>, Vec<[u8; SEGMENT]>) {
        let fits =
            |begin: u64, end: u64, most: usize| end.checked_sub(begin).is_some_and(|len| len <= most as u64);
        let (mut bytes, mut segments) = (Vec::new(), Vec::new());
        if fits(moment.bytes_begin, moment.bytes_end, QUEUE) {
            bytes.resize((moment.bytes_end - moment.bytes_begin) as usize, 0);
            let skip = (moment.bytes_begin % QUEUE as u64) as usize;
            let first = bytes.len().min(QUEUE - skip);
            self.memory().read(ring + skip, &mut bytes[..first]);
            self.memory().read(ring, &mut bytes[first..]);
        }
        if fits(moment.segments_begin, moment.segments_end, SEGMENTS) {
            for index in moment.segments_begin..moment.segments_end {
                let mut segment = [0; SEGMENT];
                let at = (index % SEGMENTS as u64) as usize * SEGMENT;
                self.memory().read(ring + QUEUE + at, &mut segment);
                segments.push(segment);
            }
        }
        (bytes, segments)
    }

    fn task_sides(&self, place: Place) -> [usize; 2] {
        let at = self.task_at(place) + TASK_SIDES;
        [at, at + TASK_SIDE]
    }

    /// Gives every task to its connection.
    fn look_for_tasks(&mut self, found: &mut [Found]) {
        let owners: FxHashMap<u64, usize> =
            found.iter().enumerate().map(|(index, conn)| (conn.moment.key, index)).collect();
        for place in 0..self.tasks as u32 {
            let place = place as Place;
            let mut best: Option<(u64, usize, usize, Progress)> = None;
            for (side, at) in self.task_sides(place).into_iter().enumerate() {
                let tag = self.memory().tag(at);
                if tag == 0 {
                    continue;
                }
                let mut progress = Progress::new_zeroed();
                self.memory().read(at + 8, progress.as_mut_bytes());
                let owner = owners.get(&progress.owner).copied();
                match owner.filter(|owner| tag <= found[*owner].tag) {
                    Some(owner) if best.is_none_or(|(known, ..)| tag > known) => {
                        best = Some((tag, side, owner, progress));
                    }
                    Some(_) => {}
                    // It never became valid, or its connection is over.
                    None => self.memory().begin(at),
                }
            }
            let Some((_, side, owner, progress)) = best else { continue };
            self.sides[usize::from(place)] = side as u8;
            if progress.state != state::FREE {
                found[owner].tasks.push(self.found_task(place, side, progress));
            }
        }
    }

    fn found_task(&self, place: Place, side: usize, progress: Progress) -> FoundTask {
        let memory = self.memory();
        let at = self.task_at(place);
        let mut still = Still::new_zeroed();
        memory.read(at, still.as_mut_bytes());
        let mut request = Request::new_zeroed();
        memory.read(at + size_of::<Still>(), &mut request.as_mut_bytes()[..REQUEST]);
        let outcome = (progress.has_outcome != 0).then(|| {
            let mut bytes = [0; size_of::<Reply>()];
            memory.read(self.task_sides(place)[side] + 8 + size_of::<Progress>(), &mut bytes);
            Reply::read_from_bytes(&bytes).ok()
        });
        FoundTask { place, still, request, progress, outcome: outcome.flatten() }
    }
}

const _: () = assert!(START >= 24 && CONN.is_multiple_of(8));
