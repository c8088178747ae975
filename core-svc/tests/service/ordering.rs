//! Task attributes as initiators see them: SIMPLE, ORDERED and HEAD OF QUEUE over one logical unit (SAM-5 clause 8).

use ipc::message::record::Request;

use crate::data::{data_complete, pending_write};
use crate::ends::*;
use crate::rig::{B, NEXUS, Rig, open_quietly};

const SIMPLE: u8 = 1;
const ORDERED: u8 = 2;
const HEAD_OF_QUEUE: u8 = 3;

fn with(attribute: u8, serial: u64) -> Request {
    let mut request = command(NEXUS, serial, lun(0), &TEST_UNIT_READY);
    request.attribute = attribute;
    request
}

#[test]
fn ordered_waits_for_older_and_holds_younger() {
    let (_rig, mut transport, mut disk) = Rig::stage();
    for (attribute, serial) in [(SIMPLE, 1), (0, 2), (ORDERED, 3), (SIMPLE, 4), (SIMPLE, 5)] {
        transport.send(&with(attribute, serial));
    }
    let (one, two) = (disk.execute(1), disk.execute(2));
    transport.barrier(NEXUS);
    assert!(disk.poll().is_none());
    disk.good(&two, 0);
    transport.done(NEXUS, 2);
    transport.barrier(NEXUS);
    assert!(disk.poll().is_none());
    disk.good(&one, 0);
    let three = disk.execute(3);
    transport.done(NEXUS, 1);
    transport.barrier(NEXUS);
    assert!(disk.poll().is_none());
    disk.good(&three, 0);
    disk.serve(4);
    disk.serve(5);
}

#[test]
fn head_of_queue_passes_dormant_tasks() {
    let (_rig, mut transport, mut disk) = Rig::stage();
    for (attribute, serial) in [(SIMPLE, 1), (ORDERED, 2), (SIMPLE, 3), (HEAD_OF_QUEUE, 4)] {
        transport.send(&with(attribute, serial));
    }
    let (one, four) = (disk.execute(1), disk.execute(4));
    disk.good(&one, 0);
    transport.done(NEXUS, 1);
    transport.barrier(NEXUS);
    assert!(disk.poll().is_none(), "ORDERED waits for HEAD OF QUEUE too");
    disk.good(&four, 0);
    disk.serve(2);
    disk.serve(3);
}

#[test]
fn simple_waits_for_head_of_queue() {
    let (_rig, mut transport, mut disk) = Rig::stage();
    transport.send(&with(HEAD_OF_QUEUE, 1));
    transport.send(&with(SIMPLE, 2));
    let one = disk.execute(1);
    transport.barrier(NEXUS);
    assert!(disk.poll().is_none());
    disk.good(&one, 0);
    disk.serve(2);
}

#[test]
fn ordered_write_without_its_data_holds_the_task_set() {
    let (_rig, mut transport, mut disk) = Rig::stage();
    let mut write = pending_write(1);
    write.attribute = ORDERED;
    transport.send(&write);
    transport.send(&with(SIMPLE, 2));
    transport.barrier(NEXUS);
    assert!(disk.poll().is_none());
    transport.send(&data_complete(&transport, 1));
    disk.serve(1);
    disk.serve(2);
}

#[test]
fn task_set_is_shared_by_all_nexuses() {
    let (mut rig, mut a, mut disk) = Rig::stage();
    let mut b = rig.transport(B);
    b.attach(1, &[]);
    open_quietly(&mut b, 1, 1);
    a.send(&with(ORDERED, 1));
    let one = disk.execute(1);
    b.send(&command(1, 2, lun(0), &TEST_UNIT_READY));
    b.barrier(1);
    assert!(disk.poll().is_none());
    disk.good(&one, 0);
    disk.serve(2);
    assert_eq!(b.done(1, 2).status, GOOD);
}

#[test]
fn units_do_not_wait_for_each_other() {
    let (mut rig, mut transport, mut disk) = Rig::stage();
    rig.down(crate::rig::OTHER, false);
    let mut other = rig.handler(crate::rig::OTHER);
    other.fence();
    assert_eq!(sense(&transport.ask(NEXUS, 9, lun(1), &TEST_UNIT_READY)), (0x06, 0x29, 0x00));
    transport.send(&with(ORDERED, 1));
    disk.execute(1);
    transport.send(&command(NEXUS, 2, lun(1), &TEST_UNIT_READY));
    other.serve(2);
    assert_eq!(transport.done(NEXUS, 2).status, GOOD);
}

#[test]
fn abort_of_a_dormant_task_lets_the_others_go_on() {
    let (_rig, mut transport, mut disk) = Rig::stage();
    for (attribute, serial) in [(SIMPLE, 1), (ORDERED, 2), (SIMPLE, 3)] {
        transport.send(&with(attribute, serial));
    }
    let one = disk.execute(1);
    transport.send(&function(NEXUS, 50, 1, lun(0), 2));
    assert!(is_aborted(&transport.done(NEXUS, 2)));
    disk.serve(3);
    disk.good(&one, 0);
}

#[test]
fn unit_that_is_granted_again_keeps_its_task_set() {
    let (rig, mut transport, mut disk) = Rig::stage();
    transport.send(&with(ORDERED, 1));
    let one = disk.execute(1);
    transport.send(&with(SIMPLE, 2));
    transport.barrier(NEXUS);
    let unit = ipc::message::config::UnitConfig {
        unit: 0,
        name: "renamed".into(),
        handler: crate::rig::DISK,
        ..Default::default()
    };
    rig.grant(ipc::message::Grant::Unit(unit), &[]);
    // The grant has been heard when one behind it shows its effect.
    rig.down(crate::rig::OTHER, true);
    assert_eq!(sense(&transport.ask(NEXUS, 8, lun(1), &TEST_UNIT_READY)), (0x06, 0x29, 0x00));
    assert_eq!(sense(&transport.ask(NEXUS, 9, lun(1), &TEST_UNIT_READY)), (0x02, 0x04, 0x03));
    assert!(disk.poll().is_none());
    disk.good(&one, 0);
    disk.serve(2);
}
