//! Each service action against what SPC-4 5.13 says, from every kind of I_T nexus.

use OutAction::*;
use Type::*;

use super::*;
use crate::reservation::state::{MOST, Registration};

/// Initiator `n` through target port `target`.
fn port(n: u8, target: u16) -> Port {
    Port { initiator: TransportId::Sas([n; 8]), target }
}

fn iscsi(name: &str, n: u8) -> TransportId {
    TransportId::from_port_name(&format!("{name},i,0x0000000000{n:02x}")).unwrap()
}

/// Initiators 1, 2, ... through port 1 with these keys, and perhaps a reservation that initiator 1 holds.
fn state(keys: &[u64], kind: Option<Type>) -> State {
    let registered = keys.iter().zip(1..);
    State {
        generation: 10,
        registrations: registered.map(|(key, n)| Registration { port: port(n, 1), key: *key }).collect(),
        held: kind.map(|kind| held_by(kind, &port(1, 1))),
        ..State::default()
    }
}

fn list(key: u64, action_key: u64) -> List {
    List {
        key,
        action_key,
        aptpl: false,
        all_target_ports: false,
        unregister: false,
        names_initiators: false,
        target_port: 0,
        initiators: Vec::new(),
    }
}

struct Around {
    initiators: Vec<TransportId>,
    can_persist: bool,
    room: usize,
}

const PLAIN: Around = Around { initiators: Vec::new(), can_persist: true, room: 100 };

fn with(
    around: &Around,
    state: &State,
    who: &Port,
    action: OutAction,
    scope_type: u8,
    list: &List,
) -> Result<Change, Refusal> {
    let Around { initiators, can_persist, room } = around;
    let (can_persist, room) = (*can_persist, *room);
    let asker = Asker { port: who, target_ports: &[1, 2], initiators, can_persist, room };
    let result = perform(state, action, scope_type, list, &asker);
    if let Ok(change) = &result {
        assert!(change.state.is_sound(), "{change:?}");
    }
    result
}

/// Initiator `n` through port 1 asks.
fn ask(state: &State, n: u8, action: OutAction, scope_type: u8, list: &List) -> Result<Change, Refusal> {
    with(&PLAIN, state, &port(n, 1), action, scope_type, list)
}

fn keys(change: &Change) -> Vec<u64> {
    change.state.registrations.iter().map(|known| known.key).collect()
}

fn told(change: &Change) -> Vec<(u8, Asc)> {
    let number = |port: &Port| match port.initiator {
        TransportId::Sas([n, ..]) => n,
        _ => 0,
    };
    change.told.iter().map(|(port, asc)| (number(port), *asc)).collect()
}

fn list_field(at: u16, bit: Option<u8>) -> Refusal {
    Refusal::Check(Sense::invalid_field_in_parameter_list(at, bit))
}

fn cdb_field(at: u16, bit: u8) -> Refusal {
    Refusal::Check(Sense::invalid_field_in_cdb(at, Some(bit)))
}

#[test]
fn register_makes_changes_and_ends_a_registration() {
    let made = ask(&state(&[], None), 1, Register, 0, &list(0, 5)).unwrap();
    assert_eq!((keys(&made), made.state.generation), (vec![5], 11));
    let changed = ask(&made.state, 1, Register, 0, &list(5, 6)).unwrap();
    assert_eq!((keys(&changed), changed.state.generation), (vec![6], 12));
    let ended = ask(&changed.state, 1, Register, 0, &list(6, 0)).unwrap();
    assert_eq!((keys(&ended), ended.state.generation), (vec![], 13));
}

#[test]
fn register_with_a_wrong_key_conflicts() {
    assert_eq!(ask(&state(&[], None), 1, Register, 0, &list(5, 6)), Err(Refusal::Conflict));
    assert_eq!(ask(&state(&[5], None), 1, Register, 0, &list(0, 6)), Err(Refusal::Conflict));
    assert_eq!(ask(&state(&[5], None), 1, Register, 0, &list(6, 0)), Err(Refusal::Conflict));
}

#[test]
fn register_of_nothing_by_nobody_is_nothing() {
    let before = state(&[5], None);
    for action in [Register, RegisterAndIgnore] {
        assert_eq!(ask(&before, 2, action, 0, &list(0, 0)).unwrap().state, before);
    }
}

#[test]
fn register_and_ignore_does_not_ask_for_the_key() {
    let made = ask(&state(&[], None), 1, RegisterAndIgnore, 0, &list(77, 5)).unwrap();
    assert_eq!(keys(&made), [5]);
    let changed = ask(&made.state, 1, RegisterAndIgnore, 0, &list(77, 6)).unwrap();
    assert_eq!((keys(&changed), changed.state.generation), (vec![6], 12));
    assert_eq!(keys(&ask(&changed.state, 1, RegisterAndIgnore, 0, &list(77, 0)).unwrap()), []);
}

#[test]
fn holder_that_unregisters_releases() {
    for (kind, tells) in
        [(WriteExclusive, false), (ExclusiveAccess, false), (ExclusiveAccessRegistrantsOnly, true)]
    {
        let change = ask(&state(&[5, 6, 7], Some(kind)), 1, Register, 0, &list(5, 0)).unwrap();
        assert_eq!((&change.state.held, keys(&change)), (&None, vec![6, 7]));
        let expected: &[_] =
            if tells { &[(2, Asc::RESERVATIONS_RELEASED), (3, Asc::RESERVATIONS_RELEASED)] } else { &[] };
        assert_eq!(told(&change), expected, "{kind:?}");
    }
}

#[test]
fn reservation_of_all_registrants_ends_with_the_last() {
    let two = state(&[5, 6], Some(WriteExclusiveAllRegistrants));
    let one = ask(&two, 1, Register, 0, &list(5, 0)).unwrap();
    assert!(one.state.held.is_some() && one.told.is_empty());
    let none = ask(&one.state, 2, Register, 0, &list(6, 0)).unwrap();
    assert!(none.state.held.is_none() && none.told.is_empty());
}

#[test]
fn other_who_unregisters_leaves_the_reservation() {
    let change = ask(&state(&[5, 6], Some(ExclusiveAccess)), 2, Register, 0, &list(6, 0)).unwrap();
    assert!(change.state.is_holder(&port(1, 1)));
}

#[test]
fn holder_that_changes_its_key_still_holds() {
    let change = ask(&state(&[5], Some(ExclusiveAccess)), 1, Register, 0, &list(5, 9)).unwrap();
    assert_eq!(change.state.reservation(), Some((9, ExclusiveAccess)));
}

#[test]
fn all_target_ports_are_registered_at_once_and_ended_at_once() {
    let all = |key, action_key| List { all_target_ports: true, ..list(key, action_key) };
    let made = ask(&state(&[], None), 1, Register, 0, &all(0, 5)).unwrap();
    let ports: Vec<_> = made.state.registrations.iter().map(|known| known.port.clone()).collect();
    assert_eq!((ports, made.state.generation), (vec![port(1, 1), port(1, 2)], 11));
    assert_eq!(keys(&ask(&made.state, 1, Register, 0, &all(5, 6)).unwrap()), [6, 6]);
    assert_eq!(keys(&ask(&made.state, 1, Register, 0, &list(5, 6)).unwrap()), [6, 5]);
    assert_eq!(keys(&ask(&made.state, 1, Register, 0, &all(5, 0)).unwrap()), []);
    let mut other = made.state.clone();
    other.registrations[1].key = 9;
    assert_eq!(ask(&other, 1, Register, 0, &all(5, 6)), Err(Refusal::Conflict), "as if asked there");
    assert_eq!(keys(&ask(&other, 1, RegisterAndIgnore, 0, &all(5, 6)).unwrap()), [6, 6]);
}

#[test]
fn initiator_ports_are_registered_for_others() {
    let naming = |ids: &[TransportId]| List {
        names_initiators: true,
        initiators: ids.iter().enumerate().map(|(n, id)| (28 + 24 * n as u16, id.clone())).collect(),
        ..list(0, 5)
    };
    let sas = |n| TransportId::Sas([n; 8]);
    let made = ask(&state(&[], None), 1, Register, 0, &naming(&[sas(2), sas(3), sas(2)])).unwrap();
    let ports: Vec<_> = made.state.registrations.iter().map(|known| known.port.clone()).collect();
    assert_eq!((ports, made.state.generation), (vec![port(1, 1), port(2, 1), port(3, 1)], 11));
    // Who is registered may not.
    assert_eq!(ask(&state(&[0xFF], None), 1, Register, 0, &naming(&[])), Err(Refusal::Conflict));
    let mine = List { key: 5, ..naming(&[sas(2)]) };
    assert_eq!(ask(&state(&[5], None), 1, Register, 0, &mine), Err(list_field(20, Some(3))));
    // One that is registered already, and one of another protocol.
    let refused = ask(&state(&[5], None), 2, Register, 0, &naming(&[sas(3), sas(1)]));
    assert_eq!(refused, Err(list_field(52, None)));
    let refused = ask(&state(&[], None), 2, Register, 0, &naming(&[TransportId::Fcp([1; 8])]));
    assert_eq!(refused, Err(list_field(28, None)));
    let everywhere = List { all_target_ports: true, ..naming(&[sas(2)]) };
    assert_eq!(keys(&ask(&state(&[], None), 1, Register, 0, &everywhere).unwrap()), [5; 4]);
}

#[test]
fn iscsi_device_stands_for_its_ports_that_are_there() {
    let around =
        Around { initiators: vec![iscsi("iqn.a", 1), iscsi("iqn.a", 2), iscsi("iqn.b", 1)], ..PLAIN };
    let device = |name: &str| {
        let bytes = [&[5, 0, 0, 20][..], name.as_bytes(), &[0; 15]].concat();
        TransportId::parse(&bytes).unwrap().0
    };
    let naming = |name| List { names_initiators: true, initiators: vec![(28, device(name))], ..list(0, 5) };
    let who = Port { initiator: iscsi("iqn.b", 1), target: 1 };
    let made = with(&around, &state(&[], None), &who, Register, 0, &naming("iqn.a")).unwrap();
    let ports: Vec<_> = made.state.registrations.iter().map(|known| known.port.initiator.clone()).collect();
    assert_eq!(ports, [iscsi("iqn.b", 1), iscsi("iqn.a", 1), iscsi("iqn.a", 2)]);
    let none = with(&around, &state(&[], None), &who, Register, 0, &naming("iqn.c"));
    assert_eq!(none, Err(list_field(28, None)));
}

#[test]
fn registrations_are_bounded() {
    let full = Refusal::Check(Sense::illegal_request(Asc::INSUFFICIENT_REGISTRATION_RESOURCES));
    let many = State {
        registrations: (0..MOST as u16).map(|n| Registration { port: port(9, n), key: 1 }).collect(),
        ..State::default()
    };
    assert_eq!(ask(&many, 1, Register, 0, &list(0, 5)), Err(full));
    let around = Around { room: 1, ..PLAIN };
    let both = List { all_target_ports: true, ..list(0, 5) };
    assert_eq!(with(&around, &state(&[], None), &port(1, 1), Register, 0, &both), Err(full));
    assert!(with(&around, &state(&[], None), &port(1, 1), Register, 0, &list(0, 5)).is_ok());
}

#[test]
fn aptpl_follows_the_last_registration() {
    let on = List { aptpl: true, ..list(0, 5) };
    let made = ask(&state(&[], None), 1, Register, 0, &on).unwrap();
    assert!(made.state.aptpl && made.state.is_durable());
    let reserved = ask(&made.state, 1, Reserve, 0x01, &list(5, 0)).unwrap();
    assert!(reserved.state.aptpl, "RESERVE does not look at the bit");
    let off = ask(&reserved.state, 1, Register, 0, &list(5, 5)).unwrap();
    assert!(!off.state.aptpl && off.state.durable().is_none());
    let around = Around { can_persist: false, ..PLAIN };
    let refused = with(&around, &state(&[], None), &port(1, 1), Register, 0, &on);
    assert_eq!(refused, Err(list_field(20, Some(0))));
}

#[test]
fn whoever_is_not_registered_may_not() {
    let before = state(&[5], Some(ExclusiveAccess));
    for action in [Reserve, Release, Clear, Preempt, PreemptAndAbort, RegisterAndMove] {
        assert_eq!(ask(&before, 2, action, 0x03, &list(5, 5)), Err(Refusal::Conflict), "{action:?}");
        assert_eq!(ask(&before, 1, action, 0x03, &list(6, 5)), Err(Refusal::Conflict), "{action:?}");
    }
}

#[test]
fn reserve_once_again_and_differently() {
    for kind in Type::ALL {
        let free = state(&[5, 6], None);
        let held = ask(&free, 1, Reserve, kind.code(), &list(5, 0)).unwrap().state;
        let key = if kind.is_held_by_all() { 0 } else { 5 };
        assert_eq!((held.reservation(), held.generation), (Some((key, *kind)), 10));
        assert_eq!(ask(&held, 1, Reserve, kind.code(), &list(5, 0)).unwrap().state, held);
        let other = if kind.code() == 1 { 3 } else { 1 };
        assert_eq!(ask(&held, 1, Reserve, other, &list(5, 0)), Err(Refusal::Conflict));
        let second = ask(&held, 2, Reserve, kind.code(), &list(6, 0));
        assert_eq!(second.is_ok(), kind.is_held_by_all(), "{kind:?}");
    }
}

#[test]
fn scope_and_type_have_to_be_possible() {
    for (action, key) in [(Reserve, 0), (Preempt, 5)] {
        let before = state(&[5], (action == Preempt).then_some(WriteExclusive));
        assert_eq!(ask(&before, 1, action, 0x11, &list(5, key)), Err(cdb_field(2, 7)));
        for kind in [0, 2, 4, 9, 0xF] {
            assert_eq!(ask(&before, 1, action, kind, &list(5, key)), Err(cdb_field(2, 3)));
        }
    }
}

#[test]
fn release_tells_registrants_whose_type_it_was() {
    for kind in Type::ALL {
        let held = state(&[5, 6, 7], Some(*kind));
        let change = ask(&held, 1, Release, kind.code(), &list(5, 0)).unwrap();
        assert!(change.state.held.is_none());
        assert_eq!((keys(&change), change.state.generation), (vec![5, 6, 7], 10));
        let tells = !matches!(kind, WriteExclusive | ExclusiveAccess);
        let expected: &[_] =
            if tells { &[(2, Asc::RESERVATIONS_RELEASED), (3, Asc::RESERVATIONS_RELEASED)] } else { &[] };
        assert_eq!(told(&change), expected, "{kind:?}");
    }
}

#[test]
fn release_of_another_type_is_invalid_and_by_another_is_nothing() {
    let held = state(&[5, 6], Some(ExclusiveAccess));
    let invalid = Refusal::Check(Sense::illegal_request(Asc { code: 0x26, qualifier: 0x04 }));
    assert_eq!(ask(&held, 1, Release, 0x01, &list(5, 0)), Err(invalid));
    assert_eq!(ask(&held, 1, Release, 0x13, &list(5, 0)), Err(invalid));
    assert_eq!(ask(&held, 2, Release, 0x01, &list(6, 0)).unwrap().state, held);
    let free = state(&[5], None);
    assert_eq!(ask(&free, 1, Release, 0x01, &list(5, 0)).unwrap().state, free);
}

#[test]
fn clear_ends_everything_and_tells_everybody_else() {
    let change = ask(&state(&[5, 6, 7], Some(WriteExclusive)), 2, Clear, 0, &list(6, 0)).unwrap();
    assert_eq!((&change.state.held, keys(&change), change.state.generation), (&None, vec![], 11));
    assert_eq!(told(&change), [(1, Asc::RESERVATIONS_PREEMPTED), (3, Asc::RESERVATIONS_PREEMPTED)]);
}

#[test]
fn preempt_takes_the_reservation_of_the_holder_and_the_registrations_of_its_key() {
    let held = state(&[5, 6, 5, 7], Some(WriteExclusive));
    let change = ask(&held, 2, Preempt, 0x01, &list(6, 5)).unwrap();
    assert_eq!(change.state.reservation(), Some((6, WriteExclusive)));
    assert_eq!((keys(&change), change.state.generation), (vec![6, 7], 11));
    assert_eq!(told(&change), [(1, Asc::REGISTRATIONS_PREEMPTED), (3, Asc::REGISTRATIONS_PREEMPTED)]);
    assert!(change.aborted.is_empty());
    let change = ask(&held, 2, Preempt, 0x03, &list(6, 5)).unwrap();
    let mut others = told(&change);
    others.sort_unstable_by_key(|(n, _)| *n);
    let expected = [
        (1, Asc::REGISTRATIONS_PREEMPTED),
        (3, Asc::REGISTRATIONS_PREEMPTED),
        (4, Asc::RESERVATIONS_RELEASED),
    ];
    assert_eq!(others, expected, "the type has changed");
}

#[test]
fn preempt_and_abort_names_whose_commands_end() {
    let held = state(&[5, 6, 5], Some(WriteExclusive));
    let change = ask(&held, 2, PreemptAndAbort, 0x01, &list(6, 5)).unwrap();
    assert_eq!(change.aborted, [port(1, 1), port(3, 1)]);
    let change = ask(&state(&[5, 6, 5], None), 2, PreemptAndAbort, 0x01, &list(6, 5)).unwrap();
    assert_eq!(change.aborted, [port(1, 1), port(3, 1)], "also without a reservation");
}

#[test]
fn preempt_of_another_key_removes_registrations_only() {
    for kind in [None, Some(WriteExclusive), Some(ExclusiveAccessAllRegistrants)] {
        let before = state(&[5, 6, 7, 7], kind);
        // Scope and type are not looked at.
        let change = ask(&before, 2, Preempt, 0xFF, &list(6, 7)).unwrap();
        assert_eq!((keys(&change), &change.state.held), (vec![5, 6], &before.held));
        assert_eq!(told(&change), [(3, Asc::REGISTRATIONS_PREEMPTED), (4, Asc::REGISTRATIONS_PREEMPTED)]);
        assert_eq!(ask(&before, 2, Preempt, 0x01, &list(6, 99)), Err(Refusal::Conflict));
    }
}

#[test]
fn preempt_of_key_zero_is_for_reservations_of_all_registrants() {
    let all = state(&[5, 6, 7], Some(WriteExclusiveAllRegistrants));
    let change = ask(&all, 2, PreemptAndAbort, 0x03, &list(6, 0)).unwrap();
    assert_eq!((keys(&change), change.state.reservation()), (vec![6], Some((6, ExclusiveAccess))));
    assert_eq!(told(&change), [(1, Asc::REGISTRATIONS_PREEMPTED), (3, Asc::REGISTRATIONS_PREEMPTED)]);
    assert_eq!(change.aborted, [port(1, 1), port(3, 1)]);
    for kind in [None, Some(WriteExclusive)] {
        let refused = ask(&state(&[5, 6], kind), 2, Preempt, 0x01, &list(6, 0));
        assert_eq!(refused, Err(list_field(8, None)));
    }
}

#[test]
fn preempt_of_the_own_key() {
    // As the holder: the type changes, the registration stays.
    let held = state(&[5, 5, 6], Some(WriteExclusive));
    let change = ask(&held, 1, PreemptAndAbort, 0x06, &list(5, 5)).unwrap();
    assert_eq!(
        (keys(&change), change.state.reservation()),
        (vec![5, 6], Some((5, ExclusiveAccessRegistrantsOnly)))
    );
    assert_eq!(told(&change), [(3, Asc::RESERVATIONS_RELEASED), (2, Asc::REGISTRATIONS_PREEMPTED)]);
    assert_eq!(change.aborted, [port(2, 1), port(1, 1)]);
    // As another: it removes itself and does not hear of it.
    let change = ask(&held, 3, Preempt, 0x01, &list(6, 6)).unwrap();
    assert_eq!((keys(&change), told(&change)), (vec![5, 5], vec![]));
    // The last of all registrants: the reservation goes with it.
    let change = ask(&state(&[5], Some(ExclusiveAccessAllRegistrants)), 1, Preempt, 1, &list(5, 5)).unwrap();
    assert_eq!((keys(&change), &change.state.held), (vec![], &None));
}

fn heir(id: TransportId, target_port: u16) -> List {
    List { target_port, initiators: vec![(24, id)], ..list(5, 8) }
}

#[test]
fn register_and_move_gives_the_reservation_away() {
    let held = state(&[5, 6], Some(WriteExclusive));
    let change = ask(&held, 1, RegisterAndMove, 0, &heir(TransportId::Sas([2; 8]), 1)).unwrap();
    assert_eq!((keys(&change), change.state.reservation()), (vec![5, 8], Some((8, WriteExclusive))));
    assert!(change.state.is_holder(&port(2, 1)) && change.told.is_empty());
    assert_eq!(change.state.generation, 11);
    let leave = List { unregister: true, aptpl: true, ..heir(TransportId::Sas([9; 8]), 2) };
    let change = ask(&held, 1, RegisterAndMove, 0, &leave).unwrap();
    assert_eq!((keys(&change), change.state.reservation()), (vec![6, 8], Some((8, WriteExclusive))));
    assert!(change.state.is_holder(&port(9, 2)) && change.state.aptpl);
}

#[test]
fn register_and_move_is_refused_where_it_cannot_be() {
    let held = state(&[5, 5], Some(WriteExclusive));
    let sas = TransportId::Sas([3; 8]);
    let refused = |state: &State, n, list: &List| ask(state, n, RegisterAndMove, 0, list).unwrap_err();
    assert_eq!(refused(&held, 2, &heir(sas.clone(), 1)), Refusal::Conflict, "not the holder");
    let all = state(&[5], Some(WriteExclusiveAllRegistrants));
    assert_eq!(refused(&all, 1, &heir(sas.clone(), 1)), Refusal::Conflict);
    assert_eq!(refused(&state(&[5], None), 1, &heir(sas.clone(), 1)), cdb_field(1, 4));
    let keyless = List { action_key: 0, ..heir(sas.clone(), 1) };
    assert_eq!(refused(&held, 1, &keyless), list_field(8, None));
    assert_eq!(refused(&held, 1, &heir(sas, 3)), list_field(18, None), "no such port");
    assert_eq!(refused(&held, 1, &heir(TransportId::Sas([1; 8]), 1)), list_field(24, None), "to itself");
    assert_eq!(refused(&held, 1, &heir(TransportId::Srp([1; 16]), 1)), list_field(24, None));
}

#[test]
fn replace_lost_begins_anew_and_only_then() {
    let lost = State { lost: true, generation: 3, ..State::default() };
    let change = ask(&lost, 1, ReplaceLost, 0x05, &List { aptpl: true, ..list(0, 9) }).unwrap();
    assert_eq!(
        (keys(&change), change.state.reservation()),
        (vec![9], Some((9, WriteExclusiveRegistrantsOnly)))
    );
    assert!(!change.state.lost && change.state.aptpl && change.state.generation == 4);
    assert_eq!(ask(&lost, 1, ReplaceLost, 0x05, &list(1, 9)), Err(list_field(0, None)));
    assert_eq!(ask(&lost, 1, ReplaceLost, 0x05, &list(0, 0)), Err(list_field(8, None)));
    assert_eq!(ask(&lost, 1, ReplaceLost, 0x02, &list(0, 9)), Err(cdb_field(2, 3)));
    assert_eq!(ask(&state(&[5], None), 1, ReplaceLost, 0x05, &list(0, 9)), Err(cdb_field(1, 4)));
}
