//! What the supervisor knows, written down so that its successor goes on as if nothing had happened.
//!
//! Two things, both kept by the keeper. The [`Head`] is what does not change: the plan, and where everything is; written
//! once, in a segment that is sealed against writing. The [`Record`] is everything else; it is a page of a notebook, whole
//! or ignored, and written before any word of it leaves this process. What must hold at each moment is said in
//! `reactor/commit.rs`; how it is taken up again, in `reactor/adopt.rs`.
//!
//! Both are read as if an enemy had written them: what does not fit the plan is refused, and then everything begins anew.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::time::Duration;

use ipc::message::codec;
use ipc::message::config::AccessState;
use memfd::{FileSeal, MemfdOptions};
use serde::{Deserialize, Serialize};

use crate::child::State;
use crate::obituary::Obituary;
use crate::plan::{Plan, UnitPlan};
use crate::policy::Death;

/// The format of both. Another number is not read. It is raised whenever a type in them changes, or a test fails.
pub const FORMAT: u32 = 2;
/// The schema of the notebook.
pub const SCHEMA: u64 = u64::from_le_bytes(*b"BLKHDSUP") ^ FORMAT as u64;
/// Bytes of the notebook: room for two pages of the most that the codec encodes.
pub const NOTEBOOK_BYTES: usize = 2 * codec::MAX_PAGE + 8192;
/// The longest head that is read.
const MOST_HEAD: u64 = 64 << 20;

/// Names of descriptors in the keeper that there is one of.
pub mod name {
    /// The [`super::Head`].
    pub const HEAD: &str = "head";
    /// The notebook with the [`super::Record`].
    pub const RECORD: &str = "record";
    /// The lock of the run directory.
    pub const RUN_LOCK: &str = "lock:run";
    /// The lock of the state directory.
    pub const STATE_LOCK: &str = "lock:state";
    /// The admin socket.
    pub const ADMIN: &str = "admin";

    /// One of several: `arena` of service 3, `socket` of the fifth start of service 3.
    pub fn of(what: &str, numbers: &[u64]) -> String {
        numbers.iter().fold(what.to_owned(), |name, number| format!("{name}:{number}"))
    }
}

/// What stays the same from the first start to the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// [`FORMAT`]
    pub format: u32,
    /// [`ipc::ABI_VERSION`], which the services that run speak.
    pub abi: u32,
    /// The manifest, for people.
    pub manifest: PathBuf,
    /// The run directory.
    pub run_dir: PathBuf,
    /// The state directory.
    pub state_dir: PathBuf,
    /// What is printed when all services have been ready once.
    pub ready: String,
    /// What shall exist, as it was at the start.
    pub plan: Plan,
}

impl Head {
    /// Writes it into a segment that nobody can change any more.
    ///
    /// # Errors
    /// The host refuses, or a path is no text.
    pub fn seal(&self) -> io::Result<OwnedFd> {
        let options = MemfdOptions::default().allow_sealing(true).close_on_exec(true);
        let memfd = options.create("bulkhead:head").map_err(io::Error::other)?;
        memfd.as_file().write_all(&serde_json::to_vec(self)?)?;
        let seals = [FileSeal::SealWrite, FileSeal::SealGrow, FileSeal::SealShrink, FileSeal::SealSeal];
        memfd.add_seals(&seals).map_err(io::Error::other)?;
        Ok(memfd.into_file().into())
    }

    /// Reads it.
    ///
    /// # Errors
    /// Another build wrote it.
    pub fn open(fd: impl AsFd) -> io::Result<Self> {
        let mut file = File::from(fd.as_fd().try_clone_to_owned()?);
        io::Seek::rewind(&mut file)?;
        let mut text = Vec::new();
        file.take(MOST_HEAD).read_to_end(&mut text)?;
        let head: Self = serde_json::from_slice(&text)?;
        if (head.format, head.abi) != (FORMAT, ipc::ABI_VERSION) {
            let found = (head.format, head.abi);
            return Err(io::Error::other(format!("it is of format and ABI {found:?}")));
        }
        Ok(head)
    }
}

/// What changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The zero of all times in here, see [`crate::clock::Clock`].
    pub origin: Duration,
    /// Every service has been ready once.
    pub announced: bool,
    /// The stage of the orderly end, if that has begun.
    pub stopping: Option<u32>,
    /// Why everything ends, if it is no administrator's will.
    pub unfit: Option<String>,
    /// By service.
    pub children: Vec<ChildRecord>,
    /// By link: epoch of the last one made, and whether both ends have it or are about to.
    pub links: Vec<(u64, bool)>,
    /// The units that are not as in the head any more.
    pub units: Vec<UnitPlan>,
    /// The number of the last change of a device.
    pub last_change: u64,
    /// Changes of devices that are under way.
    pub changes: Vec<ChangeRecord>,
    /// Asymmetric access states by device group and port group.
    pub states: Vec<((u32, u16), AccessState)>,
    /// Those that administrators want and the core has not said to hold.
    pub wanted: Vec<((u32, u16), AccessState)>,
}

/// One service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChildRecord {
    /// Where it is in its life.
    pub state: State,
    /// How often it has been started.
    pub starts: u64,
    /// Its deaths, for the policy.
    pub deaths: Vec<Death>,
    /// What it died of last.
    pub last_death: Option<Obituary>,
    /// It is being upgraded: the former program was kept.
    pub former: bool,
    /// It has gone back to a former program, which was kept.
    pub pinned: bool,
    /// Its process. Its descriptors have `starts` in their names.
    pub process: Option<ProcessRecord>,
}

/// A process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessRecord {
    /// Its number.
    pub pid: u32,
    /// Where its part of the log begins.
    pub log_start: u64,
    /// The names of its counters.
    pub counters: Vec<String>,
    /// When it was started.
    pub started: Duration,
    /// When it was ready.
    pub ready: Option<Duration>,
    /// It has all its grants, or is about to.
    pub granted: bool,
    /// Messages to it were about to be sent: whether it has them is not known.
    pub owed: bool,
    /// When it is killed, and why.
    pub kill_at: Option<(Duration, String)>,
    /// Faults that it has reported of its peers.
    pub faults: u32,
    /// Why it has been killed.
    pub reason: Option<String>,
    /// What it cannot serve.
    pub problems: Vec<String>,
}

/// A change of a device that is under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeRecord {
    /// The unit.
    pub unit: u32,
    /// Its number.
    pub request: u64,
    /// When patience with it ends.
    pub deadline: Duration,
    /// How far it is.
    pub stage: StageRecord,
}

/// How far a change of a device is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum StageRecord {
    /// A new size is on its way.
    Resizing(Option<u64>),
    /// The handler was asked whether anything stands against it.
    Asked,
    /// It is in the plan.
    Settled,
}

impl Record {
    /// The page.
    ///
    /// # Errors
    /// It is too long.
    pub fn encode(&self) -> Result<Vec<u8>, codec::CodecError> {
        codec::encode_page(self)
    }

    /// Reads a page, and holds it against the plan that it is about.
    ///
    /// # Errors
    /// What does not fit.
    pub fn decode(page: &[u8], plan: &Plan) -> Result<Self, String> {
        let record: Self = codec::decode_page(page).map_err(|error| error.to_string())?;
        let unit = |unit: u32| plan.units.get(unit as usize);
        if record.children.len() != plan.services.len() || record.links.len() != plan.links.len() {
            return Err("it is about other services".to_owned());
        }
        let of_plan = |changed: &UnitPlan| {
            unit(changed.config.unit).is_some_and(|first| {
                first.service == changed.service && first.config.name == changed.config.name
            })
        };
        let known = |change: &ChangeRecord| unit(change.unit).is_some();
        if !record.units.iter().all(of_plan) || !record.changes.iter().all(known) {
            return Err("it is about other devices".to_owned());
        }
        Ok(record)
    }
}

#[cfg(test)]
mod tests;
