//! Commands that need more than one I/O, each written as one function from top to bottom.
//!
//! Such a command is an `async` block: a state machine that the compiler writes. There is no runtime and there are no
//! wakers: [`crate::dispatch`] polls it when what it asked for is there, and only then. Each `await` in it is one
//! [`Want`] on [`Io`], answered by one [`Event`]. It holds no borrow of unit or notebook between two polls; what it
//! needs of them it takes along at the start or asks for by [`Io::on_unit`]. Its memory is one allocation, which ends with it.

use std::cell::RefCell;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use scsi::sense::Sense;

use crate::buffers::Buffer;
use crate::clerk::Errand;
use crate::engine::Op;
use crate::execute::Event;
use crate::failure;
use crate::notebook::Notebook;
use crate::span::Spans;
use crate::task::Outcome;
use crate::unit::Unit;

/// Bytes to move between the medium and memory.
#[derive(Debug, Clone)]
pub struct Move {
    /// Which way.
    pub op: Op,
    /// Where on the medium, in bytes.
    pub offset: u64,
    /// The memory.
    pub data: Spans,
    /// Bytes of the memory to leave out at the start.
    pub skip: usize,
    /// Bytes to move.
    pub len: usize,
}

/// A write that has to happen as a whole.
#[derive(Debug)]
pub struct Whole {
    /// Where on the medium, in bytes.
    pub offset: u64,
    /// The initiator's data.
    pub data: Spans,
    /// Bytes of it to leave out at the start.
    pub skip: usize,
    /// Bytes to write.
    pub len: usize,
    /// How the command ends after it.
    pub outcome: Outcome,
}

/// Something to do to the unit, or to note about it.
type Deed = Box<dyn FnOnce(&mut Unit, &mut Notebook)>;

/// What a command waits for.
pub enum Want {
    /// Bytes to be moved.
    Move(Move),
    /// Everything written so far to be on the medium.
    Sync,
    /// Something that blocks, on the medium, to be done by the clerk.
    Errand(Errand),
    /// A buffer.
    Buffer,
    /// A copy of the data in the notebook, which a successor will write if this process dies.
    Begin(Whole),
    /// Something to be done to the unit.
    Deed(Deed),
    /// Some time to pass.
    Pause(Duration),
    /// The answer to be given now, while the work goes on.
    Early(Outcome),
}

impl fmt::Debug for Want {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Want")
    }
}

#[derive(Default)]
struct Shared {
    want: Option<Want>,
    event: Option<Event>,
}

/// The way of a command to everything outside it.
#[derive(Clone)]
pub struct Io {
    shared: Rc<RefCell<Shared>>,
    block: u64,
}

/// Why a command cannot go on: the sense data, and how many bytes of the step were moved.
#[derive(Debug, Clone, Copy)]
pub struct Stop {
    /// The sense data.
    pub sense: Sense,
    /// Bytes.
    pub done: usize,
}

impl Io {
    /// For a unit with blocks of so many bytes.
    pub fn new(block: u32) -> Self {
        Self { shared: Rc::default(), block: u64::from(block) }
    }

    /// Bytes of a block.
    pub fn block(&self) -> u64 {
        self.block.max(1)
    }

    /// The block that a byte of the medium belongs to.
    pub fn lba(&self, offset: u64) -> u64 {
        offset / self.block()
    }

    async fn ask(&self, want: Want) -> Event {
        self.shared.borrow_mut().want = Some(want);
        poll_fn(|_| self.shared.borrow_mut().event.take().map_or(Poll::Pending, Poll::Ready)).await
    }

    /// Reads from the medium into memory, all of it.
    pub async fn read(&self, offset: u64, data: &Spans, skip: usize, len: usize) -> Result<(), Stop> {
        self.transfer(Op::Read, offset, data, skip, len).await
    }

    /// Writes memory to the medium, all of it.
    pub async fn write(&self, offset: u64, data: &Spans, skip: usize, len: usize) -> Result<(), Stop> {
        self.transfer(Op::Write, offset, data, skip, len).await
    }

    async fn transfer(&self, op: Op, offset: u64, data: &Spans, skip: usize, len: usize) -> Result<(), Stop> {
        let mut done = 0;
        while done < len {
            let (from, data) = (offset + done as u64, data.clone());
            let want = Want::Move(Move { op, offset: from, data, skip: skip + done, len: len - done });
            let lba = Some(self.lba(from));
            match self.ask(want).await {
                Event::Moved(Ok(moved)) if moved > 0 => done += moved.min(len - done),
                Event::Moved(Ok(_)) => return Err(Stop { sense: failure::of_end(op, lba), done }),
                Event::Moved(Err(error))
                    if matches!(error.raw_os_error(), Some(libc::EINTR | libc::EAGAIN)) => {}
                Event::Moved(Err(error)) => {
                    return Err(Stop { sense: failure::of_io(op, &error, lba), done });
                }
                _ => return Err(Stop { sense: Sense::internal_target_failure(), done }),
            }
        }
        Ok(())
    }

    /// Brings everything that was written to the medium.
    pub async fn sync(&self) -> Result<(), Sense> {
        match self.ask(Want::Sync).await {
            Event::Synced(true) => Ok(()),
            Event::Synced(false) => Err(failure::of_lost_data()),
            _ => Err(Sense::internal_target_failure()),
        }
    }

    /// Has the clerk do something to the medium that may block.
    pub async fn errand<T: Send + 'static>(
        &self,
        act: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let place: Arc<Mutex<Option<io::Result<T>>>> = Arc::default();
        let result = place.clone();
        // The clerk's own result is for what concerns files of the state.
        let errand = Errand::new(move || {
            let came = act();
            if let Ok(mut place) = place.lock() {
                *place = Some(came);
            }
            Ok(())
        });
        match self.ask(Want::Errand(errand)).await {
            Event::Errand(Ok(())) => {
                let came = result.lock().ok().and_then(|mut place| place.take());
                came.unwrap_or_else(|| Err(io::Error::other("the errand left no result")))
            }
            Event::Errand(Err(error)) => Err(error),
            _ => Err(io::Error::other("another event than the end of an errand")),
        }
    }

    /// A buffer of [`crate::buffers::BYTES`] bytes; waits for one if all are in use.
    pub async fn buffer(&self) -> Result<Buffer, Sense> {
        match self.ask(Want::Buffer).await {
            Event::Buffer(buffer) => Ok(buffer),
            _ => Err(Sense::aborted_command(scsi::asc::Asc::INSUFFICIENT_RESOURCES)),
        }
    }

    /// Notes a write before it begins; returns the bytes to write.
    pub async fn begin(&self, whole: Whole) -> Result<Spans, Sense> {
        match self.ask(Want::Begin(whole)).await {
            Event::Begun(spans) => Ok(spans),
            _ => Err(Sense::internal_target_failure()),
        }
    }

    /// Gives the answer now; the rest of the work is done without anybody waiting for it.
    pub async fn answer_early(&self, outcome: Outcome) {
        self.ask(Want::Early(outcome)).await;
    }

    /// Does something to the unit.
    pub async fn on_unit<T: 'static>(
        &self,
        deed: impl FnOnce(&mut Unit, &mut Notebook) -> T + 'static,
    ) -> Result<T, Sense> {
        let place = Rc::new(RefCell::new(None));
        let result = place.clone();
        let deed = move |unit: &mut Unit, notebook: &mut Notebook| {
            *place.borrow_mut() = Some(deed(unit, notebook));
        };
        self.ask(Want::Deed(Box::new(deed))).await;
        let came = result.borrow_mut().take();
        came.ok_or(Sense::internal_target_failure())
    }

    /// Lets some time pass.
    pub async fn pause(&self, time: Duration) {
        self.ask(Want::Pause(time)).await;
    }
}

/// How far a command has come.
pub enum Next {
    /// It is over.
    Over(Outcome),
    /// It waits for this.
    Wants(Want),
}

/// A command under way.
pub struct Work {
    future: Pin<Box<dyn Future<Output = Outcome>>>,
    io: Io,
}

impl fmt::Debug for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Work")
    }
}

impl Work {
    /// Work that has not begun. `io` is what its future asks by.
    pub fn new(io: Io, future: impl Future<Output = Outcome> + 'static) -> Self {
        Self { future: Box::pin(future), io }
    }

    /// Goes on, with what was asked for; none at the start.
    pub fn go_on(&mut self, event: Option<Event>) -> Next {
        self.io.shared.borrow_mut().event = event;
        match self.future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(outcome) => Next::Over(outcome),
            // A future that waits for anything but us would wait for ever.
            Poll::Pending => {
                let want = self.io.shared.borrow_mut().want.take();
                let lost = || Next::Over(Outcome::check(Sense::internal_target_failure()));
                want.map_or_else(lost, Next::Wants)
            }
        }
    }
}

impl From<Sense> for Stop {
    fn from(sense: Sense) -> Self {
        Self { sense, done: 0 }
    }
}
