//! Writes that a former incarnation had begun (see [`crate::notebook`]): they are finished before anybody can look at the unit.
//!
//! A medium may be slow, so a thread does it, and only the commands of this unit wait for it.

use std::fs::File;
use std::io;
use std::sync::{Arc, Mutex};

use ipc::io::write_at;
use scsi::asc::Asc;
use scsi::sense::Sense;

use super::Unit;
use crate::backend::{Backend, Plan};
use crate::chore::Chore;
use crate::engine::Op;
use crate::failure;
use crate::notebook::{Name, Notebook, Redo};
use crate::span::Spans;
use crate::task::Outcome;

/// The writes, and the thread that makes them.
#[derive(Debug)]
pub(super) struct Finishing {
    begun: Vec<Redo>,
    job: Arc<Job>,
    chore: Chore,
}

#[derive(Debug)]
struct Job {
    file: Arc<File>,
    parts: Vec<(u64, Spans)>,
    plan: Plan,
    /// What came of each, in order.
    written: Mutex<Vec<io::Result<()>>>,
}

impl Job {
    /// Writes all parts, and brings them to the medium: that is the result.
    fn run(&self) -> io::Result<()> {
        if let Some(delay) = self.plan.delay {
            std::thread::sleep(delay);
        }
        for (offset, data) in &self.parts {
            let result = match self.plan.fail {
                true => Err(io::Error::from_raw_os_error(libc::EIO)),
                false => write_all(&self.file, data, *offset),
            };
            self.written.lock().map_err(|_| io::Error::other("a thread died"))?.push(result);
        }
        Ok(rustix::fs::fdatasync(&self.file)?)
    }
}

impl Unit {
    /// Begins to finish what a former incarnation had begun, if there is anything. What is returned has ended already.
    pub fn finish_writes(&mut self, mut begun: Vec<Redo>) -> Vec<(Name, Outcome)> {
        let generation = self.medium_generation();
        let plan = if begun.is_empty() { None } else { self.backend().map(Backend::plan) };
        let file = self.backend().and_then(|backend| backend.file().cloned());
        let (Some(file), Some(plan)) = (file, plan) else { return Vec::new() };
        let gone = begun.extract_if(.., |redo| redo.generation != generation);
        let gone = gone.map(|redo| (redo.name, Outcome::check(Sense::not_ready(Asc::MEDIUM_NOT_PRESENT))));
        let gone = gone.collect();
        if begun.is_empty() {
            return gone;
        }
        let parts = begun.iter().map(|redo| (redo.offset, redo.data.clone())).collect();
        let job = Arc::new(Job { file, parts, plan, written: Mutex::default() });
        let theirs = job.clone();
        // Without a thread, everybody waits.
        let chore = Chore::start(move || theirs.run()).unwrap_or_else(|_| Chore::over(job.run()));
        self.finishing = Some(Box::new(Finishing { begun, job, chore }));
        gone
    }

    /// Whether writes are being finished.
    pub fn is_finishing(&self) -> bool {
        self.finishing.is_some()
    }

    /// Notes how the writes have ended, if they have. True then; what else is returned is for the administrator.
    pub fn go_on_finishing(&mut self, notebook: &mut Notebook) -> (bool, Vec<String>) {
        let Some(synced) = self.finishing.as_ref().and_then(|finishing| finishing.chore.poll()) else {
            return (false, Vec::new());
        };
        let Some(Finishing { begun, job, .. }) = self.finishing.take().map(|finishing| *finishing) else {
            return (false, Vec::new());
        };
        let mut notes = Vec::new();
        let synced = synced.map_err(|error| {
            // It may be about what others had written before.
            notes.extend(self.lose_data(&error));
            Outcome::check(failure::of_lost_data())
        });
        let block = u64::from(self.info.block_size.get());
        let mut written =
            job.written.lock().map(|mut written| std::mem::take(&mut *written)).unwrap_or_default();
        written.resize_with(begun.len(), || Err(io::Error::other("it was not tried")));
        for (redo, written) in begun.into_iter().zip(written) {
            let outcome = match written {
                Ok(()) => synced.map_or_else(|lost| lost, |()| redo.outcome),
                Err(error) => {
                    let name = self.name();
                    notes.push(format!("device {name}: a write that had begun cannot be finished: {error}"));
                    Outcome::check(failure::of_io(Op::Write, &error, Some(redo.offset / block)))
                }
            };
            notebook.finish(self.number(), redo.name, outcome);
        }
        (true, notes)
    }
}

/// Writes all of it.
fn write_all(file: &File, data: &Spans, offset: u64) -> io::Result<()> {
    let mut pieces = data.pieces(0, data.bytes());
    while !pieces.is_empty() {
        let done = (data.bytes() - pieces.len()) as u64;
        match write_at(file, &mut pieces, offset + done, 0) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(moved) => pieces.advance(moved),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
