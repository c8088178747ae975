//! What is made of the core's words: names for numbers, what recorders add, and nothing that a terminal would take amiss.

use ipc::message::explain::{Explained, Holder, InFlight};
use ipc::recorder::What;
use ipc::recorder::read::{Body, Recorded, Recording};

use super::*;

fn in_flight(serial: u64, holder: Holder) -> InFlight {
    InFlight {
        transport: 2,
        target: 0,
        initiator: "iqn.host".to_owned(),
        nexus: 7,
        handler_nexus: 1007,
        serial,
        unit: 0,
        command: "READ(10)".to_owned(),
        cdb: vec![0x28, 0, 0xFF],
        attribute: "SIMPLE".to_owned(),
        since: 5_000_000,
        holder,
        why: "sent to vdisk".to_owned(),
    }
}

fn recorded(number: u64, what: What, serial: u64, micros: u64) -> Recorded {
    let body = Body::Request { unit: 0, len: 0, lun: 0, cdb: [0; 16] };
    Recorded { number, micros, what, kind: 9, nexus: 1007, serial, body }
}

/// Ten seconds on the clock; the handler has recorded `records`.
fn told(command: InFlight, records: &[Recorded], trouble: &str) -> Command {
    let recording = |_| Some(Recording { records: records.to_vec(), ..Recording::default() });
    let names = Names {
        service: &|number| format!("service{number}"),
        target: &|number| format!("target{number}"),
        device: &|number| format!("disk{number}"),
        recording: &recording,
    };
    let standing =
        Standing { service: "service3".to_owned(), trouble: trouble.to_owned(), ..Standing::default() };
    let mut why = Why { services: vec![standing], ..Why::default() };
    why.take(&Explained { commands: vec![command], left_out: 9 }, "core", &names, 10_000_000);
    assert_eq!(why.left_out, 9);
    why.commands.remove(0)
}

#[test]
fn numbers_become_names() {
    let command = told(in_flight(1, Holder::Transport), &[], "");
    assert_eq!((command.holder.as_str(), command.part.as_str()), ("service2", "transport"));
    assert_eq!((command.target.as_str(), command.device.as_str()), ("target0", "disk0"));
    assert_eq!((command.transport.as_str(), command.cdb.as_str()), ("service2", "28 00 ff"));
    assert_eq!((command.age_s, command.why.as_str()), (Some(5.0), "sent to vdisk"));
    assert_eq!(told(in_flight(1, Holder::Core), &[], "").holder, "core");
    assert_eq!(told(in_flight(1, Holder::CopyManager), &[], "").part, "copy manager");
    assert_eq!(told(InFlight { since: 0, ..in_flight(1, Holder::Core) }, &[], "").age_s, None);
}

#[test]
fn recorder_of_the_handler_says_whether_it_has_taken_the_command() {
    let at = || in_flight(1, Holder::Handler(3));
    let taken = recorded(1, What::Taken, 1, 6_000_000);
    let why = told(at(), &[taken], "").why;
    assert_eq!(why, "sent to vdisk; service3 took it 4.0 s ago and has not answered");
    let why = told(at(), &[taken, recorded(2, What::Answered, 1, 9_000_000)], "").why;
    assert!(why.ends_with("service3 answered 1.0 s ago, which the core has not heard yet"), "{why}");
    let other = recorded(1, What::Taken, 2, 6_000_000);
    assert!(told(at(), &[other], "").why.ends_with("service3 has not taken it yet"));
    // Records of that time are overwritten: nothing is known.
    assert_eq!(told(at(), &[Recorded { number: 5000, ..other }], "").why, "sent to vdisk");
}

#[test]
fn silence_of_the_holder_is_its_reason() {
    let why = told(in_flight(1, Holder::Handler(3)), &[], "does not answer").why;
    assert!(why.ends_with("; service3 does not answer"), "{why}");
    let why = told(in_flight(1, Holder::Core), &[], "does not answer").why;
    assert_eq!(why, "sent to vdisk", "the handler is not who has it");
}

#[test]
fn what_a_service_says_does_not_reach_a_terminal_as_it_is() {
    let mut wild = in_flight(1, Holder::Core);
    wild.why = "\u{1b}[2J".to_owned();
    wild.initiator = "a\nb".to_owned();
    let command = told(wild, &[], "");
    assert_eq!((command.why.as_str(), command.initiator.as_str()), ("?[2J", "a?b"));
}
