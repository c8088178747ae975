//! A unit that changes while it is served: another medium, none, another size.
//!
//! What has begun finishes on the old medium; what comes later waits at the gate until the change is over. The old medium
//! is synchronised before it is let go, since nobody could ask for that any more. A change of a medium waits between its two
//! halves for the supervisor to settle it, because only the supervisor decides what a successor of this process is granted.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;

use ipc::message::config::DeviceChange;
use ipc::message::event::DeviceAnswer;
use scsi::units::Blocks;

use super::{State, Unit};
use crate::backend::Backend;
use crate::backend::file::{self, Medium};
use crate::chore::Chore;

/// A change under way.
#[derive(Debug)]
pub(super) struct Change {
    request: u64,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// The supervisor has to settle it.
    Prepared(What),
    /// Commands that have begun have to end.
    Draining(What),
    /// The host works on it.
    Working(What, Chore),
}

/// What is to be done.
#[derive(Debug)]
enum What {
    Insert { medium: Box<Medium>, generation: u32, cacheless: bool },
    Eject,
    Resize { bytes: u64 },
}

impl Unit {
    /// Begins a change. What is answered at once is returned; an error is for the administrator, and nothing has changed.
    pub fn begin_change(
        &mut self,
        request: u64,
        change: DeviceChange,
        fd: Option<OwnedFd>,
    ) -> Result<Option<DeviceAnswer>, String> {
        let name = self.name().to_owned();
        if self.paused {
            return Err(format!("device {name} is being changed; wait until that is done"));
        }
        if matches!(self.state, State::Opening(_)) {
            return Err(format!("device {name} waits for its medium, which another process has; try again"));
        }
        let what = match change {
            DeviceChange::Resize { bytes } => match self.begin_resize(bytes)? {
                Some(bytes) => {
                    self.paused = true;
                    let stage = Stage::Draining(What::Resize { bytes });
                    self.change = Some(Box::new(Change { request, stage }));
                    return Ok(None);
                }
                None => return Ok(Some(DeviceAnswer::Done { bytes: self.bytes_served() })),
            },
            DeviceChange::Insert { force, .. } | DeviceChange::Eject { force }
                if self.removal_prevented() && !force =>
            {
                self.watchers.ask_for_removal();
                return Err(format!(
                    "initiators prevent the removal of the medium of device {name}; try again when they have let it go, or --force it"
                ));
            }
            DeviceChange::Eject { .. } => What::Eject,
            DeviceChange::Insert { generation, cacheless, .. } => {
                let fd = fd.ok_or_else(|| format!("device {name}: its medium was not granted"))?;
                let medium = Box::new(self.try_medium(fd.into())?);
                What::Insert { medium, generation, cacheless }
            }
        };
        self.change = Some(Box::new(Change { request, stage: Stage::Prepared(what) }));
        Ok(Some(DeviceAnswer::Prepared))
    }

    /// Whether initiators have locked the medium in (PREVENT ALLOW MEDIUM REMOVAL).
    fn removal_prevented(&self) -> bool {
        self.drive.is_held() && !matches!(self.state, State::Empty)
    }

    /// A medium that could take the place of the one that is there.
    fn try_medium(&self, file: File) -> Result<Medium, String> {
        let refused =
            |error: io::Error| format!("device {}: the medium cannot be used: {error}", self.name());
        // The supervisor has locked it already, by the same open file description.
        if !file::try_lock(&file, self.config.read_only).map_err(refused)? {
            return Err(format!("device {}: the medium is in use by another process", self.name()));
        }
        let medium = self.medium_on(file).map_err(refused)?;
        let (bytes, block) = (medium.bytes(), self.config.block_size);
        if bytes < u64::from(block) {
            return Err(format!("device {}: {bytes} bytes are less than one block of {block}", self.name()));
        }
        Ok(medium)
    }

    /// Learns a new size at once, or says what the medium has to be given first.
    fn begin_resize(&mut self, bytes: Option<u64>) -> Result<Option<u64>, String> {
        let name = self.name().to_owned();
        let fixed = || format!("device {name} has no file whose size could change");
        let file = self.backend().and_then(|backend| backend.file().cloned()).ok_or_else(fixed)?;
        let host = |error: io::Error| format!("device {name}: its size cannot be read: {error}");
        let Some(bytes) = bytes else {
            self.look_at_size()?;
            return Ok(None);
        };
        let kind = file.metadata().map_err(host)?;
        if self.config.limit.is_none() && kind.is_file() {
            return Ok(Some(bytes));
        }
        let there = self.size_now().ok_or_else(fixed)?.map_err(host)?;
        if bytes > there {
            return Err(format!("device {name}: its medium has {there} bytes, less than {bytes}"));
        }
        let before = self.config.limit.replace(bytes);
        self.look_at_size().inspect_err(|_| self.config.limit = before)?;
        Ok(None)
    }

    /// Reads the size of the medium again. True if it is another one than before.
    pub fn look_at_size(&mut self) -> Result<bool, String> {
        let Some(size) = self.size_now() else { return Ok(false) };
        let size =
            size.map_err(|error| format!("device {}: its size cannot be read: {error}", self.name()))?;
        let before = self.info.blocks;
        self.learn_size(size)?;
        Ok(self.info.blocks != before)
    }

    fn size_now(&mut self) -> Option<io::Result<u64>> {
        match self.backend()? {
            Backend::File(medium) => Some(medium.measure()),
            Backend::Fault(fault) => Some(fault.medium().measure()),
            Backend::Pretend(medium) => Some(medium.measure()),
            Backend::Null(_) => None,
        }
    }

    fn bytes_served(&self) -> u64 {
        self.info.blocks.0.saturating_mul(u64::from(self.info.block_size.get()))
    }

    /// Carries a change out that was prepared, or forgets it. True if it begins.
    pub fn settle_change(&mut self, request: u64, go: bool) -> bool {
        let of_it = |change: &Change| change.request == request && matches!(change.stage, Stage::Prepared(_));
        let Some(change) = self.change.take_if(|change| of_it(change)) else { return false };
        let Stage::Prepared(what) = change.stage else { return false };
        if go {
            self.change = Some(Box::new(Change { request, stage: Stage::Draining(what) }));
            self.paused = true;
        }
        go
    }

    /// Whether commands wait for a change.
    pub fn is_changing(&self) -> bool {
        self.paused
    }

    /// Goes on with a change as far as that is possible now. What is returned ends it: the request, its answer, and perhaps
    /// something that the administrator has to know.
    pub fn go_on_changing(&mut self) -> Option<(u64, DeviceAnswer, Option<String>)> {
        if !self.paused || self.running > 0 || self.is_finishing() {
            return None;
        }
        let Change { request, stage } = *self.change.take()?;
        let (what, result) = match stage {
            Stage::Draining(what) => match self.start_work(&what) {
                Ok(chore) => return self.keep_change(request, Stage::Working(what, chore)),
                Err(error) => (what, Err(error)),
            },
            Stage::Working(what, chore) => match chore.poll() {
                Some(result) => (what, result),
                None => return self.keep_change(request, Stage::Working(what, chore)),
            },
            prepared => return self.keep_change(request, prepared),
        };
        self.paused = false;
        let (answer, note) = self.finish_change(what, result);
        Some((request, answer, note))
    }

    fn keep_change<T>(&mut self, request: u64, stage: Stage) -> Option<T> {
        self.change = Some(Box::new(Change { request, stage }));
        None
    }

    fn start_work(&mut self, what: &What) -> io::Result<Chore> {
        let file = self.backend().and_then(|backend| backend.file().cloned());
        let (needs_sync, bytes) = (self.needs_sync() && !self.syncs.lost, what.bytes());
        Chore::start(move || match (file, bytes) {
            (Some(file), Some(bytes)) => file.set_len(bytes),
            (Some(file), None) if needs_sync => file.sync_data(),
            _ => Ok(()),
        })
    }

    fn finish_change(&mut self, what: What, result: io::Result<()>) -> (DeviceAnswer, Option<String>) {
        let name = self.name().to_owned();
        let (state, generation) = match what {
            What::Resize { .. } => {
                let resized = result.map_err(|error| format!("device {name} cannot be resized: {error}"));
                return match resized.and_then(|()| self.look_at_size()) {
                    Ok(_) => (DeviceAnswer::Done { bytes: self.bytes_served() }, None),
                    Err(text) => (DeviceAnswer::Refused { text }, None),
                };
            }
            What::Insert { medium, generation, cacheless } => {
                self.config.cacheless = cacheless;
                (State::Open(self.backend_on(*medium)), generation)
            }
            What::Eject => (State::Empty, self.config.medium_generation),
        };
        let lost = result.err();
        let note = lost.map(|error| {
            format!("device {name}: written data did not reach the medium that was taken out ({error})")
        });
        self.config.medium_generation = generation;
        self.forget_loss();
        self.blank = false;
        self.drive.medium_changed();
        self.touch_drive();
        self.state = state;
        let bytes = match &self.state {
            State::Open(backend) => backend.bytes(),
            _ => 0,
        };
        if bytes == 0 {
            self.info.blocks = Blocks(0);
            self.tell_generations();
        } else if let Err(text) = self.learn_size(bytes) {
            return (DeviceAnswer::Refused { text }, note);
        }
        // Whether there is a cache to write through may be another matter now.
        self.settings.force(&self.info, *self.settings.current());
        (DeviceAnswer::Done { bytes: self.bytes_served() }, note)
    }
}

impl What {
    /// The size that the medium has to be given.
    fn bytes(&self) -> Option<u64> {
        match self {
            Self::Resize { bytes } => Some(*bytes),
            Self::Insert { .. } | Self::Eject => None,
        }
    }
}
