//! A link: a request ring and a reply ring between two incarnations, with a bell at either end.
//!
//! The supervisor makes one with [`create`] and grants it to both ends. Whatever is left in it when an end dies is
//! dropped with it; the next pair of incarnations gets fresh pages under the next epoch. The requester keeps what it
//! asked in private memory and asks again (see `docs/decisions`), so nothing in here has to be repaired.
//!
//! ```text
//! line 0    magic, ABI version, epoch, capacity
//! line 1..  request ring, then reply ring
//! ```

use std::os::fd::{AsFd, OwnedFd};

use zerocopy::transmute;

use crate::ABI_VERSION;
use crate::doorbell::Doorbell;
use crate::fault::PeerFault;
use crate::message::record::{REPLY_WORDS, REQUEST_WORDS, Reply, Request};
use crate::recorder::{Recorder, What};
use crate::ring::{self, Consumer, Producer, PushError};
use crate::shm::{self, MapError, Mapping, SharedWords};
use crate::sync::Ordering;

/// "BLKHDLNK" read as a little-endian word.
const MAGIC: u64 = u64::from_le_bytes(*b"BLKHDLNK");
const HEADER_WORDS: usize = 16;

/// Requests and replies that a link holds, each. Also the bound on what a requester may have outstanding.
pub const CAPACITY: usize = 1024;

const REQUEST_RING: usize = HEADER_WORDS;
const REPLY_RING: usize = REQUEST_RING + ring::words(CAPACITY, REQUEST_WORDS);
const WORDS: usize = REPLY_RING + ring::words(CAPACITY, REPLY_WORDS);

/// The descriptors of a new link, as the supervisor holds and grants them.
#[derive(Debug)]
pub struct LinkParts {
    /// The sealed segment with both rings.
    pub memory: OwnedFd,
    /// Rung to wake the requester.
    pub requester_bell: Doorbell,
    /// Rung to wake the responder.
    pub responder_bell: Doorbell,
}

/// Makes the pages and bells of one link. `name` is for people who read /proc.
pub fn create(name: &str, epoch: u64) -> Result<LinkParts, MapError> {
    let memory = shm::create(name, WORDS * 8)?;
    let map = Mapping::new(&memory)?;
    for (index, value) in [MAGIC, u64::from(ABI_VERSION), epoch, CAPACITY as u64].into_iter().enumerate() {
        map.word(index).store(value, Ordering::Relaxed);
    }
    Ok(LinkParts { memory, requester_bell: Doorbell::new()?, responder_bell: Doorbell::new()? })
}

fn open(memory: impl AsFd, epoch: u64) -> Result<SharedWords, MapError> {
    let map = Mapping::new(memory)?;
    if map.size() < WORDS * 8 {
        return Err(PeerFault::Segment("too small for a link").into());
    }
    for (index, value) in [MAGIC, u64::from(ABI_VERSION), epoch, CAPACITY as u64].into_iter().enumerate() {
        if map.word(index).load(Ordering::Relaxed) != value {
            return Err(PeerFault::Segment("link header").into());
        }
    }
    Ok(SharedWords(map))
}

/// The end that asks: a transport towards the core, the core towards a handler.
pub struct Requester {
    requests: Producer<SharedWords, REQUEST_WORDS>,
    replies: Consumer<SharedWords, REPLY_WORDS>,
    mine: Doorbell,
    theirs: Doorbell,
    recorder: Option<Recorder>,
}

/// The end that answers.
pub struct Responder {
    requests: Consumer<SharedWords, REQUEST_WORDS>,
    replies: Producer<SharedWords, REPLY_WORDS>,
    mine: Doorbell,
    theirs: Doorbell,
    recorder: Option<Recorder>,
}

impl Requester {
    /// Takes up the asking end of the link in `memory`. `mine` wakes this process, `theirs` the responder.
    pub fn new(memory: impl AsFd, epoch: u64, mine: Doorbell, theirs: Doorbell) -> Result<Self, MapError> {
        let words = open(memory, epoch)?;
        let requests = Producer::new(words.clone(), REQUEST_RING, CAPACITY);
        Ok(Self {
            requests,
            replies: Consumer::new(words, REPLY_RING, CAPACITY),
            mine,
            theirs,
            recorder: None,
        })
    }

    /// Records from here on what goes over this end.
    pub fn record(&mut self, recorder: Option<Recorder>) {
        self.recorder = recorder;
    }

    /// Writes a request; it is seen after [`flush`](Self::flush). `Full` means: keep it, and try after the next reply.
    #[inline]
    pub fn send(&mut self, request: &Request) -> Result<(), PushError> {
        let words: [u64; REQUEST_WORDS] = transmute!(*request);
        self.requests.push(&words)?;
        if let Some(recorder) = &self.recorder {
            recorder.request(What::Asked, request);
        }
        Ok(())
    }

    /// Takes the next reply.
    #[inline]
    pub fn receive(&mut self) -> Result<Option<Reply>, PeerFault> {
        let reply = self.replies.pop()?.map(|words| transmute!(words));
        if let (Some(recorder), Some(reply)) = (&self.recorder, &reply) {
            recorder.reply(What::Heard, reply);
        }
        Ok(reply)
    }

    /// Makes everything sent visible and gives consumed slots back; wakes the responder if it sleeps.
    #[inline]
    pub fn flush(&mut self) {
        self.replies.release();
        if self.requests.publish() {
            self.theirs.ring();
        }
    }

    /// See [`Consumer::arm`].
    #[must_use = "sleeping without asking loses wake-ups"]
    pub fn arm(&mut self) -> bool {
        self.replies.arm()
    }

    /// See [`Consumer::disarm`].
    pub fn disarm(&mut self) {
        self.replies.disarm();
    }

    /// The bell to wait for.
    pub fn bell(&self) -> &Doorbell {
        &self.mine
    }
}

impl Responder {
    /// Takes up the answering end of the link in `memory`. `mine` wakes this process, `theirs` the requester.
    pub fn new(memory: impl AsFd, epoch: u64, mine: Doorbell, theirs: Doorbell) -> Result<Self, MapError> {
        let words = open(memory, epoch)?;
        let requests = Consumer::new(words.clone(), REQUEST_RING, CAPACITY);
        Ok(Self {
            requests,
            replies: Producer::new(words, REPLY_RING, CAPACITY),
            mine,
            theirs,
            recorder: None,
        })
    }

    /// Records from here on what goes over this end.
    pub fn record(&mut self, recorder: Option<Recorder>) {
        self.recorder = recorder;
    }

    /// Takes the next request.
    #[inline]
    pub fn receive(&mut self) -> Result<Option<Request>, PeerFault> {
        let request = self.requests.pop()?.map(|words| transmute!(words));
        if let (Some(recorder), Some(request)) = (&self.recorder, &request) {
            recorder.request(What::Taken, request);
        }
        Ok(request)
    }

    /// Writes a reply; it is seen after [`flush`](Self::flush). A requester keeps at most [`CAPACITY`] requests that
    /// want an answer outstanding, so a full ring is its fault.
    #[inline]
    pub fn send(&mut self, reply: &Reply) -> Result<(), PeerFault> {
        let words: [u64; REPLY_WORDS] = transmute!(*reply);
        self.replies.push(&words).map_err(|error| match error {
            PushError::Full => PeerFault::ReplyOverflow,
            PushError::Peer(fault) => fault,
        })?;
        if let Some(recorder) = &self.recorder {
            recorder.reply(What::Answered, reply);
        }
        Ok(())
    }

    /// Replies that can be written now. Those that nobody asked for need room beyond what outstanding requests will take.
    pub fn room(&mut self) -> Result<usize, PeerFault> {
        Ok(self.replies.room()? as usize)
    }

    /// Replies that the requester has given the slots back of: by its word, within what was made visible.
    pub fn taken(&mut self) -> Result<u64, PeerFault> {
        self.replies.taken()
    }

    /// Makes every reply visible and gives consumed slots back; wakes the requester if it sleeps.
    #[inline]
    pub fn flush(&mut self) {
        self.requests.release();
        if self.replies.publish() {
            self.theirs.ring();
        }
    }

    /// See [`Consumer::arm`].
    #[must_use = "sleeping without asking loses wake-ups"]
    pub fn arm(&mut self) -> bool {
        self.requests.arm()
    }

    /// See [`Consumer::disarm`].
    pub fn disarm(&mut self) {
        self.requests.disarm();
    }

    /// The bell to wait for.
    pub fn bell(&self) -> &Doorbell {
        &self.mine
    }
}

#[cfg(test)]
mod tests;
