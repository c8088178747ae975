//! Witnesses: how a handler learns of written data that was lost while an incarnation before it had the medium.
//!
//! The kernel tells each open file description once that something could not be written back. If it was the dead
//! incarnation's that heard it, by a sync that was under way when it died, whoever opens the file after that hears nothing. So
//! the supervisor keeps each medium open as well, never writes it, and asks its own description when the old one is gone. It
//! is also what the next incarnation's medium is opened by, so that it is the same, whatever became of its name. A witness has
//! no lock, and belongs to one medium: another one needs another witness.

use std::fs::{File, OpenOptions};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::plan::UnitPlan;

/// A path by which an open file can be opened again, even if it has no name any more.
pub fn again(file: &File) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

/// Opens what a witness needs of a medium.
fn open(path: &Path) -> Option<File> {
    OpenOptions::new().read(true).custom_flags(nix::libc::O_NONBLOCK).open(path).ok()
}

/// The witness of a unit's medium.
#[derive(Debug, Default)]
pub struct Witness {
    file: Option<File>,
    /// It has heard of a loss. Said to every incarnation, for one may die before it has noted it.
    lost: bool,
}

impl Witness {
    /// For the medium that a unit has now; before anybody writes to it.
    pub fn of(unit: &UnitPlan) -> Self {
        // One that cannot be had is missed if a handler dies in the moment of a loss, or after its medium was renamed.
        Self { file: unit.medium.path().and_then(open), lost: false }
    }

    /// One that knows of no loss: for what the path names now, or for the same medium if it names nothing.
    pub fn anew(&self, unit: &UnitPlan) -> Self {
        let other = Self::of(unit);
        let file = other.file.or_else(|| self.file.as_ref().and_then(|file| open(&again(file))));
        Self { file, lost: false }
    }

    /// The one that a former supervisor had.
    pub fn resume(file: Option<OwnedFd>, lost: bool) -> Self {
        Self { file: file.map(File::from), lost }
    }

    /// The medium.
    pub fn file(&self) -> Option<&File> {
        self.file.as_ref()
    }

    /// Whether it has heard of a loss so far.
    pub fn lost(&self) -> bool {
        self.lost
    }

    /// Whether data was lost since it was there. Asked when no I/O of an incarnation is under way any more.
    pub fn has_seen_loss(&mut self) -> bool {
        let news = self.file.as_ref().is_some_and(|file| ipc::io::written_back(file).is_err());
        self.lost |= news;
        self.lost
    }
}
