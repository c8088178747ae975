//! The way into a connection: bytes become PDUs, and payload lands where it is executed from.
//!
//! A header is always received or copied into private memory before it is looked at. While nobody owes data, one
//! `recvmsg` takes whatever is there: a header, then a staging block of the arena, in which immediate data is executed
//! where it lies. While Data-Out PDUs are expected, a call takes just the rest of the open payload, straight to its
//! final place, and the next header; so the payload behind that header is not received before its place is known.
//! The bytes are an initiator's; lengths are bounded before anything is allocated. Next: `full` and `command`.
//!
//! Where received bytes go follows from what was noted before the call (`note`): payload to the arena, header and
//! tail to the notebook, from where they are copied. So if this process dies with the call, its successor finds them.

use super::staged::Staged;
use super::tx::Payload;
use super::{Close, Conn, Phase};
use crate::buffers::{Buffers, Layout};
use crate::crash::{self, Point};
use crate::digest::{Crc32c, DIGEST_LEN, crc32c};
use crate::login::negotiate::MAX_RECV_DATA_SEGMENT;
use crate::pdu::bhs::padding;
use crate::pdu::target::Reject;
use crate::pdu::{BHS_LEN, Bhs, Opcode, RejectReason};
use crate::service::Shared;
use crate::stats::Counter;
use crate::task::Place;
use ipc::arena::Arena;
use ipc::extent::CheckedExtent;
use ipc::io::{self, Pieces};
use std::io::ErrorKind;

/// A header with the most additional segments and its digest.
pub(super) const HEAD_MAX: usize = BHS_LEN + 255 * 4 + DIGEST_LEN;
/// Bytes of unwanted payload that are received at a time.
pub(super) const SCRATCH: usize = 16 * 1024;
/// Calls of recvmsg for one connection before others get their turn.
const ROUNDS: usize = 8;
/// Largest data segment before the full feature phase (RFC 7143 13.12: the default of MaxRecvDataSegmentLength).
const MAX_LOGIN_DATA: usize = 8192;

/// What is being received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Head,
    Data,
    Tail,
}

/// Where a data segment goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sink {
    /// Nowhere.
    Skip,
    /// To private memory.
    Collect,
    /// To the data of a task, from this offset on.
    Task {
        /// The task.
        place: Place,
        /// Where the segment begins in the task's data.
        offset: usize,
        /// Bytes of the segment that need no receiving, because they were claimed where they lie.
        done: usize,
    },
}

/// What happens when a PDU is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// Nothing: it is ignored.
    Nothing,
    /// It is handled by its opcode.
    Request,
    /// A command or its data: the task goes on.
    Task(Place),
}

/// The receiving side.
#[derive(Debug)]
pub struct Rx {
    pub(super) head: Box<[u8; HEAD_MAX]>,
    pub(super) have: usize,
    pub(super) need: usize,
    pub(super) state: State,
    pub(super) current: [u8; BHS_LEN],
    pub(super) sink: Sink,
    pub(super) after: After,
    /// Bytes of the data segment, and those of them that are missing.
    pub(super) len: usize,
    pub(super) left: usize,
    pub(super) tail: [u8; 8],
    pub(super) tail_have: usize,
    pub(super) tail_need: usize,
    /// Bytes that were ever taken from the socket.
    pub(super) consumed: u64,
    /// The staging block takes what follows the next header.
    pub(super) bulk: bool,
    /// A data segment that is not a task's.
    pub collected: Vec<u8>,
    scratch: Vec<u8>,
    /// Bytes behind the header that is being looked at.
    pub staged: Staged,
    /// Headers have digests.
    pub header_digest: bool,
    /// Data segments have digests.
    pub data_digest: bool,
}

/// Where in the notebook the rest of a tail and of a header is received.
struct Landing<'a> {
    arena: &'a Arena,
    tail: Option<CheckedExtent>,
    head: Option<CheckedExtent>,
}

impl Default for Rx {
    fn default() -> Rx {
        Rx {
            head: Box::new([0; HEAD_MAX]),
            have: 0,
            need: BHS_LEN,
            state: State::Head,
            current: [0; BHS_LEN],
            sink: Sink::Skip,
            after: After::Nothing,
            len: 0,
            left: 0,
            tail: [0; 8],
            tail_have: 0,
            tail_need: 0,
            consumed: 0,
            bulk: false,
            collected: Vec::new(),
            scratch: Vec::new(),
            staged: Staged::default(),
            header_digest: false,
            data_digest: false,
        }
    }
}

impl Rx {
    /// Gives up the staging block.
    pub fn discard(&mut self, buffers: &mut Buffers) {
        self.staged.discard(buffers);
    }

    /// The task at this place is gone: the rest of an open payload for it is passed over.
    pub fn forget(&mut self, gone: Place) {
        if matches!(self.sink, Sink::Task { place, .. } if place == gone) {
            self.sink = Sink::Skip;
        }
        if self.after == After::Task(gone) {
            self.after = After::Nothing;
        }
    }

    /// The header of the PDU that is being worked on.
    pub fn header(&self) -> [u8; BHS_LEN] {
        self.current
    }

    /// The additional header segments behind that header, while it is being judged.
    pub fn ahs(&self) -> &[u8] {
        &self.head[BHS_LEN..BHS_LEN + Bhs::parse(self.current).ahs_len()]
    }

    /// Lists where the next bytes of the stream belong, in their order.
    fn gather<'a>(
        &'a mut self,
        layout: &Layout,
        arena: &'a Arena,
        space: Option<CheckedExtent>,
        landing: Option<Landing<'a>>,
    ) -> Pieces<'a> {
        let mut pieces = Pieces::new();
        let mut all = true;
        if self.state == State::Data {
            let done = self.len - self.left;
            match self.sink {
                Sink::Skip => {
                    self.scratch.resize(SCRATCH, 0);
                    let len = self.left.min(SCRATCH);
                    all = pieces.bytes_mut(&mut self.scratch[..len]) && len == self.left;
                }
                Sink::Collect => all = pieces.bytes_mut(&mut self.collected[done..]),
                Sink::Task { offset, .. } => {
                    for extent in layout.slice(offset + done, self.left) {
                        all = all && pieces.extent(arena, extent);
                    }
                    // A payload whose place is not complete must not push what follows it out of step.
                    all = all && pieces.len() == self.left;
                }
            }
        }
        let tail = self.state != State::Head;
        if let Some(landing) = landing {
            if let Some(extent) = landing.tail.filter(|_| tail) {
                all = all && pieces.extent(landing.arena, extent);
            }
            if let Some(extent) = landing.head {
                all = all && pieces.extent(landing.arena, extent);
            }
        } else {
            if tail {
                all = all && pieces.bytes_mut(&mut self.tail[self.tail_have..self.tail_need]);
            }
            all = all && pieces.bytes_mut(&mut self.head[self.have..self.need]);
        }
        if let Some(space) = space.filter(|_| all) {
            // The list has room for dozens of pieces, and at most seven are in it.
            let _ = pieces.extent(arena, space);
        }
        pieces
    }

    /// Accounts for `n` bytes that went to those places. What landed in the notebook is copied by `landed`, which is given
    /// the range of the header or of the tail and its bytes here.
    pub(super) fn received(&mut self, mut n: usize, landed: impl Fn(bool, usize, &mut [u8])) {
        self.consumed += n as u64;
        let mut take = |most: usize| {
            let taken = n.min(most);
            n -= taken;
            taken
        };
        if self.state == State::Data {
            self.left -= take(self.left);
        }
        if self.state != State::Head {
            let new = take(self.tail_need - self.tail_have);
            landed(false, self.tail_have, &mut self.tail[self.tail_have..self.tail_have + new]);
            self.tail_have += new;
        }
        let new = take(self.need - self.have);
        landed(true, self.have, &mut self.head[self.have..self.have + new]);
        self.have += new;
        self.staged.filled(n);
    }

    /// Moves staged payload to where it belongs. Only payload that arrived together with an earlier PDU is copied.
    fn drain_staged(&mut self, shared: &mut Shared) {
        if self.left == 0 {
            // Of most commands: without this, each would pay for the zeroed piece below.
            return;
        }
        let done = self.len - self.left;
        self.left -= match self.sink {
            Sink::Skip => self.staged.skip(self.left),
            Sink::Collect => self.staged.take(&mut self.collected[done..], &shared.buffers),
            Sink::Task { place, offset, .. } if self.staged.left() > 0 => {
                let layout = shared.tasks.get(place).map(|task| task.layout).unwrap_or_default();
                let mut copied = 0;
                let mut piece = [0; 4096];
                for extent in layout.slice(offset + done, self.left) {
                    let mut at = 0;
                    while let Some(to) = extent.slice(at, piece.len()) {
                        let len = self.staged.take(&mut piece[..to.len()], &shared.buffers);
                        if len == 0 {
                            break;
                        }
                        shared.buffers.arena().write(to, &piece[..len]);
                        at += len;
                        copied += len;
                    }
                }
                shared.stats.add(Counter::BytesCopied, copied as u64);
                copied
            }
            Sink::Task { .. } => 0,
        };
    }

    /// Whether the data segment is what its digest says.
    fn intact(&self, shared: &Shared) -> bool {
        if !self.data_digest || self.len == 0 {
            return true;
        }
        let mut digest = Crc32c::new();
        match self.sink {
            Sink::Skip => return true,
            Sink::Collect => digest.update(&self.collected),
            Sink::Task { place, offset, .. } => {
                let layout = shared.tasks.get(place).map(|task| task.layout).unwrap_or_default();
                for extent in layout.slice(offset, self.len) {
                    shared.buffers.arena().for_each_piece(extent, |piece| digest.update(piece));
                }
            }
        }
        let pad = padding(self.len);
        digest.update(&self.tail[..pad]);
        digest.wire() == self.tail[pad..pad + DIGEST_LEN]
    }
}

impl Conn {
    /// Receives and handles what has come. Returns whether there may be more.
    ///
    /// # Errors
    /// [`Close`] when the connection is over.
    pub fn readable(&mut self, shared: &mut Shared) -> Result<bool, Close> {
        for _ in 0..ROUNDS {
            self.parse(shared)?;
            if self.paused() {
                return Ok(false);
            }
            let more = self.fill(shared)?;
            self.parse(shared)?;
            if !more {
                if self.rx.staged.left() == 0 {
                    // Also if nothing came since: as long as the notebook names the block, it must not become another's.
                    self.noted &= !self.rx.staged.has_block();
                    self.rx.discard(&mut shared.buffers);
                }
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// One call of recvmsg. False: the socket has no more for now.
    fn fill(&mut self, shared: &mut Shared) -> Result<bool, Close> {
        // Before the full feature phase nothing needs speed, and the arena is not for strangers.
        let bulk = self.owed == 0 && matches!(self.phase, Phase::Full(_));
        let space = if bulk { self.rx.staged.space(&mut shared.buffers) } else { None };
        self.rx.bulk = space.is_some();
        // Before anything is taken from the socket the notebook says where it will be.
        self.noted &= self.mirror.is_none();
        self.note(shared);
        let layout = match self.rx.sink {
            Sink::Task { place, .. } if self.rx.state == State::Data => {
                shared.tasks.get(place).map(|task| task.layout).unwrap_or_default()
            }
            _ => Layout::default(),
        };
        let landing = self.landing(shared);
        let mut pieces = self.rx.gather(&layout, shared.buffers.arena(), space, landing);
        let wanted = pieces.len();
        shared.stats.add(Counter::Receives, 1);
        let received = match io::receive(&self.socket, &mut pieces) {
            Ok(0) => return Err(Close(Counter::Disconnected)),
            Ok(received) => received,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(true),
            Err(_) => return Err(Close(Counter::Disconnected)),
        };
        crash::point(Point::BytesReceived);
        self.take_in(received, shared);
        self.heard = shared.now;
        Ok(received == wanted)
    }

    /// The parts of the notebook that take a tail and a header.
    fn landing<'a>(&self, shared: &'a Shared) -> Option<Landing<'a>> {
        let mirror = self.mirror.as_ref()?;
        let rx = &self.rx;
        Some(Landing {
            arena: shared.book.arena()?,
            tail: mirror.landing(shared, false, rx.tail_have, rx.tail_need),
            head: mirror.landing(shared, true, rx.have, rx.need),
        })
    }

    /// Accounts for `n` bytes that were received to where the notebook says, or into private memory without one.
    pub(super) fn take_in(&mut self, n: usize, shared: &Shared) {
        self.noted = false;
        let (mirror, arena) = (&self.mirror, shared.book.arena());
        self.rx.received(n, |head, from, bytes| {
            let extent =
                mirror.as_ref().and_then(|mirror| mirror.landing(shared, head, from, from + bytes.len()));
            if let (Some(arena), Some(extent)) = (arena, extent) {
                arena.read(extent, bytes);
            }
        });
    }

    /// Handles all PDUs that are here, until bytes are missing or the connection has to pause.
    fn parse(&mut self, shared: &mut Shared) -> Result<(), Close> {
        while !self.paused() {
            let rx = &mut self.rx;
            match rx.state {
                State::Head => {
                    rx.have += rx.staged.take(&mut rx.head[rx.have..rx.need], &shared.buffers);
                    if rx.have < rx.need {
                        return Ok(());
                    }
                    self.head(shared)?;
                }
                State::Data => {
                    rx.drain_staged(shared);
                    if rx.left > 0 {
                        return Ok(());
                    }
                    rx.state = State::Tail;
                }
                State::Tail => {
                    rx.tail_have += rx.staged.take(&mut rx.tail[rx.tail_have..rx.tail_need], &shared.buffers);
                    if rx.tail_have < rx.tail_need {
                        return Ok(());
                    }
                    rx.state = State::Head;
                    self.complete(shared)?;
                }
            }
        }
        self.stalled = true;
        Ok(())
    }

    /// The header, or as much of it as was asked for, is here.
    fn head(&mut self, shared: &mut Shared) -> Result<(), Close> {
        if matches!(self.phase, Phase::Lingering(_)) {
            // Nobody reads this any more; it is only taken so that our last PDU is not destroyed by a reset.
            self.rx.have = 0;
            return Ok(());
        }
        let rx = &mut self.rx;
        rx.current.copy_from_slice(&rx.head[..BHS_LEN]);
        let head = Bhs::parse(rx.current);
        if matches!(self.phase, Phase::Login(_)) && head.opcode() != Ok(Opcode::Login) {
            // A stranger that speaks something else is not waited for.
            return Err(Close(Counter::ProtocolErrors));
        }
        let covered = BHS_LEN + head.ahs_len();
        let whole = covered + if rx.header_digest { DIGEST_LEN } else { 0 };
        if rx.need < whole {
            rx.need = whole;
            return Ok(());
        }
        if rx.header_digest && rx.head[covered..whole] != crc32c(&rx.head[..covered]) {
            return Err(Close(Counter::HeaderDigestErrors));
        }
        let most = match self.phase {
            Phase::Full(_) => MAX_RECV_DATA_SEGMENT as usize,
            _ => MAX_LOGIN_DATA,
        };
        if head.data_len() > most {
            return Err(Close(Counter::ProtocolErrors));
        }
        let Some((sink, after)) = self.header(shared)? else {
            // No memory: the header stays and is judged again when some has come back.
            self.starved = true;
            shared.stats.add(Counter::ArenaWaits, 1);
            return Ok(());
        };
        let rx = &mut self.rx;
        let done = if let Sink::Task { done, .. } = sink { done } else { 0 };
        rx.len = head.data_len();
        rx.left = rx.len - done;
        let digest = if rx.data_digest { DIGEST_LEN } else { 0 };
        (rx.tail_have, rx.tail_need) = (0, if rx.len > 0 { padding(rx.len) + digest } else { 0 });
        (rx.have, rx.need) = (0, BHS_LEN);
        (rx.sink, rx.after, rx.state) = (sink, after, State::Data);
        if sink == Sink::Collect {
            rx.collected.resize(rx.len, 0);
        }
        Ok(())
    }

    /// Where the PDU's data goes, and what happens then; `None` if there is no memory for it.
    fn header(&mut self, shared: &mut Shared) -> Result<Option<(Sink, After)>, Close> {
        match &self.phase {
            Phase::Login(_) => Ok(Some((Sink::Collect, After::Request))),
            Phase::Full(_) => self.full_header(shared),
            _ => Ok(Some((Sink::Skip, After::Nothing))),
        }
    }

    /// The whole PDU is here.
    fn complete(&mut self, shared: &mut Shared) -> Result<(), Close> {
        let intact = self.rx.intact(shared);
        if !intact {
            shared.stats.add(Counter::DataDigestErrors, 1);
            self.reject(RejectReason::DataDigestError, shared);
        }
        match self.rx.after {
            After::Nothing => Ok(()),
            After::Task(place) => self.data_arrived(place, self.rx.len, intact, shared),
            After::Request if !intact => Ok(()),
            After::Request => match self.phase {
                Phase::Login(_) => self.login_request(shared),
                _ => self.full_request(shared),
            },
        }
    }

    /// Queues a Reject of the PDU that is being worked on.
    pub(super) fn reject(&mut self, reason: RejectReason, shared: &Shared) {
        shared.stats.add(Counter::Rejects, 1);
        let rejected = self.rx.header();
        self.queue(Reject::new(reason).header(), Payload::Bytes(&rejected), shared);
    }
}
