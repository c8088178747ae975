//! A logical unit: what the manifest says of it, its medium, and its gate.
//!
//! While the medium is not ours, or tasks of an older link still run on it, commands wait at the gate in order. What
//! initiators are told of the unit derives from one [`DeviceInfo`]. Next: [`crate::execute`] for what commands do.

mod change;
pub mod claims;
pub mod deferred;
pub mod drive;
mod finishing;
mod identity;
pub mod operation;
mod report;
pub mod settings;
mod space;
pub mod under_way;
pub mod watchers;

use std::fs::File;
use std::io;
use std::num::NonZeroU64;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use ipc::message::config::{BackendConfig, DeviceConfig};
use ipc::state::StateDir;
use scsi::asc::Asc;
use scsi::device_info::DeviceInfo;
use scsi::log_page::Activity;
use scsi::sense::Sense;
use scsi::unit_report::UnitReport;

use crate::backend::Backend;
use crate::backend::fault::Fault;
use crate::backend::file::{self, Medium};
use crate::backend::null::Null;
use crate::slots::Queue;
use crate::spc::buffer::Buffers;
use change::Change;
use claims::Claims;
use deferred::Deferred;
use drive::Drive;
use finishing::Finishing;
use operation::Operation;
use settings::Settings;
use space::Space;
use under_way::UnderWay;
use watchers::Watchers;

/// The first wait before the lock is tried again; it grows to [`SLOWEST_RETRY`]. Initiators wait for it after each death.
const FIRST_RETRY: Duration = Duration::from_millis(1);
/// The longest wait between two tries.
const SLOWEST_RETRY: Duration = Duration::from_millis(20);
/// After so long without the lock the administrator is told.
const REPORT_AFTER: Duration = Duration::from_secs(5);

/// A medium that is not ours yet.
#[derive(Debug)]
struct Opening {
    file: File,
    since: Instant,
    next_try: Instant,
    pause: Duration,
    reported: bool,
    /// Commands have been held for as long as they may be.
    overdue: bool,
}

/// Whether the unit has its medium.
#[derive(Debug)]
enum State {
    Opening(Opening),
    Open(Backend),
    /// A removable device without its medium.
    Empty,
    Failed,
}

/// Syncs of one unit run one at a time: the kernel reports the loss of written data to one caller of fdatasync only, so
/// two at once could leave one of them with a success that is none.
#[derive(Debug, Default)]
pub struct Syncs {
    /// Tasks that the running sync is for; the first of them lends it its slot.
    pub running: Queue,
    /// Tasks that came too late for it.
    pub next: Queue,
    /// Acknowledged data was lost ([`deferred`]): no later success can bring it back.
    pub lost: bool,
    /// A fault device wants the running one to fail.
    pub fails: bool,
}

/// A logical unit.
#[derive(Debug)]
pub struct Unit {
    config: DeviceConfig,
    /// What initiators are told.
    pub info: DeviceInfo,
    state: State,
    /// Its mode parameters.
    pub settings: Settings,
    /// What START STOP UNIT and PREVENT ALLOW MEDIUM REMOVAL have made of it. Changed by [`Unit::change_drive`].
    pub drive: Drive,
    /// That is not in the notebook as it is.
    drive_unkept: bool,
    /// What LOG SENSE tells of it.
    pub activity: Activity,
    /// When it began to be served.
    began: Instant,
    /// What WRITE BUFFER has left.
    pub buffers: Buffers,
    buffers_unkept: bool,
    /// Who has been told what of the medium.
    pub watchers: Watchers,
    /// Tasks at the gate.
    pub waiting: Queue,
    /// Tasks that have begun and are not over.
    pub running: usize,
    /// Those among them that came over a link that is gone.
    pub orphans: usize,
    /// Those among them that only wait for the end of the long operation.
    pub attending: usize,
    /// The device was granted anew: this unit takes no more commands, and lets go of its medium after the last.
    replaced: bool,
    /// Its syncs.
    pub syncs: Syncs,
    /// Who is to be told of data that was lost.
    pub deferred: Deferred,
    loss_unkept: bool,
    /// Who has blocks to himself.
    pub claims: Claims,
    /// Reads and writes that are under way.
    pub under_way: UnderWay,
    /// A FORMAT UNIT or SANITIZE that is under way or has failed.
    pub operation: Option<Operation>,
    /// Every block was given back by a SANITIZE, and none has been written since. A block device does not tell that itself.
    pub blank: bool,
    /// A change that an administrator has asked for.
    change: Option<Box<Change>>,
    /// Commands wait for that change.
    paused: bool,
    /// Commands wait for writes that a former incarnation had begun.
    finishing: Option<Box<Finishing>>,
    space: Space,
    report: UnitReport,
    /// Counts the changes of the report, from 1.
    report_version: u64,
    /// The report has changed and core-svc has not been told.
    untold: bool,
    /// The report has changed and is not in the notebook.
    unkept: bool,
}

impl Unit {
    /// A unit as granted; `fd` is its medium, if it has one. An error is for the administrator.
    pub fn new(config: DeviceConfig, fd: Option<OwnedFd>, now: Instant) -> Result<Self, String> {
        let state = match (&config.backend, fd) {
            (BackendConfig::Null { bytes }, _) => State::Open(Backend::Null(Null::new(*bytes))),
            (_, Some(fd)) => State::Opening(Opening {
                file: fd.into(),
                since: now,
                next_try: now,
                pause: FIRST_RETRY,
                reported: false,
                overdue: false,
            }),
            (_, None) if config.removable => State::Empty,
            (_, None) => return Err(format!("device {}: its medium was not granted", config.name)),
        };
        let info = identity::info(&config, 0).map_err(|error| format!("device {}: {error}", config.name))?;
        let mut unit = Self {
            settings: Settings::new(&info),
            config,
            info,
            state,
            drive: Drive::default(),
            drive_unkept: false,
            activity: Activity::default(),
            began: now,
            buffers: Buffers::default(),
            buffers_unkept: false,
            watchers: Watchers::default(),
            waiting: Queue::default(),
            running: 0,
            orphans: 0,
            attending: 0,
            replaced: false,
            syncs: Syncs::default(),
            deferred: Deferred::default(),
            loss_unkept: false,
            claims: Claims::default(),
            under_way: UnderWay::default(),
            operation: None,
            blank: false,
            change: None,
            paused: false,
            finishing: None,
            space: Space::default(),
            report: UnitReport::default(),
            report_version: 1,
            untold: false,
            unkept: false,
        };
        if let State::Open(backend) = &unit.state {
            let bytes = backend.bytes();
            unit.learn_size(bytes)?;
        }
        unit.tell_generations();
        unit.report_settings();
        Ok(unit)
    }

    /// Its index.
    pub fn number(&self) -> u32 {
        self.config.unit
    }

    /// Its name in the manifest.
    pub fn name(&self) -> &str {
        &self.config.name
    }

    /// The unit was reset (SAM-5 6.3.3): none of its older tasks runs. It 's settings are those that were saved, and nobody
    /// prevents the removal of its medium any more.
    pub fn reset(&mut self) {
        self.change_drive(0, Drive::reset);
        let parameters = self.settings.saved().copied().unwrap_or_default();
        self.settings.force(&self.info, parameters);
        self.settings.unkept = true;
        self.report_settings();
    }

    /// A nexus is over, or every one (0): nothing is kept for it any more.
    pub fn nexus_lost(&mut self, nexus: u64) {
        self.change_drive(0, |drive| drive.forget(nexus));
        self.deferred.forget(nexus);
    }

    /// From now on mode parameters can be saved in `dir`; those that were are in force. What is returned is for the
    /// administrator.
    pub fn shelve(&mut self, dir: &StateDir) -> Option<String> {
        let problem = self.settings.shelve(&self.info, &self.config.name, dir);
        self.report_settings();
        problem
    }

    /// Every write has to be on the medium before it is answered.
    #[inline]
    pub fn write_through(&self) -> bool {
        self.settings.write_through
    }

    /// Whether the medium may be changed: the one place where that is decided. Whoever asks is about to change it.
    #[inline]
    pub fn check_writable(&mut self) -> Result<(), Sense> {
        self.blank = false;
        match (self.config.read_only, self.settings.protected) {
            (true, _) => Err(Sense::write_protected()),
            (false, true) => Err(Sense::software_write_protected()),
            (false, false) => Ok(()),
        }
    }

    /// Bytes that SANITIZE overwrites in a second at the most, if there is such a limit.
    pub fn sanitize_rate(&self) -> Option<NonZeroU64> {
        NonZeroU64::new(self.config.sanitize_rate)
    }

    /// Whether there is anything that a sync could bring to the medium.
    pub fn needs_sync(&self) -> bool {
        let lasting = self.config.nv_cache || self.config.cacheless;
        !lasting
            && !self.config.read_only
            && matches!(&self.state, State::Open(backend) if backend.file().is_some())
    }

    /// Whether the page cache is left out.
    #[inline]
    pub fn is_direct(&self) -> bool {
        self.config.direct
    }

    /// Whether commands have to wait.
    #[inline]
    pub fn gate_closed(&self) -> bool {
        let opening = matches!(&self.state, State::Opening(opening) if !opening.overdue);
        self.orphans > 0 || self.paused || opening || self.finishing.is_some()
    }

    /// The medium for a command that needs it, or why there is none.
    #[inline]
    pub fn medium(&mut self) -> Result<&mut Backend, Sense> {
        if let Some(operation) = &self.operation {
            return Err(operation.sense(self.bytes()));
        }
        match &mut self.state {
            State::Open(backend) => {
                if !self.drive.is_plain() {
                    self.drive.wake()?;
                }
                Ok(backend)
            }
            State::Opening(_) => Err(Sense::not_ready(Asc::BECOMING_READY)),
            State::Empty => Err(Sense::not_ready(Asc::MEDIUM_NOT_PRESENT)),
            State::Failed => Err(Sense::not_ready(Asc::MANUAL_INTERVENTION_REQUIRED)),
        }
    }

    /// Whether the medium can be used.
    pub fn ready(&mut self) -> Result<(), Sense> {
        self.medium().map(|_| ())
    }

    /// Why the medium cannot be used, if that is so; does not end a power condition.
    pub fn state_of_medium(&mut self) -> Result<(), Sense> {
        let open = matches!(self.state, State::Open(_)) && self.operation.is_none();
        if open { self.drive.check() } else { self.ready() }
    }

    /// Whether there is a medium, and the tray is closed.
    pub fn has_medium(&self) -> bool {
        matches!(self.state, State::Open(_) | State::Opening(_)) && !self.drive.is_open()
    }

    /// Bytes of all its blocks.
    pub fn bytes(&self) -> u64 {
        self.info.blocks.0.saturating_mul(u64::from(self.info.block_size.get()))
    }

    /// Which of the media that it has had it has now.
    pub fn medium_generation(&self) -> u32 {
        self.config.medium_generation
    }

    /// Whether it has its medium.
    pub fn is_open(&self) -> bool {
        matches!(self.state, State::Open(_))
    }

    /// The backend, whatever state a START STOP UNIT has left the unit in.
    pub fn backend(&mut self) -> Option<&mut Backend> {
        match &mut self.state {
            State::Open(backend) => Some(backend),
            _ => None,
        }
    }

    /// The device was granted anew.
    pub fn replace(&mut self) {
        self.replaced = true;
        (self.change, self.paused) = (None, false);
        // The thread keeps the medium until it has done it; then the successor does it again.
        self.finishing = None;
        self.let_go();
    }

    /// A task that had begun is over.
    pub fn task_ended(&mut self, orphan: bool) {
        self.running -= 1;
        self.orphans -= usize::from(orphan);
        self.let_go();
    }

    /// This service has slept for so long.
    pub fn slept(&mut self, time: Duration) {
        if self.running == 0 && self.waiting.is_empty() {
            let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
            self.activity.idle_us = self.activity.idle_us.saturating_add(micros);
        }
    }

    /// Whole minutes since it began to be served.
    pub fn minutes(&self) -> u32 {
        u32::try_from(self.began.elapsed().as_secs() / 60).unwrap_or(u32::MAX)
    }

    fn let_go(&mut self) {
        if self.replaced && self.running == 0 {
            self.state = State::Failed;
        }
    }

    /// When the medium has to be tried again, if it is not ours yet.
    pub fn next_try(&self) -> Option<Instant> {
        match &self.state {
            State::Opening(opening) => Some(opening.next_try),
            _ => None,
        }
    }

    /// Tries to get the medium. `hold` is how long commands may wait for it. What is returned is for the administrator.
    pub fn try_open(&mut self, now: Instant, hold: Duration) -> Option<String> {
        let State::Opening(opening) = &mut self.state else { return None };
        if now < opening.next_try {
            return None;
        }
        match file::try_lock(&opening.file, self.config.read_only) {
            Ok(true) => self.take_up().err(),
            Ok(false) => opening.wait_on(now, hold).then(|| {
                format!("device {}: its path is in use by another process; waiting for it", self.config.name)
            }),
            Err(error) => Some(self.fail(&error)),
        }
    }

    fn take_up(&mut self) -> Result<(), String> {
        let State::Opening(opening) = std::mem::replace(&mut self.state, State::Failed) else {
            return Ok(());
        };
        let medium = match self.medium_on(opening.file) {
            Ok(medium) => medium,
            Err(error) => return Err(self.fail(&error)),
        };
        let bytes = medium.bytes();
        self.state = State::Open(self.backend_on(medium));
        self.learn_size(bytes).inspect_err(|_| self.state = State::Failed)
    }

    /// Takes up a file as a medium that suits the unit.
    fn medium_on(&self, file: File) -> io::Result<Medium> {
        let medium = Medium::new(file, self.config.direct)?;
        let (block, least) = (self.config.block_size, medium.direct().map_or(1, |align| align.offset));
        if block < least {
            let text = format!(
                "without the page cache it transfers {least} bytes at the least, and block_size is {block}; write \
                 block_size = {least}"
            );
            return Err(io::Error::new(io::ErrorKind::Unsupported, text));
        }
        Ok(medium)
    }

    /// The backend that the manifest wants, on a medium.
    fn backend_on(&self, medium: Medium) -> Backend {
        match self.config.backend {
            _ if self.config.pretend => Backend::Pretend(medium),
            BackendConfig::Fault(faults) => Backend::Fault(Fault::new(medium, faults)),
            _ => Backend::File(medium),
        }
    }

    /// Takes note of the bytes that the medium has. An error is for the administrator; nothing has changed then.
    fn learn_size(&mut self, bytes: u64) -> Result<(), String> {
        let (name, block) = (&self.config.name, self.config.block_size);
        if bytes < u64::from(block) {
            return Err(format!("device {name}: {bytes} bytes are less than one block of {block}"));
        }
        let bytes = self.config.limit.map_or(bytes, |limit| limit.min(bytes));
        let before = self.info.blocks;
        let info = identity::info(&self.config, bytes).map_err(|error| format!("device {name}: {error}"))?;
        let anchors = self.config.thin && self.backend().is_some_and(|backend| backend.anchors());
        self.info = DeviceInfo { threshold: self.threshold_sets(info.threshold_set()), anchors, ..info };
        self.blank &= self.info.blocks == before;
        self.tell_generations();
        Ok(())
    }

    fn fail(&mut self, error: &io::Error) -> String {
        self.state = State::Failed;
        format!("device {}: its medium cannot be used: {error}", self.config.name)
    }
}

impl Opening {
    /// The lock was not to be had. True if the administrator is to be told.
    fn wait_on(&mut self, now: Instant, hold: Duration) -> bool {
        self.next_try = now + self.pause;
        self.pause = (self.pause * 2).min(SLOWEST_RETRY);
        let waited = now.duration_since(self.since);
        self.overdue = waited >= hold;
        let tell = waited >= REPORT_AFTER && !self.reported;
        self.reported |= tell;
        tell
    }
}

#[cfg(test)]
mod tests;
