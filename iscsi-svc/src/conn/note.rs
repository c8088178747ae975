//! What a connection writes down for a successor, and when.
//!
//! [`Conn::note`] brings the picture in the notebook up to date: the tasks that have changed, what is new of the queue, where
//! the connection stands, and last the tag that makes it all valid. It is called before bytes are received, before
//! requests are shown to the core, and before bytes are sent; so whatever an initiator or the core has seen of this process
//! is in the picture, and what is not in the picture nobody has seen. Stores into shared memory, nothing else.
//! What reads it back is `resume`.

use super::rx::State;
use super::rx::{After, Sink};
use super::tx::picture::Needed;
use super::{Conn, Phase};
use crate::crash::{self, Point};
use crate::notebook::Slot;
use crate::notebook::layout::{
    FunctionNote, MOST_FUNCTIONS, Moment, NAME, Progress, REQUEST, Still, TAIL_ROOM, Who, flags, state,
};
use crate::service::Shared;
use crate::task::{Place, Stage, Task};
use ipc::extent::CheckedExtent;
use zerocopy::{FromZeros, IntoBytes};

/// A connection's place in the notebook.
#[derive(Debug)]
pub struct Mirror {
    slot: Slot,
    /// Version of the moment that holds.
    side: usize,
    needed: Needed,
    /// Tasks that have changed since.
    touched: Vec<Place>,
    /// Tasks for which the notebook has no place.
    loose: u32,
    /// The nexus, which its functions are known by.
    nexus: u64,
    /// Where its functions are written up; here, so that it need not be wiped for every picture.
    functions: [FunctionNote; MOST_FUNCTIONS],
}

impl Mirror {
    /// The place `slot`, of which version `side` holds.
    pub(super) fn new(slot: Slot, side: usize, nexus: u64, needed: Needed) -> Mirror {
        let functions = FromZeros::new_zeroed();
        Mirror { slot, side, needed, touched: Vec::new(), loose: 0, nexus, functions }
    }

    /// The nexus.
    pub(super) fn nexus(&self) -> u64 {
        self.nexus
    }

    /// Where the next bytes of a header, or of a tail, are received.
    pub(super) fn landing(
        &self,
        shared: &Shared,
        head: bool,
        from: usize,
        to: usize,
    ) -> Option<CheckedExtent> {
        shared.book.landing(self.slot, self.side, head, from, to)
    }
}

impl Conn {
    /// Begins to keep book of a session. Without room for it, or without knowing where the socket stands, the connection ends
    /// with this process.
    pub(super) fn open_book(&mut self, shared: &mut Shared) {
        let Phase::Full(session) = &self.phase else { return };
        let Some(number) = session.nexus else { return };
        let Ok(Some(position)) = ipc::tcp::position(&self.socket) else { return };
        let Some(nexus) = shared.nexuses.get_mut(number) else { return };
        let (names, names_len) = nexus.names(&shared.buffers);
        let parameters = &session.parameters;
        let bit = |set: bool, bit: u32| if set { bit } else { 0 };
        let mut who = Who {
            key: self.key,
            nexus: number,
            target: session.target.as_ref().map_or(0, |(target, _)| *target),
            portal: self.portal,
            flags: bit(parameters.header_digest, flags::HEADER_DIGEST)
                | bit(parameters.data_digest, flags::DATA_DIGEST)
                | bit(parameters.initial_r2t, flags::INITIAL_R2T)
                | bit(parameters.immediate_data, flags::IMMEDIATE_DATA)
                | u32::from(parameters.protocol_level) << flags::LEVEL,
            max_burst: parameters.max_burst,
            first_burst: parameters.first_burst,
            max_outstanding_r2t: parameters.max_outstanding_r2t,
            names,
            names_len,
            tsih: session.tsih,
            cid: session.cid,
            isid: session.isid,
            name_len: session.initiator.len() as u16,
            name: [0; NAME],
        };
        let Some(name) = who.name.get_mut(..session.initiator.len()) else { return };
        name.copy_from_slice(session.initiator.as_bytes());
        let Some(slot) = shared.book.take() else { return };
        shared.book.put_who(slot, &who);
        self.rx.consumed = position.consumed;
        self.tx.count_from(position.written);
        self.mirror = Some(Box::new(Mirror::new(slot, 0, number, Needed::default())));
        self.noted = false;
    }

    /// The connection is over, for a successor too.
    pub(super) fn close_book(&mut self, shared: &mut Shared) {
        if let Some(mirror) = self.mirror.take() {
            shared.book.give(mirror.slot);
        }
    }

    /// A task has changed.
    pub(super) fn touch(&mut self, place: Place) {
        self.noted = false;
        if let Some(mirror) = &mut self.mirror {
            mirror.touched.push(place);
        }
    }

    /// A task has begun, or is over, for which the notebook has no place: nobody could go on without knowing it.
    pub(super) fn count_loose(&mut self, place: Place, begins: bool, shared: &Shared) {
        if let Some(mirror) = self.mirror.as_mut().filter(|_| !shared.book.has_task(place)) {
            mirror.loose = if begins { mirror.loose + 1 } else { mirror.loose - 1 };
        }
    }

    /// Brings the picture up to date, if something has changed.
    pub fn note(&mut self, shared: &mut Shared) {
        if std::mem::replace(&mut self.noted, true) {
            return;
        }
        let Some(mut mirror) = self.mirror.take() else { return };
        let tag = shared.book.next_tag();
        mirror.touched.sort_unstable();
        mirror.touched.dedup();
        for place in mirror.touched.drain(..) {
            if shared.book.has_task(place) {
                self.note_task(place, tag, shared);
                crash::point(Point::TaskNoted);
            }
        }
        let mut moment = self.moment(&mirror, shared);
        let (slot, side) = (mirror.slot, mirror.side ^ 1);
        let fits = self.tx.note(&shared.book, slot, &mut mirror.needed, &mut moment, &shared.buffers);
        let mut functions = 0;
        for (request, asked) in shared.functions.of_nexus(mirror.nexus) {
            if let Some(note) = mirror.functions.get_mut(functions) {
                *note = FunctionNote {
                    serial: request.serial,
                    ref_serial: request.ref_serial,
                    lun: request.lun,
                    unit: request.unit,
                    itt: asked.unwrap_or(0),
                    function: u32::from(request.function),
                    asked: u32::from(asked.is_some()),
                };
            }
            functions += 1;
        }
        moment.functions = functions.min(MOST_FUNCTIONS) as u8;
        if !fits || functions > MOST_FUNCTIONS || mirror.loose > 0 {
            moment.phase = 0;
        }
        let notes = mirror.functions[..usize::from(moment.functions)].as_bytes();
        shared.book.put_moment(slot, side, moment.as_bytes(), notes);
        shared.book.put_landed(slot, side, self.rx.tail(), self.rx.begun_head());
        crash::point(Point::PictureWritten);
        // Commit point: what was written above holds from here on, and what held before does not.
        shared.book.commit(slot, side, tag);
        crash::point(Point::PictureValid);
        mirror.side = side;
        self.mirror = Some(mirror);
    }

    /// Writes down how far a task is.
    fn note_task(&self, place: Place, tag: u64, shared: &mut Shared) {
        let mut progress = Progress { owner: self.key, ..Progress::new_zeroed() };
        let task = shared.tasks.get_mut(place).filter(|task| task.conn == Some(self.id));
        let Some(task) = task else {
            return shared.book.put_progress(place, tag, progress.as_bytes(), &[]);
        };
        if !std::mem::replace(&mut task.noted, true) {
            let mut still = [0; size_of::<Still>() + REQUEST];
            let (first, request) = still.split_at_mut(size_of::<Still>());
            first.copy_from_slice(still_of(task, &shared.buffers).as_bytes());
            request.copy_from_slice(&task.request.as_bytes()[..REQUEST]);
            shared.book.put_task(place, &still);
        }
        progress.state = match task.stage {
            Stage::Private => state::PRIVATE,
            Stage::InCore => state::IN_CORE,
            Stage::Ended => state::ENDED,
        };
        progress.receiving = u8::from(task.receiving);
        progress.aborting = u8::from(task.aborting);
        progress.flags = task.request.flags;
        progress.writes = u8::from(task.write.is_some());
        progress.has_outcome = u8::from(task.outcome.is_some());
        progress.data = task.write.as_ref().map(|write| write.note()).unwrap_or_default();
        let outcome = task.outcome.as_ref().map_or(&[][..], |outcome| outcome.as_bytes());
        shared.book.put_progress(place, tag, progress.as_bytes(), outcome);
    }

    /// Where the connection stands, the queue apart.
    fn moment(&self, mirror: &Mirror, shared: &Shared) -> Moment {
        let mut moment = Moment { key: self.key, serials: shared.tasks.count(), ..Moment::new_zeroed() };
        debug_assert!(mirror.nexus != 0);
        (moment.phase, moment.max_send_data) = match &self.phase {
            // Text that is under way is not written down; it comes once in the life of a session, if ever.
            Phase::Full(session) if session.text.is_idle() => (1, session.parameters.max_send_data),
            Phase::Ending => (2, 0),
            _ => (0, 0),
        };
        moment.exp_cmd_sn = self.window.expected().0;
        moment.max_cmd_sn = self.window.max().0;
        moment.stat_sn = self.responses.peek().0;
        moment.acknowledged = self.responses.acknowledged().0;
        moment.ttt = self.next_ttt;
        self.rx.note(&mut moment, &shared.buffers);
        moment
    }
}

fn still_of(task: &Task, buffers: &crate::buffers::Buffers) -> Still {
    let mut still = Still {
        itt: task.itt,
        edtl: task.edtl,
        read: u32::from(task.read),
        runs: task.layout.count() as u32,
        ..Still::new_zeroed()
    };
    for (place, (_, id)) in still.blocks.iter_mut().zip(task.layout.parts()) {
        *place = buffers.place(id);
    }
    still
}

impl super::rx::Rx {
    /// What was received of the tail.
    fn tail(&self) -> &[u8; TAIL_ROOM] {
        &self.tail
    }

    /// What was received of a header.
    fn begun_head(&self) -> &[u8] {
        &self.head[..self.have]
    }

    fn note(&self, moment: &mut Moment, buffers: &crate::buffers::Buffers) {
        moment.consumed = self.consumed;
        (moment.have, moment.need) = (self.have as u16, self.need as u16);
        (moment.tail_have, moment.tail_need) = (self.tail_have as u8, self.tail_need as u8);
        (moment.len, moment.left) = (self.len as u32, self.left as u32);
        moment.state = match self.state {
            State::Head => 0,
            State::Data => 1,
            State::Tail => 2,
        };
        moment.sink = match self.sink {
            Sink::Skip => 0,
            Sink::Collect => 1,
            Sink::Task { place, offset, done } => {
                (moment.sink_place, moment.sink_offset, moment.sink_done) =
                    (place, offset as u32, done as u32);
                2
            }
        };
        moment.after = match self.after {
            After::Nothing => 0,
            After::Request => 1,
            After::Task(place) => {
                moment.after_place = place;
                2
            }
        };
        // The payload of a small request is received into private memory.
        if self.state != State::Head && self.sink == Sink::Collect && self.len > 0 {
            moment.phase = 0;
        }
        moment.bulk = u8::from(self.bulk);
        if let Some((block, begin, end)) = self.staged.place(buffers) {
            moment.has_staged = 1;
            (moment.staged, moment.staged_begin, moment.staged_end) = (block, begin, end);
        }
        moment.current = self.current;
    }
}
