//! The guest: a QEMU that runs Debian's kernel in software emulation, and the agent in it, which runs what it is sent.
//! `guest/build.sh` makes its image, `guest/agent` has the protocol.
//!
//! Each boot is fresh: what the guest writes to its disk is forgotten. Its network is QEMU's own, in which the host's
//! loopback interface is 10.0.2.2, so that nothing listens anywhere else and nobody needs privileges.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use harness::{binaries, clients, deadline};
use tempfile::TempDir;

/// The host, as the guest sees it.
pub const HOST: &str = "10.0.2.2";

/// How long the guest may take to come up: half a minute on an idle machine.
const BOOT: Duration = Duration::from_secs(300);

/// How long a script may take. The agent ends it before that.
const SCRIPT: Duration = Duration::from_secs(300);

/// The kernel: no messages but warnings, and nothing that costs much under emulation.
const KERNEL: &str = "console=ttyS0 quiet loglevel=4 panic=-1 net.ifnames=0 mitigations=off nokaslr apparmor=0 audit=0 \
                      random.trust_cpu=on tsc=reliable no_timer_check";

/// A guest that is up.
pub struct Guest {
    qemu: Child,
    /// The console and the agent's socket.
    dir: TempDir,
    agent: BufReader<UnixStream>,
    scripts: u32,
}

/// Why there can be no guest here.
pub fn missing() -> Option<String> {
    if clients::run("qemu-system-x86_64", &["--version"]).is_err() {
        return Some("qemu-system-x86_64 is missing: apt-get install qemu-system-x86".to_owned());
    }
    let image = image().ok()?;
    let built = image.join("vmlinuz").exists();
    (!built)
        .then(|| "there is no image of the guest: tests/lab/guest/build.sh, as root, makes one".to_owned())
}

/// Where the image is, or would be.
fn image() -> anyhow::Result<PathBuf> {
    let script = binaries::repository().join("tests/lab/guest/build.sh");
    let lab =
        std::env::var_os("BULKHEAD_LAB").map_or_else(|| binaries::target_dir().join("lab"), PathBuf::from);
    let said = clients::must(&script.display().to_string(), &["--where", &lab.display().to_string()])?;
    Ok(PathBuf::from(said.trim()))
}

impl Guest {
    /// Boots one, and waits until its agent answers.
    ///
    /// # Errors
    /// It does not come up; the error has its console.
    pub fn boot() -> anyhow::Result<Self> {
        let dir = tempfile::Builder::new().prefix("bulkhead-guest-").tempdir()?;
        let mut qemu = start(&image()?, dir.path())?;
        let socket = dir.path().join("agent");
        let connected = deadline::wait_for("a guest", BOOT, || {
            if let Some(status) = qemu.try_wait()? {
                bail!("QEMU ended with {status}");
            }
            Ok(UnixStream::connect(&socket).ok())
        });
        let agent = connected.and_then(|agent| {
            agent.set_read_timeout(Some(BOOT))?;
            Ok(BufReader::new(agent))
        });
        let agent = agent.with_context(|| console(dir.path()))?;
        let mut guest = Self { qemu, dir, agent, scripts: 0 };
        let (status, _) = guest.answer().with_context(|| console(guest.dir.path()))?;
        ensure!(status == 0, "the agent began with {status}");
        guest.agent.get_ref().set_read_timeout(Some(SCRIPT))?;
        Ok(guest)
    }

    /// Runs a script as root and returns its status and what it said.
    ///
    /// # Errors
    /// The guest does not answer any more.
    pub fn run(&mut self, script: &str) -> anyhow::Result<(i32, String)> {
        self.scripts += 1;
        let line = format!("{} {}\n", self.scripts, base64(script.as_bytes()));
        self.agent.get_mut().write_all(line.as_bytes())?;
        self.answer().with_context(|| format!("{script}\n{}", console(self.dir.path())))
    }

    /// Runs a script that must succeed.
    ///
    /// # Errors
    /// It fails; the error has what it said.
    pub fn must(&mut self, script: &str) -> anyhow::Result<String> {
        let (status, said) = self.run(&format!("set -euo pipefail\n{script}"))?;
        if status != 0 {
            let (_, kernel) = self.run("dmesg | tail -n 30")?;
            bail!(
                "status {status} in the guest of:\n{script}\nwhich said:\n{said}\nand the kernel:\n{kernel}"
            );
        }
        Ok(said)
    }

    /// `NUMBER STATUS LENGTH`, and so many bytes.
    fn answer(&mut self) -> anyhow::Result<(i32, String)> {
        let mut line = String::new();
        self.agent.read_line(&mut line).context("the guest does not answer")?;
        let mut words = line.split_whitespace();
        let mut word = || words.next().with_context(|| format!("the agent said {line:?}"));
        let (number, status, length) = (word()?.parse::<u32>()?, word()?.parse()?, word()?.parse::<u64>()?);
        ensure!(number == self.scripts, "an answer to script {number} instead of {}", self.scripts);
        let mut said = Vec::new();
        (&mut self.agent).take(length).read_to_end(&mut said)?;
        Ok((status, String::from_utf8_lossy(&said).into_owned()))
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        // The shell that waits at this pipe ends QEMU.
        drop(self.qemu.stdin.take());
        let _ = self.qemu.wait();
    }
}

/// Starts QEMU below a shell that ends it when our end of the pipe closes, however we end.
fn start(image: &Path, dir: &Path) -> anyhow::Result<Child> {
    let path = |name: &str| dir.join(name).display().to_string();
    let file = |name: &str| image.join(name).display().to_string();
    let disk = format!("file={},format=raw,if=none,id=root,snapshot=on", file("root.img"));
    let port = format!("socket,id=lab,path={},server=on,wait=off", path("agent"));
    let console = format!("file:{}", path("console"));
    let mut command = Command::new("sh");
    command.args(["-c", "\"$@\" </dev/null & qemu=$!; read -r _; kill -9 $qemu; wait $qemu", "sh"]);
    command.args([
        "nice",
        "qemu-system-x86_64",
        "-M",
        "q35,hpet=off",
        "-accel",
        "tcg,thread=multi,tb-size=256",
    ]);
    // Five levels of page tables cost time under emulation.
    command.args(["-cpu", "max,la57=off", "-smp", "2", "-m", "768", "-nodefaults", "-no-user-config"]);
    command.args(["-display", "none", "-no-reboot", "-serial", &console, "-append", KERNEL]);
    command.args(["-kernel", &file("vmlinuz"), "-initrd", &file("initrd.img")]);
    command.args(["-drive", &disk, "-device", "virtio-blk-pci,drive=root", "-device", "virtio-rng-pci"]);
    command.args(["-device", "virtio-serial-pci", "-chardev", &port]);
    command.args(["-device", "virtserialport,chardev=lab,name=lab"]);
    // With virtio-net, QEMU's network waits five seconds whenever the guest's TCP window has been zero.
    command.args(["-netdev", "user,id=net", "-device", "e1000,netdev=net"]);
    command.stdin(Stdio::piped()).stdout(Stdio::null());
    command.stderr(std::fs::File::create(dir.join("qemu"))?);
    command.spawn().context("starting QEMU")
}

/// What the guest's kernel and QEMU said.
fn console(dir: &Path) -> String {
    let mut text = String::new();
    for name in ["qemu", "console"] {
        let said = std::fs::read(dir.join(name)).unwrap_or_default();
        let _ = writeln!(text, "--- {name}\n{}", String::from_utf8_lossy(&said));
    }
    text
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let word =
            chunk.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for digit in 0..4 {
            let six = (word >> (18 - 6 * digit)) & 63;
            text.push(if digit > chunk.len() { '=' } else { char::from(DIGITS[six as usize]) });
        }
    }
    text
}
