//! The thread that loads: keeps commands in flight, judges what comes back, begins a new session when it may.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context, anyhow};

use super::slots::{BLOCK, Slots};
use super::{Completion, Plan, Report, Shared};
use crate::deadline;
use crate::initiator::cdb;
use crate::initiator::login::Login;
use crate::initiator::session::Session;
use crate::initiator::task::{Command, Done};
use crate::random::Random;

/// How long a lost session may take to be had again.
const RECONNECT_LIMIT: Duration = Duration::from_secs(30);
/// Errors that are kept; after so many the load gives up.
const MOST_ERRORS: usize = 100;

/// A command in flight.
#[derive(Debug, Clone, Copy)]
struct Job {
    slot: usize,
    /// The version that it writes; `None` for a read.
    writes: Option<u32>,
    /// Uses the 16-byte form of its CDB.
    long: bool,
}

pub(super) struct Worker {
    plan: Plan,
    shared: Arc<Shared>,
    slots: Slots,
    random: Random,
    jobs: HashMap<u32, Job>,
    report: Report,
}

/// A session whose unit attentions have been heard.
pub(super) fn log_in(plan: &Plan) -> anyhow::Result<Session> {
    let digest = if plan.digests { "CRC32C" } else { "None" };
    let login = Login::normal(plan.initiator).with("HeaderDigest", digest).with("DataDigest", digest);
    let mut session = login.session(plan.portal)?;
    session.clear_unit_attentions(plan.lun)?;
    Ok(session)
}

impl Worker {
    pub fn new(plan: Plan, shared: Arc<Shared>) -> Self {
        let (slots, random) =
            (Slots::new(plan.mib, plan.bytes / BLOCK as u32, plan.seed), Random::new(plan.seed));
        Self { plan, shared, slots, random, jobs: HashMap::new(), report: Report::default() }
    }

    pub fn run(mut self, mut session: Session) -> anyhow::Result<Report> {
        while let Err(error) = self.load(&mut session) {
            if !self.plan.reconnect {
                self.fail(&error);
                return Ok(self.report);
            }
            session = self.reconnect()?;
        }
        let _ = session.logout();
        if self.report.errors.is_empty() {
            self.read_back()?;
        }
        Ok(self.report)
    }

    /// Loads until told to stop, or until too much has gone wrong.
    fn load(&mut self, session: &mut Session) -> anyhow::Result<()> {
        loop {
            let stop = self.shared.stop.load(Ordering::Acquire) || self.report.errors.len() > MOST_ERRORS;
            while !stop && self.jobs.len() < self.plan.depth && session.window() > 0 {
                let job = self.next_job();
                self.submit(session, job)?;
            }
            if self.jobs.is_empty() {
                return Ok(());
            }
            let done = session.complete()?;
            self.settle(session, done)?;
        }
    }

    fn next_job(&mut self) -> Job {
        let slot = match self.plan.sequential {
            true => self.slots.next_free(),
            false => self.slots.choose(&mut self.random),
        };
        let version = self.slots.slot(slot).version + 1;
        let writes = self.random.between(0, 100) < self.plan.writes || self.plan.fill && version == 1;
        Job { slot, writes: writes.then_some(version), long: self.random.between(0, 2) == 0 }
    }

    fn submit(&mut self, session: &mut Session, job: Job) -> anyhow::Result<()> {
        let slot = self.slots.slot(job.slot);
        let (lba, blocks, lun) = (slot.lba, slot.blocks, self.plan.lun);
        let cdb = match (job.writes.is_some(), job.long) {
            (false, false) => cdb::read10(lba as u32, blocks as u16).to_vec(),
            (true, false) => cdb::write10(lba as u32, blocks as u16).to_vec(),
            (false, true) => cdb::read16(lba, blocks).to_vec(),
            (true, true) => cdb::write16(lba, blocks).to_vec(),
        };
        let command = match job.writes {
            Some(version) => Command::write(lun, &cdb, self.slots.pattern(job.slot, version)),
            None => Command::read(lun, &cdb, blocks as usize * BLOCK),
        };
        // Noted even when sending fails: it is sent again over the next session then.
        let tag = session.submit(command);
        self.jobs.insert(*tag.as_ref().unwrap_or(&0), job);
        tag.map(drop)
    }

    fn settle(&mut self, session: &mut Session, done: Done) -> anyhow::Result<()> {
        let job = self.jobs.remove(&done.tag).context("an answer to an unknown command")?;
        if done.is_unit_attention() {
            self.report.unit_attentions += 1;
            self.plan.gauge.iter().for_each(|gauge| gauge.unit_attention());
            return self.submit(session, job);
        }
        let slot = self.slots.slot(job.slot);
        slot.busy = false;
        let place = format!("{} blocks at {}", slot.blocks, slot.lba);
        if let (0, Some(version)) = (done.status, job.writes) {
            slot.version = version;
        }
        if done.status != 0 || done.residual != 0 {
            let Done { status, residual, .. } = done;
            let sense = done.sense_code();
            let what = if job.writes.is_some() { "write" } else { "read" };
            self.fail(&anyhow!(
                "{what} of {place}: status {status:02x}, residual {residual}, sense {sense:02x?}"
            ));
            return Ok(());
        }
        self.completed(&done, job.writes.is_none().then_some(job.slot));
        self.shared.done.fetch_add(1, Ordering::Release);
        Ok(())
    }

    /// A command ended with GOOD. What it read is what the slot must hold.
    fn completed(&mut self, done: &Done, read: Option<usize>) {
        let (wrong, verified) = match read {
            Some(slot) => (self.slots.wrong(slot, &done.data), done.data.len() as u64),
            None => (0, 0),
        };
        self.report.wrong_bytes += wrong;
        self.report.verified += verified;
        match &self.plan.gauge {
            Some(gauge) => gauge.done(done.at, verified, wrong),
            None => self.report.completions.push(Completion { sent: done.sent, at: done.at }),
        }
    }

    fn fail(&mut self, error: &anyhow::Error) {
        self.report.errors.push(format!("{error:#}"));
        self.plan.gauge.iter().for_each(|gauge| gauge.failed(error));
    }

    /// A new session, and what was in flight on the old one sent again: a write may have been executed already, and its
    /// slot may hold either version until then.
    fn reconnect(&mut self) -> anyhow::Result<Session> {
        self.report.reconnects += 1;
        let mut session =
            deadline::wait_for("a new session", RECONNECT_LIMIT, || Ok(log_in(&self.plan).ok()))?;
        let again: Vec<Job> = self.jobs.drain().map(|(_, job)| job).collect();
        for (sent, job) in again.iter().enumerate() {
            if self.submit(&mut session, *job).is_err() {
                // Lost once more: whatever was not sent waits for the session after this one.
                let late = again[sent + 1..].iter().zip(1u32..);
                self.jobs.extend(late.map(|(job, number)| (u32::MAX - number, *job)));
                return self.reconnect();
            }
        }
        Ok(session)
    }

    /// Every slot once more, over a session of its own.
    fn read_back(&mut self) -> anyhow::Result<()> {
        let mut session = log_in(&self.plan).context("reading everything back")?;
        for index in 0..self.slots.count() {
            let slot = self.slots.slot(index);
            let (cdb, length) = (cdb::read16(slot.lba, slot.blocks), slot.blocks as usize * BLOCK);
            let done = session.execute(Command::read(self.plan.lun, &cdb, length))?;
            if done.status == 0 {
                self.completed(&done, Some(index));
            } else {
                self.fail(&anyhow!("reading back: status {:02x}", done.status));
            }
        }
        session.logout()
    }
}
