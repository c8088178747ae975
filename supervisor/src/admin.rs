//! The administrator's protocol: one JSON object a line over a Unix socket in the run directory, one reply a request.
//!
//! Only who may open the socket (its owner) can ask, so a request is trusted to be meant, but not to be well formed.

pub mod client;
pub mod server;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use rustix::process::Signal;
use serde::{Deserialize, Serialize};

use crate::post_mortem::PostMortem;
use crate::status::Status;
use crate::why::Why;

/// What an administrator can ask.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "lowercase", deny_unknown_fields)]
pub enum Request {
    /// How everything is.
    Status,
    /// Stop a service in order and start it again; answered when it is ready.
    Restart {
        /// The service.
        name: String,
    },
    /// Stop a service; answered when it is over.
    Stop {
        /// The service.
        name: String,
    },
    /// Start a service that is stopped or held; answered when it is ready.
    Start {
        /// The service.
        name: String,
    },
    /// Replace a service by the program that is installed; answered when that or the former one is ready.
    Upgrade {
        /// The service.
        name: String,
    },
    /// Replace the supervisor by the program that is installed; answered when it is about to be.
    Replace,
    /// Send a service's process a signal.
    Kill {
        /// The service.
        name: String,
        /// `KILL`, `SIGKILL` or `9`.
        signal: String,
    },
    /// What a service had been doing when it died last.
    #[serde(rename = "post-mortem")]
    PostMortem {
        /// The service.
        name: String,
        /// The most of its last records.
        lines: usize,
    },
    /// Have a process die at a named point; answered when the point is about to be armed.
    #[serde(rename = "crash-point")]
    CrashPoint {
        /// The service, or `supervisor`.
        name: String,
        /// The point, see [`ipc::crash`].
        point: String,
        /// How often it is passed until then, from 1.
        count: u32,
        /// Arm it in the next incarnation.
        next_start: bool,
    },
    /// Where the commands of a logical unit are and what they wait for.
    Why {
        /// The target's name.
        target: String,
        /// The logical unit number.
        lun: u16,
    },
    /// Change a device while it is served; answered when it is done.
    Device {
        /// The device.
        name: String,
        /// What to do.
        action: DeviceAction,
    },
    /// Set the asymmetric access state of a target port group; answered when it holds.
    Alua {
        /// The port group.
        port_group: String,
        /// The state.
        state: String,
        /// The device group; without one, every device group whose states administrators may change.
        device_group: Option<String>,
    },
}

/// What can be done to a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum DeviceAction {
    /// Read its size again.
    Resize {
        /// Give it this size in bytes first.
        size: Option<u64>,
    },
    /// Put another medium in the place of the one it has.
    Change {
        /// The medium, absolute.
        path: PathBuf,
        /// Even while initiators prevent removal.
        force: bool,
    },
    /// Put a medium where there is none.
    Insert {
        /// The medium, absolute.
        path: PathBuf,
    },
    /// Take the medium out.
    Eject {
        /// Even while initiators prevent removal.
        force: bool,
    },
}

/// What comes back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reply {
    /// Whether it was done.
    pub ok: bool,
    /// What was done, or why it was not.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// The answer to `status`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// The answer to `post-mortem`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub post_mortem: Option<PostMortem>,
    /// The answer to `why`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<Why>,
}

impl Reply {
    /// It was done.
    pub fn done(text: String) -> Self {
        Self { ok: true, text, status: None, post_mortem: None, why: None }
    }

    /// It was not done.
    pub fn error(text: String) -> Self {
        Self { ok: false, ..Self::done(text) }
    }

    /// The answer to `status`.
    pub fn status(status: Status) -> Self {
        Self { status: Some(status), ..Self::done(String::new()) }
    }

    /// The answer to `post-mortem`.
    pub fn post_mortem(told: PostMortem) -> Self {
        Self { post_mortem: Some(told), ..Self::done(String::new()) }
    }

    /// The answer to `why`.
    pub fn why(told: Why) -> Self {
        Self { why: Some(told), ..Self::done(String::new()) }
    }
}

/// Reads a signal: `KILL`, `SIGKILL`, `kill` or `9`.
///
/// # Errors
/// What would have been right.
pub fn parse_signal(text: &str) -> Result<Signal, String> {
    use std::str::FromStr;
    let upper = text.to_ascii_uppercase();
    let name = if upper.starts_with("SIG") { upper } else { format!("SIG{upper}") };
    let number = match nix::sys::signal::Signal::from_str(&name) {
        Ok(signal) => Some(signal as i32),
        Err(_) => text.parse().ok(),
    };
    let signal = number.and_then(Signal::from_named_raw);
    signal.ok_or_else(|| format!("there is no signal {text:?}; write KILL, TERM, ABRT, STOP, CONT, ..."))
}
