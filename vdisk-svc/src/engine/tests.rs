//! Both engines do the same.

use std::time::{Duration, Instant};

use ipc::arena::{Arena, Arenas};
use ipc::extent::Extent;
use ipc::shm;

use super::*;

const SLOTS: usize = 64;

fn engines() -> Vec<Engine> {
    let mut engines = vec![Engine::start(Choice::Threads, SLOTS, 3).unwrap()];
    match Engine::start(Choice::Uring, SLOTS, 1) {
        Ok(engine) => engines.push(engine),
        Err(error) => eprintln!("skipped: io_uring is not allowed here: {error}"),
    }
    engines
}

fn spans(len: u32) -> (Arena, Extent, Spans) {
    let arena = Arena::new(0, shm::create("test", 1 << 20).unwrap()).unwrap();
    let mut arenas = Arenas::default();
    arenas.insert(arena.clone());
    let extent = Extent { arena: 0, len, offset: 64 };
    (arena, extent, Spans::check(&arenas, &[extent]).unwrap())
}

fn wait(engine: &mut Engine) -> Finished {
    let deadline = Instant::now() + Duration::from_secs(20);
    engine.flush();
    loop {
        if let Some(finished) = engine.reap() {
            return finished;
        }
        assert!(Instant::now() < deadline, "{} does not finish", engine.name());
        std::thread::yield_now();
    }
}

#[test]
fn write_then_sync_then_read() {
    for mut engine in engines() {
        let file = Arc::new(tempfile::tempfile().unwrap());
        let (arena, extent, spans) = spans(9000);
        let checked = arena.check(extent).unwrap();
        arena.write(checked, &[7; 9000]);
        let job = |op, skip, len| Job {
            op,
            file: file.clone(),
            offset: 100 + skip as u64,
            spans: spans.clone(),
            skip,
            len,
        };
        let slot = SlotId::from_index(5);
        engine.submit(slot, job(Op::Write, 0, 9000));
        assert_eq!(engine.in_flight(), 1);
        assert_eq!(wait(&mut engine).result.unwrap(), 9000);
        engine.submit(slot, job(Op::Sync, 0, 0));
        assert_eq!(wait(&mut engine).result.unwrap(), 0);
        arena.zero(checked, 9000);
        engine.submit(slot, job(Op::Read, 1000, 8500));
        let finished = wait(&mut engine);
        assert_eq!((finished.slot, finished.result.unwrap()), (slot, 8000), "short at the end of the file");
        let mut there = [0; 9000];
        arena.read(checked, &mut there);
        assert_eq!((there[999], there[1000], there[8999]), (0, 7, 7));
        assert_eq!(engine.in_flight(), 0);
    }
}

#[test]
fn failure_comes_back_as_it_is() {
    for mut engine in engines() {
        let path = tempfile::NamedTempFile::new().unwrap();
        let file = Arc::new(File::open(path.path()).unwrap());
        let (_, _, spans) = spans(512);
        engine
            .submit(SlotId::from_index(0), Job { op: Op::Write, file, offset: 0, spans, skip: 0, len: 512 });
        assert_eq!(wait(&mut engine).result.unwrap_err().raw_os_error(), Some(libc::EBADF));
    }
}

#[test]
fn every_slot_at_once_and_each_comes_back_once() {
    for mut engine in engines() {
        let file = Arc::new(tempfile::tempfile().unwrap());
        file.set_len(1 << 20).unwrap();
        let (_, _, spans) = spans(4096);
        for index in 0..SLOTS {
            let job = Job {
                op: if index % 7 == 0 { Op::Sync } else { Op::Write },
                file: file.clone(),
                offset: 4096 * index as u64,
                spans: spans.clone(),
                skip: 0,
                len: 4096,
            };
            engine.submit(SlotId::from_index(index), job);
        }
        let mut seen = [false; SLOTS];
        for _ in 0..SLOTS {
            let finished = wait(&mut engine);
            assert!(finished.result.is_ok());
            assert!(!std::mem::replace(&mut seen[finished.slot.index()], true));
        }
        assert!(engine.reap().is_none());
    }
}

#[test]
fn engine_that_is_dropped_finishes_first() {
    for mut engine in engines() {
        let file = Arc::new(tempfile::tempfile().unwrap());
        let (arena, extent, spans) = spans(512);
        arena.write(arena.check(extent).unwrap(), &[9; 512]);
        for index in 0..SLOTS {
            let (file, spans) = (file.clone(), spans.clone());
            let job = Job { op: Op::Write, file, offset: 512 * index as u64, spans, skip: 0, len: 512 };
            engine.submit(SlotId::from_index(index), job);
        }
        drop(engine);
        assert_eq!(file.metadata().unwrap().len(), 512 * SLOTS as u64);
        assert_eq!(Arc::strong_count(&file), 1);
    }
}
