//! A `bulkhead` with fake services in a directory of its own. A watchdog kills what hangs.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A directory with a manifest and binaries, and perhaps a running supervisor.
pub struct Target {
    dir: PathBuf,
    _temp: Option<tempfile::TempDir>,
    /// The portal's port.
    pub port: u16,
    supervisor: Option<Child>,
    /// `bulkhead`.
    program: PathBuf,
}

/// What `status --json` says.
#[derive(Debug)]
pub struct Status(pub Value);

impl Status {
    /// The part about one service.
    pub fn service(&self, name: &str) -> &Value {
        let services = self.0["services"].as_array().expect("services");
        services.iter().find(|service| service["name"] == name).expect("the service")
    }
}

/// A port that is free now; another for every test of this process.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    loop {
        let port =
            20_000 + (std::process::id() as u16 % 400) * 100 + NEXT.fetch_add(1, Ordering::Relaxed) % 100;
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// The fake service.
fn fake() -> PathBuf {
    let test = std::env::current_exe().expect("test binary");
    let fake = test.parent().and_then(Path::parent).expect("target directory").join("examples/fake-svc");
    assert!(fake.exists(), "{} is missing: `cargo build --example fake-svc` makes it", fake.display());
    fake
}

/// Installs a program by a process of its own: a file that this one has open to be written, however shortly, may be
/// inherited by what another thread starts at that moment, and cannot be executed then.
fn install(from: &Path, to: &Path) {
    let status = Command::new("install").args(["-m", "755"]).arg(from).arg(to).status();
    assert!(status.expect("install").success(), "{} cannot be installed", to.display());
}

impl Target {
    /// A target with one file disk; `more` begins its manifest.
    pub fn new(more: &str) -> Self {
        let temp = tempfile::tempdir().expect("tempdir");
        let dir = temp.path().to_owned();
        let port = free_port();
        let manifest = format!(
            "{more}\n[[device]]\nname = \"disk0\"\nfile = {{ path = \"disk0.img\", size = \"1MiB\", create = true }}\n\
             [[target]]\nname = \"iqn.2026-11.org.example:t\"\nportals = [\"127.0.0.1:{port}\"]\nluns = [{{ lun = 0, device = \"disk0\" }}]\n"
        );
        std::fs::write(dir.join("m.toml"), manifest).expect("manifest");
        let fake = fake();
        for directory in ["bin", "fake"] {
            std::fs::create_dir(dir.join(directory)).expect("directory");
        }
        for binary in ["core-svc", "iscsi-svc", "vdisk-svc"] {
            symlink(&fake, dir.join("bin").join(binary)).expect("symlink");
        }
        let program = PathBuf::from(env!("CARGO_BIN_EXE_bulkhead"));
        Self { dir, _temp: Some(temp), port, supervisor: None, program }
    }

    /// A second supervisor over the same directory.
    pub fn another(&self) -> Self {
        let program = self.program.clone();
        Self { dir: self.dir.clone(), _temp: None, port: self.port, supervisor: None, program }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Has the fakes named `binary` misbehave from their next start on.
    pub fn order(&self, binary: &str, orders: &str) {
        std::fs::write(self.dir.join("fake").join(binary), orders).expect("orders");
    }

    /// Installs a program that answers `answer` when it is asked what it speaks, and cannot do anything else.
    pub fn install_broken(&self, binary: &str, answer: &str) {
        let script = self.dir.join("script");
        let text = format!("#!/bin/sh\ncase $1 in --abi|version) echo '{answer}';; *) exit 7;; esac\n");
        std::fs::write(&script, text).expect("a program");
        install(&script, &self.dir.join("bin").join(binary));
    }

    /// Installs the fake service, once more, as another file.
    pub fn install(&self, binary: &str) {
        install(&fake(), &self.dir.join("bin").join(binary));
    }

    /// Has `bulkhead` itself run from this directory, where another program can take its place.
    pub fn install_bulkhead(&mut self) {
        self.program = self.dir.join("bin/bulkhead");
        install(Path::new(env!("CARGO_BIN_EXE_bulkhead")), &self.program);
    }

    /// Has commands given by the program that was built, whatever is installed.
    pub fn use_built(&mut self) {
        self.program = PathBuf::from(env!("CARGO_BIN_EXE_bulkhead"));
    }

    pub fn remove_binary(&self, binary: &str) {
        std::fs::remove_file(self.dir.join("bin").join(binary)).expect("binary");
    }

    /// `bulkhead` with arguments.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).env("BULKHEAD_RUN_DIR", self.dir.join("run"));
        command.env("BULKHEAD_STATE_DIR", self.dir.join("state"));
        command.env("BULKHEAD_LIBEXEC", self.dir.join("bin")).env("BULKHEAD_FAKE", self.dir.join("fake"));
        command.stdin(Stdio::null());
        command
    }

    fn start(&self) -> Child {
        let log =
            std::fs::File::options().append(true).create(true).open(self.dir.join("stderr")).expect("log");
        let manifest = self.dir.join("m.toml").display().to_string();
        self.command(&["run", &manifest]).stdout(Stdio::piped()).stderr(log).spawn().expect("bulkhead")
    }

    fn stderr(&self) -> String {
        std::fs::read_to_string(self.dir.join("stderr")).unwrap_or_default()
    }

    /// Starts the supervisor and waits until it is ready; its process number.
    pub fn run(&mut self) -> u32 {
        let mut child = self.start();
        let stdout = child.stdout.take().expect("piped");
        let (pid, (say, hear)) = (child.id(), std::sync::mpsc::channel());
        self.supervisor = Some(child);
        std::thread::spawn(move || {
            let mut lines = BufReader::new(stdout).lines();
            let _ = say.send(lines.next());
            lines.for_each(drop);
        });
        let line = hear.recv_timeout(PATIENCE).ok().flatten().and_then(Result::ok);
        assert_eq!(line.as_deref(), Some("bulkhead: ready"), "{}", self.stderr());
        pid
    }

    /// Starts the supervisor, which is expected to end: exit status and log.
    pub fn run_to_end(&mut self) -> (Option<i32>, String) {
        let mut child = self.start();
        let code = wait(&mut child);
        (code, self.stderr())
    }

    /// Stops the supervisor with SIGTERM: exit status and log.
    pub fn stop(&mut self) -> (Option<i32>, String) {
        let mut child = self.supervisor.take().expect("running");
        signal(&child, rustix::process::Signal::TERM);
        (wait(&mut child), self.stderr())
    }

    /// Kills keeper and supervisor.
    pub fn kill_bulkhead(&mut self) {
        let supervisor = self.pid("supervisor");
        let mut child = self.supervisor.take().expect("running");
        signal(&child, rustix::process::Signal::KILL);
        kill(supervisor);
        wait(&mut child);
    }

    /// Kills the keeper alone.
    pub fn kill_keeper(&mut self) {
        let mut child = self.supervisor.take().expect("running");
        signal(&child, rustix::process::Signal::KILL);
        wait(&mut child);
    }

    /// The process number of a service, or of the supervisor.
    pub fn pid(&self, name: &str) -> u64 {
        let status = self.status();
        let pid = if name == "supervisor" { &status.0["pid"] } else { &status.service(name)["pid"] };
        pid.as_u64().expect("a process")
    }

    /// Kills the supervisor and waits until the next one answers.
    pub fn replace_supervisor(&self) {
        let before = self.pid("supervisor");
        kill(before);
        self.wait_for_another(before);
    }

    /// Waits for a supervisor other than `before`.
    pub fn wait_for_another(&self, before: u64) {
        let begin = Instant::now();
        loop {
            // Whoever was connected to the dead one is told that it ended.
            let (code, text) = output(self.command(&["status", "--json"]));
            let status = (code == Some(0)).then(|| serde_json::from_str::<Value>(&text).ok()).flatten();
            if status.is_some_and(|status| status["pid"] != before) {
                return;
            }
            assert!(begin.elapsed() < PATIENCE, "no other supervisor: {text}\n{}", self.stderr());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Stops the keeper, or lets it go on.
    pub fn hold_keeper(&self, hold: bool) {
        let keeper = self.supervisor.as_ref().expect("running");
        signal(keeper, if hold { rustix::process::Signal::STOP } else { rustix::process::Signal::CONT });
    }

    pub fn log(&self, service: &str) -> String {
        std::fs::read_to_string(self.dir.join("run/log").join(format!("{service}.log"))).unwrap_or_default()
    }

    /// The output of a command that succeeds.
    pub fn ok(&self, arguments: &[&str]) -> String {
        let (code, text) = output(self.command(arguments));
        assert_eq!(code, Some(0), "{arguments:?}: {text}\n{}", self.stderr());
        text
    }

    /// The output of a command that fails.
    pub fn err(&self, arguments: &[&str]) -> String {
        let (code, text) = output(self.command(arguments));
        assert_eq!(code, Some(1), "{arguments:?}: {text}");
        text
    }

    pub fn status(&self) -> Status {
        Status(serde_json::from_str(&self.ok(&["status", "--json"])).expect("JSON"))
    }

    /// Epoch and presence of a link.
    pub fn epoch(&self, requester: &str, responder: &str) -> (u64, bool) {
        let status = self.status();
        let links = status.0["links"].as_array().expect("links");
        let link = links.iter().find(|link| link["requester"] == requester && link["responder"] == responder);
        let link = link.expect("the link");
        (link["epoch"].as_u64().expect("epoch"), link["up"] == true)
    }

    /// Looks until something is so.
    pub fn until(&self, what: &str, so: impl Fn(&Status) -> bool) {
        let begin = Instant::now();
        while !so(&self.status()) {
            assert!(
                begin.elapsed() < PATIENCE,
                "waited in vain: {what}\n{:?}\n{}",
                self.status(),
                self.stderr()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        if let Some(child) = &mut self.supervisor {
            signal(child, rustix::process::Signal::TERM);
            wait(child);
        }
    }
}

fn signal(child: &Child, signal: rustix::process::Signal) {
    let _ = rustix::process::kill_process(rustix::process::Pid::from_child(child), signal);
}

/// True while a process runs.
pub fn lives(pid: u64) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

/// Kills a process that is no child of this one, and waits until it is dead: it might answer for a while yet.
pub fn kill(pid: u64) {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw).expect("a process number");
    let process = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).expect("alive");
    rustix::process::pidfd_send_signal(&process, rustix::process::Signal::KILL).expect("killed");
    let patience = rustix::event::Timespec { tv_sec: PATIENCE.as_secs() as i64, tv_nsec: 0 };
    let end = &mut [rustix::event::PollFd::new(&process, rustix::event::PollFlags::IN)];
    assert_eq!(rustix::event::poll(end, Some(&patience)), Ok(1), "it does not die");
}

/// Waits for the end of a process, and kills it when it does not come.
fn wait(child: &mut Child) -> Option<i32> {
    let begin = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("wait") {
            return status.code();
        }
        if begin.elapsed() > PATIENCE {
            let _ = child.kill();
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Exit status and whole output of a command.
pub fn output(mut command: Command) -> (Option<i32>, String) {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("bulkhead");
    let (mut stdout, mut stderr) = (child.stdout.take().expect("piped"), child.stderr.take().expect("piped"));
    // Either pipe holds more than these commands write, so one after the other is enough.
    let mut text = String::new();
    stdout.read_to_string(&mut text).expect("text");
    stderr.read_to_string(&mut text).expect("text");
    (wait(&mut child), text)
}
