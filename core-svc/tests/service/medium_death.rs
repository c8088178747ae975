//! The medium of a unit is changed and the core dies: what was let in for the old medium does not reach the new one.

use ipc::message::record::Request;
use scsi::unit_report::{Control, Generations, UnitReport};

use crate::ends::*;
use crate::rig::{A, B, DISK, NEXUS, OTHER, Rig};

/// NOT READY TO READY CHANGE, MEDIUM MAY HAVE CHANGED.
const CHANGED: (u8, u8, u8) = (0x06, 0x28, 0x00);

fn report(medium: u32) -> UnitReport {
    let generations = Generations { medium, ..Default::default() };
    // Unrestricted reordering, so that two writes can be under way.
    let control = Control { queue_algorithm: 1, ..Default::default() };
    UnitReport { control, generations, ..Default::default() }
}

fn number(medium: u32) -> u64 {
    report(medium).generations.medium_number()
}

/// A rig whose medium is number 1 and known to the core, with two writes that the handler has.
fn two_writes(rig: &mut (Rig, FakeTransport, FakeTransport, FakeHandler)) -> [Request; 2] {
    let (_, a, b, disk) = rig;
    disk.report(0, &report(1));
    settled(b);
    let writes = [1, 2].map(|serial| a.with_out(command(NEXUS, serial, lun(0), &WRITE_10), 0, 512));
    for write in &writes {
        a.send(write);
        assert_eq!(disk.execute(write.serial).medium, number(1));
    }
    writes
}

/// The core has heard what the handler had said.
fn settled(b: &mut FakeTransport) {
    b.barrier(1);
    b.barrier(1);
}

/// Another core; the handler says to it that it has medium 2.
fn reborn(rig: &mut Rig) -> (FakeTransport, FakeHandler) {
    rig.die();
    rig.launch();
    let (mut a, mut b) = (rig.transport(A), rig.transport(B));
    let (mut disk, mut other) = (rig.handler(DISK), rig.handler(OTHER));
    rig.go();
    disk.report(0, &report(2));
    disk.fence();
    other.fence();
    a.attach(0, &[NEXUS]);
    b.attach(1, &[1]);
    (a, disk)
}

fn is_not_for_the_new_one(disk: &mut FakeHandler, serial: u64) {
    let medium = disk.execute(serial).medium;
    assert!(medium != 0 && medium != number(2), "the handler would execute it on the new medium");
}

#[test]
fn core_dies_after_it_has_told_of_another_medium() {
    let mut all = Rig::two();
    let writes = two_writes(&mut all);
    let (mut rig, mut a, mut b, mut disk) = all;
    disk.report(0, &report(2));
    settled(&mut b);
    assert_eq!(sense(&a.ask(NEXUS, 3, lun(0), &TEST_UNIT_READY)), CHANGED);
    let (mut a, mut disk) = reborn(&mut rig);
    for write in writes {
        a.send(&again(write));
        is_not_for_the_new_one(&mut disk, write.serial);
    }
    a.send(&command(NEXUS, 4, lun(0), &WRITE_10));
    assert_eq!(disk.execute(4).medium, number(2));
}

#[test]
fn core_dies_before_it_hears_of_another_medium() {
    let mut all = Rig::two();
    let writes = two_writes(&mut all);
    let (mut a, mut disk) = reborn(&mut all.0);
    a.send(&again(writes[0]));
    assert_eq!(sense(&a.done(NEXUS, 1)), CHANGED);
    a.send(&again(writes[1]));
    is_not_for_the_new_one(&mut disk, 2);
    a.send(&command(NEXUS, 3, lun(0), &WRITE_10));
    assert_eq!(disk.execute(3).medium, number(2));
    // So it is for the next core, which hears nothing new.
    let (mut a, mut disk) = reborn(&mut all.0);
    a.send(&again(writes[1]));
    is_not_for_the_new_one(&mut disk, 2);
    a.send(&again(command(NEXUS, 3, lun(0), &WRITE_10)));
    assert_eq!(disk.execute(3).medium, number(2), "it was let in for the new one");
}
