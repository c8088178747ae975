//! What suits a medium, and which files can be done directly.

use ipc::arena::{Arena, Arenas};
use ipc::extent::Extent;
use ipc::shm;

use super::*;

fn spans(runs: &[(u64, u32)]) -> Spans {
    let mut arenas = Arenas::default();
    arenas.insert(Arena::new(0, shm::create("test", 1 << 20).unwrap()).unwrap());
    let extents: Vec<Extent> = runs.iter().map(|&(offset, len)| Extent { arena: 0, len, offset }).collect();
    Spans::check(&arenas, &extents).unwrap()
}

#[test]
fn memory_suits_when_every_run_does() {
    let align = Align { memory: 64, offset: 512 };
    for (runs, skip, len, suits) in [
        (&[(0, 4096)][..], 0, 4096, true),
        (&[(64, 1024)], 0, 1024, true),
        (&[(32, 1024)], 0, 1024, false),
        (&[(0, 1024)], 512, 512, true),
        (&[(0, 1024)], 48, 512, false),
        (&[(0, 1024)], 0, 700, false),
        (&[(0, 512), (8192, 512)], 0, 1024, true),
        (&[(0, 500), (8192, 524)], 0, 1024, false),
        (&[(0, 512), (8200, 512)], 0, 1024, false),
        (&[(0, 512)], 0, 1024, false),
    ] {
        assert_eq!(align.suits(&spans(runs), skip, len), suits, "{runs:?} from {skip}, {len} bytes");
    }
}

#[test]
fn file_in_memory_is_refused_with_what_to_do() {
    let Ok(file) = tempfile::tempfile_in("/dev/shm") else {
        eprintln!("skipped: there is no /dev/shm");
        return;
    };
    let error = enable(&file).unwrap_err();
    assert!(error.to_string().contains("leave out direct"), "{error}");
}

#[test]
fn file_on_disk_says_what_it_wants() {
    let file = tempfile::tempfile().unwrap();
    match enable(&file) {
        Ok(align) => {
            assert!(align.memory.is_power_of_two() && align.offset.is_power_of_two(), "{align:?}");
            assert!(align.offset >= 512, "{align:?}");
            assert!(fcntl_getfl(&file).unwrap().contains(OFlags::DIRECT));
        }
        Err(error) => eprintln!("skipped: the directory for temporary files has no direct I/O: {error}"),
    }
}
