//! The thread that writes files, and the two rings between it and the core.

use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use ipc::doorbell::Doorbell;
use rtrb::{Consumer, Producer, RingBuffer};

use super::file::{self, Disk, Found, Slot};
use crate::reservation::state::State;

/// Writes under way at a time; each unit has one at most.
const MOST: usize = 1024;

struct Job {
    unit: u32,
    slot: Slot,
    state: Option<State>,
}

/// The core's end. Dropped, it lets the thread end after what it is doing.
pub struct Writer {
    disk: Arc<dyn Disk + Sync>,
    bell: Arc<Doorbell>,
    thread: Option<Running>,
}

struct Running {
    jobs: Producer<Job>,
    done: Consumer<(u32, io::Result<()>)>,
    under_way: usize,
    thread: JoinHandle<()>,
}

impl Writer {
    /// A writer whose thread begins with the first write, and rings `bell` when it has finished one.
    pub fn new(disk: Arc<dyn Disk + Sync>, bell: Arc<Doorbell>) -> Self {
        Self { disk, bell, thread: None }
    }

    /// Reads the files of a unit. Blocks.
    pub fn load(&self, identity: &str) -> Found {
        file::load(&*self.disk, identity)
    }

    /// Writes a unit's file. Blocks.
    pub fn save_now(&self, slot: &Slot, state: Option<State>) -> io::Result<()> {
        file::save(&*self.disk, slot, state)
    }

    /// Hands a write over. False: there are too many, or there can be no thread.
    pub fn submit(&mut self, unit: u32, slot: Slot, state: Option<State>) -> bool {
        if self.thread.is_none() {
            self.thread =
                self.begin().inspect_err(|error| tracing::error!(%error, "no thread to write files")).ok();
        }
        let Some(running) = &mut self.thread else { return false };
        if running.under_way >= MOST || running.jobs.push(Job { unit, slot, state }).is_err() {
            return false;
        }
        running.under_way += 1;
        running.thread.thread().unpark();
        true
    }

    /// A unit whose write is over, and how it went.
    pub fn poll(&mut self) -> Option<(u32, io::Result<()>)> {
        let running = self.thread.as_mut().filter(|running| running.under_way > 0)?;
        let done = running.done.pop().ok()?;
        running.under_way -= 1;
        Some(done)
    }

    /// Whether a write is under way.
    pub fn is_busy(&self) -> bool {
        self.thread.as_ref().is_some_and(|running| running.under_way > 0)
    }

    fn begin(&self) -> io::Result<Running> {
        let (jobs, mut waiting) = RingBuffer::<Job>::new(MOST);
        let (mut finished, done) = RingBuffer::new(MOST);
        let (disk, bell) = (self.disk.clone(), self.bell.clone());
        let work = move || {
            loop {
                match waiting.pop() {
                    Ok(Job { unit, slot, state }) => {
                        // There is room: never more are under way than fit.
                        let _ = finished.push((unit, file::save(&*disk, &slot, state)));
                        bell.ring();
                    }
                    Err(_) if waiting.is_abandoned() => return,
                    Err(_) => thread::park(),
                }
            }
        };
        let thread = thread::Builder::new().name("reservations".into()).spawn(work)?;
        Ok(Running { jobs, done, under_way: 0, thread })
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if let Some(Running { jobs, thread, .. }) = self.thread.take() {
            drop(jobs);
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}
