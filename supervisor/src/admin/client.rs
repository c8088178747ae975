//! The command line's side of the admin socket.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Reply, Request};
use crate::run_dir::admin_socket;

/// Longer than the supervisor takes over any request.
const PATIENCE: Duration = Duration::from_secs(120);
/// Bytes of a reply.
const MOST_REPLY: u64 = 8 << 20;

/// Why there is no reply.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens.
    #[error(
        "no bulkhead runs in {dir} ({error}); start one with `bulkhead run MANIFEST`, or name its directory with --run-dir"
    )]
    Nobody {
        /// The run directory.
        dir: PathBuf,
        /// What the host said.
        error: io::Error,
    },
    /// It ended or broke off.
    #[error("bulkhead did not answer: {0}")]
    Broken(String),
}

/// Asks the supervisor of a run directory.
///
/// # Errors
/// There is none, or it does not answer.
pub fn ask(run_dir: &Path, request: &Request) -> Result<Reply, ClientError> {
    let nobody = |error| ClientError::Nobody { dir: run_dir.to_owned(), error };
    let mut stream = UnixStream::connect(admin_socket(run_dir)).map_err(nobody)?;
    let broken = |error: io::Error| ClientError::Broken(error.to_string());
    stream.set_read_timeout(Some(PATIENCE)).map_err(broken)?;
    let mut line = serde_json::to_string(request).unwrap_or_default();
    line.push('\n');
    stream.write_all(line.as_bytes()).map_err(broken)?;
    let mut reply = String::new();
    BufReader::new(stream.take(MOST_REPLY)).read_line(&mut reply).map_err(broken)?;
    serde_json::from_str(&reply).map_err(|_| ClientError::Broken("it ended meanwhile".to_owned()))
}
