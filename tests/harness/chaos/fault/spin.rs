//! An endless loop in a process that was well: its main thread is made to go round in two bytes of code, as a bug would make it.
//!
//! The loop is put where the program began, which no thread comes by again, so that it is the main thread's alone. A
//! debugger's means are used to get it there, and nothing of them is left when it goes round.

use std::time::Duration;

use anyhow::Context;
use nix::sys::ptrace::{self, Options};
#[cfg(target_arch = "x86_64")]
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::deadline;
use crate::target::PATIENCE;

/// Whether it can be done on this machine.
pub const POSSIBLE: bool = cfg!(target_arch = "x86_64");

/// So much time on a CPU is a loop, not a few last instructions.
const BURNED: Duration = Duration::from_millis(10);

/// Does it, and waits until the thread has gone round for a while.
///
/// # Errors
/// It cannot be done: this process may not trace that one, or the machine's code is not known here. The thread did not go
/// round.
pub fn spin(pid: u32) -> anyhow::Result<()> {
    let process = Pid::from_raw(pid.try_into()?);
    ptrace::seize(process, Options::empty()).with_context(|| format!("tracing process {pid}"))?;
    let led = lead_into_loop(pid, process);
    // A process that was killed meanwhile cannot be let go.
    let before = on_cpu(pid);
    let let_go = ptrace::detach(process, None);
    led?;
    let goal = before? + BURNED;
    let_go.with_context(|| format!("letting go of process {pid}"))?;
    deadline::wait_for("an endless loop", PATIENCE, || {
        let now = on_cpu(pid).context("it ended before it had gone round for a while")?;
        Ok((now >= goal).then_some(()))
    })
}

/// How long the main thread has been on a CPU.
fn on_cpu(pid: u32) -> anyhow::Result<Duration> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/schedstat"))?;
    Ok(Duration::from_nanos(text.split(' ').next().unwrap_or_default().parse()?))
}

#[cfg(target_arch = "x86_64")]
fn lead_into_loop(pid: u32, process: Pid) -> anyhow::Result<()> {
    use std::os::unix::fs::FileExt;

    /// `jmp` to itself.
    const LOOP: [u8; 2] = [0xEB, 0xFE];

    ptrace::interrupt(process)?;
    match waitpid(process, Some(WaitPidFlag::__WALL))? {
        WaitStatus::PtraceEvent(..) | WaitStatus::Stopped(..) => {}
        other => anyhow::bail!("process {pid} did not stop: {other:?}"),
    }
    let entry = entry(pid)?;
    // Past the protection of the page, of which the process gets a copy of its own.
    let memory = std::fs::File::options().write(true).open(format!("/proc/{pid}/mem"))?;
    memory.write_all_at(&LOOP, entry).context("writing the loop")?;
    let mut registers = ptrace::getregs(process)?;
    registers.rip = entry;
    // It may have been stopped in a system call, which the kernel would begin again.
    registers.orig_rax = u64::MAX;
    Ok(ptrace::setregs(process, registers)?)
}

#[cfg(not(target_arch = "x86_64"))]
fn lead_into_loop(_: u32, _: Pid) -> anyhow::Result<()> {
    anyhow::bail!("how a process of this architecture is made to spin is not known here; only x86-64 is")
}

/// Where the program began: AT_ENTRY of what the kernel told it.
#[cfg(target_arch = "x86_64")]
fn entry(pid: u32) -> anyhow::Result<u64> {
    const AT_ENTRY: u64 = 9;
    let words = std::fs::read(format!("/proc/{pid}/auxv"))?;
    let (words, _) = words.as_chunks::<8>();
    let words: Vec<_> = words.iter().map(|word| u64::from_le_bytes(*word)).collect();
    let (pairs, _) = words.as_chunks::<2>();
    let entry = pairs.iter().find(|[kind, _]| *kind == AT_ENTRY);
    entry.map(|[_, address]| *address).context("no entry point")
}
