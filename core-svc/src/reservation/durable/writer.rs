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
    /// None when dropped.
    jobs: Option<Producer<Job>>,
    done: Consumer<(u32, io::Result<()>)>,
    under_way: usize,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// A writer that rings `bell` when it has finished a write. Its thread begins now: when it is needed there may be no memory
    /// for one, and a service that cannot start is started again.
    ///
    /// # Errors
    /// There can be no thread.
    pub fn new(disk: Arc<dyn Disk + Sync>, bell: Arc<Doorbell>) -> io::Result<Self> {
        let (jobs, mut waiting) = RingBuffer::<Job>::new(MOST);
        let (mut finished, done) = RingBuffer::new(MOST);
        let its_disk = disk.clone();
        let work = move || {
            loop {
                match waiting.pop() {
                    Ok(Job { unit, slot, state }) => {
                        // There is room: never more are under way than fit.
                        let _ = finished.push((unit, file::save(&*its_disk, &slot, state)));
                        bell.ring();
                    }
                    Err(_) if waiting.is_abandoned() => return,
                    Err(_) => thread::park(),
                }
            }
        };
        let thread = thread::Builder::new().name("reservations".into()).spawn(work)?;
        Ok(Self { disk, jobs: Some(jobs), done, under_way: 0, thread: Some(thread) })
    }

    /// Reads the files of a unit. Blocks.
    pub fn load(&self, identity: &str) -> Found {
        file::load(&*self.disk, identity)
    }

    /// Writes a unit's file. Blocks.
    pub fn save_now(&self, slot: &Slot, state: Option<State>) -> io::Result<()> {
        file::save(&*self.disk, slot, state)
    }

    /// Hands a write over. False: there are too many.
    pub fn submit(&mut self, unit: u32, slot: Slot, state: Option<State>) -> bool {
        let (Some(jobs), Some(thread)) = (&mut self.jobs, &self.thread) else { return false };
        if self.under_way >= MOST || jobs.push(Job { unit, slot, state }).is_err() {
            return false;
        }
        self.under_way += 1;
        thread.thread().unpark();
        true
    }

    /// A unit whose write is over, and how it went.
    pub fn poll(&mut self) -> Option<(u32, io::Result<()>)> {
        if self.under_way == 0 {
            return None;
        }
        let done = self.done.pop().ok()?;
        self.under_way -= 1;
        Some(done)
    }

    /// Whether a write is under way.
    pub fn is_busy(&self) -> bool {
        self.under_way > 0
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}
