//! What a command costs in the core: one thread plays transport and handler and turns the core in between, so the numbers
//! hold four copies of a record at the far ends besides the core's own work.
//!
//! `cargo bench -p core-svc`. Medians of several runs, in nanoseconds a command. "Recorded" is with the flight recorder,
//! which every service has; there are four events a command at the core.

#[path = "../tests/shared/bare.rs"]
mod bare;
#[path = "../tests/shared/ends.rs"]
mod ends;

use std::hint::black_box;
use std::time::Instant;

use bare::{A, Bare, DISK, OTHER};
use ends::*;
use ipc::message::Grant;
use ipc::message::record::{Reply, ReplyKind, Request, RequestKind, request_flags};

const RUNS: usize = 9;
const COMMANDS: u64 = 100_000;

struct Stage {
    bare: Bare,
    transport: FakeTransport,
    disk: FakeHandler,
    serial: u64,
}

impl Stage {
    /// `nexuses` nexuses, numbered from 1, that have taken their unit attention of LUN 0.
    fn new(nexuses: u64, recorded: bool) -> Self {
        let mut bare = Bare::new();
        if recorded {
            let segment = ipc::shm::create("bench:recorder", ipc::recorder::BYTES).unwrap();
            bare.grant(Grant::Recorder, vec![segment]);
        }
        let mut disk = bare.handler(DISK);
        bare.handler(OTHER).send(&Reply::new(ReplyKind::Fenced, 0, 0));
        let mut transport = bare.transport(A);
        transport.send(&Request::new(RequestKind::Attach, 0, 0));
        transport.send(&Request::new(RequestKind::AttachEnd, 0, 0));
        bare.settle();
        disk.fence();
        for nexus in 1..=nexuses {
            let open = transport.open_request(nexus, 0, 0);
            transport.send(&open);
            transport.send(&command(nexus, u64::MAX, 0, &TEST_UNIT_READY));
            if nexus % 256 == 0 || nexus == nexuses {
                bare.settle();
                while transport.poll().is_some() {}
            }
        }
        Self { bare, transport, disk, serial: 0 }
    }

    /// Runs `commands` commands, `depth` at a time, over `nexuses` nexuses in turn; `ask` sends one without flushing.
    fn run(&mut self, commands: u64, depth: u64, nexuses: u64, ask: impl Fn(&mut FakeTransport, u64, u64)) {
        let mut left = commands;
        while left > 0 {
            let batch = depth.min(left);
            for _ in 0..batch {
                self.serial += 1;
                ask(&mut self.transport, 1 + self.serial % nexuses, self.serial);
            }
            self.transport.link.flush();
            let mut ended = 0;
            while ended < batch {
                self.bare.core.turn();
                self.bare.core.flush();
                assert!(self.bare.core.events.is_empty(), "{:?}", self.bare.core.events);
                while let Some(request) = self.disk.link.receive().unwrap() {
                    // Whoever is asked to abort a task ends it as any other.
                    if request.kind != RequestKind::Execute as u8 {
                        continue;
                    }
                    let mut reply = Reply::new(ReplyKind::Done, request.nexus, request.serial);
                    reply.transferred = if request.in_extents + request.out_extents > 0 { 512 } else { 0 };
                    self.disk.link.send(&reply).unwrap();
                }
                self.disk.link.flush();
                while let Some(reply) = self.transport.link.receive().unwrap() {
                    black_box(&reply);
                    ended += 1;
                }
                self.transport.link.flush();
            }
            left -= batch;
        }
    }
}

fn read(transport: &mut FakeTransport, nexus: u64, serial: u64) {
    let request = transport.with_in(command(nexus, serial, 0, &READ_10), &[(0, 512)]);
    transport.link.send(&request).unwrap();
}

fn write(transport: &mut FakeTransport, nexus: u64, serial: u64) {
    let mut request = command(nexus, serial, 0, &WRITE_10);
    request.flags = request_flags::DATA_PENDING;
    transport.link.send(&request).unwrap();
    let data = transport.with_out(Request::new(RequestKind::DataComplete, nexus, serial), 0, 512);
    transport.link.send(&data).unwrap();
}

fn measure(what: &str, nexuses: u64, depth: u64, commands: u64, ask: impl Fn(&mut FakeTransport, u64, u64)) {
    measure_on(Stage::new(nexuses, false), what, nexuses, depth, commands, ask);
}

fn recorded(what: &str, depth: u64, ask: impl Fn(&mut FakeTransport, u64, u64)) {
    measure_on(Stage::new(1, true), what, 1, depth, COMMANDS, ask);
}

fn measure_on(
    mut stage: Stage,
    what: &str,
    nexuses: u64,
    depth: u64,
    commands: u64,
    ask: impl Fn(&mut FakeTransport, u64, u64),
) {
    stage.run(commands / 10 + 1, depth, nexuses, &ask);
    let mut times: Vec<f64> = (0..RUNS)
        .map(|_| {
            let began = Instant::now();
            stage.run(commands, depth, nexuses, &ask);
            began.elapsed().as_nanos() as f64 / commands as f64
        })
        .collect();
    times.sort_by(f64::total_cmp);
    let median = times[RUNS / 2];
    println!(
        "{what:<58} {median:>8.0} ns  {:>9.0} /s  (best {:.0}, worst {:.0})",
        1e9 / median,
        times[0],
        times[RUNS - 1]
    );
}

/// What the rings alone cost: the same records, with nothing in between.
fn rings() {
    let parts = ipc::link::create("bench:link", 1).unwrap();
    let arena = ipc::shm::create("bench:arena", ARENA).unwrap();
    let mut transport = FakeTransport::new(A, &arena, 1, &parts);
    let mut handler = FakeHandler::new(1, &parts);
    let mut times: Vec<f64> = (0..RUNS)
        .map(|_| {
            let began = Instant::now();
            for serial in 0..COMMANDS / 32 {
                for _ in 0..32 {
                    read(&mut transport, 1, serial);
                }
                transport.link.flush();
                while let Some(request) = handler.link.receive().unwrap() {
                    handler.link.send(&Reply::new(ReplyKind::Done, request.nexus, request.serial)).unwrap();
                }
                handler.link.flush();
                while let Some(reply) = transport.link.receive().unwrap() {
                    black_box(&reply);
                }
                transport.link.flush();
            }
            began.elapsed().as_nanos() as f64 / COMMANDS as f64
        })
        .collect();
    times.sort_by(f64::total_cmp);
    println!("{:<58} {:>8.0} ns", "one link there and back, no core, depth 32", times[RUNS / 2]);
}

fn main() {
    rings();
    measure("READ(10), depth 1", 1, 1, COMMANDS, read);
    recorded("the same, recorded", 1, read);
    measure("READ(10), depth 32", 1, 32, COMMANDS, read);
    recorded("the same, recorded", 32, read);
    measure("READ(10), depth 512", 1, 512, COMMANDS, read);
    measure("READ(10), depth 32, 256 nexuses", 256, 32, COMMANDS, read);
    measure("WRITE(10) with DATA_PENDING and DataComplete, depth 32", 1, 32, COMMANDS, write);
    // A reset of the unit before each command: every nexus gets a condition, and the notebook's page is written.
    let reset = |transport: &mut FakeTransport, nexus: u64, serial: u64| {
        let request = if serial.is_multiple_of(2) {
            function(nexus, serial, 5, 0, 0)
        } else {
            command(nexus, serial, 0, &TEST_UNIT_READY)
        };
        transport.link.send(&request).unwrap();
    };
    measure("LOGICAL UNIT RESET, then the condition; depth 1, 1 nexus", 1, 1, COMMANDS / 10, reset);
    measure("the same, 256 nexuses", 256, 1, COMMANDS / 10, reset);
    measure("the same, 4096 nexuses", 4096, 1, COMMANDS / 100, reset);
    measure("the same, 4096 nexuses, depth 32", 4096, 32, COMMANDS / 100, reset);
}
