//! A target under test: `bulkhead run` with a manifest of its own in a temporary directory, on a free loopback port.
//!
//! Waits by asking (`bulkhead status --json`), never by sleeping. A target that is dropped is stopped the hard way; a
//! test that cares how it ends calls [`Target::stop`].

use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Context, anyhow, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::manifest::{Manifest, SECOND, TARGET};
use crate::status::{Service, Status};
use crate::{binaries, deadline, leftovers};

/// How long a target may take to serve, and a service to come back.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Targets that live, for [`abandon_all`]: keeper and run directory.
static LIVING: Mutex<Vec<(u32, PathBuf)>> = Mutex::new(Vec::new());

/// A running target.
pub struct Target {
    /// Where its manifest, images and run directory are.
    pub dir: TempDir,
    /// Where it listens.
    pub portal: SocketAddr,
    luns: usize,
    /// `bulkhead run`: the keeper, whose child the supervisor is.
    keeper: Child,
    board: String,
}

/// A port of the loopback address that was free a moment ago.
///
/// # Errors
/// There is none.
pub fn free_portal() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

impl Target {
    /// Starts a target and waits until all its services run.
    ///
    /// # Errors
    /// It ends, or does not serve in time; its logs are on the screen then.
    pub fn start(manifest: &Manifest) -> anyhow::Result<Self> {
        let dir = tempfile::Builder::new().prefix("bulkhead-").tempdir()?;
        Self::start_in(dir, manifest, free_portal()?)
    }

    /// The same in a directory and on a portal of the caller's choice.
    ///
    /// # Errors
    /// It ends, or does not serve in time.
    pub fn start_in(dir: TempDir, manifest: &Manifest, portal: SocketAddr) -> anyhow::Result<Self> {
        let path = dir.path().join("manifest.toml");
        std::fs::write(&path, manifest.text(dir.path(), portal.port()))?;
        let output = File::create(dir.path().join("output"))?;
        let mut command = Command::new(binaries::bulkhead());
        command.arg("run").arg(&path).envs(manifest.variables());
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        let keeper =
            command.spawn().with_context(|| format!("starting {}", binaries::bulkhead().display()))?;
        lock(|living| living.push((keeper.id(), dir.path().join("run"))));
        let mut target = Self { dir, portal, luns: manifest.luns(), keeper, board: String::new() };
        let serving = deadline::wait_for("a serving target", PATIENCE, || {
            if let Some(status) = target.keeper.try_wait()? {
                bail!("bulkhead run ended with {status}");
            }
            Ok(target.status().ok().filter(Status::all_running))
        });
        match serving {
            Ok(status) => target.board = status.board,
            Err(error) => return Err(error.context(target.logs())),
        }
        Ok(target)
    }

    /// The run directory.
    pub fn run_dir(&self) -> PathBuf {
        self.dir.path().join("run")
    }

    /// The URL of a logical unit, as libiscsi takes it.
    pub fn url(&self, lun: usize) -> String {
        debug_assert!(lun < self.luns);
        format!("iscsi://{}/{TARGET}/{lun}", self.portal)
    }

    /// The URL of the second way to it, of a manifest with [`Manifest::two_ways`].
    pub fn second_url(&self, lun: usize) -> String {
        format!("iscsi://{}/{SECOND}/{lun}", self.portal)
    }

    /// The image behind a file device.
    pub fn image(&self, device: &str) -> PathBuf {
        self.dir.path().join(format!("{device}.img"))
    }

    /// Runs a `bulkhead` command on this target.
    ///
    /// # Errors
    /// It cannot be run.
    pub fn bulkhead(&self, arguments: &[&str]) -> anyhow::Result<Output> {
        let mut command = Command::new(binaries::bulkhead());
        command.args(arguments).arg("--run-dir").arg(self.run_dir());
        command.output().with_context(|| format!("running bulkhead {arguments:?}"))
    }

    /// What `bulkhead status --json` says.
    ///
    /// # Errors
    /// It fails, or says something else.
    pub fn status(&self) -> anyhow::Result<Status> {
        let output = self.bulkhead(&["status", "--json"])?;
        ensure!(output.status.success(), "status: {}", String::from_utf8_lossy(&output.stderr));
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    /// What `status` says of one service.
    ///
    /// # Errors
    /// There is no such service.
    pub fn service(&self, name: &str) -> anyhow::Result<Service> {
        self.status()?.service(name).cloned().ok_or_else(|| anyhow!("there is no service {name}"))
    }

    /// Waits until a service runs that had been started again more than `restarts` times.
    ///
    /// # Errors
    /// It does not in time.
    pub fn wait_restarted(&self, name: &str, restarts: u64) -> anyhow::Result<Service> {
        let what = format!("the restart of {name}");
        let found = deadline::wait_for(&what, PATIENCE, || {
            Ok(Some(self.service(name)?).filter(|it| it.state == "running" && it.restarts > restarts))
        });
        found.with_context(|| self.logs())
    }

    /// Sends a signal to a service's process. Returns what `status` said of it before.
    ///
    /// # Errors
    /// It has no process.
    pub fn signal(&self, name: &str, signal: Signal) -> anyhow::Result<Service> {
        let service = self.service(name)?;
        let pid = service.pid.with_context(|| format!("{name} has no process: it is {}", service.state))?;
        kill(Pid::from_raw(pid.try_into()?), signal).with_context(|| format!("signal to {name}"))?;
        Ok(service)
    }

    /// The process number of `bulkhead run`, which is the keeper's.
    pub fn keeper(&self) -> u32 {
        self.keeper.id()
    }

    /// Sends a signal to the keeper.
    ///
    /// # Errors
    /// It is over.
    pub fn signal_keeper(&self, signal: Signal) -> anyhow::Result<()> {
        Ok(kill(Pid::from_raw(self.keeper.id().try_into()?), signal)?)
    }

    /// Kills the supervisor, and leaves the keeper alone. Returns what `status` said before.
    ///
    /// # Errors
    /// It cannot be killed.
    pub fn kill_supervisor(&self) -> anyhow::Result<Status> {
        self.signal_supervisor(Signal::SIGKILL)
    }

    /// Sends a signal to the supervisor. Returns what `status` said before.
    ///
    /// # Errors
    /// It is over.
    pub fn signal_supervisor(&self, signal: Signal) -> anyhow::Result<Status> {
        let status = self.status()?;
        kill(Pid::from_raw(status.pid.try_into()?), signal).context("signal to the supervisor")?;
        Ok(status)
    }

    /// Waits for a supervisor after `before`, and for all services to run.
    ///
    /// # Errors
    /// It does not come in time.
    pub fn wait_supervised(&self, before: &Status) -> anyhow::Result<Status> {
        let found = deadline::wait_for("the next supervisor", PATIENCE, || {
            // A client of the one that dies hears that it ended.
            Ok(self.status().ok().filter(|now| now.pid != before.pid && now.all_running()))
        });
        found.with_context(|| self.logs())
    }

    /// CPU time that all processes of the target have used so far.
    ///
    /// # Errors
    /// `status` fails.
    pub fn cpu_time(&self) -> anyhow::Result<Duration> {
        Ok(Duration::from_nanos(self.status()?.pids().into_iter().map(cpu_nanoseconds).sum()))
    }

    /// The output of the supervisor and the end of every log.
    pub fn logs(&self) -> String {
        logs(self.dir.path())
    }

    /// Kills keeper and supervisor, after which nobody holds what the services need, and gives back the directory for
    /// another target.
    ///
    /// # Errors
    /// They cannot be killed.
    pub fn kill_bulkhead(mut self) -> anyhow::Result<TempDir> {
        let supervisor = self.status()?.pid;
        self.keeper.kill()?;
        kill(Pid::from_raw(supervisor.try_into()?), Signal::SIGKILL)?;
        self.keeper.wait()?;
        let fresh = tempfile::tempdir()?;
        Ok(std::mem::replace(&mut self.dir, fresh))
    }

    /// Sends every process of the target this signal, which ends it, and waits until all are gone. Gives back the directory for
    /// another target.
    ///
    /// # Errors
    /// They do not end in time.
    pub fn kill_everything(mut self, signal: Signal) -> anyhow::Result<TempDir> {
        let mut pids = self.status()?.pids();
        // The keeper first: it would start another supervisor.
        pids.insert(0, self.keeper.id());
        for pid in &pids {
            // A service may have ended by itself, because nobody holds the other end of its control socket any more.
            let _ = kill(Pid::from_raw((*pid).try_into()?), signal);
        }
        self.keeper.wait()?;
        let gone = || Ok((!pids.iter().any(|pid| is_ours(*pid))).then_some(()));
        deadline::wait_for("the end of all processes", PATIENCE, gone)?;
        let fresh = tempfile::tempdir()?;
        Ok(std::mem::replace(&mut self.dir, fresh))
    }

    /// Ends the target by SIGTERM, and checks that it ends well and leaves nothing behind.
    ///
    /// # Errors
    /// It does not.
    pub fn stop(mut self) -> anyhow::Result<()> {
        let before = self.status().map(|status| status.pids()).unwrap_or_default();
        let status = self.terminate(Signal::SIGTERM)?;
        ensure!(status.success(), "bulkhead ended with {status}\n{}", self.logs());
        self.nothing_left(before)
    }

    /// The same for one whose keeper is dead: the supervisor is told.
    ///
    /// # Errors
    /// It does not end well.
    pub fn stop_without_keeper(mut self) -> anyhow::Result<()> {
        self.keeper.wait()?;
        let before = self.status()?;
        kill(Pid::from_raw(before.pid.try_into()?), Signal::SIGTERM)?;
        deadline::wait_for(
            "the end of the supervisor",
            PATIENCE,
            || Ok((!is_ours(before.pid)).then_some(())),
        )
        .with_context(|| self.logs())?;
        self.nothing_left(before.pids())
    }

    fn nothing_left(&mut self, before: Vec<u32>) -> anyhow::Result<()> {
        let board = std::mem::take(&mut self.board);
        let left = leftovers::find(&self.run_dir(), &board, self.portal);
        ensure!(left.is_empty(), "left behind: {left:?}\n{}", self.logs());
        let alive: Vec<_> = before.into_iter().filter(|pid| is_ours(*pid)).collect();
        ensure!(alive.is_empty(), "processes that outlived the target: {alive:?}");
        Ok(())
    }

    /// Sends a signal to `bulkhead run` and waits for its end.
    ///
    /// # Errors
    /// It does not end in time.
    pub fn terminate(&mut self, signal: Signal) -> anyhow::Result<ExitStatus> {
        kill(Pid::from_raw(self.keeper.id().try_into()?), signal)?;
        deadline::wait_for("the end of bulkhead", PATIENCE, || Ok(self.keeper.try_wait()?))
            .with_context(|| self.logs())
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.logs());
        }
        let id = self.keeper.id();
        lock(|living| living.retain(|(pid, _)| *pid != id));
        if matches!(self.keeper.try_wait(), Ok(None)) && self.terminate(Signal::SIGTERM).is_err() {
            let children = children(id);
            let _ = self.keeper.kill();
            for pid in children.into_iter().filter_map(|pid| pid.try_into().ok()) {
                let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
            }
            let _ = self.keeper.wait();
        }
    }
}

/// A run that cannot be ended in order: shows the logs of every living target and kills keepers and supervisors. Their
/// services end with them.
pub fn abandon_all() {
    lock(|living| {
        for (pid, run_dir) in living.drain(..) {
            eprintln!("{}", logs(run_dir.parent().unwrap_or(&run_dir)));
            // The keeper first: it would start another supervisor.
            let children = children(pid);
            for pid in [pid].into_iter().chain(children).filter_map(|pid| pid.try_into().ok()) {
                let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
            }
        }
    });
}

fn lock(change: impl FnOnce(&mut Vec<(u32, PathBuf)>)) {
    change(&mut LIVING.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
}

fn logs(dir: &Path) -> String {
    let mut text = String::new();
    let mut add = |path: &Path| {
        let content = std::fs::read(path).unwrap_or_default();
        let content = String::from_utf8_lossy(&content).into_owned();
        let lines: Vec<_> = content.lines().collect();
        let end = lines[lines.len().saturating_sub(60)..].join("\n");
        text += &format!("--- {}\n{end}\n", path.display());
    };
    add(&dir.join("output"));
    let entries = std::fs::read_dir(dir.join("run/log")).into_iter().flatten().flatten();
    entries.for_each(|entry| add(&entry.path()));
    text
}

/// Of all threads: the first number of `schedstat` is the time on a CPU.
fn cpu_nanoseconds(pid: u32) -> u64 {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let texts = threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("schedstat")).ok());
    texts.filter_map(|text| text.split_whitespace().next()?.parse::<u64>().ok()).sum()
}

/// The process numbers of the children of a process.
fn children(pid: u32) -> Vec<u32> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    text.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

/// True when the process lives and is one of this project's. One that is over and that nobody has asked about yet does not live.
fn is_ours(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // NUMBER (NAME) STATE ...
    let Some((name, rest)) = stat.rsplit_once(") ") else { return false };
    let ours = name.ends_with("(bulkhead") || name.ends_with("-svc");
    ours && !rest.starts_with('Z')
}
