//! The state directory: files of the services that outlive a reboot (persistent reservations, saved mode pages), a folder
//! for each service. One supervisor owns it at a time, by a lock that dies with it.
//!
//! The supervisor makes the folders and hands each service its own; what is in them is the services' affair.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};

/// Why a state directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateDirError {
    /// Another supervisor has it.
    #[error("{0} is in use by another bulkhead; choose another state directory with --state-dir")]
    InUse(PathBuf),
    /// The host refused.
    #[error("{path}: {error}; choose another state directory with --state-dir")]
    Host {
        /// What could not be made or opened.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

/// A state directory that belongs to this process.
#[derive(Debug)]
pub struct StateDir {
    path: PathBuf,
    lock: File,
}

/// Where the state directory is when nobody says: `/var/lib/bulkhead` for root, else below the user's own.
pub fn default_path() -> PathBuf {
    if rustix::process::geteuid().is_root() {
        return PathBuf::from("/var/lib/bulkhead");
    }
    let given = |name: &str| std::env::var_os(name).filter(|dir| !dir.is_empty()).map(PathBuf::from);
    match (given("XDG_STATE_HOME"), given("HOME")) {
        (Some(dir), _) => dir.join("bulkhead"),
        (None, Some(home)) => home.join(".local/state/bulkhead"),
        (None, None) => PathBuf::from(format!("/tmp/bulkhead-state-{}", rustix::process::geteuid().as_raw())),
    }
}

impl StateDir {
    /// Makes the directory if need be and takes it.
    ///
    /// # Errors
    /// Somebody else has it, or the host refuses.
    pub fn take(path: &Path) -> Result<Self, StateDirError> {
        let host = |path: &Path| {
            let path = path.to_owned();
            move |error| StateDirError::Host { path, error }
        };
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(host(path))?;
        let lock_path = path.join("lock");
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let lock = options.open(&lock_path).map_err(host(&lock_path))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), lock }),
            Err(TryLockError::WouldBlock) => Err(StateDirError::InUse(path.to_owned())),
            Err(TryLockError::Error(error)) => Err(host(&lock_path)(error)),
        }
    }

    /// Goes on with a directory that a former supervisor took: its lock was kept.
    pub fn resume(path: PathBuf, lock: OwnedFd) -> Self {
        Self { path, lock: lock.into() }
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The lock: the directory is taken as long as a duplicate of it is open.
    pub fn lock(&self) -> BorrowedFd<'_> {
        self.lock.as_fd()
    }

    /// The folder of a service, made if need be.
    ///
    /// # Errors
    /// The host refuses.
    pub fn of_service(&self, name: &str) -> Result<OwnedFd, StateDirError> {
        let path = self.path.join(name);
        let host = |error| StateDirError::Host { path: path.clone(), error };
        DirBuilder::new().recursive(true).mode(0o700).create(&path).map_err(host)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        rustix::fs::open(&path, flags, Mode::empty()).map_err(|error| host(error.into()))
    }
}

#[cfg(test)]
mod tests;
