//! What a service died of: for `status`, for the log, and for whoever has to find out why.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::ExitStatus;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

/// Bytes at the end of a log that are looked at for its last lines.
const TAIL_BYTES: u64 = 4096;
/// Last lines that are kept.
const TAIL_LINES: usize = 5;

/// One death.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Obituary {
    /// How often the service had been started before.
    pub incarnation: u64,
    /// When, by the wall clock.
    pub at: SystemTime,
    /// Of what: `killed by SIGKILL`, `exited with status 1`; and why, if the supervisor did it.
    pub cause: String,
    /// The last lines of its log, of this incarnation only.
    pub last_lines: Vec<String>,
}

/// Says what a process died of. `reason` is why the supervisor killed it, if it did.
pub fn cause(status: Option<ExitStatus>, reason: Option<&str>) -> String {
    let end = match status {
        None => "ended in an unknown way".to_owned(),
        Some(status) => match (status.signal(), status.code()) {
            (Some(signal), _) => format!("killed by {}", signal_name(signal)),
            (None, Some(code)) => format!("exited with status {code}"),
            (None, None) => "ended in an unknown way".to_owned(),
        },
    };
    match reason {
        Some(reason) => format!("{reason} ({end})"),
        None => end,
    }
}

fn signal_name(signal: i32) -> String {
    match nix::sys::signal::Signal::try_from(signal) {
        Ok(signal) => signal.as_str().to_owned(),
        Err(_) => format!("signal {signal}"),
    }
}

/// The last lines of a log, from byte `start` on.
pub fn last_lines(log: &Path, start: u64) -> Vec<String> {
    let read = || -> std::io::Result<Vec<u8>> {
        let mut file = File::open(log)?;
        let length = file.metadata()?.len();
        // A log that was rotated meanwhile is shorter than where it began.
        let start = if start > length { 0 } else { start };
        file.seek(SeekFrom::Start(start.max(length.saturating_sub(TAIL_BYTES))))?;
        let mut bytes = Vec::new();
        file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<String> = text.lines().map(str::to_owned).filter(|line| !line.is_empty()).collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].to_vec()
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;

    use super::{cause, last_lines};

    #[test]
    fn cause_names_signal_or_status() {
        assert_eq!(cause(Some(ExitStatus::from_raw(9)), None), "killed by SIGKILL");
        assert_eq!(cause(Some(ExitStatus::from_raw(6)), None), "killed by SIGABRT");
        assert_eq!(cause(Some(ExitStatus::from_raw(3 << 8)), None), "exited with status 3");
        assert_eq!(cause(Some(ExitStatus::from_raw(9)), Some("hung")), "hung (killed by SIGKILL)");
    }

    #[test]
    fn last_lines_are_of_this_incarnation() {
        let file = tempfile::NamedTempFile::new().expect("file");
        std::fs::write(file.path(), "old\n1\n2\n\n3\n4\n5\n6\n").expect("write");
        assert_eq!(last_lines(file.path(), 4), ["2", "3", "4", "5", "6"]);
        assert_eq!(last_lines(file.path(), 15), ["6"]);
        assert_eq!(last_lines(file.path(), 1000), ["2", "3", "4", "5", "6"]);
        assert_eq!(last_lines(std::path::Path::new("/nonexistent"), 0), Vec::<String>::new());
    }
}
