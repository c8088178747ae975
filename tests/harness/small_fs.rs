//! A small file system in memory, mounted somewhere: for tests of what happens when there is no room any more.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::clients;
use crate::loop_device::LoopDevice;
use crate::suite::Skipped;

/// What fills it, see [`SmallFs::fill`].
const BALLAST: &str = "ballast";

/// One that is unmounted when it is dropped, before what it lies on. Everything in it is gone then.
pub struct SmallFs {
    place: PathBuf,
    _below: Option<(LoopDevice, Box<SmallFs>)>,
}

impl SmallFs {
    /// A tmpfs of so many MiB, on a directory that is made if it is not there.
    ///
    /// # Errors
    /// [`Skipped`]: this process may mount nothing.
    pub fn tmpfs(place: &Path, mib: u64) -> anyhow::Result<Self> {
        Self::mount(place, &["-t", "tmpfs", "-o", &format!("size={mib}M"), "tmpfs"])?;
        Ok(Self { place: place.to_owned(), _below: None })
    }

    /// An ext4 of so many MiB, on a loop device over a file in a tmpfs beside it.
    ///
    /// # Errors
    /// [`Skipped`]: this process may mount nothing, or there are no loop devices, or no ext4.
    pub fn ext4(place: &Path, mib: u64) -> anyhow::Result<Self> {
        let below = Self::tmpfs(&place.with_extension("below"), mib + 1)?;
        let file = below.place.join("image");
        File::create(&file)?.set_len(mib << 20)?;
        let looped = LoopDevice::attach(&file).map_err(Skipped)?;
        let device = looped.path.display().to_string();
        clients::must("mkfs.ext4", &["-q", "-m", "0", "-b", "4096", &device]).map_err(skipped)?;
        Self::mount(place, &["-t", "ext4", &device])?;
        Ok(Self { place: place.to_owned(), _below: Some((looped, Box::new(below))) })
    }

    fn mount(place: &Path, arguments: &[&str]) -> anyhow::Result<()> {
        std::fs::create_dir_all(place)?;
        let place = place.display().to_string();
        clients::must("mount", &[arguments, &[&place]].concat()).map_err(skipped)?;
        Ok(())
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        &self.place
    }

    /// Takes all the room that is left.
    ///
    /// # Errors
    /// Something other than that there is no more room.
    pub fn fill(&self) -> anyhow::Result<()> {
        let mut ballast = File::options().create(true).append(true).open(self.place.join(BALLAST))?;
        loop {
            match ballast.write(&[0xBA; 4096]) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Takes so many bytes of the room.
    ///
    /// # Errors
    /// There is not so much.
    pub fn take(&self, bytes: usize) -> anyhow::Result<()> {
        Ok(std::fs::write(self.place.join(BALLAST), vec![0xBA; bytes])?)
    }

    /// Gives back what [`fill`](Self::fill) or [`take`](Self::take) took.
    ///
    /// # Errors
    /// It cannot be.
    pub fn make_room(&self) -> anyhow::Result<()> {
        Ok(std::fs::remove_file(self.place.join(BALLAST))?)
    }
}

fn skipped(error: anyhow::Error) -> Skipped {
    Skipped(format!("no file system can be mounted here: {error}").replace('\n', " "))
}

impl Drop for SmallFs {
    fn drop(&mut self) {
        if let Err(error) = clients::must("umount", &["-l", &self.place.display().to_string()]) {
            eprintln!("{}: {error}", self.place.display());
        }
    }
}
