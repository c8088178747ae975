//! Who is shut out of what: every row of the opcode table, for every kind of nexus and reservation.

use scsi::opcode::{self, TABLE};
use scsi::transport_id::TransportId;

use super::state::{Held, Registration};
use super::*;

const HOLDER: u64 = 1;
const REGISTERED: u64 = 2;
const STRANGER: u64 = 3;

fn port(n: u64) -> Port {
    Port { initiator: TransportId::Sas([n as u8; 8]), target: 1 }
}

fn held(kind: Type) -> Reservations {
    let registered = |n| Registration { port: port(n), key: n };
    let holder = (!kind.is_held_by_all()).then(|| port(HOLDER));
    let mut reservations = Reservations::default();
    reservations.kept.state.registrations = vec![registered(HOLDER), registered(REGISTERED)];
    reservations.kept.state.held = Some(Held { kind, holder });
    let ports = [HOLDER, REGISTERED, STRANGER].map(|n| (n, port(n)));
    reservations.bind(ports.iter().map(|(n, port)| (*n, port)));
    reservations
}

fn cdb(row: &Opcode) -> [u8; 16] {
    let mut cdb = [0; 16];
    (cdb[0], cdb[1]) = (row.code, row.service_action.unwrap_or(0) as u8);
    cdb
}

fn passes(reservations: &Reservations, nexus: u64, cdb: &[u8]) -> bool {
    reservations.judge(nexus, opcode::lookup(cdb).unwrap(), cdb).is_ok()
}

#[test]
fn holder_and_registrants_of_their_types_may_do_everything() {
    for kind in Type::ALL {
        let reservations = held(*kind);
        let registrants = !matches!(kind, Type::WriteExclusive | Type::ExclusiveAccess);
        for row in TABLE {
            assert!(passes(&reservations, HOLDER, &cdb(row)), "{kind:?} {}", row.name);
            let alike = passes(&reservations, STRANGER, &cdb(row));
            assert_eq!(
                passes(&reservations, REGISTERED, &cdb(row)),
                registrants || alike,
                "{kind:?} {}",
                row.name
            );
        }
    }
}

#[test]
fn strangers_read_under_write_exclusive_types_and_only_identify_under_exclusive_access() {
    let read = [0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0];
    let write = [0x2A, 0, 0, 0, 0, 0, 0, 0, 1, 0];
    let inquiry = [0x12, 0, 0, 0, 96, 0];
    let mode_sense = [0x1A, 0, 8, 0, 96, 0];
    let test_unit_ready = [0; 6];
    let synchronize = [0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    for kind in Type::ALL {
        let reservations = held(*kind);
        let pass = |cdb: &[u8]| passes(&reservations, STRANGER, cdb);
        assert!(pass(&inquiry) && pass(&test_unit_ready), "{kind:?}");
        assert!(!pass(&write) && !pass(&synchronize), "{kind:?}");
        let readable = kind.is_write_exclusive();
        assert_eq!((pass(&read), pass(&mode_sense)), (readable, readable), "{kind:?}");
    }
}

#[test]
fn start_is_let_through_and_stop_is_not() {
    let reservations = held(Type::ExclusiveAccess);
    assert!(passes(&reservations, STRANGER, &[0x1B, 0, 0, 0, 0x01, 0]));
    assert!(!passes(&reservations, STRANGER, &[0x1B, 0, 0, 0, 0x00, 0]));
    assert!(!passes(&reservations, STRANGER, &[0x1B, 0, 0, 0, 0x21, 0]), "a power condition");
}

#[test]
fn reserve_shuts_everybody_else_out() {
    let mut reservations = Reservations::default();
    reservations.kept.spc2 = Some(HOLDER);
    let free = ["REQUEST SENSE", "INQUIRY", "READ CAPACITY(10)", "READ CAPACITY(16)", "REPORT LUNS"];
    for row in TABLE {
        assert!(passes(&reservations, HOLDER, &cdb(row)), "{}", row.name);
        let itself = row.reservation.spc2 == Admission::JudgesItself;
        if free.contains(&row.name) || itself {
            assert!(passes(&reservations, STRANGER, &cdb(row)), "{}", row.name);
        }
    }
    for cdb in [
        &[0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0][..],
        &[0x2A, 0, 0, 0, 0, 0, 0, 0, 1, 0],
        &[0; 6],
        &[0x1A, 0, 8, 0, 96, 0],
    ] {
        assert!(!passes(&reservations, STRANGER, cdb), "{cdb:02x?}");
    }
}

#[test]
fn lost_reservation_stops_what_it_may_have_stopped_for_everybody() {
    let mut reservations = Reservations::default();
    reservations.kept.state.lost = true;
    assert!(!reservations.is_open());
    let judge = |cdb: &[u8]| reservations.judge(HOLDER, opcode::lookup(cdb).unwrap(), cdb);
    assert_eq!(judge(&[0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0]), Err(Shut::Lost));
    assert_eq!(judge(&[0x12, 0, 0, 0, 96, 0]), Ok(()));
    assert_eq!(judge(&[0x5F, 8, 1, 0, 0, 0, 0, 0, 24, 0]), Ok(()), "the way out");
}
