//! A loop device: a block device of the kernel's over a file, for tests of what needs a real one.

use std::path::{Path, PathBuf};

use crate::clients;

/// One that is detached when it is dropped.
pub struct LoopDevice {
    /// `/dev/loopN`
    pub path: PathBuf,
}

impl LoopDevice {
    /// Makes one of a file.
    ///
    /// # Errors
    /// Why this machine has none: in a container, or for a plain user.
    pub fn attach(file: &Path) -> Result<Self, String> {
        let file = file.display().to_string();
        let said = clients::must("losetup", &["--find", "--show", &file])
            .map_err(|error| format!("there are no loop devices here: {error}").replace('\n', " "))?;
        Ok(Self { path: PathBuf::from(said.trim()) })
    }
}

impl Drop for LoopDevice {
    fn drop(&mut self) {
        if let Err(error) = clients::must("losetup", &["--detach", &self.path.display().to_string()]) {
            eprintln!("{}: {error}", self.path.display());
        }
    }
}
