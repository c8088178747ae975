//! What a dead process left: notebooks and journals that anybody may have written, and a journal whose bytes were changed
//! behind its back. Read as if an enemy had written them: a value, or nothing.
#![no_main]

use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;

use bulkhead_fuzz::Bytes;
use ipc::journal::{Found, Journal, Key};
use ipc::message::codec;
use ipc::message::event::Event;
use ipc::message::grant::Grant;
use ipc::notebook::Notebook;
use libfuzzer_sys::fuzz_target;

const SIZE: usize = 64 << 10;

fuzz_target!(|data: &[u8]| {
    let mut bytes = Bytes(data);
    match bytes.u8() % 6 {
        0 => drop(codec::decode::<Grant>(bytes.0)),
        1 => drop(codec::decode::<Event>(bytes.0)),
        2 => drop(iscsi_svc::notebook::decode(bytes.0)),
        3 => {
            let fd = segment();
            write(&fd, 0, bytes.0);
            let _ = Notebook::open(&fd, 1);
            let _ = Journal::open(&fd, 1);
        }
        4 => {
            let fd = segment();
            // A page that is whole, with anything in it.
            if let Ok((mut notebook, _)) = Notebook::open(&fd, 1) {
                let _ = notebook.save(bytes.0);
            }
            let _ = vdisk_svc::notebook::Notebook::open(&fd);
        }
        _ => changed_journal(&mut bytes),
    }
});

/// Commits entries, changes bytes, and reads it again: every entry that is found had been put.
fn changed_journal(bytes: &mut Bytes<'_>) {
    let fd = segment();
    let mut put = Vec::new();
    if let Ok((mut journal, _)) = Journal::open(&fd, 7) {
        for _ in 0..bytes.u8() % 8 {
            let (key, value) = (Key { part: 1, major: u64::from(bytes.u8() % 4), minor: 0 }, bytes.piece());
            journal.put(key, value);
            put.push((key, value.to_vec()));
            let _ = journal.commit();
        }
    }
    for _ in 0..1 + bytes.u8() % 4 {
        let at = u64::from(bytes.u16());
        write(&fd, at, &[bytes.u8()]);
    }
    if let Ok((_, Found::Entries(entries))) = Journal::open(&fd, 7) {
        assert!(entries.iter().all(|entry| put.contains(entry)), "an entry that nobody put");
    }
}

fn segment() -> OwnedFd {
    ipc::shm::create("fuzz", SIZE).expect("a segment")
}

fn write(fd: &OwnedFd, at: u64, bytes: &[u8]) {
    let room = SIZE.saturating_sub(at as usize).min(bytes.len());
    let file = File::from(fd.try_clone().expect("a descriptor"));
    file.write_all_at(&bytes[..room], at).expect("writing the segment");
}
