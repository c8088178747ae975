//! What the core answers to `bulkhead why`: who has a command and what it waits for, wherever it can be.

use ipc::message::explain::{Explained, Holder, InFlight, MOST_COMMANDS, MOST_TEXT};
use ipc::message::{Event, Grant};
use ipc::shm;

use crate::copy_disks::*;
use crate::data::{data_complete, pending_write};
use crate::ends::*;
use crate::rig::{A, B, DISK, NEXUS, OTHER, Rig};

/// Asks about some units.
fn ask(rig: &mut Rig, units: &[u32]) -> Explained {
    rig.grant(Grant::Explain { request: 42, units: units.to_vec() }, &[]);
    match rig.event() {
        Event::Explained { request: 42, told } => told,
        other => panic!("{other:?} is no answer"),
    }
}

/// The commands of unit 0: serial, holder and reason.
fn commands(rig: &mut Rig) -> Vec<(u64, Holder, String)> {
    let told = ask(rig, &[0]);
    assert_eq!(told.left_out, 0);
    told.commands.into_iter().map(|one| (one.serial, one.holder, one.why)).collect()
}

#[test]
fn nothing_in_flight_is_an_answer() {
    let (mut rig, _transport, _disk) = Rig::stage();
    assert_eq!(ask(&mut rig, &[0, 1, 77]), Explained::default());
}

#[test]
fn command_at_its_handler_is_described() {
    let rig = Rig::with_grants(Vec::new());
    let recorder = shm::create("test:recorder", ipc::recorder::BYTES).unwrap();
    rig.grant(Grant::Recorder, &[recorder]);
    let (mut rig, mut transport, mut disk) = Rig::staged(rig);
    let before = ipc::recorder::micros();
    transport.send(&transport.with_in(command(NEXUS, 1, lun(0), &READ_10), &[(0, 512)]));
    let seen = disk.execute(1);
    let told = ask(&mut rig, &[0]);
    let [one] = &told.commands[..] else { panic!("{told:?}") };
    // The loop's clock may be a little behind.
    assert!(
        (before - 1_000_000..=ipc::recorder::micros()).contains(&one.since),
        "{} is not {before}",
        one.since
    );
    let InFlight { since, why, initiator, .. } = one.clone();
    assert!(why.contains("sent to peer3"), "{why}");
    assert!(!initiator.is_empty() && initiator.len() <= MOST_TEXT);
    let expected = InFlight {
        transport: A,
        target: 0,
        initiator,
        nexus: NEXUS,
        // The transport's index stands above the number (see `core_svc::nexus::wide`).
        handler_nexus: 1 << 56 | NEXUS,
        serial: 1,
        unit: 0,
        command: "READ(10)".to_owned(),
        cdb: READ_10.to_vec(),
        attribute: "SIMPLE".to_owned(),
        since,
        holder: Holder::Handler(DISK),
        why,
    };
    assert_eq!(*one, expected);
    assert_eq!(seen.nexus, one.handler_nexus);
    assert!(ask(&mut rig, &[1]).commands.is_empty(), "another unit has none");
    disk.good(&seen, 512);
    transport.done(NEXUS, 1);
    assert!(ask(&mut rig, &[0]).commands.is_empty());
}

#[test]
fn dormant_commands_name_what_they_wait_for() {
    let (mut rig, mut transport, mut disk) = Rig::stage();
    for (attribute, serial) in [(1, 1), (1, 2), (2, 3), (1, 4)] {
        transport.send(&crate::ends::attribute(attribute, command(NEXUS, serial, lun(0), &TEST_UNIT_READY)));
    }
    let (one, two) = (disk.execute(1), disk.execute(2));
    transport.barrier(NEXUS);
    let found = commands(&mut rig);
    let serials: Vec<u64> = found.iter().map(|(serial, ..)| *serial).collect();
    assert_eq!(serials, [1, 2, 3, 4]);
    assert_eq!((found[2].1, found[3].1), (Holder::Core, Holder::Core));
    let first = "dormant until SIMPLE TEST UNIT READY (nexus 7 task 1) and 1 more has ended";
    assert_eq!(found[2].2, first);
    assert_eq!(
        found[3].2,
        "dormant behind ORDERED TEST UNIT READY (nexus 7 task 3), which is dormant itself"
    );
    disk.good(&one, 0);
    disk.good(&two, 0);
    let three = disk.execute(3);
    let found = commands(&mut rig);
    assert_eq!(found[0].1, Holder::Handler(DISK));
    assert_eq!(found[1].2, "dormant until ORDERED TEST UNIT READY (nexus 7 task 3) has ended");
    disk.good(&three, 0);
    disk.serve(4);
}

#[test]
fn data_that_is_missing_is_the_initiators_to_send() {
    let (mut rig, mut transport, mut disk) = Rig::stage();
    transport.send(&pending_write(1));
    transport.barrier(NEXUS);
    let found = commands(&mut rig);
    assert_eq!((found[0].0, found[0].1), (1, Holder::Transport));
    assert!(found[0].2.contains("has not sent all of its data"), "{}", found[0].2);
    transport.send(&data_complete(&transport, 1));
    disk.serve(1);
}

#[test]
fn commands_of_a_handler_that_is_away_are_held() {
    let (mut rig, mut transport, mut disk) = Rig::stage();
    transport.send(&command(NEXUS, 1, lun(0), &TEST_UNIT_READY));
    disk.execute(1);
    rig.down(DISK, false);
    let found = commands(&mut rig);
    assert_eq!(found[0].1, Holder::Core);
    assert!(found[0].2.starts_with("held for peer3, which has been away for "), "{}", found[0].2);
    let mut disk = rig.handler(DISK);
    disk.fence();
    disk.serve(1);
    transport.done(NEXUS, 1);
}

#[test]
fn aca_condition_names_its_nexus() {
    let (mut rig, mut a, mut b, mut disk) = Rig::two();
    a.send(&naca(command(NEXUS, 1, lun(0), &TEST_UNIT_READY)));
    let failing = disk.execute(1);
    b.send(&attribute(2, command(1, 2, lun(0), &TEST_UNIT_READY)));
    b.barrier(1);
    disk.fail(&failing);
    a.done(NEXUS, 1);
    let found = commands(&mut rig);
    assert_eq!((found[0].0, found[0].1), (2, Holder::Core));
    assert!(found[0].2.contains("ACA condition of nexus 7"), "{}", found[0].2);
}

#[test]
fn aborted_command_is_said_to_be() {
    let (mut rig, mut transport, mut disk) = Rig::stage();
    transport.send(&command(NEXUS, 1, lun(0), &TEST_UNIT_READY));
    let one = disk.execute(1);
    // ABORT TASK (RFC 7143 11.5.1).
    transport.send(&function(NEXUS, 2, 1, lun(0), 1));
    transport.barrier(NEXUS);
    let found = commands(&mut rig);
    assert_eq!(found[0].1, Holder::Handler(DISK));
    assert!(
        found[0].2.starts_with("it was aborted and ends as soon as that is over: sent to"),
        "{}",
        found[0].2
    );
    disk.good(&one, 0);
}

#[test]
fn copy_names_the_handlers_that_it_waits_for() {
    let mut scene = Scene::new([512, 512]);
    let copy = list(1, 0x10, &both(), &[segment((0, 0), (1, 0), 2500)]);
    let request = scene.copy(1, &copy);
    scene.transport.send(&request);
    let told = until("a copy that waits", || {
        let told = ask(&mut scene.rig, &[0]);
        told.commands.first().is_some_and(|one| one.why.contains("waits for answers")).then_some(told)
    });
    let one = &told.commands[0];
    assert_eq!((told.commands.len(), one.holder), (1, Holder::CopyManager));
    assert!(one.command.starts_with("EXTENDED COPY"), "{}", one.command);
    assert!(one.why.contains("looks for its units; waits for answers: "), "{}", one.why);
}

#[test]
fn many_commands_fit_a_message() {
    let (mut rig, mut transport, _disk) = Rig::stage();
    let many = 3 * MOST_COMMANDS as u64;
    for serial in 1..=many {
        transport.send(&command(NEXUS, serial, lun(0), &TEST_UNIT_READY));
    }
    transport.barrier(NEXUS);
    let told = ask(&mut rig, &[0]);
    assert_eq!((told.commands.len(), told.left_out), (MOST_COMMANDS, 2 * MOST_COMMANDS as u32));
    // The longest that there can be.
    let mut longest = told;
    for one in &mut longest.commands {
        (one.initiator, one.why) = ("i".repeat(MOST_TEXT), "w".repeat(MOST_TEXT));
        (one.cdb, one.command) = (vec![0xFF; 260], "c".repeat(40));
        (one.handler_nexus, one.serial, one.since) = (u64::MAX, u64::MAX, u64::MAX);
    }
    let event = Event::Explained { request: u64::MAX, told: longest };
    assert!(ipc::message::codec::encode(&event).is_ok());
    let _ = (B, OTHER);
}
