//! Reservations as initiators see them: conflicts, parameter data, unit attentions, and how each of them ends.

use ipc::message::record::{Reply, ReplyKind, Request, RequestKind};

use crate::ends::*;
use crate::rig::{B, NEXUS, Rig, open_quietly};

/// RESERVATION CONFLICT.
pub const CONFLICT: u8 = 0x18;
const RESERVE_6: [u8; 6] = [0x16, 0, 0, 0, 0, 0];
const RELEASE_6: [u8; 6] = [0x17, 0, 0, 0, 0, 0];
const MODE_SENSE: [u8; 6] = [0x1A, 0, 0x08, 0, 0xFF, 0];

pub const REGISTER: u8 = 0x00;
pub const RESERVE: u8 = 0x01;
pub const RELEASE: u8 = 0x02;
pub const CLEAR: u8 = 0x03;
pub const PREEMPT: u8 = 0x04;
pub const PREEMPT_AND_ABORT: u8 = 0x05;

/// Types (SPC-4 table 216).
pub const WRITE_EXCLUSIVE: u8 = 0x01;
const EXCLUSIVE_ACCESS: u8 = 0x03;
const WRITE_EXCLUSIVE_REGISTRANTS: u8 = 0x05;

/// A parameter list of PERSISTENT RESERVE OUT; `flags` is byte 20.
pub fn list(key: u64, action_key: u64, flags: u8) -> Vec<u8> {
    let mut list = [key.to_be_bytes(), action_key.to_be_bytes(), [0; 8]].concat();
    list[20] = flags;
    list
}

/// PERSISTENT RESERVE OUT with its data.
pub fn out(transport: &FakeTransport, nexus: u64, serial: u64, action: u8, kind: u8, list: &[u8]) -> Request {
    // Each nexus has a place of its own in the arena.
    let offset = 32 * 1024 + nexus % 64 * 512;
    let extent = transport.extent(offset, list.len() as u32);
    transport.arena.write(transport.arena.check(extent).unwrap(), list);
    let cdb = [0x5F, action, kind, 0, 0, 0, 0, 0, list.len() as u8, 0];
    transport.with_out(command(nexus, serial, lun(0), &cdb), offset, list.len() as u32)
}

/// The same, sent and answered.
fn reserve_out(
    transport: &mut FakeTransport,
    nexus: u64,
    serial: u64,
    action: u8,
    kind: u8,
    list: &[u8],
) -> Reply {
    let request = out(transport, nexus, serial, action, kind, list);
    transport.send(&request);
    transport.done(nexus, serial)
}

/// PERSISTENT RESERVE IN with its data.
pub fn reserve_in(transport: &mut FakeTransport, nexus: u64, serial: u64, action: u8) -> Vec<u8> {
    let reply = transport.ask(nexus, serial, lun(0), &[0x5E, action, 0, 0, 0, 0, 0, 0x10, 0, 0]);
    assert_eq!(reply.status, GOOD);
    transport.bytes(0, reply.transferred)
}

/// Nexuses 7, 8 and 9 of one transport, without unit attentions at LUN 0; the handler serves.
pub fn three() -> (Rig, FakeTransport, FakeHandler) {
    let (rig, mut transport, disk) = Rig::stage();
    open_quietly(&mut transport, 8, 0);
    open_quietly(&mut transport, 9, 0);
    (rig, transport, disk)
}

/// Sends a command that has to get to the handler.
fn passes(transport: &mut FakeTransport, disk: &mut FakeHandler, nexus: u64, serial: u64, cdb: &[u8]) {
    transport.send(&command(nexus, serial, lun(0), cdb));
    disk.serve(serial);
    assert_eq!(transport.done(nexus, serial).status, GOOD);
}

fn conflicts(transport: &mut FakeTransport, nexus: u64, serial: u64, cdb: &[u8]) {
    assert_eq!(transport.ask(nexus, serial, lun(0), cdb).status, CONFLICT, "{cdb:02x?}");
}

fn is_good(reply: &Reply) {
    assert_eq!(reply.status, GOOD, "{:02x?}", &reply.sense[..usize::from(reply.sense_len)]);
}

#[test]
fn reserve_shuts_others_out_until_it_is_released() {
    let (_rig, mut transport, mut disk) = three();
    is_good(&transport.ask(NEXUS, 1, lun(0), &RESERVE_6));
    is_good(&transport.ask(NEXUS, 2, lun(0), &RESERVE_6));
    passes(&mut transport, &mut disk, NEXUS, 3, &WRITE_10);
    for (serial, cdb) in
        [(1, &TEST_UNIT_READY[..]), (2, &READ_10), (3, &WRITE_10), (4, &MODE_SENSE), (5, &RESERVE_6)]
    {
        conflicts(&mut transport, 8, serial, cdb);
    }
    passes(&mut transport, &mut disk, 8, 6, &INQUIRY);
    is_good(&transport.ask(8, 7, lun(0), &RELEASE_6));
    conflicts(&mut transport, 8, 8, &RESERVE_6);
    is_good(&transport.ask(NEXUS, 4, lun(0), &[0x57, 0, 0, 0, 0, 0, 0, 0, 0, 0]));
    is_good(&transport.ask(8, 9, lun(0), &[0x56, 0, 0, 0, 0, 0, 0, 0, 0, 0]));
    conflicts(&mut transport, NEXUS, 5, &READ_10);
}

#[test]
fn reserve_shuts_persistent_reservations_out_for_everybody() {
    let (_rig, mut transport, _disk) = three();
    is_good(&transport.ask(NEXUS, 1, lun(0), &RESERVE_6));
    for (serial, nexus) in [(2, NEXUS), (2, 8)] {
        let keys = [0x5E, 0, 0, 0, 0, 0, 0, 0, 8, 0];
        conflicts(&mut transport, nexus, serial, &keys);
        let reply = reserve_out(&mut transport, nexus, serial + 1, REGISTER, 0, &list(0, 5, 0));
        assert_eq!(reply.status, CONFLICT);
    }
}

#[test]
fn third_party_and_extent_reservations_are_refused() {
    let (_rig, mut transport, _disk) = three();
    for (serial, byte) in [(1, 0x10), (2, 0x01)] {
        let reply = transport.ask(NEXUS, serial, lun(0), &[0x16, byte, 0, 0, 0, 0]);
        assert_eq!(sense(&reply), (0x05, 0x24, 0x00));
        assert_eq!(reply.sense[16..18], [0, 1], "field pointer");
    }
}

#[test]
fn reserve_ends_with_every_kind_of_reset_and_loss() {
    // LOGICAL UNIT RESET, TARGET WARM RESET, TARGET COLD RESET by the other; I_T NEXUS RESET of its own.
    for (who, number) in [(8, 5), (8, 6), (8, 7), (NEXUS, 11)] {
        let (mut rig, mut transport, mut disk) = three();
        is_good(&transport.ask(NEXUS, 1, lun(0), &RESERVE_6));
        conflicts(&mut transport, 8, 1, &READ_10);
        transport.send(&function(who, 50, number, lun(0), 0));
        let other = rig.other.as_mut().unwrap();
        let answer = until("the answer", || {
            // Handlers have something to do for it, too.
            let _ = (disk.poll(), other.poll());
            transport.poll()
        });
        assert_eq!((answer.kind, answer.serial), (ReplyKind::TaskManagementDone as u8, 50));
        // Whoever has a unit attention is told of it here.
        transport.ask(who, 2, lun(0), &READ_KEYS);
        transport.ask(8, 3, lun(0), &READ_KEYS);
        passes(&mut transport, &mut disk, 8, 4, &READ_10);
    }
}

#[test]
fn reserve_ends_with_its_nexus_and_registrations_do_not() {
    let (_rig, mut transport, mut disk) = three();
    is_good(&transport.ask(NEXUS, 1, lun(0), &RESERVE_6));
    transport.send(&Request::new(RequestKind::NexusClose, NEXUS, 60));
    transport.expect(ReplyKind::NexusClosed, NEXUS, 60);
    passes(&mut transport, &mut disk, 8, 1, &READ_10);

    is_good(&reserve_out(&mut transport, 8, 2, REGISTER, 0, &list(0, 5, 0)));
    is_good(&reserve_out(&mut transport, 8, 3, RESERVE, WRITE_EXCLUSIVE, &list(5, 0, 0)));
    transport.send(&Request::new(RequestKind::NexusClose, 8, 60));
    transport.expect(ReplyKind::NexusClosed, 8, 60);
    conflicts(&mut transport, 9, 1, &WRITE_10);
    // The same initiator port comes back through the same target port: it holds the reservation still.
    open_quietly(&mut transport, 8, 0);
    passes(&mut transport, &mut disk, 8, 4, &WRITE_10);
    assert_eq!(reserve_in(&mut transport, 9, 2, 0), [0, 0, 0, 1, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 5]);
}

#[test]
fn same_initiator_through_another_port_is_another_nexus() {
    let (mut rig, mut transport, mut disk) = three();
    let mut other = rig.transport(B);
    other.attach(1, &[]);
    open_quietly(&mut other, NEXUS, 1);
    is_good(&reserve_out(&mut transport, NEXUS, 1, REGISTER, 0, &list(0, 5, 0)));
    is_good(&reserve_out(&mut transport, NEXUS, 2, RESERVE, WRITE_EXCLUSIVE, &list(5, 0, 0)));
    conflicts(&mut other, NEXUS, 1, &WRITE_10);
    // ALL_TG_PT would have registered it.
    is_good(&reserve_out(&mut transport, NEXUS, 3, CLEAR, 0, &list(5, 0, 0)));
    is_good(&reserve_out(&mut transport, NEXUS, 4, REGISTER, 0, &list(0, 6, 0x04)));
    let request = out(&other, NEXUS, 2, RESERVE, WRITE_EXCLUSIVE, &list(6, 0, 0));
    other.send(&request);
    is_good(&other.done(NEXUS, 2));
    passes(&mut other, &mut disk, NEXUS, 3, &WRITE_10);
    let full = reserve_in(&mut transport, NEXUS, 5, 3);
    assert_eq!(full[..8], [0, 0, 0, 3, 0, 0, 0, 24 + 52 + 24 + 52]);
    assert_eq!(
        (&full[8 + 12..8 + 20], &full[84 + 12..84 + 20]),
        (&[0, 0, 0, 0, 0, 0, 0, 1][..], &[1, 1, 0, 0, 0, 0, 0, 2][..])
    );
}

#[test]
fn parameter_data_is_as_the_standard_has_it() {
    let (_rig, mut transport, _disk) = three();
    assert_eq!(reserve_in(&mut transport, NEXUS, 1, 0), [0; 8]);
    assert_eq!(reserve_in(&mut transport, NEXUS, 2, 1), [0; 8]);
    assert_eq!(reserve_in(&mut transport, NEXUS, 3, 2), [0, 8, 0x9C, 0xB0, 0xEA, 0x01, 0, 0]);
    is_good(&reserve_out(&mut transport, NEXUS, 4, REGISTER, 0, &list(0, 0x0102_0304_0506_0708, 0)));
    is_good(&reserve_out(
        &mut transport,
        NEXUS,
        5,
        RESERVE,
        EXCLUSIVE_ACCESS,
        &list(0x0102_0304_0506_0708, 0, 0),
    ));
    let held = [0, 0, 0, 1, 0, 0, 0, 16, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0, 0x00, 0x03, 0, 0];
    assert_eq!(reserve_in(&mut transport, 8, 1, 1), held);
    let mut full = vec![0, 0, 0, 1, 0, 0, 0, 76, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0];
    full.extend([0x01, 0x03, 0, 0, 0, 0, 0, 1, 0, 0, 0, 52]);
    full.extend(*b"\x45\0\0\x30iqn.2026-11.org.example:host,i,0x000000000007\0\0\0");
    assert_eq!(full.len(), 8 + 76);
    assert_eq!(reserve_in(&mut transport, 8, 2, 3), full);
    let reply = transport.ask(8, 3, lun(0), &[0x5E, 3, 0, 0, 0, 0, 0, 0, 10, 0]);
    assert_eq!((reply.transferred, reply.wanted), (10, 10));
    assert_eq!(transport.bytes(0, 10), full[..10]);
}

#[test]
fn errors_of_parameter_lists_say_where() {
    let (_rig, mut transport, _disk) = three();
    let short = reserve_out(&mut transport, NEXUS, 1, REGISTER, 0, &list(0, 5, 0)[..20]);
    assert_eq!(sense(&short), (0x05, 0x1A, 0x00));
    // There is no state directory.
    let aptpl = reserve_out(&mut transport, NEXUS, 2, REGISTER, 0, &list(0, 5, 0x01));
    assert_eq!((sense(&aptpl), &aptpl.sense[15..18]), ((0x05, 0x26, 0x00), &[0x88, 0, 20][..]));
    is_good(&reserve_out(&mut transport, NEXUS, 3, REGISTER, 0, &list(0, 5, 0)));
    let kind = reserve_out(&mut transport, NEXUS, 4, RESERVE, 0x02, &list(5, 0, 0));
    assert_eq!((sense(&kind), &kind.sense[15..18]), ((0x05, 0x24, 0x00), &[0xCB, 0, 2][..]));
    is_good(&reserve_out(&mut transport, NEXUS, 5, RESERVE, WRITE_EXCLUSIVE, &list(5, 0, 0)));
    let release = reserve_out(&mut transport, NEXUS, 6, RELEASE, EXCLUSIVE_ACCESS, &list(5, 0, 0));
    assert_eq!(sense(&release), (0x05, 0x26, 0x04));
    let lost = reserve_out(&mut transport, NEXUS, 7, 0x08, WRITE_EXCLUSIVE, &list(0, 9, 0));
    assert_eq!(sense(&lost), (0x05, 0x24, 0x00));
}

#[test]
fn compatible_reservation_handling_lets_insiders_reserve_nothing() {
    let (_rig, mut transport, mut disk) = three();
    is_good(&reserve_out(&mut transport, NEXUS, 1, REGISTER, 0, &list(0, 5, 0)));
    conflicts(&mut transport, NEXUS, 2, &RESERVE_6);
    conflicts(&mut transport, 8, 1, &RELEASE_6);
    is_good(&reserve_out(&mut transport, NEXUS, 3, RESERVE, WRITE_EXCLUSIVE_REGISTRANTS, &list(5, 0, 0)));
    is_good(&reserve_out(&mut transport, 8, 2, REGISTER, 0, &list(0, 6, 0)));
    for (serial, nexus) in [(10, NEXUS), (10, 8)] {
        is_good(&transport.ask(nexus, serial, lun(0), &RESERVE_6));
        is_good(&transport.ask(nexus, serial + 1, lun(0), &RELEASE_6));
    }
    conflicts(&mut transport, 9, 1, &RESERVE_6);
    passes(&mut transport, &mut disk, 8, 3, &WRITE_10);
}

#[test]
fn unit_attentions_go_to_whom_the_standard_says() {
    let (_rig, mut transport, mut disk) = three();
    for (nexus, key) in [(NEXUS, 5), (8, 6)] {
        is_good(&reserve_out(&mut transport, nexus, 1, REGISTER, 0, &list(0, key, 0)));
    }
    is_good(&reserve_out(&mut transport, NEXUS, 2, RESERVE, WRITE_EXCLUSIVE_REGISTRANTS, &list(5, 0, 0)));
    is_good(&reserve_out(&mut transport, NEXUS, 3, RELEASE, WRITE_EXCLUSIVE_REGISTRANTS, &list(5, 0, 0)));
    assert_eq!(sense(&transport.ask(8, 2, lun(0), &TEST_UNIT_READY)), (0x06, 0x2A, 0x04));
    is_good(&reserve_out(&mut transport, 8, 3, PREEMPT, WRITE_EXCLUSIVE, &list(6, 5, 0)));
    assert_eq!(sense(&transport.ask(NEXUS, 4, lun(0), &TEST_UNIT_READY)), (0x06, 0x2A, 0x05));
    is_good(&reserve_out(&mut transport, NEXUS, 5, REGISTER, 0, &list(0, 5, 0)));
    is_good(&reserve_out(&mut transport, 8, 4, CLEAR, 0, &list(6, 0, 0)));
    assert_eq!(sense(&transport.ask(NEXUS, 6, lun(0), &TEST_UNIT_READY)), (0x06, 0x2A, 0x03));
    for (serial, nexus) in [(20, NEXUS), (20, 8), (20, 9)] {
        passes(&mut transport, &mut disk, nexus, serial, &TEST_UNIT_READY);
    }
}

#[test]
fn conflict_is_judged_when_a_command_becomes_enabled_and_never_again() {
    let (_rig, mut transport, mut disk) = three();
    is_good(&reserve_out(&mut transport, NEXUS, 1, REGISTER, 0, &list(0, 5, 0)));
    // Under way when the reservation comes: not affected, also when its data comes later.
    let mut begun = transport.with_out(command(8, 1, lun(0), &WRITE_10), 0, 512);
    begun.flags = ipc::message::record::request_flags::DATA_PENDING;
    transport.send(&begun);
    transport.barrier(8);
    // Dormant behind an ORDERED reserve: affected.
    let mut reserve = out(&transport, NEXUS, 2, RESERVE, WRITE_EXCLUSIVE, &list(5, 0, 0));
    reserve.attribute = 2;
    transport.send(&reserve);
    transport.send(&command(9, 1, lun(0), &WRITE_10));
    transport.barrier(9);
    begun.kind = RequestKind::DataComplete as u8;
    begun.flags = 0;
    transport.send(&begun);
    disk.serve(1);
    let mut ended =
        [transport.reply(), transport.reply(), transport.reply()].map(|reply| (reply.nexus, reply.status));
    ended.sort_unstable();
    assert_eq!(ended, [(NEXUS, GOOD), (8, GOOD), (9, CONFLICT)]);
}

#[test]
fn preempt_and_abort_answers_when_the_handler_has_let_go() {
    let (_rig, mut transport, mut disk) = three();
    for (nexus, key) in [(NEXUS, 5), (8, 6)] {
        is_good(&reserve_out(&mut transport, nexus, 1, REGISTER, 0, &list(0, key, 0)));
    }
    let read = transport.with_in(command(NEXUS, 2, lun(0), &READ_10), &[(0, 512)]);
    transport.send(&read);
    let running = disk.execute(2);
    transport.send(&command(9, 2, lun(0), &READ_10));
    let bystander = disk.execute(2);
    let preempt = out(&transport, 8, 2, PREEMPT_AND_ABORT, WRITE_EXCLUSIVE, &list(6, 5, 0));
    transport.send(&preempt);
    disk.abort(2);
    transport.barrier(9);
    assert!(transport.poll().is_none(), "the handler still works on it");
    disk.aborted(&running);
    let ended = transport.done(NEXUS, 2);
    assert!(is_aborted(&ended));
    is_good(&transport.done(8, 2));
    disk.good(&bystander, 0);
    is_good(&transport.done(9, 2));
    assert_eq!(sense(&transport.ask(NEXUS, 3, lun(0), &TEST_UNIT_READY)), (0x06, 0x2A, 0x05));
    assert_eq!(reserve_in(&mut transport, 9, 3, 0), [0, 0, 0, 3, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 6]);
}

#[test]
fn preempt_and_abort_that_is_aborted_itself_leaves_nothing_waiting() {
    let (_rig, mut transport, mut disk) = three();
    for (nexus, key) in [(NEXUS, 5), (8, 6)] {
        is_good(&reserve_out(&mut transport, nexus, 1, REGISTER, 0, &list(0, key, 0)));
    }
    transport.send(&command(NEXUS, 2, lun(0), &READ_10));
    let running = disk.execute(2);
    let preempt = out(&transport, 8, 2, PREEMPT_AND_ABORT, WRITE_EXCLUSIVE, &list(6, 5, 0));
    transport.send(&preempt);
    disk.abort(2);
    transport.send(&function(8, 50, 2, lun(0), 0));
    assert!(is_aborted(&transport.done(8, 2)));
    transport.expect(ReplyKind::TaskManagementDone, 8, 50);
    disk.aborted(&running);
    assert!(is_aborted(&transport.done(NEXUS, 2)));
    transport.barrier(8);
}
