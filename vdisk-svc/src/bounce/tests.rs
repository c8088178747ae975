//! Jobs that are not aligned, by rooms that are few.

use std::fs::File;
use std::sync::Arc;

use ipc::arena::{Arena, Arenas};

use super::*;

const ALIGN: Align = Align { memory: 512, offset: 512 };

fn home(offset: u64, len: u32) -> Spans {
    let mut arenas = Arenas::default();
    arenas.insert(Arena::new(0, shm::create("test", 2 << 20).unwrap()).unwrap());
    Spans::check(&arenas, &[Extent { arena: 0, len, offset }]).unwrap()
}

fn job(op: Op, spans: &Spans, skip: usize, len: usize) -> Job {
    let file = Arc::new(File::open("/dev/null").unwrap());
    Job { op, file, offset: 4096, spans: spans.clone(), skip, len }
}

fn clear(way: Way) -> Job {
    match way {
        Way::Clear(job) => job,
        other => panic!("{other:?}"),
    }
}

#[test]
fn aligned_jobs_and_syncs_pass_as_they_are() {
    let mut bounce = Bounce::new(0);
    let spans = home(512, 4096);
    let passed = clear(bounce.pass(SlotId::from_index(3), job(Op::Read, &spans, 512, 1024), ALIGN));
    assert_eq!((passed.skip, passed.len), (512, 1024));
    clear(bounce.pass(SlotId::from_index(4), job(Op::Sync, &home(1, 5), 0, 5), ALIGN));
    assert!(!bounce.is_used() && bounce.arena.is_none(), "memory is taken only when it is needed");
}

#[test]
fn read_brings_whole_blocks_and_gives_away_what_was_asked_for() {
    let mut bounce = Bounce::new(0);
    let (slot, spans) = (SlotId::from_index(3), home(7, 900));
    spans.write(&[0xEE; 900]);
    let passed = clear(bounce.pass(slot, job(Op::Read, &spans, 100, 600), ALIGN));
    assert_eq!((passed.skip, passed.len, passed.offset), (0, 1024, 4096));
    assert!(ALIGN.suits(&passed.spans, passed.skip, passed.len));
    passed.spans.write(&[0xAB; 1024]);
    let (result, next) = bounce.home(slot, Ok(1024));
    assert_eq!((result.unwrap(), next.is_none(), bounce.is_used()), (600, true, false));
    let mut bytes = [0; 900];
    spans.read_at(0, &mut bytes);
    assert_eq!(
        (&bytes[..100], &bytes[100..700], &bytes[700..]),
        (&[0xEE; 100][..], &[0xAB; 600][..], &[0xEE; 200][..])
    );
}

#[test]
fn write_takes_its_bytes_along_and_only_whole_blocks() {
    let mut bounce = Bounce::new(0);
    let (slot, spans) = (SlotId::from_index(3), home(7, 2000));
    spans.write(&[1; 2000]);
    spans.write_at(100, &[2; 1024]);
    let passed = clear(bounce.pass(slot, job(Op::Write, &spans, 100, 1400), ALIGN));
    assert_eq!(passed.len, 1024);
    let mut bytes = [0; 1024];
    passed.spans.read_at(0, &mut bytes);
    assert_eq!(bytes, [2; 1024]);
    assert_eq!(bounce.home(slot, Ok(512)).0.unwrap(), 512, "a short write is as short at home");
    assert!(matches!(bounce.pass(slot, job(Op::Write, &spans, 0, 511), ALIGN), Way::Failed(_)));
    assert!(!bounce.is_used());
}

#[test]
fn rooms_are_few_and_jobs_wait_in_line() {
    let mut bounce = Bounce::new(2 * ROOM as u64 + 17);
    let spans = home(1, 1 << 20);
    let slot = SlotId::from_index;
    let far = |bounce: &mut Bounce, index| bounce.pass(slot(index), job(Op::Read, &spans, 0, 1 << 20), ALIGN);
    assert_eq!(clear(far(&mut bounce, 0)).len, ROOM, "a room at a time");
    clear(far(&mut bounce, 1));
    assert!(matches!(far(&mut bounce, 2), Way::Waits));
    assert!(matches!(far(&mut bounce, 3), Way::Waits));
    let (result, next) = bounce.home(slot(1), Err(io::ErrorKind::Other.into()));
    let (first, job) = next.unwrap();
    assert!(result.is_err() && first == slot(2));
    clear(bounce.pass(first, job, ALIGN));
    let (first, job) = bounce.home(slot(0), Ok(0)).1.unwrap();
    assert_eq!(first, slot(3));
    clear(bounce.pass(first, job, ALIGN));
    assert!(bounce.home(slot(2), Ok(0)).1.is_none() && bounce.home(slot(3), Ok(0)).1.is_none());
    assert_eq!((bounce.is_used(), bounce.free.len()), (false, 2));
}
