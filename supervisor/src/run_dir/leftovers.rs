//! What a killed supervisor leaves behind, and how the next one gets rid of it: services that have not noticed yet, a
//! socket nobody listens on. (The stats board is taken over by its name, see `board.rs`.)
//!
//! Trusts the record of processes only as far as /proc confirms it: a number alone may be somebody else's by now.

use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::{Duration, Instant};

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
    let living: Vec<(u32, OwnedFd)> = text.lines().take(4096).filter_map(still_lives).collect();
    let living = wait_for(living);
    for (pid, pidfd) in &living {
        tracing::warn!(pid, "killing a service that a former supervisor left behind");
        let _ = pidfd_send_signal(pidfd, Signal::KILL);
    }
    for (pid, _) in wait_for(living) {
        tracing::error!(
            pid,
            "the service does not die: it is stuck in the kernel, and may still hold its files"
        );
    }
}

/// The process of one line of the record, if it is that process still.
fn still_lives(line: &str) -> Option<(u32, OwnedFd)> {
    let (pid, started) = line.split_once(' ')?;
    let (pid, started): (u32, u64) = (pid.parse().ok()?, started.parse().ok()?);
    let raw = Pid::from_raw(i32::try_from(pid).ok()?)?;
    // Opened before the start time is looked at: from then on the descriptor means the process that was looked at.
    let pidfd = pidfd_open(raw, PidfdFlags::empty()).ok()?;
    (start_time(pid) == Some(started)).then_some((pid, pidfd))
}

/// Waits until all are gone, or patience is over; those that are still there.
fn wait_for(mut living: Vec<(u32, OwnedFd)>) -> Vec<(u32, OwnedFd)> {
    let deadline = Instant::now() + PATIENCE;
    living.retain(|(_, pidfd)| {
        let left = deadline.saturating_duration_since(Instant::now());
        let left = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: i64::from(left.subsec_nanos()) };
        !matches!(poll(&mut [PollFd::new(pidfd, PollFlags::IN)], Some(&left)), Ok(1..))
    });
    living
}
