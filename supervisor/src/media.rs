//! Opens the media of units: afresh for each incarnation of a handler, and locked.
//!
//! The lock is how invariant I6 is known to hold (before a new incarnation touches a medium, every I/O of the old one is
//! over). It belongs to the open file description, and that lives as long as anything refers to it: a descriptor in
//! the dead process, a grant that was never received, or an I/O that the kernel still has under way for it (io_uring
//! holds a reference to the file of every request). So a new description can be locked exactly when nothing of the old
//! one is left.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::plan::{Medium, UnitPlan};
use crate::witness;

/// Why a medium cannot be granted.
#[derive(Debug, thiserror::Error)]
pub enum MediaError {
    /// The old incarnation's I/O is not over yet, or another program has it.
    #[error("{0} is still in use; is another program serving it, or is it mounted?")]
    Busy(PathBuf),
    /// It is a directory, a socket, a pipe...
    #[error("device {device:?}: {path} is neither a file nor a block device")]
    NoMedium {
        /// The device's name.
        device: String,
        /// What was named.
        path: PathBuf,
    },
    /// The host refused.
    #[error("device {device:?}: {path}: {error}{}", hint(error))]
    Host {
        /// The device's name.
        device: String,
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

/// What would be right.
fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::ReadOnlyFilesystem => "; it can be served with read_only = true",
        io::ErrorKind::PermissionDenied => "; run as its owner, or serve it with read_only = true",
        _ => "",
    }
}

/// Opens and locks the medium of a unit for the first time: a file that is not there is made, if the manifest says so.
/// `None` for a medium that is nowhere or in `memory`.
///
/// # Errors
/// It is in use, or cannot be opened.
pub fn open_first(unit: &UnitPlan) -> Result<Option<OwnedFd>, MediaError> {
    let Medium::File { path, create } = &unit.medium else { return Ok(None) };
    open_at(unit, path, path, *create)
}

/// Opens and locks the medium of a unit again: the one that is `held`, whatever its path names by now, so that the death
/// of a handler is never a change of medium; by its path if none is held. Never a new file.
///
/// # Errors
/// It is in use, or cannot be opened.
pub fn open(unit: &UnitPlan, held: Option<&File>) -> Result<Option<OwnedFd>, MediaError> {
    let Medium::File { path, .. } = &unit.medium else { return Ok(None) };
    let held = held.map(witness::again);
    open_at(unit, path, held.as_deref().unwrap_or(path), None)
}

/// Opens what is at `at`, which `path` is the name of.
fn open_at(
    unit: &UnitPlan,
    path: &Path,
    at: &Path,
    create: Option<u64>,
) -> Result<Option<OwnedFd>, MediaError> {
    let device = || unit.config.name.clone();
    let host = |error| MediaError::Host { device: device(), path: path.to_owned(), error };
    let read_only = unit.config.read_only;
    let file = match open_file(at, read_only, create) {
        Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {
            return Err(MediaError::Busy(path.to_owned()));
        }
        opened => opened.map_err(host)?,
    };
    let kind = file.metadata().map_err(host)?.file_type();
    if !kind.is_file() && !kind.is_block_device() {
        return Err(MediaError::NoMedium { device: device(), path: path.to_owned() });
    }
    let locked = if read_only { file.try_lock_shared() } else { file.try_lock() };
    match locked {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(MediaError::Busy(path.to_owned())),
        Err(TryLockError::Error(error)) => return Err(host(error)),
    }
    Ok(Some(file.into()))
}

fn open_file(path: &Path, read_only: bool, create: Option<u64>) -> io::Result<File> {
    let options = |flags: i32| {
        let mut options = OpenOptions::new();
        // A pipe must not stop us here: that it is none is found out below.
        options.read(true).write(!read_only).custom_flags(flags | nix::libc::O_NONBLOCK);
        options
    };
    // O_EXCL without O_CREAT claims a block device: the kernel refuses it while it is mounted, part of another device, or
    // claimed through a description that is still in use, which a flock of programs that know of none would not show.
    let block = std::fs::metadata(path).is_ok_and(|metadata| metadata.file_type().is_block_device());
    let flags = if block && !read_only { nix::libc::O_EXCL } else { 0 };
    match (options(flags).open(path), create) {
        (Err(error), Some(size)) if error.kind() == io::ErrorKind::NotFound => {
            let file = OpenOptions::new().read(true).write(true).create_new(true).open(path)?;
            file.set_len(size)?;
            Ok(file)
        }
        (opened, _) => opened,
    }
}

/// Memory for a unit that wants it: it belongs to the supervisor, so that it outlives the handler.
///
/// # Errors
/// There is not enough.
pub fn memory(unit: &UnitPlan) -> io::Result<Option<OwnedFd>> {
    let Medium::Memory { bytes } = unit.medium else { return Ok(None) };
    let flags = rustix::fs::MemfdFlags::CLOEXEC;
    let fd = rustix::fs::memfd_create(format!("bulkhead:medium:{}", unit.config.name), flags)?;
    rustix::fs::ftruncate(&fd, bytes)?;
    Ok(Some(fd))
}
