//! What must be gone when a target has ended: processes that have its run directory open, its stats board, its
//! listening socket. Found from outside, whatever the target itself believes.

use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

/// Everything of a target that is still there, a line each.
pub fn find(run_dir: &Path, board: &str, portal: SocketAddr) -> Vec<String> {
    let mut found = processes(run_dir);
    if !board.is_empty() && Path::new("/dev/shm").join(board).exists() {
        found.push(format!("/dev/shm/{board}"));
    }
    if run_dir.join("admin.sock").exists() {
        found.push("the admin socket".to_owned());
    }
    if TcpStream::connect_timeout(&portal, Duration::from_secs(1)).is_ok() {
        found.push(format!("a listening socket at {portal}"));
    }
    found
}

/// Processes that have a file below `run_dir` open: each service has its log.
fn processes(run_dir: &Path) -> Vec<String> {
    let Ok(proc) = std::fs::read_dir("/proc") else { return Vec::new() };
    let own = std::process::id().to_string();
    let mut found = Vec::new();
    for entry in proc.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name == own || !name.bytes().all(|byte| byte.is_ascii_digit()) {
            continue;
        }
        let Ok(descriptors) = std::fs::read_dir(entry.path().join("fd")) else { continue };
        let opens = |link: &Path| std::fs::read_link(link).is_ok_and(|file| file.starts_with(run_dir));
        if descriptors.flatten().any(|descriptor| opens(&descriptor.path())) {
            let command = std::fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
            found.push(format!("process {name} ({})", command.trim()));
        }
    }
    found
}
