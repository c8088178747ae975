//! `bulkhead device ...`: what can be done to a device while it is served.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Subcommand;

use crate::admin::{DeviceAction, Request};
use crate::manifest::units::parse_size;

/// What to do to a device.
#[derive(Debug, Subcommand)]
pub enum DeviceCommand {
    /// Read the size of its file or block device again, and tell initiators
    Resize {
        /// The device
        name: String,
        /// Give it this size first, such as 20GiB
        #[arg(long, value_parser = parse_size)]
        size: Option<u64>,
    },
    /// Put another file or block device in the place of its medium, until bulkhead ends
    Change {
        /// The device
        name: String,
        /// The new medium
        path: PathBuf,
        /// Even while initiators prevent removal
        #[arg(long)]
        force: bool,
    },
    /// Put a medium into a removable device that has none
    Insert {
        /// The device
        name: String,
        /// The medium
        path: PathBuf,
    },
    /// Take the medium out of a removable device
    Eject {
        /// The device
        name: String,
        /// Even while initiators prevent removal
        #[arg(long)]
        force: bool,
    },
}

impl DeviceCommand {
    /// What the supervisor is asked. Relative paths count from where the command was typed.
    ///
    /// # Errors
    /// The path cannot be made absolute.
    pub fn request(self) -> Result<Request> {
        let absolute = |path: PathBuf| std::path::absolute(&path).context("the path of the medium");
        let (name, action) = match self {
            Self::Resize { name, size } => (name, DeviceAction::Resize { size }),
            Self::Change { name, path, force } => {
                (name, DeviceAction::Change { path: absolute(path)?, force })
            }
            Self::Insert { name, path } => (name, DeviceAction::Insert { path: absolute(path)? }),
            Self::Eject { name, force } => (name, DeviceAction::Eject { force }),
        };
        Ok(Request::Device { name, action })
    }
}
