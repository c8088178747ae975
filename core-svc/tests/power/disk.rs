//! A state directory that can die in the middle of a write, as when the power fails: what is on it then is what a real one
//! could have, torn files among it. Whoever waits for it when it is dead waits until it is released.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex};

use core_svc::reservation::durable::Disk;
use ipc::state::{Loaded, StateDir};

/// Numbers that come again with the same seed (SplitMix64).
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}

/// A seed that nobody chose.
pub fn seed() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(1, |now| now.as_nanos() as u64)
}

/// Where in a write it dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Death {
    /// Nothing has been written.
    Before,
    /// The new file is there in part, or with wrong bits: the number says how.
    Torn(u64),
    /// All is done, and nobody has been told.
    After,
}

#[derive(Default)]
struct Fate {
    death: Option<Death>,
    dead: bool,
    released: bool,
}

/// The directory.
pub struct MortalDisk {
    inner: StateDir,
    path: PathBuf,
    fate: Mutex<Fate>,
    release: Condvar,
}

impl MortalDisk {
    pub fn new(path: &Path) -> Self {
        let inner = StateDir::from_fd(std::fs::File::open(path).unwrap().into());
        Self { inner, path: path.to_owned(), fate: Mutex::default(), release: Condvar::new() }
    }

    /// How the next write ends; none: as it should.
    pub fn die_at_next(&self, death: Option<Death>) {
        self.fate.lock().unwrap().death = death;
    }

    pub fn is_dead(&self) -> bool {
        self.fate.lock().unwrap().dead
    }

    /// Nobody is left whom it could mislead.
    pub fn release(&self) {
        self.fate.lock().unwrap().released = true;
        self.release.notify_all();
    }

    /// Dead: says nothing until it is released, and does nothing any more.
    fn dead<T>(&self) -> io::Result<T> {
        let mut fate = self.fate.lock().unwrap();
        fate.dead = true;
        while !fate.released {
            fate = self.release.wait(fate).unwrap();
        }
        Err(io::Error::other("the power has failed"))
    }

    /// What is left of a file that was being written.
    fn tear(&self, name: &str, contents: &[u8], how: u64) {
        let mut random = Random(how);
        let mut bytes = [&b"BULKHEAD"[..], &[1, 0, 0, 0], contents].concat();
        bytes.truncate(random.below(bytes.len() as u64 + 1) as usize);
        for _ in 0..random.below(3) {
            if !bytes.is_empty() {
                let at = random.below(bytes.len() as u64) as usize;
                bytes[at] ^= 1 << random.below(8);
            }
        }
        std::fs::write(self.path.join(format!("{name}.new")), bytes).unwrap();
    }
}

impl Disk for MortalDisk {
    fn load(&self, name: &str, schema: u32) -> io::Result<Loaded> {
        self.inner.load(name, schema)
    }

    fn save(&self, name: &str, schema: u32, contents: &[u8]) -> io::Result<()> {
        let death = {
            let mut fate = self.fate.lock().unwrap();
            if fate.dead || fate.released {
                return Err(io::Error::other("the power has failed"));
            }
            fate.death.take()
        };
        match death {
            None => return self.inner.save(name, schema, contents),
            Some(Death::Before) => {}
            Some(Death::Torn(how)) => self.tear(name, contents, how),
            Some(Death::After) => self.inner.save(name, schema, contents)?,
        }
        self.dead()
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let fate = self.fate.lock().unwrap();
        if fate.dead || fate.released {
            Err(io::Error::other("the power has failed"))
        } else {
            self.inner.remove(name)
        }
    }
}
