//! The engine of choice: io_uring. One of the files with unsafe code.
//!
//! What must hold: an entry in the submission queue names a descriptor, a list of addresses and memory that all stay
//! valid until its completion has been reaped. They do, because [`Uring`] keeps, by slot, the [`Job`] (which holds the
//! file and the arena mappings) and the list of addresses in a boxed slice that never moves, touches neither before the
//! completion, and does not let go of them in `drop` before the kernel has given everything back.

#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use io_uring::{IoUring, opcode, squeue, types};
use ipc::message::record::EXTENTS;

use super::{Finished, Job, Op};
use crate::slots::SlotId;

const EMPTY: libc::iovec = libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 };

/// A job that the kernel has.
struct Held {
    job: Option<Job>,
    list: [libc::iovec; EXTENTS],
}

/// io_uring and what has been handed to it.
pub struct Uring {
    ring: IoUring,
    held: Box<[Held]>,
    in_flight: usize,
    /// Entries that were pushed and not submitted yet.
    pushed: usize,
}

// SAFETY: the addresses in `held` are those of arenas, which the jobs beside them keep mapped for the whole process and
// which belong to no thread.
unsafe impl Send for Uring {}

impl Uring {
    /// A ring with room for one job of each of `slots` slots.
    pub fn new(slots: usize) -> io::Result<Self> {
        let entries = u32::try_from(slots.next_power_of_two()).map_err(io::Error::other)?;
        let ring = IoUring::builder().build(entries)?;
        if !ring.params().is_feature_nodrop() {
            return Err(io::Error::new(io::ErrorKind::Unsupported, "this io_uring can lose completions"));
        }
        let held = (0..slots).map(|_| Held { job: None, list: [EMPTY; EXTENTS] }).collect();
        Ok(Self { ring, held, in_flight: 0, pushed: 0 })
    }

    pub fn submit(&mut self, slot: SlotId, job: Job) {
        let held = &mut self.held[slot.index()];
        assert!(held.job.is_none(), "slot {slot:?} has a job already");
        let entry = prepare(held.job.insert(job), &mut held.list).user_data(slot.index() as u64);
        // SAFETY: what the entry points to is kept in `held` until the completion, as the head of this file says.
        let full = unsafe { self.ring.submission().push(&entry) };
        full.expect("the submission queue has an entry for every slot");
        self.in_flight += 1;
        self.pushed += 1;
    }

    pub fn flush(&mut self) {
        if self.pushed == 0 {
            return;
        }
        // What the kernel does not take now (EAGAIN, EBUSY, EINTR) stays in the queue for the next turn of the loop.
        if let Ok(taken) = self.ring.submit() {
            self.pushed = self.pushed.saturating_sub(taken);
        }
    }

    pub fn reap(&mut self) -> Option<Finished> {
        if self.in_flight == 0 {
            return None;
        }
        let entry = self.ring.completion().next()?;
        let index = usize::try_from(entry.user_data()).expect("the kernel gives back what it was given");
        let held = &mut self.held[index];
        assert!(held.job.take().is_some(), "a completion without a job: slot {index}");
        self.in_flight -= 1;
        let code = entry.result();
        let result = usize::try_from(code).map_err(|_| io::Error::from_raw_os_error(-code));
        Some(Finished { slot: SlotId::from_index(index), result })
    }

    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Entries wait to be submitted: the loop must not sleep on the bell alone.
    pub fn unsubmitted(&self) -> bool {
        self.pushed > 0
    }

    pub fn bell(&self) -> BorrowedFd<'_> {
        // SAFETY: the descriptor is open as long as `self.ring` lives, which the borrow of `self` ensures.
        unsafe { BorrowedFd::borrow_raw(self.ring.as_raw_fd()) }
    }
}

fn prepare(job: &Job, list: &mut [libc::iovec; EXTENTS]) -> squeue::Entry {
    let file = types::Fd(job.file.as_raw_fd());
    if job.op == Op::Sync {
        return opcode::Fsync::new(file).flags(types::FsyncFlags::DATASYNC).build();
    }
    let pieces = job.spans.pieces(job.skip, job.len);
    let raw = pieces.as_raw();
    list[..raw.len()].copy_from_slice(raw);
    let count = raw.len() as u32;
    match job.op {
        Op::Read => opcode::Readv::new(file, list.as_ptr(), count).offset(job.offset).build(),
        _ => opcode::Writev::new(file, list.as_ptr(), count).offset(job.offset).build(),
    }
}

impl Drop for Uring {
    fn drop(&mut self) {
        while self.in_flight > 0 {
            // An error other than an interruption leaves no way to know when the kernel is done with our memory.
            match self.ring.submit_and_wait(1) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => std::process::abort(),
                _ => while self.reap().is_some() {},
            }
        }
    }
}
