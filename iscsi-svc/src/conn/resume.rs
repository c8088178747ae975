//! Goes on with a connection where the process that had it died.
//!
//! The picture in the notebook says where the connection stood at some moment, the kernel how many bytes have gone either
//! way since ([`ipc::tcp`]). Bytes that were received after the picture lie where it says; they are taken in as if
//! `recvmsg` had returned just now. Bytes that were sent after it are the first of its queue; they are dropped. Then the
//! connection is as it was, but that nothing is read before the core has attached this incarnation: until then a
//! handler may be using memory that nobody here knows of.
//!
//! Everything that was found is judged; what cannot be is no connection, and its socket is closed.

use super::note::Mirror;
use super::rx::{After, HEAD_MAX, SCRATCH, Sink, State};
use super::text::Exchange;
use super::tx::Tx;
use super::{Conn, ConnId, Phase, Session};
use crate::buffers::{Buffers, Layout};
use crate::login::Parameters;
use crate::login::name;
use crate::notebook::found::{Found, FoundTask};
use crate::notebook::layout::{Moment, Who, flags, state};
use crate::pdu::{BHS_LEN, Bhs};
use crate::service::Shared;
use crate::session::burst::{Limits, WriteData};
use crate::session::window::{Responses, Serial, Window};
use crate::task::{MOST, Place, Stage, Task};
use ipc::extent::Extent;
use ipc::message::record::{RequestKind, request_flags};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;

impl Conn {
    /// Takes a connection over.
    ///
    /// # Errors
    /// Why it cannot be; nothing of it is left but the socket.
    pub fn resume(
        found: &Found,
        id: ConnId,
        socket: &OwnedFd,
        shared: &mut Shared,
    ) -> Result<Conn, &'static str> {
        let position = ipc::tcp::position(socket).ok().flatten().ok_or("its socket is not whole")?;
        // What the kernel kept back because more was to follow goes out now.
        let (stream, addresses) = stream_of(socket).map_err(|_| "its socket cannot be asked")?;
        let (who, moment) = (&found.who, &found.moment);
        if who.key != moment.key || !matches!(moment.phase, 1 | 2) {
            return Err("it had no picture that could be gone on with");
        }
        let initiator =
            who.name.get(..usize::from(who.name_len)).and_then(|name| std::str::from_utf8(name).ok());
        let initiator = initiator.filter(|it| name::normalize(it).is_ok_and(|normal| normal == *it));
        let initiator = initiator.ok_or("its initiator has no name")?;
        let target = shared.targets.name(who.target).ok_or("there is no such target")?.to_owned();
        let mut conn = Conn::new((id, who.key), stream.into(), who.portal, addresses, shared.now);
        let parameters = parameters(who, moment);
        conn.take_up_phase(who, moment, initiator, target, &parameters);
        (conn.tx.header_digest, conn.tx.data_digest) = (parameters.header_digest, parameters.data_digest);
        conn.window =
            Window::resume(Serial(moment.exp_cmd_sn), Serial(moment.max_cmd_sn), shared.config.queue_depth);
        conn.responses = Responses::resume(Serial(moment.stat_sn), Serial(moment.acknowledged));
        conn.next_ttt = moment.ttt;
        conn.resuming = true;
        if !shared.nexuses.restore(who, initiator, id, &mut shared.buffers) {
            return Err("its nexus is another's, or its names are gone");
        }
        let mirror = Mirror::new(found.slot, found.side, who.nexus, Tx::needed(moment));
        conn.mirror = Some(Box::new(mirror));
        if let Err(why) = conn.take_up(found, &parameters, position, shared) {
            conn.abandon(shared);
            return Err(why);
        }
        (conn.dirty, conn.noted) = (true, false);
        Ok(conn)
    }

    fn take_up_phase(
        &mut self,
        who: &Who,
        moment: &Moment,
        initiator: &str,
        target: String,
        parameters: &Parameters,
    ) {
        self.phase = Phase::Full(Session {
            nexus: Some(who.nexus),
            target: Some((who.target, target)),
            initiator: initiator.to_owned(),
            isid: who.isid,
            tsih: who.tsih,
            cid: who.cid,
            parameters: parameters.clone(),
            text: Exchange::default(),
        });
        if moment.phase == 2 {
            self.phase = Phase::Ending;
        }
    }

    /// Takes up tasks, functions, queue and what was being received.
    fn take_up(
        &mut self,
        found: &Found,
        parameters: &Parameters,
        position: ipc::tcp::Position,
        shared: &mut Shared,
    ) -> Result<(), &'static str> {
        for task in &found.tasks {
            self.take_up_task(task, parameters, shared).ok_or("a task cannot be what was noted")?;
        }
        for note in &found.functions {
            let asked = (note.asked != 0).then_some((self.id, note.itt));
            let restored = shared.functions.restore(found.who.nexus, note, asked);
            restored.ok_or("a task management function cannot be what was noted")?;
        }
        self.tx.resume(found, &mut shared.buffers).ok_or("what it was to send cannot be what was noted")?;
        let sent = self.tx.skip_sent(position.written, &mut shared.buffers);
        sent.ok_or("more or less was sent than can be")?;
        let received = self.rx.resume(found, parameters, &mut shared.buffers);
        received.ok_or("what it was receiving cannot be what was noted")?;
        let owned = |place: Place| shared.tasks.get(place).is_some_and(|task| task.conn == Some(self.id));
        if let Sink::Task { place, offset, .. } = self.rx.sink
            && self.rx.state == State::Data
        {
            let room = shared.tasks.get(place).map_or(0, |task| task.layout.bytes());
            if !owned(place) || offset as u64 + self.rx.len as u64 > room {
                return Err("it was receiving data of no task");
            }
        }
        if let After::Task(place) = self.rx.after
            && self.rx.state != State::Head
            && !owned(place)
        {
            return Err("it was receiving a PDU of no task");
        }
        let arrived = position.consumed.checked_sub(found.moment.consumed);
        let arrived = arrived.and_then(|arrived| usize::try_from(arrived).ok());
        let arrived = arrived.filter(|arrived| *arrived <= self.rx.most());
        self.take_in(arrived.ok_or("more or less was received than can be")?, shared);
        shared.tasks.begin_after(found.moment.serials);
        Ok(())
    }

    fn take_up_task(
        &mut self,
        found: &FoundTask,
        parameters: &Parameters,
        shared: &mut Shared,
    ) -> Option<()> {
        let (still, progress) = (&found.still, &found.progress);
        let serial = found.request.serial;
        let nexus = self.mirror.as_ref().map(|mirror| mirror.nexus());
        let read = still.read != 0;
        let same = found.request.kind == RequestKind::Command as u8 && Some(found.request.nexus) == nexus;
        if !same || serial & (MOST as u64 - 1) != u64::from(found.place) || self.tags.contains_key(&still.itt)
        {
            return None;
        }
        let limits = Limits {
            initial_r2t: parameters.initial_r2t,
            immediate_data: parameters.immediate_data,
            first_burst: parameters.first_burst,
            max_burst: parameters.max_burst,
            max_outstanding_r2t: parameters.max_outstanding_r2t,
        };
        let write = match progress.writes {
            0 => None,
            _ => Some(WriteData::resume(&progress.data, still.edtl, limits)?),
        };
        let stage = match (progress.state, &found.outcome) {
            (state::PRIVATE, None) => Stage::Private,
            (state::IN_CORE, None) => Stage::InCore,
            (state::ENDED, Some(_)) => Stage::Ended,
            _ => return None,
        };
        let mut layout = Layout::default();
        if take_up_layout(found, &mut layout, &mut shared.buffers).is_none() {
            shared.buffers.release_layout(&mut layout);
            return None;
        }
        let moved = found.outcome.map_or(0, |outcome| u64::from(outcome.transferred));
        let sense = found.outcome.is_none_or(|outcome| outcome.sense().is_ok());
        // A read has memory for what any command answers, a write for all that is sent.
        let data = match &write {
            Some(_) => u64::from(still.edtl),
            None => u64::from(found.request.in_len),
        };
        let mut request = found.request;
        request.flags = progress.flags & request_flags::DATA_PENDING;
        let task = Task {
            serial,
            conn: Some(self.id),
            itt: still.itt,
            lun: request.lun.to_be_bytes(),
            edtl: still.edtl,
            read,
            request,
            layout,
            write,
            stage,
            receiving: progress.receiving != 0,
            aborting: progress.aborting != 0,
            outcome: found.outcome,
            noted: true,
        };
        let owes = task.owes();
        if moved > layout.bytes()
            || layout.bytes() < data
            || !sense
            || !shared.tasks.restore(found.place, task)
        {
            shared.buffers.release_layout(&mut layout);
            return None;
        }
        shared.tasks.begin_after(serial / MOST as u64);
        self.owed += u32::from(owes);
        self.tags.insert(still.itt, found.place);
        Some(())
    }

    /// Lets go of what was taken up, because the rest makes no sense.
    fn abandon(mut self, shared: &mut Shared) {
        self.close_book(shared);
        self.tx.discard(&mut shared.buffers);
        self.rx.discard(&mut shared.buffers);
        for place in self.tags.values() {
            if let Some(mut task) = shared.tasks.remove(*place) {
                shared.buffers.release_layout(&mut task.layout);
            }
        }
        let mine = shared.nexuses.iter().find(|nexus| nexus.conn == Some(self.id)).map(|nexus| nexus.number);
        if let Some(number) = mine {
            shared.functions.forget(number);
            shared.nexuses.remove(number, &mut shared.buffers);
        }
    }

    /// The arena is this incarnation's now: answers what had no room before, and reads on.
    pub fn awake(&mut self, shared: &mut Shared) {
        self.resuming = false;
        (self.heard, self.stalled) = (shared.now, true);
        let mut ended: Vec<Place> = self.tags.values().copied().collect();
        ended.retain(|place| shared.tasks.get(*place).is_some_and(|task| task.outcome.is_some()));
        for place in ended {
            self.settle(place, shared);
        }
    }
}

/// A duplicate of the socket, and its addresses: the initiator's and ours.
fn stream_of(socket: &OwnedFd) -> std::io::Result<(TcpStream, (SocketAddr, SocketAddr))> {
    let stream = TcpStream::from(socket.try_clone()?);
    stream.set_nodelay(true)?;
    let addresses = (stream.peer_addr()?, stream.local_addr()?);
    Ok((stream, addresses))
}

fn parameters(who: &Who, moment: &Moment) -> Parameters {
    Parameters {
        header_digest: who.flags & flags::HEADER_DIGEST != 0,
        data_digest: who.flags & flags::DATA_DIGEST != 0,
        initial_r2t: who.flags & flags::INITIAL_R2T != 0,
        immediate_data: who.flags & flags::IMMEDIATE_DATA != 0,
        protocol_level: (who.flags >> flags::LEVEL) as u8,
        max_burst: who.max_burst,
        first_burst: who.first_burst,
        max_outstanding_r2t: who.max_outstanding_r2t,
        max_send_data: moment.max_send_data,
        ..Parameters::default()
    }
}

/// The blocks of a task's data and the extents in them, which the layout owns as far as it came.
fn take_up_layout(found: &FoundTask, layout: &mut Layout, buffers: &mut Buffers) -> Option<()> {
    let runs = found.still.runs as usize;
    let extents = found.request.extents.get(..runs)?;
    for (extent, place) in extents.iter().zip(found.still.blocks) {
        let id = buffers.take_at(place)?;
        let whole = buffers.extent(id, 0, u32::try_from(buffers.bytes_of(id)).unwrap_or(u32::MAX));
        let inside = |extent: &Extent| {
            let skip = extent.offset.checked_sub(whole.offset())?;
            (skip.checked_add(u64::from(extent.len))? <= buffers.bytes_of(id)).then_some(())
        };
        match (inside(extent), buffers.arena().check(*extent)) {
            (Some(()), Ok(checked)) => layout.push(checked, id),
            _ => {
                buffers.release(id);
                return None;
            }
        }
    }
    Some(())
}

impl super::rx::Rx {
    /// Takes up what was being received. None: it cannot be.
    fn resume(&mut self, found: &Found, parameters: &Parameters, buffers: &mut Buffers) -> Option<()> {
        let moment = &found.moment;
        (self.header_digest, self.data_digest) = (parameters.header_digest, parameters.data_digest);
        self.consumed = moment.consumed;
        (self.have, self.need) = (usize::from(moment.have), usize::from(moment.need));
        (self.tail_have, self.tail_need) = (usize::from(moment.tail_have), usize::from(moment.tail_need));
        (self.len, self.left) = (moment.len as usize, moment.left as usize);
        self.state = match moment.state {
            0 => State::Head,
            1 => State::Data,
            2 => State::Tail,
            _ => return None,
        };
        let offset = moment.sink_offset as usize;
        self.sink = match moment.sink {
            0 => Sink::Skip,
            1 => Sink::Collect,
            2 => Sink::Task { place: moment.sink_place, offset, done: moment.sink_done as usize },
            _ => return None,
        };
        self.after = match moment.after {
            0 => After::Nothing,
            1 => After::Request,
            2 => After::Task(moment.after_place),
            _ => return None,
        };
        self.current = moment.current;
        self.bulk = moment.bulk != 0;
        let head = Bhs::parse(self.current);
        let open = self.state != State::Head;
        let sane = (BHS_LEN..=HEAD_MAX).contains(&self.need)
            && self.have <= self.need
            && self.tail_have <= self.tail_need
            && self.tail_need <= self.tail.len()
            && self.left <= self.len
            && (!open || self.len == head.data_len());
        if !sane || (open && self.sink == Sink::Collect && self.len > 0) {
            return None;
        }
        self.tail = found.tail;
        self.head[..self.have].copy_from_slice(&found.head[..self.have]);
        if open && self.sink == Sink::Collect {
            self.collected.clear();
        }
        if moment.has_staged != 0 {
            self.staged.resume(moment.staged, moment.staged_begin, moment.staged_end, buffers)?;
        }
        Some(())
    }

    /// Bytes that one call of recvmsg could bring.
    fn most(&self) -> usize {
        let (mut most, mut whole) = (0, true);
        if self.state == State::Data {
            most = if self.sink == Sink::Skip { self.left.min(SCRATCH) } else { self.left };
            whole = most == self.left;
        }
        if self.state != State::Head && whole {
            most += self.tail_need - self.tail_have;
        }
        if whole {
            most += self.need - self.have;
            most += if self.bulk { self.staged.room() } else { 0 };
        }
        most
    }
}
