//! A target on which every crash point can be passed, and what an administrator does to it meanwhile.

use std::fs::File;

use anyhow::Context;
use tempfile::TempDir;

use crate::loop_device::LoopDevice;
use crate::manifest::Manifest;
use crate::target::Target;

/// The device, removable, whose medium and size are changed.
const CHANGING: &str = "disc";
/// The device whose size the supervisor has to remember, because its medium, a block device, does not.
const BLOCK: &str = "block";

/// The target.
pub struct Ground {
    /// LUN 0 for a load, LUN 1 for a [`Stir`](crate::stir::Stir).
    pub target: Target,
    /// Why there is no block device here.
    pub no_block_device: Option<String>,
    /// Goes after the target that serves it.
    looped: Option<(LoopDevice, TempDir)>,
}

/// A loop device of 8 MiB.
fn block_device() -> Result<(LoopDevice, TempDir), String> {
    let make = || {
        let dir = tempfile::Builder::new().prefix("bulkhead-block-").tempdir()?;
        let path = dir.path().join("block.img");
        File::create(&path)?.set_len(8 << 20)?;
        Ok::<_, std::io::Error>((path, dir))
    };
    let (path, dir) = make().map_err(|error| error.to_string())?;
    Ok((LoopDevice::attach(&path)?, dir))
}

impl Ground {
    /// Starts it; `settings` are lines of `[supervisor]`.
    ///
    /// # Errors
    /// The target does not serve.
    pub fn start(settings: &str) -> anyhow::Result<Self> {
        let mut manifest = Manifest::default().supervisor(settings);
        manifest =
            manifest.file("disk0", 64, "").file("disk1", 16, "").file(CHANGING, 16, "removable = true");
        let (looped, no_block_device) = match block_device() {
            Ok(looped) => (Some(looped), None),
            Err(why) => (None, Some(why)),
        };
        if let Some((looped, _)) = &looped {
            let keys = format!("[device.block]\npath = {:?}\nsize = \"4MiB\"", looped.path);
            manifest = manifest.device(BLOCK, &keys);
        }
        Ok(Self { target: Target::start(&manifest)?, no_block_device, looped })
    }

    /// Changes a size, then a medium, and so on. It may fail: somebody dies of it.
    pub fn change(&self, turn: usize) {
        let other = self.target.image(["other", CHANGING][turn / 2 % 2]);
        // Made by the first who comes; an image that is there keeps what it has.
        let made = File::options().create(true).truncate(false).write(true).open(&other);
        let _ =
            made.and_then(|file| if file.metadata()?.len() == 0 { file.set_len(16 << 20) } else { Ok(()) });
        let size = ["16MiB", "24MiB"][turn / 2 % 2];
        let _ = match turn % 2 {
            0 => self.target.bulkhead(&["device", "resize", CHANGING, "--size", size]),
            _ => self.target.bulkhead(&["device", "change", CHANGING, &other.display().to_string()]),
        };
    }

    /// Gives the block device a size that the manifest does not know. It may fail: somebody dies of it.
    pub fn resize_block(&self, turn: usize) {
        let size = ["5MiB", "6MiB"][turn % 2];
        let _ = self.target.bulkhead(&["device", "resize", BLOCK, "--size", size]);
    }

    /// Ends it in order.
    ///
    /// # Errors
    /// It does not end well.
    pub fn stop(self) -> anyhow::Result<()> {
        let stopped = self.target.stop();
        drop(self.looped);
        stopped.context("the end of the target")
    }
}
