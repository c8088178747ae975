//! The stats board: a named segment with the status of everything, refreshed once a second, for onlookers that shall not
//! cost any process a message.
//!
//! The supervisor makes it with `shared_memory` and writes it through its file in /dev/shm, which is the same memory:
//! that way no reference into memory that others can write ever exists here. A reader takes the text for whole when the
//! sequence number is even and the same before and after.
//!
//! ```text
//! 0   "BLKHDBRD"
//! 8   sequence, little-endian u64, odd while it is being written
//! 16  length of the text in bytes, little-endian u64
//! 24  the text: `status --json` on one line
//! ```

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use shared_memory::{Shmem, ShmemConf, ShmemError};

const MAGIC: &[u8; 8] = b"BLKHDBRD";
const TEXT: u64 = 24;
/// Bytes of a board.
const SIZE: usize = 256 * 1024;

/// A board that this process refreshes. It is removed when dropped.
pub struct Board {
    name: String,
    file: File,
    sequence: u64,
    _segment: Shmem,
}

/// The name of the board of a run directory: another for each, the same at every start, so that the board of a killed
/// supervisor is found and replaced.
pub fn name(run_dir: &Path) -> String {
    let bytes = run_dir.as_os_str().as_encoded_bytes().iter();
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("bulkhead-{hash:016x}")
}

fn path(name: &str) -> PathBuf {
    Path::new("/dev/shm").join(name)
}

impl Board {
    /// Makes the board of a run directory that this process has locked.
    ///
    /// # Errors
    /// There is no shared memory to be had.
    pub fn new(run_dir: &Path) -> io::Result<Self> {
        let name = name(run_dir);
        // Whoever made it is dead: the run directory is ours.
        let _ = std::fs::remove_file(path(&name));
        let segment = ShmemConf::new().os_id(&name).size(SIZE).create();
        let segment = segment.map_err(|error: ShmemError| io::Error::other(error.to_string()))?;
        let file = OpenOptions::new().read(true).write(true).open(path(&name))?;
        file.write_all_at(MAGIC, 0)?;
        Ok(Self { name, file, sequence: 0, _segment: segment })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Replaces its text. One that is too long leaves the board without text.
    ///
    /// # Errors
    /// The memory cannot be written.
    pub fn refresh(&mut self, text: &str) -> io::Result<()> {
        let text = if text.len() > SIZE - TEXT as usize { "" } else { text };
        self.file.write_all_at(&(self.sequence + 1).to_le_bytes(), 8)?;
        self.file.write_all_at(&(text.len() as u64).to_le_bytes(), 16)?;
        self.file.write_all_at(text.as_bytes(), TEXT)?;
        self.sequence += 2;
        self.file.write_all_at(&self.sequence.to_le_bytes(), 8)
    }
}

/// The text on a run directory's board.
///
/// # Errors
/// There is no board, or it is being written at every look.
pub fn read(run_dir: &Path) -> io::Result<String> {
    let file = File::open(path(&name(run_dir)))?;
    let word = |offset| {
        let mut bytes = [0; 8];
        file.read_exact_at(&mut bytes, offset).map(|()| u64::from_le_bytes(bytes))
    };
    for _ in 0..1000 {
        let before = word(8)?;
        let length = usize::try_from(word(16)?).unwrap_or(usize::MAX).min(SIZE - TEXT as usize);
        let mut text = vec![0; length];
        file.read_exact_at(&mut text, TEXT)?;
        if before.is_multiple_of(2) && word(8)? == before {
            return String::from_utf8(text).map_err(io::Error::other);
        }
        std::thread::yield_now();
    }
    Err(io::ErrorKind::TimedOut.into())
}

#[cfg(test)]
mod tests {
    use super::{Board, SIZE, read};

    #[test]
    fn board_shows_what_was_written_last() {
        let dir = tempfile::tempdir().expect("tempdir");
        let mut board = Board::new(dir.path()).expect("board");
        board.refresh("a long text").expect("written");
        assert_eq!(read(dir.path()).expect("read"), "a long text");
        board.refresh("short").expect("written");
        assert_eq!(read(dir.path()).expect("read"), "short");
        board.refresh(&"x".repeat(SIZE)).expect("written");
        assert_eq!(read(dir.path()).expect("read"), "");
        drop(board);
        assert!(read(dir.path()).is_err(), "the board is removed");
    }

    #[test]
    fn board_left_by_a_killed_supervisor_is_replaced() {
        let dir = tempfile::tempdir().expect("tempdir");
        std::fs::write(super::path(&super::name(dir.path())), "garbage").expect("leftover");
        let mut board = Board::new(dir.path()).expect("board");
        board.refresh("new").expect("written");
        assert_eq!(read(dir.path()).expect("read"), "new");
    }
}
