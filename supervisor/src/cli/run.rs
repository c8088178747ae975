//! `bulkhead run`: everything that can fail is tried before anything is started.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::manifest::Manifest;
use crate::plan::Plan;
use crate::reactor::Reactor;
use crate::run_dir::{self, RunDir};
use crate::sizes::Sizes;
use crate::spawn;
use crate::state_dir::{self, StateDir};
use crate::wiring::Wiring;

/// Runs a manifest until it is told to stop. `given` is the run directory that the command line names, `state` the state directory; `on_ready` is
/// called when everything serves.
pub fn run(
    manifest: &Manifest,
    path: &Path,
    given: Option<PathBuf>,
    state: Option<PathBuf>,
    on_ready: Box<dyn FnOnce()>,
) -> Result<ExitCode> {
    start_log();
    raise_limits();
    let mut plan = Plan::new(manifest, &machine());
    spawn::check_binaries(&plan)?;
    let dir = given.or(manifest.settings.run_dir.clone()).unwrap_or_else(run_dir::default_path);
    let dir = std::path::absolute(&dir).with_context(|| format!("{}", dir.display()))?;
    let run_dir = RunDir::take(&dir)?;
    let state = state.or(manifest.settings.state_dir.clone()).unwrap_or_else(state_dir::default_path);
    let state = std::path::absolute(&state).with_context(|| format!("{}", state.display()))?;
    let state = StateDir::take(&state)?;
    Sizes::open(&state)?.recall(&mut plan);
    let wiring = Wiring::new(&plan, state)?;
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    Reactor::new(plan, path, run_dir, wiring, on_ready)?.run()?;
    Ok(ExitCode::SUCCESS)
}

fn start_log() {
    let filter =
        tracing_subscriber::EnvFilter::try_from_env("BULKHEAD_LOG").unwrap_or_else(|_| "info".into());
    let terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_target(false).with_ansi(terminal);
    // Nobody reads a closed stderr, and to complain about it there would be a panic.
    let log = log.log_internal_errors(false);
    let _ = log.with_writer(std::io::stderr).try_init();
}

/// The supervisor holds a few descriptors a service and one a connection.
fn raise_limits() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, "the limit of open files cannot be raised");
    }
}

/// What tells this machine from others; empty where nothing does.
fn machine() -> String {
    std::fs::read_to_string("/etc/machine-id").map(|id| id.trim().to_owned()).unwrap_or_default()
}
