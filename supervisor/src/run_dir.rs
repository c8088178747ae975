//! The run directory: lock, admin socket, logs, and the record of which processes were started. One supervisor owns it
//! at a time, by a lock that dies with the supervisor.
//!
//! What a killed supervisor left behind is removed at the next start, see `leftovers.rs`.

mod leftovers;
#[cfg(test)]
mod tests;

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

pub use leftovers::start_time;

/// The longest path of a Unix socket (`sun_path` less its final NUL).
const MAX_SOCKET_PATH: usize = 107;

/// Why a run directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RunDirError {
    /// Another supervisor lives there.
    #[error(
        "{dir} is in use by another bulkhead, process {pid}; stop it, or choose another directory with --run-dir"
    )]
    InUse {
        /// The directory.
        dir: PathBuf,
        /// The other supervisor's process number, as far as it said it.
        pid: String,
    },
    /// The admin socket's path would not fit.
    #[error("{0} is too long for a socket; choose a shorter directory with --run-dir")]
    TooLong(PathBuf),
    /// The host refused.
    #[error("{path}: {error}; choose another directory with --run-dir")]
    Host {
        /// What could not be made or opened.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

/// A run directory that belongs to this process.
#[derive(Debug)]
pub struct RunDir {
    path: PathBuf,
    lock: File,
}

/// Where the run directory is when nobody says: `/run/bulkhead` for root, else below the user's runtime directory.
pub fn default_path() -> PathBuf {
    if rustix::process::geteuid().is_root() {
        return PathBuf::from("/run/bulkhead");
    }
    match std::env::var_os("XDG_RUNTIME_DIR").filter(|dir| !dir.is_empty()) {
        Some(dir) => PathBuf::from(dir).join("bulkhead"),
        None => PathBuf::from(format!("/tmp/bulkhead-{}", rustix::process::geteuid().as_raw())),
    }
}

/// The admin socket in a run directory.
pub fn admin_socket(dir: &Path) -> PathBuf {
    dir.join("admin.sock")
}

/// The log of a service in a run directory.
pub fn log_file(dir: &Path, service: &str) -> PathBuf {
    dir.join("log").join(format!("{service}.log"))
}

impl RunDir {
    /// Makes the directory if need be, takes it for the process `pid`, which is what must be stopped when somebody else wants
    /// it, and removes what was left in it.
    ///
    /// # Errors
    /// Somebody else has it, or the host refuses.
    pub fn take(path: &Path, pid: u32) -> Result<Self, RunDirError> {
        let host = |path: &Path| {
            let path = path.to_owned();
            move |error| RunDirError::Host { path, error }
        };
        if admin_socket(path).as_os_str().len() > MAX_SOCKET_PATH {
            return Err(RunDirError::TooLong(admin_socket(path)));
        }
        let log = path.join("log");
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&log).map_err(host(&log))?;
        let lock_path = path.join("lock");
        let options =
            || OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).to_owned();
        let mut lock = options().open(&lock_path).map_err(host(&lock_path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                let _ = (&lock).take(20).read_to_string(&mut pid);
                return Err(RunDirError::InUse { dir: path.to_owned(), pid: pid.trim().to_owned() });
            }
            Err(TryLockError::Error(error)) => return Err(host(&lock_path)(error)),
        }
        lock.set_len(0).and_then(|()| writeln!(lock, "{pid}")).map_err(host(&lock_path))?;
        let run_dir = Self { path: path.to_owned(), lock };
        leftovers::remove(&run_dir);
        Ok(run_dir)
    }

    /// Goes on with a directory that a former supervisor took: its lock was kept.
    pub fn resume(path: PathBuf, lock: OwnedFd) -> Self {
        Self { path, lock: lock.into() }
    }

    /// The lock: the directory is taken as long as a duplicate of it is open.
    pub fn lock(&self) -> BorrowedFd<'_> {
        self.lock.as_fd()
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The admin socket.
    pub fn admin_socket(&self) -> PathBuf {
        admin_socket(&self.path)
    }

    /// The log of a service.
    pub fn log_file(&self, service: &str) -> PathBuf {
        log_file(&self.path, service)
    }

    fn processes_file(&self) -> PathBuf {
        self.path.join("processes")
    }

    /// Records which processes run, each with its start time, so that a later supervisor can tell them from others that
    /// got their number.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn record_processes(&self, pids: impl Iterator<Item = u32>) -> io::Result<()> {
        let lines: String = pids.filter_map(|pid| Some(format!("{pid} {}\n", start_time(pid)?))).collect();
        let fresh = self.path.join("processes.new");
        std::fs::write(&fresh, lines)?;
        std::fs::rename(fresh, self.processes_file())
    }
}

impl Drop for RunDir {
    /// An orderly end leaves the logs and an unlocked lock file: removing that would let two supervisors each lock a
    /// file of its own.
    fn drop(&mut self) {
        let _ = std::fs::remove_file(self.admin_socket());
        let _ = std::fs::remove_file(self.processes_file());
    }
}
