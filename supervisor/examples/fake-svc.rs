//! A service that serves nothing, for tests of the supervisor: says hello, takes what it is granted and writes it to its
//! log, one line a grant. What shall go wrong stands in the file `$BULKHEAD_FAKE/<binary name>`, as words.
#![forbid(unsafe_code)]

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use ipc::message::config::{DeviceChange, ServiceKind};
use ipc::message::event::DeviceAnswer;
use ipc::message::explain::{Explained, Holder, InFlight};
use ipc::message::record::{Reply, ReplyKind, Request, RequestKind};
use ipc::message::{Event, Grant};
use ipc::recorder::{Recorder, What};
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
    if std::env::args().nth(1).is_some_and(|argument| argument == "--abi") {
        println!("ABI {}", if told("abi") { 4711 } else { ipc::ABI_VERSION });
        return Ok(());
    }
    if told("die") {
        eprintln!("fake: I cannot live");
        std::process::exit(3);
    }
    let mut control =
        if told("abi") { other_abi(kind)? } else { Control::inherit(kind, &["grants", "level"])? };
    let mut fake =
        Fake { stats: None, held: Vec::new(), deaf: told("deaf"), orders: orders.clone(), incarnation: 0 };
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
    if told("panic") {
        panic!("fake: this cannot be");
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
    orders: String,
    incarnation: u64,
}

impl Fake {
    fn take(&mut self, grant: Grant, fds: Vec<OwnedFd>) {
        match &grant {
            Grant::Service(config) => {
                self.incarnation = config.incarnation;
                eprintln!("fake: Service incarnation={}", config.incarnation)
            }
            Grant::Recorder => self.begin_recorder(&fds),
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

impl Fake {
    /// Leaves two commands in the recorder, one of them without an answer.
    fn begin_recorder(&mut self, fds: &[OwnedFd]) {
        let Some(recorder) = fds.first().and_then(|fd| Recorder::begin(fd, self.incarnation).ok()) else {
            return;
        };
        recorder.legend("28 READ(10)\n");
        recorder.watch_panics();
        for serial in [1, 2] {
            let mut request = Request::new(RequestKind::Execute, 7, serial);
            request.cdb[0] = 0x28;
            recorder.request(What::Taken, &request);
        }
        recorder.reply(What::Answered, &Reply::new(ReplyKind::Done, 7, 1));
    }

    /// Answers the change of a device as vdisk-svc does, or as ordered.
    fn change(&self, control: &mut Control, grant: &Grant) -> anyhow::Result<()> {
        if let Grant::Explain { request, units } = grant {
            return Ok(control.report(explained(*request, units), Vec::new())?);
        }
        let told = |word: &str| self.orders.split_ascii_whitespace().any(|order| order == word);
        let (unit, request, answer) = match *grant {
            Grant::Change { .. } if told("die-at-change") => std::process::exit(4),
            Grant::Settle { .. } if told("die-at-settle") => std::process::exit(5),
            Grant::Change { unit, request, .. } if told("refuse") => {
                (unit, request, DeviceAnswer::Refused { text: "fake: I do not want to".to_owned() })
            }
            Grant::Change { unit, request, change: DeviceChange::Resize { bytes } } => {
                (unit, request, DeviceAnswer::Done { bytes: bytes.unwrap_or(1 << 20) })
            }
            Grant::Change { unit, request, .. } => (unit, request, DeviceAnswer::Prepared),
            Grant::Settle { unit, request, go: true } => {
                (unit, request, DeviceAnswer::Done { bytes: 2 << 20 })
            }
            _ => return Ok(()),
        };
        if told("babble") {
            // Of units and requests that there are not.
            for (unit, request) in [(unit + 1, request), (unit, request + 1), (u32::MAX, u64::MAX)] {
                let answer = DeviceAnswer::Done { bytes: 7 << 20 };
                control.report(Event::Device { unit, request, answer }, Vec::new())?;
            }
        }
        control.report(Event::Device { unit, request, answer }, Vec::new())?;
        Ok(())
    }
}

/// Two commands of the first unit, the older one at the handler that is the third service of the tests' manifest.
fn explained(request: u64, units: &[u32]) -> Event {
    let one = |serial, since, holder, why: &str| InFlight {
        transport: 1,
        target: 0,
        initiator: "iqn.2026-11.org.example:host".to_owned(),
        nexus: 7,
        handler_nexus: 7,
        serial,
        unit: units.first().copied().unwrap_or(u32::MAX),
        command: "READ(10)".to_owned(),
        cdb: vec![0x28, 0],
        attribute: "SIMPLE".to_owned(),
        since,
        holder,
        why: why.to_owned(),
    };
    let now = ipc::recorder::micros();
    let commands = vec![
        one(2, now.saturating_sub(2_000_000), Holder::Handler(2), "sent to vdisk"),
        one(3, 0, Holder::Core, "dormant behind\u{1b} it"),
    ];
    Event::Explained { request, told: Explained { commands, left_out: 5 } }
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
            let asked = grant.clone();
            fake.take(grant, fds);
            fake.change(&mut control, &asked)?;
            if stop {
                control.report(Event::Stopped, Vec::new())?;
                return Ok(());
            }
        }
    }
}
