//! A notebook that is left at any moment and taken up again, and one that an enemy has had.

use std::os::fd::OwnedFd;

use ipc::notebook::records::RECORD;
use ipc::shm;
use proptest::prelude::*;
use scsi::asc::Asc;
use scsi::sense::Sense;

use super::*;

fn whose(unit: u32, name: Name) -> Whose {
    Whose { unit, generation: 6, name }
}

fn segment() -> OwnedFd {
    shm::create("notebook", 8 << 20).unwrap()
}

fn data(byte: u8, len: usize) -> (OwnedFd, Spans) {
    let fd = shm::create("data", len).unwrap();
    let spans = Spans::of(&Arena::new(1, &fd).unwrap(), Extent { arena: 1, len: len as u32, offset: 0 });
    let spans = spans.unwrap();
    assert_eq!(spans.write(&vec![byte; len]), len);
    (fd, spans)
}

fn bytes(spans: &Spans) -> Vec<u8> {
    let mut out = vec![0; spans.bytes()];
    assert_eq!(spans.read_at(0, &mut out), out.len());
    out
}

#[test]
fn topics_are_found_again() {
    let fd = segment();
    let mut notebook = Notebook::open(&fd).unwrap();
    notebook.keep(1, Topic::ModePages, vec![1, 2, 3]).unwrap();
    notebook.keep(2, Topic::ModePages, vec![4]).unwrap();
    notebook.keep(1, Topic::LongOperation, vec![5]).unwrap();
    notebook.keep(1, Topic::ModePages, vec![6, 7]).unwrap();
    notebook.forget(1, Topic::LongOperation);
    assert!(notebook.keep(3, Topic::Medium, vec![0; 8 << 20]).is_err());
    for notebook in [&notebook, &Notebook::open(&fd).unwrap()] {
        assert_eq!(notebook.recall(1, Topic::ModePages), Some(&[6, 7][..]));
        assert_eq!(notebook.recall(2, Topic::ModePages), Some(&[4][..]));
        assert_eq!(notebook.recall(1, Topic::LongOperation), None);
        assert_eq!(notebook.recall(3, Topic::Medium), None);
    }
}

#[test]
fn outcomes_are_found_again() {
    let fd = segment();
    let outcomes = [
        Outcome::good(512, 1024),
        Outcome::check(Sense::miscompare(77)),
        Outcome::check(Sense::invalid_field_in_cdb(7, Some(3))),
        Outcome::check(Sense::invalid_field_in_parameter_list(258, None)),
        Outcome::check_after(Sense::medium_error_write(Some(1 << 40)), 3),
        Outcome::check(Sense::medium_error_write(None).deferred()),
        Outcome::check(Sense::not_ready_progress(Asc::FORMAT_IN_PROGRESS, 0x1234)),
    ];
    let mut notebook = Notebook::open(&fd).unwrap();
    for (serial, outcome) in outcomes.iter().enumerate() {
        notebook.finish(4, (9, serial as u64), *outcome);
    }
    for notebook in [&notebook, &Notebook::open(&fd).unwrap()] {
        for (serial, outcome) in outcomes.iter().enumerate() {
            assert_eq!(notebook.outcome((9, serial as u64)), Some(*outcome));
        }
        assert_eq!(notebook.outcome((8, 0)), None);
    }
}

#[test]
fn nexus_keeps_its_last_outcomes_and_pushes_out_nobody_elses() {
    let fd = segment();
    let mut notebook = Notebook::open(&fd).unwrap();
    notebook.finish(0, (1, 7), Outcome::GOOD);
    for serial in 0..3 * OF_A_NEXUS as u64 {
        notebook.finish(0, (2, serial), Outcome::GOOD);
    }
    for notebook in [&notebook, &Notebook::open(&fd).unwrap()] {
        let kept = |serial| notebook.outcome((2, serial)).is_some();
        assert!((2 * OF_A_NEXUS as u64..3 * OF_A_NEXUS as u64).all(kept));
        assert!(!(0..2 * OF_A_NEXUS as u64).any(kept));
        assert!(notebook.outcome((1, 7)).is_some());
    }
    for nexus in 3..30 {
        for serial in 0..OF_A_NEXUS as u64 {
            notebook.finish(0, (nexus, serial), Outcome::GOOD);
        }
    }
    assert!(notebook.outcome((29, 1023)).is_some() && notebook.outcome((1, 7)).is_none());
    assert!(notebook.entries.len() <= RECORDS && notebook.ages.len() == notebook.entries.len());
}

#[test]
fn begun_write_is_found_whole_until_it_has_ended() {
    let fd = segment();
    let (_memory, source) = data(0xA5, 4096);
    let mut notebook = Notebook::open(&fd).unwrap();
    let outcome = Outcome::good(8192, 8192);
    let copy = notebook.begin_write(whose(4, (1, 2)), 1 << 33, (&source, 4096), outcome).unwrap();
    source.write(&[0; 4096]);
    assert_eq!(bytes(&copy), [0xA5; 4096], "a copy that the initiator cannot change");
    assert_eq!(notebook.outcome((1, 2)), None);
    let mut successor = Notebook::open(&fd).unwrap();
    let redo = successor.begun(4).pop().unwrap();
    assert_eq!((redo.name, redo.generation, redo.offset), ((1, 2), 6, 1 << 33));
    assert_eq!(redo.outcome, outcome);
    assert_eq!(bytes(&redo.data), [0xA5; 4096]);
    assert!(successor.begun(3).is_empty());
    successor.finish(4, (1, 2), outcome);
    assert!(successor.begun(4).is_empty());
    assert_eq!(Notebook::open(&fd).unwrap().outcome((1, 2)), Some(outcome));
    assert!(Notebook::open(&fd).unwrap().begun(4).is_empty());
}

#[test]
fn begun_writes_are_bounded_and_make_room_when_they_end() {
    let fd = segment();
    let (_memory, source) = data(1, BEGUN_BYTES);
    let mut notebook = Notebook::open(&fd).unwrap();
    let begin = |notebook: &mut Notebook, serial, len| {
        notebook.begin_write(whose(0, (1, serial)), 0, (&source, len), Outcome::GOOD).is_some()
    };
    assert!((0..4).all(|serial| begin(&mut notebook, serial, BEGUN_BYTES)));
    assert!(!begin(&mut notebook, 99, 65537), "there are four large rooms");
    assert!((4..20).all(|serial| begin(&mut notebook, serial, 65536)));
    assert!(!begin(&mut notebook, 99, 1));
    let mut successor = Notebook::open(&fd).unwrap();
    assert_eq!(successor.begun(0).len(), 20);
    assert!(!begin(&mut successor, 99, 1));
    successor.finish(0, (1, 3), Outcome::GOOD);
    assert!(begin(&mut successor, 99, BEGUN_BYTES));
}

#[test]
fn begun_write_whose_bytes_have_changed_is_left_out() {
    let fd = segment();
    let (_memory, source) = data(1, 512);
    let mut notebook = Notebook::open(&fd).unwrap();
    let copy = notebook.begin_write(whose(0, (1, 1)), 0, (&source, 512), Outcome::GOOD).unwrap();
    copy.write_at(511, &[0]);
    assert!(Notebook::open(&fd).unwrap().begun(0).is_empty());
}

#[test]
fn segment_that_is_too_small_is_refused() {
    assert!(Notebook::open(shm::create("small", 1 << 20).unwrap()).is_err());
}

proptest! {
    #[test]
    fn record_of_any_bytes_is_read_or_refused(bytes in prop::collection::vec(any::<u8>(), RECORD), phase in 0..4u8) {
        let mut bytes: [u8; RECORD] = bytes.try_into().unwrap();
        bytes[20] = phase;
        if let Some(record) = Record::decode(&bytes) {
            prop_assert_eq!(Record::decode(&record.encode()), Some(record));
        }
    }
}
