//! What must not start, and what is said about it.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use anyhow::ensure;
use harness::manifest::Manifest;
use harness::target::{Target, free_portal};
use harness::{binaries, deadline};

/// Runs `bulkhead run`, which must end by itself.
fn refused(dir: &Path, text: &str, libexec: Option<&Path>) -> anyhow::Result<(Output, String)> {
    let manifest = dir.join("manifest.toml");
    std::fs::write(&manifest, text)?;
    let mut command = Command::new("timeout");
    command.args([
        OsStr::new("20"),
        binaries::bulkhead().as_os_str(),
        OsStr::new("run"),
        manifest.as_os_str(),
    ]);
    if let Some(libexec) = libexec {
        command.env("BULKHEAD_LIBEXEC", libexec);
    }
    let output = command.output()?;
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(!output.status.success(), "it ran: {said}");
    ensure!(output.status.code() != Some(124), "it was not over after 20 s: {said}");
    Ok((output, said))
}

/// The lock of the run directory; the first goes on.
pub fn second_supervisor() -> anyhow::Result<()> {
    let target = Target::start(&Manifest::usual(16))?;
    let text = Manifest::usual(16).text(target.dir.path(), free_portal()?.port());
    let (_, said) = refused(target.dir.path(), &text, None)?;
    ensure!(said.contains("in use") && said.contains(&target.keeper().to_string()), "{said}");
    ensure!(target.status()?.all_running(), "the first suffered");
    target.stop()
}

/// EADDRINUSE, in words.
pub fn portal_in_use() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let other = std::net::TcpListener::bind("127.0.0.1:0")?;
    let portal = other.local_addr()?;
    let (_, said) = refused(dir.path(), &Manifest::usual(16).text(dir.path(), portal.port()), None)?;
    ensure!(said.contains(&portal.to_string()), "the portal is not named: {said}");
    Ok(())
}

/// No vdisk-svc.
pub fn missing_binary() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let text = Manifest::usual(16).text(dir.path(), free_portal()?.port());
    let (_, said) = refused(dir.path(), &text, Some(dir.path()))?;
    ensure!(said.contains("-svc"), "the binary is not named: {said}");
    Ok(())
}

/// A vdisk-svc that ends at once: it is tried again, and then held, and `status` says why.
pub fn not_a_service() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    for name in ["core-svc", "iscsi-svc"] {
        std::os::unix::fs::symlink(binaries::directory().join(name), dir.path().join(name))?;
    }
    std::os::unix::fs::symlink("/bin/false", dir.path().join("vdisk-svc"))?;
    let manifest = Manifest::usual(16).service("vdisk", "restart = { budget = 30, max_delay = \"20ms\" }");
    std::fs::write(dir.path().join("manifest.toml"), manifest.text(dir.path(), free_portal()?.port()))?;
    let mut command = Command::new(binaries::bulkhead());
    command.arg("run").arg(dir.path().join("manifest.toml")).env("BULKHEAD_LIBEXEC", dir.path());
    let mut running =
        command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn()?;
    let run_dir = dir.path().join("run");
    let held = deadline::wait_for("the service is held", Duration::from_secs(20), || {
        let mut status = Command::new(binaries::bulkhead());
        let output = status.args(["status", "--json", "--run-dir"]).arg(&run_dir).output()?;
        let status: Option<harness::status::Status> = serde_json::from_slice(&output.stdout).ok();
        Ok(status.and_then(|it| it.service("vdisk").cloned()).filter(|it| it.state == "held"))
    });
    nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(running.id().try_into()?),
        nix::sys::signal::Signal::SIGTERM,
    )?;
    let ended = deadline::wait_for("the end", Duration::from_secs(20), || Ok(running.try_wait()?));
    if ended.is_err() {
        running.kill()?;
    }
    let held = held?;
    ensure!(held.reason.is_some(), "no reason is given");
    ensure!(held.last_death.is_some_and(|death| death.cause.contains("exit")), "no cause is given");
    ended.map(drop)
}

/// A mistake is named with its line, and no image is made.
pub fn bad_manifest() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let text = Manifest::usual(16).text(dir.path(), free_portal()?.port());
    let text = text.replace("device = \"null0\"", "device = \"nul0\"");
    let (_, said) = refused(dir.path(), &text, None)?;
    ensure!(said.contains("manifest.toml:") && said.contains("null0"), "{said}");
    ensure!(!dir.path().join("disk0.img").exists(), "an image was made all the same");
    ensure!(!dir.path().join("run/admin.sock").exists(), "something was started");
    Ok(())
}
