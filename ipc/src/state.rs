//! Files of a service that outlive a reboot, in the directory that is granted to it (`Grant::State`).
//!
//! A file is replaced as a whole: the new one is written beside it, brought to the medium, renamed over it, and the directory
//! brought to the medium too. Whatever instant the power fails at, the old contents are there or the new ones, and when
//! [`save`](StateDir::save) has returned, the new ones. A file is read back as if an enemy had written it: magic, the owner's
//! schema number, length and checksum must fit, and what is inside is the owner's to validate.
//!
//! ```text
//! "BULKHEAD", then schema, length of the contents and CRC-32C, 4 bytes each, then the contents
//! ```
//! These calls block: a service makes them on a thread that may.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::fs::{AtFlags, Mode, OFlags};

use crate::crash::{self, Point};

const MAGIC: [u8; 8] = *b"BULKHEAD";
const HEADER: usize = 20;
/// The longest contents that are written or read.
pub const LONGEST: usize = 16 << 20;

/// The directory. A clone is the same directory.
#[derive(Debug, Clone)]
pub struct StateDir(Arc<OwnedFd>);

/// What was found under a name.
#[derive(Debug, PartialEq, Eq)]
pub enum Loaded {
    /// No such file.
    Absent,
    /// A file that was not written like this, or not to its end. Why, in words.
    Damaged(&'static str),
    /// The contents as they were saved.
    Contents(Vec<u8>),
}

impl StateDir {
    /// The directory behind a descriptor.
    pub fn from_fd(fd: OwnedFd) -> Self {
        Self(Arc::new(fd))
    }

    /// Reads a file of format `schema`. An error is one of the host.
    pub fn load(&self, name: &str, schema: u32) -> io::Result<Loaded> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let file = match rustix::fs::openat(&*self.0, name, flags, Mode::empty()) {
            Ok(fd) => File::from(fd),
            Err(rustix::io::Errno::NOENT) => return Ok(Loaded::Absent),
            Err(rustix::io::Errno::LOOP) => return Ok(Loaded::Damaged("it is a symbolic link")),
            Err(error) => return Err(error.into()),
        };
        if !file.metadata()?.is_file() {
            return Ok(Loaded::Damaged("it is no regular file"));
        }
        let mut bytes = Vec::new();
        file.take((HEADER + LONGEST + 1) as u64).read_to_end(&mut bytes)?;
        Ok(match check(&bytes, schema) {
            Ok(contents) => Loaded::Contents(contents.to_vec()),
            Err(why) => Loaded::Damaged(why),
        })
    }

    /// Replaces a file. When this returns, the contents have reached the medium.
    pub fn save(&self, name: &str, schema: u32, contents: &[u8]) -> io::Result<()> {
        let length = u32::try_from(contents.len()).ok().filter(|_| contents.len() <= LONGEST);
        let length = length.ok_or(io::ErrorKind::InvalidInput)?;
        let new = format!("{name}.new");
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let mut file = File::from(rustix::fs::openat(&*self.0, &new, flags, Mode::RUSR | Mode::WUSR)?);
        let mut bytes = Vec::with_capacity(HEADER + contents.len());
        bytes.extend(MAGIC);
        bytes.extend(schema.to_le_bytes());
        bytes.extend(length.to_le_bytes());
        bytes.extend(checksum(schema, contents).to_le_bytes());
        bytes.extend(contents);
        file.write_all(&bytes)?;
        crash::at(Point::FileWritten);
        file.sync_all()?;
        crash::at(Point::FileSynced);
        rustix::fs::renameat(&*self.0, &new, &*self.0, name)?;
        crash::at(Point::FileRenamed);
        rustix::fs::fsync(&*self.0)?;
        crash::at(Point::FileDurable);
        Ok(())
    }

    /// Removes a file, if it is there. When this returns, it is gone for good.
    pub fn remove(&self, name: &str) -> io::Result<()> {
        match rustix::fs::unlinkat(&*self.0, name, AtFlags::empty()) {
            Ok(()) | Err(rustix::io::Errno::NOENT) => Ok(rustix::fs::fsync(&*self.0)?),
            Err(error) => Err(error.into()),
        }
    }
}

/// A file name for whatever an administrator has named: bytes other than letters, digits, `-` and `_` become `%` and two
/// hexadecimal digits, so that no two names share a file and none leaves the directory.
pub fn file_name(kind: &str, name: &str) -> String {
    let mut text = format!("{kind}.");
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_') {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02x}"));
        }
    }
    text
}

fn check(bytes: &[u8], schema: u32) -> Result<&[u8], &'static str> {
    let (header, contents) = bytes.split_first_chunk::<HEADER>().ok_or("it is too short")?;
    let word = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    if header[..8] != MAGIC {
        return Err("it is no state file");
    }
    if word(8) != schema {
        return Err("it is of another version");
    }
    if word(12) as usize != contents.len() {
        return Err("it is not as long as it says");
    }
    if word(16) != checksum(schema, contents) {
        return Err("its checksum is wrong");
    }
    Ok(contents)
}

/// CRC-32C over schema and contents.
fn checksum(schema: u32, contents: &[u8]) -> u32 {
    let mut digest = crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc32Iscsi);
    digest.update(&schema.to_le_bytes());
    digest.update(contents);
    digest.finalize() as u32
}

#[cfg(test)]
mod tests;
