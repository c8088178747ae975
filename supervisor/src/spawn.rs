//! Starts a service: its binary, with one inherited descriptor, its output in its log, in a process group of its own (so
//! that Ctrl-C reaches the supervisor alone), its limits and CPUs set before it is told anything.
//!
//! Everything else that a service needs it is granted later, see `wiring`.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use ipc::channel::{self, SupervisorChannel};
use rustix::process::{Pid, PidfdFlags, Resource, Rlimit, pidfd_open, prlimit};
use rustix::thread::{CpuSet, sched_setaffinity};

use crate::manifest::Kind;
use crate::plan::{Plan, ServicePlan};

/// Says where the service binaries are, when they are not beside `bulkhead`.
pub const LIBEXEC: &str = "BULKHEAD_LIBEXEC";

/// A process that has just been started.
pub struct Spawned {
    /// To be reaped.
    pub child: Child,
    /// Readable when the process is over.
    pub pidfd: OwnedFd,
    /// The supervisor's end of its control socket.
    pub channel: SupervisorChannel,
    /// Bytes that its log had before it started.
    pub log_start: u64,
}

/// A service cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum SpawnError {
    /// Its binary is missing or cannot be executed.
    #[error(
        "{binary} cannot be run: {error}; build it (cargo build --release), or set {LIBEXEC} to its directory"
    )]
    Binary {
        /// The path.
        binary: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The host refused.
    #[error("{what}: {error}")]
    Host {
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        error: io::Error,
    },
}

/// Where this program is installed. What is there may be another one by now.
pub fn own_program() -> PathBuf {
    let path = std::env::current_exe().unwrap_or_default();
    // The kernel's mark of a file that has been replaced or removed.
    let text = path.to_str().and_then(|text| text.strip_suffix(" (deleted)")).map(PathBuf::from);
    text.unwrap_or(path)
}

/// The folder of the services' binaries.
pub fn directory() -> PathBuf {
    let beside = || Some(own_program().parent()?.to_owned());
    std::env::var_os(LIBEXEC).map(PathBuf::from).or_else(beside).unwrap_or_default()
}

/// The path of a kind's binary.
pub fn binary(kind: Kind) -> PathBuf {
    directory().join(kind.binary())
}

/// Checks that every binary that the plan needs can be executed, before anything is started.
///
/// # Errors
/// The first that cannot.
pub fn check_binaries(plan: &Plan) -> Result<(), SpawnError> {
    for kind in Kind::ALL.into_iter().filter(|kind| plan.of_kind(*kind).next().is_some()) {
        let binary = binary(kind);
        let executable = nix::unistd::access(&binary, nix::unistd::AccessFlags::X_OK);
        let executable = executable.map_err(io::Error::from).and_then(|()| std::fs::metadata(&binary));
        match executable {
            Ok(metadata) if metadata.is_file() => {}
            Ok(_) => return Err(SpawnError::Binary { binary, error: io::ErrorKind::IsADirectory.into() }),
            Err(error) => return Err(SpawnError::Binary { binary, error }),
        }
    }
    Ok(())
}

/// Opens a log to append to.
fn open_log(path: &Path) -> io::Result<(File, u64)> {
    let log = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
    let length = log.metadata()?.len();
    Ok((log, length))
}

/// Starts a service: what is installed, or `pinned`.
///
/// # Errors
/// Its binary or the host refuses; nothing is left running then.
pub fn spawn(service: &ServicePlan, log: &Path, pinned: Option<&OwnedFd>) -> Result<Spawned, SpawnError> {
    let host = |what| move |error| SpawnError::Host { what, error };
    let (channel, theirs) = channel::pair().map_err(host("making a control socket"))?;
    let (log, log_start) = open_log(log).map_err(host("opening the log"))?;
    let stderr = log.try_clone().map_err(host("opening the log"))?;
    let by_descriptor = |fd: &OwnedFd| PathBuf::from(format!("/proc/self/fd/{}", fd.as_raw_fd()));
    let binary = pinned.map_or_else(|| binary(service.kind), by_descriptor);
    let mut command = Command::new(&binary);
    command
        .env_remove(crate::keeper::VARIABLE)
        .env_remove(crate::keeper::TRIAL)
        .arg0(service.kind.binary())
        .process_group(0)
        .current_dir("/");
    command.stdin(Stdio::from(theirs)).stdout(log).stderr(stderr);
    let mut child = command.spawn().map_err(|error| SpawnError::Binary { binary, error })?;
    match prepare(&child, service) {
        Ok(pidfd) => Ok(Spawned { child, pidfd, channel, log_start }),
        Err(error) => {
            let _ = child.kill();
            let _ = child.wait();
            Err(SpawnError::Host { what: "setting limits", error })
        }
    }
}

/// Sets what the child shall not set itself. It waits for its first grant meanwhile, with one thread, so all its threads
/// inherit it.
fn prepare(child: &Child, service: &ServicePlan) -> io::Result<OwnedFd> {
    let pid = Pid::from_child(child);
    let pidfd = pidfd_open(pid, PidfdFlags::empty())?;
    let limit = |resource, value: u64| {
        // No limit can be raised past the hard one without privilege; as many as there are must do then.
        let hard = rustix::process::getrlimit(resource).maximum.unwrap_or(u64::MAX);
        let value = Some(value.min(hard));
        prlimit(Some(pid), resource, Rlimit { current: value, maximum: value })
    };
    limit(Resource::Nofile, service.nofile)?;
    if let Some(bytes) = service.address_space {
        limit(Resource::As, bytes)?;
    }
    if !service.cpus.is_empty() {
        let mut cpus = CpuSet::new();
        service.cpus.iter().for_each(|cpu| cpus.set(*cpu as usize));
        if let Err(error) = sched_setaffinity(Some(pid), &cpus) {
            tracing::warn!(service = %service.config.name, cpus = ?service.cpus, %error, "the CPUs cannot be set: is there none of them?");
        }
    }
    Ok(pidfd)
}
