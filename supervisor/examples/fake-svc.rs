//! A service that serves nothing, for tests of the supervisor: says hello, takes what it is granted and writes it to its
//! log, one line a grant. What shall go wrong stands in the file `$BULKHEAD_FAKE/<binary name>`, as words.
#![forbid(unsafe_code)]

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use ipc::message::config::ServiceKind;
use ipc::message::{Event, Grant};
use ipc::service::Control;
use ipc::stats::Stats;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

fn main() -> anyhow::Result<()> {
    let name = std::env::args().next().unwrap_or_default();
    let name = Path::new(&name).file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
    let kind = match name.as_str() {
        "core-svc" => ServiceKind::Core,
        "iscsi-svc" => ServiceKind::Iscsi,
        _ => ServiceKind::Vdisk,
    };
    let orders = std::env::var_os("BULKHEAD_FAKE").map(|dir| Path::new(&dir).join(&name));
    let orders = orders.and_then(|file| std::fs::read_to_string(file).ok()).unwrap_or_default();
    let told = |word: &str| orders.split_ascii_whitespace().any(|order| order == word);
    if told("die") {
        eprintln!("fake: I cannot live");
        std::process::exit(3);
    }
    let mut control =
        if told("abi") { other_abi(kind)? } else { Control::inherit(kind, &["grants", "level"])? };
    let mut fake = Fake { stats: None, held: Vec::new(), deaf: told("deaf") };
    loop {
        let (grant, fds) = control.wait()?;
        let go = grant == Grant::Go;
        fake.take(grant, fds);
        if go {
            break;
        }
    }
    control.report(Event::Ready, Vec::new())?;
    if told("deposit") {
        let (socket, _) = std::os::unix::net::UnixStream::pair()?;
        control.report(Event::Deposit { key: 42 }, vec![socket.into()])?;
    }
    if told("hang") {
        std::thread::sleep(Duration::from_secs(3600));
    }
    misbehave(&mut control, told)?;
    serve(control, fake)
}

/// Breaks the contract with the supervisor as ordered.
fn misbehave(control: &mut Control, told: impl Fn(&str) -> bool) -> anyhow::Result<()> {
    if told("garbage") {
        rustix::net::send(&control, b"\x01what is this?", rustix::net::SendFlags::empty())?;
    }
    if told("close") {
        rustix::net::shutdown(&control, rustix::net::Shutdown::Both)?;
        std::thread::sleep(Duration::from_secs(3600));
    }
    if told("hello-again") {
        let hello = Event::Hello {
            abi: ipc::ABI_VERSION,
            kind: ServiceKind::Vdisk,
            version: String::new(),
            counters: Vec::new(),
        };
        control.report(hello, Vec::new())?;
    }
    if told("hoard") {
        for key in 0..100_000 {
            let (socket, _) = std::os::unix::net::UnixStream::pair()?;
            control.report(Event::Deposit { key }, vec![socket.into()])?;
        }
    }
    if told("accuse") {
        for epoch in 0..100 {
            control.report(
                Event::PeerFault { peer: 0, epoch, fault: "it looked at me".to_owned() },
                Vec::new(),
            )?;
        }
    }
    Ok(())
}

/// Says hello as a service of another build would.
fn other_abi(kind: ServiceKind) -> anyhow::Result<Control> {
    let channel = ipc::channel::ServiceChannel::from_fd(std::io::stdin().as_fd().try_clone_to_owned()?);
    let hello = Event::Hello { abi: 4711, kind, version: "9.9.9".to_owned(), counters: Vec::new() };
    channel.send(&hello, &[])?;
    std::thread::sleep(Duration::from_secs(3600));
    Ok(Control::over(channel, kind, &[])?)
}

struct Fake {
    stats: Option<Stats>,
    held: Vec<OwnedFd>,
    deaf: bool,
}

impl Fake {
    fn take(&mut self, grant: Grant, fds: Vec<OwnedFd>) {
        match &grant {
            Grant::Service(config) => eprintln!("fake: Service incarnation={}", config.incarnation),
            Grant::Stats => self.stats = fds.first().and_then(|fd| Stats::new(fd).ok()),
            Grant::Link { peer, role, epoch } => {
                eprintln!("fake: Link {} {role:?} epoch={epoch} fds={}", peer.name, fds.len())
            }
            other => eprintln!("fake: {other:?} fds={}", fds.len()),
        }
        if let Some(stats) = &self.stats {
            stats.add(0, 1);
        }
        self.held.extend(fds);
    }
}

fn serve(mut control: Control, mut fake: Fake) -> anyhow::Result<()> {
    let nap = Timespec { tv_sec: 0, tv_nsec: 200_000_000 };
    loop {
        let _ = poll(&mut [PollFd::new(&control, PollFlags::IN)], Some(&nap));
        if let Some(stats) = &fake.stats {
            stats.beat();
        }
        while let Some((grant, fds)) = control.poll()? {
            let stop = grant == Grant::Stop && !fake.deaf;
            fake.take(grant, fds);
            if stop {
                control.report(Event::Stopped, Vec::new())?;
                return Ok(());
            }
        }
    }
}
