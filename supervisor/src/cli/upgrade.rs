//! `bulkhead upgrade`: has running services replaced by the installed ones, one by one, and the supervisor last. Whether
//! they fit together is asked of the programs first, before anything is touched.

use std::io::Read;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::request_and_show;
use crate::admin::{Request, client};
use crate::manifest::Kind;
use crate::manifest::report::nearest;
use crate::record::FORMAT;
use crate::status::{ServiceStatus, Status};

/// How long a program may take to say what it speaks.
const ANSWER: Duration = Duration::from_secs(10);
/// How long the next supervisor may take.
const REPLACEMENT: Duration = Duration::from_secs(60);

/// Upgrades the services `names`, and with `itself` the supervisor; neither means everything.
pub fn upgrade(run_dir: &Path, names: &[String], itself: bool) -> Result<ExitCode> {
    let everything = names.is_empty() && !itself;
    let itself = itself || everything;
    let status = status(run_dir)?;
    let all = status.services.iter().map(|service| service.name.as_str());
    if let Some(wrong) = names.iter().find(|name| !all.clone().any(|known| known == name.as_str())) {
        bail!("there is no service {wrong:?}; {}", nearest(wrong, all));
    }
    let wanted = |service: &&ServiceStatus| everything || names.contains(&service.name);
    let of_kind = |kind: Kind| status.services.iter().filter(move |service| service.kind == kind.word());
    // Handlers first, transports last: the order in which they are started.
    let services: Vec<&ServiceStatus> = Kind::ALL.into_iter().flat_map(of_kind).filter(wanted).collect();
    for kind in Kind::ALL.into_iter().filter(|kind| services.iter().any(|it| it.kind == kind.word())) {
        fits(&Path::new(&status.programs).join(kind.binary()), "--abi", &format!("ABI {}", status.abi))?;
    }
    if itself {
        let speaks = format!("ABI {}, state {}", status.abi, status.state_format);
        fits(Path::new(&status.program), "version", &speaks)?;
    }
    for service in services {
        request_and_show(run_dir, &Request::Upgrade { name: service.name.clone() })?;
    }
    if itself {
        replace(run_dir, &status)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn status(run_dir: &Path) -> Result<Status> {
    let reply = client::ask(run_dir, &Request::Status)?;
    reply.status.with_context(|| reply.text)
}

/// Asks a program what it speaks: the running supervisor speaks `wanted`.
fn fits(program: &Path, argument: &str, wanted: &str) -> Result<()> {
    let said = ask(program, argument)?;
    let said = said.trim();
    ensure!(
        said == wanted || said.ends_with(&format!(", {wanted}")),
        "{} says {said:?}, and what runs speaks {wanted}: stop bulkhead and start it anew for that; nothing has been changed",
        program.display()
    );
    Ok(())
}

/// What a program answers.
fn ask(program: &Path, argument: &str) -> Result<String> {
    let shown = program.display();
    let mut command = Command::new(program);
    command.arg(argument).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().with_context(|| format!("{shown} cannot be run"))?;
    let deadline = Instant::now() + ANSWER;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if Instant::now() > deadline {
            let _ = child.kill();
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    let mut said = String::new();
    if let Some(stdout) = &mut child.stdout {
        stdout
            .take(4096)
            .read_to_string(&mut said)
            .with_context(|| format!("{shown} says what is no text"))?;
    }
    ensure!(
        status.success() && !said.is_empty(),
        "{shown} does not say what it speaks ({status}): it is of an earlier version, or none of bulkhead's; nothing has been changed"
    );
    Ok(said)
}

/// Has the supervisor replaced, and waits for the next one.
fn replace(run_dir: &Path, before: &Status) -> Result<()> {
    let reply = client::ask(run_dir, &Request::Replace)?;
    ensure!(reply.ok, "{}", reply.text);
    let deadline = Instant::now() + REPLACEMENT;
    let now = loop {
        // Whoever asks one that is about to end is told that it ended.
        match status(run_dir) {
            Ok(status) if status.pid != before.pid => break status,
            _ if Instant::now() > deadline => bail!("no supervisor answers after {REPLACEMENT:?}"),
            _ => std::thread::sleep(Duration::from_millis(10)),
        }
    };
    let running = same_file(Path::new(&format!("/proc/{}/exe", now.pid)), Path::new(&before.program));
    ensure!(
        running,
        "the installed program did not come up as the supervisor: the former one goes on, process {}; its log says more",
        now.pid
    );
    println!("the supervisor is process {}", now.pid);
    Ok(())
}

fn same_file(one: &Path, other: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let key = |path: &Path| std::fs::metadata(path).ok().map(|file| (file.dev(), file.ino()));
    key(one).is_some() && key(one) == key(other)
}

/// What `bulkhead version` prints.
pub fn version() -> String {
    format!("bulkhead {}, ABI {}, state {FORMAT}", env!("CARGO_PKG_VERSION"), ipc::ABI_VERSION)
}
