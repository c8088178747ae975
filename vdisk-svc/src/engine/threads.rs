//! The engine where io_uring is forbidden: threads that may block.
//!
//! Each worker has a queue of its own (`rtrb`) and an eventfd on which it sleeps; results come back by a second queue
//! and one bell for the loop. A job goes to the worker with the least to do, so that one slow medium does not hold up
//! the rest as long as there are workers left.

use std::io;
use std::os::fd::OwnedFd;
use std::thread::JoinHandle;

use ipc::doorbell::Doorbell;
use ipc::io::{read_at, write_at};
use rtrb::{Consumer, Producer, RingBuffer};
use rustix::event::{EventfdFlags, eventfd};

use super::{Finished, Job, Op};
use crate::slots::SlotId;

/// Most workers that a manifest gets.
const MOST_WORKERS: u32 = 64;

/// The loop's side of the workers.
pub struct Threads {
    workers: Vec<Worker>,
    bell: Doorbell,
    /// The worker to look at first for results, so that none is starved.
    next: usize,
}

struct Worker {
    jobs: Option<Producer<(SlotId, Job)>>,
    results: Consumer<Finished>,
    wake: OwnedFd,
    busy: usize,
    thread: Option<JoinHandle<()>>,
}

impl Threads {
    /// Starts `workers` threads whose queues hold `slots` jobs each.
    pub fn start(slots: usize, workers: u32) -> io::Result<Self> {
        let bell = Doorbell::new()?;
        let workers = (0..workers.clamp(1, MOST_WORKERS))
            .map(|index| Worker::start(index, slots, bell.duplicate()?))
            .collect::<io::Result<_>>()?;
        Ok(Self { workers, bell, next: 0 })
    }

    pub fn submit(&mut self, slot: SlotId, job: Job) {
        let idlest = self.workers.iter_mut().min_by_key(|worker| worker.busy);
        idlest.expect("there is at least one worker").submit(slot, job);
    }

    pub fn reap(&mut self) -> Option<Finished> {
        for _ in 0..self.workers.len() {
            let worker = &mut self.workers[self.next];
            if worker.busy > 0
                && let Ok(finished) = worker.results.pop()
            {
                worker.busy -= 1;
                return Some(finished);
            }
            self.next = (self.next + 1) % self.workers.len();
        }
        None
    }

    pub fn in_flight(&self) -> usize {
        self.workers.iter().map(|worker| worker.busy).sum()
    }

    pub fn bell(&self) -> &Doorbell {
        &self.bell
    }
}

impl Worker {
    fn start(index: u32, slots: usize, bell: Doorbell) -> io::Result<Self> {
        let (jobs, inbox) = RingBuffer::new(slots);
        let (outbox, results) = RingBuffer::new(slots);
        // Blocking, unlike a doorbell: reading it is how a worker sleeps.
        let wake = eventfd(0, EventfdFlags::CLOEXEC)?;
        let asleep = wake.try_clone()?;
        let thread = std::thread::Builder::new()
            .name(format!("io-{index}"))
            .spawn(move || work(inbox, outbox, &asleep, &bell))?;
        Ok(Self { jobs: Some(jobs), results, wake, busy: 0, thread: Some(thread) })
    }

    fn submit(&mut self, slot: SlotId, job: Job) {
        let queue = self.jobs.as_mut().expect("the queue is there until the worker is dropped");
        queue.push((slot, job)).expect("a queue holds every slot");
        self.busy += 1;
        self.wake();
    }

    fn wake(&self) {
        // The counter would have to reach 2^64 - 1 for this to fail.
        let _ = rustix::io::write(&self.wake, &1u64.to_ne_bytes());
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // A worker that finds its queue abandoned ends, after the jobs that are left in it.
        drop(self.jobs.take());
        self.wake();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn work(
    mut inbox: Consumer<(SlotId, Job)>,
    mut outbox: Producer<Finished>,
    asleep: &OwnedFd,
    bell: &Doorbell,
) {
    loop {
        while let Ok((slot, job)) = inbox.pop() {
            let result = perform(&job);
            // The job, and with it the task's file and memory, is let go before anybody can hear of its end.
            drop(job);
            if outbox.push(Finished { slot, result }).is_err() {
                return;
            }
            bell.ring();
        }
        if inbox.is_abandoned() && inbox.is_empty() {
            return;
        }
        let _ = rustix::io::read(asleep, &mut [0u8; 8]);
    }
}

fn perform(job: &Job) -> io::Result<usize> {
    loop {
        let result = match job.op {
            Op::Read => read_at(&job.file, &mut job.spans.pieces(job.skip, job.len), job.offset, 0),
            Op::Write => write_at(&job.file, &mut job.spans.pieces(job.skip, job.len), job.offset, 0),
            Op::Sync => rustix::fs::fdatasync(&job.file).map(|()| 0).map_err(io::Error::from),
        };
        match result {
            // Interrupted before anything was moved: nothing has been lost, not even an error of the medium.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}
