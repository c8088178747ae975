//! What a killed supervisor leaves behind, and how the next one gets rid of it: services that have not noticed yet, a
//! socket nobody listens on. (The stats board is taken over by its name, see `board.rs`.)
//!
//! Trusts the record of processes only as far as /proc confirms it: a number alone may be somebody else's by now.

use std::path::Path;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::RunDir;

/// How long leftover services get to end by themselves: they do when their control socket closes.
const PATIENCE: Duration = Duration::from_secs(2);

/// When a process started, in clock ticks since boot: with its number this names a process for good.
pub fn start_time(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the name in parentheses, which can contain anything; field 22 is the start time.
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_ascii_whitespace().nth(19)?.parse().ok()
}

/// Removes everything that is left over. The caller holds the lock, so whatever is there is of the dead.
pub fn remove(run_dir: &RunDir) {
    end_processes(&run_dir.processes_file());
    let _ = std::fs::remove_file(run_dir.processes_file());
    let _ = std::fs::remove_file(run_dir.admin_socket());
}

fn end_processes(record: &Path) {
    let Ok(text) = std::fs::read_to_string(record) else { return };
    for line in text.lines().take(4096) {
        let Some((pid, started)) = line.split_once(' ') else { continue };
        let (Ok(pid), Ok(started)) = (pid.parse::<u32>(), started.parse::<u64>()) else { continue };
        end_process(pid, started);
    }
}

fn end_process(pid: u32, started: u64) {
    let Some(raw) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return };
    // Opened before the start time is looked at: from then on the descriptor means the process that was looked at.
    let Ok(pidfd) = pidfd_open(raw, PidfdFlags::empty()) else { return };
    if start_time(pid) != Some(started) {
        return;
    }
    let gone = |patience: Duration| {
        let patience = Timespec { tv_sec: patience.as_secs() as i64, tv_nsec: 0 };
        matches!(poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], Some(&patience)), Ok(1..))
    };
    if gone(PATIENCE) {
        return;
    }
    tracing::warn!(pid, "killing a service that a former supervisor left behind");
    let _ = pidfd_send_signal(&pidfd, Signal::KILL);
    if !gone(PATIENCE) {
        tracing::error!(
            pid,
            "the service does not die: it is stuck in the kernel, and may still hold its files"
        );
    }
}
