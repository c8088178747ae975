//! The two files of a unit: what is in them, and which of them counts.

use std::io;

use ipc::message::codec;
use ipc::state::{Loaded, StateDir, file_name};
use serde::{Deserialize, Serialize};

use crate::reservation::state::State;

/// Format of the contents.
const SCHEMA: u32 = 1;

/// Where files are: a directory, or what a test puts in its place.
pub trait Disk: Send {
    /// Reads a file.
    fn load(&self, name: &str, schema: u32) -> io::Result<Loaded>;
    /// Replaces a file, durably.
    fn save(&self, name: &str, schema: u32, contents: &[u8]) -> io::Result<()>;
    /// Removes a file, durably.
    fn remove(&self, name: &str) -> io::Result<()>;
}

impl Disk for StateDir {
    fn load(&self, name: &str, schema: u32) -> io::Result<Loaded> {
        StateDir::load(self, name, schema)
    }

    fn save(&self, name: &str, schema: u32, contents: &[u8]) -> io::Result<()> {
        StateDir::save(self, name, schema, contents)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        StateDir::remove(self, name)
    }
}

/// One writing of a unit's state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// Which unit.
    pub identity: String,
    /// Its number: one more than that of the writing before.
    pub sequence: u64,
}

impl Slot {
    fn file(&self, sequence: u64) -> String {
        format!("{}.{}", file_name("reservations", &self.identity), sequence % 2)
    }
}

/// What a file says. Without a state there is nothing to survive: it makes the other file void.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Image {
    sequence: u64,
    identity: String,
    state: Option<State>,
}

/// What the files of a unit say.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The number of the last writing.
    pub sequence: u64,
    /// The state.
    pub state: Option<State>,
    /// What is wrong with a file.
    pub problems: Vec<String>,
    /// There are files, and none of them can be read.
    pub lost: bool,
}

/// Writes a state into the file whose turn it is. A failure leaves the other one to count.
pub(super) fn save(disk: &dyn Disk, slot: &Slot, state: Option<State>) -> io::Result<()> {
    let nothing = state.is_none();
    let image = Image { sequence: slot.sequence, identity: slot.identity.clone(), state };
    let contents = codec::encode_page(&image).map_err(io::Error::other)?;
    let file = slot.file(slot.sequence);
    if let Err(error) = disk.save(&file, SCHEMA, &contents) {
        // It may have got as far as the rename; the command that asked for it fails, so it must not count.
        if let Err(worse) = disk.remove(&file) {
            tracing::error!(%worse, file, "a file that must not count cannot be removed");
        }
        return Err(error);
    }
    if nothing {
        // Void already; what is left of it must not come back should the file just written be damaged one day.
        let _ = disk.remove(&slot.file(slot.sequence + 1));
    }
    Ok(())
}

/// Reads both files of a unit.
pub(super) fn load(disk: &dyn Disk, identity: &str) -> Found {
    let slot = Slot { identity: identity.to_owned(), sequence: 0 };
    let (mut found, mut any) = (Found::default(), false);
    for parity in 0..2 {
        let file = slot.file(parity);
        let read =
            disk.load(&file, SCHEMA).map_err(|error| error.to_string()).and_then(|loaded| match loaded {
                Loaded::Absent => Ok(None),
                Loaded::Damaged(why) => Err(why.to_owned()),
                Loaded::Contents(contents) => check(&contents, identity, parity).map(Some),
            });
        match read {
            Ok(None) => {}
            Ok(Some(image)) if !any || image.sequence > found.sequence => {
                (found.sequence, found.state, any) = (image.sequence, image.state, true);
            }
            Ok(Some(_)) => {}
            Err(why) => found.problems.push(format!("{file} in the state directory cannot be read: {why}")),
        }
    }
    found.lost = !any && !found.problems.is_empty();
    if any && !found.problems.is_empty() {
        found.problems.push("the other copy of its reservations is used, which may be older".to_owned());
    }
    found
}

fn check(contents: &[u8], identity: &str, parity: u64) -> Result<Image, String> {
    let image: Image = codec::decode_page(contents).map_err(|error| error.to_string())?;
    let sound =
        image.state.as_ref().is_none_or(|state| state.is_sound() && state.is_durable() && !state.lost);
    if image.identity != identity || image.sequence % 2 != parity || image.sequence > u64::MAX / 2 || !sound {
        return Err("it holds what cannot be".to_owned());
    }
    Ok(image)
}
