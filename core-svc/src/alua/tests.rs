//! States: what each lets through, and what comes back from a notebook.

use scsi::opcode::lookup;

use super::*;

/// Key, code and qualifier that a command is refused with.
fn refused(state: AccessState, cdb: &[u8]) -> Option<(u8, u8, u8)> {
    let sense = refusal(state, lookup(cdb).unwrap(), cdb)?;
    Some((sense.key.code(), sense.asc.code, sense.asc.qualifier))
}

#[test]
fn states_refuse_what_they_have_to() {
    use AccessState::{Active, NonOptimized, Offline, Standby, Transitioning, Unavailable};
    let (read, mode_sense, stpg, rtpg) = ([0x28], [0x1A], [0xA4, 0x0A], [0xA3, 0x0A]);
    for cdb in [&read[..], &mode_sense, &stpg, &rtpg] {
        assert_eq!([Active, NonOptimized].map(|state| refused(state, cdb)), [None, None]);
    }
    let of = |cdb: &[u8]| [Standby, Unavailable, Offline, Transitioning].map(|state| refused(state, cdb));
    let (standby, unavailable) = (Some((2, 0x04, 0x0B)), Some((2, 0x04, 0x0C)));
    let (offline, transition) = (Some((2, 0x04, 0x12)), Some((2, 0x04, 0x0A)));
    assert_eq!(of(&read), [standby, unavailable, offline, transition]);
    assert_eq!(of(&mode_sense), [None, unavailable, offline, transition]);
    assert_eq!(of(&stpg), [None, None, None, transition]);
    assert_eq!(of(&rtpg), [None; 4]);
    // READ BUFFER: the descriptor of the buffer, the echo buffer and its descriptor.
    assert_eq!(of(&[0x3C, 0x03]), [standby, unavailable, offline, transition]);
    assert_eq!(of(&[0x3C, 0x0A]), [None, None, None, transition]);
    assert_eq!(of(&[0x3C, 0x0B]), [None, None, None, transition]);
    assert_eq!(of(&[0x3B, 0x0A]), [None, None, None, transition]);
    assert_eq!(of(&[0x3B, 0x02]), [standby, unavailable, offline, transition]);
}

fn alua() -> Alua {
    let mut alua = Alua::default();
    let states = vec![(10, Configured::Active, true), (20, Configured::Standby, false)];
    let group =
        DeviceGroupConfig { group: 1, management: AccessManagement::Both, states, ..Default::default() };
    alua.adopt_device_group(&group, 8).unwrap();
    alua
}

#[test]
fn state_of_what_is_not_known_is_active() {
    let alua = alua();
    assert_eq!(alua.state(1, 20), AccessState::Standby);
    for (device_group, port_group) in [(1, 10), (1, 30), (0, 20), (9, 20)] {
        assert_eq!(alua.state(device_group, port_group), AccessState::Active);
    }
}

#[test]
fn set_says_whether_something_changed() {
    let mut alua = alua();
    assert_eq!(alua.set(1, 10, AccessState::Active, StatusCode::Implicit), Some(false));
    assert_eq!(alua.standing(1, 10).unwrap().status, StatusCode::None);
    assert_eq!(alua.set(1, 20, AccessState::Active, StatusCode::Explicit), Some(true));
    assert_eq!(alua.state(1, 20), AccessState::Active);
    assert_eq!(alua.set(1, 30, AccessState::Active, StatusCode::Implicit), None);
    assert_eq!(alua.set(0, 10, AccessState::Active, StatusCode::Implicit), None);
}

#[test]
fn kept_states_come_back_and_others_do_not() {
    let mut first = alua();
    assert_eq!(first.kept(1, 10), None, "the manifest says it");
    first.set(1, 10, AccessState::Unavailable, StatusCode::Explicit);
    assert_eq!(first.kept(1, 10), Some((0x3, 0x1)));
    let mut second = alua();
    assert_eq!(second.take_up(1, 10, (0x3, 0x1)), Some(()));
    assert_eq!(second.standings(1), first.standings(1));
    for (device_group, port_group, kept) in [
        (1, 10, (0x4, 1)),
        (1, 10, (0, 3)),
        (1, 11, (0, 1)),
        (0, 10, (0, 1)),
        (1 << 40, 10, (0, 1)),
        (1, 65546, (0, 1)),
    ] {
        assert_eq!(second.take_up(device_group, port_group, kept), None);
    }
    assert_eq!(second.standings(1), first.standings(1));
}

#[test]
fn device_group_past_the_last_index_is_refused() {
    let group = DeviceGroupConfig { group: 8, ..Default::default() };
    assert_eq!(alua().adopt_device_group(&group, 8), None);
}
