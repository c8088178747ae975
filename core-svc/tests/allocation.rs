//! In steady state a command costs no allocation: not of a read, not of a write, nor of a task set with every attribute.

#[path = "shared/bare.rs"]
mod bare;
#[path = "../../ipc/tests/shared/counting.rs"]
#[expect(dead_code, reason = "one thread does everything here")]
mod counting;
#[path = "shared/ends.rs"]
mod ends;

use bare::{A, Bare, DISK};
use ends::*;
use ipc::message::record::{Reply, ReplyKind, Request, RequestKind, request_flags};

/// Allocations of `rounds` rounds of 32 commands each, made by `ask` and answered by the handler in the order of their
/// arrival.
fn allocations(
    rounds: u64,
    stage: &mut (Bare, FakeTransport, FakeHandler),
    mut ask: impl FnMut(&mut FakeTransport, u64),
) -> u64 {
    let (bare, transport, disk) = stage;
    let before = counting::mine();
    for round in 0..rounds {
        for place in 0..32 {
            ask(transport, round * 32 + place);
        }
        let mut ended = 0;
        while ended < 32 {
            bare.step();
            while let Some(request) = disk.poll() {
                if request.kind == RequestKind::Execute as u8 {
                    let mut reply = Reply::new(ReplyKind::Done, request.nexus, request.serial);
                    reply.transferred = 512;
                    disk.send(&reply);
                }
            }
            while let Some(reply) = transport.poll() {
                assert_eq!((reply.kind, reply.status), (ReplyKind::Done as u8, GOOD));
                ended += 1;
            }
        }
    }
    counting::mine() - before
}

fn stage() -> (Bare, FakeTransport, FakeHandler) {
    let mut bare = Bare::new();
    let mut disk = bare.handler(DISK);
    let mut transport = bare.transport(A);
    bare.handler(bare::OTHER).send(&Reply::new(ReplyKind::Fenced, 0, 0));
    transport.send(&Request::new(RequestKind::Attach, 0, 0));
    transport.send(&Request::new(RequestKind::AttachEnd, 0, 0));
    let open = transport.open_request(7, 0, 0);
    transport.send(&open);
    transport.send(&command(7, u64::MAX, 0, &TEST_UNIT_READY));
    bare.settle();
    disk.fence();
    bare.settle();
    while transport.poll().is_some() {}
    (bare, transport, disk)
}

fn read(transport: &mut FakeTransport, serial: u64, attribute: u8) {
    let mut request = transport.with_in(command(7, serial, 0, &READ_10), &[(0, 512)]);
    request.attribute = attribute;
    transport.send(&request);
}

#[test]
fn reads_do_not_allocate() {
    let mut stage = stage();
    assert_ne!(counting::mine(), 0, "allocations are counted");
    allocations(100, &mut stage, |transport, serial| read(transport, serial, 1));
    let count = allocations(10_000 / 32, &mut stage, |transport, serial| read(transport, serial, 1));
    assert_eq!(count, 0);
}

#[test]
fn ordered_and_head_of_queue_do_not_allocate() {
    let mut stage = stage();
    let ask = |transport: &mut FakeTransport, serial| read(transport, serial, 1 + (serial % 3) as u8);
    allocations(100, &mut stage, ask);
    assert_eq!(allocations(300, &mut stage, ask), 0);
}

#[test]
fn writes_that_wait_for_their_data_do_not_allocate() {
    let mut stage = stage();
    let ask = |transport: &mut FakeTransport, serial| {
        let mut request = command(7, serial, 0, &WRITE_10);
        request.flags = request_flags::DATA_PENDING;
        transport.send(&request);
        let data = Request::new(RequestKind::DataComplete, 7, serial);
        let data = transport.with_out(data, 0, 512);
        transport.send(&data);
    };
    allocations(100, &mut stage, ask);
    assert_eq!(allocations(300, &mut stage, ask), 0);
}
