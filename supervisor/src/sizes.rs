//! Sizes that an administrator has given to devices while they were served, as far as the media do not keep them.
//!
//! A file keeps its size by itself. How much is served of a block device, only the manifest says, and it does not know of
//! `bulkhead device resize --size`. So that stands in the state directory, with what the manifest said then. As long as the
//! manifest says the same of the same medium, the administrator has had the last word, also after bulkhead was started anew;
//! whoever changes the size in the manifest later has it instead.

use std::io;
use std::path::Path;

use ipc::message::codec;
use ipc::state::{Loaded, StateDir, file_name};
use serde::{Deserialize, Serialize};

use crate::plan::{Plan, UnitPlan};
use crate::state_dir::{self, StateDirError};

/// Its folder; no service can have this name.
const FOLDER: &str = ".sizes";
/// Number of the files' format.
const SCHEMA: u32 = 1;

/// What stands in a file.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Given {
    /// The medium.
    path: Vec<u8>,
    /// What the manifest said.
    manifest: Option<u64>,
    /// The bytes that are served.
    bytes: u64,
}

/// Where they are kept.
#[derive(Debug)]
pub struct Sizes(StateDir);

impl Sizes {
    /// In a state directory.
    ///
    /// # Errors
    /// The host refuses.
    pub fn open(state: &state_dir::StateDir) -> Result<Self, StateDirError> {
        Ok(Self(StateDir::from_fd(state.of_service(FOLDER)?)))
    }

    /// Puts the sizes into a plan that was made from a manifest.
    pub fn recall(&self, plan: &mut Plan) {
        for unit in &mut plan.units {
            let name = unit.config.name.clone();
            let Some(path) = unit.medium.path().map(bytes_of) else { continue };
            let found = match self.0.load(&file(&name), SCHEMA) {
                Ok(Loaded::Contents(bytes)) => codec::decode_page::<Given>(&bytes).ok(),
                Ok(Loaded::Absent) => continue,
                Ok(Loaded::Damaged(_)) | Err(_) => None,
            };
            let Some(given) = found else {
                tracing::warn!(
                    device = name,
                    "the size that it was given cannot be read: the manifest's holds"
                );
                continue;
            };
            if given.manifest != unit.manifest_limit || given.path != path {
                tracing::info!(
                    device = name,
                    "the manifest has changed since it was resized: the manifest's size holds"
                );
                continue;
            }
            tracing::info!(
                device = name,
                bytes = given.bytes,
                "it has the size that `bulkhead device resize` gave it"
            );
            unit.config.limit = Some(given.bytes);
        }
    }

    /// Keeps the size that a unit has been given. When this returns, it has reached the medium.
    ///
    /// # Errors
    /// The host refuses.
    pub fn keep(&self, unit: &UnitPlan, bytes: u64) -> io::Result<()> {
        let name = file(&unit.config.name);
        if unit.manifest_limit == Some(bytes) {
            return self.0.remove(&name);
        }
        let path = unit.medium.path().map(bytes_of).unwrap_or_default();
        let given = Given { path, manifest: unit.manifest_limit, bytes };
        self.0.save(&name, SCHEMA, &codec::encode_page(&given).map_err(io::Error::other)?)
    }
}

fn file(device: &str) -> String {
    file_name("size", device)
}

fn bytes_of(path: &Path) -> Vec<u8> {
    std::os::unix::ffi::OsStrExt::as_bytes(path.as_os_str()).to_vec()
}

#[cfg(test)]
mod tests;
