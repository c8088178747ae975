//! 4 KiB reads and writes of a file in the page cache, requester and service in two processes: how many a second at
//! several depths. `cargo bench -p vdisk-svc`; set `SECONDS` for longer runs, to attach strace or perf.

use std::time::{Duration, Instant};

use fixture::{Rig, disk, medium, read_10, status, write_10};
use ipc::extent::Extent;
use ipc::message::record::{Request, RequestKind};
use ipc::wait::{Awaited, Turn};

#[path = "../tests/service/fixture.rs"]
#[allow(dead_code)]
mod fixture;

const BLOCKS: u32 = 8;
const SPAN: u32 = 256 << 20;

fn main() {
    let seconds = std::env::var("SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    for in_memory in [true, false] {
        let file = medium(1, in_memory);
        fixture::open(&file).set_len(u64::from(SPAN)).unwrap();
        let zeros = vec![0; SPAN as usize];
        std::fs::write(file.path(), &zeros).unwrap();
        let mut rig = Rig::process(vec![(disk(0), Some(fixture::open(&file)))]);
        for (name, cdb) in [("read", read_10 as fn(u32, u16) -> [u8; 10]), ("write", write_10)] {
            for depth in [1, 8, 32] {
                let (count, time) = load(&mut rig, name == "read", cdb, depth, Duration::from_secs(seconds));
                let place = if in_memory { "tmpfs" } else { "disk" };
                let each = time.as_secs_f64() * 1e6 / count as f64;
                println!("{place:6} {name:6} depth {depth:3}: {:9.0}/s  {each:6.2} us each", 1e6 / each);
            }
        }
        rig.stop();
    }
}

fn load(
    rig: &mut Rig,
    reads: bool,
    cdb: fn(u32, u16) -> [u8; 10],
    depth: u64,
    time: Duration,
) -> (u64, Duration) {
    let begun = Instant::now();
    rig.waiter.set_budget(20);
    let mut ready = Vec::new();
    let (mut sent, mut done, mut lba) = (0u64, 0u64, 0u32);
    while begun.elapsed() < time || done < sent {
        while sent - done < depth && begun.elapsed() < time {
            let mut request = Request::new(RequestKind::Execute, 1, sent);
            request.cdb_len = 10;
            request.cdb[..10].copy_from_slice(&cdb(lba, BLOCKS as u16));
            (request.in_extents, request.out_extents) = (u8::from(reads), u8::from(!reads));
            let offset = sent % depth * 4096;
            request.extents[0] = Extent { arena: fixture::ARENA, len: BLOCKS * 512, offset };
            rig.requester.send(&request).unwrap();
            lba = (lba + 17 * BLOCKS) % (SPAN / 512 - BLOCKS);
            sent += 1;
        }
        rig.requester.flush();
        let before = done;
        while let Some(reply) = rig.requester.receive().unwrap() {
            assert_eq!(status(&reply), fixture::GOOD);
            done += 1;
        }
        if done > before {
            rig.waiter.worked();
        } else if rig.waiter.idle(Awaited::Work) == Turn::Sleep && rig.requester.arm() {
            rig.waiter.wait(fixture::LIMIT, &mut ready).unwrap();
            rig.requester.disarm();
        }
    }
    (done, begun.elapsed())
}
