//! In steady state a READ or WRITE that the page cache can take costs no allocation in this service.

#[path = "../../ipc/tests/shared/counting.rs"]
mod counting;
#[path = "service/fixture.rs"]
#[allow(dead_code, reason = "what the other tests need besides")]
mod fixture;

use std::time::Instant;

use fixture::*;
use vdisk_svc::engine::Choice;

/// Commands at a time.
const DEPTH: u32 = 32;
const BYTES: u32 = 4096;
const BLOCKS: u32 = BYTES / 512;

/// Allocations of the service for `rounds` times as many commands as are sent at a time, each at a place of its own: one that
/// overlaps another waits, and that is written down.
fn allocations(rig: &mut Rig, rounds: u64, write: bool) -> u64 {
    let data = [7; BYTES as usize];
    let before = counting::others();
    for _ in 0..rounds {
        for place in 0..DEPTH {
            match write {
                true => rig.send(0, &write_10(place * BLOCKS, BLOCKS as u16), &[&data], &[]),
                false => rig.send(0, &read_10(place * BLOCKS, BLOCKS as u16), &[], &[BYTES]),
            };
        }
        for _ in 0..DEPTH {
            let reply = rig.reply();
            assert_eq!((reply.status, reply.transferred), (0, BYTES));
        }
    }
    counting::others() - before
}

#[test]
fn reads_and_writes_do_not_allocate() {
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().set_len(1 << 20).unwrap();
    let mut rig = Rig::on(Choice::Best, disk(0), &file);
    assert_ne!(counting::others(), 0, "allocations are counted");
    for write in [true, false] {
        allocations(&mut rig, 50, write);
        let begun = Instant::now();
        let count = allocations(&mut rig, 200, write);
        // Once a second the service looks whether its medium has another size.
        let most = 8 * (begun.elapsed().as_secs() + 1);
        assert!(count <= most, "write: {write}: {count} allocations for {} commands", 200 * DEPTH);
    }
    rig.stop();
}
