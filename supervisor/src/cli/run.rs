//! `bulkhead run`: everything that can fail is tried before anything is started. Or, after the death of a supervisor:
//! everything is taken up that it left.

use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::rc::Rc;

use anyhow::{Context, Result, anyhow};
use ipc::notebook::Notebook;
use rustix::process::getppid;

use crate::kept::{Inheritance, Kept};
use crate::manifest::Manifest;
use crate::plan::Plan;
use crate::reactor::{Memory, Reactor};
use crate::record::{FORMAT, Head, Record, SCHEMA, name};
use crate::run_dir::{self, RunDir};
use crate::sizes::Sizes;
use crate::spawn;
use crate::state_dir::{self, StateDir};
use crate::wiring::Wiring;

/// Takes what the keeper has, and goes on for a supervisor that died, if one did; `None` when everything is yet to be
/// started.
///
/// # Errors
/// There is no keeper, or what was taken up came to a bad end.
pub fn resume() -> Result<(Rc<Kept>, Option<ExitCode>)> {
    let _ = rustix::thread::set_name(c"bulkhead");
    start_log();
    let (kept, mut inheritance) = Kept::take().with_context(|| {
        format!("standard input is no keeper's socket: unset {}", crate::keeper::VARIABLE)
    })?;
    let kept = Rc::new(kept);
    if inheritance.is_empty() {
        return Ok((kept, None));
    }
    let names: Vec<String> = inheritance.keys().cloned().collect();
    match take_up(&kept, &mut inheritance) {
        Ok(reactor) => {
            reactor.adopt(inheritance)?;
            Ok((kept, Some(ExitCode::SUCCESS)))
        }
        // The former program can take it up.
        Err(error) if std::env::var_os(crate::keeper::TRIAL).is_some() => {
            Err(error.context("what the former supervisor left cannot be taken up"))
        }
        Err(error) => {
            tracing::error!(error = %format!("{error:#}"), "what the former supervisor left cannot be taken up: everything is started anew");
            drop(inheritance);
            names.iter().for_each(|name| kept.forget(name));
            // Answered when all of it is closed: locks and ports are free then.
            kept.end_of(0);
            Ok((kept, None))
        }
    }
}

/// A supervisor that can go on.
struct Successor {
    reactor: Reactor,
    record: Record,
}

impl Successor {
    fn adopt(self, inheritance: Inheritance) -> Result<()> {
        Ok(self.reactor.adopt(self.record, inheritance).run()?)
    }
}

/// Makes a supervisor of what was kept. Nothing has been changed when that fails.
fn take_up(kept: &Rc<Kept>, inheritance: &mut Inheritance) -> Result<Successor> {
    let mut take = |name: &str| inheritance.remove(name).ok_or_else(|| anyhow!("{name:?} was not kept"));
    let head = Head::open(take(name::HEAD)?).context("its plan")?;
    let (notebook, page) = Notebook::open(take(name::RECORD)?, SCHEMA).context("its notebook")?;
    let page = page.context("its notebook is empty")?;
    let record = Record::decode(&page, &head.plan).map_err(|error| anyhow!("its notebook: {error}"))?;
    let run_lock = take(name::RUN_LOCK)?;
    let state_dir = StateDir::resume(head.state_dir, take(name::STATE_LOCK)?);
    let admin = UnixListener::from(take(name::ADMIN)?);
    let wiring = Wiring::resume(&head.plan, state_dir, kept.clone(), inheritance)?;
    // Last, because what is in the directory goes with it.
    let run_dir = RunDir::resume(head.run_dir, run_lock);
    let memory = Memory::resume(kept.clone(), notebook);
    let ready = head.ready;
    let on_ready = Box::new(move || super::say(&ready));
    let reactor = Reactor::new(head.plan, head.manifest, run_dir, wiring, (memory, Some(admin)), on_ready)?;
    Ok(Successor { reactor, record })
}

/// Runs a manifest until it is told to stop. `given` is the run directory that the command line names, `state` the state directory; `ready` is
/// printed when everything serves.
pub fn run(
    manifest: &Manifest,
    path: &Path,
    given: Option<PathBuf>,
    state: Option<PathBuf>,
    (kept, ready): (Rc<Kept>, String),
) -> Result<ExitCode> {
    let mut plan = Plan::new(manifest, &machine());
    spawn::check_binaries(&plan)?;
    let dir = given.or(manifest.settings.run_dir.clone()).unwrap_or_else(run_dir::default_path);
    let dir = std::path::absolute(&dir).with_context(|| format!("{}", dir.display()))?;
    // The keeper is who has to be stopped.
    let keeper = getppid().map_or(std::process::id(), |pid| pid.as_raw_pid() as u32);
    let run_dir = RunDir::take(&dir, keeper)?;
    let state = state.or(manifest.settings.state_dir.clone()).unwrap_or_else(state_dir::default_path);
    let state = std::path::absolute(&state).with_context(|| format!("{}", state.display()))?;
    let state_lock = StateDir::take(&state)?;
    Sizes::open(&state_lock)?.recall(&mut plan);
    let wiring = Wiring::new(&plan, state_lock, kept.clone())?;
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let head = Head {
        format: FORMAT,
        abi: ipc::ABI_VERSION,
        manifest: path.clone(),
        run_dir: dir,
        state_dir: state,
        ready: ready.clone(),
        plan: plan.clone(),
    };
    match head.seal() {
        Ok(head) => kept.store(name::HEAD, head),
        Err(error) => {
            tracing::error!(%error, "the plan cannot be kept: services will end with this supervisor")
        }
    }
    kept.store(name::RUN_LOCK, run_dir.lock());
    let on_ready = Box::new(move || super::say(&ready));
    let memory = Memory::new(kept);
    Reactor::new(plan, path, run_dir, wiring, (memory, None), on_ready)?.run()?;
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

/// What tells this machine from others; empty where nothing does.
fn machine() -> String {
    std::fs::read_to_string("/etc/machine-id").map(|id| id.trim().to_owned()).unwrap_or_default()
}
