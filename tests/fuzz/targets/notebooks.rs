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
use ipc::notebook::records::RECORD;
use iscsi_svc::notebook::{Book, layout};
use libfuzzer_sys::fuzz_target;
use scsi::mode_page::ModeParameters;
use scsi::unit_report::UnitReport;
use vdisk_svc::notebook::{MIDDLE, RECORDS, SCHEMA};
use vdisk_svc::spc::buffer::Buffers;
use vdisk_svc::task::Outcome;
use vdisk_svc::unit::deferred::Deferred;
use vdisk_svc::unit::drive::Drive;
use vdisk_svc::unit::operation::Operation;

const SIZE: usize = 64 << 10;
/// Records of a handler's notebook that are written at the most.
const PLACES: u8 = 16;

thread_local! {
    /// A handler's notebook is long, and most of it stays empty: one does for all runs.
    static HANDLER: OwnedFd = ipc::shm::create("fuzz", 8 << 20).expect("a segment");
}

fuzz_target!(|data: &[u8]| {
    let mut bytes = Bytes(data);
    match bytes.u8() % 12 {
        0 => drop(codec::decode::<Grant>(bytes.0)),
        1 => drop(codec::decode::<Event>(bytes.0)),
        2 => connections(&mut bytes),
        3 => {
            let fd = segment();
            write(&fd, 0, bytes.0);
            let _ = Notebook::open(&fd, 1);
            let _ = Journal::open(&fd, 1);
        }
        4 => HANDLER.with(|fd| handler(fd, &mut bytes)),
        5 => {
            let medium = u32::from(bytes.u8() % 4);
            let Some(drive) = Drive::decode(bytes.0, medium) else { return };
            assert_eq!(Drive::decode(&drive.encode(medium), medium), Some(drive));
        }
        6 => {
            let Some(operation) = Operation::decode(bytes.0, 512) else { return };
            assert!((1..=31).contains(&operation.passes()));
            let _ = operation.sense(u64::from(bytes.u32()));
            assert_eq!(Operation::decode(&operation.encode(), 512), Some(operation));
        }
        7 => {
            let Some(buffers) = Buffers::decode(bytes.0) else { return };
            assert_eq!(buffers.encode(), bytes.0);
        }
        10 => {
            let Some((lost, deferred)) = Deferred::decode(bytes.0, 1) else { return };
            assert_eq!(Deferred::decode(&deferred.encode(lost, 1), 1), Some((lost, deferred)));
        }
        8 => {
            let Some(report) = UnitReport::decode(bytes.0) else { return };
            assert_eq!(report.encode(), bytes.0);
        }
        9 => {
            let info = bytes.unit();
            let Some(parameters) = ModeParameters::decode(&info, bytes.0) else { return };
            assert_eq!(ModeParameters::decode(&info, &parameters.encode()), Some(parameters));
        }
        _ => changed_journal(&mut bytes),
    }
});

/// A page and records that are whole, with anything in them: what is found is found again, and there is still room.
fn handler(fd: &OwnedFd, bytes: &mut Bytes<'_>) {
    let Ok(mut parts) = Notebook::divided(fd, SCHEMA, MIDDLE, RECORDS) else {
        unreachable!("it is long enough")
    };
    for place in 0..2 * usize::from(PLACES) {
        parts.records.clear(place);
    }
    let _ = parts.notebook.save(bytes.piece());
    let mut names = Vec::new();
    while !bytes.0.is_empty() && names.len() < PLACES.into() {
        let place = bytes.u8() % PLACES;
        let mut record = [0; RECORD];
        let found = bytes.take(RECORD);
        record[..found.len()].copy_from_slice(found);
        parts.records.write(place.into(), &record);
        let word = |at: usize| record[at..].first_chunk().map_or(0, |word| u64::from_le_bytes(*word));
        names.push((word(0), word(8)));
    }
    let open = || vdisk_svc::notebook::Notebook::open(fd).expect("a notebook that is long enough");
    let (first, mut second) = (open(), open());
    for name in names {
        assert_eq!(first.outcome(name), second.outcome(name));
        second.finish(1, name, Outcome::GOOD);
        assert_eq!(open().outcome(name), Some(Outcome::GOOD), "what was noted last");
    }
    for unit in 0..4 {
        for redo in first.begun(unit) {
            assert!(redo.data.bytes() <= vdisk_svc::notebook::BEGUN_BYTES);
        }
    }
}

/// A transport's notebook with anything in it, a connection that is said to be whole among that.
fn connections(bytes: &mut Bytes<'_>) {
    const SEGMENT: usize = 256 << 10;
    let fd = ipc::shm::create("fuzz", SEGMENT).expect("a segment");
    drop(Book::open(&fd, 3));
    let file = File::from(fd.try_clone().expect("a descriptor"));
    let mut at = layout::START as u64 + layout::SIDES as u64;
    file.write_all_at(&1u64.to_ne_bytes(), at).expect("writing the segment");
    while !bytes.0.is_empty() {
        let piece = bytes.piece();
        let room = (SEGMENT as u64).saturating_sub(at).min(piece.len() as u64);
        file.write_all_at(&piece[..room as usize], at).expect("writing the segment");
        at += u64::from(bytes.u16());
    }
    drop(Book::open(&fd, 3));
}

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
