//! In steady state neither a read nor a write with immediate data costs an allocation in this service.

#[path = "shared/config.rs"]
mod config;
#[path = "../../ipc/tests/shared/counting.rs"]
mod counting;
#[path = "service/initiator.rs"]
#[allow(dead_code, reason = "what the other tests need besides")]
mod initiator;
#[path = "service/rig.rs"]
#[allow(dead_code, reason = "what the other tests need besides")]
mod rig;

use initiator::Initiator;
use ipc::message::record::RequestKind;
use rig::Rig;

/// Commands at a time.
const DEPTH: u32 = 16;
const BYTES: usize = 4096;
const READ: u8 = 0xc1;
const WRITE: u8 = 0xa1;

/// Allocations of the service for `rounds` times as many commands as are sent at a time.
fn allocations(rig: &mut Rig, initiator: &mut Initiator, rounds: u32, write: bool) -> u64 {
    let before = counting::others();
    let (flags, opcode, out) = if write { (WRITE, 0x2a, &[5; BYTES][..]) } else { (READ, 0x28, &[][..]) };
    for _ in 0..rounds {
        for itt in 0..DEPTH {
            initiator.command(itt, flags, BYTES as u32, opcode, out);
        }
        for _ in 0..DEPTH {
            let request = rig.core.expect(RequestKind::Command);
            rig.core.done(&request, BYTES as u32, BYTES as u32);
        }
        for _ in 0..DEPTH {
            let pdu = initiator.receive();
            assert_eq!((pdu.flags() & 0x81, pdu.status()), (if write { 0x80 } else { 0x81 }, 0));
        }
    }
    counting::others() - before
}

#[test]
fn reads_and_writes_do_not_allocate() {
    let mut rig = Rig::new();
    let mut initiator = Initiator::login(&mut rig, "MaxRecvDataSegmentLength=65536\0");
    assert_ne!(counting::others(), 0, "allocations are counted");
    for write in [false, true] {
        allocations(&mut rig, &mut initiator, 100, write);
        assert_eq!(allocations(&mut rig, &mut initiator, 400, write), 0, "write: {write}");
    }
}
